"""The job: start scrapes, look after them, tell what rises. No delivery waits for a scrape."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from huntaze_common.postgres import Pool
from huntaze_common.run import Run
from huntaze_contracts.trends import (
    CollectPosts,
    ContentTrends,
    ScrapeQuery,
    ScrapeTrends,
    Trend,
    TrendsFound,
)

from huntaze_trends import store
from huntaze_trends.actors import Actor, actor_for
from huntaze_trends.collecting import collect
from huntaze_trends.detection import BASE_WINDOWS, WINDOW, Topic, detect
from huntaze_trends.errors import NotConfigured, ScrapeFailed, ScrapeUnknown
from huntaze_trends.posts import fold
from huntaze_trends.scraping import ActorRun, Scraper

WORKER = "content-trends"
SHARED_FOR = timedelta(minutes=30)
"""The same query is scraped once in this time, whoever asks."""
MOST_LOOKS = 60


@dataclass(frozen=True, slots=True)
class TrendsDeps:
    """Everything the job touches outside its own arguments."""

    pool: Pool
    scraper: Scraper | None
    """None when APIFY_TOKEN is not set."""


async def find_trends(job: ContentTrends, run: Run, deps: TrendsDeps) -> TrendsFound:
    """Do one step of a scrape: fan out, start, or collect and detect.

    Writes each post once however often it is delivered. A start whose answer was lost is looked up at Apify
    before anything is started again.

    Raises:
        NotConfigured, PlatformUnsupported, ScrapeUnknown, ScrapeFailed: see `huntaze_trends.errors`.
        RateLimited, UpstreamUnavailable: Apify's own.
    """
    match job:
        case ScrapeTrends():
            return await _fan_out(run)
        case ScrapeQuery():
            return await _start(job, run, deps)
        case CollectPosts():
            return await _collect(job, run, deps)


async def _fan_out(run: Run) -> TrendsFound:
    now = run.scheduled_for or run.now()
    async with run.commit(TrendsFound(status="started")) as transaction:
        due = await store.take_due(transaction.connection, now)
        for query in due:
            await transaction.send(WORKER, query, job_id=f"scrape-{_scrape_id(query, now)}")
        transaction.result = result = TrendsFound(status="started", scrapes_started=len(due))
    return result


async def _start(query: ScrapeQuery, run: Run, deps: TrendsDeps) -> TrendsFound:
    scraper = _configured(deps)
    actor = actor_for(query.platform)
    run_input = actor.run_input(query.kind, query.value, query.max_posts)
    # A retry may come in a later period, and must find what its first attempt noted.
    scrape_id = await store.scrape_of(deps.pool, run.job_id) or _scrape_id(query, run.now())
    intent = await store.intend(deps.pool, scrape_id, query, actor, run.job_id)
    if intent is None:
        return TrendsFound(status="shared", scrape_id=scrape_id)
    if intent.run_id is None:
        actor_run = (
            None if intent.is_new else await _lost_start(actor, intent.intended_at, deps.pool, scraper)
        )
        if actor_run is None:
            actor_run = await scraper.start(actor, run_input, most=query.max_posts)
        await store.started(deps.pool, scrape_id, actor_run)
    result = TrendsFound(status="started", scrape_id=scrape_id, scrapes_started=1)
    async with run.commit(result) as transaction:
        look = CollectPosts(scrape_id=scrape_id)
        await transaction.send(WORKER, look, job_id=_look_id(scrape_id, 1), delay=_pause(1))
    return result


async def _lost_start(actor: Actor, since: datetime, pool: Pool, scraper: Scraper) -> ActorRun | None:
    """Find the run of a start whose answer we never heard: one since then that no scrape knows."""
    runs = await scraper.started_since(actor, since - timedelta(minutes=1))
    known = await store.known_runs(pool, [found.id for found in runs])
    return next((found for found in runs if found.id not in known), None)


async def _collect(job: CollectPosts, run: Run, deps: TrendsDeps) -> TrendsFound:
    scraper = _configured(deps)
    scrape = await store.find_scrape(deps.pool, job.scrape_id)
    if scrape is None or scrape.run_id is None or scrape.dataset_id is None:
        raise ScrapeUnknown(f"there is no started scrape {job.scrape_id}")
    actor_run = await scraper.look(scrape.run_id)
    if actor_run.unfinished:
        return await _look_again(job, run)
    actor = actor_for(scrape.platform)
    collected = await collect(scraper.rows(actor, scrape.dataset_id), actor.read)
    now = run.now()
    async with run.commit(TrendsFound(status="analysed")) as transaction:
        connection = transaction.connection
        await store.save_collected(connection, job.scrape_id, collected)
        posts = await store.posts_of_query(connection, scrape, now - WINDOW * (BASE_WINDOWS + 1))
        topics = detect(posts, now=now, own_tags=frozenset({fold(scrape.value)}))
        await store.save_trends(connection, job.scrape_id, topics)
        transaction.result = result = TrendsFound(
            status="analysed",
            scrape_id=job.scrape_id,
            posts=len(collected.posts),
            quarantined=len(collected.quarantined),
            trends=tuple(map(_trend, topics)),
        )
    return result


async def _look_again(job: CollectPosts, run: Run) -> TrendsFound:
    if job.look >= MOST_LOOKS:
        raise ScrapeFailed(f"the actor's run has not ended after {job.look} looks")
    look = job.look + 1
    result = TrendsFound(status="waiting", scrape_id=job.scrape_id)
    async with run.commit(result) as transaction:
        again = CollectPosts(scrape_id=job.scrape_id, look=look)
        await transaction.send(WORKER, again, job_id=_look_id(job.scrape_id, look), delay=_pause(look))
    return result


def _configured(deps: TrendsDeps) -> Scraper:
    if deps.scraper is None:
        raise NotConfigured("APIFY_TOKEN is not set: scraping needs an account of Apify")
    return deps.scraper


def _scrape_id(query: ScrapeQuery, now: datetime) -> str:
    """Name the scrape of a query in one period, the same for everybody who asks."""
    period = int(now.timestamp() // SHARED_FOR.total_seconds())
    text = f"{query.platform}\0{query.kind}\0{fold(query.value)}"
    return f"{query.platform}-{hashlib.sha256(text.encode()).hexdigest()[:16]}-{period}"


def _look_id(scrape_id: str, look: int) -> str:
    return f"{scrape_id}-look-{look}"


def _pause(look: int) -> timedelta:
    """2, 4, 8 … seconds, at most two minutes: quick runs are seen quickly, slow ones cost few messages."""
    return timedelta(seconds=min(120, 2**look))


def _trend(topic: Topic) -> Trend:
    return Trend(
        identifier=topic.name,
        state=topic.state,
        posts=topic.posts,
        authors=topic.authors,
        share=topic.share,
        base_share=topic.base_share,
        q_value=topic.q_value,
        reasons=topic.reasons,
    )
