"""Periods of reports: runs of civil days of the user.

Weeks begin on a chosen weekday. Months begin on a chosen day of the month, and on the month's last day where
it has no such day; so the periods of each kind follow one another without gap or overlap.
"""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from huntaze_data.errors import PeriodInvalid

Kind = Literal["weekly", "monthly", "custom"]
LONGEST = 366
"""Days of a custom report."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """Where a user's weeks and months begin."""

    weekday: int = 1
    """ISO: 1 is Monday, 7 is Sunday."""
    month_day: int = 1
    """1 to 31; in a shorter month, its last day."""


@dataclass(frozen=True, slots=True)
class Period:
    """The civil days from ``first`` to ``last``, both included."""

    kind: Kind
    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """Each day, in order."""
        return [self.first + timedelta(days=number) for number in range(len(self))]

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def begin(self, zone: ZoneInfo) -> datetime:
        """Return the instant at which the period begins in ``zone``; it belongs to the period."""
        return midnight(self.first, zone)

    def end(self, zone: ZoneInfo) -> datetime:
        """Return the instant at which the period is over in ``zone``; it does not belong to it."""
        return midnight(self.last + timedelta(days=1), zone)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant (UTC) at which a civil day begins; where clocks skip midnight, its first instant."""
    # Of a wall time that is skipped, fold=0 takes the offset before the gap: as an instant, the gap's end.
    return datetime.combine(day, time(), zone).astimezone(UTC)


def holding(day: date, kind: Literal["weekly", "monthly"], anchors: Anchors) -> Period:
    """Return the week or month that ``day`` lies in."""
    if kind == "weekly":
        first = day - timedelta(days=(day.isoweekday() - anchors.weekday) % 7)
        return Period("weekly", first, first + timedelta(days=6))
    first = _anchor_day(day.year, day.month, anchors.month_day)
    if day < first:
        first = _anchor_day(*_month_before(day.year, day.month), anchors.month_day)
    following = _anchor_day(*_month_after(first.year, first.month), anchors.month_day)
    return Period("monthly", first, following - timedelta(days=1))


def newest(
    kind: Literal["weekly", "monthly"], now: datetime, zone: ZoneInfo, anchors: Anchors, *, hour: int = 0
) -> Period:
    """Return the last period that was over, and its next day at ``hour`` o'clock, at ``now`` (aware)."""
    local = now.astimezone(zone)
    day = local.date() if local.hour >= hour else local.date() - timedelta(days=1)
    return preceding(holding(day, kind, anchors), anchors)


def preceding(period: Period, anchors: Anchors) -> Period:
    """Return the period before: the same kind's, or for a custom one as many days."""
    end = period.first - timedelta(days=1)
    if period.kind == "custom":
        return Period("custom", end - timedelta(days=len(period) - 1), end)
    return holding(end, period.kind, anchors)


def chosen(
    kind: Kind, first: date | None, last: date | None, now: datetime, zone: ZoneInfo, anchors: Anchors
) -> Period:
    """Return the period that a job asks for, or the newest of its kind where it names no day.

    A weekly or monthly report whose ``first`` is inside a period means that period.

    Raises:
        PeriodInvalid: it is not over yet, is upside down or too long, or the days do not fit the kind.
    """
    if kind == "custom":
        if first is None or last is None:
            raise PeriodInvalid("first and last: a custom report needs both")
        length = (last - first).days + 1
        if not 1 <= length <= LONGEST:
            raise PeriodInvalid(f"first and last name {length} days; 1 to {LONGEST} can be reported")
        period = Period("custom", first, last)
    else:
        if last is not None:
            raise PeriodInvalid(f"last: a {kind} report follows from its first day")
        period = newest(kind, now, zone, anchors) if first is None else holding(first, kind, anchors)
    if not date(2000, 1, 1) <= period.first <= date(9000, 1, 1):
        raise PeriodInvalid("first: a report begins in the year 2000 or later")
    if period.end(zone) > now:
        raise PeriodInvalid(f"{period.last} is not over yet in {zone.key}")
    return period


def _anchor_day(year: int, month: int, month_day: int) -> date:
    return date(year, month, min(month_day, calendar.monthrange(year, month)[1]))


def _month_before(year: int, month: int) -> tuple[int, int]:
    return (year - 1, 12) if month == 1 else (year, month - 1)


def _month_after(year: int, month: int) -> tuple[int, int]:
    return (year + 1, 1) if month == 12 else (year, month + 1)
