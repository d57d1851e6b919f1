"""What a `dvc exp run` that was killed leaves: its settings and record, maybe staged, and git on no branch.

DVC commits the settings of an experiment aside (EXEC_MERGE), lays them over those of the workspace, and notes its
process; both are gone once it ends, well or not. Settings that somebody had changed before are among them: the changes
are the experiment's alone where there were none as it began, and the file has not been written since.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from ruamel.yaml.error import YAMLError

from counterweight.cli.checkup.finding import Finding
from counterweight.cli.checkup.locks import BUSY, is_alive, is_held, is_holder, read_holders
from counterweight.cli.workspace import RECORD
from counterweight.core.process import USUAL
from counterweight.core.yaml_texts import load_yaml

FOLDER = Path(".dvc/tmp/exps")
PROCESS = FOLDER / "run/workspace/workspace.json"
BEGINNING = FOLDER / "rwlock"
"""Processes that lay an experiment aside."""
MERGED = "refs/exps/exec/EXEC_MERGE"
ARGUMENTS = ".dvc/tmp/repro.dat"
COMMIT = re.compile("[0-9a-f]{40}")
TOPIC, KILLED, SHOWN = "experiment", "a killed dvc exp run", 3
LONGEST = 600
"""Seconds from a stash to the commit of an experiment's settings: DVC hashes what stages depend on in between."""
OF_STASHES = 4
"""Words of a commit, its moment and its two parents: where it was begun, and the index."""

Values = dict[str, str]
"""What stands under each key with points in it."""


def check_experiment(root: Path) -> Iterator[Finding]:
    """Yield what a killed `dvc exp run` left, and what it may have left; nothing while DVC is at work."""
    pid = read_process(root)
    if is_held(root / BUSY) or (pid is not None and is_alive(pid)):
        return
    if ask_git(root, "diff", "--cached", "--name-only", "--", ARGUMENTS):
        mend = ("git", "rm", "--cached", "--quiet", "--force", "--", ARGUMENTS)
        text = f"{ARGUMENTS} is staged, as {KILLED} leaves it"
        yield Finding(TOPIC, "warning", text, " ".join(mend), mend)
    yield from check_branch(root)
    yield from check_changes(root, pid)


def check_branch(root: Path) -> Iterator[Finding]:
    """Yield that git is on no branch where it was on one that stands at the same commit."""
    killed = ask_git(root, "rev-parse", "--verify", "--quiet", MERGED) or list_killed(root / BEGINNING)
    if killed and ask_git(root, "symbolic-ref", "--quiet", "HEAD") is None:
        branch = ask_git(root, "rev-parse", "--abbrev-ref", "@{-1}")
        head = ask_git(root, "rev-parse", "--verify", "--quiet", "HEAD")
        if branch and head == ask_git(root, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}"):
            mend = ("git", "switch", "--quiet", branch)
            text = f"git is on no branch, as {KILLED} leaves it: it was on {branch}"
            yield Finding(TOPIC, "warning", text, " ".join(mend), mend)


def check_changes(root: Path, pid: int | None) -> Iterator[Finding]:
    """Yield that settings are changed as a killed experiment had them, or may be.

    Args:
        pid: of the experiment that was killed, if one was.
    """
    committed = read_committed(root, "HEAD")
    changed = compare(committed, read_current(root))
    if keys := find_set(root, pid, committed, changed):
        names = [USUAL, *list_recorded(root)]
        mend = ("git", "stash", "push", "--quiet", "--", *names)
        text = f"{' and '.join(names)} changed by {KILLED}, which set {name_some(keys)}"
        yield Finding(TOPIC, "warning", text, f"{' '.join(mend)}; git stash pop takes it back", mend)
    elif suspicion := find_suspicion(root, committed, changed):
        cause, keys = suspicion
        text = f"{USUAL}: {name_some(keys)} changed, by {cause} or by yourself"
        advice = f"git diff HEAD -- {USUAL} shows all changes, git checkout HEAD -- {USUAL} takes them back"
        yield Finding(TOPIC, "warning", text, advice)


def list_recorded(root: Path) -> list[str]:
    """Return dvc.lock if a killed experiment wrote into it and put that into git's index, and nobody did before."""
    staged = ask_git(root, "diff", "--cached", "--name-only", "--", RECORD)
    was_clean = ask_git(root, "diff", "--quiet", "HEAD", MERGED, "--", RECORD) is not None
    return [RECORD] if staged and was_clean else []


def find_set(root: Path, pid: int | None, committed: Values, changed: Values) -> list[str]:
    """Return the keys that are changed if a killed experiment set them, and nobody changed any before or since."""
    if not changed or pid is None or changed != compare(committed, read_committed(root, MERGED)):
        return []
    is_newer = (root / USUAL).stat().st_mtime_ns > (root / PROCESS).stat().st_mtime_ns
    return [] if is_newer or had_changes(root) else sorted(changed)


def had_changes(root: Path) -> bool:
    """Say whether settings were changed as a killed experiment began: DVC stashed them then, and dropped the stash."""
    lost = ask_git(root, "fsck", "--unreachable", "--connectivity-only", "--no-progress")
    if lost is None:
        return True
    commits = re.findall("unreachable commit ([0-9a-f]+)", lost)
    listed = ask_git(root, "log", "--no-walk=unsorted", "--format=%H %ct %P", MERGED, *commits) or ""
    own, *others = [line.split() for line in listed.splitlines()] or [[]]
    if len(own) != OF_STASHES:
        return True  # DVC writes it otherwise
    _, begun, head, _ = own
    stashed = [words for words in others if len(words) == OF_STASHES]
    return any(
        parent == head
        and 0 <= int(begun) - int(moment) <= LONGEST
        and ask_git(root, "diff", "--quiet", "HEAD", commit, "--", USUAL) is None
        for commit, moment, parent, _ in stashed
    )


def find_suspicion(root: Path, committed: Values, changed: Values) -> tuple[str, list[str]] | None:
    """Return which experiment may have changed settings, and the keys that are as it had them."""
    for commit, cause in ((MERGED, KILLED), *list_unfinished(root)):
        theirs = compare(committed, read_committed(root, commit))
        if keys := sorted(key for key in changed if key in theirs and changed[key] == theirs[key]):
            return cause, keys
    return (KILLED, sorted(changed)) if changed and list_killed(root / BEGINNING) else None


def list_unfinished(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the commit of the settings of the last experiment here, and what it is called, if it has no result."""
    runs = [path for path in (root / FOLDER / "run").glob("*/*.run") if COMMIT.fullmatch(path.stem)]
    for path in sorted(runs, key=lambda path: path.stat().st_mtime_ns)[-1:]:
        facts = read_facts(path)
        results = (ask_git(root, "for-each-ref", "--format=%(refname:lstrip=4)", "refs/exps") or "").split()
        if facts.get("location") == "workspace" and facts.get("name") not in results:
            yield path.stem, f"the experiment {facts.get('name')}, which has no result,"


def read_process(root: Path) -> int | None:
    """Return the process of an experiment that runs or was killed; None: there is none."""
    pid = read_facts(root / PROCESS).get("pid")
    return pid if isinstance(pid, int) else None


def read_facts(path: Path) -> Mapping[str, object]:
    """Return what DVC noted of an experiment; nothing where it is not there, or cut off."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def list_killed(path: Path) -> dict[int, str]:
    """Return the processes in a list of DVC's that are no more, and their commands; none where it is damaged."""
    try:
        return {pid: command for pid, command in read_holders(path).items() if not is_holder(pid, path)}
    except (ValueError, AttributeError, KeyError, TypeError):
        return {}


def read_current(root: Path) -> Values:
    """Return the settings as they are."""
    return parse((root / USUAL).read_text(encoding="utf-8", errors="replace")) if (root / USUAL).is_file() else {}


def read_committed(root: Path, commit: str) -> Values:
    """Return the settings of a commit; none where there is no such one."""
    return parse(ask_git(root, "show", f"{commit}:./{USUAL}") or "")


def parse(text: str) -> Values:
    """Return the settings of a text; none where it is not valid."""
    try:
        values = load_yaml(text)
    except YAMLError:
        return {}
    return dict(flatten(values, "")) if isinstance(values, dict) else {}


def flatten(values: object, above: str) -> Iterator[tuple[str, str]]:
    """Yield what stands under each key with points in it."""
    if isinstance(values, dict) and values:
        for key, own in values.items():
            yield from flatten(own, f"{above}.{key}" if above else str(key))
    else:
        yield above, repr(values)


def compare(old: Values, new: Values) -> Values:
    """Return what stands in new settings where they are not as the old ones; none where either has nothing."""
    keys = {*old, *new} if old and new else set()
    return {key: new.get(key, "") for key in keys if old.get(key) != new.get(key)}


def name_some(keys: list[str]) -> str:
    """Return the first of some keys, and how many more there are."""
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return f"{', '.join(keys[:SHOWN])}{more}"


def ask_git(root: Path, *words: str) -> str | None:
    """Return what a command of git prints; None: it is not installed, or refuses."""
    if shutil.which("git") is None:
        return None
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout.strip() if done.returncode == 0 else None
