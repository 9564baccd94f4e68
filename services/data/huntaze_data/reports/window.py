"""The days that a report looks at."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from huntaze_data.reports.figures import Daily
from huntaze_data.reports.periods import Anchors, Period, midnight, preceding
from huntaze_data.reports.significance import BASELINE_DAYS

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """The days that a report looks at: the period, the preceding one, and 28 days before the period."""

    period: Period
    before: Period
    zone: ZoneInfo
    days: list[date]
    begins: list[datetime]

    @classmethod
    def of(cls, period: Period, zone: ZoneInfo, anchors: Anchors) -> "Window":
        """Take all days from the first one needed to the period's last."""
        before = preceding(period, anchors)
        first = min(before.first, period.first - BASELINE_DAYS * DAY)
        days = [first + number * DAY for number in range((period.last - first).days + 1)]
        return cls(period, before, zone, days, [midnight(day, zone) for day in days])

    def of_period(self, values: Sequence[float | None]) -> Daily:
        """Cut the period's days out of a series over all days."""
        return tuple(values[-len(self.period) :])

    def of_before(self, values: Sequence[float | None]) -> Daily:
        """Cut out the preceding period's."""
        return tuple(values[-len(self.period) - len(self.before) : -len(self.period)])

    def of_baseline(self, values: Sequence[float | None]) -> Daily:
        """Cut out the 28 days before the period."""
        return tuple(values[-len(self.period) - BASELINE_DAYS : -len(self.period)])
