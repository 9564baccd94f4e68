"""The alerts service, put together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog
from huntaze_common.errors import UpstreamUnavailable
from huntaze_common.fetch import Answer, Fetcher
from huntaze_common.links import UrlRefused
from huntaze_common.postgres import Pool
from huntaze_common.service import Service

from huntaze_alerts.channels.request import Post, Request
from huntaze_alerts.delivery import Courier
from huntaze_alerts.job import AlertsDeps, handle
from huntaze_alerts.senders import make_senders
from huntaze_alerts.settings import AlertsSettings
from huntaze_alerts.vault import Vault

_log = structlog.get_logger()

SENDING_ONE = 10.0
"""Seconds for one message, from finding its destination to the answer."""


@asynccontextmanager
async def open_deps(settings: AlertsSettings, pool: Pool) -> AsyncGenerator[AlertsDeps]:
    """Open what the jobs need."""
    vault = Vault(settings.channel_key)
    async with Fetcher(development=settings.environment == "development") as fetcher:

        async def post(request: Request) -> Answer:
            return await fetcher.post(request.url, request.body, headers=request.headers, seconds=SENDING_ONE)

        async def heartbeat() -> None:
            if settings.heartbeat_url is not None:
                await _beat(post, settings.heartbeat_url)

        yield AlertsDeps(
            pool=pool,
            courier=lambda now: Courier(pool, make_senders(post=post, vault=vault, now=now), now),
            usual_pause=timedelta(seconds=settings.check_interval),
            heartbeat=heartbeat,
        )


async def _beat(post: Post, url: str) -> None:
    """Tell the monitor outside; that it can't be reached is its own alarm."""
    try:
        await post(Request(url, b""))
    except (UpstreamUnavailable, UrlRefused) as error:
        _log.warning("heartbeat_failed", error=str(error))


SERVICE = Service(
    name="alerts",
    worker="alert-checker",
    package="huntaze_alerts",
    settings=AlertsSettings,
    handle=handle,
    open=open_deps,
)
