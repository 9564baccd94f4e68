"""The first page: what needs somebody, what runs, and how much gets done."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from huntaze_cli.failures import CommandFailed

from huntaze_console.merging import newest
from huntaze_console.pages import Page
from huntaze_console.sources import Json, Sources

_STEPS = 60
_RUNNING = 30
_FAILURES = 10


class Query(msgspec.Struct, frozen=True):
    """How far back the page looks."""

    minutes: Annotated[Literal[60, 360, 1440, 10080], msgspec.Meta(description="Of throughput.")] = 60


class Service(msgspec.Struct, frozen=True, rename="camel"):
    """One service at a glance."""

    name: str
    waiting: int
    running: int
    retrying: int
    oldest: float | None
    """Seconds since the oldest job that is not done was begun or first seen."""
    succeeded: int
    failed: int
    run_p50: float | None
    run_p95: float | None
    wait_p95: float | None
    """Seconds from enqueueing to the first delivery."""


class Bar(msgspec.Struct, frozen=True):
    """What was finished in one step of time."""

    at: datetime
    succeeded: int
    failed: int


class NowPage(msgspec.Struct, frozen=True, rename="camel"):
    """What the page shows."""

    services: Sequence[Service]
    bars: Sequence[Bar]
    running: Sequence[Json]
    failures: Sequence[Json]
    dead_letters: int | None
    """None where QStash does not answer."""
    more_dead_letters: bool
    firing: int | None
    problems: Sequence[str]


async def load(sources: Sources, query: Query) -> NowPage:
    """Read all services and QStash at once; what does not answer becomes a line of the page."""
    activity, running, failed, dead, firing = await asyncio.gather(
        sources.every_service("/activity", minutes=query.minutes, steps=_STEPS),
        sources.every_service("/jobs", state="running", limit=_RUNNING),
        sources.every_service("/jobs", state="failed", limit=_FAILURES),
        _or_failure(sources.qstash(lambda broker: broker.get("dlq", count=100))),
        _or_failure(sources.service("alerts", "/alerts", state="firing", limit=200)),
    )
    answers, silent = activity
    problems = [each for each in (*silent, dead, firing) if isinstance(each, CommandFailed)]
    return NowPage(
        services=[_service(name, each) for name, each in answers.items()],
        bars=_bars(answers.values(), sources.now(), timedelta(minutes=query.minutes)),
        running=newest(running[0], _RUNNING),
        failures=newest(failed[0], _FAILURES),
        dead_letters=None if isinstance(dead, CommandFailed) else len(dead["messages"]),
        more_dead_letters=not isinstance(dead, CommandFailed) and bool(dead.get("cursor")),
        firing=None if isinstance(firing, CommandFailed) else len(firing["alerts"]),
        problems=list(dict.fromkeys(f"{each}. {each.hint}" for each in problems)),
    )


async def _or_failure(asked: Awaitable[Json]) -> Json | CommandFailed:
    try:
        return await asked
    except CommandFailed as failure:
        return failure


def _service(name: str, activity: Json) -> Service:
    jobs = {each["state"]: each["jobs"] for each in activity["waiting"]}
    totals = activity["totals"]
    return Service(
        name=name,
        waiting=jobs.get("queued", 0),
        running=jobs.get("running", 0),
        retrying=jobs.get("retry", 0),
        oldest=max((each["oldest"] for each in activity["waiting"]), default=None),
        succeeded=sum(each["succeeded"] for each in activity["steps"]),
        failed=sum(each["failed"] for each in activity["steps"]),
        run_p50=totals["runP50"],
        run_p95=totals["runP95"],
        wait_p95=totals["waitP95"],
    )


def _bars(answers: Iterable[Json], now: datetime, span: timedelta) -> list[Bar]:
    """Add the services' steps up, into steps that have the same edges for all of them."""
    step = span / _STEPS
    begin = now - span
    done = [[0, 0] for _ in range(_STEPS)]
    for answer in answers:
        for each in answer["steps"]:
            # The services' own steps begin some milliseconds apart; the middle of one is surely inside ours.
            number = int((datetime.fromisoformat(each["at"]) + step / 2 - begin) / step)
            bar = done[min(max(number, 0), _STEPS - 1)]
            bar[0] += each["succeeded"]
            bar[1] += each["failed"]
    return [Bar(begin + step * n, *bar) for n, bar in enumerate(done)]


PAGE = Page(path="/", title="Now", template="now.html", query=Query, load=load)
