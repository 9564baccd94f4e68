"""The second half of a scrape: look whether its run has ended, then read, analyse and keep what it found."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from huntaze_common.postgres import Pool
from huntaze_common.run import Run, Transaction
from huntaze_contracts.trends import CollectPosts, Platform, RecommendPosts, TrendsFound

from huntaze_trends import detection, store
from huntaze_trends.actors import actor_for
from huntaze_trends.analysis import FORECAST_HOURS, Analysis, analyse, record_of, trend_of
from huntaze_trends.collecting import MOST_ROWS, Collected, collect
from huntaze_trends.errors import DatasetIncomplete, ScrapeFailed, ScrapeUnknown
from huntaze_trends.scraping import ActorRun, Apify
from huntaze_trends.words import words

_WORKER = "content-trends"
MOST_LOOKS = 60
_PATIENT_DELIVERIES = 3
"""After so many deliveries a dataset that stays incomplete is taken as it is."""
_LEARN_FROM = timedelta(days=30)
_RECENT = timedelta(days=3)


async def collect_posts(job: CollectPosts, run: Run, pool: Pool, apify: Apify) -> TrendsFound:
    """Collect a scrape whose run has ended; look again later at one that has not.

    A scrape is collected once: whoever comes second, by Apify's call or by our own look, answers the same.
    """
    scrape = await store.find_scrape(pool, job.scrape_id)
    if scrape is None or scrape.run_id is None or scrape.dataset_id is None:
        raise ScrapeUnknown(f"there is no started scrape {job.scrape_id}")
    if scrape.found is not None:
        return scrape.found
    actor_run = await apify.look(scrape.run_id)
    if actor_run.unfinished:
        return await _look_again(job, run)
    await store.run_ended(pool, job.scrape_id, actor_run)
    collected = await _read(apify, scrape, actor_run, run)
    at = actor_run.finished_at or run.now()
    await run.progress("analysing", 60)
    analysis = await _analyse(pool, scrape, collected, at)
    async with run.commit(TrendsFound(status="analysed")) as transaction:
        found = await store.lock_scrape(transaction.connection, job.scrape_id)
        if found is None:
            found = await _keep(transaction, job.scrape_id, scrape, actor_run, collected, analysis, at)
        transaction.result = found
    return found


async def _look_again(job: CollectPosts, run: Run) -> TrendsFound:
    result = TrendsFound(status="waiting", scrape_id=job.scrape_id)
    if job.look == 0:  # Apify called too early; our own looks go on by themselves
        return result
    if job.look >= MOST_LOOKS:
        raise ScrapeFailed(f"the actor's run has not ended after {job.look} looks")
    look = job.look + 1
    async with run.commit(result) as transaction:
        again = CollectPosts(scrape_id=job.scrape_id, look=look)
        await transaction.send(_WORKER, again, job_id=f"{job.scrape_id}-look-{look}", delay=_pause(look))
    return result


async def _read(apify: Apify, scrape: store.Scrape, actor_run: ActorRun, run: Run) -> Collected:
    """Read the dataset.

    Raises:
        DatasetIncomplete: Apify counts more rows than it shows, as it does for a while after a run.
        ScrapeFailed: the run failed, or was stopped before it found anything.
    """
    if actor_run.status == "FAILED":
        raise ScrapeFailed("the actor's run failed")
    assert scrape.dataset_id is not None  # the caller saw to it
    actor = actor_for(scrape.platform)
    collected = await collect(apify.rows(actor, scrape.dataset_id), actor.read)
    if not actor_run.complete and not collected.rows:
        raise ScrapeFailed(f"the actor's run ended as {actor_run.status} without any row")
    told = await apify.count(scrape.dataset_id)
    if collected.rows < min(told, MOST_ROWS) and run.attempt <= _PATIENT_DELIVERIES:
        raise DatasetIncomplete(f"the dataset shows {collected.rows} of {told} rows", after=15)
    return collected


async def _analyse(pool: Pool, scrape: store.Scrape, collected: Collected, at: datetime) -> Analysis:
    earlier = await store.posts_of_query(pool, scrape, at - detection.HORIZON)
    growth = {
        hours: await store.growth_examples(pool, scrape.platform, at - _LEARN_FROM, hours=hours)
        for hours in FORECAST_HOURS
    }
    own = frozenset({f"#{scrape.value}", *words(scrape.value)})
    # Seconds of arithmetic for a large scrape: health checks must be answered meanwhile.
    return await asyncio.to_thread(analyse, collected.posts, earlier, growth, at=at, own=own)


async def _keep(
    transaction: Transaction,
    scrape_id: str,
    scrape: store.Scrape,
    actor_run: ActorRun,
    collected: Collected,
    analysis: Analysis,
    at: datetime,
) -> TrendsFound:
    connection, found = transaction.connection, analysis.detection
    names = [topic.name for topic in found.topics]
    where = await store.elsewhere(connection, scrape.platform, names, at - _RECENT)
    stratum = f"{scrape.platform}\0{scrape.kind}\0{scrape.value}"
    trends = [
        trend_of(
            topic,
            analysis.scores,
            stratum=stratum,
            platforms=_in_order(
                scrape.platform, topic.since, [row for row in where if row["name"] == topic.name]
            ),
            caveats=()
            if actor_run.complete
            else (f"the run ended as {actor_run.status}: a part of the posts",),
        )
        for topic in found.topics
    ]
    result = TrendsFound(
        status="analysed",
        scrape_id=scrape_id,
        posts=len(collected.posts),
        quarantined=len(collected.quarantined),
        not_counted=analysis.not_counted,
        trends=tuple(trends),
        window_hours=found.width.total_seconds() / 3600,
        until=at,
        viral_posts=sum(
            score.viral for post in collected.posts if (score := analysis.scores.get(post.external_id))
        ),
        cost_usd=actor_run.cost_usd,
        caveats=_caveats(found, collected),
        detector_version=detection.VERSION,
    )
    await store.save_collected(connection, scrape_id, collected, analysis.judgements(collected.posts), at)
    records = [record_of(topic, trend) for topic, trend in zip(found.topics, trends, strict=True)]
    await store.save_found(connection, scrape_id, collected, records, result)
    for user_id in await store.followers_of(connection, scrape):
        whose = hashlib.sha256(user_id.encode()).hexdigest()[:16]
        payload = RecommendPosts(scrape_id=scrape_id)
        await transaction.send(_WORKER, payload, job_id=f"{scrape_id}-for-{whose}", user_id=user_id)
    return result


def _in_order(
    platform: Platform, since: datetime | None, elsewhere: Sequence[Mapping[str, Any]]
) -> list[Platform]:
    """Order the platforms where a topic is a trend by the onset of its burst there."""
    if since is None:
        return []
    onsets: list[tuple[datetime, Platform]] = [(since, platform)]
    onsets += [(row["since"], row["platform"]) for row in elsewhere if row["since"]]
    return [name for _, name in sorted(onsets)]


def _caveats(found: detection.Detection, collected: Collected) -> tuple[str, ...]:
    caveats: list[str] = []
    if not found.enough_history:
        caveats.append(
            f"insufficient history: {found.base_total} posts in {found.windows} earlier windows,"
            f" for {found.total} now"
        )
    if collected.rows == MOST_ROWS:
        caveats.append(f"only the first {MOST_ROWS} rows were read")
    return tuple(caveats)


def _pause(look: int) -> timedelta:
    """2, 4, 8 … seconds, at most two minutes: quick runs are seen quickly, slow ones cost few messages."""
    return timedelta(seconds=min(120, 2**look))
