"""Civil days: which ones a run counts, and from when to when they last in a time zone."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from huntaze_data.errors import DayInFuture

# The last places on Earth to end a day are twelve hours behind UTC.
_LAST_ZONE = timedelta(hours=12)
_LONGEST_RANGE = 366
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class CivilDay:
    """One day in one time zone, as instants of UTC: [since, until)."""

    written: str
    """The zone as the application has it."""
    zone: str
    """The zone that is meant: UTC where nobody knows the one that is written."""
    since: datetime
    until: datetime


def days_to_count(now: datetime, *, first: date | None, last: date | None, late_days: int) -> list[date]:
    """Return the civil days that a run at ``now`` (aware) counts, newest first.

    Without ``first``: the day before now's in UTC, and the ``late_days`` before it. With it: that day, or the
    range up to ``last``.

    Raises:
        DayInFuture: the range holds today (in UTC) or later, is upside down, or is longer than a year.
    """
    today = now.astimezone(UTC).date()
    if first is None:
        if last is not None:
            raise DayInFuture("until needs a date, the first day of the range")
        return [today - timedelta(days=back) for back in range(1, late_days + 2)]
    last = last or first
    length = (last - first).days + 1
    if last >= today:
        raise DayInFuture(
            f"{last} has not ended; the last day that can be counted is {today - timedelta(days=1)}"
        )
    if not 1 <= length <= _LONGEST_RANGE:
        raise DayInFuture(f"date and until name {length} days; 1 to {_LONGEST_RANGE} can be counted at once")
    return [last - timedelta(days=number) for number in range(length)]


def has_ended_everywhere(day: date, now: datetime) -> bool:
    """Tell whether a civil day is over in every zone, so that its count can be complete."""
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    return end + _LAST_ZONE <= now


def civil_day(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the instants (UTC) at which a day begins and ends in a zone: 23, 24 or 25 hours, or none at all.

    A day whose midnight the clocks skip begins when they do; one whose midnight comes twice, at the first.
    """
    return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)


def ended_days(day: date, zones: Iterable[str], now: datetime) -> list[CivilDay]:
    """Return the day in each of the written zones in which it is over by ``now``."""
    days: list[CivilDay] = []
    for written in zones:
        zone = known_zone(written)
        since, until = civil_day(day, zone)
        if until <= now:
            days.append(CivilDay(written, zone.key, since, until))
    return days


def known_zone(name: str) -> ZoneInfo:
    """Return the zone of an IANA name; UTC where there is none: a wrong name stops nobody's count."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return _UTC


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
