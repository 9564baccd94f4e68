"""What changed in a period more than chance explains, and what it came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from statistics import median

from huntaze_data.reports import wording
from huntaze_data.reports.figures import Change, Daily, mean
from huntaze_data.reports.significance import (
    LEAST_BASELINE,
    LEAST_DAYS,
    LEAST_SHIFT,
    LEVEL,
    UNUSUAL,
    deviations,
    holm,
    shift_p,
)

_MOST = 6
_LEAST_SHARE = 0.1
"""Of what made a day unusual, for a part to be named."""
_LEAST_PART = 0.5
"""Of the difference, that one part has to explain to be named as its reason."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A daily series that is looked at for changes."""

    metric: str
    label: str
    unit: str
    now: Daily
    before: Daily
    baseline: Daily
    """The 28 days before the period."""
    parts: Mapping[str, tuple[Daily, Daily]]
    """The same series, now and before, per platform or kind of payment."""

    @property
    def can_be_judged(self) -> bool:
        """Whether there are days enough for either test."""
        enough = min(len(_known(self.now)), len(_known(self.before))) >= LEAST_DAYS
        return enough or (bool(_known(self.now)) and len(_known(self.baseline)) >= LEAST_BASELINE)


def find_changes(watched: Sequence[Watched], days: Sequence[date]) -> tuple[Change, ...]:
    """Return the shifts, the most certain first, then unusual days in order of time."""
    shifted = _shifts(watched)
    unusual = [change for each in watched for change in _unusual_days(each, days)]
    unusual.sort(key=lambda pair: -abs(pair[0]))
    chosen = [change for _, change in unusual[: max(1, _MOST - len(shifted))]]
    return (*shifted, *sorted(chosen, key=lambda change: (change.day or date.min, change.metric)))


def _shifts(watched: Sequence[Watched]) -> list[Change]:
    tested = [(each, shift_p(_known(each.now), _known(each.before))) for each in watched]
    judged = [(each, p) for each, p in tested if p is not None]
    corrected = holm([p for _, p in judged])
    found = [
        _shift(each, p)
        for (each, _), p in zip(judged, corrected, strict=True)
        if p < LEVEL and _is_large(each)
    ]
    return sorted(found, key=lambda change: (change.p or 0.0, change.metric))


def _is_large(each: Watched) -> bool:
    now, before = mean(each.now), mean(each.before)
    return now is not None and before is not None and abs(now - before) >= LEAST_SHIFT * abs(before)


def _shift(each: Watched, p: float) -> Change:
    now, before = mean(each.now) or 0.0, mean(each.before) or 0.0
    verb = "rose" if now > before else "fell"
    text = (
        f"{each.label} {verb}: {wording.rate(now, each.unit)} a day on average,"
        f" against {wording.rate(before, each.unit)} before"
    )
    direction = "up" if now > before else "down"
    return Change(metric=each.metric, direction=direction, text=text, reason=_reason(each, now - before), p=p)


def _reason(each: Watched, difference: float) -> str:
    """Name the part that explains most of a difference of daily means."""
    if len(each.parts) < 2 or not difference:
        return ""
    shares = {
        name: ((mean(now) or 0.0) - (mean(before) or 0.0)) / difference
        for name, (now, before) in each.parts.items()
    }
    name = max(shares, key=lambda key: (shares[key], key))
    if shares[name] < _LEAST_PART:
        return ""
    share = f"{min(1.0, shares[name]):.0%}".replace("%", f"{wording.NARROW_SPACE}%")
    return f"{share} of the difference comes from {wording.part(name)}"


def _unusual_days(each: Watched, days: Sequence[date]) -> list[tuple[float, Change]]:
    """Find runs of days that are all unusually high, or all low, with the largest deviation of each."""
    baseline = _known(each.baseline)
    scores = deviations(each.now, baseline)
    signs = [0 if z is None or abs(z) <= UNUSUAL else 1 if z > 0 else -1 for z in scores]
    found: list[tuple[float, Change]] = []
    for sign, group in groupby(range(len(days)), key=signs.__getitem__):
        run = list(group)
        if sign:
            largest = max((scores[number] or 0.0 for number in run), key=abs)
            found.append((largest, _unusual(each, days, run, median(baseline))))
    return found


def _unusual(each: Watched, days: Sequence[date], run: list[int], usual: float) -> Change:
    values = [each.now[number] or 0.0 for number in run]
    value = sum(values) / len(values)
    first, last = days[run[0]], days[run[-1]]
    when = f"on {wording.WEEKDAYS[first.weekday()]} {wording.short_day(first)}"
    a_day = ""
    if len(run) > 1:
        when, a_day = f"from {wording.short_day(first)} to {wording.short_day(last)}", " a day"
    text = (
        f"{each.label} {when}: {wording.rate(value, each.unit)}{a_day},"
        f" where {wording.rate(usual, each.unit)} is usual"
    )
    direction = "up" if value > usual else "down"
    reason = _reason_of_days(each, run, value - usual)
    return Change(metric=each.metric, direction=direction, text=text, reason=reason, day=first)


def _reason_of_days(each: Watched, run: list[int], difference: float) -> str:
    """Name the parts that moved the same way by a noticeable share of the whole."""
    moved = {
        name: (mean([now[number] for number in run]) or 0.0) - (mean(before) or 0.0)
        for name, (now, before) in each.parts.items()
    }
    alike = sorted(name for name, by in moved.items() if by / difference > _LEAST_SHARE)
    if len(moved) < 2 or not alike:
        return ""
    names = wording.listed([wording.part(name) for name in alike])
    return f"seen in all of {names}" if len(alike) == len(moved) else f"it comes from {names}"


def _known(values: Daily) -> list[float]:
    return [value for value in values if value is not None]
