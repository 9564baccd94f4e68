"""Brightness thumbnails: the small grey pictures from which shots are found.

They are read straight from the luma plane of the decoded frame, without any conversion of colours, which
costs a hundredth of decoding the frame.
"""

import av
import numpy as np
from numpy.typing import NDArray

Thumbnail = NDArray[np.uint8]
"""(height, width) uint8, full range: 0 is black and 255 white."""

_LONG_SIDE = 48
_SAMPLES = 4
"""Samples averaged along each side of one thumbnail pixel: enough to still the grain of a film."""
_FROM_LIMITED_RANGE = np.clip(np.round((np.arange(256) - 16.0) * 255.0 / 219.0), 0, 255).astype(np.uint8)
_FULL_RANGE = 2

DARK = 16.0
"""Mean grey level below which a picture is as good as black."""
FLAT = 4.0
"""Standard deviation, in grey levels, below which a picture shows nothing."""


def is_blank(thumbnail: Thumbnail) -> bool:
    """Whether a picture is near black or near uniform."""
    return bool(thumbnail.mean() < DARK or thumbnail.std() < FLAT)


class LumaSampler:
    """Make thumbnails of one size, whatever the size of the frames."""

    def __init__(self) -> None:
        self._shape: tuple[int, int] | None = None

    def sample(self, frame: av.VideoFrame) -> Thumbnail:
        """Return the thumbnail of a frame; all have the shape of the first one."""
        stride = max(1, -(-max(frame.width, frame.height) // (_LONG_SIDE * _SAMPLES)))
        points = luma_plane(frame, stride)
        rows, cols = (max(1, side // _SAMPLES) for side in points.shape)
        points = points[: rows * _SAMPLES, : cols * _SAMPLES]
        # A frame may have fewer than four samples across.
        whole = points.shape == (rows * _SAMPLES, cols * _SAMPLES)
        thumbnail = _averaged(points) if whole else points.copy()
        if not _has_full_range(frame):
            thumbnail = _FROM_LIMITED_RANGE[thumbnail]
        if self._shape is None:
            self._shape = (thumbnail.shape[0], thumbnail.shape[1])
        return thumbnail if thumbnail.shape == self._shape else _resampled(thumbnail, self._shape)


def luma_plane(frame: av.VideoFrame, stride: int = 1) -> NDArray[np.uint8]:
    """Return every ``stride``-th luma sample, (height, width) uint8; a view where the format allows it."""
    every = tuple(slice(min(stride // 2, side - 1), None, stride) for side in (frame.height, frame.width))
    layout = frame.format
    first = layout.components[0]
    plane = frame.planes[0]
    if layout.is_rgb or not layout.is_planar or not first.is_luma or plane.line_size <= 0:
        return frame.reformat(format="gray").to_ndarray().astype(np.uint8, copy=False)[every]
    if first.bits == 8:
        samples = np.frombuffer(memoryview(plane), np.uint8)
        return samples.reshape(-1, plane.line_size)[: frame.height, : frame.width][every]
    order = ">u2" if layout.is_big_endian else "<u2"
    deep = np.frombuffer(memoryview(plane), order).reshape(-1, plane.line_size // 2)
    return (deep[: frame.height, : frame.width][every] >> (first.bits - 8)).astype(np.uint8)


def _averaged(points: NDArray[np.uint8]) -> Thumbnail:
    """Return the means of squares of samples; adding strided views is four times as fast as `mean`."""
    rows = points[0::_SAMPLES].astype(np.uint16)
    for offset in range(1, _SAMPLES):
        rows += points[offset::_SAMPLES]
    sums = rows[:, 0::_SAMPLES].copy()
    for offset in range(1, _SAMPLES):
        sums += rows[:, offset::_SAMPLES]
    return (sums // _SAMPLES**2).astype(np.uint8)


def _has_full_range(frame: av.VideoFrame) -> bool:
    return frame.color_range == _FULL_RANGE or frame.format.is_rgb or frame.format.name.startswith("yuvj")


def _resampled(thumbnail: Thumbnail, shape: tuple[int, int]) -> Thumbnail:
    rows = np.arange(shape[0]) * thumbnail.shape[0] // shape[0]
    cols = np.arange(shape[1]) * thumbnail.shape[1] // shape[1]
    return thumbnail[np.ix_(rows, cols)]
