"""How alike two brightness thumbnails are. Pure numpy.

All measures are ratios of a difference to the contrast of the pictures, so that dark, flat and glaring
material is judged alike: 0 for the same picture, about 1 for two that have nothing to do with each other.
"""

from statistics import median

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float32]
"""(..., pixels) float32, grey levels from 0 to 255."""
Pictures = NDArray[np.float32]
"""(..., height, width) float32, grey levels from 0 to 255."""

NOISE = 25.0
"""Variance, in squared grey levels, that grain and compression give to a picture of nothing."""

_BLOCKS = 4
"""Blocks along each side of a thumbnail, where parts of pictures are compared."""
_CHANGED = 0.3
_CHUNK = 128


def distance(one: Series, other: Series) -> Series:
    """Return the mean squared difference over the sum of the variances and of the change in brightness."""
    shift = one.mean(-1) - other.mean(-1)
    error = ((one - other) ** 2).mean(-1)
    return error / (one.var(-1) + other.var(-1) + shift**2 + NOISE)


def steps(frames: NDArray[np.uint8]) -> Series:
    """Return the distance of each frame, (n, pixels), from the one before; 0 for the first.

    In chunks, because a whole window of them as floating point would be a tenth of the process's memory.
    """
    found = np.zeros(len(frames), np.float32)
    for begin in range(0, len(frames) - 1, _CHUNK):
        chunk = frames[begin : begin + _CHUNK + 1].astype(np.float32)
        found[begin + 1 : begin + len(chunk)] = distance(chunk[1:], chunk[:-1])
    return found


def structural_distance(one: Series, other: Series) -> Series:
    """Return the distance that is left when both have the same mean: a change of light alone is small."""
    shift = one.mean(-1) - other.mean(-1)
    error = ((one - other) ** 2).mean(-1) - shift**2
    return error / (one.var(-1) + other.var(-1) + NOISE)


def consistency(first: Series, then: Series) -> Series:
    """Return the correlation of two changes that follow each other: 1 when the second continues the first."""
    power = ((first**2).mean(-1) + 4.0) * ((then**2).mean(-1) + 4.0)
    return (first * then).mean(-1) / np.sqrt(power)


def nearest(before: Series, after: Series) -> float:
    """Return the smallest distance of any frame of ``before``, (n, pixels), to any of ``after``."""
    return float(distance(before[:, None], after[None]).min())


def share_changed(one: Pictures, other: Pictures) -> float:
    """Return the share of blocks that changed: a caption or a passer-by leaves some of them alone."""
    error = _per_block((one - other) ** 2)
    blocks, others = _in_blocks(one), _in_blocks(other)
    shift = blocks.mean((-3, -1)) - others.mean((-3, -1))
    scale = blocks.var((-3, -1)) + others.var((-3, -1)) + shift**2 + NOISE
    return float((error / scale > _CHANGED).mean())


def unexplained(one: Pictures, other: Pictures, *, reach: int) -> float:
    """Return how much of ``other`` no shift of ``one`` explains, 0 to 1: the median over blocks.

    Each block is compared at the best of all displacements up to ``reach`` pixels, so that what a moving
    camera shows of the same place counts as explained. Both: (height, width).
    """
    height, width = one.shape
    padded = np.pad(one, reach, mode="edge")
    best: Pictures | None = None
    for down in range(2 * reach + 1):
        for right in range(2 * reach + 1):
            error = _per_block((padded[down : down + height, right : right + width] - other) ** 2)
            best = error if best is None else np.minimum(best, error)
    assert best is not None
    scale = _in_blocks(one).var((-3, -1)) + _in_blocks(other).var((-3, -1)) + NOISE
    # numpy's own median would first load 50 ms of code for masked arrays.
    left = median((best / scale).ravel().tolist())
    return left / (1.0 + left)


def halved(thumbnails: NDArray[np.uint8]) -> Series:
    """Return (n, pixels) float32: thumbnails of half the height and width, which forgive small motion."""
    count, height, width = thumbnails.shape
    if min(height, width) < 2 * _BLOCKS:
        return thumbnails.reshape(count, -1).astype(np.float32)
    rows, cols = height // 2, width // 2
    quads = thumbnails[:, : rows * 2, : cols * 2].reshape(count, rows, 2, cols, 2)
    return quads.mean((2, 4), dtype=np.float32).reshape(count, -1)


def _in_blocks(pictures: Pictures) -> Pictures:
    """Return (..., block rows, block height, block columns, block width)."""
    height, width = pictures.shape[-2:]
    down, right = min(_BLOCKS, height), min(_BLOCKS, width)
    high, wide = height // down, width // right
    cropped = pictures[..., : high * down, : wide * right]
    return cropped.reshape(*pictures.shape[:-2], down, high, right, wide)


def _per_block(pictures: Pictures) -> Pictures:
    return _in_blocks(pictures).mean((-3, -1))
