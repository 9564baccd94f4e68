"""Counting a day beside the bare scan of its rows, the original's pattern, and rows fetched into Python."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any

import asyncpg
from huntaze_data import store
from huntaze_data.counting import count_day

from bench.data.material import END, Stage
from bench.data.meters import Cost, metered

ROUNDS = 5
OURS = {"cold", "again", "unchanged", "late"}
SCANS = 20
"""Of the floor in a round: one alone is shorter than the clock of CPU seconds is fine."""

_SCAN = "SELECT count(is_paid) FROM app.messages WHERE sent_at >= $1 AND sent_at < $2"
_COLUMNS = (
    "SELECT count(user_id), count(thread_id), count(direction), count(is_paid) FROM app.messages"
    " WHERE sent_at >= $1 AND sent_at < $2"
)
_PEER_TABLE = """
CREATE TABLE app.peer_{name} (user_id text, day date, messages_in bigint, messages_out bigint, paid bigint,
    threads bigint, PRIMARY KEY (user_id, day))
"""
_PEER_GROUPS = (
    "SELECT user_id, count(*) FROM app.messages WHERE sent_at >= $1 AND sent_at < $2 GROUP BY user_id"
)
_ROWS = "SELECT user_id, thread_id, direction, is_paid FROM app.messages WHERE sent_at >= $1 AND sent_at < $2"
_UPSERT = (
    "INSERT INTO app.peer_rows VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (user_id, day) DO UPDATE SET"
    " messages_in = EXCLUDED.messages_in, messages_out = EXCLUDED.messages_out, paid = EXCLUDED.paid,"
    " threads = EXCLUDED.threads"
)


async def run(stage: Stage) -> dict[str, Any]:
    """Measure all contenders in turn, on a day of its own in each round; medians over the rounds.

    `again` is the first count after the one that wrote: with checksums, it leaves hints in the pages, which are
    logged once. `unchanged` is every later one.
    """
    admin = stage.admin
    for name in ("groups", "rows"):
        await admin.execute(_PEER_TABLE.format(name=name))
    costs: dict[str, list[Cost]] = {}
    async with asyncpg.create_pool(stage.service, min_size=1, max_size=1, command_timeout=120) as pool:
        now = END + timedelta(days=2)
        for number in range(ROUNDS):
            day = (END - timedelta(days=2 + number)).date()
            contenders = _contenders(admin, pool, day, now)
            for name, work in contenders.items():
                async with metered(pool if name in OURS else admin) as cost:
                    await work()
                costs.setdefault(name, []).append(cost)
    return _figures(costs, stage)


def _contenders(
    admin: asyncpg.Connection, pool: asyncpg.Pool, day: date, now: datetime
) -> dict[str, Callable[[], Awaitable[object]]]:
    since = datetime(day.year, day.month, day.day, tzinfo=UTC)
    span = (since, since + timedelta(days=1))

    async def scans(query: str) -> None:
        for _ in range(SCANS):
            await admin.fetchrow(query, *span)

    async def ours() -> None:
        await count_day(pool, day, await store.time_zones(pool), now=now)

    async def groups() -> None:
        found = await admin.fetch(_PEER_GROUPS, *span)
        await admin.executemany(
            "INSERT INTO app.peer_groups VALUES ($1, $2, $3)",
            [(row["user_id"], day, row["count"]) for row in found],
        )

    async def late() -> None:
        await admin.execute(
            "INSERT INTO app.messages SELECT user_id, 'late-' || id, thread_id, direction, body, price, is_paid,"
            " sent_at, created_at FROM app.messages WHERE sent_at >= $1 AND sent_at < $2 AND random() < 0.01",
            *span,
        )

    return {
        "scan": lambda: scans(_SCAN),
        "columns": lambda: scans(_COLUMNS),
        "cold": ours,
        "again": ours,
        "unchanged": ours,
        "groups": groups,
        "rows": lambda: _rows_into_python(admin, day, span),
        "_late": late,
        "late": ours,
    }


async def _rows_into_python(admin: asyncpg.Connection, day: date, span: tuple[datetime, datetime]) -> None:
    received: Counter[str] = Counter()
    sent: Counter[str] = Counter()
    paid: Counter[str] = Counter()
    threads: dict[str, set[str]] = {}
    for user, thread, direction, is_paid in await admin.fetch(_ROWS, *span):
        (received if direction == "in" else sent)[user] += 1
        paid[user] += is_paid
        threads.setdefault(user, set()).add(thread)
    await admin.executemany(
        _UPSERT, [(u, day, received[u], sent[u], paid[u], len(t)) for u, t in threads.items()]
    )


def _figures(costs: dict[str, list[Cost]], stage: Stage) -> dict[str, Any]:
    per = {name: SCANS if name in ("scan", "columns") else 1 for name in costs}
    cpu = {name: median(c.cpu for c in each) / per[name] for name, each in costs.items()}
    wall = {name: min(c.wall for c in each) / per[name] for name, each in costs.items()}
    names = [name for name in costs if not name.startswith("_")]
    return {
        "rows_of_a_day": stage.rows // 120,
        "cpu_ms": {name: round(1000 * cpu[name], 1) for name in names},
        "least_wall_ms": {name: round(1000 * wall[name], 1) for name in names},
        "wal_bytes": {name: int(median(c.wal for c in costs[name])) for name in names},
        "unchanged_most_wal_bytes": max(c.wal for c in costs["unchanged"]),
        "cold_x_scan": round(cpu["cold"] / cpu["scan"], 1),
        "cold_x_columns": round(cpu["cold"] / cpu["columns"], 1),
        "unchanged_x_scan": round(cpu["unchanged"] / cpu["scan"], 1),
        "unchanged_x_columns": round(cpu["unchanged"] / cpu["columns"], 1),
        "faster_than_groups": round(cpu["groups"] / cpu["cold"], 2),
        "faster_than_rows": round(cpu["rows"] / cpu["cold"], 2),
        "wall_cold_x_scan": round(wall["cold"] / wall["scan"], 1),
        "wall_unchanged_x_scan": round(wall["unchanged"] / wall["scan"], 1),
        "wall_faster_than_groups": round(wall["groups"] / wall["cold"], 2),
        "wall_faster_than_rows": round(wall["rows"] / wall["cold"], 2),
    }
