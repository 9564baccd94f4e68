"""What the jobs read and write; with `records`, the only users of queries.sql."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from types import MappingProxyType
from typing import Any

import msgspec
from huntaze_common import sql
from huntaze_common.postgres import Connection, Pool
from huntaze_contracts.alerts import AlertsChecked, Rule

QUERIES = sql.load("huntaze_alerts")
MANY_RULES = 500
_EVALUATION_LOCK = 5_120_388
_BUNDLE_LOCK = 5_120_389
_COUNTER_LOCK = 5_120_390


def _compact(statement: str) -> str:
    """Drop comments and indentation: asyncpg keeps only statements of up to 15 KiB prepared."""
    return " ".join(re.sub(r"--[^\n]*", "", statement).split())


_AGGREGATED = ("series_of_points", "series_of_jobs", "series_of_snapshots", "series_of_usage")
_OBSERVED: Mapping[str, str] = MappingProxyType(
    {
        name: "WITH " + ", ".join(QUERIES[part] for part in ("readings", *parts))
        for name, *parts in (
            *((name, name, "aggregate_series") for name in _AGGREGATED),
            ("percentiles_of_points", "percentiles_of_points"),
            ("percentiles_of_jobs", "percentiles_of_jobs"),
        )
    }
)
TICKS: Mapping[str, str] = MappingProxyType(
    {name: _compact(f"{observed}, {QUERIES['transition']}") for name, observed in _OBSERVED.items()}
)
"""The statements of a tick: read, move, log and notify in one, for each kind of source."""
VALUES: Mapping[str, str] = MappingProxyType(
    {name: _compact(f"{observed} {QUERIES['observed_value']}") for name, observed in _OBSERVED.items()}
)
"""The same reading for one instance, and nothing else."""
STATEMENTS: Mapping[str, str] = MappingProxyType(
    {
        name: query
        for name, query in QUERIES.items()
        if name not in {*TICKS, "readings", "aggregate_series", "transition", "observed_value"}
    }
    | dict(TICKS)
    | {f"{name}_value": statement for name, statement in VALUES.items()}
)
"""Every statement that is sent to the server, by name."""

READERS = {
    ("point", False): "series_of_points",
    ("point", True): "percentiles_of_points",
    ("job", False): "series_of_jobs",
    ("job", True): "percentiles_of_jobs",
    ("snapshot", False): "series_of_snapshots",
    ("usage", False): "series_of_usage",
}


@dataclass(frozen=True, slots=True)
class Due:
    """What a slot has to evaluate."""

    last: datetime | None
    """The slot before; None at the very first."""
    letters: bool
    """Messages wait that could be sent now."""
    errors: bool
    """Some rule could not be evaluated before."""
    rules: Mapping[str, Sequence[int]]
    """Numbers of the due rules, by the name of the statement in ``TICKS`` that evaluates them."""


@dataclass(frozen=True, slots=True)
class Moves:
    """How many instances a statement moved."""

    fired: int = 0
    resolved: int = 0
    notifications: int = 0

    def __add__(self, other: "Moves") -> "Moves":
        """Add up."""
        return Moves(
            self.fired + other.fired,
            self.resolved + other.resolved,
            self.notifications + other.notifications,
        )


@dataclass(frozen=True, slots=True)
class Point:
    """One sample, at the begin of its minute and in its class of sizes."""

    metric: str
    subject: str
    labels: Mapping[str, str]
    at: datetime
    size: int
    value: float


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One place where somebody is told."""

    id: str
    owner: str | None
    kind: str
    name: str
    config: dict[str, str]
    secret: bytes | None = None
    min_severity: int = 1
    quiet_from: time | None = None
    quiet_until: time | None = None
    time_zone: str = "UTC"
    digest: int = 0
    rate: int = 20
    enabled: bool = True
    failures: int = 0
    last_error: str | None = None
    last_sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message that this process has taken to send."""

    id: int
    channel_id: str
    recipient: str
    notifications: int
    attempts: int
    created_at: datetime
    uncertain: bool


async def lock(connection: Connection) -> None:
    """Keep every other tick, and every change of alerts by hand, out until the transaction ends."""
    await connection.execute(QUERIES["lock_evaluation"], _EVALUATION_LOCK)


async def prepare_for_ticks(connection: Connection) -> None:
    """Bound the ticks of this transaction, and keep their plans: making one costs ten times running it."""
    await connection.execute(
        "SET LOCAL statement_timeout = '20s'; SET LOCAL jit = off;"
        " SET LOCAL plan_cache_mode = force_generic_plan;"
        # Nobody can know how many alerts a storm brings: a loop that is right for one is wrong for thousands.
        " SET LOCAL enable_nestloop = off;"
        # There is one tick at a time, so it may have what a pool of readers may not.
        " SET LOCAL work_mem = '64MB'"
    )


async def plan_for_many(connection: Connection) -> None:
    """Plan each tick of this transaction anew: for thousands of rules other plans are right than for ten."""
    await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")


async def due(connection: Connection | Pool, slot: datetime) -> Due:
    """Find what a slot has to evaluate, with one cheap query."""
    rows = await connection.fetch(QUERIES["due_rules"], slot)
    rules = {READERS[row["source"], row["sized"]]: row["rules"] for row in rows if row["rules"]}
    return Due(rows[0]["last"], rows[0]["letters"], rows[0]["errors"], rules)


async def tick(
    connection: Connection,
    statement: str,
    rules: Sequence[int],
    *,
    slot: datetime,
    now: datetime,
    pause: timedelta | None,
    usual: timedelta,
) -> Moves:
    """Run one of ``TICKS`` for some rules.

    Args:
        connection: in a transaction that holds the lock.
        statement: which one.
        rules: numbers of rules that this statement can read.
        slot: the instant that is evaluated.
        now: when notifications are due.
        pause: since the slot before.
        usual: how long the pause between two slots should be.

    Raises:
        asyncpg.PostgresError: the source is not there, or the numbers are beyond what a float8 can hold.
    """
    row = await connection.fetchrow(TICKS[statement], slot, rules, now, pause, usual)
    assert row is not None
    return Moves(*row)


async def close_orphans(connection: Connection, *, slot: datetime, now: datetime) -> Moves:
    """End the alerts whose rule was switched off, deleted or changed."""
    row = await connection.fetchrow(QUERIES["close_orphans"], slot, now)
    assert row is not None
    return Moves(0, row["resolved"], row["notifications"])


async def mark_rules(connection: Connection, rules: Sequence[int], error: str | None, slot: datetime) -> None:
    """Record why rules could not be evaluated, or that they could."""
    if error is None:
        await connection.execute(QUERIES["mark_rules_well"], rules)
    else:
        await connection.execute(QUERIES["mark_rules_failed"], rules, error, slot)


async def find_evaluation(connection: Connection | Pool, slot: datetime) -> AlertsChecked | None:
    """Return what a slot's evaluation did, if there was one."""
    row = await connection.fetchrow(QUERIES["find_evaluation"], slot)
    return row and AlertsChecked(slot=slot, skipped=True, **row)


async def save_evaluation(
    connection: Connection, done: AlertsChecked, *, pause: timedelta | None, seconds: float
) -> None:
    """Log an evaluation; its slot can't be evaluated again."""
    await connection.execute(
        QUERIES["save_evaluation"],
        done.slot,
        pause,
        done.rules,
        done.rules_failed,
        done.fired,
        done.resolved,
        done.notifications,
        seconds,
    )


async def prune(connection: Connection, now: datetime) -> None:
    """Forget alerts of half a year ago and points of five weeks ago, a bounded number of rows."""
    await connection.execute(QUERIES["prune"], now, timedelta(days=180), timedelta(days=35), 50_000)


async def save_rule(connection: Connection | Pool, rule_id: str, subject: str | None, rule: Rule) -> None:
    """Make a rule, or change it; a change ends its alerts."""
    definition = msgspec.json.encode(rule).decode()
    await connection.execute(QUERIES["save_rule"], rule_id, subject, definition)


async def save_channel(connection: Connection | Pool, channel: Channel) -> bool:
    """Make a channel, or change it; it is switched on again. False: the id is of another kind or owner."""
    saved = await connection.fetchval(
        QUERIES["save_channel"],
        channel.id,
        channel.owner,
        channel.kind,
        channel.name,
        msgspec.json.encode(channel.config).decode(),
        channel.secret,
        channel.min_severity,
        channel.quiet_from,
        channel.quiet_until,
        channel.time_zone,
        channel.digest,
        channel.rate,
    )
    return saved is not None


async def find_channel(connection: Connection | Pool, channel_id: str) -> Channel | None:
    """Return a channel."""
    row = await connection.fetchrow(QUERIES["find_channel"], channel_id)
    return row and Channel(**{**row, "config": msgspec.json.decode(row["config"])})


async def save_points(connection: Connection | Pool, points: Sequence[Point]) -> None:
    """Add samples to the sums of their series and minutes."""
    values = [point.value for point in points]
    await connection.execute(
        QUERIES["save_points"],
        [point.metric for point in points],
        [point.subject for point in points],
        [msgspec.json.encode(point.labels).decode() for point in points],
        [point.at for point in points],
        [point.size for point in points],
        [1.0] * len(points),
        values,
        values,
        values,
    )


async def last_value(pool: Pool, metric: str) -> float | None:
    """Return what a metric of the platform was last; None when it never was."""
    return await pool.fetchval(QUERIES["last_value"], metric)


async def count_up(connection: Connection, worker: str, instance: str, value: float, now: datetime) -> float:
    """Record a counter's reading inside the caller's transaction; return by how much it grew."""
    await connection.execute(QUERIES["lock_evaluation"], _COUNTER_LOCK)
    before: float = await connection.fetchval(QUERIES["find_counter"], worker, instance) or 0.0
    if value > before:
        await connection.execute(QUERIES["save_counter"], worker, instance, value, now)
    return value - before


async def channels_for_message(
    connection: Connection | Pool, user_id: str, chosen: Sequence[str]
) -> list[str]:
    """Return where a message to a user goes: the chosen channels of theirs, or all of them and the inbox."""
    rows = await connection.fetch(QUERIES["channels_for_message"], user_id, list(chosen))
    return [row["id"] for row in rows]


async def queue_message(
    connection: Connection,
    *,
    key: str,
    user_id: str,
    channels: Sequence[str],
    severity: int,
    message: msgspec.Struct,
    now: datetime,
) -> None:
    """Put a message that is no alert into the outbox, once per key and channel."""
    content = msgspec.json.encode(message).decode()
    await connection.execute(QUERIES["queue_message"], key, user_id, list(channels), severity, content, now)


async def bundle(connection: Connection, now: datetime, most: int) -> int:
    """Make messages of what is due, inside the caller's transaction; return how many."""
    # As in `prepare_for_ticks`: a loop over what a storm brings is quadratic.
    await connection.execute("SET LOCAL enable_nestloop = off")
    await connection.execute(QUERIES["lock_evaluation"], _BUNDLE_LOCK)
    made: int = await connection.fetchval(QUERIES["bundle"], now, most)  # pyright: ignore[reportAssignmentType]
    return made


async def claim_delivery(pool: Pool, now: datetime, lease: timedelta) -> Delivery | None:
    """Take one message to send, for as long as the lease lasts."""
    row = await pool.fetchrow(QUERIES["claim_delivery"], now, lease)
    return row and Delivery(**row)


async def contents(pool: Pool, delivery_id: int, most: int) -> list[Any]:
    """Return what a message tells, the worst first."""
    return await pool.fetch(QUERIES["contents_of_delivery"], delivery_id, most)


async def delivery_sent(pool: Pool, delivery_id: int, now: datetime, provider_id: str | None) -> None:
    """Record that a message arrived."""
    await pool.execute(QUERIES["delivery_sent"], delivery_id, now, provider_id)


async def delivery_deferred(pool: Pool, delivery_id: int, until: datetime, error: str) -> None:
    """Put a message off, and with it everything else for its channel."""
    await pool.execute(QUERIES["delivery_deferred"], delivery_id, until, error)


async def delivery_dead(pool: Pool, delivery_id: int, now: datetime, error: str) -> None:
    """Give a message up."""
    await pool.execute(QUERIES["delivery_dead"], delivery_id, now, error)


async def next_delivery(pool: Pool, now: datetime) -> datetime | None:
    """Return when the next message can be sent; None when none waits."""
    return await pool.fetchval(QUERIES["next_delivery"], now)


async def find_drawn_alert(connection: Connection, alert_id: int) -> Any:
    """Return what a chart of an alert has to know; None if there is no such alert."""
    return await connection.fetchrow(QUERIES["drawn_alert"], alert_id)


async def value_at(connection: Connection, alert: Any, slot: datetime) -> float | None:
    """Return what an alert's instance was at a slot; None when nothing was measured.

    Args:
        connection: any.
        alert: a row of `find_drawn_alert`.
        slot: when.
    """
    statement = VALUES[READERS[alert["source"], alert["sized"]]]
    return await connection.fetchval(statement, slot, [alert["no"]], alert["subject"], alert["labels"])
