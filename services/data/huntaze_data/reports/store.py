"""What reports read of the application and of the counted days, and where they are kept: all their SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from huntaze_common import sql
from huntaze_common.postgres import Connection, Pool
from huntaze_contracts.data import ReportFile

from huntaze_data.reports.periods import Period
from huntaze_data.reports.preferences import DEFAULTS, Preferences

_QUERIES = sql.load("huntaze_data.reports")
_CHOICES = ("weekly", "monthly", "weekday", "month_day", "hour", "formats")


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the application."""

    name: str
    time_zone: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Days:
    """Civil days as the database needs them: names, the instants that begin them, the last one's end."""

    names: list[date]
    begins: list[datetime]
    end: datetime


@dataclass(frozen=True, slots=True)
class Post:
    """What was published, with its figures so far."""

    post_id: str
    platform: str
    title: str
    published_at: datetime
    views: int
    engagement: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A report as it is kept."""

    report_id: str
    user_id: str
    kind: str
    first_day: date
    last_day: date
    version: int
    data_sha: bytes | None
    time_zone: str
    headline: str
    generated_at: datetime


@dataclass(frozen=True, slots=True)
class Recipient:
    """A user whom the dispatcher looks at."""

    user_id: str
    time_zone: str
    created_at: datetime
    preferences: Preferences


@dataclass(frozen=True, slots=True)
class Asked:
    """A report that is due; ``look`` is how many days ago it became so."""

    report_id: str
    user_id: str
    period: Period
    look: int


async def person(pool: Pool, user_id: str) -> Person | None:
    """Read a user; None when there is no such one."""
    row = await pool.fetchrow(_QUERIES["person"], user_id)
    return row and Person(**dict(row))


async def preferences(pool: Pool, user_id: str) -> Preferences:
    """Read a user's choices, or the defaults."""
    row = await pool.fetchrow(_QUERIES["preferences"], user_id)
    return _preferences(row) if row else DEFAULTS


async def save_preferences(pool: Pool, user_id: str, chosen: Preferences) -> None:
    """Keep a user's choices."""
    await pool.execute(_QUERIES["save_preferences"], user_id, *(getattr(chosen, name) for name in _CHOICES))


async def messages_by_day(pool: Pool, user_id: str, days: Days) -> list[Any]:
    """Count (day, received, sent) of each day."""
    return await pool.fetch(_QUERIES["messages_by_day"], user_id, days.names, days.begins, days.end)


async def revenue_by_day(pool: Pool, user_id: str, days: Days) -> list[Any]:
    """Add up completed payments per (day, currency, kind)."""
    return await pool.fetch(_QUERIES["revenue_by_day"], user_id, days.names, days.begins, days.end)


async def snapshots(pool: Pool, user_id: str, first: date, last: date) -> list[Any]:
    """Read the daily figures of a user's accounts, account by account in order of days."""
    return await pool.fetch(_QUERIES["snapshots"], user_id, first, last)


async def replies(pool: Pool, user_id: str, begins: Sequence[datetime], end: datetime) -> list[Any]:
    """Count fans' turns, and those answered within a day, per number of the span that they begin in."""
    return await pool.fetch(_QUERIES["replies"], user_id, list(begins), end)


async def messages_by_hour(pool: Pool, user_id: str, begins: Sequence[datetime], end: datetime) -> list[Any]:
    """Count fans' messages per number of the hour."""
    return await pool.fetch(_QUERIES["messages_by_hour"], user_id, list(begins), end)


async def top_posts(pool: Pool, user_id: str, begin: datetime, end: datetime, most: int) -> list[Post]:
    """Read the posts of a time that moved most people."""
    return [Post(**dict(row)) for row in await pool.fetch(_QUERIES["top_posts"], user_id, begin, end, most)]


async def known_until(pool: Pool, user_id: str, begin: datetime, end: datetime) -> datetime | None:
    """Return the time of the newest message or payment of a period."""
    return await pool.fetchval(_QUERIES["known_until"], user_id, begin, end)


async def lock_report(
    connection: Connection, report_id: str, user_id: str, period: Period
) -> tuple[int, bytes | None]:
    """Take a report's row for this transaction, and return its version and the digest of its data."""
    row = await connection.fetchrow(
        _QUERIES["lock_report"], report_id, user_id, period.kind, period.first, period.last
    )
    assert row is not None
    return row["version"], row["data_sha"]


async def save_report(
    connection: Connection,
    report_id: str,
    *,
    version: int,
    data_sha: bytes,
    time_zone: str,
    headline: str,
    generated_at: datetime,
    files: Sequence[ReportFile],
) -> None:
    """Keep a version of a report in place of the one before."""
    await connection.execute(
        _QUERIES["save_report"], report_id, version, data_sha, time_zone, headline, generated_at
    )
    await connection.execute(_QUERIES["forget_files"], report_id)
    rows = [(report_id, file.format, file.key, file.size) for file in files]
    await connection.executemany(_QUERIES["save_file"], rows)


async def note_objects(pool: Pool, user_id: str, keys: Sequence[str]) -> None:
    """Note objects that are about to be written, so that an erasure finds them whatever happens next."""
    await pool.execute(_QUERIES["note_objects"], user_id, list(keys))


async def report(pool: Pool, report_id: str) -> Kept | None:
    """Read a report that was made."""
    row = await pool.fetchrow(_QUERIES["report"], report_id)
    return row and Kept(**dict(row))


async def reports_of(pool: Pool, user_id: str, before: date | None, limit: int) -> list[Kept]:
    """Read a user's reports whose last day is before a day, the newest first."""
    return [Kept(**dict(row)) for row in await pool.fetch(_QUERIES["reports_of"], user_id, before, limit)]


async def files(pool: Pool, report_id: str) -> tuple[ReportFile, ...]:
    """Read the files of a report's newest version."""
    rows = await pool.fetch(_QUERIES["files"], report_id)
    return tuple(ReportFile(format=row["format"], key=row["key"], size=row["bytes"]) for row in rows)


async def recipients(pool: Pool, after: str | None, limit: int) -> list[Recipient]:
    """Read a page of users, in order of their ids."""
    rows = await pool.fetch(_QUERIES["people"], after, limit)
    return [
        Recipient(
            row["user_id"],
            row["time_zone"],
            row["created_at"],
            DEFAULTS if row["weekly"] is None else _preferences(row),
        )
        for row in rows
    ]


async def not_asked(pool: Pool, due: Sequence[Asked]) -> list[Asked]:
    """Leave out what was asked for in its look already."""
    rows = await pool.fetch(
        _QUERIES["not_asked"], [each.report_id for each in due], [each.look for each in due]
    )
    wanted = {row["report_id"] for row in rows}
    return [each for each in due if each.report_id in wanted]


async def ask(connection: Connection, due: Sequence[Asked]) -> set[str]:
    """Note which reports are asked for; return the ids of those that were not in this look before."""
    rows = await connection.fetch(
        _QUERIES["ask"],
        [each.report_id for each in due],
        [each.user_id for each in due],
        [each.period.kind for each in due],
        [each.period.first for each in due],
        [each.period.last for each in due],
        [each.look for each in due],
    )
    return {row["report_id"] for row in rows}


def _preferences(row: Any) -> Preferences:
    return Preferences(**{name: row[name] for name in _CHOICES[:-1]}, formats=tuple(row["formats"]))
