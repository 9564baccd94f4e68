"""Every rule that comes with the platform fires, on the schemas, views and roles of a real deployment."""

import asyncio
import itertools
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest
from huntaze_alerts import metrics
from huntaze_alerts.metrics import Sample
from huntaze_alerts.probes import Event, Probes, lateness
from huntaze_common.metrics import Metrics
from huntaze_common.postgres import migrate
from huntaze_common.signature import SignatureRejected
from huntaze_common.testing.web import serving_web
from huntaze_local import appdb, database
from prometheus_client import generate_latest

VIEWS = Path(__file__).resolve().parents[3] / "deploy" / "database" / "0003_ops_read.sql"
SERVICES = ("video", "trends", "data", "alerts")
PASSWORD = "test-password"  # as in all tests of services: roles belong to the whole server
NOW = datetime(2026, 3, 29, 10, 0, tzinfo=UTC)
_numbers = itertools.count(1)

FAILED_JOBS = """
INSERT INTO video.job (job_id, type, schema_version, body, payload_sha, state, started_at, finished_at)
SELECT 'j' || n, 'video-processing', 1, '', '', 'failed', $1::timestamptz - interval '30 min', $1
  FROM generate_series(1, 20) AS n
"""
SCRAPES = """
INSERT INTO trends.scrape (scrape_id, platform, kind, value, actor_id, actor_version, asked_by, collected_at,
                           posts, run_status, cost_usd)
SELECT 's' || n, 'tiktok', 'tag', 'x', 'a', 1, 'j' || n, $1::timestamptz, 0, 'FAILED', 3
  FROM generate_series(1, 5) AS n
"""
ANALYSES = """
INSERT INTO video.video (job_id, user_id, video_id, duration_ms, width, height, frame_rate, shots, grid_key,
                         grid_rows, grid_cols, analysis_status, processed_at)
SELECT 'j' || n, 'ann', 'v', 1, 1, 1, 1, 1, 'k', 1, 1, 'failed', $1::timestamptz FROM generate_series(1, 6) AS n
"""
TOKENS = """
INSERT INTO video.analysis (key, status, content, cost_usd, created_at)
VALUES ('k', 'ok', '{"usage": {"input_tokens": 900000, "output_tokens": 200000}}', 0.5, $1)
"""


@pytest.fixture(scope="module")
def deployment(postgres_server) -> str:
    """A database made by the files that a deployment runs, with all services' migrations and the views."""
    dsn = postgres_server.dsn.rpartition("/")[0]

    async def make() -> None:
        admin = await asyncpg.connect(postgres_server.dsn)
        await admin.execute("CREATE DATABASE alerts_deployed TEMPLATE template0")
        connection = await asyncpg.connect(f"{dsn}/alerts_deployed")
        await database.apply_roles(connection, dict.fromkeys(database.ROLES, PASSWORD))
        await appdb.install(connection, today=date(2026, 1, 10))
        for service in SERVICES:
            owner = f"huntaze_{service}_owner"
            address = postgres_server.dsn_of(owner, PASSWORD).rpartition("/")[0]
            await migrate(f"{address}/alerts_deployed", f"huntaze_{service}", schema=service)
        await connection.execute(VIEWS.read_text("utf-8"))
        await connection.close()
        await admin.close()

    asyncio.run(make())
    return "alerts_deployed"


@pytest.fixture
async def platform(postgres_server, deployment, connect) -> AsyncGenerator:
    """A copy of it: a world that runs as the service's own role, and an administrator beside."""
    name = f"alerts_rules_{next(_numbers)}"
    dsn = postgres_server.dsn.rpartition("/")[0]
    server = await asyncpg.connect(postgres_server.dsn)
    await server.execute(f"CREATE DATABASE {name} TEMPLATE {deployment}")
    world = await connect(postgres_server.dsn_of("huntaze_alerts", PASSWORD).rpartition("/")[0] + f"/{name}")
    assert await world.pool.fetchval("SELECT current_user") == "huntaze_alerts"
    world.slot = NOW
    world.admin = await asyncpg.connect(f"{dsn}/{name}")
    await world.admin.execute("UPDATE alerts.rule SET created_at = $1::timestamptz", NOW - timedelta(days=60))
    await world.admin.execute("UPDATE alerts.rule SET definition = definition || '{\"hold\": 0}'")
    yield world
    await world.admin.close()
    await world.pool.close()
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


def sample(metric: str, value: float, kind: str = "counter", count: int = 1, **labels: str) -> list[Sample]:
    return [Sample(metric=metric, kind=kind, value=value, labels=labels)] * count


SENT = {
    "upload-errors": sample("upload.finished", 1, count=12, platform="tiktok", result="failure", code="E7"),
    "token-refresh-failures": sample("token_refresh.failed", 4, platform="instagram"),
    "webhook-latency": sample("webhook.seconds", 9, "timing", count=8),
    "oauth-failures": sample("oauth.failed", 6, platform="tiktok"),
    "requests-slow": sample("http.seconds", 3, "timing", count=30),
    "requests-fail": sample("http.finished", 1, count=30, **{"class": "5xx"}),
    "messages-failed": sample("alerts.messages_failed", 9),
}
CAUSED = {
    "job-failures": FAILED_JOBS,
    "job-duration": FAILED_JOBS,
    "actor-failures": SCRAPES,
    "scrapes-empty": SCRAPES,
    "budget": SCRAPES,
    "model-errors": ANALYSES,
    "model-tokens": TOKENS,
}
NOT_RUN = ("daily-analytics", "user-stats", "cleanup", "trends")


@pytest.mark.parametrize("rule", sorted(SENT))
async def test_rules_on_what_the_application_sends(platform, rule: str) -> None:
    """Ingested as the web application would, a few minutes ago."""
    await metrics.save(platform.pool, SENT[rule], now=NOW - timedelta(minutes=2))
    await platform.again()

    assert await platform.state(rule) == "firing"


@pytest.mark.parametrize("rule", sorted(CAUSED))
async def test_rules_on_what_the_services_did(platform, rule: str) -> None:
    """Through the views: the service's role can't read the tables behind them."""
    await platform.admin.execute(CAUSED[rule], NOW - timedelta(minutes=2))
    await platform.again()

    assert await platform.state(rule) == "firing"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await platform.pool.fetch("SELECT FROM trends.scrape")


async def test_rules_on_schedules_that_did_not_run(platform) -> None:
    """The dead man's switches, of all schedules but the one that makes the checks themselves."""
    await platform.again()

    assert [await platform.state(f"schedule-missed-{name}") for name in NOT_RUN] == ["firing"] * 4


async def test_the_rule_on_rules_that_fail(platform) -> None:
    """A source that is gone puts its rules into error, and one rule says so at the next check."""
    await platform.admin.execute("DROP VIEW ops_read.job_outcomes")
    await platform.again()
    await platform.tick(5)

    assert await platform.state("rules-failed") == "firing"


class Queue:
    """A real `qstash-local` in a process of its own."""

    def __init__(self) -> None:
        command = [
            sys.executable,
            "-m",
            "qstash_local",
            "serve",
            "--port",
            "0",
            "--quiet",
            "--data",
            ":memory:",
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        lines = dict(self.process.stdout.readline().strip().split("=", 1) for _ in range(4))
        self.url, self.token = lines["QSTASH_URL"], lines["QSTASH_TOKEN"]

    def publish(self, http: httpx.Client, **headers: str) -> None:
        named = {f"upstash-{name}": value for name, value in headers.items()}
        destination = f"{self.url}/v2/publish/http://127.0.0.1:1/gone"
        http.post(destination, headers={"authorization": f"Bearer {self.token}", **named}).raise_for_status()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def queue() -> Generator[Queue]:
    running = Queue()
    yield running
    running.close()


async def test_rules_on_the_queue(platform, queue) -> None:
    """Dead letters and late messages as QStash's own API tells them."""
    with httpx.Client() as client:
        queue.publish(client, retries="0")
        queue.publish(client, retries="3", **{"retry-delay": "3600000"})
        async with httpx.AsyncClient() as http:
            await until_given_up(client, queue)
            probes = Probes(http, platform.pool, queue.url, queue.token, {}, None)
            platform.slot = datetime.now(UTC) + timedelta(minutes=20)
            await probes.take(platform.slot - timedelta(minutes=1))
    await platform.again()

    assert await platform.state("dead-letters") == "firing"
    assert await platform.state("queue-age") == "firing"


async def until_given_up(client: httpx.Client, queue: Queue) -> None:
    for _ in range(200):
        answer = client.get(f"{queue.url}/v2/dlq", headers={"authorization": f"Bearer {queue.token}"})
        if answer.json()["messages"]:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("nothing was given up")


async def test_the_rule_on_bad_signatures(platform, post_page) -> None:
    """From a worker's metrics page; what was counted before is not counted again, also by another process."""
    web, probes = post_page
    counted = Metrics("video", "video-processing")
    for expected in (15, 30, 30):
        if expected > counted_so_far(counted):
            for _ in range(15):
                counted.refused(SignatureRejected("wrong_key"))
        web.page("/metrics", generate_latest(counted.registry))
        await probes.take(NOW - timedelta(minutes=2))
    await platform.again()

    assert await platform.state("signature-failures") == "firing"
    assert await platform.pool.fetchval("SELECT sum(total) FROM point") == 30


def counted_so_far(counted: Metrics) -> float:
    return (
        counted.registry.get_sample_value(
            "signature_fail_total",
            {"service": "video", "contract": "video-processing", "reason": "wrong_key"},
        )
        or 0
    )


@pytest.fixture
async def post_page(platform) -> AsyncGenerator:
    async with serving_web() as web, httpx.AsyncClient(trust_env=False) as http:
        workers = {"video-processing": web.url}
        # No queue answers at this address: that probe fails and the others go on.
        yield web, Probes(http, platform.pool, "http://127.0.0.1:1", "token", workers, lambda: "token")


async def test_probes_write_nothing_while_nothing_happens(platform, queue) -> None:
    """A quiet tick stays quiet; the first zero after trouble is written, so that the alert can end."""
    async with httpx.AsyncClient() as http:
        probes = Probes(http, platform.pool, queue.url, queue.token, {}, None)
        await probes.take(NOW)
        assert await platform.pool.fetchval("SELECT count(*) FROM point") == 0
        await metrics.save(platform.pool, sample("qstash.dead_letters", 3, "gauge"), now=NOW)
        for minutes in (5, 10):
            await probes.take(NOW + timedelta(minutes=minutes))

    rows = await platform.pool.fetch("SELECT total FROM point ORDER BY at")
    assert [row["total"] for row in rows] == [3, 0]


@pytest.mark.parametrize(
    ("events", "late"),
    [
        ([], 0),
        ([("a", "CREATED", 100, None)], 100),
        ([("a", "CREATED", 100, 40)], 40),
        ([("a", "CREATED", 100, -500)], 0),
        ([("a", "ACTIVE", 5, None), ("a", "CREATED", 100, None)], 0),
        ([("a", "RETRY", 50, -900), ("a", "CREATED", 100, None)], 100),
        ([("a", "DELIVERED", 5, None), ("b", "ERROR", 30, None), ("b", "CREATED", 60, None)], 60),
        ([("a", "FAILED", 5, None), ("a", "ERROR", 5, None), ("a", "CREATED", 100, None)], 0),
    ],
)
def test_how_late_messages_are(events: list[tuple[str, str, int, int | None]], late: float) -> None:
    """Delays that were asked for are no lateness, nor is being worked on; seconds ago, newest first."""
    at = int(NOW.timestamp() * 1000)
    logged = [
        Event(time=at - ago * 1000, message_id=message, state=state,
              next_delivery_time=None if due is None else at - due * 1000)
        for message, state, ago, due in events
    ]  # fmt: skip

    assert lateness(logged, NOW) == pytest.approx(late)
