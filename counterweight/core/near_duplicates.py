"""Images that are nearly the same picture: saved again, at another size or quality, or a little brighter.

An image becomes a sketch, a perceptual hash whose digits are numbers: cosine coefficients of its brightness averaged to
a few pixels, each times its frequency, since detail is what tells pictures apart and there is the less of it the finer
it is (Field 1987, https://doi.org/10.1364/JOSAA.4.002379); and a few of its colours. Brightness and contrast of the
whole are divided out. Two images are near duplicates if their sketches are, and nearer than to others: Lowe's ratio
(2004, Distinctive Image Features from Scale-Invariant Keypoints, 7.1, https://doi.org/10.1023/B:VISI.0000029664.99615.94).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.core.groups import Indices

Floats = npt.NDArray[np.float32]

FEWEST, MOST, SHRINK = 8, 16, 4
"""Pixels a side of what sketches are made of: a quarter of the image's, which resizing to a half leaves as it is. Of
images that have fewer there is no telling."""
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Parts of red, green and blue in brightness, as JPEG keeps it (Rec. 601); it keeps colours at half the size."""
COARSE = 4
"""Frequencies a side of colours."""
DETAIL = 20.0
"""Root mean square of the coefficients, in levels of 255 times frequency, below which there is nothing to tell."""
PLAIN, WAVES = 2.5, 6.0
"""Effective number of the coefficients (the participation ratio of their squares) below which there is nothing to tell,
and below which others are near by chance: such images are near duplicates if they are so much nearer than others."""
SURE = 0.03
"""Distance of sketches of length 1 below which they are of one picture, however near others are."""
NEAR, NEAR_OF_UNLIKE = 0.2, 0.4
"""Distances above which they are not: of any images, and of those that are all as far from the nearest other as
photographs are; between, the distance is in proportion to how far half of all images are from the nearest that can be
no copy. What is drawn by a few numbers, as bars are by place, slope and width, is near to others of its kind by
chance."""
RATIO = 0.4
"""Of a near duplicate's distance to that of the first image that is none. Of points in k dimensions the nearest is so
near by chance with probability ratio ** k: with fewer than `WAVES` the ratio is the one that has the same chance."""
FAMILY = 4
"""Near duplicates that an image may have that are not sure; others are what many images of a kind look like."""
STRANGERS = 4
"""Any other images with which each is compared: where all are much alike, its candidates are few of those."""
TABLES, PLANES, WINDOW = 12, 16, 12
"""In which candidates are sought; planes of each, at most; and how many images each is compared with there."""
PARTED = 0.25
"""Of all planes, at most so many part candidates: of sketches that are 0.5 apart, 0.16 on average."""
BRIGHTNESS = 48.0
"""Levels of 255 by which the means of near duplicates may differ."""
CONTRAST = 1.5
"""Factor by which their deviations may."""
CHUNK = 2048
"""Pairs that are looked at together."""
PIXELS = 2**24
"""And pixels that are sketched together: 64 MiB as float32."""


class Sketches(NamedTuple):
    """Sketches of images (N, D), and the waves, mean and deviation in levels of each (N,).

    A sketch has length 1 but for what colours add. Waves are the effective number of its coefficients, 0 where there is
    nothing to tell.
    """

    digits: npt.NDArray[np.float16]
    waves: Floats
    mean: Floats
    deviation: Floats

    def take(self, places: Indices) -> "Sketches":
        """Return the sketches of some images."""
        return Sketches(self.digits[places], self.waves[places], self.mean[places], self.deviation[places])


def sketch(images: npt.NDArray[np.uint8]) -> Sketches:
    """Return the sketches of images, uint8 (N, C, H, W)."""
    step = max(1, PIXELS // int(np.prod(images.shape[1:])))
    return join_sketches([sketch_chunk(images[start : start + step]) for start in range(0, max(1, len(images)), step)])


def join_sketches(parts: list[Sketches]) -> Sketches:
    """Return several sets of sketches as one."""
    return Sketches(
        np.concatenate([part.digits for part in parts]),
        np.concatenate([part.waves for part in parts]),
        np.concatenate([part.mean for part in parts]),
        np.concatenate([part.deviation for part in parts]),
    )


def sketch_chunk(images: npt.NDArray[np.uint8]) -> Sketches:
    """Return the sketches of some images, all of which are in memory as float32."""
    count, channels, height, width = images.shape
    rows, columns = make_transform(height), make_transform(width)
    # One product for all lines of all images is many times quicker than one for each image.
    lines = images.reshape(count * channels * height, width).astype(np.float32) @ columns.T
    lines = lines.reshape(count, channels, height, len(columns)).transpose(0, 1, 3, 2)
    lines = lines.reshape(count * channels * len(columns), height) @ rows.T
    found = lines.reshape(count, channels, len(columns), len(rows))
    unit = np.sqrt(np.float32(len(rows) * len(columns)))
    weights = LUMA if channels == 3 else np.full(channels, 1 / channels, dtype=np.float32)
    light: Floats = np.tensordot(found, weights / unit, (1, 0)).astype(np.float32)
    mean, colours = light[:, 0, 0].copy(), (found[:, 1:, :COARSE, :COARSE] - found[:, :1, :COARSE, :COARSE]) / unit
    light[:, 0, 0] = 0
    deviation = np.sqrt((light**2).sum(axis=(1, 2)))
    frequency = np.hypot(np.arange(len(columns))[:, None], np.arange(len(rows)))
    weighted: Floats = light * frequency.astype(np.float32)
    power = weighted**2
    size = np.sqrt(power.sum(axis=(1, 2)))
    waves: Floats = size**4 / np.maximum((power**2).sum(axis=(1, 2)), 1)
    waves[(size < DETAIL) | (waves < PLAIN) | (min(height, width) < FEWEST)] = 0
    digits = np.concatenate([flatten(weighted), flatten(colours) / 2], axis=1)
    digits /= np.maximum(size, 1)[:, None]  # of what has no detail nothing is compared
    return Sketches(digits.astype(np.float16), waves, mean, deviation)


def flatten(found: Floats) -> Floats:
    """Return an array (N, ...) as a row for each of its first axis."""
    return found.reshape(len(found), int(np.prod(found.shape[1:])))


def make_transform(side: int) -> Floats:
    """Return the matrix (K, side) that averages a line of pixels to K and takes their cosine transform, orthonormal."""
    size = min(side, max(FEWEST, min(MOST, side // SHRINK)))
    edges, pixels = np.arange(size + 1) * side / size, np.arange(side)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    means = overlap.clip(0, 1) * size / side
    order = np.arange(size)
    cosines = np.sqrt(2 / size) * np.cos(np.pi * (order + 0.5) * order[:, None] / size)
    cosines[0] /= np.sqrt(2)
    transform: Floats = (cosines @ means).astype(np.float32)
    return transform


def find_near_duplicates(sketches: Sketches) -> Indices:
    """Return pairs of near duplicates, int64 (P, 2), the first image before the second, sorted.

    Args:
        sketches: of images no two of which are identical.
    """
    rows = np.flatnonzero(sketches.waves)
    if len(rows) < 2:
        return np.empty((0, 2), dtype=np.int64)
    pairs = find_candidates(sketches.digits[rows])
    distances = measure_pairs(sketches.digits, rows[pairs])
    waves = sketches.waves[rows]
    limits = np.maximum(find_sure(waves), find_limits(find_nearest(pairs, distances, len(rows)), find_ratios(waves)))
    pairs = rows[pairs[distances <= limits[pairs].min(axis=1)]]
    near: Indices = pairs[find_alike(sketches.take(pairs[:, 0]), sketches.take(pairs[:, 1]))]
    return near


def find_sure(waves: Floats) -> Floats:
    """Return the distances (N,) below which other images show the same, however near others are; 0: there is none."""
    return np.where(waves < WAVES, 0, SURE).astype(np.float32)


def find_ratios(waves: Floats) -> Floats:
    """Return the ratio (N,) of a near duplicate's distance to the next one, `RATIO` at most."""
    ratios: Floats = (RATIO ** np.maximum(1, WAVES / waves)).astype(np.float32)
    return ratios


def find_alike(first: Sketches, second: Sketches) -> npt.NDArray[np.bool_]:
    """Return of which images (N,) brightness and contrast are about those of others."""
    spread = np.stack([first.deviation, second.deviation])
    light = np.abs(first.mean - second.mean) <= BRIGHTNESS
    alike: npt.NDArray[np.bool_] = light & (spread.max(axis=0) <= CONTRAST * spread.min(axis=0))
    return alike


def find_candidates(digits: npt.NDArray[np.float16]) -> Indices:
    """Return pairs (P, 2) of sketches (N, D) that lie on the same sides of some planes, and of most of all planes.

    Charikar 2002, Similarity estimation techniques from rounding algorithms (https://doi.org/10.1145/509907.509965): a
    plane parts two sketches with a probability of their angle over pi. Planes are in the middle of the sketches. In
    each table those are compared that share their sides of its own planes, each with the next ones in one direction.
    """
    count = len(digits)
    own = int(np.clip(round(np.log2(count)) - 5, 4, PLANES))
    bits, along = find_sides(digits, own * TABLES)
    words = np.packbits(bits, axis=1)
    words = np.pad(words, ((0, 0), (0, -words.shape[1] % 8))).view(np.uint64)
    most = own * TABLES * PARTED
    found = [pair_strangers(count)]
    for table in range(TABLES):
        codes = bits[:, table * own : (table + 1) * own] @ (1 << np.arange(own))
        order = np.lexsort((along, codes))
        for step in range(1, min(WINDOW, count - 1) + 1):
            first, second = order[:-step], order[step:]
            same = codes[first] == codes[second]
            first, second = first[same], second[same]
            parted = np.bitwise_count(words[first] ^ words[second]).sum(axis=1, dtype=np.int64)
            first, second = first[parted <= most], second[parted <= most]
            found.append(number_pairs(first, second, count))
    both = np.unique(np.concatenate(found))
    return np.stack(np.divmod(both, count), axis=1)


def pair_strangers(count: int) -> Indices:
    """Return numbers of pairs of each image and `STRANGERS` others."""
    own, steps = np.arange(count), np.random.default_rng(0).integers(1, count, STRANGERS)
    return np.concatenate([number_pairs(own, (own + step) % count, count) for step in steps])


def number_pairs(first: Indices, second: Indices, count: int) -> Indices:
    """Return a number for each pair of so many images, the same in whichever order they are."""
    return np.minimum(first, second) * count + np.maximum(first, second)


def find_sides(digits: npt.NDArray[np.float16], planes: int) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Return on which side of so many random planes sketches (N, D) lie, bool (N, P), and where along a line (N,)."""
    rng = np.random.default_rng(0)  # the same for all images: a dataset has the same duplicates with every seed
    normals = rng.standard_normal((digits.shape[1], planes + 1), dtype=np.float32)
    places = np.concatenate(
        [digits[start : start + CHUNK].astype(np.float32) @ normals for start in range(0, len(digits), CHUNK)]
    )
    return places[:, :-1] > np.median(places[:, :-1], axis=0), places[:, -1]


def measure_pairs(digits: npt.NDArray[np.float16], pairs: Indices) -> Floats:
    """Return the distances (P,) of pairs (P, 2) of sketches (N, D)."""
    found = [np.empty(0, dtype=np.float32)]
    for start in range(0, len(pairs), CHUNK):
        first, second = pairs[start : start + CHUNK].T
        apart = digits[first].astype(np.float32) - digits[second]
        found.append(np.sqrt(np.einsum("pd,pd->p", apart, apart)))
    return np.concatenate(found)


def find_nearest(pairs: Indices, distances: Floats, count: int) -> Floats:
    """Return the distances (N, FAMILY + 1) of those that are nearest to each of so many images, sorted.

    Args:
        pairs: candidates (P, 2); and their distances (P,). What lies beyond is as far as nothing near can be.
    """
    farthest = NEAR_OF_UNLIKE / RATIO
    close = distances <= farthest
    images, both = pairs[close].ravel(), np.repeat(distances[close], 2)
    order = np.lexsort((both, images))
    images, both = images[order], both[order]
    rank = np.arange(len(images)) - np.searchsorted(images, images)
    nearest = np.full((count, FAMILY + 1), farthest, dtype=np.float32)
    few = rank <= FAMILY
    nearest[images[few], rank[few]] = both[few]
    return nearest


def find_limits(nearest: Floats, ratios: Floats) -> Floats:
    """Return how near another image must be to each (N,) for one of its few near duplicates, 0 if it has none.

    The largest distance up to a limit of one of its nearest to which the next one is far enough. The limit, from `NEAR`
    to `NEAR_OF_UNLIKE`, is in proportion to how far from half of all images the first is that is none by any limit:
    most images may have a copy.

    Args:
        nearest: distances of those that are nearest to each image, sorted (N, FAMILY + 1).
        ratios: of the distance of a near duplicate to the next one, `RATIO` at most (N,).
    """
    ends = (nearest[:, :-1] <= NEAR_OF_UNLIKE) & (nearest[:, :-1] <= ratios[:, None] * nearest[:, 1:])
    copies = (ends * np.arange(1, FAMILY + 1)).max(axis=1)
    strangers = nearest[np.arange(len(nearest)), copies]
    most = np.clip(RATIO * np.median(strangers), NEAR, NEAR_OF_UNLIKE)
    nearest = np.minimum(nearest, most / RATIO)
    ends = (nearest[:, :-1] <= most) & (nearest[:, :-1] <= ratios[:, None] * nearest[:, 1:])
    limits: Floats = np.where(ends, nearest[:, :-1], 0).max(axis=1)
    return limits
