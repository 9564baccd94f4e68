"""The data service: daily analytics, user statistics, retention."""

import datetime
from typing import Annotated, Literal

from msgspec import Meta

from huntaze_contracts.base import Count, Id, Payload, Result


class AggregateAnalytics(Payload, frozen=True, tag_field="action", tag="aggregate-analytics"):
    """Count the civil days of all users, each in the user's own time zone. Running it again changes nothing.

    Without dates: yesterday, seen from the schedule's own time, and the days before it whose late events are
    still counted.
    """

    date: datetime.date | None = None
    until: Annotated[
        datetime.date | None, Meta(description="With `date`: the last day of a range to count again.")
    ] = None


class CalculateUserStats(Payload, frozen=True, tag_field="action", tag="calculate-user-stats"):
    """Compute each user's statistics over the last 30 days against the 30 before."""


class CleanupOldData(Payload, frozen=True, tag_field="action", tag="cleanup-old-data"):
    """Delete what its retention policy no longer keeps, in small batches; never an uncounted day."""

    policy: Annotated[Id | None, Meta(description="One policy only; all enabled ones when absent.")] = None
    dry_run: bool = False
    force: Annotated[bool, Meta(description="Delete even where it is a large share of the table.")] = False


DataProcessing = AggregateAnalytics | CalculateUserStats | CleanupOldData


class DataProcessed(Result, frozen=True):
    """What the action did."""

    action: Literal["aggregate-analytics", "calculate-user-stats", "cleanup-old-data"]
    days: tuple[datetime.date, ...] = ()
    users: Count = 0
    rows_read: Count = 0
    rows_written: Count = 0
    rows_deleted: Count = 0
    complete: Annotated[bool, Meta(description="False when a continuation job does the rest.")] = True
