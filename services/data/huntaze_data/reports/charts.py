"""Charts as SVG: each series has a form of its own, so that they can be read in grey and in print.

They hold no colours: the page's style sheet gives them (light, dark), or `PAPER` does where there is none.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

from huntaze_data.reports import wording
from huntaze_data.reports.figures import Daily, Hours

PAPER = (
    "text{font-family:Inter;font-size:11px;fill:#5d6673}.grid{stroke:#e6e8ec;stroke-width:1}"
    ".now{fill:none;stroke:#6b2fb3;stroke-width:2.4;stroke-linejoin:round;stroke-linecap:round}"
    ".area{fill:#6b2fb3;fill-opacity:.1}.dot{fill:#6b2fb3}.bar{fill:#6b2fb3}"
    ".before{fill:none;stroke:#9aa1ab;stroke-width:1.6;stroke-dasharray:4 3.5;stroke-linejoin:round}"
    ".ghost{fill:#d9dce1}.cell{fill:#6b2fb3}.none{fill:#f2f3f5}.gap{fill:#9aa1ab}"
)
"""The style of charts on paper."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a chart's values lie on the picture."""

    width: int
    height: int
    left: float
    low: float
    high: float
    count: int
    ticks: tuple[float, ...]
    top: float = 12
    bottom: float = 24
    right: float = 10

    @property
    def base(self) -> float:
        """The height of the lowest value."""
        return self.height - self.bottom

    def y(self, value: float) -> float:
        """Return the height of a value."""
        return self.base - (self.base - self.top) * (value - self.low) / (self.high - self.low)

    @property
    def step(self) -> float:
        """The width of a day."""
        return (self.width - self.left - self.right) / max(1, self.count)

    def x(self, number: int) -> float:
        """Return the middle of a day."""
        return self.left + (number + 0.5) * self.step


def spark(values: Daily, before: Daily = ()) -> str:
    """Draw a series without axes, the preceding one behind it; decoration beside a number."""
    width, height = 200, 40
    known = [value for value in (*values, *before) if value is not None]
    if sum(value is not None for value in values) < 2:
        return ""
    low, high = min(known), max(known)
    pad = (high - low) * 0.08 or 1.0
    frame = Frame(
        width, height, 2, low - pad, high + pad, max(len(values), len(before)), (), top=3, bottom=3, right=4
    )
    last = max(number for number, value in enumerate(values) if value is not None)
    end = values[last] or 0.0
    parts = [_line(frame, before, "before"), _line(frame, values, "now")]
    parts.append(f'<circle class="dot" cx="{frame.x(last):.1f}" cy="{frame.y(end):.1f}" r="2.8"/>')
    return _svg(width, height, "".join(parts), 'aria-hidden="true"')


def lines(now: Daily, before: Daily, days: Sequence[date], unit: str, *, width: int, alt: str) -> str:
    """Draw a level over the days, and the preceding period's dashed and in grey."""
    known = [value for value in (*now, *before) if value is not None]
    frame = _frame(known, len(days), unit, width, from_zero=False, others=len(before))
    parts = [*_axes(frame, days, unit), _line(frame, before, "before"), _area(frame, now)]
    parts.append(_line(frame, now, "now"))
    for run in _runs(now):
        # A line ends in a dot; a day between unknown ones is nothing but its dot.
        number, value = run[-1]
        if len(run) == 1 or number + 1 == len(now):
            x, y = frame.x(number), frame.y(value)
            parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3.4"/>')
    return _svg(width, frame.height, "".join(parts), _labelled(alt))


def bars(now: Daily, before: Daily, days: Sequence[date], unit: str, *, width: int, alt: str) -> str:
    """Draw what each day brought, and behind it, wider and in grey, the same day of the preceding period."""
    known = [value for value in (*now, *before) if value is not None]
    frame = _frame(known, len(days), unit, width, from_zero=True, others=0)
    parts = _axes(frame, days, unit)
    for number, value in enumerate(now):
        ghost = before[number] if number < len(before) else None
        if ghost:
            parts.append(_bar(frame, number, ghost, "ghost", 0.82))
        if value:
            parts.append(_bar(frame, number, value, "bar", 0.46))
        elif value is None:
            x, y = frame.x(number), frame.base - 5
            parts.append(f'<text class="gap" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">?</text>')
    return _svg(width, frame.height, "".join(parts), _labelled(alt))


def heatmap(hours: Hours, *, width: int, alt: str) -> str:
    """Draw a week of hours: the darker, the more messages."""
    left, top, gap = 34.0, 4.0, 2.0
    step = (width - left) / 24
    row = max(16.0, min(24.0, step))
    most = max(map(max, hours.counts)) or 1
    parts: list[str] = []
    for weekday, counts in enumerate(hours.counts):
        y = top + weekday * row
        name = wording.WEEKDAYS[weekday][:3]
        parts.append(f'<text x="0" y="{y + row / 2 + 3:.1f}">{name}</text>')
        for hour, count in enumerate(counts):
            size = f'width="{step - gap:.1f}" height="{row - gap:.1f}" rx="2.5"'
            place = f'x="{left + hour * step:.1f}" y="{y:.1f}" {size}'
            parts.append(f'<rect class="none" {place}/>')
            if count:
                strength = 0.14 + 0.86 * count / most
                parts.append(f'<rect class="cell" {place} fill-opacity="{strength:.2f}"/>')
    height = top + 7 * row + 18
    parts += [
        f'<text x="{left + hour * step:.1f}" y="{height - 4:.1f}">{hour:02}:00</text>'
        for hour in range(0, 24, 6 if width < 500 else 3)
    ]
    return _svg(width, round(height), "".join(parts), _labelled(alt))


def meter(share: float) -> str:
    """Draw a share between 0 and 1 as a bar; decoration beside a number."""
    width, height = 160, 10
    whole = f'<rect class="none" width="{width}" height="{height}" rx="5"/>'
    part = f'<rect class="bar" width="{max(2.0, width * min(1.0, share)):.1f}" height="{height}" rx="5"/>'
    return _svg(width, height, whole + (part if share > 0 else ""), 'aria-hidden="true"')


def _frame(
    known: Sequence[float], count: int, unit: str, width: int, *, from_zero: bool, others: int
) -> Frame:
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if from_zero:
        low = 0.0
    ticks = _ticks(low, high, whole=unit == "count")
    left = 12 + 6.4 * max(len(wording.short(tick, unit)) for tick in ticks)
    height = 200 if width < 500 else 186
    return Frame(width, height, left, ticks[0], ticks[-1], max(count, others), ticks)


def _ticks(low: float, high: float, *, whole: bool) -> tuple[float, ...]:
    """Return three to six round values that enclose the given ones."""
    if high - low < (2 if whole else 1e-9):
        # A level that does not move lies in the middle of the picture, and never below zero.
        low, high = max(0.0, low - 1), high + (1 if low > 0 else 2)
    raw = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    if whole:
        step = max(1.0, math.ceil(step))
    first = math.floor(low / step + 1e-9)
    last = max(first + 1, math.ceil(high / step - 1e-9))
    return tuple(round(number * step, 6) for number in range(first, last + 1))


def _axes(frame: Frame, days: Sequence[date], unit: str) -> list[str]:
    parts: list[str] = []
    for tick in frame.ticks:
        y = frame.y(tick)
        parts.append(
            f'<line class="grid" x1="{frame.left:.1f}" x2="{frame.width}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        label = escape(wording.short(tick, unit))
        parts.append(f'<text x="{frame.left - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    every = max(1, math.ceil(len(days) * (34 if len(days) <= 7 else 54) / (frame.width - frame.left)))
    for number in range(0, len(days), every):
        day = days[number]
        name = wording.WEEKDAYS[day.weekday()][:3] if len(days) <= 7 else wording.short_day(day)
        # The last name ends where the picture does.
        x = min(frame.x(number), frame.width - 3.2 * len(name))
        parts.append(f'<text x="{x:.1f}" y="{frame.height - 6}" text-anchor="middle">{name}</text>')
    return parts


def _bar(frame: Frame, number: int, value: float, kind: str, share: float) -> str:
    width = frame.step * share
    y = frame.y(value)
    return (
        f'<rect class="{kind}" x="{frame.x(number) - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}"'
        f' height="{max(0.8, frame.base - y):.1f}" rx="{min(3.0, width / 4):.1f}"/>'
    )


def _runs(values: Daily) -> Iterator[list[tuple[int, float]]]:
    """Yield the stretches of known days."""
    run: list[tuple[int, float]] = []
    for number, value in enumerate(values):
        if value is None:
            if run:
                yield run
            run = []
        else:
            run.append((number, value))
    if run:
        yield run


def _line(frame: Frame, values: Daily, kind: str) -> str:
    paths = (
        "M" + " L".join(f"{frame.x(number):.1f} {frame.y(value):.1f}" for number, value in run)
        for run in _runs(values)
        if len(run) > 1
    )
    return "".join(f'<path class="{kind}" d="{path}"/>' for path in paths)


def _area(frame: Frame, values: Daily) -> str:
    paths = (
        f"M{frame.x(run[0][0]):.1f} {frame.base:.1f} "
        + " ".join(f"L{frame.x(number):.1f} {frame.y(value):.1f}" for number, value in run)
        + f" L{frame.x(run[-1][0]):.1f} {frame.base:.1f} Z"
        for run in _runs(values)
        if len(run) > 1
    )
    return "".join(f'<path class="area" d="{path}"/>' for path in paths)


def _labelled(alt: str) -> str:
    return f'role="img" aria-label="{escape(alt, quote=True)}"'


def _svg(width: int, height: int, inside: str, attributes: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" {attributes}>{inside}</svg>'
    )
