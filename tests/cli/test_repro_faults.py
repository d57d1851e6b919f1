"""`counterweight repro` where disks, clocks, people and machines do what they should not."""

import json
import os
import resource
import shutil
import signal
import time
from contextlib import chdir
from pathlib import Path

import pytest

from campaigns.project import Project
from counterweight.cli.checkup.workspace import check_dvc
from tests.small_graph import MAKES, lock, make_project, ran, repro, said, start, wait_until

pytestmark = pytest.mark.skipif(
    not shutil.which("dvc") or not shutil.which("git"), reason="DVC or git is not installed"
)
FUTURE, PAST = time.time() + 400 * 86_400, 86_400.0
ALL = ["gather", *MAKES, "source"]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("faults") / "project")


@pytest.fixture(scope="module")
def done(fresh: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = fresh.copied(tmp_path_factory.mktemp("done") / "project")
    repro(project)
    return project


@pytest.fixture
def project(done: Project, tmp_path: Path) -> Project:
    copied = done.copied(tmp_path / "project")
    ran(copied)
    return copied


def find_cached(project: Project, output: str) -> Path:
    """Return the file of the cache that holds an output."""
    (value,) = (out["md5"] for stage in lock(project).values() for out in stage["outs"] if out["path"] == output)
    return project / f".dvc/cache/files/md5/{value[:2]}/{value[2:]}"


def damage(path: Path, look_same: bool) -> None:
    """Flip a bit; where it shall look the same, keep rights and times, as a failing disk does."""
    facts, content = path.stat(), bytearray(path.read_bytes())
    content[0] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    if look_same:
        path.chmod(facts.st_mode)
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


@pytest.mark.parametrize("look_same", [True, False])
def test_a_damaged_file_of_the_cache_is_named_and_made_anew(project: Project, look_same: bool) -> None:
    whole, cached = (project / "made/b").read_bytes(), find_cached(project, "made/b")
    damage(cached, look_same)
    (project / "made/b").unlink()
    err = repro(project)[1]
    # One that may be written to DVC looks at and removes itself, without a word.
    assert (f"damaged in the cache, and removed from there: {cached.resolve()}" in err) == look_same
    assert (ran(project), (project / "made/b").read_bytes(), cached.read_bytes()) == (["b"], whole, whole)
    assert json.loads(project.dvc("status", "--json")) == {}


def test_a_file_of_the_cache_that_is_damaged_is_not_taken_for_what_a_run_made(project: Project) -> None:
    """A comment makes the same bytes; they take the place of the damaged ones, and can be restored."""
    whole, cached = (project / "made/c").read_bytes(), find_cached(project, "made/c")
    damage(cached, look_same=True)
    with (project / "make.sh").open("a") as file:
        file.write("# nothing\n")
    assert set(MAKES) <= set(said(project)["ran"])
    assert cached.read_bytes() == whole


def test_a_damaged_file_is_found_when_settings_are_put_back(project: Project) -> None:
    whole, cached = (project / "made/a").read_bytes(), find_cached(project, "made/a")
    project.edit("  a: 1", "  a: 7")
    repro(project)
    damage(cached, look_same=True)
    project.edit("  a: 7", "  a: 1")
    found = said(project)
    assert ("make@a" in found["ran"], (project / "made/a").read_bytes()) == (True, whole)


def test_the_record_is_put_in_place_whole(project: Project) -> None:
    """DVC itself writes over it, and leaves a part of it if it is killed then."""
    before = (project / "dvc.lock").stat().st_ino, (project / "dvc.lock").read_text()
    project.edit("b: 2", "b: 5")
    repro(project)
    after = (project / "dvc.lock").stat().st_ino, (project / "dvc.lock").read_text()
    assert before[0] != after[0]
    assert before[1] != after[1]
    assert not [*project.root.rglob("*.partial")]


def test_a_damaged_output_is_restored(project: Project) -> None:
    whole = (project / "made/b").read_bytes()
    damage(project / "made/b", look_same=False)
    assert said(project)["restored"] == ["make@b"]
    assert (project / "made/b").read_bytes() == whole
    assert ran(project) == []


@pytest.mark.parametrize("moment", [FUTURE, PAST], ids=["future", "past"])
def test_a_clock_that_jumps_neither_hides_a_change_nor_makes_one(project: Project, moment: float) -> None:
    def jump(later: int) -> None:
        # A file whose size, inode and time to the nanosecond are as before DVC takes for what it was.
        for name in ("word", "make.sh", "params.yaml", "dvc.lock", "start", "made/a", "made/b", "gathered"):
            os.utime(project / name, (moment + later, moment + later))

    jump(0)
    assert said(project) == {"ran": [], "restored": [], "unchanged": ALL}
    project.edit("  b: 2", "  b: 5")
    (project / "word").write_text("other")
    jump(-60)
    assert said(project)["ran"] == ALL
    assert (project / "made/b").read_text() == "oth  b: 5\n"
    jump(60)
    (project / "made/a").write_text((project / "made/a").read_text().replace("oth", "xxx"))
    os.utime(project / "made/a", (moment, moment))
    assert said(project)["restored"] == ["make@a"]
    assert (project / "made/a").read_text() == "oth  a: 1\n"


def test_a_record_of_a_run_that_was_not_written_is_none(project: Project) -> None:
    """As a process leaves it that is killed between making the record's folder and the record."""
    records = [path for path in (project / ".dvc/cache/runs").rglob("*") if path.is_file()]
    assert len(records) == len(ALL)
    for path in records:
        path.unlink()
    (project / "made/a").unlink()
    (project / "dvc.lock").unlink()
    assert said(project) == {"ran": ALL, "restored": [], "unchanged": []}


def test_two_workspaces_share_a_cache(fresh: Project, tmp_path: Path) -> None:
    """Each makes the same at the same time, one is killed, and both have all in the end."""
    both = [fresh.copied(tmp_path / name) for name in ("one", "two")]
    for each in both:
        each.dvc("cache", "dir", "--local", str(tmp_path / "shared"))
    began = [start(each, "-j", "2") for each in both]
    said_by = [process.communicate(timeout=120)[1] for process in began]
    assert [process.returncode for process in began] == [0, 0], said_by
    assert lock(both[0]) == lock(both[1])
    both[0].edit("  a: 1", "  a: 9")
    (both[0] / "hold").touch()
    with start(both[0]) as process:
        wait_until(lambda: (both[0] / "holding_a").exists())
        shutil.rmtree(both[1] / "made")
        assert said(both[1])["restored"] == MAKES
        process.send_signal(signal.SIGKILL)
    (both[0] / "hold").unlink()
    assert "make@a" in said(both[0])["ran"]
    for each in both:
        assert json.loads(each.dvc("status", "--json")) == {}


FOLDERS = ["with some blanks", """quotes ' and " both""", "Ünïcode 数据 ", "dollar $HOME `id`", "long" * 60]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_workspace_may_lie_anywhere(done: Project, tmp_path: Path, name: str) -> None:
    project = done.copied(tmp_path / name)
    ran(project)
    assert said(project) == {"ran": [], "restored": [], "unchanged": ALL}
    project.edit("  b: 2", "  b: 5")
    assert said(project)["ran"] == ["gather", "make@b"]
    assert ran(project) == ["b"]


@pytest.mark.parametrize("home", ["", "/proc", "/does/not/exist"])
def test_it_needs_no_home(project: Project, home: str) -> None:
    (project / "made/a").unlink()
    project.edit("  b: 2", "  b: 5")
    repro(project, HOME=home, XDG_CACHE_HOME="", XDG_CONFIG_HOME="")
    assert ran(project) == ["b"]
    assert json.loads(project.dvc("status", "--json")) == {}


def test_few_open_files_are_enough(project: Project) -> None:
    project.edit("  b: 2", "  b: 5")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        repro(project, "-j", "4")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert ran(project) == ["b"]


def test_a_database_of_dvc_that_cannot_be_written_is_one_line(project: Project) -> None:
    site = project.root.parent / "small"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**15, before[1]))
    try:
        err = repro(project, code=2, DVC_SITE_CACHE_DIR=str(site))[1]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert err.startswith(f"error: {site}/repo/")
    assert "DVC's database of files' checksums: disk I/O error; is its disk full" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("database", ["links", "hashes/local"])
def test_a_damaged_database_of_dvc_is_one_line_and_its_folder_may_go(project: Project, database: str) -> None:
    site = project.root.parent / "own"
    repro(project, DVC_SITE_CACHE_DIR=str(site))
    (folder,) = (site / "repo").iterdir()
    (folder / database / "cache.db").write_bytes(b"no database" * 4096)
    err = repro(project, code=2, DVC_SITE_CACHE_DIR=str(site))[1]
    assert err.startswith(f"error: {folder}: DVC's database of files' checksums: file is not a database; remove this")
    assert err.count("\n") == 1
    shutil.rmtree(folder)
    assert repro(project, DVC_SITE_CACHE_DIR=str(site))[0] == "6 stages were up to date.\n"


@pytest.mark.parametrize("name", ["a{x}", "a{}", "a{", "a}"])
def test_braces_in_the_path_of_the_cache_are_refused_before_any_work(fresh: Project, tmp_path: Path, name: str) -> None:
    """DVC's own command ends in an error where a first output is to go there."""
    (tmp_path / name).mkdir()
    project = fresh.copied(tmp_path / name / "project")
    err = repro(project, "-j", "2", code=2)[1]
    assert err.startswith(f"error: {project.root.resolve()}/.dvc/cache: the path of DVC's cache must hold no braces; ")
    assert (err.count("\n"), ran(project), (project / "start").exists()) == (1, [], False)
    with chdir(project.root):
        (found,) = [each for each in check_dvc(Path(), True) if each.level == "problem"]
    assert "/.dvc/cache: the path of DVC's cache must hold no braces" in found.text
    project.dvc("cache", "dir", "--local", str(tmp_path / "cache"))
    repro(project, "-j", "2")
    assert json.loads(project.dvc("status", "--json")) == {}
