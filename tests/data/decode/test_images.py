"""What becomes of image files in every mode and state of repair."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile
from PIL.PngImagePlugin import PngImageFile

from counterweight.core.errors import UserError
from counterweight.data.decode import images, opening
from counterweight.data.decode.changes import write_tables
from counterweight.data.decode.facts import Facts, inspect
from counterweight.data.decode.images import BadFile, Target, decode, find_image_files, try_image
from counterweight.data.decode.opening import Embedded
from counterweight.data.decode.tree import LeftOut

Colour = int | float | tuple[int, ...]


def write(path: Path, colour: Colour = (10, 20, 30), mode: str = "RGB", size: tuple[int, int] = (6, 4)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)
    return path


# Modes: each file becomes one known colour.


@pytest.mark.parametrize(
    ("mode", "colour", "suffix", "expected"),
    [
        ("1", 1, "png", (255, 255, 255)),
        ("L", 100, "png", (100, 100, 100)),
        ("LA", (100, 255), "png", (100, 100, 100)),
        ("LA", (100, 0), "png", (255, 255, 255)),
        ("RGB", (10, 20, 30), "png", (10, 20, 30)),
        ("RGB", (10, 20, 30), "bmp", (10, 20, 30)),
        ("RGB", (10, 20, 30), "tiff", (10, 20, 30)),
        ("RGBA", (10, 20, 30, 255), "webp", (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), "png", (255, 255, 255)),
        ("RGBA", (0, 100, 200, 51), "png", (204, 224, 244)),  # a fifth of the colour on white
        ("CMYK", (0, 255, 255, 0), "tiff", (255, 0, 0)),
        ("CMYK", (0, 0, 0, 255), "jpg", (0, 0, 0)),
        ("I;16", 25700, "png", (100, 100, 100)),
        ("I;16", 65535, "tiff", (255, 255, 255)),
        ("I;16B", 25700, "tiff", (100, 100, 100)),
        ("I", 25700, "tiff", (100, 100, 100)),
        ("F", 0.2, "tiff", (51, 51, 51)),
        ("F", 1.0, "tiff", (255, 255, 255)),
        ("F", 51.0, "tiff", (51, 51, 51)),
    ],
)
def test_every_mode_becomes_colour(
    mode: str, colour: Colour, suffix: str, expected: tuple[int, ...], tmp_path: Path
) -> None:
    pixels = decode(write(tmp_path / f"x.{suffix}", colour, mode, (8, 8)), Target((4, 4), 3, "stretch"))
    assert pixels.shape == (3, 4, 4)
    assert np.abs(pixels.astype(int) - np.reshape(expected, (3, 1, 1))).max() <= (suffix in ("webp", "jpg")) * 2


def test_colour_becomes_grey_by_luminance(tmp_path: Path) -> None:
    pixels = decode(write(tmp_path / "x.png", (255, 0, 0)), Target((2, 3), 1, "stretch"))
    assert pixels.shape == (1, 2, 3)
    assert (pixels == 76).all()  # 0.299 * 255


@pytest.mark.parametrize(("transparency", "expected"), [(None, (200, 0, 0)), (0, (255, 255, 255)), (1, (200, 0, 0))])
def test_palettes_keep_colours_and_transparency(
    transparency: int | None, expected: tuple[int, ...], tmp_path: Path
) -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([200, 0, 0, 0, 200, 0])
    image.save(tmp_path / "x.png", transparency=transparency)
    assert decode(tmp_path / "x.png", Target((1, 1), 3, "stretch")).ravel().tolist() == [*expected]


def test_palettes_may_have_an_alpha_for_every_colour(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1), 0)
    image.putpalette([200, 0, 0, 0, 200, 0])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "x.png", transparency=b"\x00\xff")
    assert decode(tmp_path / "x.png", Target((1, 2), 3, "stretch"))[:, 0].T.tolist() == [[255, 255, 255], [0, 200, 0]]


@pytest.mark.parametrize("colour", [1000.0, float("inf"), float("nan")])
def test_floats_of_unknown_scale_are_refused(colour: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"greys from .*, allowed are 0\.\.\.1 or 0\.\.\.255, or what `white` says$"):
        decode(write(tmp_path / "x.tiff", colour, "F"), Target((2, 2), 3, "stretch"))


@pytest.mark.parametrize("kind", ["<u2", ">u2", "<i4"])
def test_every_grey_of_16_bits_becomes_the_nearest_of_8(kind: str, tmp_path: Path) -> None:
    greys = np.arange(2**16)
    Image.fromarray(greys.reshape(256, 256).astype(kind)).save(tmp_path / "x.tiff")
    pixels = decode(tmp_path / "x.tiff", Target((256, 256), 1, "stretch"))
    assert np.array_equal(pixels.ravel(), (greys + 128) // 257)  # 65535 is 257 times 255


def test_integers_beyond_16_bits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"greys from 70000 to 70000, allowed are 0\.\.\.65535$"):
        decode(write(tmp_path / "x.tiff", 70000, "I"), Target((2, 2), 3, "stretch"))


def test_one_grey_becomes_white_in_all_files(tmp_path: Path) -> None:
    target = Target((2, 2), 1, "stretch", white=4095)
    for name, grey, expected in (("a", 4095, 255), ("b", 819, 51)):
        assert decode(write(tmp_path / f"{name}.tiff", grey, "I;16"), target).ravel().tolist() == [expected] * 4
    with pytest.raises(ValueError, match=r"greys from 4096 to 4096, allowed are 0\.\.\.4095$"):
        decode(write(tmp_path / "c.tiff", 4096, "I;16"), target)
    floats = target._replace(white=255)  # A dark file is not taken for one of 0...1.
    assert decode(write(tmp_path / "d.tiff", 1.0, "F"), floats).ravel().tolist() == [1] * 4


def test_of_an_animation_the_first_frame_counts(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    for suffix in ("gif", "tiff", "png"):
        frames[0].save(tmp_path / f"x.{suffix}", save_all=True, append_images=frames[1:])
        assert decode(tmp_path / f"x.{suffix}", Target((1, 1), 3, "stretch")).ravel().tolist() == [255, 0, 0]


# Orientation and fit.


def left_to_right(size: tuple[int, int], *greys: int) -> Image.Image:
    """Return upright stripes of equal width."""
    return Image.fromarray(np.array([greys], dtype=np.uint8)).resize(size, Image.Resampling.NEAREST)


@pytest.mark.parametrize("size", [(8, 4), (1600, 800)], ids=["small", "decoded at a fraction"])
@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, [[0, 255], [0, 255]]),
        (3, [[255, 0], [255, 0]]),
        (6, [[0, 0], [255, 255]]),
        (8, [[255, 255], [0, 0]]),
    ],
)
def test_photographs_are_set_upright(
    orientation: int, expected: list[list[int]], size: tuple[int, int], tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    left_to_right(size, 0, 255).save(tmp_path / "x.jpg", exif=exif, quality=100)
    pixels = decode(tmp_path / "x.jpg", Target((2, 2), 1, "stretch"))[0].astype(int)
    assert np.abs(pixels - expected).max() < 30  # bicubic overshoot is clipped, the rest bleeds over the edge


def test_damaged_orientation_does_not_matter(tmp_path: Path) -> None:
    Image.new("RGB", (8, 4)).save(tmp_path / "x.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12")
    assert isinstance(tried(tmp_path / "x.jpg"), Facts)


def test_stretching_ignores_the_proportions(tmp_path: Path) -> None:
    left_to_right((40, 10), 0, 100, 200, 250).save(tmp_path / "x.png")
    pixels = decode(tmp_path / "x.png", Target((10, 4), 1, "stretch"))[0]
    assert np.abs(pixels - np.array([0, 100, 200, 250], dtype=float)).max() < 15


def test_cropping_keeps_the_middle(tmp_path: Path) -> None:
    left_to_right((40, 10), 0, 100, 100, 250).save(tmp_path / "x.png")
    assert (decode(tmp_path / "x.png", Target((10, 10), 1, "crop")) == 100).all()


def test_padding_adds_white(tmp_path: Path) -> None:
    write(tmp_path / "x.png", 100, "L", (40, 20))
    pixels = decode(tmp_path / "x.png", Target((20, 20), 3, "pad"))
    assert (pixels[:, 5:15] == 100).all()
    assert (pixels[:, :5] == 255).all()
    assert (pixels[:, 15:] == 255).all()


def test_photographs_decoded_at_a_fraction_look_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).resize((900, 600))
    image.save(tmp_path / "x.jpg", quality=98)
    image.save(tmp_path / "x.png")
    jpeg, png = (decode(tmp_path / name, Target((48, 48), 3, "stretch")).astype(int) for name in ("x.jpg", "x.png"))
    assert np.abs(jpeg - png).mean() < 3


# Bad files.


def truncated(path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[:3000])


def text(path: Path) -> None:
    path.write_text("not an image at all")


def empty(path: Path) -> None:
    path.touch()


def bomb(path: Path) -> None:
    Image.new("L", (200, 60)).save(path, "PNG")


def larger_bomb(path: Path) -> None:
    Image.new("L", (200, 200)).save(path, "PNG")


def unknown_scale(path: Path) -> None:
    Image.new("F", (2, 2), -1000.0).save(path, "TIFF")


def pointer(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")


def web_page(path: Path) -> None:
    path.write_text("\n<!DOCTYPE html><html>404</html>")


def tried(path: Path) -> BadFile | Facts:
    """Decode and inspect a file: both find the same to be bad."""
    result = try_image(inspect, path)
    pixels = try_image(partial(decode, target=Target((4, 4), 3, "stretch")), path)
    assert pixels == result if isinstance(pixels, BadFile) else not isinstance(result, BadFile)
    return result


@pytest.mark.parametrize(
    ("spoil", "fault", "details"),
    [
        (truncated, "unreadable", "image file is truncated"),
        (pointer, "a pointer of Git LFS", "git lfs pull fetches the images themselves"),
        (web_page, "a web page", "what a server said in place of the image: fetch it anew"),
        (text, "not an image", "of no format that is read: AVIF, BMP, GIF, JPEG, JPEG2000, PNG, PPM, TIFF, WEBP"),
        (empty, "empty", "0 bytes"),
        (bomb, "too large", "12000 pixels, at most 10000 are read"),
        (larger_bomb, "too large", "40000 pixels, at most 10000 are read"),
        (unknown_scale, "unreadable", "greys from -1000 to -1000"),
    ],
)
def test_what_is_wrong_with_a_bad_file(
    spoil: Callable[[Path], None], fault: str, details: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    spoil(tmp_path / "bad.png")
    bad = tried(tmp_path / "bad.png")
    assert isinstance(bad, BadFile)
    assert (bad.name, bad.fault) == (str(tmp_path / "bad.png"), fault)
    assert bad.details.startswith(details)


def test_a_file_that_may_not_be_read_is_a_bad_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, formats: object) -> Image.Image:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refuse)
    assert tried(write(tmp_path / "a.png")) == BadFile(
        str(tmp_path / "a.png"), "unreadable", "[Errno 13] Permission denied"
    )


def test_lack_of_memory_is_not_called_a_bad_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: ImageFile.ImageFile) -> None:
        raise MemoryError

    path = write(tmp_path / "a.png")
    monkeypatch.setattr(PngImageFile, "load", refuse)
    with pytest.raises(MemoryError):
        tried(path)


def test_a_header_that_promises_more_than_memory_has_room_for_is_a_bad_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, formats: object) -> Image.Image:
        raise MemoryError

    path = write(tmp_path / "a.png")
    monkeypatch.setattr(Image, "open", refuse)
    assert tried(path) == BadFile(str(path), "unreadable", "its header promises more bytes than memory has room for")


def test_a_missing_file_is_a_bad_one(tmp_path: Path) -> None:
    assert tried(tmp_path / "a.png") == BadFile(str(tmp_path / "a.png"), "missing", "no such file")


@pytest.mark.parametrize(
    ("mode", "colour", "suffix", "expected"),
    [
        ("RGB", (10, 20, 30), "png", Facts(6, 4, "RGB", "PNG", False)),
        ("RGB", (10, 11, 12), "png", Facts(6, 4, "RGB", "PNG", True)),
        ("RGB", (10, 11, 13), "bmp", Facts(6, 4, "RGB", "BMP", False)),
        ("RGB", (77, 77, 77), "jpg", Facts(6, 4, "RGB", "JPEG", True, 75, b"", "4:2:0", lossless=False, usual=True)),
        ("L", 10, "jpg", Facts(6, 4, "L", "JPEG", True, 75, lossless=False, usual=True)),
        (
            "RGBA",
            (200, 0, 0, 0),
            "png",
            Facts(6, 4, "RGBA", "PNG", True, transparent=True),
        ),  # white once it is laid on white
        ("I;16", 25700, "tiff", Facts(6, 4, "I;16", "TIFF", True, top=25700, bottom=25700)),
    ],
)
def test_facts_of_an_image(mode: str, colour: Colour, suffix: str, expected: Facts, tmp_path: Path) -> None:
    found = inspect(write(tmp_path / f"x.{suffix}", colour, mode))
    assert found._replace(digest=b"") == expected


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("quality", [1, 2, 15, 30, 75, 90, 95, 99, 100])
def test_a_jpeg_of_other_tables_is_not_usual(quality: int, mode: str, tmp_path: Path) -> None:
    image, path = Image.new(mode, (16, 16)), tmp_path / "a.jpg"
    image.save(path, quality=quality)
    found = inspect(path)
    assert (found.quality, found.usual) == (quality, True)
    tables = [list(table) for table in write_tables(quality).values()]
    tables[0][5] -= 1 if quality < 50 else -1
    image.save(path, qtables=tables)
    found = inspect(path)
    assert (found.quality, found.usual) == (quality, False)


def test_digests_are_the_same_where_pixels_and_size_are_whatever_the_format(tmp_path: Path) -> None:
    files = [write(tmp_path / name, (10, 20, 30), "RGB") for name in ("a.png", "b.bmp")]
    other = write(tmp_path / "c.png", (10, 20, 31), "RGB")
    Image.new("RGB", (4, 6), (10, 20, 30)).save(tmp_path / "turned.png")
    first, *others = (inspect(path).digest for path in (*files, other, tmp_path / "turned.png"))
    assert [digest == first for digest in others] == [True, False, False]


@pytest.mark.parametrize("quality", [1, 10, 20, 30, 50, 75, 90, 95, 100])
def test_the_quality_of_a_jpeg_is_read_from_its_table(quality: int, tmp_path: Path) -> None:
    """Entries are whole numbers from 1 to 255, which low qualities would exceed."""
    Image.new("RGB", (8, 8)).save(tmp_path / "x.jpg", quality=quality)
    found = inspect(tmp_path / "x.jpg").quality
    assert found is not None
    assert 0 <= found - quality <= 10 if quality < 20 else abs(found - quality) <= 1


@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff"])
@pytest.mark.parametrize(("orientation", "size"), [(1, (1200, 700)), (3, (1200, 700)), (6, (700, 1200))])
def test_the_size_is_that_of_the_upright_image(
    orientation: int, size: tuple[int, int], suffix: str, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("L", (1200, 700)).save(tmp_path / f"x.{suffix}", exif=exif)
    assert inspect(tmp_path / f"x.{suffix}")[:2] == size


def test_a_photograph_of_a_phone_is_known_by_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(Image.new("RGB", (64, 64), (200, 10, 10))).save(tmp_path / "x.heic")
    (tmp_path / "x.heic").rename(tmp_path / "x.jpg")
    facts = inspect(tmp_path / "x.jpg")
    assert (facts.width, facts.height, facts.format) == (64, 64, "HEIF")
    for module in (images, opening):
        monkeypatch.setattr(module, "can_read_heif", lambda: False)
    found = try_image(inspect, tmp_path / "x.jpg")
    assert isinstance(found, BadFile)
    assert found.details == "HEIC; pip install 'counterweight[heif]' has them read"


def test_postscript_is_not_read_since_that_would_start_another_program(tmp_path: Path) -> None:
    path = write(tmp_path / "a.eps")
    assert tried(path) == BadFile(str(path), "not an image", f"of no format that is read: {', '.join(images.FORMATS)}")
    assert find_image_files(tmp_path, tmp_path) == ([], {LeftOut("of no kind that is read", ".eps", "."): 1})


def test_the_content_of_a_file_will_do(tmp_path: Path) -> None:
    content = write(tmp_path / "a.png").read_bytes()
    assert decode(Embedded("row 7", content), Target((1, 1), 3, "stretch")).ravel().tolist() == [10, 20, 30]
    assert try_image(inspect, Embedded("row 7", b"")) == BadFile("row 7", "empty", "0 bytes")


# Which files there are.


def names(folder: Path, follow_links: bool = False) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_image_files(folder, folder, follow_links).files]


def test_files_come_sorted_by_the_folders_on_their_way(tmp_path: Path) -> None:
    for name in ("b.png", "a/z.png", "a/b/c.jpg", "a.png", "B.PNG", "a-b/c.tif"):
        write(tmp_path / name)
    assert names(tmp_path) == ["B.PNG", "a/b/c.jpg", "a/z.png", "a-b/c.tif", "a.png", "b.png"]


@pytest.mark.parametrize("what", ["file", "folder"])
def test_links_that_lead_out_are_refused_unless_they_are_to_be_followed(what: str, tmp_path: Path) -> None:
    goal = write(tmp_path / "elsewhere" / "x.png")
    folder = write(tmp_path / "own" / "a.png").parent
    (folder / "link.png").symlink_to(goal if what == "file" else goal.parent)
    with pytest.raises(UserError, match=r"own/link.png: a link out of the folder, to .*elsewhere.*set links: follow$"):
        find_image_files(folder, folder)
    assert names(folder, follow_links=True) == ["a.png", "link.png" if what == "file" else "link.png/x.png"]


def test_links_inside_the_folder_are_followed(tmp_path: Path) -> None:
    write(tmp_path / "a" / "x.png")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "c.png").symlink_to(tmp_path / "a" / "x.png")
    assert names(tmp_path) == ["a/x.png", "b/x.png", "c.png"]


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    write(tmp_path / "a" / "x.png")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert names(tmp_path / "b") == ["x.png"]


@pytest.mark.parametrize("follow_links", [False, True])
def test_a_link_to_a_folder_above_is_refused(follow_links: bool, tmp_path: Path) -> None:
    write(tmp_path / "a" / "x.png")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    with pytest.raises(UserError, match=r"a/up: a link to a folder above it"):
        find_image_files(tmp_path, tmp_path, follow_links)


def test_a_link_to_nowhere_is_found_to_be_bad(tmp_path: Path) -> None:
    (tmp_path / "x.png").symlink_to(tmp_path / "nothing.png")
    files = find_image_files(tmp_path, tmp_path).files
    assert [path.name for path in files] == ["x.png"]
    bad = tried(files[0])
    assert isinstance(bad, BadFile)
    assert bad.fault == "missing"


@pytest.mark.parametrize("name", [b"caf\xe9.png", b"a\nb.png"])
def test_names_that_cannot_be_written_down_are_refused(name: bytes, tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(name)).touch()
    with pytest.raises(UserError, match=r"a name with control characters, or that is not UTF-8; rename it$"):
        find_image_files(tmp_path, tmp_path)


@pytest.mark.parametrize("name", ["Screenshot at 9.00\u202fAM.png", "\u3000\u732b.png", "caf\u00e9\u00a01.png"])
def test_names_with_spaces_of_other_scripts_are_read(name: str, tmp_path: Path) -> None:
    write(tmp_path / name)
    assert [path.name for path in find_image_files(tmp_path, tmp_path).files] == [name]
