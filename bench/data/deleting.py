"""Deleting a fifth of the messages beside writers: in batches, in one statement, and as partitions."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import asyncpg
from huntaze_contracts.data import PolicyApplied
from huntaze_data import retention_store
from huntaze_data.cleanup import Cleaner

from bench.data.material import END, START, Stage
from bench.data.meters import Cost, metered

FIRST = START + timedelta(days=120 * 0.2)
SECOND = START + timedelta(days=120 * 0.4)
KEEP = timedelta(days=90)
READER = 4.0
"""Seconds that a reader keeps its transaction open."""
_numbers = count()


@dataclass
class Waits:
    """How long statements of others took, in milliseconds."""

    insert: list[float] = field(default_factory=list)
    update: list[float] = field(default_factory=list)

    def told(self) -> dict[str, float]:
        longest = {"insert": max(self.insert, default=0), "update": max(self.update, default=0)}
        return {f"{name}_longest_ms": round(value, 1) for name, value in longest.items()}


async def run(stage: Stage) -> dict[str, Any]:
    """Measure the writers alone, one DELETE, our batches, and then partitions of the same rows."""
    await stage.admin.execute(
        "INSERT INTO data.counted_day (day) SELECT d::date FROM generate_series($1::date, $2::date, '1 day') AS d"
        " ON CONFLICT DO NOTHING",
        START.date() - timedelta(days=3), END.date() - timedelta(days=1),
    )  # fmt: skip
    async with beside(stage, since=FIRST) as alone:
        await asyncio.sleep(3)
    big, big_waits, big_rows = await _one_delete(stage)
    ours, our_waits, dry, applied = await _batches(stage)
    figures: dict[str, Any] = {
        "rows": {"one_delete": big_rows, "batches": applied.deleted, "dry_run": dry.matched},
        "dry_run_exact": dry.matched == applied.deleted,
        "writers_alone": alone.told(),
        "one_delete": _told(big, big_waits),
        "batches": _told(ours, our_waits) | {"batches": applied.batches},
        "wall_x_one_delete": round(ours.wall / big.wall, 2),
        "cpu_x_one_delete": round(ours.server_cpu / max(big.server_cpu, 0.01), 2),
        "wal_x_one_delete": round((ours.wal / applied.deleted) / (big.wal / big_rows), 3),
    }
    dropped, waits, result = await _partitions(stage)
    figures["partitions"] = _told(dropped, waits) | {
        "rows": result.deleted,
        "partitions": result.partitions,
        "reader_open_s": READER,
        "wal_share_of_one_delete": f"1/{round((big.wal / big_rows) / (dropped.wal / result.deleted))}",
    }
    return figures


async def _one_delete(stage: Stage) -> tuple[Cost, Waits, int]:
    """Delete the second fifth as the original does."""
    admin = stage.admin
    await admin.execute("CHECKPOINT")
    async with beside(stage, since=FIRST) as waits:
        async with metered(admin) as cost:
            status = await admin.execute(
                "DELETE FROM app.messages WHERE archived_at >= $1 AND archived_at < $2 AND NOT hold",
                FIRST, SECOND, timeout=600,
            )  # fmt: skip
    return cost, waits, int(status.rpartition(" ")[2])


async def _batches(stage: Stage) -> tuple[Cost, Waits, PolicyApplied, PolicyApplied]:
    """Delete the first fifth by the service's policy, after its dry run."""
    async with asyncpg.create_pool(stage.service, min_size=1, max_size=1, command_timeout=120) as pool:
        dry = await _apply(pool, dry_run=True)
        # What the one DELETE left behind is not for the batches to tidy up.
        await stage.admin.execute("VACUUM app.messages", timeout=600)
        await stage.admin.execute("CHECKPOINT")
        async with beside(stage, since=START) as waits:
            async with metered(pool) as cost:
                applied = await _apply(pool)
    return cost, waits, dry, applied


async def _apply(pool: asyncpg.Pool, *, dry_run: bool = False) -> PolicyApplied:
    (policy,) = await retention_store.policies(pool, "archived-messages")
    cleaner = Cleaner(
        pool, job_id=f"bench-{next(_numbers)}", now=FIRST + KEEP, seconds=240, dry_run=dry_run, force=False
    )
    return await cleaner.apply(policy)


async def _partitions(stage: Stage) -> tuple[Cost, Waits, PolicyApplied]:
    """Drop the same rows as daily partitions while somebody has just read the table."""
    admin = stage.admin
    await _partition(admin, stage.rows // 120)
    reader = await asyncpg.connect(stage.admin_dsn)
    reading = reader.transaction()
    await reading.start()
    await reader.fetchval("SELECT count(*) FROM app.messages")
    async with asyncpg.create_pool(stage.service, min_size=1, max_size=1, command_timeout=120) as pool:
        await admin.execute("CHECKPOINT")
        async with beside(stage, since=END) as waits:
            async with metered(pool) as cost:
                end = asyncio.get_running_loop().call_later(
                    READER, lambda: asyncio.ensure_future(reading.rollback())
                )
                applied = await _apply(pool)
                end.cancel()
    await reader.close()
    return cost, waits, applied


async def _partition(admin: asyncpg.Connection, rows_a_day: int) -> None:
    await admin.execute(
        "DROP TABLE app.messages CASCADE;"
        "CREATE TABLE app.messages (user_id text, id text, thread_id text, direction text, body text, price numeric,"
        " is_paid boolean NOT NULL DEFAULT false, sent_at timestamptz, created_at timestamptz, archived_at timestamptz,"
        " hold boolean NOT NULL DEFAULT false, media text[] NOT NULL DEFAULT '{}') PARTITION BY RANGE (sent_at);"
        "CREATE TABLE app.messages_rest PARTITION OF app.messages DEFAULT;"
    )
    days = [START + timedelta(days=number) for number in range(23)]
    for day in days:
        await admin.execute(
            f"CREATE TABLE app.messages_{day:%Y%m%d} PARTITION OF app.messages"
            f" FOR VALUES FROM ('{day}') TO ('{day + timedelta(days=1)}')"
        )
    for name, first, days_of, archived in (
        ("old", START, 23, "at + interval '1 hour'"),
        ("new", END, 30, "NULL"),
    ):
        await admin.execute(
            "INSERT INTO app.messages SELECT 'user-' || n % 5000, $1 || n, 't', 'in', repeat('text ', 8), NULL, false,"
            f" at, at, {archived} FROM (SELECT n, $2::timestamptz + n * interval '1 day' / $3::bigint AS at"
            " FROM generate_series(0, $3::bigint * $4::integer - 1) AS n) AS s",
            name, first, rows_a_day, days_of, timeout=600,
        )  # fmt: skip
    await admin.execute(
        "CREATE INDEX ON app.messages (user_id, id); CREATE INDEX ON app.messages (sent_at);"
        "CREATE INDEX ON app.messages (archived_at, user_id, id) WHERE archived_at IS NOT NULL AND NOT hold;"
        "DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'app.messages'::regclass"
        " LOOP EXECUTE format('ALTER TABLE %s OWNER TO huntaze_app', t); END LOOP; END $$;"
        "ALTER TABLE app.messages OWNER TO huntaze_app;"
        "CREATE VIEW app_read.messages AS SELECT id AS message_id, user_id, thread_id, direction, sent_at, created_at,"
        " archived_at, is_paid, hold FROM app.messages; ALTER VIEW app_read.messages OWNER TO huntaze_app;"
        "GRANT SELECT ON app_read.messages TO huntaze_data",
        timeout=600,
    )
    await admin.execute("VACUUM (ANALYZE) app.messages", timeout=600)


@asynccontextmanager
async def beside(stage: Stage, *, since: Any) -> AsyncGenerator[Waits]:
    """Insert 60 messages a second and update 40 of those that are being deleted, as a web application would."""
    waits, stop = Waits(), asyncio.Event()
    first = await asyncpg.connect(stage.admin_dsn)
    second = await asyncpg.connect(stage.admin_dsn)
    for connection in (first, second):
        # So that a statement locks the one partition that it is about.
        await connection.execute("SET plan_cache_mode = force_custom_plan")

    async def insert() -> None:
        await first.execute(
            "INSERT INTO app.messages (user_id, id, thread_id, direction, body, is_paid, sent_at, created_at)"
            " VALUES ('user-1', $1, 't', 'in', 'new', false, $2, $2)",
            f"beside-{next(_numbers)}", END + timedelta(hours=1),
        )  # fmt: skip

    async def update() -> None:
        number = next(_numbers)
        await second.execute(
            "UPDATE app.messages SET is_paid = NOT is_paid"
            " WHERE sent_at >= $1 AND sent_at < $1::timestamptz + interval '1 second'",
            since + timedelta(seconds=(number * 7919) % (86_400 * 20)),
        )  # fmt: skip

    async def repeat(work: Any, taken: list[float], pause: float) -> None:
        while not stop.is_set():
            began = time.perf_counter()
            await work()
            taken.append(1000 * (time.perf_counter() - began))
            await asyncio.sleep(pause)

    tasks = [
        asyncio.create_task(repeat(insert, waits.insert, 1 / 60)),
        asyncio.create_task(repeat(update, waits.update, 1 / 40)),
    ]
    try:
        yield waits
    finally:
        stop.set()
        await asyncio.gather(*tasks)
        await first.close()
        await second.close()


def _told(cost: Cost, waits: Waits) -> dict[str, Any]:
    told = {
        "wall_s": round(cost.wall, 2),
        "server_cpu_s": round(cost.server_cpu, 2),
        "wal_mb": round(cost.wal / 1e6, 2),
    }
    return told | waits.told()
