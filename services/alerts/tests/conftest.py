"""A database with the alerts service's tables, its clock, and shorthands for what tests do with them."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import asyncpg
import msgspec
import pytest
from cryptography.fernet import Fernet
from huntaze_alerts import evaluation, metrics, store
from huntaze_alerts.channels.mail import MailServer
from huntaze_alerts.channels.request import Request
from huntaze_alerts.charts import Illustrator
from huntaze_alerts.delivery import Courier
from huntaze_alerts.metrics import Sample
from huntaze_alerts.senders import Outside
from huntaze_alerts.vault import Vault
from huntaze_common.fetch import Answer, Fetcher
from huntaze_common.postgres import migrate
from huntaze_common.secret import Secret
from huntaze_common.testing.web import Web, serving_web
from huntaze_contracts.alerts import AlertsChecked, Level, MetricQuery, NotificationsDelivered, Rule
from huntaze_local import database as roles
from huntaze_local.postgres import Server

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
MINUTES = timedelta(minutes=1)
PASSWORD = "test-password"
SOURCES = """
CREATE TABLE app_read.analytics_snapshots (user_id text, platform text, snapshot_date date, followers bigint,
    engagement bigint, posts bigint, reach bigint, impressions bigint);
CREATE TABLE ops_read.job_outcomes (worker text, job_id text, state text, error_code text,
    finished_at timestamptz, seconds float8, deliveries integer);
CREATE TABLE ops_read.usage (metric text, at timestamptz, labels jsonb, value float8);
GRANT SELECT ON ALL TABLES IN SCHEMA app_read, ops_read TO huntaze_alerts;
"""


# In the order that foreign keys ask for.
EMPTIED = (
    *("notification", "delivery", "alert_event", "alert", "point", "series", "evaluation", "silence", "rule"),
    *(
        "job",
        "outbox",
        "app_read.analytics_snapshots",
        "ops_read.job_outcomes",
        "ops_read.usage",
        "counter_reading",
    ),
)
_numbers = itertools.count(1)


class World:
    """The service's database, as its own role sees it, and a clock that only tests move."""

    def __init__(self, pool: asyncpg.Pool, dsn: str, admin: asyncpg.Pool) -> None:
        self.pool = pool
        self.dsn = dsn
        self.admin = admin
        """For what others write: the services' views and the application's."""
        self.slot = START
        self.usual = 5 * MINUTES

    def now(self) -> datetime:
        return self.slot

    async def rule(self, name: str = "r", *, owner: str | None = None, **fields: Any) -> None:
        """Save a rule on the metric of its own name; fields of the query may stand beside the rule's own."""
        query = {"metric": f"test.{name}", "aggregation": "avg", "window": 300, "delay": 0}
        for field in msgspec.structs.fields(MetricQuery):
            if field.name in fields:
                query[field.name] = fields.pop(field.name)
        fields.setdefault("levels", (Level(severity="error", threshold=100),))
        rule = Rule(name=name, query=MetricQuery(**query), **fields)
        await store.save_rule(self.pool, name, owner, rule)

    async def sample(self, name: str, value: float, *, ago: float = 0.5, **fields: Any) -> None:
        """Ingest one value, some minutes before the present slot."""
        fields.setdefault("kind", "gauge")
        sample = Sample(metric=f"test.{name}", value=value, at=self.slot - ago * MINUTES, **fields)
        await metrics.save(self.pool, [sample], now=self.slot)

    async def tick(self, minutes: float = 5) -> AlertsChecked:
        """Move the clock and evaluate its slot."""
        self.slot += minutes * MINUTES
        return await self.again()

    async def again(self, slot: datetime | None = None) -> AlertsChecked:
        """Evaluate the present slot once more, or another one."""
        return (
            await evaluation.evaluate(self.pool, slot or self.slot, now=self.now(), usual=self.usual)
        ).done

    async def feed(self, name: str, *values: float | None, minutes: float = 5, **fields: Any) -> list[str]:
        """Tick once per value and return the states that the rule's alert goes through."""
        states = []
        for value in values:
            self.slot += minutes * MINUTES
            if value is not None:
                await self.sample(name, value, **fields)
            await self.again()
            states.append(await self.state(name))
        return states

    async def state(self, name: str) -> str:
        return await self.pool.fetchval(
            "SELECT coalesce((SELECT a.state FROM alert AS a JOIN rule AS r ON r.no = a.rule_no"
            " WHERE r.id = $1 AND a.state <> 'resolved'), 'ok')",
            name,
        )

    async def notices(self, name: str) -> list[str]:
        """Return the kinds of notifications that a rule caused, oldest first."""
        rows = await self.pool.fetch(
            "SELECT n.kind FROM notification AS n JOIN alert AS a ON a.id = n.alert_id"
            " JOIN rule AS r ON r.no = a.rule_no WHERE r.id = $1 ORDER BY n.id",
            name,
        )
        return [row["kind"] for row in rows]

    async def rows(self, query: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        return await self.pool.fetch(query, *arguments)


@pytest.fixture(scope="session")
def template(postgres_server: Server) -> str:
    """The name of a migrated database that each test gets a copy of."""

    async def make() -> None:
        admin = await asyncpg.connect(postgres_server.dsn)
        await admin.execute("CREATE DATABASE alerts_template TEMPLATE template0")
        dsn = postgres_server.dsn.rpartition("/")[0] + "/alerts_template"
        connection = await asyncpg.connect(dsn)
        await roles.apply_roles(connection, dict.fromkeys(roles.ROLES, PASSWORD))
        await connection.execute(SOURCES)
        await connection.close()
        await migrate(_as("huntaze_alerts_owner", dsn), "huntaze_alerts", schema="alerts")
        await admin.execute("ALTER DATABASE alerts_template SET synchronous_commit = off")
        # A copy that no test empties, for those that want the built-in rules.
        await admin.execute("CREATE DATABASE alerts_seeded TEMPLATE alerts_template")
        await admin.close()

    asyncio.run(make())
    return "alerts_template"


@pytest.fixture
async def installed(postgres_server: Server, template: str) -> AsyncGenerator[str]:
    """The service's address of a database with its tables and the built-in rules."""
    name = f"alerts_{next(_numbers)}"
    admin = await asyncpg.connect(postgres_server.dsn)
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE alerts_seeded")
        await admin.execute(f"ALTER DATABASE {name} SET search_path = alerts")
        yield _as("huntaze_alerts", postgres_server.dsn.rpartition("/")[0] + f"/{name}")
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest.fixture
async def world(postgres_server: Server, template: str) -> AsyncGenerator[World]:
    """An emptied database, without the built-in rules: a copy for each test would take half a second."""
    address = f"{postgres_server.dsn.rpartition('/')[0]}/{template}"
    dsn = _as("huntaze_alerts", address)
    settings = {"search_path": "alerts"}
    async with (
        asyncpg.create_pool(dsn, min_size=1, max_size=12) as pool,
        asyncpg.create_pool(address, min_size=1, max_size=2, server_settings=settings) as admin,
    ):
        await admin.execute(";".join(f"DELETE FROM {table}" for table in EMPTIED))
        await admin.execute("DELETE FROM channel WHERE id NOT IN ('in-app', 'log')")
        yield World(pool, dsn, admin)


def _as(role: str, address: str) -> str:
    return f"postgresql://{role}:{PASSWORD}@{address.rpartition('@')[2]}"


class StandInMailServer:
    """A stand-in of an SMTP server that answers as it is told, and keeps what it took."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        """By command, what to answer instead of yes."""
        self.silent = False
        self.mails: list[EmailMessage] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.silent:
                await reader.read()
            writer.write(b"220 stand-in\r\n")
            while line := await reader.readline():
                command = line[:4].strip().upper().decode()
                answer = self.answers.get(command, b"354 go" if command == "DATA" else b"250 yes")
                writer.write(answer + b"\r\n")
                if command == "DATA" and answer.startswith(b"354"):
                    text = (await reader.readuntil(b"\r\n.\r\n"))[:-5].replace(b"\r\n..", b"\r\n.")
                    self.mails.append(message_from_bytes(text, policy=policy.default))
                    writer.write(b"250 taken\r\n")
                if command == "QUIT":
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass  # Clients that give up are what this is for.
        finally:
            writer.close()


class Post:
    """The world that messages go to, and the service's own sending."""

    def __init__(self, world: World, web: Web, mail: StandInMailServer, outside: Outside) -> None:
        self.world, self.web, self.mail, self.outside = world, web, mail, outside
        self.kept: dict[str, bytes] = {}
        """Pictures that were put into the object store."""

    async def channel(self, kind: str, name: str = "c", *, secret: str | None = None, **fields: Any) -> None:
        fields.setdefault("config", {})
        fields.setdefault("owner", None)
        encrypted = self.outside.vault.encrypt(secret) if secret else None
        channel = store.Channel(id=name, kind=kind, name=name, secret=encrypted, **fields)
        await store.save_channel(self.world.pool, channel)

    async def round(self, later: float = 0) -> NotificationsDelivered:
        """Send what is due, some minutes later."""
        self.world.slot += later * MINUTES
        now = self.world.now

        async def presign(key: str) -> str:
            return f"https://objects.test/{key}?signed-at={now():%H%M}"

        async def keep(key: str, png: bytes) -> None:
            self.kept[key] = png

        chart_of = Illustrator(self.world.pool, keep, presign, now).chart_of
        senders = self.outside.senders(now)
        courier = Courier(self.world.pool, senders, presign, chart_of, now, timedelta(seconds=45))
        return await courier.deliver(seconds=20)

    async def statuses(self) -> list[tuple[str, str | None]]:
        rows = await self.world.rows("SELECT status, last_error FROM delivery ORDER BY id")
        return [tuple(row) for row in rows]


@pytest.fixture
async def post(world: World) -> AsyncGenerator[Post]:
    """Stand-ins for everything that messages are sent to."""
    mail = StandInMailServer()
    listener = await asyncio.start_server(mail.serve, "127.0.0.1", 0)
    mail.port = listener.sockets[0].getsockname()[1]
    async with serving_web() as web, Fetcher(development=True) as fetcher:

        async def send(request: Request) -> Answer:
            return await fetcher.post(request.url, request.body, headers=request.headers, seconds=2)

        outside = Outside(
            post=send,
            vault=Vault(Secret(Fernet.generate_key().decode())),
            mail=MailServer("127.0.0.1", mail.port, "none", None, None, "alerts@huntaze.test", seconds=1),
            pagerduty_url=web.url,
            telegram_url=web.url,
        )
        yield Post(world, web, mail, outside)
    listener.close()


@pytest.fixture
async def connect(postgres_server: Server) -> AsyncGenerator[Callable[[str], Awaitable[World]]]:
    """Opens worlds of other databases than the common one."""
    async with AsyncExitStack() as stack:

        async def open_world(dsn: str) -> World:
            address = f"{postgres_server.dsn.rpartition('/')[0]}/{dsn.rpartition('/')[2]}"
            pools = [asyncpg.create_pool(each, min_size=1, max_size=4) for each in (dsn, address)]
            own, admin = [await stack.enter_async_context(pool) for pool in pools]
            return World(own, dsn, admin)

        yield open_world
