"""Which files of a folder changed since DVC recorded it, where its state then is in DVC's cache or git's history."""

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from counterweight.cli.workspace import find_dvc

Files = Mapping[str, str]
"""MD5 by path below the folder."""

COMMITS = 50  # looked through, from the newest on, for the folder as it was


class Recorded(NamedTuple):
    """What dvc.lock says of a folder: DVC's hash of its list of files, how many they are and how large together."""

    md5: str
    files: int
    size: int


class FileChange(NamedTuple):
    """A file of a folder that was `changed`, `added` or `removed`."""

    path: str
    how: str


def list_file_changes(root: Path, cache: Path, folder: str, recorded: Recorded) -> list[FileChange] | None:
    """Return how the files of a folder differ from what was recorded; None where nothing tells what that was."""
    before = read_cached_list(cache, recorded.md5)
    if before is None:
        before = find_committed_list(root, folder, recorded)
    if before is None:
        return None
    now = hash_files(root / folder)
    added = drop_ignored(root, folder, sorted({*now} - {*before}))
    changes = [FileChange(path, "changed") for path in before if path in now and now[path] != before[path]]
    changes += [FileChange(path, "added") for path in added]
    changes += [FileChange(path, "removed") for path in before if path not in now]
    return sorted(changes)


def read_cached_list(cache: Path, md5: str) -> Files | None:
    """Return the files of a folder as DVC's cache has them; None if it does not, as with what no stage writes."""
    try:
        entries = json.loads(locate_cached(cache, md5).read_text(encoding="utf-8"))
        return {entry["relpath"]: entry["md5"] for entry in entries}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def locate_cached(cache: Path, md5: str) -> Path:
    """Return where DVC's cache has a file, or the list of a folder's files."""
    return cache / "files/md5" / md5[:2] / md5[2:]


def hash_files(folder: Path) -> Files:
    """Return the MD5 of every file of a folder, or of the one file that is there instead."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hash_file(path.read_bytes()) for path in paths}


def hash_file(content: bytes) -> str:
    """Return the MD5 by which DVC knows a file."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def hash_list(files: Files) -> str:
    """Return the hash by which DVC knows a folder of files."""
    entries = [{"md5": md5, "relpath": path} for path, md5 in sorted(files.items())]
    return f"{hash_file(json.dumps(entries, sort_keys=True).encode())}.dir"


def drop_ignored(root: Path, folder: str, paths: list[str]) -> list[str]:
    """Return the paths below a folder that .dvcignore does not name."""
    command = find_dvc()
    if not paths or command is None:
        return paths
    full = [f"{folder}/{path}" for path in paths]
    done = subprocess.run([command, "check-ignore", *full], cwd=root, capture_output=True, text=True, check=False)
    ignored = {*done.stdout.splitlines()}
    return [path for path, own in zip(paths, full, strict=True) if own not in ignored]


def find_committed_list(root: Path, folder: str, recorded: Recorded) -> Files | None:
    """Return the files of a folder as they were in the newest commit in which they were those recorded.

    DVC keeps in its cache what stages write. Of code and other folders it keeps a hash, and git has the files.
    """
    commits = run_git(root, "log", f"--max-count={COMMITS}", "--format=%H", "--", folder)
    digests: dict[str, str] = {}
    for commit in commits.decode().split():
        # With a slash behind it, the paths below the folder are listed, relative to where git is called.
        blobs = dict(list_blobs(run_git(root, "ls-tree", "-r", "-z", "--long", commit, f"{folder}/")))
        if (len(blobs), sum(size for _, size in blobs.values())) != (recorded.files, recorded.size):
            continue  # No file has to be read for that.
        for blob, _ in blobs.values():
            if blob not in digests:
                digests[blob] = hash_file(run_git(root, "cat-file", "blob", blob))
        files = {path.removeprefix(f"{folder}/"): digests[blob] for path, (blob, _) in blobs.items()}
        if hash_list(files) == recorded.md5:
            return files
    return None


def list_blobs(listing: bytes) -> Iterator[tuple[str, tuple[str, int]]]:
    """Yield each path of a listing of git's with the name of its content, and its size."""
    for line in listing.decode(errors="surrogateescape").split("\0"):
        head, _, path = line.partition("\t")
        if len(words := head.split()) == 4 and words[1] == "blob":
            yield path, (words[2], int(words[3]))


def run_git(root: Path, *words: str) -> bytes:
    """Return what a command of git prints; nothing where there is no git, or no repository."""
    try:
        return subprocess.run(["git", *words], cwd=root, capture_output=True, check=False).stdout
    except FileNotFoundError:
        return b""
