"""Archives made here, good and bad: what is whole comes out byte by byte, the rest is refused and leaves nothing."""

import io
import os
import random
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from counterweight.core.errors import UserError
from counterweight.data.fetch import archives
from counterweight.data.fetch.archives import extract_archive

FILES = {
    "images/a/1.png": bytes(range(256)) * 40,
    "images/a/2.png": b"",
    "images/b/1.png": b"\x00" * 70_000,
    "notes.txt": b"what is what\n",
}
LIMIT = 10**6
KINDS = ["x.zip", "x.tar", "x.tar.gz", "x.tgz"]
every_kind = pytest.mark.parametrize("name", KINDS)


def make_zip(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def entry(
    name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(content), kind, link
    info.mode, info.uid, info.uname = 0o777, 12345, "somebody"
    return info, content


def make_tar(path: Path, entries: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return path


def make(path: Path, files: dict[str, bytes]) -> Path:
    if path.suffix == ".zip":
        return make_zip(path, files)
    return make_tar(path, [entry(name, content) for name, content in files.items()])


def found(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(archive: Path, out: Path, limit: int = LIMIT) -> str:
    """Return why an archive is refused; nothing may lie anywhere afterwards."""
    before = sorted({*out.parent.rglob("*")} - {out})
    with pytest.raises(UserError) as caught:
        extract_archive(archive, out, limit)
    assert sorted({*out.parent.rglob("*")} - {out}) == before
    message = str(caught.value)
    assert message.startswith(f"{archive}: ")
    assert "\n" not in message
    return message


@every_kind
def test_all_files_come_out_as_they_went_in(name: str, tmp_path: Path) -> None:
    archive = make(tmp_path / name, FILES)
    before = os.umask(0o007)
    folder = extract_archive(archive, tmp_path / "out", LIMIT)
    os.umask(before)
    assert found(folder) == FILES
    assert [path.name for path in (tmp_path / "out").iterdir()] == [folder.name]
    for path in folder.rglob("*"):
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) == 0o644
            assert path.stat().st_uid == os.getuid()


def test_the_folder_has_the_checksum_in_its_name_and_is_used_again(tmp_path: Path) -> None:
    archive = make(tmp_path / "Some.Images.tar.gz", FILES)
    folder = extract_archive(archive, tmp_path / "out", LIMIT)
    assert folder.name.startswith("Some.Images-")
    assert len(folder.name) == len("Some.Images-") + 12
    (folder / "notes.txt").write_text("left alone")
    assert extract_archive(archive, tmp_path / "out", 0) == folder
    assert (folder / "notes.txt").read_text() == "left alone"
    make(archive, {"notes.txt": b"another edition"})
    other = extract_archive(archive, tmp_path / "out", LIMIT)
    assert other != folder
    assert found(other) == {"notes.txt": b"another edition"}


@every_kind
def test_only_what_is_wanted_is_written_and_counted(name: str, tmp_path: Path) -> None:
    size = len(FILES["images/a/1.png"])
    archive = make(tmp_path / name, FILES)
    folder = extract_archive(archive, tmp_path / "out", size, wanted=lambda path: path.startswith("images/a/"))
    assert found(folder) == {path: FILES[path] for path in ("images/a/1.png", "images/a/2.png")}
    with pytest.raises(UserError, match="holds no file that is wanted"):
        extract_archive(archive, tmp_path / "none", LIMIT, wanted=lambda path: path == "b")


@every_kind
def test_files_of_macos_are_left_out(name: str, tmp_path: Path) -> None:
    junk = {"__MACOSX/images/._1.png": b"x", "images/._1.png": b"x", "._images": b"x"}
    assert found(extract_archive(make(tmp_path / name, FILES | junk), tmp_path / "out", LIMIT)) == FILES


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_files_are_read_however_they_are_packed(method: int, tmp_path: Path) -> None:
    assert found(extract_archive(make_zip(tmp_path / "x.zip", FILES, method), tmp_path / "out", LIMIT)) == FILES


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_files_of_every_format_are_read(kind: int, tmp_path: Path) -> None:
    long = {f"{'long/' * 30}{'n' * 90}.png": b"long", **FILES}
    with tarfile.open(tmp_path / "x.tar", "w", format=kind) as archive:
        archive.addfile(entry("./", kind=tarfile.DIRTYPE)[0])
        for name, content in long.items():
            archive.addfile(entry(f"./{name}", content)[0], io.BytesIO(content))
    assert found(extract_archive(tmp_path / "x.tar", tmp_path / "out", LIMIT)) == long


def test_names_that_differ_in_case_are_two_files(tmp_path: Path) -> None:
    files = {"a.JPG": b"upper", "a.jpg": b"lower"}
    assert found(extract_archive(make(tmp_path / "x.zip", files), tmp_path / "out", LIMIT)) == files


@every_kind
@pytest.mark.parametrize(
    "path", ["/etc/evil", "../evil", "a/../../evil", "a/..", "..", "C:evil", "c:/evil", "..\\evil", "a\\evil", "//evil"]
)
def test_paths_that_lead_elsewhere_are_refused(name: str, path: str, tmp_path: Path) -> None:
    archive = make(tmp_path / name, {"good.txt": b"good", path: b"evil"})
    assert f"member {path!a}: its path may lead out" in refused(archive, tmp_path / "out")


def test_a_nul_in_a_name_is_refused(tmp_path: Path) -> None:
    archive = make(tmp_path / "x.zip", {"good.txt": b"good", "evil_.txt": b"evil"})
    archive.write_bytes(archive.read_bytes().replace(b"evil_.txt", b"evil\0.txt"))
    assert "member 'evil\\x00.txt': its path" in refused(archive, tmp_path / "out")
    info, content = entry("plain", b"evil")
    info.pax_headers = {"path": "evil\0.txt"}
    assert "member 'evil\\x00.txt': its path" in refused(
        make_tar(tmp_path / "x.tar", [(info, content)]), tmp_path / "o"
    )


@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz"])
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (tarfile.SYMTYPE, "is a link"),
        (tarfile.LNKTYPE, "is a link"),
        (tarfile.CHRTYPE, "is a device, a pipe"),
        (tarfile.BLKTYPE, "is a device, a pipe"),
        (tarfile.FIFOTYPE, "is a device, a pipe"),
        (b"Z", "is a device, a pipe"),
    ],
)
def test_what_is_no_plain_file_in_a_tar_is_refused(name: str, kind: bytes, words: str, tmp_path: Path) -> None:
    archive = make_tar(tmp_path / name, [entry("good", b"good"), entry("evil", kind=kind, link="/etc/passwd")])
    assert f"member 'evil': {words}" in refused(archive, tmp_path / "out")


def test_a_link_does_not_redirect_what_follows(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = entry("images", kind=tarfile.SYMTYPE, link=str(tmp_path / "elsewhere"))
    archive = make_tar(tmp_path / "x.tar", [link, entry("images/evil", b"evil")])
    assert "member 'images': is a link" in refused(archive, tmp_path / "out")
    folder = extract_archive(archive, tmp_path / "out", LIMIT, wanted=lambda path: path != "images")
    assert found(folder) == {"images/evil": b"evil"}, "a link that is not wanted is not there"
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("mode", "words"), [(stat.S_IFLNK, "is a link"), (stat.S_IFIFO, "is a device"), (stat.S_IFCHR, "is a device")]
)
def test_what_is_no_plain_file_in_a_zip_is_refused(mode: int, words: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        info = zipfile.ZipInfo("evil")
        info.external_attr = (mode | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    assert f"member 'evil': {words}" in refused(tmp_path / "x.zip", tmp_path / "out")


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    archive = make(tmp_path / "x.zip", {"secret.txt": b"secret"})
    content = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flags of the two headers
        content[content.index(signature) + offset] |= 1
    archive.write_bytes(content)
    assert "member 'secret.txt': is encrypted" in refused(archive, tmp_path / "out")


@every_kind
@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("a", "a"), ("a", "./a"), ("a", "a/b"), ("a/b", "a"), ("a/b", "a//b")])
def test_two_members_of_one_name_are_refused(name: str, names: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / name
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for member in names:
                archive.writestr(member, "x")
    else:
        make_tar(path, [entry(member, b"x") for member in names])
    assert f"member {names[1]!a}: an earlier member has the same name" in refused(path, tmp_path / "out")


@every_kind
def test_no_more_is_written_than_allowed(name: str, tmp_path: Path) -> None:
    archive = make(tmp_path / name, FILES)
    size = sum(map(len, FILES.values()))
    assert "holds more bytes than it may" in refused(archive, tmp_path / "out", size - 1)
    assert found(extract_archive(archive, tmp_path / "out", size)) == FILES


def test_a_bomb_is_measured_by_what_it_holds_not_by_what_it_says(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "x.zip", {"bomb": bytes(5 * 10**6)})
    content = bytearray(archive.read_bytes())
    assert len(content) < 10_000
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", content, content.index(signature) + offset, 100)
    archive.write_bytes(content)
    assert "damaged" in refused(archive, tmp_path / "out", 1000)


def test_a_header_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    bomb = entry("x", bytes(3 * 2**20), kind=tarfile.XHDTYPE)
    archive = make_tar(tmp_path / "x.tar.gz", [entry("good", b"good"), bomb, entry("good2", b"good")])
    assert "damaged, or not what its name says: a header of 3145728 bytes" in refused(archive, tmp_path / "out")


@pytest.mark.timeout(10)
def test_a_tar_that_leads_back_to_its_beginning_ends(tmp_path: Path) -> None:
    header = bytearray(entry("loop", kind=b"Z")[0].tobuf())
    header[124:136] = b"\xff" * 10 + struct.pack(">h", -1024)  # a negative size in base 256: back by two blocks
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + 8 * 32 + sum(header[156:512]))
    blocks = entry("first")[0].tobuf() + entry("second")[0].tobuf() + bytes(header)
    (tmp_path / "x.tar").write_bytes(blocks)
    with pytest.raises(UserError, match="a member begins before the end of the one before"):
        extract_archive(tmp_path / "x.tar", tmp_path / "out", LIMIT, wanted=lambda path: path == "first")


def test_a_member_that_is_shorter_than_promised_is_refused(tmp_path: Path) -> None:
    archive = make(tmp_path / "x.zip", {"short": b"short" * 100})
    content = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", content, content.index(signature) + offset, 501)
    archive.write_bytes(content)
    assert "is 500 bytes long, its header promises 501" in refused(archive, tmp_path / "out")


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz", "x.tar"])
def test_an_archive_that_is_cut_short_is_refused_wherever_the_cut_is(name: str, tmp_path: Path) -> None:
    content = make(tmp_path / name, FILES).read_bytes()
    # A tar ends in two blocks of zeros, of which one is enough, and is filled up with more.
    end = len(content.rstrip(b"\0")) if name == "x.tar" else len(content) - 1
    for length in sorted({*range(0, end, max(1, end // 40)), end}):
        (tmp_path / name).write_bytes(content[:length])
        refused(tmp_path / name, tmp_path / "out")


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
def test_a_wrong_byte_in_the_data_is_noticed(name: str, tmp_path: Path) -> None:
    noise = random.Random(0).randbytes(50_000)  # cannot be packed, so that the middle of the file is data
    content = bytearray(make(tmp_path / name, {"noise": noise}).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(content)
    assert "damaged" in refused(tmp_path / name, tmp_path / "out")


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path: Path) -> None:
    content = bytearray(make(tmp_path / "x.tar", FILES).read_bytes())
    content[content.index(b"images/a/2.png")] ^= 1
    (tmp_path / "x.tar").write_bytes(content)
    assert "a header is damaged" in refused(tmp_path / "x.tar", tmp_path / "out")


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz", "x.tar"])
def test_whatever_is_damaged_is_unpacked_or_refused(name: str, tmp_path: Path) -> None:
    """Bytes are changed, cut out, repeated and put in at random places."""
    rng = random.Random(name)
    content = make(tmp_path / name, FILES).read_bytes()
    outcomes = set()
    for _ in range(200):
        damaged = bytearray(content)
        for _ in range(rng.choice([1, 1, 3, 10])):
            # Headers are the rarer and the more interesting part of the bytes.
            start = rng.choice([rng.randrange(len(damaged)), rng.randrange(min(600, len(damaged)))])
            start = rng.choice([start, len(damaged) - 1 - start])
            change: Callable[[], bytes] = rng.choice(
                [
                    lambda: rng.randbytes(1),
                    lambda: b"",
                    lambda: b"\xff" * 4,
                    lambda: rng.randbytes(8),
                    lambda: b"\0" * 8,
                ]
            )
            damaged[start : start + rng.choice([1, 4, 8])] = change()
        (tmp_path / name).write_bytes(damaged)
        try:
            extract_archive(tmp_path / name, tmp_path / "out", LIMIT)
            outcomes.add("unpacked")
        except UserError:
            outcomes.add("refused")
    assert "refused" in outcomes
    assert {path.name for path in tmp_path.iterdir()} <= {name, "out"}
    assert [path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith("x-")] == []


@pytest.mark.parametrize("content", [b"", b"<html>moved</html>", bytes(2000)])
@every_kind
def test_what_is_no_archive_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, tmp_path / "out")


def test_archives_of_other_kinds_and_missing_ones_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.rar").write_bytes(b"Rar!")
    assert "known kind: .zip, .tar.gz, .tgz, .tar" in refused(tmp_path / "x.rar", tmp_path / "out")
    assert "no such file" in refused(tmp_path / "x.zip", tmp_path / "out")


@every_kind
def test_an_interruption_leaves_nothing_that_looks_complete(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make(tmp_path / name, FILES)
    written: list[str] = []

    class Interrupted(archives.Writer):
        def write(self, member: archives.Member, parts: tuple[str, ...]) -> object:  # type: ignore[override]
            if len(written) == 2:
                raise KeyboardInterrupt
            written.append(member.name)
            return super().write(member, parts)

    with monkeypatch.context() as patched:
        patched.setattr(archives, "Writer", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            extract_archive(archive, tmp_path / "out", LIMIT)
    assert len(written) == 2
    assert list((tmp_path / "out").iterdir()) == []
    assert found(extract_archive(archive, tmp_path / "out", LIMIT)) == FILES


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    archive = make(tmp_path / "x.zip", FILES)
    folder = extract_archive(archive, tmp_path / "out", LIMIT)
    partial = folder.with_name(f".{folder.name}.partial")
    folder.rename(partial)
    (partial / "half").write_bytes(b"half")
    assert found(extract_archive(archive, tmp_path / "out", LIMIT)) == FILES
    assert list((tmp_path / "out").iterdir()) == [folder]


def test_a_full_disk_is_not_called_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives.Writer, "copy", full)
    with pytest.raises(OSError, match="No space left"):
        extract_archive(make(tmp_path / "x.zip", FILES), tmp_path / "out", LIMIT)
    assert list((tmp_path / "out").iterdir()) == []
