"""The trends service, put together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal

from huntaze_common.postgres import Pool
from huntaze_common.publishing import QStashPublisher
from huntaze_common.service import Service
from huntaze_common.settings import parse_worker_urls
from huntaze_common.tokens import TokenReader

from huntaze_trends.api import ROUTES
from huntaze_trends.callback import Callbacks
from huntaze_trends.job import WORKER, Budget, TrendsDeps, find_trends
from huntaze_trends.scraping import Apify
from huntaze_trends.settings import TrendsSettings


@asynccontextmanager
async def open_deps(settings: TrendsSettings, pool: Pool) -> AsyncGenerator[TrendsDeps]:
    """Make the client of Apify, if there is a token, and what receives its calls."""
    base_url = settings.public_base_url.rstrip("/")
    publisher = QStashPublisher(
        token=settings.qstash_token.reveal(),
        url=settings.qstash_url,
        worker_urls={**parse_worker_urls(settings.worker_urls), WORKER: base_url},
    )
    token = settings.apify_token
    try:
        yield TrendsDeps(
            pool=pool,
            apify=token and Apify(token.reveal(), settings.apify_api_url),
            budget=Budget(
                a_run=Decimal(str(settings.most_usd_per_run)),
                a_day=settings.most_usd_per_day,
                a_day_of_user=settings.most_usd_per_user_per_day,
            ),
            callbacks=Callbacks(
                # Whoever has the token can call Apify in our name anyway; without it nothing is started.
                key=(token or settings.qstash_token).reveal(),
                base_url=base_url,
                pool=pool,
                publisher=publisher,
                now=_now,
            ),
            tokens=TokenReader(settings.status_token_key),
            now=_now,
        )
    finally:
        await publisher.aclose()


def _now() -> datetime:
    return datetime.now(UTC)


SERVICE = Service(
    name="trends",
    worker=WORKER,
    package="huntaze_trends",
    settings=TrendsSettings,
    handle=find_trends,
    open=open_deps,
    routes=ROUTES,
)
