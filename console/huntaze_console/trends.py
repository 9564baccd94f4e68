"""Trends: what rises in the queries that users follow, as curves with their stages and reasons."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from huntaze_contracts.trends import Trend

from huntaze_console.pages import Nothing, Page
from huntaze_console.sources import Json, Sources

_HEIGHT = 60.0
_A_QUERY = 12
"""Trends that are shown of one query, the surest first."""
_ORDER = ("peaking", "rising", "emerging", "fading", "watch", "insufficient_history")


class Curve(msgspec.Struct, frozen=True, rename="camel"):
    """A trend with the shares of its windows as heights of bars."""

    trend: Trend
    heights: Sequence[float]
    """0 to 60, the oldest first."""
    usual: float
    """Height of its usual share."""


class TrackedQuery(msgspec.Struct, frozen=True):
    """What the latest scrape of one query found."""

    platform: str
    kind: str
    value: str
    posts: int
    until: datetime | None
    curves: Sequence[Curve]
    caveats: Sequence[str]


class TrendsPage(msgspec.Struct, frozen=True):
    """What the page shows."""

    queries: Sequence[TrackedQuery]


async def load(sources: Sources, _: Nothing) -> TrendsPage:
    """Read the latest findings of all followed queries."""
    answer = await sources.service("trends", "/trends", everyone="true")
    return TrendsPage([_query(each) for each in answer["queries"]])


def _query(row: Json) -> TrackedQuery:
    found: Json = row["found"] or {}
    trends = [msgspec.convert(each, Trend) for each in found.get("trends", [])]
    trends.sort(key=lambda trend: (_ORDER.index(trend.state), -trend.burst_weight))
    return TrackedQuery(
        platform=row["platform"],
        kind=row["kind"],
        value=row["value"],
        posts=found.get("posts", 0),
        until=datetime.fromisoformat(found["until"]) if found.get("until") else None,
        curves=[_curve(trend) for trend in trends[:_A_QUERY]],
        caveats=found.get("caveats", []),
    )


def _curve(trend: Trend) -> Curve:
    shares = trend.history or (trend.share,)
    top = max(*shares, trend.base_share, 0.001)
    return Curve(trend, [_HEIGHT * share / top for share in shares], _HEIGHT * trend.base_share / top)


PAGE = Page(path="/trends", title="Trends", template="trends.html", query=Nothing, load=load)
