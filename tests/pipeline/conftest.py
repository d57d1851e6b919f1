"""A project of the smallest size at which everything still happens, built by DVC once for all tests of this folder."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.project import Built, Project, build, new_project


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Run the whole pipeline once, and commit it."""
    root = tmp_path_factory.mktemp("pipeline")
    yield build(root)
    shutil.rmtree(root)


@pytest.fixture
def copy(built: Built, tmp_path: Path) -> Project:
    """A project of one's own with all results."""
    return built.project.copied(tmp_path / "project")


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """A project of one's own in which nothing has run."""
    return new_project(tmp_path / "project")
