"""The data service's tables, and the application's views: the only importer of queries.sql."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from huntaze_common import sql
from huntaze_common.postgres import Connection, Pool

_QUERIES = sql.load("huntaze_data")


@dataclass(frozen=True, slots=True)
class Counted:
    """What counting saw and changed."""

    users: int
    messages: int
    rows_written: int


@dataclass(frozen=True, slots=True)
class Policy:
    """How long something is kept, and how it is deleted."""

    id: str
    keep_days: int
    batch_rows: int
    most_share: float


@dataclass(frozen=True, slots=True)
class Matched:
    """What a policy would delete."""

    rows: int
    total: int
    first_day: date | None
    """The oldest day among them, in UTC."""


async def count_days(
    connection: Connection, days: Sequence[date], *, as_of: datetime, complete: Sequence[date]
) -> Counted:
    """Make the daily tables agree with the application for ``days``, ``complete`` of which are over.

    The same data again writes no row.
    """
    await connection.execute(_QUERIES["lock_counting"])
    messages = await connection.fetchrow(_QUERIES["count_messages"], list(days), as_of)
    revenue = await connection.fetchval(_QUERIES["count_revenue"], list(days), as_of)
    await connection.execute(_QUERIES["mark_counted"], list(complete))
    assert messages is not None
    return Counted(messages["users"], messages["messages"], messages["written"] + revenue)


async def save_user_stats(connection: Connection, *, until: datetime, window_days: int) -> Counted:
    """Compute all users' statistics of the window that ends at ``until``; an older run changes nothing."""
    await connection.execute(_QUERIES["lock_counting"])
    row = await connection.fetchrow(_QUERIES["save_user_stats"], until, window_days)
    await connection.execute(_QUERIES["save_user_revenue"], until, window_days)
    assert row is not None
    return Counted(row["users"], row["messages"], row["written"])


async def policies(pool: Pool, policy_id: str | None) -> list[Policy]:
    """Read one policy, or all that are enabled."""
    return [Policy(**dict(row)) for row in await pool.fetch(_QUERIES["policies"], policy_id)]


async def archived_messages_before(pool: Pool, cutoff: datetime) -> Matched:
    """Count exactly what the policy for archived messages would delete."""
    row = await pool.fetchrow(_QUERIES["archived_messages_before"], cutoff)
    assert row is not None
    return Matched(row["matched"], row["total"], row["first_day"])


async def uncounted_days(pool: Pool, first: date, last: date) -> int:
    """Return how many days from ``first`` to ``last`` were not counted yet."""
    return await pool.fetchval(_QUERIES["uncounted_days"], first, last)


async def delete_archived_messages(pool: Pool, cutoff: datetime, most: int) -> int:
    """Delete one batch, in a transaction of its own, and return how many rows it had."""
    return await pool.fetchval(_QUERIES["delete_archived_messages"], cutoff, most)


async def save_cleanup(
    connection: Connection,
    *,
    job_id: str,
    policy: Policy,
    cutoff: datetime,
    dry_run: bool,
    matched: int,
    deleted: int,
    held_back: str | None,
) -> None:
    """Write the audit row of a clean-up."""
    await connection.execute(
        _QUERIES["save_cleanup"], job_id, policy.id, cutoff, dry_run, matched, deleted, held_back
    )
