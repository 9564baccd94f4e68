"""The rows that policies delete, and the record of it: the only importer of retention.sql."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import asyncpg
from huntaze_common import sql
from huntaze_common.postgres import Connection, Pool
from huntaze_contracts.data import PolicyApplied

_QUERIES = sql.load("huntaze_data", "retention.sql")

Key = tuple[datetime, str, str]
"""When a message was archived, its user, its id: the order in which messages are deleted."""

FIRST_KEY: Key = (datetime(1, 1, 1, tzinfo=UTC), "", "")
# A civil day begins up to 14 hours before the one of UTC and ends up to 12 hours after it.
_EARLIEST_ZONE, _LATEST_ZONE = timedelta(hours=14), timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Policy:
    """How long something is kept, and how it is deleted."""

    id: str
    keep_days: int
    batch_rows: int
    most_share: float


@dataclass(frozen=True, slots=True)
class Span:
    """The archived messages that may go: archived before ``cutoff``, sent in [since, before)."""

    cutoff: datetime
    since: datetime
    before: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """What a policy would delete of the messages."""

    matched: int
    uncounted: int
    on_hold: int


@dataclass(frozen=True, slots=True)
class Matched:
    """What a policy would delete of a table, and the table's size."""

    rows: int
    total: int


async def policies(pool: Pool, policy_id: str | None) -> list[Policy]:
    """Read one policy, or all that are enabled."""
    return [Policy(**dict(row)) for row in await pool.fetch(_QUERIES["policies"], policy_id)]


async def deletable_span(pool: Pool, cutoff: datetime) -> Span:
    """Return the span of what is counted without a gap, whatever the zone of its user; it may be empty."""
    row = await pool.fetchrow(_QUERIES["counted_span"])
    if row is None or row["first_day"] is None:
        return Span(cutoff, cutoff, cutoff)
    since = datetime.combine(row["first_day"], time(), UTC) + _LATEST_ZONE
    before = datetime.combine(row["last_day"], time(), UTC) + timedelta(days=1) - _EARLIEST_ZONE
    return Span(cutoff, since, before)


async def plan_messages(pool: Pool, span: Span) -> Plan:
    """Read once through the keys of all archived messages that are old enough."""
    row = await pool.fetchrow(_QUERIES["count_archived_messages"], span.cutoff, span.since, span.before)
    assert row is not None
    on_hold = await pool.fetchval(_QUERIES["messages_on_hold"], span.cutoff)
    return Plan(row["deletable"], row["old_enough"] - row["deletable"], on_hold)


async def has_messages(pool: Pool, rows: int) -> bool:
    """Tell whether the application has at least so many messages."""
    return await pool.fetchval(_QUERIES["has_messages"], rows)


async def delete_messages(
    connection: Connection, span: Span, after: Key, most: int
) -> tuple[int, Key | None]:
    """Delete one batch of messages, seal their days, and ask for the deletion of their objects.

    Returns:
        How many went, and the key to go on after; None when these were the last.
    """
    row = await connection.fetchrow(
        _QUERIES["delete_archived_messages"], span.cutoff, span.since, span.before, *after, most
    )
    deleted = await _seal(connection, row)
    assert row is not None
    upto = (row["upto_at"], row["upto_user"], row["upto_id"]) if row["upto_at"] is not None else None
    return deleted, upto


async def partitions(pool: Pool, span: Span) -> list[str]:
    """Return the partitions of the application's messages that may go as a whole."""
    rows = await pool.fetch(_QUERIES["archived_message_partitions"], span.cutoff, span.since, span.before)
    return [row["partition"] for row in rows]


async def drop_partition(connection: Connection, partition: str, span: Span) -> int:
    """Drop a partition, as `delete_messages` does a batch.

    Raises:
        asyncpg.LockNotAvailableError: somebody reads it; nothing was done, and nobody has waited long.
    """
    row = await connection.fetchrow(
        _QUERIES["drop_message_partition"], partition, span.cutoff, span.since, span.before
    )
    return await _seal(connection, row)


async def count_rows(pool: Pool, policy: Policy, cutoff: datetime) -> Matched:
    """Count what a policy would delete of a table of the service's own."""
    row = await pool.fetchrow(_QUERIES[f"count_{policy.id.replace('-', '_')}"], cutoff)
    assert row is not None
    return Matched(row["matched"], row["total"])


async def delete_rows(connection: Connection, policy: Policy, cutoff: datetime) -> int:
    """Delete one batch from a table of the service's own."""
    query = _QUERIES[f"delete_{policy.id.replace('-', '_')}"]
    return int(await connection.fetchval(query, cutoff, policy.batch_rows) or 0)


async def begin_cleanup(pool: Pool, job_id: str, applied: PolicyApplied, *, dry_run: bool) -> None:
    """Write the audit row of a policy's clean-up; a second delivery goes on with the first one's."""
    await pool.execute(
        _QUERIES["begin_cleanup"],
        *(job_id, applied.policy, applied.cutoff, dry_run),
        *(applied.matched, applied.uncounted, applied.on_hold, applied.held_back),
    )


async def add_to_cleanup(
    connection: Connection,
    job_id: str,
    policy_id: str,
    deleted: int,
    *,
    batches: int = 0,
    partitions: int = 0,
) -> None:
    """Count a batch in the audit row, in the batch's own transaction."""
    await connection.execute(_QUERIES["add_to_cleanup"], job_id, policy_id, deleted, batches, partitions)


async def end_cleanup(pool: Pool, job_id: str, applied: PolicyApplied) -> PolicyApplied:
    """Close the audit row, and return it with all that the job's deliveries did together."""
    row = await pool.fetchrow(_QUERIES["end_cleanup"], job_id, applied.policy, applied.complete)
    assert row is not None
    return PolicyApplied(policy=applied.policy, cutoff=applied.cutoff, complete=applied.complete, **dict(row))


async def request_deletions(connection: Connection, keys: Sequence[str]) -> None:
    """Ask for objects to be deleted once this transaction has committed."""
    if keys:
        await connection.execute(_QUERIES["request_deletions"], list(keys))


async def waiting_deletions(pool: Pool, most: int) -> list[tuple[int, str]]:
    """Return the oldest requests for deletions of objects: their ids and keys."""
    return [(row["id"], row["key"]) for row in await pool.fetch(_QUERIES["waiting_deletions"], most)]


async def end_deletions(pool: Pool, ids: Sequence[int]) -> None:
    """Forget requests whose objects are gone."""
    await pool.execute(_QUERIES["end_deletions"], list(ids))


async def _seal(connection: Connection, row: asyncpg.Record | None) -> int:
    assert row is not None
    if row["deleted"]:
        span = (row["oldest"], row["newest"])
        if await connection.fetchval(_QUERIES["has_unsealed_days"], *span):
            await connection.execute(_QUERIES["lock_sealing"])
            await connection.execute(_QUERIES["seal_days"], *span)
        await request_deletions(connection, row["objects"] or ())
    return row["deleted"]
