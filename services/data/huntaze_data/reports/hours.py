"""When fans write: messages per weekday and hour of the user's day."""

from collections.abc import Sequence
from datetime import timedelta

from huntaze_common.postgres import Pool

from huntaze_data.reports import store, wording
from huntaze_data.reports.figures import LEAST_MESSAGES, Hours
from huntaze_data.reports.periods import midnight
from huntaze_data.reports.significance import BASELINE_DAYS, LEVEL, poisson_tail
from huntaze_data.reports.window import DAY, Window


async def hours_of(pool: Pool, user_id: str, window: Window) -> Hours | None:
    """Count fans' messages per weekday and hour over the period, or over four weeks if that is longer."""
    first = min(window.period.first, window.period.last - (BASELINE_DAYS - 1) * DAY)
    begin, end = midnight(first, window.zone), window.period.end(window.zone)
    begins = [begin + timedelta(hours=number) for number in range(round((end - begin) / timedelta(hours=1)))]
    rows = await store.messages_by_hour(pool, user_id, begins, end)
    if not rows:
        return None
    counts = [[0] * 24 for _ in range(7)]
    for row in rows:
        local = begins[row["number"]].astimezone(window.zone)
        counts[local.weekday()][local.hour] += row["messages"]
    return Hours(first=first, last=window.period.last, counts=tuple(map(tuple, counts)), best=_best(counts))


def _best(counts: Sequence[Sequence[int]]) -> str:
    """Name the three hours of the week with the most messages, where that is more than chance."""
    if sum(map(sum, counts)) < LEAST_MESSAGES:
        return ""
    week = [count for weekday in counts for count in weekday]
    sums = [sum(week[(start + offset) % len(week)] for offset in range(3)) for start in range(len(week))]
    start = max(range(len(week)), key=lambda hour: (sums[hour], -hour))
    # As many windows were looked at as there are hours: chance alone makes one of them the busiest.
    if poisson_tail(sums[start], sum(week) * 3 / len(week)) * len(week) >= LEVEL:
        return ""
    return f"{wording.WEEKDAYS[start // 24]}s, {start % 24:02}:00 to {(start + 3) % 24:02}:00"
