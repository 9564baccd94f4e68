"""A report's figures from what the database holds."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from huntaze_common.postgres import Pool

from huntaze_data.reports import accounts, metrics, store, wording
from huntaze_data.reports.accounts import Accounts
from huntaze_data.reports.changes import Watched, find_changes
from huntaze_data.reports.figures import Metric, Report, Span, TopPost
from huntaze_data.reports.hours import hours_of
from huntaze_data.reports.metrics import KINDS, Series
from huntaze_data.reports.periods import Anchors, Period
from huntaze_data.reports.window import DAY, Window

MOST_POSTS = 10
LONGEST_NAME, LONGEST_TITLE = 80, 160


async def gather(
    pool: Pool, user_id: str, person: store.Person, period: Period, zone: ZoneInfo, anchors: Anchors
) -> Report:
    """Read and compute everything that a report says; the same data give an equal report."""
    window = Window.of(period, zone, anchors)
    begin, end = period.begin(zone), period.end(zone)
    sources, posts, until, hours = await asyncio.gather(
        _read(pool, user_id, window, end, joined=person.created_at.astimezone(zone).date()),
        store.top_posts(pool, user_id, begin, end, MOST_POSTS),
        store.known_until(pool, user_id, begin, end),
        hours_of(pool, user_id, window),
    )
    revenue, others = metrics.revenues(sources.payments, window, sources.joined)
    figures = _metrics(sources, revenue, window)
    watched = _watched(sources, revenue, window)
    return Report(
        kind=period.kind,
        name=wording.clean(person.name, LONGEST_NAME),
        time_zone=zone.key,
        period=Span(period.first, period.last),
        begins_at=begin,
        ends_at=end,
        compared_with=Span(window.before.first, window.before.last),
        currency=None if revenue.value is None else revenue.unit,
        headline=wording.headline(figures[0], revenue, figures[2], period.kind),
        metrics=figures,
        posts=tuple(_post(each, zone) for each in posts),
        changes=find_changes(watched, period.days),
        judged=sum(each.can_be_judged for each in watched),
        hours=hours,
        other_revenue=others,
        notes=sources.social.notes(window.before.last, period.last),
        data_until=until and until.astimezone(zone),
        snapshots_until=sources.social.last_day,
    )


@dataclass(frozen=True, slots=True)
class _Sources:
    """What was read of a user, over all days of the window."""

    joined: date
    social: Accounts
    payments: Sequence[Any]
    turns: Sequence[Any]
    received: Series
    sent: Series


async def _read(pool: Pool, user_id: str, window: Window, end: datetime, *, joined: date) -> _Sources:
    days = store.Days(window.days, window.begins, end)
    messages, payments, snapshots, turns = await asyncio.gather(
        store.messages_by_day(pool, user_id, days),
        store.revenue_by_day(pool, user_id, days),
        store.snapshots(pool, user_id, window.days[0] - DAY, window.period.last),
        # Each turn has a day to be answered in, which has to be over: so these days lie one day earlier.
        store.replies(pool, user_id, [each - DAY for each in window.begins], end - DAY),
    )
    return _Sources(
        joined=joined,
        social=accounts.read(snapshots, window.days),
        payments=payments,
        turns=turns,
        received=metrics.events(messages, "received", window, joined),
        sent=metrics.events(messages, "sent", window, joined),
    )


def _metrics(sources: _Sources, revenue: Metric, window: Window) -> tuple[Metric, ...]:
    social = sources.social

    def of_events(key: str, label: str, values: Series) -> Metric:
        return metrics.flow(key, label, "count", values, window, whole=True, missing="No messages")

    def of_accounts(key: str, label: str, values: Series) -> Metric:
        return metrics.flow(key, label, "count", values, window, missing=social.missing)

    return (
        metrics.followers(social, window),
        revenue,
        of_events("received", "Messages from fans", sources.received),
        metrics.replies(sources.turns, window),
        of_accounts("reach", "Reach", social.totals("reach")),
        metrics.engagement_rate(social, window),
        of_events("sent", "Your messages", sources.sent),
        of_accounts("engagement", "Engagement", social.totals("engagement")),
        of_accounts("posts", "Posts", social.published()),
    )


def _watched(sources: _Sources, revenue: Metric, window: Window) -> list[Watched]:
    """Choose the series in which changes are looked for: flows of each day, and the stock's daily gain."""
    social = sources.social
    series: list[tuple[str, str, str, Series, dict[str, Series]]] = [
        ("followers", "New followers", "count", social.gains(), social.gains_by_platform()),
        ("received", "Messages from fans", "count", sources.received, {}),
        ("sent", "Your messages", "count", sources.sent, {}),
        ("reach", "Reach", "count", social.totals("reach"), social.by_platform("reach")),
        ("engagement", "Engagement", "count", social.totals("engagement"), social.by_platform("engagement")),
    ]
    if revenue.value is not None:
        unit, joined = revenue.unit, sources.joined
        of_kind = {kind: metrics.amounts(sources.payments, unit, kind, window, joined) for kind in KINDS}
        everything = metrics.amounts(sources.payments, unit, None, window, joined)
        series.append(("revenue", "Revenue", unit, everything, of_kind))
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
