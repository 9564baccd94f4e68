"""From a decoded frame, in whatever form its video has it, to a picture that anybody can look at.

Upright, with square pixels, in sRGB-like standard dynamic range, without a second field and without holes.
"""

from fractions import Fraction

import av
import av.filter
import numpy as np
from av.video.reformatter import Colorspace, ColorTrc, VideoReformatter
from PIL import Image

from huntaze_video.hdr import to_standard_range

_HD_HEIGHT = 720
_UNSPECIFIED = 2
_HDR_CURVES = frozenset({ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67})  # PQ and HLG
_SHEER = (128, 128, 128, 255)
"""What is seen through a transparent picture."""


def displayed_size(frame: av.VideoFrame, sample_aspect_ratio: Fraction | None) -> tuple[int, int]:
    """Return the width and height of a frame as a player shows it: square pixels, upright."""
    width, height = square_size(frame, sample_aspect_ratio)
    return (height, width) if frame.rotation % 180 else (width, height)


def square_size(frame: av.VideoFrame, sample_aspect_ratio: Fraction | None) -> tuple[int, int]:
    """Return the width and height of a frame with square pixels, before it is turned upright."""
    ratio = float(sample_aspect_ratio or 1)
    if not 0.1 < ratio < 10:
        ratio = 1.0
    return max(1, round(frame.width * ratio)), frame.height


def is_hdr(frame: av.VideoFrame) -> bool:
    """Whether the frame has a high dynamic range: PQ (SMPTE ST 2084) or HLG (ARIB STD-B67)."""
    return frame.color_trc in _HDR_CURVES


def has_alpha(frame: av.VideoFrame) -> bool:
    """Whether the frame is transparent somewhere."""
    return any(component.is_alpha for component in frame.format.components)


class Reducer:
    """Makes small copies of the frames of one video."""

    def __init__(self) -> None:
        # One for all frames, because it works out its tables at the first.
        self._reformatter = VideoReformatter()

    def reduce(self, frame: av.VideoFrame, size: tuple[int, int]) -> av.VideoFrame:
        """Return a copy with 4:2:0 chroma, its alpha and its dynamic range; ``size`` is not yet upright."""
        if frame.interlaced_frame:
            frame = _first_field(frame)
        matrix = _matrix(frame)
        return self._reformatter.reformat(
            frame,
            width=size[0],
            height=size[1],
            format="yuva420p" if has_alpha(frame) else "yuv420p10le" if is_hdr(frame) else "yuv420p",
            src_colorspace=matrix,
            dst_colorspace=matrix,
            interpolation="AREA",
            threads=1,
        )


def to_picture(frame: av.VideoFrame) -> Image.Image:
    """Return a reduced frame as an upright RGB picture."""
    if has_alpha(frame):
        seen = Image.new("RGBA", (frame.width, frame.height), _SHEER)
        seen.alpha_composite(Image.fromarray(frame.to_ndarray(format="rgba"), "RGBA"))
        picture = seen.convert("RGB")
    elif is_hdr(frame):
        signal = frame.to_ndarray(format="rgb48le").astype(np.uint16, copy=False)
        hlg = frame.color_trc == ColorTrc.ARIB_STD_B67
        picture = Image.fromarray(to_standard_range(signal, hlg=hlg))
    else:
        picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
    # The display matrix turns counter-clockwise, as Pillow does.
    return picture.rotate(frame.rotation, expand=True) if frame.rotation % 360 else picture


def _matrix(frame: av.VideoFrame) -> int:
    """Return the colour matrix of a frame; by its height where the file is silent, as players do."""
    if frame.colorspace != _UNSPECIFIED:
        return frame.colorspace
    return Colorspace.ITU709 if min(frame.width, frame.height) >= _HD_HEIGHT else Colorspace.ITU601


def _first_field(frame: av.VideoFrame) -> av.VideoFrame:
    """Return every other line: two moments in one picture look like a comb."""
    graph = av.filter.Graph()
    into = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    field, out_of = graph.add("field", "type=top"), graph.add("buffersink")
    into.link_to(field)
    field.link_to(out_of)
    graph.configure()
    into.push(frame)
    made = out_of.pull()
    assert isinstance(made, av.VideoFrame)
    return made
