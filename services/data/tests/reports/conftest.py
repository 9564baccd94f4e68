"""The data service over real HTTP, with a real object store and a QStash that records."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
import uvicorn
from huntaze_common.publishing import encode_job
from huntaze_common.secret import Secret
from huntaze_common.service import running
from huntaze_common.settings import from_environment
from huntaze_common.storage import S3ObjectStore, open_object_store
from huntaze_common.testing.recording import RecordingQStash, recording_qstash
from huntaze_common.testing.signing import KEY, NEXT_KEY, signed_headers
from huntaze_common.tokens import make_token
from huntaze_contracts.data import DataProcessed, ReportMade
from huntaze_data.app import SERVICE
from huntaze_data.settings import DataSettings

STATUS_KEY = Secret("status-token-key-of-the-tests-0123456789")
OBJECT_KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "object-store-secret"}
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
"""A Tuesday."""
WEEK = [date(2026, 11, 16) + timedelta(days=number) for number in range(7)]
"""The last week that is over."""
PATH = "/api/workers/data-processing"


@pytest.fixture(scope="session")
def object_store_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The local stack's object store, as a process; it checks signatures."""
    url = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "huntaze_local.objectstore", "--port", url.rpartition(":")[2]]
    command += ["--directory", str(tmp_path_factory.mktemp("objects")), "--bucket", "huntaze"]
    process = subprocess.Popen(command, env={"PATH": os.environ["PATH"], **OBJECT_KEYS})
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "the object store ended at once"
        try:
            urllib.request.urlopen(f"{url}/healthz", timeout=1).close()
            break
        except OSError:
            time.sleep(0.02)
    yield url
    process.send_signal(signal.SIGTERM)
    process.wait(15)


@pytest.fixture
def settings(dsn: str, object_store_url: str) -> Generator[tuple[dict[str, str], RecordingQStash]]:
    """The service's environment but for its own address, and the QStash in it."""
    with recording_qstash() as qstash:
        yield (
            {
                "ENVIRONMENT": "development",
                "DATABASE_URL": dsn,
                "QSTASH_URL": qstash.url,
                "QSTASH_TOKEN": "token",
                "WORKER_URLS": "alert-checker=http://alerts.test",
                "QSTASH_CURRENT_SIGNING_KEY": KEY,
                "QSTASH_NEXT_SIGNING_KEY": NEXT_KEY,
                "STATUS_TOKEN_KEY": STATUS_KEY.reveal(),
                "S3_BUCKET": "huntaze",
                "S3_ENDPOINT_URL": object_store_url,
                **OBJECT_KEYS,
            },
            qstash,
        )


@dataclass
class World:
    """The service and what is around it; time passes only when a test says so."""

    qstash: RecordingQStash
    app: asyncpg.Connection
    pool: asyncpg.Pool
    objects: S3ObjectStore
    url: str
    http: httpx.AsyncClient
    time: list[datetime]

    async def send(self, payload: Any, job_id: str, user_id: str | None = "ann") -> httpx.Response:
        """Deliver a job, signed as QStash does."""
        body = encode_job(
            "data-processing", payload, job_id=job_id, user_id=user_id, enqueued_at=self.time[0]
        )
        return await self.deliver(body)

    async def deliver(self, body: bytes) -> httpx.Response:
        headers = signed_headers(body, self.url + PATH, at=self.time[0].timestamp())
        return await self.http.post(self.url + PATH, content=body, headers=headers)

    async def done(self, payload: Any, job_id: str, user_id: str | None = "ann") -> DataProcessed:
        answer = await self.send(payload, job_id, user_id)
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=DataProcessed)

    async def report(self, payload: Any, job_id: str, user_id: str = "ann") -> ReportMade:
        result = await self.done(payload, job_id, user_id)
        assert result.report is not None
        return result.report

    async def content(self, made: ReportMade, kind: str) -> bytes:
        return await self.objects.get(next(file.key for file in made.files if file.format == kind))

    async def data(self, made: ReportMade) -> dict[str, Any]:
        """The report as its JSON says it."""
        return msgspec.json.decode(await self.content(made, "json"))["report"]

    def token(self, user_id: str) -> dict[str, str]:
        token = make_token(STATUS_KEY, user_id=user_id, expires=datetime.now(UTC) + timedelta(minutes=5))
        return {"authorization": f"Bearer {token}"}

    async def add_user(self, user_id: str = "ann", zone: str = "UTC", name: str = "Ann") -> None:
        await self.app.execute(
            "INSERT INTO app.users VALUES ($1, $2, $3, 'en', '2026-01-01Z')", user_id, name, zone
        )
        await self.app.execute(
            "INSERT INTO app.message_threads VALUES ($1, 't', 'fan', '2026-01-01Z', NULL)", user_id
        )

    async def add_messages(self, *times: datetime, user_id: str = "ann", direction: str = "in") -> None:
        await self.app.executemany(
            "INSERT INTO app.messages VALUES ($1, $2, 't', $3, 'x', NULL, false, $4, $4, NULL, false)",
            [(user_id, f"{direction}{each.timestamp()}", direction, each) for each in times],
        )

    async def add_payment(self, at: datetime, amount: str, currency: str = "EUR", kind: str = "tip") -> None:
        await self.app.execute(
            "INSERT INTO app.transactions VALUES ($1, 'ann', $2, $3, $4, 'completed', $5)",
            f"{at.timestamp()}{currency}{kind}", kind, Decimal(amount), currency, at,
        )  # fmt: skip

    async def add_snapshots(
        self, followers: Sequence[int | None], *, last: date = WEEK[-1], platform: str = "tiktok"
    ) -> None:
        """Add an account's followers on the days up to ``last``; None: no snapshot on that day."""
        account = f"ann-{platform}"
        await self.app.execute(
            "INSERT INTO app.social_accounts VALUES ($1, 'ann', $2, $1)", account, platform
        )
        for back, count in enumerate(reversed(followers)):
            if count is not None:
                await self.app.execute(
                    "INSERT INTO app.analytics_snapshots VALUES ($1, $2, $3, 50, 10, 1000, 1500)",
                    account, last - timedelta(days=back), count,
                )  # fmt: skip

    async def add_post(self, title: str, engagement: int = 10, at: datetime | None = None) -> None:
        await self.app.execute(
            "INSERT INTO app.posts VALUES ($1, 'ann-tiktok', $1, $2, 1000, $3, 0, 0, 0)",
            title, at or midday(WEEK[2]), engagement,
        )  # fmt: skip


@pytest.fixture
async def world(settings, app, pool) -> AsyncGenerator[World]:
    values, qstash = settings
    clock = [NOW]
    async with AsyncExitStack() as stack:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        parsed = from_environment(DataSettings, {**values, "PUBLIC_BASE_URL": url})
        application, *_ = await stack.enter_async_context(
            running(SERVICE, parsed, clock=lambda: clock[0].timestamp())
        )
        await stack.enter_async_context(_serving(application, port))
        objects = await stack.enter_async_context(open_object_store(parsed.bucket))
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=60))
        yield World(qstash, app, pool, objects, url, http, clock)


@asynccontextmanager
async def _serving(application: Any, port: int) -> AsyncGenerator[None]:
    server = uvicorn.Server(uvicorn.Config(application, port=port, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    yield
    server.should_exit = True
    await task


def midday(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
