"""The alerts service, put together."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
import structlog
from huntaze_common.errors import UpstreamUnavailable
from huntaze_common.fetch import Answer, Fetcher
from huntaze_common.links import UrlRefused
from huntaze_common.postgres import Pool
from huntaze_common.service import Service
from huntaze_common.settings import parse_worker_urls
from huntaze_common.storage import open_object_store
from huntaze_common.tokens import TokenReader, make_token

from huntaze_alerts.alerts_api import ALERT_ROUTES
from huntaze_alerts.channels.mail import MailServer
from huntaze_alerts.channels.request import Post, Request
from huntaze_alerts.charts import SECONDS as CHART_SECONDS
from huntaze_alerts.charts import Illustrator
from huntaze_alerts.delivery import Courier
from huntaze_alerts.job import AlertsDeps, handle
from huntaze_alerts.probes import Probes
from huntaze_alerts.rules_api import RULE_ROUTES
from huntaze_alerts.senders import Outside
from huntaze_alerts.settings import AlertsSettings
from huntaze_alerts.vault import Vault

_log = structlog.get_logger()


PROBE_SECONDS = 3.0
LINKS_LAST = 7 * 86_400
"""Seconds; the longest that S3 signs for."""


@asynccontextmanager
async def open_deps(settings: AlertsSettings, pool: Pool) -> AsyncGenerator[AlertsDeps]:
    """Open what the jobs need."""
    development = settings.environment == "development"
    async with (
        Fetcher(development=development) as fetcher,
        open_object_store(settings.bucket) as objects,
        httpx.AsyncClient(timeout=PROBE_SECONDS) as http,
    ):

        async def post(request: Request) -> Answer:
            return await fetcher.post(
                request.url, request.body, headers=request.headers, seconds=settings.send_seconds
            )

        async def heartbeat() -> None:
            if settings.heartbeat_url is not None:
                await _beat(post, settings.heartbeat_url)

        vault = Vault(settings.channel_key)
        outside = Outside(
            post=post,
            vault=vault,
            mail=_mail_server(settings),
            pagerduty_url=settings.pagerduty_url,
            telegram_url=settings.telegram_url,
        )
        # A picture, a message that is refused because of it, the message alone; and some time to mark it.
        lease = timedelta(seconds=CHART_SECONDS + 2 * settings.send_seconds + 5)
        presign = partial(objects.presigned_get, seconds=LINKS_LAST)
        keep = partial(objects.put, content_type="image/png")

        def courier(now: Callable[[], datetime]) -> Courier:
            illustrator = Illustrator(pool, keep, presign, now)
            return Courier(pool, outside.senders(now), presign, illustrator.chart_of, now, lease)

        yield AlertsDeps(
            pool=pool,
            courier=courier,
            tokens=TokenReader(settings.status_token_key),
            vault=vault,
            presign=presign,
            now=lambda: datetime.now(UTC),
            usual_pause=timedelta(seconds=settings.check_interval),
            probe=_probes(settings, pool, http).take,
            heartbeat=heartbeat,
        )


def _probes(settings: AlertsSettings, pool: Pool, http: httpx.AsyncClient) -> Probes:
    key = settings.status_token_key

    def operator_token() -> str:
        assert key is not None
        soon = datetime.now(UTC) + timedelta(minutes=1)
        return make_token(key, user_id="alerts", expires=soon, operator=True)

    return Probes(
        http=http,
        pool=pool,
        qstash_url=settings.qstash_url.rstrip("/"),
        qstash_token=settings.qstash_token.reveal(),
        workers=parse_worker_urls(settings.worker_urls),
        operator_token=operator_token if key else None,
    )


def _mail_server(settings: AlertsSettings) -> MailServer | None:
    if settings.smtp_host is None:
        return None
    return MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        user=settings.smtp_user,
        password=settings.smtp_password,
        seconds=settings.send_seconds,
        sender=settings.email_from,
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
    routes=[*ALERT_ROUTES, *RULE_ROUTES],
)
