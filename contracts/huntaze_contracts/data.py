"""The data service: daily analytics, user statistics, reports, retention, erasure and export."""

import datetime
from typing import Annotated, Literal

from msgspec import Meta

from huntaze_contracts.base import Count, Id, Instant, Key, Payload, Result


class AggregateAnalytics(Payload, frozen=True, tag_field="action", tag="aggregate-analytics"):
    """Count the civil days of all users, each in the user's own time zone. Running it again changes nothing.

    Without dates: yesterday, seen from the schedule's own time, and the days before it whose late events are
    still counted.
    """

    date: datetime.date | None = None
    until: Annotated[
        datetime.date | None, Meta(description="With `date`: the last day of a range to count again.")
    ] = None
    force: Annotated[
        bool, Meta(description="Count even days whose messages clean-up has begun to delete.")
    ] = False


class CalculateUserStats(Payload, frozen=True, tag_field="action", tag="calculate-user-stats"):
    """Compute each user's statistics over the last 30 days against the 30 before.

    With them the sums of the last 7, 28 and 90 counted days, streaks, and percentiles among the users.
    """


class CleanupOldData(Payload, frozen=True, tag_field="action", tag="cleanup-old-data"):
    """Delete what its retention policy no longer keeps, in small batches; never an uncounted day."""

    policy: Annotated[Id | None, Meta(description="One policy only; all enabled ones when absent.")] = None
    dry_run: Annotated[
        bool, Meta(description="Count what would be deleted, exactly, and delete nothing.")
    ] = False
    force: Annotated[bool, Meta(description="Delete even where it is a large share of the table.")] = False
    as_of: Annotated[
        Instant | None,
        Meta(description="The instant that ages are counted from; set by the service in its follow-up jobs."),
    ] = None


ReportKind = Literal["weekly", "monthly", "custom"]
ReportFormat = Literal["html", "pdf", "csv", "json", "parquet"]


class GenerateReport(Payload, frozen=True, tag_field="action", tag="generate-report"):
    """Make the report of the envelope's user, kind and period; there is one of each.

    The same data again changes nothing; data that came late make a new version of the same report.
    """

    kind: ReportKind = "weekly"
    first: Annotated[
        datetime.date | None,
        Meta(description="The period's first day in the user's zone; without it, the last one that is over."),
    ] = None
    last: Annotated[
        datetime.date | None, Meta(description="The period's last day, for a custom report only.")
    ] = None
    notify: Annotated[bool, Meta(description="Tell the user, once per report that is not empty.")] = True


class DispatchReports(Payload, frozen=True, tag_field="action", tag="dispatch-reports"):
    """Ask for each user's reports that are due, once per user, kind and period."""

    slot: Annotated[
        Instant | None, Meta(description="By hand only; a schedule's slot follows from its own time.")
    ] = None
    after: Annotated[
        Id | None, Meta(description="Go on behind this user; set by the service in its follow-up jobs.")
    ] = None


class EraseUserData(Payload, frozen=True, tag_field="action", tag="erase-user-data"):
    """Delete everything of the envelope's user, here and in the application, and leave a receipt.

    What comes later under the same id is not counted any more. Messages on hold stay.
    """


class ExportUserData(Payload, frozen=True, tag_field="action", tag="export-user-data"):
    """Put a copy of everything of the envelope's user into the store, and tell the user where it is."""


DataProcessing = (
    AggregateAnalytics
    | CalculateUserStats
    | CleanupOldData
    | GenerateReport
    | DispatchReports
    | EraseUserData
    | ExportUserData
)


class ReportFile(Result, frozen=True):
    """One file of a report, in the object store."""

    format: ReportFormat
    key: Key
    size: Annotated[int, Meta(ge=0, description="Bytes.")]


class ReportMade(Result, frozen=True):
    """A report as it stands now."""

    report_id: Id
    first: datetime.date
    last: datetime.date
    version: Annotated[int, Meta(ge=1, description="Grows when late data changed the report.")]
    changed: Annotated[bool, Meta(description="False when the data were those of the version before.")]
    headline: str
    files: tuple[ReportFile, ...]


class PolicyApplied(Result, frozen=True):
    """What became of one retention policy."""

    policy: Id
    cutoff: Annotated[Instant, Meta(description="What is older is not kept.")]
    matched: Annotated[int, Meta(ge=0, description="Rows that the policy may delete.")] = 0
    deleted: Count = 0
    uncounted: Annotated[int, Meta(ge=0, description="Rows kept because their days are not counted.")] = 0
    on_hold: Annotated[int, Meta(ge=0, description="Rows kept because somebody put them on hold.")] = 0
    batches: Count = 0
    partitions: Annotated[int, Meta(ge=0, description="Dropped as a whole.")] = 0
    held_back: Annotated[str | None, Meta(description="Why nothing was deleted, where it was not.")] = None
    complete: bool = True


class UserErased(Result, frozen=True):
    """The receipt of an erasure; it names nobody."""

    receipt_id: Id
    rows: Annotated[dict[str, int], Meta(description="How many rows went, by table.")]
    kept: Annotated[dict[str, str], Meta(description="What stays, by table, and why.")]


class UserExported(Result, frozen=True):
    """A copy of a user's data."""

    key: Annotated[Key, Meta(description="A zip archive in the object store.")]
    rows: Count
    size: Annotated[int, Meta(ge=0, description="Bytes.")]


class DataProcessed(Result, frozen=True):
    """What the action did."""

    action: Literal[
        "aggregate-analytics",
        "calculate-user-stats",
        "cleanup-old-data",
        "generate-report",
        "dispatch-reports",
        "erase-user-data",
        "export-user-data",
    ]
    days: tuple[datetime.date, ...] = ()
    users: Count = 0
    rows_read: Count = 0
    rows_written: Count = 0
    rows_deleted: Count = 0
    complete: Annotated[bool, Meta(description="False when a continuation job does the rest.")] = True
    report: ReportMade | None = None
    reports: Annotated[int, Meta(ge=0, description="How many reports were asked for.")] = 0
    policies: tuple[PolicyApplied, ...] = ()
    erased: UserErased | None = None
    exported: UserExported | None = None
