"""Civil days: which ones a run counts. The bounds of a day in a zone are the database's (`AT TIME ZONE`)."""

from datetime import UTC, date, datetime, timedelta

from huntaze_data.errors import DayInFuture

# The last places on Earth to end a day are twelve hours behind UTC.
_LAST_ZONE = timedelta(hours=12)
_LONGEST_RANGE = 366


def days_to_count(now: datetime, *, first: date | None, last: date | None, late_days: int) -> list[date]:
    """Return the civil days that a run at ``now`` (aware) counts, oldest first.

    Without ``first``: the day before now's in UTC, and the ``late_days`` before it. With it: that day, or the
    range up to ``last``.

    Raises:
        DayInFuture: the range holds today (in UTC) or later, is upside down, or is longer than a year.
    """
    today = now.astimezone(UTC).date()
    if first is None:
        return [today - timedelta(days=back) for back in range(late_days + 1, 0, -1)]
    last = last or first
    length = (last - first).days + 1
    if last >= today:
        raise DayInFuture(
            f"{last} has not ended; the last day that can be counted is {today - timedelta(days=1)}"
        )
    if not 1 <= length <= _LONGEST_RANGE:
        raise DayInFuture(f"date and until name {length} days; 1 to {_LONGEST_RANGE} can be counted at once")
    return [first + timedelta(days=number) for number in range(length)]


def has_ended_everywhere(day: date, now: datetime) -> bool:
    """Tell whether a civil day is over in every zone, so that its count can be complete."""
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    return end + _LAST_ZONE <= now
