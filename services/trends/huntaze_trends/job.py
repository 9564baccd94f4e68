"""The job: start scrapes, look after them, tell what rises and what to do. No delivery waits for a scrape."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog
from huntaze_common.errors import PayloadInvalid, RateLimited
from huntaze_common.postgres import Pool
from huntaze_common.run import Run
from huntaze_common.tokens import TokenReader
from huntaze_contracts.trends import (
    CollectPosts,
    ContentTrends,
    RecommendPosts,
    ScrapeQuery,
    ScrapeTrends,
    TrendsFound,
)
from msgspec.structs import replace

from huntaze_trends import store
from huntaze_trends.actors import Actor, actor_for
from huntaze_trends.advising import recommend
from huntaze_trends.callback import Callbacks
from huntaze_trends.collection import collect_posts
from huntaze_trends.errors import ApifyRefused, BudgetSpent, NotConfigured, StartUnclear
from huntaze_trends.posts import fold
from huntaze_trends.scraping import ActorRun, Apify

WORKER = "content-trends"
SHARED_FOR = timedelta(minutes=30)
"""The same query is scraped once in this time, whoever asks."""
_SETTLES = timedelta(seconds=10)
"""After this time Apify lists a run whose start it took."""
_CLOCKS_DIFFER = timedelta(minutes=1)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What scrapes may cost, in dollars."""

    a_run: Decimal
    """Apify stops a run that would cost more."""
    a_day: float
    """Of all runs that are started on one UTC day."""
    a_day_of_user: float
    """Of those that one user asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendsDeps:
    """Everything the job touches outside its own arguments."""

    pool: Pool
    apify: Apify | None
    """None when APIFY_TOKEN is not set."""
    budget: Budget
    callbacks: Callbacks
    tokens: TokenReader
    now: Callable[[], datetime]


async def find_trends(job: ContentTrends, run: Run, deps: TrendsDeps) -> TrendsFound:
    """Do one step: fan out, start, collect and detect, or recommend.

    Writes each post once however often it is delivered. A start whose answer was lost is looked up at Apify
    before anything is started again.

    Raises:
        NotConfigured, PlatformUnsupported, BudgetSpent, ApifyRefused, ScrapeUnknown, ScrapeFailed: for good;
            see `huntaze_trends.errors`.
        DatasetIncomplete, StartUnclear, RateLimited, UpstreamUnavailable: worth another try.
    """
    match job:
        case ScrapeTrends():
            return await _fan_out(run)
        case ScrapeQuery():
            return await _start(job, run, deps)
        case CollectPosts():
            return await collect_posts(job, run, deps.pool, _configured(deps))
        case RecommendPosts():
            return await recommend(job, run, deps.pool)


async def _fan_out(run: Run) -> TrendsFound:
    now = run.scheduled_for or run.now()
    async with run.commit(TrendsFound(status="started")) as transaction:
        due = await store.take_due(transaction.connection, now)
        for query in due:
            await transaction.send(WORKER, query, job_id=f"scrape-{_scrape_id(query, now)}")
        transaction.result = result = TrendsFound(status="started", scrapes_started=len(due))
    return result


async def _start(query: ScrapeQuery, run: Run, deps: TrendsDeps) -> TrendsFound:
    apify = _configured(deps)
    query = replace(query, value=fold(query.value))
    if not query.value:
        raise PayloadInvalid("value: nothing to look for")
    actor = actor_for(query.platform)
    run_input = actor.run_input(query.kind, query.value, query.max_posts)
    scrape_id, intent = await _intend(query, actor, run, deps)
    if intent is None:
        return TrendsFound(status="shared", scrape_id=scrape_id)
    if intent.run_id is None:
        actor_run = (
            None
            if intent.is_new
            else await _lost_start(actor, run_input, intent.intended_at, run, deps, apify)
        )
        if actor_run is None:
            actor_run = await _start_once(apify, actor, run_input, query, scrape_id, deps)
        await store.started(deps.pool, scrape_id, actor_run.id, actor_run.dataset_id)
    result = TrendsFound(status="started", scrape_id=scrape_id, scrapes_started=1)
    async with run.commit(result) as transaction:
        look = CollectPosts(scrape_id=scrape_id)
        await transaction.send(WORKER, look, job_id=f"{scrape_id}-look-1", delay=timedelta(seconds=2))
    return result


async def _intend(
    query: ScrapeQuery, actor: Actor, run: Run, deps: TrendsDeps
) -> tuple[str, store.Intent | None]:
    """Note what is about to be started, within the budget; before any money can be spent."""
    now = run.now()
    async with deps.pool.acquire() as connection, connection.transaction():
        # A retry may come in a later period, and must find what its first attempt noted.
        scrape_id = await store.scrape_of(connection, run.job_id)
        if scrape_id is None:
            scrape_id = _scrape_id(query, now)
            if await store.find_scrape(connection, scrape_id) is None:
                await _refuse_too_dear(connection, now, run.user_id, deps.budget)
        intent = await store.intend(
            connection,
            scrape_id,
            query,
            actor,
            asked_by=run.job_id,
            user_id=run.user_id,
            most_usd=deps.budget.a_run,
            now=now,
        )
    return scrape_id, intent


async def _refuse_too_dear(connection: Any, now: datetime, user_id: str | None, budget: Budget) -> None:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    by_all, by_user = await store.spent(connection, midnight, user_id)
    a_run = float(budget.a_run)
    if by_all + a_run > budget.a_day:
        raise BudgetSpent(f"{by_all:.2f} of {budget.a_day:.2f} dollars of the day are spent or reserved")
    if user_id and by_user + a_run > budget.a_day_of_user:
        raise BudgetSpent(
            f"{by_user:.2f} of the user's {budget.a_day_of_user:.2f} dollars of the day are taken"
        )


async def _start_once(
    apify: Apify,
    actor: Actor,
    run_input: dict[str, Any],
    query: ScrapeQuery,
    scrape_id: str,
    deps: TrendsDeps,
) -> ActorRun:
    try:
        return await apify.start(
            actor,
            run_input,
            most=query.max_posts,
            most_usd=deps.budget.a_run,
            callback=deps.callbacks.for_scrape(scrape_id),
        )
    except (ApifyRefused, RateLimited):
        # Certainly not started: it costs nothing, and whoever asks next may try.
        await store.withdraw(deps.pool, scrape_id)
        raise


async def _lost_start(
    actor: Actor, run_input: dict[str, Any], intended_at: datetime, run: Run, deps: TrendsDeps, apify: Apify
) -> ActorRun | None:
    """Find the run of a start whose answer was lost: one since then, with our input, that no scrape has.

    Raises:
        StartUnclear: Apify may not list it yet.
    """
    if run.now() - intended_at < _SETTLES:
        raise StartUnclear(
            "a start was sent a moment ago and its answer was lost", after=_SETTLES.total_seconds()
        )
    runs = await apify.started_since(actor, intended_at - _CLOCKS_DIFFER)
    known = await store.known_runs(deps.pool, [found.id for found in runs])
    strangers = [found for found in runs if found.id not in known]
    for found in strangers:
        told = await apify.input_of(found.id)
        if told == run_input or (told is None and len(strangers) == 1):
            _log.info("start_recovered", run_id=found.id)
            return found
    return None


def _configured(deps: TrendsDeps) -> Apify:
    if deps.apify is None:
        raise NotConfigured("APIFY_TOKEN is not set: scraping needs an account of Apify")
    return deps.apify


def _scrape_id(query: ScrapeQuery, now: datetime) -> str:
    """Name the scrape of a query in one period, the same for everybody who asks."""
    period = int(now.timestamp() // SHARED_FOR.total_seconds())
    text = f"{query.platform}\0{query.kind}\0{fold(query.value)}"
    return f"{query.platform}-{hashlib.sha256(text.encode()).hexdigest()[:16]}-{period}"
