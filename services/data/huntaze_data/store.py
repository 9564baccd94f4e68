"""The daily tables, the users' statistics, the application's views: the only importer of queries.sql."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from huntaze_common import sql
from huntaze_common.postgres import Connection, Pool

from huntaze_data.days import CivilDay

_QUERIES = sql.load("huntaze_data")

SETTLED_AFTER = timedelta(days=7)
"""Streaks up to so long ago are not looked at again, unless one of their days is counted again."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What counting saw and changed."""

    users: int
    messages: int
    rows_written: int


async def time_zones(pool: Pool) -> list[str]:
    """Return every zone that a user has, as the application writes it."""
    return [row["time_zone"] for row in await pool.fetch(_QUERIES["time_zones"])]


async def sealed_days(pool: Pool, days: Sequence[date]) -> list[date]:
    """Return those of the days that clean-up has deleted messages of, newest first."""
    return [row["day"] for row in await pool.fetch(_QUERIES["sealed_days"], list(days))]


async def lock_day(connection: Connection, day: date) -> bool:
    """Wait for other runs that count the day, and tell whether clean-up has deleted messages of it.

    Neither begins before this transaction ends.
    """
    await connection.execute(_QUERIES["lock_day"], day)
    return bool(await connection.fetchval(_QUERIES["is_sealed"], day))


async def count_day(
    connection: Connection, day: date, ended: Sequence[CivilDay], *, complete: bool
) -> Counted:
    """Make the daily tables agree with the application for a day, in the zones in which it has ``ended``.

    The same data again writes no row. ``complete`` says that it is over everywhere.
    """
    if not ended:
        return Counted(0, 0, 0)
    written = [each.written for each in ended]
    spans = (
        [each.since for each in ended],
        [each.until for each in ended],
        min(each.since for each in ended),
        max(each.until for each in ended),
    )
    names = [each.zone for each in ended]
    messages = await connection.fetchrow(_QUERIES["count_messages"], day, written, names, *spans)
    revenue = await connection.fetchval(_QUERIES["count_revenue"], day, written, *spans)
    assert messages is not None
    if messages["written"]:
        await connection.execute(_QUERIES["note_change"], day)
    if complete:
        await connection.execute(_QUERIES["mark_counted"], day)
    return Counted(messages["users"], messages["messages"], messages["written"] + revenue)


async def save_statistics(
    connection: Connection, *, until: datetime, window_days: int, rolling: Sequence[int]
) -> Counted:
    """Compute all users' statistics of the window that ends at ``until``, their rolling windows and streaks.

    The last two end with the newest day that is counted and over everywhere. An older run changes nothing.
    """
    await connection.execute(_QUERIES["lock_stats"])
    if not await connection.fetchval(_QUERIES["is_newest_window"], until, window_days):
        return Counted(0, 0, 0)
    row = await connection.fetchrow(_QUERIES["save_user_stats"], until, window_days)
    assert row is not None
    await connection.execute(_QUERIES["save_user_revenue"], until, window_days)
    through = await connection.fetchval(_QUERIES["counted_through"], until.date())
    if through is not None:
        await connection.execute(_QUERIES["save_rolling_stats"], through, list(rolling))
        await connection.execute(_QUERIES["save_rolling_revenue"], through, list(rolling))
        await connection.execute(_QUERIES["forget_streaks"])
        await connection.execute(_QUERIES["settle_streaks"], through - SETTLED_AFTER)
        await connection.execute(_QUERIES["save_streaks"], through)
    return Counted(row["users"], row["messages"], row["written"])
