"""Valid inputs of every kind that is read, small and made here: what campaigns mutate."""

import gzip
import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from safetensors.torch import save

from campaigns.project import PARAMS, ROOT
from counterweight.core.draws import Draws, write_draws
from counterweight.core.features import FeatureSet, FeatureWriter
from counterweight.core.images import ImageSet, ImageWriter

CLASSES = ("disc", "no", "square")
COUNT, SIDE = 12, 4
LOCK = """\
schema: '2.0'
stages:
  check:
    cmd: exec python -m stages check --out data/checked
    deps:
    - path: params.yaml
      hash: md5
      md5: edb17c3b14aa45290e54ef94fdc66122
      size: 11959
    params:
      params.yaml:
        seed: 3
        table.datasets:
        - shapes
    outs:
    - path: data/checked
      hash: md5
      md5: c353654177c20652a60b0836633d2047
      size: 23
"""
ARROW_SCHEMA = b"ARROW:schema"
"""Key under which Arrow keeps its own types in a Parquet file; it writes it itself."""

Pack = Callable[[bytes], bytes]


TYPED = {
    "seed: 3": 'seed: !!int "3"',
    "margin: 0.01": "margin: !!float 1_0e-3",
    "datasets:\n  shapes:": "datasets:\n  more: {source: folder, size: 0x10, path: !!str 2001-12-14}\n  shapes:",
}
"""Values of the small settings file, as YAML writes those of other kinds."""


class Sample(NamedTuple):
    """What is mutated, and how the file is made of it: checksums and compression around it stay right."""

    content: bytes
    pack: Pack = bytes


def written(write: Callable[[Path], object]) -> bytes:
    """Return the content of the file that a function writes."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        write(path)
        return path.read_bytes()


# Settings and records.


def make_settings() -> list[Sample]:
    """Return settings files: that of the project, a small one, and one with values of every kind that YAML knows."""
    small = PARAMS.replace("source: folder\n    size: 16", "source: digits\n    size: 8").replace("- no\n", "- '3'\n")
    typed = small
    for plain, own in TYPED.items():
        typed = typed.replace(plain, own)
    return [Sample((ROOT / "params.yaml").read_bytes()), Sample(small.encode()), Sample(typed.encode())]


def make_records() -> list[Sample]:
    """Return what DVC records of a run."""
    return [Sample(LOCK.encode())]


def make_results() -> list[Sample]:
    """Return results as stages write them."""
    values = {"classes": list(CLASSES), "scores": [0.25, 1e-3, None], "draws": 8, "nested": {"a": {"b": [1, 2]}}}
    return [Sample(json.dumps(values, indent=1).encode()), Sample(b'{"not_applicable": "too few images"}\n')]


# Images.


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return an image in a format."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def make_images() -> dict[str, bytes]:
    """Return a small image in every format, and in the forms of it that take ways of their own through a decoder."""
    rows, columns = np.mgrid[:20, :24]
    noise = np.random.default_rng(0).integers(0, 30, (20, 24, 3))
    pixels = (np.stack([rows * 5, columns * 6, rows + columns], axis=-1) + noise).astype(np.uint8)
    colour, grey = Image.fromarray(pixels), Image.fromarray(pixels[..., 0])
    deep = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    clear, palette, frames = colour.copy(), colour.quantize(16), [colour.rotate(90), colour.rotate(180)]
    clear.putalpha(grey)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    return {
        "jpeg": encode(colour, "JPEG"),
        "jpeg, progressive": encode(colour, "JPEG", progressive=True),
        "jpeg, grey": encode(grey, "JPEG"),
        "jpeg, cmyk": encode(colour.convert("CMYK"), "JPEG"),
        "jpeg, turned": encode(colour, "JPEG", exif=exif),
        "mpo": encode(colour, "MPO", save_all=True, append_images=frames),
        "png": encode(colour, "PNG"),
        "png, transparent": encode(clear, "PNG"),
        "png, palette": encode(palette, "PNG", transparency=3),
        "png, 16 bits": encode(deep, "PNG"),
        "png, animated": encode(colour, "PNG", save_all=True, append_images=frames),
        "gif": encode(colour, "GIF"),
        "gif, animated": encode(colour, "GIF", save_all=True, append_images=frames),
        "bmp": encode(colour, "BMP"),
        "bmp, palette": encode(palette, "BMP"),
        "tiff": encode(colour, "TIFF"),
        "tiff, 16 bits": encode(deep, "TIFF"),
        "tiff, floats": encode(Image.fromarray(pixels[..., 0] / np.float32(255)), "TIFF"),
        "tiff, lzw": encode(colour, "TIFF", compression="tiff_lzw"),
        "tiff, deflate": encode(colour, "TIFF", compression="tiff_adobe_deflate"),
        "tiff, jpeg": encode(colour, "TIFF", compression="jpeg"),
        "webp": encode(colour, "WEBP"),
        "webp, lossless": encode(clear, "WEBP", lossless=True),
        "ppm": encode(colour, "PPM"),
        "ppm, 16 bits": b"P5 24 20 65535\n" + (pixels[..., 0].astype(">u2") * 257).tobytes(),
        "ppm, in figures": b"P3\n4 2\n255\n" + b" ".join(b"%d" % value for value in range(24)),
        "jpeg 2000": encode(colour, "JPEG2000"),
        "jpeg 2000, bare": encode(colour, "JPEG2000", no_jp2=True),
        "avif": encode(colour, "AVIF"),
    }


def make_format(words: tuple[str, ...]) -> list[Sample]:
    """Return the images whose format is one of some; of PNG also such whose checksums are made right again."""
    chosen = [content for name, content in make_images().items() if name.split(",")[0] in words]
    sealed = [Sample(content, seal_png) for content in chosen] if words == ("png",) else []
    return [*map(Sample, chosen), *sealed]


def seal_png(content: bytes) -> bytes:
    """Return a PNG in which every chunk has the checksum of what it holds now."""
    data, place = bytearray(content), 8
    while place + 12 <= len(data):
        end = place + 8 + struct.unpack_from(">I", data, place)[0]
        if end + 4 > len(data):
            break
        struct.pack_into(">I", data, end, zlib.crc32(data[place + 4 : end]))
        place = end + 4
    return bytes(data)


# Tables of labels.


def make_texts(delimiter: str) -> list[Sample]:
    """Return tables of paths and labels in texts."""
    rows = [("path", "label", "split")]
    rows += [(f"images/{number}.png", CLASSES[number % 3], ("train", "test")[number % 4 == 3]) for number in range(24)]
    plain = "".join(delimiter.join(row) + "\n" for row in rows)
    quoted = "".join(delimiter.join(f'"{word}"' for word in row) + "\r\n" for row in rows)
    return [Sample(plain.encode()), Sample(quoted.encode()), Sample(plain.encode("utf-16"))]


def make_lists() -> list[Sample]:
    """Return a list of the paths of images, with their endings or without, and words after them."""
    return [Sample(b"cat/0.png\n./dog/0\ncat\\1.png 0\n/home/me/dog/1.png,dog\n")]


def make_tested_tables() -> list[Sample]:
    """Return tables of images that are tested on: some that are there, in a folder of a class, too, and some not."""
    paths = [*(f"test/{number}.png" for number in range(6)), "cat/0.png", "dog/1.png"]
    rows = [(path, ("cat", "dog")[number % 2], "test") for number, path in enumerate(paths)]
    plain = "".join(",".join(row) + "\n" for row in [("path", "label", "split"), *rows])
    bare = "".join(f"{number};{path};{label}\n" for number, (path, label, _) in enumerate(rows))
    return [Sample(plain.encode()), Sample(f"Roi.X1;Filename;ClassId\n{bare}".encode())]


def make_label_texts() -> list[Sample]:
    """Return texts of paths and labels parted by blanks, and of a name and numbers."""
    rows = "".join(f"a/{number} b.png {CLASSES[number % 3]} {number % 2}\n" for number in range(24))
    numbers = "".join(f"pug_{number} {number % 3} 7 {number}\n" for number in range(24))
    return [Sample(f"# path label\n\n{rows}".encode()), Sample(numbers.encode()), Sample(rows.encode("utf-16"))]


def make_label_json() -> list[Sample]:
    """Return JSON of rows, of labels by names, of pairs, and of images, annotations and categories apart."""
    names = [f"{number}.png" for number in range(24)]
    labels = [CLASSES[number % 3] for number in range(24)]
    rows = [{"path": name, "label": label, "box": [1]} for name, label in zip(names, labels, strict=True)]
    apart = {
        "images": [{"id": number, "file_name": name} for number, name in enumerate(names)],
        "annotations": [{"image_id": number, "category_id": number % 3} for number in range(24)],
        "categories": [{"id": number, "name": name} for number, name in enumerate(CLASSES)],
    }
    pairs = {"labels": [*zip(names, range(24), strict=True)]}
    return [Sample(json.dumps(own).encode()) for own in (rows, dict(zip(names, labels, strict=True)), pairs, apart)]


def make_lines() -> list[Sample]:
    """Return tables of paths and labels as lines of JSON."""
    rows = [{"file_name": f"{number}.png", "label": CLASSES[number % 3], "box": [number]} for number in range(24)]
    return [Sample("".join(f"{json.dumps(row)}\n" for row in rows).encode())]


def make_arrow() -> list[Sample]:
    """Return tables of labels as Hugging Face saves them on disk."""
    made = []
    for table in make_tables():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=7)
        made.append(Sample(sink.getvalue().to_pybytes()))
    return made


def make_label_tables() -> list[Sample]:
    """Return Parquet tables of labels."""
    return [
        Sample(written(partial(pq.write_table, table, compression=kind)))
        for table in make_tables()
        for kind in ("none", "zstd")
    ]


def make_tables() -> tuple[pa.Table, pa.Table]:
    """Return tables of labels with paths, and with images and names of classes as Hugging Face keeps them."""
    labels = [number % 3 for number in range(24)]
    paths = pa.table({"path": [f"{number}.png" for number in range(24)], "label": [CLASSES[own] for own in labels]})
    image = {"bytes": make_images()["png"], "path": None}
    embedded = pa.table({"image": [image] * 24, "label": pa.array(labels, pa.int64())})
    facts = {"info": {"features": {"label": {"names": list(CLASSES), "_type": "ClassLabel"}}}}
    return paths, embedded.replace_schema_metadata({"huggingface": json.dumps(facts)})


# The project's own tables.


def make_image_set() -> ImageSet:
    """Return a set of images of noise."""
    rng = np.random.default_rng(0)
    return ImageSet(
        rng.integers(0, 256, (COUNT, 1, SIDE, SIDE), dtype=np.uint8),
        np.arange(COUNT) % len(CLASSES),
        CLASSES,
        np.array([f"clip{number // 2}/{number}.png" for number in range(COUNT)]),
        {"source": "folder", "item": "shapes/drop75"},
        np.array([f"clip{number // 2}" for number in range(COUNT)]),
    )


def make_image_tables() -> list[Sample]:
    """Return image tables, one as they are written and one without compression."""
    images = make_image_set()
    groups = [] if images.group_names is None else images.group_names.tolist()

    def write(path: Path) -> None:
        with ImageWriter(path, images.shape, images.class_names, grouped=True) as writer:
            for draw in range(2):
                writer.add(images.images, images.labels, images.origins.tolist(), draw, groups)
            writer.finish(images.provenance)

    return store_plainly(written(write))


def make_draws() -> list[Sample]:
    """Return tables of draws."""
    roles = np.arange(2 * COUNT, dtype=np.uint8).reshape(2, COUNT) % 3
    return store_plainly(written(partial(write_draws, Draws(roles, "shapes/drop75", [0, 3, 0], [1]))))


def make_features() -> list[Sample]:
    """Return feature tables."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(COUNT, 5)).astype(np.float32)
    whole = FeatureSet(features, np.arange(COUNT), {"backbone": "a"}, np.arange(COUNT), features[:, :3])

    def write(path: Path) -> None:
        with FeatureWriter(path) as writer:
            writer.add(whole)

    return store_plainly(written(write))


def store_plainly(content: bytes) -> list[Sample]:
    """Return a Parquet file as it is, and once more without compression, where changes reach the values."""
    table = pq.read_table(pa.BufferReader(content))
    facts = pq.read_metadata(pa.BufferReader(content)).metadata
    own = {key: value for key, value in (facts or {}).items() if key != ARROW_SCHEMA}
    plain = table.replace_schema_metadata(own)
    return [Sample(content), Sample(written(partial(pq.write_table, plain, compression="none")))]


# Archives.

MEMBERS: Mapping[str, bytes] = {"a/1.png": bytes(range(256)) * 3, "a/2.png": b"", "b/notes.txt": b"what is what\n" * 20}


def make_zips() -> list[Sample]:
    """Return zip files, one of which has its members as they are."""
    return [Sample(pack_zip(MEMBERS, kind)) for kind in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED)]


def pack_zip(members: Mapping[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip file with some members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, kind)
    return buffer.getvalue()


def make_tars() -> list[Sample]:
    """Return packed tar files: the one is mutated itself, the other before it is packed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in MEMBERS.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    pack = partial(gzip.compress, mtime=0, compresslevel=1)
    plain = buffer.getvalue()
    return [Sample(pack(plain)), Sample(plain, pack)]


# Datasets in files of their own.


def make_idx() -> list[Sample]:
    """Return an IDX file of images."""
    return [Sample(struct.pack(">IIII", 0x0803, COUNT, SIDE, SIDE) + bytes(range(COUNT * SIDE * SIDE)))]


def make_batches() -> list[Sample]:
    """Return a batch of CIFAR-10's binary version."""
    return [Sample(b"".join(bytes([label]) + bytes(range(256)) * 12 for label in range(3)))]


# Weights.


def make_tensors() -> dict[str, torch.Tensor]:
    """Return tensors of a small network."""
    return {"conv.weight": torch.arange(24.0).reshape(4, 6), "conv.bias": torch.ones(4, dtype=torch.float16)}


def make_safetensors() -> list[Sample]:
    """Return tensors in a safetensors file."""
    return [Sample(save(make_tensors()))]


def make_npz() -> list[Sample]:
    """Return arrays in npz files: mutated themselves, or an array before it is packed."""
    arrays = {f"{name}.npy": written_array(value.numpy()) for name, value in make_tensors().items()}
    name, inner = next(iter(arrays.items()))
    return [Sample(pack_zip(arrays)), Sample(inner, lambda content: pack_zip({**arrays, name: content}))]


def written_array(array: np.ndarray) -> bytes:
    """Return an array as NumPy writes it."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def make_pth() -> list[Sample]:
    """Return torch's files: mutated themselves, or the pickle in them before it is packed."""
    buffer = io.BytesIO()
    torch.save({"state_dict": make_tensors()}, buffer)
    with zipfile.ZipFile(buffer) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in members if name.endswith("data.pkl"))
    return [Sample(buffer.getvalue()), Sample(members[name], lambda content: pack_zip({**members, name: content}))]
