"""Roles and schemas: what each service may do, and above all what it may not."""

from collections.abc import AsyncGenerator, Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from huntaze_local import appdb
from huntaze_local.appdb import sample
from huntaze_local.database import ROLES, SERVICES, apply_roles

PASSWORDS = {role: f"{role}'s \\ password" for role in ROLES}
TODAY = date(2026, 11, 23)

Connect = Callable[[str], "asyncpg.connection.Connection"]


@pytest.fixture
async def admin(database: str) -> AsyncGenerator[asyncpg.Connection]:
    """An administrator's connection to a database with roles and schemas."""
    connection = await asyncpg.connect(database)
    await apply_roles(connection, PASSWORDS)
    yield connection
    await connection.close()


def address_of(role: str, database: str) -> dict[str, object]:
    """Return how ``role`` connects to the test's database."""
    server, _, name = database.rpartition("/")
    host, _, port = server.rpartition("@")[2].partition(":")
    return {"host": host, "port": int(port), "database": name, "user": role, "password": PASSWORDS[role]}


async def run_as(role: str, database: str, *statements: str) -> object:
    """Run statements as ``role``, and return the value of the last."""
    connection = await asyncpg.connect(**address_of(role, database))  # type: ignore[arg-type]
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetchval(statements[-1])
    finally:
        await connection.close()


async def test_applying_twice_changes_nothing(admin: asyncpg.Connection) -> None:
    """Every start of the stack and every deployment runs these files."""
    shown = (
        "SELECT array_agg(nspname || ' ' || coalesce(nspacl::text, '') ORDER BY nspname) FROM pg_namespace"
    )
    before = await admin.fetchval(shown)
    await apply_roles(admin, PASSWORDS)
    assert await admin.fetchval(shown) == before


async def test_a_service_uses_what_its_owner_made_and_makes_nothing(
    admin: asyncpg.Connection, database: str
) -> None:
    """Tables of later migrations need no further grant; names without a schema mean the service's own."""
    for service in SERVICES:
        owner, role = f"huntaze_{service}_owner", f"huntaze_{service}"
        await run_as(owner, database, "CREATE TABLE thing (id bigserial, name text)", "SELECT 1")
        use = ("INSERT INTO thing (name) VALUES ('a')", "SELECT name FROM thing")
        assert await run_as(role, database, *use) == "a"
        for forbidden in (
            "CREATE TABLE t (id int)",
            "DROP TABLE thing",
            "TRUNCATE thing",
            "CREATE TEMP TABLE t ()",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await run_as(role, database, forbidden, "SELECT 1")


async def test_services_can_not_see_each_other(admin: asyncpg.Connection, database: str) -> None:
    """They meet through messages only."""
    for service in SERVICES:
        await run_as(f"huntaze_{service}_owner", database, "CREATE TABLE secret (id int)", "SELECT 1")
    for role in ROLES:
        for other in set(SERVICES) - {role.split("_")[1]}:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await run_as(role, database, f"SELECT count(*) FROM {other}.secret")


DELETE = "app_read.delete_archived_messages(now(), '-infinity', 'infinity', '-infinity', '', '', 1000)"
ALLOWED = (
    ("huntaze_data", "SELECT count(*) FROM app_read.messages"),
    ("huntaze_alerts", "SELECT count(*) FROM app_read.analytics_snapshots"),
    ("huntaze_data", f"SELECT deleted FROM {DELETE}"),
)
REFUSED = (
    ("huntaze_alerts", f"SELECT deleted FROM {DELETE}"),
    ("huntaze_alerts", "SELECT count(*) FROM app_read.message_texts"),
    ("huntaze_video", "SELECT count(*) FROM app_read.users"),
    ("huntaze_trends", "SELECT count(*) FROM app_read.users"),
    ("huntaze_data", "SELECT count(*) FROM app.messages"),
    ("huntaze_data", "DELETE FROM app_read.users RETURNING 1"),
    ("huntaze_data_owner", "SELECT count(*) FROM app_read.messages"),
    ("huntaze_video", "SELECT pg_read_file('/etc/passwd')"),
)


async def test_who_may_touch_the_applications_side(admin: asyncpg.Connection, database: str) -> None:
    """Two services read it; one deletes, and only through the function that the application owns."""
    await appdb.create(admin)
    for role, statement in ALLOWED:
        assert await run_as(role, database, statement) == 0
    for role, statement in REFUSED:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run_as(role, database, statement)


async def test_limits_are_set_for_every_role(admin: asyncpg.Connection, database: str) -> None:
    """No statement and no forgotten transaction holds locks for ever."""
    for service in SERVICES:
        role = f"huntaze_{service}"
        assert await run_as(role, database, "SHOW statement_timeout") == "1min"
        assert await run_as(role, database, "SHOW idle_in_transaction_session_timeout") == "30s"
        assert await run_as(f"{role}_owner", database, "SHOW lock_timeout") == "4s"
    limits = await admin.fetch(
        "SELECT rolconnlimit, rolsuper FROM pg_roles WHERE rolname = ANY($1)", list(ROLES)
    )
    assert all(row["rolconnlimit"] > 0 and not row["rolsuper"] for row in limits)


async def test_an_administrator_need_not_be_a_superuser(database: str, admin: asyncpg.Connection) -> None:
    """On managed servers nobody is one."""
    name = database.rpartition("/")[2]
    drop = "DROP ROLE IF EXISTS managed_admin"
    roles = ", ".join((*ROLES, "huntaze_app"))
    for schema in (*SERVICES, "app_read", "ops_read"):
        await admin.execute(f"DROP SCHEMA {schema} CASCADE")
    await admin.execute(f"DROP OWNED BY {roles}")
    await admin.execute("CREATE ROLE managed_admin LOGIN CREATEROLE PASSWORD 'x'")
    await admin.execute(
        f"ALTER DATABASE {name} OWNER TO managed_admin; ALTER SCHEMA public OWNER TO managed_admin"
    )
    await admin.execute(f"GRANT {roles} TO managed_admin WITH ADMIN OPTION")
    try:
        connection = await asyncpg.connect(
            **address_of(ROLES[0], database) | {"user": "managed_admin", "password": "x"}
        )  # type: ignore[arg-type]
        await apply_roles(connection, PASSWORDS)
        await connection.close()
        assert await run_as("huntaze_data", database, "SELECT has_schema_privilege('data', 'USAGE')")
    finally:
        await admin.execute(
            f"REASSIGN OWNED BY managed_admin TO postgres; DROP OWNED BY managed_admin; {drop}"
        )


CUTOFF = datetime(2026, 9, 1, tzinfo=UTC)
SPAN = f"'{CUTOFF}', '2026-01-01', '2027-01-01'"
DUE = "SELECT count(*) FROM app_read.messages WHERE archived_at < $1 AND NOT hold"


def deletion(column: str, after: str = "'-infinity', '', ''", most: int = 1000) -> str:
    return f"SELECT {column} FROM app_read.delete_archived_messages({SPAN}, {after}, {most})"


async def test_the_function_deletes_in_bounds(admin: asyncpg.Connection, database: str) -> None:
    """So many at a time, on from where the last batch ended, and never what is on hold or archived since."""
    await appdb.install(admin, today=TODAY)
    held = await admin.fetchval("SELECT count(*) FROM app_read.messages WHERE hold")
    before = await admin.fetchval(DUE, CUTOFF)
    first = "SELECT archived_at, user_id, id FROM app.messages WHERE archived_at IS NOT NULL AND NOT hold ORDER BY 1, 2, 3"
    at, user, name = await admin.fetchrow(f"{first} OFFSET 999 LIMIT 1")
    place = "deleted, upto_at, upto_user, upto_id"
    answer = await run_as("huntaze_data", database, deletion(f"ROW({place})"))
    assert answer == (1000, at, user, name)
    after = f"'{at}', '{user}', '{name}'"
    rest = deletion("ROW(deleted, upto_at)", after, 1_000_000)
    assert await run_as("huntaze_data", database, rest) == (before - 1000, None)
    assert await run_as("huntaze_data", database, deletion("deleted")) == 0
    assert await admin.fetchval("SELECT count(*) FROM app_read.messages WHERE hold") == held > 0
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await run_as("huntaze_data", database, deletion("deleted").replace(str(CUTOFF), "2999-01-01"))


async def test_the_function_leaves_what_others_change(admin: asyncpg.Connection, database: str) -> None:
    """A message that the application has locked waits for another clean-up; the rest of its batch does not."""
    await appdb.install(admin, today=TODAY)
    before = await admin.fetchval(DUE, CUTOFF)
    async with admin.transaction():
        await admin.execute(
            "SELECT FROM app.messages WHERE archived_at < $1 AND NOT hold ORDER BY archived_at LIMIT 1 FOR UPDATE",
            CUTOFF,
        )
        assert await run_as("huntaze_data", database, deletion("deleted", most=1_000_000)) == before - 1
    assert await admin.fetchval(DUE, CUTOFF) == 1


async def test_the_sample_is_the_same_on_every_machine(admin: asyncpg.Connection) -> None:
    """Loading it again adds nothing; a later day adds its own days and resurrects nothing."""
    digest = "SELECT count(*), md5(string_agg(m::text, '' ORDER BY m)) FROM app_read.messages AS m"
    await appdb.install(admin, today=TODAY)
    first = await admin.fetchrow(digest)
    await appdb.install(admin, today=TODAY)
    assert first == await admin.fetchrow(digest)
    assert first["count"] == 23_024
    await admin.execute(
        "DELETE FROM app.messages WHERE id IN (SELECT id FROM app.messages ORDER BY sent_at LIMIT 10)"
    )
    deleted = 23_024 - await admin.fetchval("SELECT count(*) FROM app_read.messages")
    await appdb.install(admin, today=TODAY + timedelta(days=2))
    newer = await admin.fetchval("SELECT count(*) FROM app_read.messages WHERE sent_at >= $1::date", TODAY)
    assert newer > 400
    assert await admin.fetchval("SELECT count(*) FROM app_read.messages") == 23_024 - deleted + newer


async def test_the_sample_has_what_the_workers_must_notice(admin: asyncpg.Connection) -> None:
    """One creator's engagement collapses and one's followers jump; all others stay as they were."""
    await appdb.install(admin, today=TODAY)
    rows = await admin.fetch(
        """
        SELECT user_id,
               avg(engagement) FILTER (WHERE age <= 4) / avg(engagement) FILTER (WHERE age > 4) AS engagement,
               sum(followers) FILTER (WHERE age = 1) / sum(followers) FILTER (WHERE age = 2) AS followers
          FROM (SELECT *, $1::date - snapshot_date AS age FROM app_read.analytics_snapshots) AS aged
         GROUP BY user_id
        """,
        TODAY,
    )
    fell = [row["user_id"] for row in rows if row["engagement"] < 0.5]
    jumped = [row["user_id"] for row in rows if row["followers"] > 1.3]
    assert (fell, jumped) == ([sample.FALLING], [sample.SPIKING])


async def test_the_sample_is_realistic(admin: asyncpg.Connection) -> None:
    """Few creators have most messages, days end at local midnights, and some days have 25 hours."""
    await appdb.install(admin, today=TODAY)
    counts = [
        row["n"] for row in await admin.fetch("SELECT count(*) AS n FROM app_read.messages GROUP BY user_id")
    ]
    counts.sort(reverse=True)
    assert len(counts) == sample.CREATORS
    assert sum(counts[:4]) > 0.45 * sum(counts) > sum(counts[:2])
    zones = [row["time_zone"] for row in await admin.fetch("SELECT DISTINCT time_zone FROM app_read.users")]
    offsets = {
        zone: {datetime(2026, month, 1, tzinfo=ZoneInfo(zone)).utcoffset() for month in (10, 11, 12)}
        for zone in zones
    }
    assert len(zones) == 12
    assert sum(len(seen) > 1 for seen in offsets.values()) >= 4
    newest = await admin.fetchval("SELECT max(created_at) FROM app_read.messages")
    assert newest < datetime(2026, 11, 23, tzinfo=UTC)
