"""Measure the alerts service: `python bench/alerts`. Goals are ratios; times depend on the machine.

    10,000 rules of users    one statement against one query per rule (≥ 20 times faster), ≥ 50,000 rules/s
    20 rules × 50,000 users  ≥ 250,000 instances/s, states and notifications included
    a quiet tick             no row written, one cheap query when nothing is due
    a storm                  10,000 alerts at once: messages per channel, seconds until all are sent

Everything runs in a PostgreSQL of its own, in a temporary directory. Each figure is the best of several runs, and
contenders take turns. CPU seconds are those of this process and of the server's backends together: on a machine
that is busy with other things they tell more than the clock does.
"""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
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


@dataclass(frozen=True, order=True)
class Cost:
    """What some work took, in seconds."""

    cpu: float
    wall: float


class Meter:
    """Measures work done by this process and by the server's backends."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def start(self) -> None:
        self._own, self._backends = time.process_time(), await self._spent()
        self._wall = time.perf_counter()

    async def cost(self) -> Cost:
        wall = time.perf_counter() - self._wall
        backends = await self._spent()
        server = sum(seconds - self._backends.get(pid, 0) for pid, seconds in backends.items())
        return Cost(time.process_time() - self._own + server, wall)

    async def _spent(self) -> dict[int, float]:
        rows = await self._pool.fetch(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
        )
        return {row["pid"]: _backend_seconds(row["pid"]) for row in rows}


def _backend_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime and stime, see proc(5)


async def tick(pool: asyncpg.Pool, seconds: int) -> tuple[Cost, AlertsChecked]:
    """Evaluate a slot and return what it took."""
    slot = NOW + timedelta(seconds=seconds)
    meter = Meter(pool)
    await meter.start()
    done = (await evaluation.evaluate(pool, slot, now=slot, usual=USUAL)).done
    return await meter.cost(), done


def best(costs: Iterable[Cost]) -> Cost:
    """The least CPU seconds and the least seconds of several runs."""
    found = list(costs)
    return Cost(min(cost.cpu for cost in found), min(cost.wall for cost in found))


async def user_rules(pool: asyncpg.Pool, rules: int = 10_000) -> dict[str, Any]:
    """As many rules as users have made, each about its owner."""
    await pool.execute("TRUNCATE rule CASCADE")
    await pool.execute(
        "INSERT INTO rule (id, subject, definition)"
        " SELECT 'r' || n, 'user-' || n, $2::jsonb FROM generate_series(1, $1::integer) AS n",
        rules,
        rule(),
    )

    together: list[Cost] = []
    apart: list[Cost] = []
    for _ in range(RUNS):
        await empty(pool)
        cost, done = await tick(pool, 0)
        assert (done.rules, done.fired) == (rules, rules // 50)
        together.append(cost)
        await empty(pool)
        apart.append(await one_by_one(pool))
    await empty(pool)
    await tick(pool, 0)
    before = await written(pool)
    quiet = best([(await tick(pool, 60 * n))[0] for n in range(1, RUNS + 1)])
    rows = await written(pool) - before
    nothing_due = best([(await tick(pool, 60 * RUNS + n))[0] for n in range(1, 20)])
    one, many = best(together), best(apart)
    return {
        "rules": rules,
        "seconds": round(one.wall, 3),
        "cpu_seconds": round(one.cpu, 3),
        "rules_per_second": round(rules / one.wall),
        "rules_per_cpu_second": round(rules / one.cpu),
        "one_query_per_rule_seconds": round(many.wall, 3),
        "one_query_per_rule_cpu_seconds": round(many.cpu, 3),
        "times_faster": round(many.wall / one.wall, 1),
        "times_less_cpu": round(many.cpu / one.cpu, 1),
        "quiet_tick_seconds": round(quiet.wall, 3),
        "quiet_tick_rows_written": rows,
        "nothing_due_milliseconds": round(nothing_due.wall * 1000, 2),
    }


async def written(pool: asyncpg.Pool) -> int:
    """Rows ever written to states, log and outbox; the log of evaluations has one more per tick."""
    await pool.execute("SELECT pg_stat_force_next_flush()")
    return await pool.fetchval(
        "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_user_tables"
        " WHERE relname IN ('alert', 'alert_event', 'notification', 'delivery', 'rule')"
    )


async def one_by_one(pool: asyncpg.Pool) -> Cost:
    """What the straightforward loop does: per rule a query, its state, and what follows, each by itself."""
    meter = Meter(pool)
    await meter.start()
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
                        "INSERT INTO alert_event (alert_id, at, kind, value) VALUES ($1, $2, 'firing', $3)",
                        alert, NOW, value,
                    )  # fmt: skip
                    await connection.execute(
                        "INSERT INTO notification (dedup_key, alert_id, channel_id, kind, severity, due_at,"
                        " created_at, outgoing) VALUES ($1, $2, 'in-app', 'firing', 2, $3, $3, false)",
                        f"{alert}/in-app", alert, NOW,
                    )  # fmt: skip
    return await meter.cost()


async def rules_for_all(pool: asyncpg.Pool, rules: int = 20) -> dict[str, Any]:
    """Few rules, each over every user."""
    await pool.execute("TRUNCATE rule CASCADE")
    for number in range(rules):
        await pool.execute("INSERT INTO rule (id, definition) VALUES ($1, $2)", f"all-{number}",
                           rule(number % METRICS + 1, group_by=("subject",)))  # fmt: skip

    runs: list[Cost] = []
    for _ in range(RUNS):
        await empty(pool)
        cost, done = await tick(pool, 0)
        assert done.fired == rules * USERS // 50
        runs.append(cost)
    first, steady = best(runs), best([(await tick(pool, 60 * n))[0] for n in range(1, RUNS + 1)])
    began = time.perf_counter()
    await pool.fetchval("SELECT sum(total) FROM point")
    instances = rules * USERS
    return {
        "instances": instances,
        "different_queries": METRICS,
        "seconds": round(first.wall, 2),
        "cpu_seconds": round(first.cpu, 2),
        "instances_per_second": round(instances / first.wall),
        "instances_per_cpu_second": round(instances / first.cpu),
        "steady_instances_per_second": round(instances / steady.wall),
        "steady_instances_per_cpu_second": round(instances / steady.cpu),
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
    cost, done = await tick(pool, 0)
    assert done.fired == alerts
    taken: dict[str, int] = {}

    async def send(_: Message, channel: Channel) -> str | None:
        taken[channel.id] = taken.get(channel.id, 0) + 1
        return None

    async def presign(key: str) -> str:
        return key

    async def no_chart(alert_id: int, channel: Channel) -> None:
        return None

    later = NOW + timedelta(minutes=1)
    courier = Courier(pool, {"counted": send}, presign, no_chart, lambda: later, timedelta(seconds=60))
    meter = Meter(pool)
    await meter.start()
    delivered = await courier.deliver(seconds=300)
    drained = await meter.cost()
    return {
        "alerts": alerts,
        "notifications": done.notifications,
        "tick_seconds": round(cost.wall, 2),
        "messages_to_the_platforms_channel": taken["ops"],
        "most_messages_to_one_user": max(count for name, count in taken.items() if name != "ops"),
        "messages": delivered.sent,
        "drain_seconds": round(drained.wall, 1),
        "drain_cpu_seconds": round(drained.cpu, 1),
        "messages_per_second": round(delivered.sent / drained.wall),
    }


if __name__ == "__main__":
    asyncio.run(main())
