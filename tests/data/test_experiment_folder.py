"""Which workspace an experiment belongs to, and what its folder gets from there."""

import os
from pathlib import Path

import pytest

from counterweight.data.experiment_folder import bring_images, find_workspace


@pytest.mark.parametrize("inner", ["standalone/tmpab", "tmpcd", "tmpcd/project"])
def test_a_folder_of_an_experiment_knows_its_workspace(tmp_path: Path, inner: str) -> None:
    assert find_workspace(tmp_path / ".dvc/tmp/exps" / inner) == tmp_path
    assert find_workspace(tmp_path / ".dvc/tmp/exps/a/.dvc/tmp/exps" / inner) == tmp_path / ".dvc/tmp/exps/a"


def test_other_folders_are_of_no_experiment(tmp_path: Path) -> None:
    assert find_workspace(tmp_path) is None
    assert find_workspace(tmp_path / ".dvc/tmp") is None


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_what_git_does_not_keep_is_brought_and_what_is_there_stays(tmp_path: Path) -> None:
    home, folder, elsewhere = tmp_path / "home", tmp_path / "folder", tmp_path / "elsewhere"
    write(elsewhere / "cat/1.png", "cat")
    for place in (home, folder):
        write(place / "images/dogs/real/README.md", place.name)
        write(place / "collected/README.md", place.name)
    (home / "images/pets").symlink_to(elsewhere)
    (home / "images/dogs/synthetic").symlink_to(elsewhere)
    write(home / "images/own/a/1.png", "own")
    write(home / "collected/other/a/1.png", "other")
    bring_images(home, folder)
    bring_images(home, folder)  # A second time there is nothing to do.
    assert (folder / "images/pets/cat/1.png").read_text() == "cat"
    assert (folder / "images/dogs/synthetic/cat/1.png").read_text() == "cat"
    assert (folder / "images/own/a/1.png").read_text() == "own"
    assert (folder / "images/dogs/real/README.md").read_text() == "folder"
    assert (folder / "collected/README.md").read_text() == "folder"
    assert (folder / "collected/other/a/1.png").read_text() == "other"
    assert not any(path.is_symlink() for path in (folder / "collected").rglob("*"))
    write(folder / "downloads/mnist/file")
    assert (home / "downloads/mnist/file").exists()


def test_where_files_cannot_have_two_names_they_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: str, target: str) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    write(tmp_path / "home/collected/a/1.png", "other")
    bring_images(tmp_path / "home", tmp_path / "folder")
    write(tmp_path / "folder/collected/a/1.png", "changed")
    assert (tmp_path / "home/collected/a/1.png").read_text() == "other"
