"""A report's figures from what the database holds."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from huntaze_common.postgres import Pool

from huntaze_data.reports import accounts, store, wording
from huntaze_data.reports.accounts import Accounts
from huntaze_data.reports.changes import Watched, find_changes
from huntaze_data.reports.figures import (
    LEAST_MESSAGES,
    Daily,
    Hours,
    Metric,
    Part,
    Report,
    Span,
    TopPost,
    mean,
    percent_change,
    total,
)
from huntaze_data.reports.periods import Anchors, Period, midnight, preceding
from huntaze_data.reports.significance import BASELINE_DAYS, LEVEL, poisson_tail

MOST_POSTS = 10
LONGEST_NAME, LONGEST_TITLE = 80, 160
_DAY = timedelta(days=1)
_KINDS = ("subscription", "tip", "message")


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
        first = min(before.first, period.first - BASELINE_DAYS * _DAY)
        days = [first + number * _DAY for number in range((period.last - first).days + 1)]
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


async def gather(
    pool: Pool, user_id: str, person: store.Person, period: Period, zone: ZoneInfo, anchors: Anchors
) -> Report:
    """Read and compute everything that a report says; the same data give an equal report."""
    window = Window.of(period, zone, anchors)
    days = store.Days(window.days, window.begins, period.end(zone))
    begin, end = period.begin(zone), period.end(zone)
    messages, payments, snapshots, turns, posts, until = await asyncio.gather(
        store.messages_by_day(pool, user_id, days),
        store.revenue_by_day(pool, user_id, days),
        store.snapshots(pool, user_id, window.days[0] - _DAY, period.last),
        # Each turn has a day to be answered in, which has to be over: so these days lie one day earlier.
        store.replies(pool, user_id, [each - _DAY for each in window.begins], end - _DAY),
        store.top_posts(pool, user_id, begin, end, MOST_POSTS),
        store.known_until(pool, user_id, begin, end),
    )
    social = accounts.read(snapshots, window.days)
    joined = person.created_at.astimezone(zone).date()
    received, sent = (_events(messages, name, window, joined) for name in ("received", "sent"))
    engagement = social.totals("engagement")
    revenue, others = _revenues(payments, window, joined)
    metrics = (
        _followers(social, window),
        revenue,
        _flow("received", "Messages from fans", "count", received, window, missing="No messages"),
        _replies(turns, window),
        _flow("reach", "Reach", "count", social.totals("reach"), window, missing=social.missing),
        _engagement_rate(social, window),
        _flow("sent", "Your messages", "count", sent, window, missing="No messages"),
        _flow("engagement", "Engagement", "count", engagement, window, missing=social.missing),
        _flow("posts", "Posts", "count", social.published(), window, missing=social.missing),
    )
    hours = await _hours(pool, user_id, window)
    watched = _watched(metrics, social, payments, window, received, sent)
    return Report(
        kind=period.kind,
        name=wording.clean(person.name, LONGEST_NAME),
        time_zone=zone.key,
        period=Span(period.first, period.last),
        begins_at=begin,
        ends_at=end,
        compared_with=Span(window.before.first, window.before.last),
        currency=None if revenue.value is None else revenue.unit,
        headline=wording.headline(metrics[0], revenue, metrics[2], period.kind),
        metrics=metrics,
        posts=tuple(_post(each, zone) for each in posts),
        changes=find_changes(watched, period.days),
        judged=sum(each.can_be_judged for each in watched),
        hours=hours,
        other_revenue=others,
        notes=social.notes(window.before.last, period.last),
        data_until=until and until.astimezone(zone),
        snapshots_until=social.last_day,
    )


def _events(rows: Sequence[Any], name: str, window: Window, joined: date) -> list[float | None]:
    """Make a series of counts; without any event in all days nothing is known, not even zeros."""
    counts = {row["day"]: row[name] for row in rows}
    if not any(row["received"] or row["sent"] for row in rows):
        return [None] * len(window.days)
    return [None if day < joined else float(counts.get(day, 0)) for day in window.days]


def _flow(
    key: str,
    label: str,
    unit: str,
    values: Sequence[float | None],
    window: Window,
    *,
    parts: tuple[Part, ...] = (),
    missing: str = "",
) -> Metric:
    now, before = window.of_period(values), window.of_before(values)
    value = total(now)
    return Metric(
        key=key,
        label=label,
        nature="flow",
        unit=unit,
        value=value if value is None else round(value, 2),
        before=None if (sum_before := total(before)) is None else round(sum_before, 2),
        # Months differ in length, and days can be missing: means compare, sums do not.
        change=percent_change(mean(now), mean(before)),
        daily=now,
        daily_before=before,
        parts=parts,
        missing=(missing or "Not enough days are known") if value is None else "",
    )


def _revenues(rows: Sequence[Any], window: Window, joined: date) -> tuple[Metric, tuple[Metric, ...]]:
    """Return the revenue in the currency of most payments, and in the others."""
    payments: Counter[str] = Counter()
    for row in rows:
        payments[row["currency"]] += row["payments"]
    ordered = sorted(payments, key=lambda currency: (-payments[currency], currency))
    metrics = [_revenue(rows, currency, window, joined) for currency in ordered]
    if not metrics:
        unknown = [None] * len(window.days)
        return _flow("revenue", "Revenue", "count", unknown, window, missing="No payments"), ()
    return metrics[0], tuple(each for each in metrics[1:] if each.value or each.before)


def _revenue(rows: Sequence[Any], currency: str, window: Window, joined: date) -> Metric:
    of_kind = {kind: _amounts(rows, currency, kind, window, joined) for kind in _KINDS}
    everything = _amounts(rows, currency, None, window, joined)
    parts = tuple(
        Part(kind, round(now, 2), before if before is None else round(before, 2))
        for kind, values in of_kind.items()
        if (now := total(window.of_period(values))) is not None
        for before in [total(window.of_before(values))]
        if now or before
    )
    return _flow("revenue", "Revenue", currency, everything, window, parts=parts)


def _amounts(
    rows: Sequence[Any], currency: str, kind: str | None, window: Window, joined: date
) -> list[float | None]:
    sums: defaultdict[date, float] = defaultdict(float)
    for row in rows:
        if row["currency"] == currency and kind in (None, row["kind"]):
            sums[row["day"]] += row["amount"]
    return [None if day < joined and day not in sums else sums.get(day, 0.0) for day in window.days]


def _followers(social: Accounts, window: Window) -> Metric:
    series = social.followers()
    now = window.of_period(series)
    before_first = window.period.first - _DAY
    parts = tuple(
        Part(account.platform, value, account.followers_on(before_first))
        for account in social.accounts
        if (value := account.followers_on(window.period.last)) is not None
    )
    comparable = [part for part in parts if part.before is not None]
    value = sum(part.value for part in parts) if parts else None
    before = sum(part.before or 0.0 for part in comparable) if comparable else None
    return Metric(
        key="followers",
        label="Followers",
        nature="stock",
        unit="count",
        value=value,
        before=before,
        # Of an account that was connected in the period, nothing is known of before: it is no growth.
        change=percent_change(sum(part.value for part in comparable), before),
        daily=now,
        daily_before=window.of_before(series),
        parts=parts,
        missing="" if parts else social.missing,
    )


def _share(
    key: str, label: str, counts: Sequence[tuple[float, float] | None], window: Window, missing: str
) -> Metric:
    """Make a metric of parts per whole, day by day; the period's is that of its sums."""
    daily = [None if each is None or not each[1] else 100.0 * each[0] / each[1] for each in counts]
    size, size_before = len(window.period), len(window.before)

    def share(pairs: Sequence[tuple[float, float] | None]) -> float | None:
        whole = sum(pair[1] for pair in pairs if pair is not None)
        return 100.0 * sum(pair[0] for pair in pairs if pair is not None) / whole if whole else None

    value, before = share(counts[-size:]), share(counts[-size - size_before : -size])
    return Metric(
        key=key,
        label=label,
        nature="share",
        unit="percent",
        value=value,
        before=before,
        change=None if value is None or before is None else value - before,
        daily=window.of_period(daily),
        daily_before=window.of_before(daily),
        missing=missing if value is None else "",
    )


def _replies(turns: Sequence[Any], window: Window) -> Metric:
    counts: list[tuple[float, float] | None] = [None] * len(window.days)
    for row in turns:
        counts[row["number"]] = (float(row["answered"]), float(row["turns"]))
    return _share("replies", "Answered within a day", counts, window, "Nobody wrote")


def _engagement_rate(social: Accounts, window: Window) -> Metric:
    engaged, reached = social.totals("engagement"), social.totals("reach")
    counts = [
        None if part is None or whole is None else (part, whole)
        for part, whole in zip(engaged, reached, strict=True)
    ]
    missing = social.missing or "Nobody was reached"
    return _share("engagement_rate", "Engagement rate", counts, window, missing)


def _watched(
    metrics: Sequence[Metric],
    social: Accounts,
    payments: Sequence[Any],
    window: Window,
    received: list[float | None],
    sent: list[float | None],
) -> list[Watched]:
    """Choose the series in which changes are looked for: flows of each day, and the stock's daily gain."""
    revenue = next(each for each in metrics if each.key == "revenue")
    joined = window.days[0]
    series: list[tuple[str, str, str, list[float | None], dict[str, list[float | None]]]] = [
        ("followers", "New followers", "count", social.gains(), social.gains_by_platform()),
        ("received", "Messages from fans", "count", received, {}),
        ("sent", "Your messages", "count", sent, {}),
        ("reach", "Reach", "count", social.totals("reach"), social.by_platform("reach")),
        ("engagement", "Engagement", "count", social.totals("engagement"), social.by_platform("engagement")),
    ]
    if revenue.value is not None:
        of_kind = {kind: _amounts(payments, revenue.unit, kind, window, joined) for kind in _KINDS}
        every = _amounts(payments, revenue.unit, None, window, joined)
        series.append(("revenue", "Revenue", revenue.unit, every, of_kind))
    return [
        Watched(
            metric=key,
            label=label,
            unit=unit,
            now=window.of_period(values),
            before=window.of_before(values),
            baseline=window.of_baseline(values),
            parts={
                name: (window.of_period(part), window.of_before(part)) for name, part in sorted(parts.items())
            },
        )
        for key, label, unit, values, parts in series
    ]


def _post(post: store.Post, zone: ZoneInfo) -> TopPost:
    return TopPost(
        platform=post.platform,
        title=wording.clean(post.title, LONGEST_TITLE),
        published_at=post.published_at.astimezone(zone),
        views=post.views,
        engagement=post.engagement,
        rate=100.0 * post.engagement / post.views if post.views else None,
    )


async def _hours(pool: Pool, user_id: str, window: Window) -> Hours | None:
    """Count fans' messages per weekday and hour over the period, or over four weeks if that is longer."""
    first = min(window.period.first, window.period.last - (BASELINE_DAYS - 1) * _DAY)
    begin, end = midnight(first, window.zone), window.period.end(window.zone)
    begins = [begin + timedelta(hours=number) for number in range(round((end - begin) / timedelta(hours=1)))]
    rows = await store.messages_by_hour(pool, user_id, begins, end)
    if not rows:
        return None
    counts = [[0] * 24 for _ in range(7)]
    for row in rows:
        local = begins[row["number"]].astimezone(window.zone)
        counts[local.weekday()][local.hour] += row["messages"]
    return Hours(
        first=first, last=window.period.last, counts=tuple(map(tuple, counts)), best=_best_hours(counts)
    )


def _best_hours(counts: Sequence[Sequence[int]]) -> str:
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
