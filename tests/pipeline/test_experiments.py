"""Experiments that DVC runs in folders of their own, of datasets that git does not keep."""

import json
import time
from collections.abc import Iterator

import pytest
from ruamel.yaml import YAML

from campaigns.project import Project, stages_run

pytestmark = pytest.mark.slow

SECONDS = 60


@pytest.fixture
def linked(fresh: Project) -> Iterator[Project]:
    """A project whose dataset is a link out of it, as `counterweight add` makes it, committed before anything ran."""
    images = fresh.root.parent / "elsewhere"
    (fresh / "images/shapes").rename(images)
    (fresh / "images/shapes").symlink_to(images)
    (fresh / "collected/other/no").mkdir(parents=True)
    (fresh / "collected/other/no/1.png").write_bytes((images / "no/00.png").read_bytes())
    fresh.begin_history()
    yield fresh
    fresh.dvc("queue", "stop", "--kill")


def read_inputs(lock: str) -> dict[str, str]:
    """Return the hashes of the images that stages read, by path."""
    stages = YAML(typ="safe").load(lock)["stages"]
    deps = {dep["path"]: dep["md5"] for own in stages.values() for dep in own["deps"]}
    return {path: deps[path] for path in ("images/shapes", "collected")}


def read_inputs_of(project: Project, experiment: str) -> dict[str, str]:
    """Return the same of an experiment."""
    found = project.command("git", "for-each-ref", "--format=%(refname)", f"refs/exps/**/{experiment}").stdout.split()
    assert len(found) == 1
    return read_inputs(project.command("git", "show", f"{found[0]}:dvc.lock").stdout)


def test_in_a_folder_of_its_own_it_sees_the_images_of_the_workspace(linked: Project) -> None:
    out = linked.dvc("exp", "run", "--temp", "--name", "first", "ingest@shapes")
    assert stages_run(out) == ["check", "ingest@shapes"]
    assert "untracked" not in out
    assert not (linked / "data").exists()
    linked.dvc("repro", "ingest@shapes")
    assert read_inputs_of(linked, "first") == read_inputs((linked / "dvc.lock").read_text(encoding="utf-8"))
    # Now nothing has changed, and all that runs is the check, there as well.
    assert stages_run(linked.dvc("exp", "run", "--temp", "--name", "second", "ingest@shapes")) == ["check"]
    times = (linked / "data/times.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["stage"] for line in times] == ["check", "ingest@shapes", "check"]  # the last one of there


def test_a_queue_sees_them_too(linked: Project) -> None:
    linked.dvc("exp", "run", "--queue", "--name", "third", "-S", "datasets.shapes.size=12", "ingest@shapes")
    linked.dvc("queue", "start")
    end = time.monotonic() + SECONDS
    while "Success" not in (status := linked.dvc("queue", "status")):
        assert "Failed" not in status, linked.dvc("queue", "logs", "third")
        assert time.monotonic() < end
        time.sleep(0.5)
    assert stages_run(linked.dvc("queue", "logs", "third")) == ["check", "ingest@shapes"]
