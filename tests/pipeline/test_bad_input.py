"""What people get wrong is said in one line, with exit code 2, and no output is left behind."""

import gzip
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from campaigns.project import Project
from counterweight.core.errors import UserError
from stages import imbalance, ingest, train

IMAGES = "images/shapes"
OUTPUTS = ("--train", "data/shapes/train.parquet", "--test", "data/shapes/test.parquet")
INGEST = ("ingest", "--dataset", "shapes", *OUTPUTS, "--account", "metrics/ingest/shapes.json")
MNIST_FILES = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


def assert_refused(project: Project, done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr
    for folder in ("data", "models", "plots", "metrics"):
        assert [path for path in (project / folder).rglob("*") if path.is_file()] == []


def without_images(project: Project) -> None:
    for path in (project / IMAGES).rglob("*.png"):
        path.unlink()


def with_one_class(project: Project) -> None:
    for name in ("no", "square"):
        shutil.rmtree(project / IMAGES / name)


def with_an_empty_class(project: Project) -> None:
    for path in (project / IMAGES / "no").iterdir():
        path.unlink()


def without_folder(project: Project) -> None:
    shutil.rmtree(project / IMAGES)


def with_a_truncated_jpeg(project: Project) -> None:
    from PIL import Image

    path = project / IMAGES / "disc/00.jpg"
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:800])


def with_text_named_png(project: Project) -> None:
    (project / IMAGES / "disc/00.png").write_text("no image at all\n")


def with_an_empty_file(project: Project) -> None:
    (project / IMAGES / "disc/00.png").write_bytes(b"")


def with_a_single_image_in_a_class(project: Project) -> None:
    for path in sorted((project / IMAGES / "no").iterdir())[1:]:
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without_folder, ("images/shapes", "no such folder")),
        (without_images, ("images/shapes", "no images", "one per class")),
        (with_one_class, ("images of one class only, disc",)),
        (with_an_empty_class, ("no images of class no",)),
        (with_a_truncated_jpeg, ("disc/00.jpg", "unreadable", "bad_files: skip")),
        (with_text_named_png, ("disc/00.png", "not an image", "bad_files: skip")),
        (with_an_empty_file, ("disc/00.png", "empty", "bad_files: skip")),
        (with_a_single_image_in_a_class, ("datasets.shapes: class 'no' has too few images",)),
    ],
)
def test_a_folder_of_images_that_cannot_be_used(
    fresh: Project, spoil: Callable[[Project], None], words: tuple[str, ...]
) -> None:
    spoil(fresh)
    assert_refused(fresh, fresh.stage(*INGEST), *words)


def test_a_minority_class_that_does_not_exist_is_answered_with_the_nearest(fresh: Project) -> None:
    fresh.edit("      - no\n", "      - squares\n")
    assert_refused(fresh, fresh.stage(*INGEST), "datasets.shapes.minority", "'squares'", "did you mean 'square'?")


def test_bad_files_are_left_out_if_that_is_wanted(fresh: Project) -> None:
    with_text_named_png(fresh)
    fresh.edit("    channels: 1\n", "    channels: 1\n    bad_files: skip\n")
    done = fresh.stage(*INGEST)
    assert done.returncode == 0, done.stderr
    assert "1 skipped (1 not an image)" in done.stderr


def test_an_output_folder_that_is_a_file(fresh: Project) -> None:
    (fresh / "data").touch()
    done = fresh.stage(*INGEST)
    (fresh / "data").unlink()
    assert_refused(fresh, done, "data/shapes/train.parquet", "cannot be written")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_output_folder(fresh: Project) -> None:
    (fresh / "data/shapes").mkdir(parents=True)
    (fresh / "data/shapes").chmod(0o555)
    assert_refused(fresh, fresh.stage(*INGEST), "data/shapes", "read-only")


def test_a_read_only_output_disk(fresh: Project) -> None:
    place = fresh / "data/shapes"
    place.mkdir(parents=True)
    words = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system is not allowed here")
    try:
        done = fresh.stage(*INGEST)
    finally:
        subprocess.run(["umount", str(place)], check=True)
    assert_refused(fresh, done, "data/shapes", "read-only")


def mirror(project: Project, names: list[str]) -> None:
    """Let the dataset be MNIST from a folder of files that have the right names."""
    (project / "mirror").mkdir()
    for name in names:
        (project / "mirror" / name).write_bytes(gzip.compress(b"something else", mtime=0))
    project.edit("    source: folder\n", "    source: mnist\n    mirror: mirror\n")
    project.edit("      - no\n", '      - "4"\n')


def test_a_mirror_whose_files_are_not_the_published_ones(fresh: Project) -> None:
    mirror(fresh, MNIST_FILES)
    done = fresh.stage(*INGEST)
    assert_refused(fresh, done, "mirror/train-images-idx3-ubyte.gz", "MD5 is", "damaged or another one")


def test_a_mirror_that_lacks_a_file(fresh: Project) -> None:
    mirror(fresh, MNIST_FILES)
    (fresh / "mirror" / MNIST_FILES[0]).unlink()
    assert_refused(fresh, fresh.stage(*INGEST), "datasets.shapes.mirror", MNIST_FILES[0])


def test_a_dataset_that_is_not_the_published_one_is_noticed_before_any_row_of_the_table(fresh: Project) -> None:
    mirror(fresh, MNIST_FILES)
    done = fresh.stage("check", "--out", "data/checked")
    assert_refused(fresh, done, "mirror/train-images-idx3-ubyte.gz", "MD5 is", "damaged or another one")


def test_a_dataset_that_was_ingested_before_is_not_fetched_again(fresh: Project) -> None:
    mirror(fresh, MNIST_FILES)
    finished = "".join(f"  {stage}@shapes:\n    cmd: x\n" for stage in ("ingest", "identify"))
    (fresh / "dvc.lock").write_text(f"schema: '2.0'\nstages:\n{finished}")
    assert fresh.stage("check", "--out", "data/checked").returncode == 0


DRAWN = ("--out", "data/draws.parquet", "--counts", "metrics/counts.json")
IMBALANCE = ("imbalance", "--dataset", "shapes", "--scenario", "drop75", *OUTPUTS, *DRAWN)


def test_an_input_that_is_not_there(fresh: Project) -> None:
    done = fresh.stage(*IMBALANCE)
    assert_refused(fresh, done, "data/shapes/train.parquet", "no such file", "earlier stage")


def test_an_image_table_that_is_none(fresh: Project) -> None:
    (fresh / "table.parquet").write_text("label,image\n")
    done = fresh.stage(*IMBALANCE, "--train", "table.parquet")
    assert_refused(fresh, done, "table.parquet", "not an image table of this project")


def test_a_training_that_diverges(fresh: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss leaves the numbers: which settings are meant, and where it happened."""
    fresh.edit("      latent_dim: 4\n", "      latent_dim: 4\n      autoencoder_learning_rate: 1.0e+30\n")
    monkeypatch.chdir(fresh.root)
    ingest.main(INGEST[1:])
    imbalance.main(IMBALANCE[1:])
    words = "--dataset shapes --generator bagan --train data/shapes/train.parquet --draws data/draws.parquet"
    where = r"params\.yaml: generators\.bagan\.shapes: draw [12]: training stopped: 'loss' of update 'autoencoder' is "
    with pytest.raises(UserError, match=f"{where}.*learning rate"):
        train.main([*words.split(), "--out", "models/m", "--curves", "plots/c"])
    assert [*(fresh / "models").iterdir(), *(fresh / "plots").iterdir()] == []


def test_settings_that_are_not_there(tmp_path: Path) -> None:
    project = Project(tmp_path)
    shutil.copytree(Path(__file__).parents[2] / "stages", tmp_path / "stages")
    assert_refused(project, project.stage(*INGEST), "params.yaml", "no such file")
