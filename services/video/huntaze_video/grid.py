"""Compose frames into one picture with a labelled cell for each. The same input gives the same bytes."""

from collections.abc import Iterable
from io import BytesIO
from typing import NamedTuple

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from huntaze_video.extraction import Cell, Grid, Image, ImageFormat

GUTTER = 4

_BACKGROUND = (24, 26, 30)
_STRIP = (38, 41, 47)
_ORDINAL = (255, 255, 255)
_TIME = (190, 196, 206)
_WIDEST = 4.0
"""Aspect ratio beyond which the cell stops following the clip, and the frame is centred in it."""
_ENLARGED = 2.0


class Tile(NamedTuple):
    """One frame to show."""

    ordinal: int
    time: float
    picture: Pillow.Image


class Layout(NamedTuple):
    """Sizes in pixels: of a cell's picture, of the label strip beneath it, and of the whole."""

    cell_width: int
    cell_height: int
    strip: int
    width: int
    height: int


def lay_out(frame_size: tuple[int, int], rows: int, cols: int, side: int) -> Layout:
    """Return the largest layout for frames of ``frame_size`` whose longer side is at most ``side`` pixels."""
    aspect = min(max(frame_size[0] / frame_size[1], 1 / _WIDEST), _WIDEST)
    most = max(64, round(max(frame_size) * _ENLARGED))
    for cell_width in range((side - GUTTER) // cols - GUTTER, 0, -1):
        cell_height = max(1, round(cell_width / aspect))
        strip = min(40, max(14, round(min(cell_width, cell_height) * 0.11)))
        width = cols * (cell_width + GUTTER) + GUTTER
        height = rows * (cell_height + strip + GUTTER) + GUTTER
        if height <= side and max(cell_width, cell_height) <= most:
            return Layout(cell_width, cell_height, strip, width, height)
    raise ValueError(f"{rows} x {cols} cells do not fit into {side} pixels")


def compose(
    tiles: Iterable[Tile],
    *,
    rows: int,
    cols: int,
    side: int,
    image_format: ImageFormat,
    quality: int,
) -> Grid:
    """Draw ``tiles`` row by row; cells without a tile stay empty.

    All pictures have the same size. ``quality`` is that of JPEG and lossy WebP; PNG has none.
    """
    sheet: _Sheet | None = None
    for index, tile in enumerate(tiles):
        if sheet is None:
            sheet = _Sheet(lay_out(tile.picture.size, rows, cols, side))
        sheet.add(tile, *divmod(index, cols))
    if sheet is None:
        raise ValueError("there is no tile")
    return Grid(
        rows=rows,
        cols=cols,
        image=encode(sheet.picture, image_format, quality, small=True),
        cells=tuple(sheet.cells),
    )


class _Sheet:
    """The picture as it grows."""

    def __init__(self, layout: Layout) -> None:
        self.cells: list[Cell] = []
        self.picture = Pillow.new("RGB", (layout.width, layout.height), _BACKGROUND)
        self._layout = layout
        self._draw = ImageDraw.Draw(self.picture)
        self._font = ImageFont.load_default(size=round(layout.strip * 0.68))

    def add(self, tile: Tile, row: int, col: int) -> None:
        """Draw one cell."""
        layout = self._layout
        x = GUTTER + col * (layout.cell_width + GUTTER)
        y = GUTTER + row * (layout.cell_height + layout.strip + GUTTER)
        shown = _fitted(tile.picture, layout)
        left, top = x + (layout.cell_width - shown.width) // 2, y + (layout.cell_height - shown.height) // 2
        self.picture.paste(shown, (left, top))
        self._label(tile, x, y + layout.cell_height)
        self.cells.append(
            Cell(
                row=row,
                col=col,
                ordinal=tile.ordinal,
                time=tile.time,
                x=left,
                y=top,
                width=shown.width,
                height=shown.height,
            )
        )

    def _label(self, tile: Tile, x: int, y: int) -> None:
        layout, draw = self._layout, self._draw
        middle, pad = y + layout.strip / 2, max(4, layout.strip // 4)
        right = x + layout.cell_width
        draw.rectangle((x, y, right - 1, y + layout.strip - 1), fill=_STRIP)
        draw.text((x + pad, middle), str(tile.ordinal), font=self._font, fill=_ORDINAL, anchor="lm")
        draw.text((right - pad, middle), clock(tile.time), font=self._font, fill=_TIME, anchor="rm")


def encode(picture: Pillow.Image, image_format: ImageFormat, quality: int, *, small: bool = False) -> Image:
    """Encode a picture; the bytes depend on nothing but the arguments and the version of Pillow.

    With ``small``, a JPEG is made in twice the time and comes up gradually.
    """
    buffer = BytesIO()
    match image_format:
        case ImageFormat.JPEG:
            picture.save(buffer, "JPEG", quality=quality, progressive=small, optimize=small)
        case ImageFormat.PNG:
            picture.save(buffer, "PNG", compress_level=6)
        case ImageFormat.WEBP:
            picture.save(buffer, "WEBP", quality=quality, method=4)
    return Image(
        data=buffer.getvalue(), media_type=image_format.media_type, width=picture.width, height=picture.height
    )


def clock(seconds: float) -> str:
    """Write a time as minutes, seconds and tenths, ``m:ss.d``, rounded down."""
    tenths = int(seconds * 10 + 1e-6)
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"


def _fitted(picture: Pillow.Image, layout: Layout) -> Pillow.Image:
    scale = min(layout.cell_width / picture.width, layout.cell_height / picture.height)
    size = (
        min(layout.cell_width, max(1, round(picture.width * scale))),
        min(layout.cell_height, max(1, round(picture.height * scale))),
    )
    return picture if size == picture.size else picture.resize(size, Pillow.Resampling.LANCZOS)
