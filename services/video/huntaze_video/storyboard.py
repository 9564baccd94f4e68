"""The storyboard that players show while seeking: sheets of small pictures, and a WebVTT map of them."""

import hashlib
from math import ceil

import av
from PIL import Image as Pillow

from huntaze_video.extraction import ImageFormat, Sheet, Storyboard
from huntaze_video.grid import encode
from huntaze_video.pictures import Reducer, to_picture

TILE_SIDE = 160
_MOST_TILES = 100
_SHORTEST_STEP = 1.0
_COLUMNS = 10
_ROWS = 5
_QUALITY = 70


class Storyboarder:
    """Collects one small picture per step while a video streams by."""

    def __init__(self, duration: float) -> None:
        """Plan at most a hundred pictures over ``duration`` seconds."""
        self.step = max(_SHORTEST_STEP, duration / _MOST_TILES)
        self._tiles: list[Pillow.Image] = []
        self._reducer = Reducer()

    def offer(self, time: float, frame: av.VideoFrame, size: tuple[int, int]) -> None:
        """Keep the frame if its step has none yet; ``size`` is that of a frame as displayed."""
        while time >= len(self._tiles) * self.step and len(self._tiles) < _MOST_TILES:
            self._tiles.append(self._tile(frame, size))

    def _tile(self, frame: av.VideoFrame, size: tuple[int, int]) -> Pillow.Image:
        scale = TILE_SIDE / max(size)
        width, height = (max(2, round(side * scale / 2) * 2) for side in size)
        if frame.rotation % 180:
            width, height = height, width
        return to_picture(self._reducer.reduce(frame, (width, height)))

    def finish(self, duration: float) -> Storyboard:
        """Return the sheets and the map, for a video of ``duration`` seconds."""
        sheets: list[Sheet] = []
        lines = ["WEBVTT", ""]
        for first in range(0, len(self._tiles), _COLUMNS * _ROWS):
            tiles = self._tiles[first : first + _COLUMNS * _ROWS]
            sheet = _sheet(tiles)
            sheets.append(sheet)
            for index, tile in enumerate(tiles):
                begin = (first + index) * self.step
                end = min(begin + self.step, duration) if first + index + 1 < len(self._tiles) else duration
                x, y = index % _COLUMNS * tile.width, index // _COLUMNS * tile.height
                where = f"{sheet.name}#xywh={x},{y},{tile.width},{tile.height}"
                lines += [f"{_clock(begin)} --> {_clock(max(end, begin + 0.001))}", where, ""]
        return Storyboard(step=round(self.step, 3), vtt="\n".join(lines), sheets=tuple(sheets))


def _sheet(tiles: list[Pillow.Image]) -> Sheet:
    width, height = tiles[0].size
    columns = min(_COLUMNS, len(tiles))
    sheet = Pillow.new("RGB", (columns * width, ceil(len(tiles) / _COLUMNS) * height))
    for index, tile in enumerate(tiles):
        sheet.paste(tile, (index % _COLUMNS * width, index // _COLUMNS * height))
    image = encode(sheet, ImageFormat.JPEG, _QUALITY)
    return Sheet(name=f"{hashlib.sha256(image.data).hexdigest()[:32]}.jpg", image=image)


def _clock(seconds: float) -> str:
    """Write a time as WebVTT does, ``hh:mm:ss.ttt``."""
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
