"""The data service's schema beside the application's tables, the service over HTTP, a store, a clock to set."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
import uvicorn
from huntaze_common.postgres import migrate
from huntaze_common.publishing import encode_job
from huntaze_common.service import running
from huntaze_common.settings import from_environment
from huntaze_common.storage import S3ObjectStore, open_object_store
from huntaze_common.testing.recording import RecordingQStash, recording_qstash
from huntaze_common.testing.signing import KEY, NEXT_KEY, signed_headers
from huntaze_contracts.data import DataProcessed
from huntaze_data.app import SERVICE
from huntaze_data.settings import DataSettings
from huntaze_local import appdb, database

PASSWORD = "test-password"
OBJECT_KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "object-store-secret"}
PATH = "/api/workers/data-processing"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture
def dsn(database: str) -> str:
    """The address, as the service's own role, of a database with an empty application."""
    asyncio.run(_prepare(database))
    return _as("huntaze_data", database)


@pytest.fixture
async def pool(dsn: str) -> AsyncGenerator[asyncpg.Pool]:
    async with asyncpg.create_pool(dsn, min_size=1, max_size=3) as opened:
        yield opened


@pytest.fixture
async def app(database: str, dsn: str) -> AsyncGenerator[asyncpg.Connection]:
    """A connection that writes the application's tables."""
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


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


@dataclass
class Worker:
    """The service over HTTP; time passes only when a test says so."""

    qstash: RecordingQStash
    objects: S3ObjectStore
    url: str
    http: httpx.AsyncClient
    time: list[datetime]
    delivered: set[str] = field(default_factory=set)

    async def send(self, payload: Any, job_id: str, user_id: str | None = None) -> httpx.Response:
        """Deliver a job, signed as QStash does."""
        body = encode_job(
            "data-processing", payload, job_id=job_id, user_id=user_id, enqueued_at=self.time[0]
        )
        return await self.deliver(body)

    async def deliver(self, body: bytes) -> httpx.Response:
        headers = signed_headers(body, self.url + PATH, at=self.time[0].timestamp())
        return await self.http.post(self.url + PATH, content=body, headers=headers)

    async def done(self, payload: Any, job_id: str = "job", user_id: str | None = None) -> DataProcessed:
        answer = await self.send(payload, job_id, user_id)
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=DataProcessed)

    async def follow(self) -> list[DataProcessed]:
        """Deliver the follow-up jobs until there are no more, and return their results."""
        results: list[DataProcessed] = []
        while waiting := [
            message
            for message in self.qstash.published
            if message.deduplication_id not in self.delivered and message.destination.endswith(PATH)
        ]:
            for message in waiting:
                self.delivered.add(message.deduplication_id)
                answer = await self.deliver(message.body)
                assert answer.status_code == 200, answer.text
                results.append(msgspec.json.decode(answer.content, type=DataProcessed))
        return results


@pytest.fixture
def environment(dsn: str, object_store_url: str) -> Generator[tuple[dict[str, str], RecordingQStash]]:
    """The service's environment but for its own address, and the QStash in it."""
    with recording_qstash() as qstash:
        values = {
            "ENVIRONMENT": "development",
            "DATABASE_URL": dsn,
            "QSTASH_URL": qstash.url,
            "QSTASH_TOKEN": "token",
            "WORKER_URLS": "alert-checker=http://alerts.test",
            "QSTASH_CURRENT_SIGNING_KEY": KEY,
            "QSTASH_NEXT_SIGNING_KEY": NEXT_KEY,
            "S3_BUCKET": "huntaze",
            "S3_ENDPOINT_URL": object_store_url,
            **OBJECT_KEYS,
        }
        yield values, qstash


@pytest.fixture
async def worker(environment: tuple[dict[str, str], RecordingQStash]) -> AsyncGenerator[Worker]:
    values, qstash = environment
    clock = [NOW]
    async with AsyncExitStack() as stack:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        # So short that work which takes a moment is done in parts.
        values = {**values, "PUBLIC_BASE_URL": url, "JOB_SECONDS": "0.2"}
        settings = from_environment(DataSettings, values)
        application, *_ = await stack.enter_async_context(
            running(SERVICE, settings, clock=lambda: clock[0].timestamp())
        )
        await stack.enter_async_context(serving(application, port))
        objects = await stack.enter_async_context(open_object_store(settings.bucket))
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=60))
        yield Worker(qstash, objects, url, http, clock)


@asynccontextmanager
async def serving(application: Any, port: int) -> AsyncGenerator[None]:
    server = uvicorn.Server(uvicorn.Config(application, port=port, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    yield
    server.should_exit = True
    await task


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Application:
    """Shorthands for rows of the application's tables."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def user(self, user_id: str = "u", zone: str = "UTC") -> None:
        await self.connection.execute(
            "INSERT INTO app.users VALUES ($1, $1, $2, 'en-US', '2026-01-01Z')", user_id, zone
        )
        await self.connection.execute(
            "INSERT INTO app.message_threads VALUES ($1, 't', '=cmd()', '2026-01-01Z', NULL)", user_id
        )

    async def messages(
        self, *times: datetime, user_id: str = "u", direction: str = "in", thread: str = "t"
    ) -> None:
        await self.connection.executemany(
            "INSERT INTO app.messages VALUES ($1, $2, $3, $4, 'x', NULL, false, $5, $5, NULL, false)",
            [(user_id, f"{direction}{time.timestamp()}", thread, direction, time) for time in times],
        )

    async def archived(
        self,
        count: int,
        *,
        sent: datetime,
        name: str = "old",
        user_id: str = "u",
        every: timedelta = timedelta(0),
    ) -> None:
        """Add messages that were archived an hour after they were sent."""
        await self.connection.execute(
            "INSERT INTO app.messages SELECT $1, $2 || n, 't', 'in', 'x', NULL, false, at, at, at + interval '1 hour'"
            " FROM (SELECT n, $3::timestamptz + n * $4::interval AS at FROM generate_series(1, $5::integer) AS n) AS s",
            user_id, name, sent, every, count,
        )  # fmt: skip

    async def payment(
        self,
        number: int,
        at: datetime,
        currency: str = "EUR",
        *,
        user_id: str = "u",
        status: str = "completed",
        amount: int = 10,
    ) -> None:
        await self.connection.execute(
            "INSERT INTO app.transactions VALUES ($1, $2, 'tip', $3, $4, $5, $6)",
            f"{user_id}{number}", user_id, amount, currency, status, at,
        )  # fmt: skip


@pytest.fixture
def rows(app: asyncpg.Connection) -> Application:
    return Application(app)


async def _prepare(address: str) -> None:
    connection = await asyncpg.connect(address)
    await database.apply_roles(connection, dict.fromkeys(database.ROLES, PASSWORD))
    await appdb.create(connection)
    await connection.close()
    await migrate(_as("huntaze_data_owner", address), "huntaze_data", schema="data")


def _as(role: str, address: str) -> str:
    return f"postgresql://{role}:{PASSWORD}@{address.rpartition('@')[2]}"
