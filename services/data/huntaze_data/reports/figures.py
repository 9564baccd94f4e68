"""What a report says, as data. Unknown is None, never 0."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

from huntaze_contracts.data import ReportKind
from msgspec import Struct

Daily = tuple[float | None, ...]
LEAST_MESSAGES = 100
"""Fewer say nothing about the hours at which fans write."""


class Part(Struct, frozen=True, rename="camel"):
    """What one platform or one kind of payment contributed."""

    name: str
    value: float
    before: float | None


class Metric(Struct, frozen=True, kw_only=True, rename="camel"):
    """One figure of the period against the preceding one."""

    key: str
    label: str
    nature: Literal["stock", "flow", "share"]
    """stock: the last value of the period; flow: the sum over its days; share: per cent."""
    unit: str
    """count, percent, or a currency's code."""
    value: float | None
    before: float | None
    """The preceding period's; of a stock, the last value before the period."""
    change: float | None
    """Per cent (of the mean day for flows); for shares, points. None where it is undefined."""
    daily: Daily
    daily_before: Daily
    parts: tuple[Part, ...] = ()
    missing: str = ""
    """Why there is no value."""


class TopPost(Struct, frozen=True, kw_only=True, rename="camel"):
    """A post of the period that moved many people."""

    platform: str
    title: str
    published_at: datetime
    views: int
    engagement: int
    rate: float | None
    """Engagement per view, per cent."""


class Change(Struct, frozen=True, kw_only=True, rename="camel"):
    """A change that chance hardly explains."""

    metric: str
    direction: Literal["up", "down"]
    text: str
    reason: str
    p: float | None = None
    """Of a shift, after Holm's correction."""
    day: date | None = None
    """Of an unusual day, or the first of several."""


class Hours(Struct, frozen=True, kw_only=True, rename="camel"):
    """When fans write: messages per weekday (Monday first) and hour of the user's day."""

    first: date
    last: date
    counts: tuple[tuple[int, ...], ...]
    best: str
    """The busiest weekday and three hours in words; empty where there are too few messages to tell."""


class Span(Struct, frozen=True, rename="camel"):
    """Civil days, both included."""

    first: date
    last: date


class Report(Struct, frozen=True, kw_only=True, rename="camel"):
    """One user's period."""

    kind: ReportKind
    name: str
    time_zone: str
    period: Span
    begins_at: datetime
    ends_at: datetime
    compared_with: Span
    currency: str | None
    headline: str
    metrics: tuple[Metric, ...]
    posts: tuple[TopPost, ...]
    changes: tuple[Change, ...]
    judged: int
    """How many series had days enough to be looked at for changes."""
    hours: Hours | None
    other_revenue: tuple[Metric, ...]
    """In currencies beside the main one."""
    notes: tuple[str, ...]
    data_until: datetime | None
    """The newest message or payment in it."""
    snapshots_until: date | None

    def metric(self, key: str) -> Metric:
        """Return a metric by its key."""
        return next(each for each in self.metrics if each.key == key)

    @property
    def empty(self) -> bool:
        """Whether nothing at all is known of the period."""
        return all(each.value is None for each in self.metrics) and not self.posts


def complete(values: Sequence[float | None]) -> float | None:
    """Add up the known days; None if there are fewer than half."""
    known = [value for value in values if value is not None]
    return sum(known) if known and 2 * len(known) >= len(values) else None


def partial(values: Sequence[float | None]) -> float | None:
    """Add up the known days; None if there are none."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of the known days; None if there are fewer than half."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and 2 * len(known) >= len(values) else None


def percent_change(now: float | None, before: float | None) -> float | None:
    """Return (now - before) / before in per cent; None where that is undefined."""
    return None if now is None or not before else 100.0 * (now - before) / before
