"""Measure the alerts service: `python bench/alerts`. Goals are ratios; times depend on the machine.

    10,000 rules of users    one statement against one query per rule (≥ 20 times faster), ≥ 50,000 rules/s
    20 rules × 50,000 users  ≥ 250,000 instances/s, states and notifications included
    a quiet tick             no row written, one cheap query when nothing is due
    a storm                  10,000 alerts at once: messages per channel, seconds until all are sent

Everything runs in a PostgreSQL of its own, in a temporary directory. Each figure is the best of several runs,
as the machine may be busy with other things.
"""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
from huntaze_alerts import evaluation
from huntaze_alerts.delivery import Courier
from huntaze_alerts.messages import Message
from huntaze_alerts.store import Channel
from huntaze_common.postgres import migrate
from huntaze_contracts.alerts import AlertsChecked, Level, MetricQuery, Rule
from huntaze_local.postgres import embedded_postgres

USERS, METRICS, MINUTES = 50_000, 4, 12
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
RUNS = 3
USUAL = timedelta(minutes=5)


async def main() -> None:
    """Run everything and print each part when it is done."""
    async with database() as pool:
        await load_points(pool)
        print(json.dumps({"cpus": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}), flush=True)
        for part in (user_rules, rules_for_all, storm):
            print(json.dumps({part.__name__: await part(pool)}, indent=2), flush=True)


@asynccontextmanager
async def database() -> AsyncGenerator[asyncpg.Pool]:
    """A fresh server with the service's tables."""
    with tempfile.TemporaryDirectory(prefix="bench-alerts-") as directory:
        async with embedded_postgres(Path(directory) / "postgres") as server:
            connection = await asyncpg.connect(server.dsn)
            await connection.execute("CREATE SCHEMA alerts")
            await connection.close()
            await migrate(server.dsn, "huntaze_alerts", schema="alerts")
            settings = {"search_path": "alerts"}
            async with asyncpg.create_pool(
                server.dsn, min_size=1, max_size=10, server_settings=settings, command_timeout=600
            ) as pool:
                yield pool


async def load_points(pool: asyncpg.Pool) -> None:
    """Four metrics of 50,000 users over twelve minutes: 2.4 million points; one user in fifty is high."""
    await pool.execute(
        """
        INSERT INTO series (metric, subject)
        SELECT 'bench.m' || m, 'user-' || u
          FROM generate_series(1, $1::integer) AS u, generate_series(1, $2::integer) AS m
        """,
        USERS,
        METRICS,
    )
    await pool.execute(
        """
        INSERT INTO point (series_id, at, n, total, low, high)
        SELECT s.id, $1::timestamptz - minute * interval '1 minute', 1, v, v, v
          FROM series AS s, generate_series(1, $2::integer) AS minute,
               LATERAL (SELECT CASE WHEN substr(s.subject, 6)::integer % 50 = 0 THEN 200 ELSE 10 END
                               + minute AS v) AS x
        """,
        NOW,
        MINUTES,
    )
    await pool.execute("VACUUM ANALYZE series, point")


def rule(metric: int = 1, **fields: Any) -> str:
    """A rule's definition as JSON."""
    query = MetricQuery(metric=f"bench.m{metric}", aggregation="avg", window=600, delay=0,
                        group_by=fields.pop("group_by", ()))  # fmt: skip
    levels = (Level(severity="warning", threshold=fields.pop("threshold", 100)),)
    return msgspec.json.encode(Rule(name="bench", query=query, levels=levels, **fields)).decode()


async def empty(pool: asyncpg.Pool) -> None:
    """Forget all alerts and evaluations."""
    await pool.execute("TRUNCATE notification, delivery, alert_event, alert, evaluation CASCADE")
    await pool.execute("VACUUM ANALYZE rule")


async def tick(pool: asyncpg.Pool, minute: int) -> tuple[float, AlertsChecked]:
    """Evaluate a slot and return the seconds that it took."""
    slot = NOW + timedelta(seconds=minute)
    began = time.perf_counter()
    done = (await evaluation.evaluate(pool, slot, now=slot, usual=USUAL)).done
    return time.perf_counter() - began, done


async def best(work: Callable[[], Awaitable[float]]) -> float:
    """The shortest of several runs, in seconds."""
    return min([await work() for _ in range(RUNS)])


async def user_rules(pool: asyncpg.Pool, rules: int = 10_000) -> dict[str, Any]:
    """As many rules as users have made, each about its owner."""
    await pool.execute("TRUNCATE rule CASCADE")
    await pool.execute(
        "INSERT INTO rule (id, subject, definition)"
        " SELECT 'r' || n, 'user-' || n, $2::jsonb FROM generate_series(1, $1::integer) AS n",
        rules,
        rule(),
    )

    async def cold() -> float:
        await empty(pool)
        seconds, done = await tick(pool, 0)
        assert (done.rules, done.fired) == (rules, rules // 50)
        return seconds

    together = await best(cold)
    before = await written(pool)
    quiet = min([(await tick(pool, 60 * n))[0] for n in range(1, RUNS + 1)])
    rows = await written(pool) - before
    nothing_due = min([(await tick(pool, 60 * RUNS + n))[0] for n in range(1, 20)])

    async def alone() -> float:
        await empty(pool)
        return await one_by_one(pool)

    apart = await best(alone)
    return {
        "rules": rules,
        "seconds": round(together, 3),
        "rules_per_second": round(rules / together),
        "one_query_per_rule_seconds": round(apart, 3),
        "times_faster": round(apart / together, 1),
        "quiet_tick_seconds": round(quiet, 3),
        "quiet_tick_rows_written": rows,
        "nothing_due_milliseconds": round(nothing_due * 1000, 2),
    }


async def written(pool: asyncpg.Pool) -> int:
    """Rows ever written to states, log and outbox; the log of evaluations has one more per tick."""
    await asyncio.sleep(1.2)  # the server's counters come a little late
    return await pool.fetchval(
        "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_user_tables"
        " WHERE relname IN ('alert', 'alert_event', 'notification', 'delivery', 'rule')"
    )


async def one_by_one(pool: asyncpg.Pool) -> float:
    """What the straightforward loop does: per rule a query, its state, and what follows, each by itself."""
    began = time.perf_counter()
    async with pool.acquire() as connection:
        numbers = await connection.fetch(
            "SELECT no, subject, metric, span, thresholds[1] AS limit FROM rule ORDER BY no"
        )
        for found in numbers:
            value = await connection.fetchval(
                "SELECT avg(p.total) FROM series AS s JOIN point AS p ON p.series_id = s.id"
                " WHERE s.metric = $1 AND s.subject = $2 AND p.at >= $3 AND p.at < $4",
                found["metric"], found["subject"], NOW - found["span"], NOW,
            )  # fmt: skip
            state = await connection.fetchval(
                "SELECT state FROM alert"
                " WHERE rule_no = $1 AND subject = $2 AND labels = '{}' AND state <> 'resolved'",
                found["no"], found["subject"],
            )  # fmt: skip
            if value > found["limit"] and state is None:
                async with connection.transaction():
                    alert = await connection.fetchval(
                        "INSERT INTO alert (rule_no, rule_version, subject, state, since, severity, value,"
                        " started_at, fired_at) VALUES ($1, 1, $2, 'firing', $3, 2, $4, $3, $3) RETURNING id",
                        found["no"], found["subject"], NOW, value,
                    )  # fmt: skip
                    await connection.execute(
                        "INSERT INTO notification (dedup_key, alert_id, channel_id, kind, severity, due_at,"
                        " created_at, outgoing) VALUES ($1, $2, 'in-app', 'firing', 2, $3, $3, false)",
                        f"{alert}/in-app", alert, NOW,
                    )  # fmt: skip
    return time.perf_counter() - began


async def rules_for_all(pool: asyncpg.Pool, rules: int = 20) -> dict[str, Any]:
    """Few rules, each over every user."""
    await pool.execute("TRUNCATE rule CASCADE")
    for number in range(rules):
        await pool.execute("INSERT INTO rule (id, definition) VALUES ($1, $2)", f"all-{number}",
                           rule(number % METRICS + 1, group_by=("subject",)))  # fmt: skip

    async def cold() -> float:
        await empty(pool)
        seconds, done = await tick(pool, 0)
        assert done.fired == rules * USERS // 50
        return seconds

    first = await best(cold)
    steady = min([(await tick(pool, 60 * n))[0] for n in range(1, RUNS + 1)])
    began = time.perf_counter()
    await pool.fetchval("SELECT sum(total) FROM point")
    return {
        "instances": rules * USERS,
        "seconds": round(first, 2),
        "instances_per_second": round(rules * USERS / first),
        "steady_seconds": round(steady, 2),
        "steady_instances_per_second": round(rules * USERS / steady),
        "reading_all_points_once_seconds": round(time.perf_counter() - began, 3),
    }


async def storm(pool: asyncpg.Pool, alerts: int = 10_000) -> dict[str, Any]:
    """Ten thousand alerts at once: to one channel of the platform, and to a channel of each user."""
    await pool.execute("TRUNCATE rule CASCADE")
    await pool.execute(
        "INSERT INTO channel (id, owner, kind, name, rate)"
        " VALUES ('ops', NULL, 'counted', 'ops', 600) UNION ALL"
        " SELECT 'c' || n, 'user-' || n, 'counted', 'c', 20 FROM generate_series(1, $1::integer) AS n",
        alerts,
    )
    await pool.execute("ANALYZE channel")
    await pool.execute(
        "INSERT INTO rule (id, definition) VALUES ('storm', $1)",
        rule(group_by=("subject",), channels=("ops", "@subject"), threshold=1),
    )
    await pool.execute("DELETE FROM series WHERE substr(subject, 6)::integer > $1", alerts)
    await empty(pool)
    seconds, done = await tick(pool, 0)
    assert done.fired == alerts
    taken: dict[str, int] = {}

    async def send(_: Message, channel: Channel) -> str | None:
        taken[channel.id] = taken.get(channel.id, 0) + 1
        return None

    async def presign(key: str) -> str:
        return key

    courier = Courier(
        pool, {"counted": send}, presign, lambda: NOW + timedelta(minutes=1), timedelta(seconds=60)
    )
    began = time.perf_counter()
    delivered = await courier.deliver(seconds=300)
    drained = time.perf_counter() - began
    return {
        "alerts": alerts,
        "notifications": done.notifications,
        "tick_seconds": round(seconds, 2),
        "messages_to_the_platforms_channel": taken["ops"],
        "most_messages_to_one_user": max(count for name, count in taken.items() if name != "ops"),
        "messages": delivered.sent,
        "drain_seconds": round(drained, 1),
        "messages_per_second": round(delivered.sent / drained),
    }


if __name__ == "__main__":
    asyncio.run(main())
