"""The application's tables at size: messages of users whose activity follows a power law.

Two fifths of them, the oldest, are archived: one fifth for each way of deleting them.
"""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
from huntaze_common.postgres import migrate
from huntaze_local import appdb
from huntaze_local import database as roles
from huntaze_local.postgres import embedded_postgres

DAYS = 120
END = datetime(2026, 11, 20, tzinfo=UTC)
START = END - timedelta(days=DAYS)
# alerts-data.md B: what a small managed server has, durability as shipped.
SETTINGS = {
    "shared_buffers": "512MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "8GB",
    "wal_level": "replica",
    "autovacuum": "off",
    "max_parallel_maintenance_workers": "2",
}
_PASSWORD = "bench"


@dataclass(frozen=True, slots=True)
class Stage:
    """A database with the material, and how to get at it."""

    admin: asyncpg.Connection
    """A superuser's connection: floors, peers and loading."""
    service: str
    """The address for the service's own role: what is measured."""
    admin_dsn: str
    rows: int
    users: int


@asynccontextmanager
async def stage(directory: Path, *, rows: int, users: int, zones: tuple[str, ...]) -> AsyncGenerator[Stage]:
    """Make a server with ``rows`` messages of ``users`` over 120 days; it is thrown away afterwards."""
    async with embedded_postgres(directory, settings=SETTINGS) as server:
        admin = await asyncpg.connect(server.dsn)
        await roles.apply_roles(admin, dict.fromkeys(roles.ROLES, _PASSWORD))
        await appdb.create(admin)
        host = server.dsn.rpartition("@")[2]
        owner = f"postgresql://huntaze_data_owner:{_PASSWORD}@{host}"
        await migrate(owner, "huntaze_data", schema="data")
        began = time.perf_counter()
        await _load(admin, rows, users, zones)
        print(
            f"loaded {rows:,} messages of {users:,} users in {time.perf_counter() - began:.0f} s", flush=True
        )
        yield Stage(admin, f"postgresql://huntaze_data:{_PASSWORD}@{host}", server.dsn, rows, users)
        await admin.close()


_INDEXES = (
    "ALTER TABLE app.messages ADD PRIMARY KEY (user_id, id)",
    "CREATE INDEX messages_by_time ON app.messages (sent_at)",
    "CREATE INDEX messages_by_user ON app.messages (user_id, sent_at)",
    "CREATE INDEX messages_by_thread ON app.messages (user_id, thread_id)",
    (
        "CREATE INDEX messages_to_delete ON app.messages (archived_at, user_id, id) INCLUDE (sent_at)"
        " WHERE archived_at IS NOT NULL AND NOT hold"
    ),
    (
        "CREATE INDEX messages_with_media_to_delete ON app.messages (archived_at, user_id, id)"
        " WHERE archived_at IS NOT NULL AND NOT hold AND media <> '{}'"
    ),
    "CREATE INDEX messages_on_hold ON app.messages (archived_at) WHERE hold",
)


async def _load(admin: asyncpg.Connection, rows: int, users: int, zones: tuple[str, ...]) -> None:
    await admin.execute("SELECT setseed(0.42)")
    await admin.execute(
        "INSERT INTO app.users SELECT 'user-' || n, 'User ' || n, ($2::text[])[1 + n % cardinality($2::text[])],"
        " 'en-US', $3 FROM generate_series(0, $1::integer - 1) AS n",
        users, list(zones), START,
    )  # fmt: skip
    # Indexes after rows: what a loader does, and it leaves them as dense as a table that has grown in order.
    await admin.execute("ALTER TABLE app.messages DROP CONSTRAINT messages_pkey CASCADE")
    await admin.execute("ALTER TABLE app.messages DROP CONSTRAINT IF EXISTS messages_user_id_thread_id_fkey")
    await admin.execute(
        "DROP INDEX app.messages_by_time, app.messages_by_user, app.messages_by_thread,"
        " app.messages_to_delete, app.messages_with_media_to_delete, app.messages_on_hold"
    )
    # In order of time, as they would have come. random() ^ 3 gives a few users most of the messages.
    await admin.execute(
        """
        INSERT INTO app.messages (user_id, id, thread_id, direction, body, price, is_paid, sent_at, created_at, archived_at)
        SELECT 'user-' || floor($2::integer * random() ^ 3)::integer, 'm' || n, 'thread-' || floor(5 * random() ^ 2)::integer,
               CASE WHEN random() < 0.55 THEN 'in' ELSE 'out' END, repeat('text ', 8), NULL, random() < 0.05,
               at, at, CASE WHEN n < $1::bigint * 0.42 THEN at + interval '1 hour' END
          FROM (SELECT n, $3::timestamptz + n * ($4::interval / $1::bigint) AS at
                  FROM generate_series(0, $1::bigint - 1) AS n) AS numbered
        """,
        rows, users, START, timedelta(days=DAYS), timeout=600,
    )  # fmt: skip
    for statement in _INDEXES:
        await admin.execute(statement, timeout=600)
    await admin.execute(
        "INSERT INTO app.transactions SELECT 't' || n, 'user-' || floor($2::integer * random() ^ 3)::integer, 'tip',"
        " 5, 'USD', 'completed', $3::timestamptz + n * ($4::interval / $1::bigint)"
        " FROM generate_series(0, $1::bigint - 1) AS n",
        rows // 20, users, START, timedelta(days=DAYS), timeout=600,
    )  # fmt: skip
    await admin.execute("VACUUM (ANALYZE) app.users, app.messages, app.transactions", timeout=600)
    await admin.execute("CHECKPOINT", timeout=600)
