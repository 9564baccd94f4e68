"""Counting days: right in every zone, the same on a re-run, corrected by late events."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import asyncpg
import pytest
from huntaze_common import sql
from huntaze_data import store
from huntaze_data.days import days_to_count, has_ended_everywhere
from huntaze_data.errors import DayInFuture
from hypothesis import assume, given
from hypothesis import strategies as st

DAY = date(2026, 10, 25)
LATER = datetime(2026, 11, 1, tzinfo=UTC)


async def add_user(app: asyncpg.Connection, user_id: str, zone: str) -> None:
    await app.execute("INSERT INTO app.users VALUES ($1, $1, $2, 'en-US', '2026-01-01Z')", user_id, zone)
    await app.execute("INSERT INTO app.message_threads VALUES ($1, 't', 'fan', '2026-01-01Z', NULL)", user_id)


async def add_messages(
    app: asyncpg.Connection, user_id: str, *times: datetime, direction: str = "in"
) -> None:
    await app.executemany(
        "INSERT INTO app.messages VALUES ($1, $2, 't', $3, 'x', NULL, false, $4, $4, NULL, false)",
        [(user_id, f"{direction}{time.timestamp()}", direction, time) for time in times],
    )


async def count(pool: asyncpg.Pool, *days: date, as_of: datetime = LATER) -> store.Counted:
    async with pool.acquire() as connection, connection.transaction():
        return await store.count_days(connection, days, as_of=as_of, complete=days)


async def rows(pool: asyncpg.Pool) -> list[tuple]:
    return [tuple(row) for row in await pool.fetch("SELECT * FROM daily_stats ORDER BY user_id, day")]


@pytest.mark.parametrize("name", sorted(sql.load("huntaze_data")))
async def test_every_query_prepares(pool: asyncpg.Pool, name: str) -> None:
    """As the service's own role: a missing grant fails here by name."""
    async with pool.acquire() as connection:
        await connection.prepare(sql.load("huntaze_data")[name])


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [("Europe/Paris", DAY, 25), ("Europe/Paris", date(2026, 3, 29), 23), ("Asia/Kathmandu", DAY, 24)],
)
async def test_a_day_is_the_users_own(pool, app, zone: str, day: date, hours: int) -> None:
    """One message in each hour from a day before to a day after: those of the civil day are counted."""
    await add_user(app, "u", zone)
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    times = [start + timedelta(hours=n) for n in range(-24, 48)]
    await add_messages(app, "u", *times)
    await count(pool, day)
    assert await pool.fetchval("SELECT messages_in FROM daily_stats") == hours


async def test_a_message_at_midnight_belongs_to_the_new_day(pool, app) -> None:
    await add_user(app, "u", "Europe/Paris")
    midnight = datetime(2026, 10, 25, tzinfo=ZoneInfo("Europe/Paris"))
    await add_messages(app, "u", midnight, midnight - timedelta(microseconds=1))
    await count(pool, DAY - timedelta(days=1), DAY)
    assert [row[3] for row in await rows(pool)] == [1, 1]


async def test_running_again_writes_nothing_and_a_late_message_is_counted(pool, app) -> None:
    await add_user(app, "u", "UTC")
    await add_messages(app, "u", datetime(2026, 10, 25, 12, tzinfo=UTC))
    assert (await count(pool, DAY)).rows_written == 1
    before = await rows(pool)
    assert (await count(pool, DAY)).rows_written == 0
    assert await rows(pool) == before
    await add_messages(app, "u", datetime(2026, 10, 25, 13, tzinfo=UTC), direction="out")
    assert (await count(pool, DAY)).rows_written == 1
    assert [row[3:5] for row in await rows(pool)] == [(1, 1)]


async def test_two_runs_at_once_leave_the_same_rows(pool, app) -> None:
    for number in range(20):
        await add_user(app, f"u{number:02}", "UTC")
        await add_messages(app, f"u{number:02}", datetime(2026, 10, 25, number, tzinfo=UTC))
    counted = await asyncio.gather(count(pool, DAY), count(pool, DAY))
    assert sorted(each.rows_written for each in counted) == [0, 20]


async def test_a_day_that_still_runs_somewhere_waits_there(pool, app) -> None:
    """At noon UTC it is past midnight in Auckland and not in Los Angeles."""
    await add_user(app, "auckland", "Pacific/Auckland")
    await add_user(app, "los-angeles", "America/Los_Angeles")
    await count(pool, DAY, as_of=datetime(2026, 10, 25, 12, tzinfo=UTC))
    assert [row[0] for row in await rows(pool)] == ["auckland"]


async def test_an_unknown_zone_is_counted_in_utc(pool, app) -> None:
    await add_user(app, "u", "Mars/Olympus")
    await count(pool, DAY)
    assert [row[2] for row in await rows(pool)] == ["UTC"]


async def test_revenue_is_kept_per_currency_and_corrected(pool, app) -> None:
    await add_user(app, "u", "UTC")
    for number, (currency, status) in enumerate(
        [("EUR", "completed"), ("USD", "completed"), ("EUR", "failed")]
    ):
        await app.execute(
            "INSERT INTO app.transactions VALUES ($1, 'u', 'tip', 10, $2, $3, '2026-10-25T10:00Z')",
            str(number), currency, status,
        )  # fmt: skip
    await count(pool, DAY)
    await app.execute("UPDATE app.transactions SET status = 'refunded' WHERE currency = 'USD'")
    await count(pool, DAY)
    assert [tuple(row) for row in await pool.fetch("SELECT currency, amount FROM daily_revenue")] == [
        ("EUR", 10)
    ]


@given(now=st.datetimes(timezones=st.just(UTC)), late=st.integers(1, 30))
def test_a_schedule_counts_the_days_before_its_own(now: datetime, late: int) -> None:
    assume(now.year > 1)
    days = days_to_count(now, first=None, last=None, late_days=late)
    assert len(days) == late + 1
    assert days[-1] == now.date() - timedelta(days=1)
    assert days == sorted(set(days))


ZONES = sorted(available_timezones() - {"localtime"})


@given(day=st.dates(date(2020, 1, 1), date(2035, 1, 1)), zone=st.sampled_from(ZONES))
def test_a_day_that_ended_everywhere_ended_in_each_zone(day: date, zone: str) -> None:
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1, hours=12)
    assert has_ended_everywhere(day, end)
    assert not has_ended_everywhere(day, end - timedelta(seconds=1))
    assert end.astimezone(ZoneInfo(zone)).date() > day


@pytest.mark.parametrize(
    ("first", "last"),
    [(date(2026, 11, 1), None), (date(2026, 10, 2), date(2026, 10, 1)), (date(2020, 1, 1), DAY)],
)
def test_days_that_cannot_be_counted_are_refused(first: date, last: date | None) -> None:
    with pytest.raises(DayInFuture):
        days_to_count(LATER, first=first, last=last, late_days=3)
