"""Folders of images that look as they did: their hashes are known, and whatever changes is noticed."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from campaigns.project import Project
from counterweight.engines.folders import describe
from tests.small_graph import make_project, said

KNOWN = ".dvc/tmp/counterweight/folders.json"
STAGE = """\
  read:
    cmd: cat images/pets/*/* > seen_images
    deps: [images/pets]
    outs: [seen_images]
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A workspace with a stage that reads a link to a folder of images."""
    if not shutil.which("dvc") or not shutil.which("git"):
        pytest.skip("DVC or git is not installed")
    made = make_project(tmp_path / "project")
    with (made / "dvc.yaml").open("a") as file:
        file.write(STAGE)
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        (tmp_path / "pets" / name / "1.png").write_text(name)
    (made / "images").mkdir()
    (made / "images/pets").symlink_to(tmp_path / "pets")
    assert said(made, "read")["ran"] == ["read"]
    assert said(made, "read")["unchanged"] == ["read"]
    return made


def edit(path: Path) -> None:
    """Change a file, its size and its time of change not."""
    before = path.stat()
    path.with_suffix(".new").write_text("cow")
    os.utime(path.with_suffix(".new"), ns=(before.st_atime_ns, before.st_mtime_ns))
    path.with_suffix(".new").replace(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "other content": edit,
    "written again": lambda path: path.write_text("cow"),
    "one more": lambda path: (path.parent / "2.png").write_text("cat"),
    "one less": Path.unlink,
    "another name": lambda path: path.rename(path.with_name("0.png")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_is_noticed(project: Project, change: str) -> None:
    CHANGES[change](project / "images/pets/cat/1.png")
    assert said(project, "read")["ran"] == ["read"]
    assert json.loads(project.dvc("status", "--json", "read")) == {}


def test_a_file_that_is_only_younger_makes_nothing_stale(project: Project) -> None:
    before = (project / KNOWN).read_text()
    os.utime(project / "images/pets/cat/1.png")
    assert said(project, "read")["unchanged"] == ["read"]
    assert (project / KNOWN).read_text() != before


def test_dvc_is_not_asked_for_a_hash_that_is_known(project: Project) -> None:
    """A wrong one is believed, until DVC itself hashes the files to look for an earlier run."""
    (look, value) = json.loads((project / KNOWN).read_text())["images/pets"]
    assert look == describe(project / "images/pets")
    (project / KNOWN).write_text(json.dumps({"images/pets": [look, "0" * 32 + ".dir"]}))
    assert said(project, "read")["restored"] == ["read"]
    assert value in (project / "dvc.lock").read_text()  # What is written down is DVC's own.


def test_a_damaged_list_is_made_anew(project: Project) -> None:
    before = (project / KNOWN).read_text()
    (project / KNOWN).write_text(before[:20])
    assert said(project, "read")["unchanged"] == ["read"]
    assert (project / KNOWN).read_text() == before


def test_a_dataset_that_is_one_file_is_left_to_dvc(project: Project) -> None:
    (project / "images/pets").unlink()
    (project / "images/pets").write_text("one table")
    graph = (project / "dvc.yaml").read_text()
    (project / "dvc.yaml").write_text(graph.replace("images/pets/*/*", "images/pets"))
    assert said(project, "read")["ran"] == ["read"]
    assert said(project, "read")["unchanged"] == ["read"]


def test_links_to_folders_are_seen_and_not_looked_into(tmp_path: Path) -> None:
    """As DVC does. A folder that links to itself would have no end."""
    (tmp_path / "1.png").write_text("x")
    before = describe(tmp_path)
    (tmp_path / "itself").symlink_to(tmp_path)
    (tmp_path / "nowhere").symlink_to(tmp_path / "nothing")
    assert describe(tmp_path) != before
