"""The trends service over real HTTP, between a stand-in of QStash that records and one of Apify with faults."""

import asyncio
import importlib.util
import socket
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
from huntaze_common.postgres import migrate
from huntaze_common.publishing import encode_job
from huntaze_common.secret import Secret
from huntaze_common.service import running
from huntaze_common.testing.recording import RecordingQStash, recording_qstash
from huntaze_common.testing.signing import KEY, NEXT_KEY, signed_headers
from huntaze_common.tokens import make_token
from huntaze_contracts.trends import TrendsFound
from huntaze_local import database as roles
from huntaze_local.postgres import Server
from huntaze_trends.app import SERVICE
from huntaze_trends.settings import TrendsSettings

PASSWORD = "test-password"
STATUS_KEY = Secret("status-token-key-of-the-tests-0123456789")
START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def _load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"trends_{name}", Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


standin = _load("apify_standin")


@dataclass
class Platform:
    """The service and what is around it; time passes only when a test says so."""

    qstash: RecordingQStash
    apify: Any
    pool: asyncpg.Pool
    url: str
    http: httpx.AsyncClient
    time: list[datetime]
    answered: set[str] = field(default_factory=set)

    def now(self) -> datetime:
        return self.time[0]

    def later(self, **by: float) -> None:
        self.time[0] += timedelta(**by)

    async def send(self, payload: Any, job_id: str, user_id: str | None = None) -> httpx.Response:
        """Deliver a job, signed as QStash does."""
        body = encode_job("content-trends", payload, job_id=job_id, user_id=user_id, enqueued_at=self.now())
        return await self.deliver(body)

    async def deliver(self, body: bytes) -> httpx.Response:
        url = f"{self.url}/api/workers/content-trends"
        headers = signed_headers(body, url, at=self.now().timestamp())
        return await self.http.post(url, content=body, headers=headers)

    async def settle(self) -> dict[str, TrendsFound]:
        """End all runs and deliver what was published, until nothing is left; return the results by job."""
        results: dict[str, TrendsFound] = {}
        while waiting := [m for m in self.qstash.published if m.deduplication_id not in self.answered]:
            self.apify.end()
            for message in waiting:
                self.later(seconds=5)
                answer = await self.deliver(message.body)
                if answer.status_code == 503:
                    continue
                assert answer.status_code == 200, answer.text
                self.answered.add(message.deduplication_id)
                results[message.deduplication_id] = msgspec.json.decode(answer.content, type=TrendsFound)
        return results

    def as_user(self, user_id: str) -> dict[str, str]:
        token = make_token(STATUS_KEY, user_id=user_id, expires=datetime.now(UTC) + timedelta(minutes=5))
        return {"authorization": f"Bearer {token}"}

    async def rows(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.pool.fetch(query, *arguments)]


@pytest.fixture(scope="session")
def migrated(postgres_server: Server) -> str:
    """The address, as superuser, of a database with the service's tables; made once."""
    address = postgres_server.dsn.rpartition("/")[0] + "/trends_tests"
    asyncio.run(_prepare(postgres_server.dsn, address))
    return address


@pytest.fixture
def dsn(migrated: str) -> str:
    """The address of the service's tables, all empty, as the service's own role."""
    asyncio.run(_empty(migrated))
    return _as("huntaze_trends", migrated)


@pytest.fixture
async def pool(dsn: str) -> AsyncGenerator[asyncpg.Pool]:
    async with asyncpg.create_pool(dsn, min_size=1, max_size=3) as opened:
        yield opened


@pytest.fixture
def settings() -> dict[str, Any]:
    """Settings that a test replaces by overriding this fixture's content."""
    return {"apify_token": Secret("test-token")}


@pytest.fixture
async def platform(dsn: str, settings: dict[str, Any], pool: asyncpg.Pool) -> AsyncGenerator[Platform]:
    time = [START]
    apify = standin.Apify(now=lambda: time[0])
    async with AsyncExitStack() as stack:
        qstash = stack.enter_context(recording_qstash())
        apify.url = await stack.enter_async_context(standin.serving(apify))
        port = _free_port()
        url = f"http://127.0.0.1:{port}"
        values: dict[str, Any] = {
            "environment": "development",
            "public_base_url": url,
            "database_url": Secret(dsn),
            "qstash_url": qstash.url,
            "qstash_token": Secret("qstash-token"),
            "qstash_current_signing_key": Secret(KEY),
            "qstash_next_signing_key": Secret(NEXT_KEY),
            "status_token_key": STATUS_KEY,
            "apify_api_url": apify.url,
        }
        service = running(
            SERVICE, TrendsSettings(**{**values, **settings}), clock=lambda: time[0].timestamp()
        )
        app, *_ = await stack.enter_async_context(service)
        await stack.enter_async_context(standin.serving(app, port))
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=60))
        yield Platform(qstash, apify, pool, url, http, time)


@pytest.fixture
async def apify() -> AsyncGenerator[Any]:
    """The stand-in of Apify alone, by the machine's clock."""
    account = standin.Apify(now=lambda: datetime.now(UTC))
    async with standin.serving(account) as account.url:
        yield account


def tiktok_rows(posts: Sequence[tuple[int, float, str, str]], now: datetime) -> list[bytes]:
    """Make rows of posts given as (number, age in hours, tags, author)."""
    return [
        msgspec.json.encode(
            {
                "id": str(number),
                "text": f"post {number} of {author}",
                "createTime": int((now - timedelta(hours=age)).timestamp()),
                "authorMeta": {"id": author, "name": author, "fans": 1000},
                "hashtags": [{"name": tag} for tag in tags.split()],
                "playCount": 1000 + number,
            }
        )
        for number, age, tags, author in posts
    ]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


async def _prepare(server: str, address: str) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute("CREATE DATABASE trends_tests TEMPLATE template0")
    await connection.close()
    connection = await asyncpg.connect(address)
    await roles.apply_roles(connection, dict.fromkeys(roles.ROLES, PASSWORD))
    await connection.close()
    await migrate(_as("huntaze_trends_owner", address), "huntaze_trends", schema="trends")


async def _empty(address: str) -> None:
    connection = await asyncpg.connect(address)
    tables = await connection.fetch(
        "SELECT format('trends.%I', tablename) AS name FROM pg_tables"
        " WHERE schemaname = 'trends' AND tablename <> 'migration'"
    )
    await connection.execute("TRUNCATE " + ", ".join(row["name"] for row in tables))
    await connection.close()


def _as(role: str, address: str) -> str:
    return f"postgresql://{role}:{PASSWORD}@{address.rpartition('@')[2]}"
