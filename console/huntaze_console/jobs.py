"""The list of jobs: of all services or one, by state, user, schedule, time or any of their names."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from huntaze_console.merging import newest, seen_at
from huntaze_console.pages import Page
from huntaze_console.sources import Json, Sources

_A_PAGE = 50
_MARGIN = 10
"""Jobs read beyond a page, so that those of the same instant are not parted."""

Text = Annotated[str, Meta(max_length=128)]


class Query(msgspec.Struct, frozen=True):
    """Which jobs."""

    service: Literal["video", "trends", "data", "alerts"] | None = None
    state: Literal["queued", "running", "retry", "succeeded", "failed", "cancelled"] | None = None
    q: Annotated[str, Meta(max_length=200)] | None = None
    """Part of a name of the job's, or of its error."""
    user: Text | None = None
    schedule: Text | None = None
    within: Literal["1h", "24h", "7d", "30d"] | None = None
    until: datetime | None = None
    """First seen before this instant: where the page before ended."""


class JobsPage(msgspec.Struct, frozen=True):
    """What the page shows."""

    jobs: Sequence[Json]
    until: datetime | None
    """Where the next page begins; None on the last one."""
    problems: Sequence[str]


_WITHIN = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}


async def load(sources: Sources, query: Query) -> JobsPage:
    """Read one page from each service and merge them."""
    since = sources.now() - _WITHIN[query.within] if query.within else None
    given = {
        "state": query.state,
        "q": query.q,
        "user": query.user,
        "schedule": query.schedule,
        "since": since and since.isoformat(),
        "until": query.until and query.until.isoformat(),
        "limit": _A_PAGE + _MARGIN,
    }
    pages, failures = await sources.every_service("/jobs", only=query.service, **given)
    jobs = newest(pages, (_A_PAGE + _MARGIN) * len(pages))
    shown = _whole_instants(jobs)
    more = len(shown) < len(jobs) or any(page["cursor"] for page in pages.values())
    return JobsPage(
        shown, seen_at(shown[-1]) if more else None, [f"{each}. {each.hint}" for each in failures]
    )


def _whole_instants(jobs: list[Json]) -> list[Json]:
    """Cut a page so that the next one, which begins before its last instant, leaves nothing out."""
    end = _A_PAGE
    while end < len(jobs) and seen_at(jobs[end]) == seen_at(jobs[end - 1]):
        end += 1
    return jobs[:end]


PAGE = Page(path="/jobs", title="Jobs", template="jobs.html", query=Query, load=load)
