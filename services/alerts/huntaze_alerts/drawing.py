"""A small picture of a metric around an event, for people who read mail and chats.

Plain enough to be read in grey and at a phone's width: one line, the limits it met, and when.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 1200, 480
"""Pixels; shown at half of it, so that it is sharp on dense screens."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 120, 40, 64, 64
_PAPER, _INK, _FAINT, _LIMIT, _BREACH = "#ffffff", "#1f2933", "#6b7785", "#b42318", "#f9dedb"
_TEXT = 26
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True, slots=True)
class Curve:
    """What a rule's metric was at some instants, oldest first."""

    points: Sequence[tuple[datetime, float | None]]
    """None where nothing was measured."""
    threshold: float
    above: bool
    """Whether values above the threshold are the bad ones."""
    clear: float | None
    fired_at: datetime
    resolved_at: datetime | None

    @property
    def measured(self) -> list[float]:
        """The values that there are."""
        return [value for _, value in self.points if value is not None]


def describe(curve: Curve, zone: tzinfo) -> str:
    """Say what the picture shows, for those who don't see it."""
    first, last = (at.astimezone(zone) for at in (curve.points[0][0], curve.points[-1][0]))
    parts = [
        f"Line from {first:%d %b %H:%M} to {last:%d %b %H:%M}",
        f"values from {short(min(curve.measured))} to {short(max(curve.measured))}",
        f"limit {short(curve.threshold)}",
        f"fired at {curve.fired_at.astimezone(zone):%H:%M}",
    ]
    if curve.resolved_at is not None:
        parts.append(f"over at {curve.resolved_at.astimezone(zone):%H:%M}")
    return ", ".join(parts)


def short(value: float) -> str:
    """Write a number in at most six characters: 950, 12.5k, 1.2M."""
    for factor, prefix in _PREFIXES:
        if abs(value) >= factor * 0.9995:
            return f"{value / factor:.3g}{prefix}" if abs(value) < 1e15 else f"{value:.0e}"
    return f"{value:.3g}"


def draw(curve: Curve, zone: tzinfo) -> bytes:
    """Draw a curve that has at least one value; returns a PNG of `WIDTH` by `HEIGHT`."""
    return _Picture(curve, zone).png()


class _Picture:
    def __init__(self, curve: Curve, zone: tzinfo) -> None:
        self._curve, self._zone = curve, zone
        self._begin, end = curve.points[0][0], curve.points[-1][0]
        self._span = max(end - self._begin, timedelta(seconds=1))
        marks = [*curve.measured, curve.threshold, *([curve.clear] if curve.clear is not None else [])]
        low, high = min(marks), max(marks)
        margin = (high / 2 - low / 2) * 0.16 or abs(high) * 0.1 or 1.0
        most = sys.float_info.max
        self._low, self._high = max(low - margin, -most), min(high + margin, most)
        self._image = Image.new("RGB", (WIDTH, HEIGHT), _PAPER)
        self._canvas = ImageDraw.Draw(self._image)
        self._font = ImageFont.load_default(_TEXT)

    def png(self) -> bytes:
        self._breach()
        self._axes()
        if self._curve.clear is not None:
            self._limit(self._curve.clear, f"clear {short(self._curve.clear)}", _FAINT, dash=6)
        self._limit(self._curve.threshold, f"limit {short(self._curve.threshold)}", _LIMIT, dash=18)
        self._line()
        self._instant(self._curve.fired_at, "fired")
        if self._curve.resolved_at is not None:
            self._instant(self._curve.resolved_at, "over")
        file = BytesIO()
        # A few colours are all there is: a quarter of the bytes.
        self._image.quantize(32, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
        return file.getvalue()

    def _x(self, at: datetime) -> float:
        return _LEFT + (at - self._begin) / self._span * (WIDTH - _LEFT - _RIGHT)

    def _y(self, value: float) -> float:
        # Halved, because the whole range of two huge numbers may be infinite.
        share = (value / 2 - self._low / 2) / (self._high / 2 - self._low / 2)
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)

    def _breach(self) -> None:
        edge = _TOP if self._curve.above else HEIGHT - _BOTTOM
        box = sorted((edge, self._y(self._curve.threshold)))
        self._canvas.rectangle((_LEFT, box[0], WIDTH - _RIGHT, box[1]), fill=_BREACH)

    def _axes(self) -> None:
        bottom = HEIGHT - _BOTTOM
        self._canvas.line((_LEFT, bottom, WIDTH - _RIGHT, bottom), _FAINT, 2)
        values = self._curve.measured
        low, high = min(values), max(values)
        self._write(_LEFT - 14, self._y(high), short(high), "rm")
        if self._y(low) - self._y(high) > _TEXT:
            self._write(_LEFT - 14, self._y(low), short(low), "rm")
        first, last = (at.astimezone(self._zone) for at in (self._begin, self._begin + self._span))
        form = "%H:%M" if first.date() == last.date() else "%d %b %H:%M"
        self._write(_LEFT, bottom + 14, f"{first:%d %b %H:%M}", "la")
        self._write(WIDTH - _RIGHT, bottom + 14, f"{last:{form}} {last.tzname()}", "ra")

    def _limit(self, value: float, label: str, colour: str, *, dash: int) -> None:
        y = self._y(value)
        for x in range(_LEFT, WIDTH - _RIGHT, 2 * dash):
            self._canvas.line((x, y, min(x + dash, WIDTH - _RIGHT), y), colour, 3)
        # At the left, as the event is at the right; the milder limit's label on its milder side.
        over = (colour == _LIMIT) == self._curve.above
        self._write(_LEFT + 8, y - 8 if over else y + 8, label, "ls" if over else "la", colour)

    def _line(self) -> None:
        run: list[tuple[float, float]] = []
        for at, value in (*self._curve.points, (self._begin, None)):
            if value is not None:
                run.append((self._x(at), self._y(value)))
                continue
            if len(run) > 1:
                self._canvas.line(run, _INK, 5, joint="curve")
            for x, y in run[:1] + run[-1:]:
                self._canvas.ellipse((x - 5, y - 5, x + 5, y + 5), _INK)
            run = []

    def _instant(self, at: datetime, word: str) -> None:
        x = self._x(at)
        if not _LEFT <= x <= WIDTH - _RIGHT:
            return
        self._canvas.line((x, _TOP - 10, x, HEIGHT - _BOTTOM), _INK, 2)
        anchor = "ls" if x < WIDTH / 2 else "rs"
        self._write(x, _TOP - 16, f"{word} {at.astimezone(self._zone):%H:%M}", anchor)

    def _write(self, x: float, y: float, text: str, anchor: str, colour: str = _INK) -> None:
        # A halo keeps text readable on the line that it may cross.
        self._canvas.text((x, y), text, colour, self._font, anchor=anchor, stroke_width=3, stroke_fill=_PAPER)


def finite(value: float | None) -> float | None:
    """Return a value that can be drawn: neither infinite nor undefined."""
    return value if value is not None and math.isfinite(value) else None
