"""The trends service, put together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from huntaze_common.postgres import Pool
from huntaze_common.service import Service

from huntaze_trends.job import TrendsDeps, find_trends
from huntaze_trends.scraping import ApifyScraper
from huntaze_trends.settings import TrendsSettings


@asynccontextmanager
async def open_deps(settings: TrendsSettings, pool: Pool) -> AsyncGenerator[TrendsDeps]:
    """Make the client of Apify, if there is a token."""
    scraper = settings.apify_token and ApifyScraper(
        settings.apify_token.reveal(), settings.apify_api_url, most_usd=settings.most_usd_per_run
    )
    yield TrendsDeps(pool, scraper)


SERVICE = Service(
    name="trends",
    worker="content-trends",
    package="huntaze_trends",
    settings=TrendsSettings,
    handle=find_trends,
    open=open_deps,
)
