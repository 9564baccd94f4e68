"""The job that tells one user what to do about the trends of a scrape."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from huntaze_common.errors import PayloadInvalid
from huntaze_common.postgres import Connection, Pool
from huntaze_common.run import Run
from huntaze_contracts.trends import BrandProfile, RecommendPosts, Trend, TrendsFound

from huntaze_trends import advice_store, detection, store
from huntaze_trends.errors import ScrapeUnknown
from huntaze_trends.recommendations import Elsewhere, Timing, own_timing, recommendations

_DAY = timedelta(days=1)
_MOST_LOOKED_UP = 10
"""Trends of a scrape that other platforms are searched for."""


async def recommend(job: RecommendPosts, run: Run, pool: Pool) -> TrendsFound:
    """Write what the user of the job should do about a scrape's trends.

    A recommendation is one row for as long as its trend lasts, renewed by later scrapes; one that the user
    dismissed or followed does not come back in the same burst.

    Raises:
        PayloadInvalid: the job has no user.
        ScrapeUnknown: the scrape was not analysed.
    """
    if run.user_id is None:
        raise PayloadInvalid("userId: recommendations are for somebody")
    scrape = await store.find_scrape(pool, job.scrape_id)
    if scrape is None or scrape.found is None or scrape.found.until is None:
        raise ScrapeUnknown(f"scrape {job.scrape_id} was not analysed")
    async with run.commit(TrendsFound(status="recommended")) as transaction:
        connection = transaction.connection
        brand = await advice_store.brand(connection, run.user_id)
        made = recommendations(
            scrape.found.trends,
            user_id=run.user_id,
            platform=scrape.platform,
            brand=brand,
            timing=await _timing(connection, brand),
            elsewhere=await _elsewhere(connection, scrape.found.trends, scrape.found.until),
            now=scrape.found.until,
        )
        new = await advice_store.save(connection, run.user_id, made, made_at=run.now())
        transaction.result = result = TrendsFound(
            status="recommended", scrape_id=job.scrape_id, recommendations=new
        )
    return result


async def _timing(connection: Connection, brand: BrandProfile) -> dict[str, Timing]:
    return {
        platform: own_timing(await advice_store.own_posts(connection, platform, handle), brand.time_zone)
        for platform, handle in brand.handles.items()
    }


async def _elsewhere(
    connection: Connection, trends: Sequence[Trend], until: datetime
) -> dict[str, list[Elsewhere]]:
    found: dict[str, list[Elsewhere]] = {}
    tags = [
        trend
        for trend in trends
        if trend.kind == "tag" and trend.id and trend.state != "insufficient_history"
    ]
    for trend in tags[:_MOST_LOOKED_UP]:
        rows = await store.looked_at(
            connection,
            trend.identifier,
            since=until - _DAY,
            until=until,
            base_since=until - detection.HORIZON,
        )
        found[str(trend.id)] = [Elsewhere(**dict(row)) for row in rows]
    return found
