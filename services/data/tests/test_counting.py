"""Counting days: right in every zone, the same on a re-run, corrected by late events."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import asyncpg
import pytest
from huntaze_common import sql
from huntaze_contracts.data import AggregateAnalytics
from huntaze_data import counting, store
from huntaze_data.days import civil_day, days_to_count, ended_days, has_ended_everywhere
from huntaze_data.errors import DayInFuture
from hypothesis import assume, given
from hypothesis import strategies as st

DAY = date(2026, 10, 25)
NOON = datetime(2026, 10, 25, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 1, tzinfo=UTC)
QUERIES = {
    f"{file}:{name}": query
    for file in ("queries.sql", "retention.sql", "privacy.sql")
    for name, query in sql.load("huntaze_data", file).items()
}


async def count_day(pool: asyncpg.Pool, day: date, *, now: datetime) -> store.Counted:
    return await counting.count_day(pool, day, await store.time_zones(pool), now=now)


async def daily(pool: asyncpg.Pool) -> list[tuple]:
    query = "SELECT user_id, day::text, time_zone, messages_in, messages_out, active_threads FROM daily_stats"
    return [tuple(row) for row in await pool.fetch(f"{query} ORDER BY user_id, day")]


@pytest.mark.parametrize("name", sorted(QUERIES))
async def test_every_query_prepares(pool: asyncpg.Pool, name: str) -> None:
    """As the service's own role: a missing grant fails here by name."""
    async with pool.acquire() as connection:
        await connection.prepare(QUERIES[name])


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Paris", DAY, 25),
        ("Europe/Paris", date(2026, 3, 29), 23),
        ("Asia/Kathmandu", DAY, 24),
        ("America/Santiago", date(2026, 9, 6), 23),
        ("Africa/Cairo", date(2026, 4, 24), 23),
    ],
)
async def test_a_day_is_the_users_own(pool, rows, zone: str, day: date, hours: int) -> None:
    """One message in each hour from a day before to a day after: those of the civil day are counted."""
    await rows.user(zone=zone)
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    await rows.messages(*(start + timedelta(hours=n) for n in range(-24, 48)))
    await count_day(pool, day, now=LATER)
    assert await daily(pool) == [("u", str(day), zone, hours, 0, 1)]


async def test_a_message_at_midnight_belongs_to_the_new_day(pool, rows) -> None:
    await rows.user(zone="Europe/Paris")
    midnight = datetime(2026, 10, 25, tzinfo=ZoneInfo("Europe/Paris"))
    await rows.messages(midnight, midnight - timedelta(microseconds=1))
    for day in (DAY - timedelta(days=1), DAY):
        await count_day(pool, day, now=LATER)
    assert [row[3] for row in await daily(pool)] == [1, 1]


async def test_running_again_writes_nothing_and_late_events_are_counted(pool, rows, app) -> None:
    await rows.user()
    await rows.messages(NOON)
    assert (await count_day(pool, DAY, now=LATER)).rows_written == 1
    before = await pool.fetch("SELECT ctid, xmin, * FROM daily_stats")
    assert (await count_day(pool, DAY, now=LATER)).rows_written == 0
    assert await pool.fetch("SELECT ctid, xmin, * FROM daily_stats") == before
    await rows.messages(NOON + timedelta(hours=1), direction="out")
    assert (await count_day(pool, DAY, now=LATER)).rows_written == 1
    assert [row[3:5] for row in await daily(pool)] == [(1, 1)]
    await app.execute("DELETE FROM app.messages")
    assert (await count_day(pool, DAY, now=LATER)).rows_written == 1
    assert await daily(pool) == []


async def test_an_unchanged_run_writes_no_wal(pool, rows, app) -> None:
    """No row is locked either: a lock would be a record in the log."""
    await rows.user()
    await rows.messages(*(NOON + timedelta(seconds=n) for n in range(100)))
    await rows.payment(1, NOON)
    await count_day(pool, DAY, now=LATER)
    await count_day(pool, DAY, now=LATER)
    await app.execute("CHECKPOINT")
    before = await app.fetchval("SELECT pg_current_wal_insert_lsn()")
    await count_day(pool, DAY, now=LATER)
    written = await app.fetchval("SELECT pg_current_wal_insert_lsn() - $1::pg_lsn", before)
    assert written == 0


async def test_two_runs_at_once_leave_the_same_rows(pool, rows) -> None:
    for number in range(20):
        await rows.user(f"u{number:02}")
        await rows.messages(NOON + timedelta(minutes=number), user_id=f"u{number:02}")
    counted = await asyncio.gather(*(count_day(pool, DAY, now=LATER) for _ in range(2)))
    assert sorted(each.rows_written for each in counted) == [0, 20]
    assert await daily(pool) == [(f"u{n:02}", str(DAY), "UTC", 1, 0, 1) for n in range(20)]


async def test_a_day_that_still_runs_somewhere_waits_there(pool, rows) -> None:
    """At noon UTC it is past midnight in Auckland and not in Los Angeles."""
    for name, zone in (("auckland", "Pacific/Auckland"), ("los-angeles", "America/Los_Angeles")):
        await rows.user(name, zone)
        await rows.messages(NOON - timedelta(hours=2), user_id=name)
    await count_day(pool, DAY, now=NOON)
    assert [row[0] for row in await daily(pool)] == ["auckland"]
    assert await pool.fetchval("SELECT count(*) FROM counted_day") == 0
    await count_day(pool, DAY, now=NOON + timedelta(days=1))
    assert [row[0] for row in await daily(pool)] == ["auckland", "los-angeles"]
    assert await pool.fetchval("SELECT day FROM counted_day") == DAY


async def test_an_unknown_zone_is_counted_in_utc(pool, rows) -> None:
    for number, zone in enumerate(("Mars/Olympus", "", "../etc/passwd", "UTC+1\n")):
        await rows.user(f"u{number}", zone)
        await rows.messages(NOON, user_id=f"u{number}")
    await count_day(pool, DAY, now=LATER)
    assert [row[2] for row in await daily(pool)] == ["UTC"] * 4


async def test_a_user_who_moved_keeps_a_day_that_is_not_over_in_the_new_zone(pool, rows, app) -> None:
    await rows.user(zone="Pacific/Auckland")
    await rows.messages(NOON - timedelta(hours=2))
    await count_day(pool, DAY, now=NOON)
    await app.execute("UPDATE app.users SET time_zone = 'America/Los_Angeles'")
    await count_day(pool, DAY, now=NOON)
    assert [row[2] for row in await daily(pool)] == ["Pacific/Auckland"]


async def test_revenue_is_kept_per_currency_and_corrected(pool, rows, app) -> None:
    await rows.user()
    for number, (currency, status) in enumerate(
        [("EUR", "completed"), ("USD", "completed"), ("EUR", "failed")]
    ):
        await rows.payment(number, NOON, currency, status=status)
    await count_day(pool, DAY, now=LATER)
    await app.execute("UPDATE app.transactions SET status = 'refunded' WHERE currency = 'USD'")
    await count_day(pool, DAY, now=LATER)
    revenue = await pool.fetch("SELECT currency, amount FROM daily_revenue")
    assert [tuple(row) for row in revenue] == [("EUR", 10)]


async def test_an_empty_database_is_counted(pool) -> None:
    counted = await count_day(pool, DAY, now=LATER)
    assert (counted.users, counted.rows_written) == (0, 0)


async def test_a_schedule_counts_yesterday_and_late_days(worker, pool, rows) -> None:
    await rows.user()
    await rows.messages(*(worker.time[0] - timedelta(days=n) for n in range(7)))
    result = await worker.done(AggregateAnalytics())
    assert [day.day for day in result.days] == [20, 21, 22, 23]
    assert (result.rows_read, result.rows_written, result.complete) == (4, 4, True)
    again = await worker.done(AggregateAnalytics(), "again")
    assert (again.rows_read, again.rows_written) == (4, 0)


async def test_a_long_range_is_a_chain_of_messages_newest_first(worker, pool, rows) -> None:
    """Delivering each message twice changes nothing."""
    await rows.user()
    first, last = date(2025, 12, 1), date(2026, 11, 23)
    whole = AggregateAnalytics(date=first, until=last)
    parts = [await worker.done(whole, "backfill"), *await worker.follow()]
    replayed = await worker.done(whole, "backfill")
    assert len(parts) > 1
    days = [day for part in parts for day in part.days]
    assert sorted(days) == [first + timedelta(days=n) for n in range((last - first).days + 1)]
    assert replayed.days == parts[0].days
    assert [part.complete for part in parts] == [False] * (len(parts) - 1) + [True]
    assert all(min(later.days) > max(earlier.days) for later, earlier in pairwise(parts))


@pytest.mark.parametrize("day", ["2026-11-24", "2027-01-01"])
async def test_a_day_that_has_not_ended_is_refused_for_good(worker, day: str) -> None:
    answer = await worker.send(AggregateAnalytics(date=date.fromisoformat(day)), "future")
    assert (answer.status_code, answer.json()["code"]) == (489, "day_in_future")


@given(now=st.datetimes(timezones=st.just(UTC)), late=st.integers(1, 30))
def test_a_schedule_counts_the_days_before_its_own(now: datetime, late: int) -> None:
    assume(now.year > 1)
    days = days_to_count(now, first=None, last=None, late_days=late)
    assert len(days) == late + 1
    assert days[0] == now.date() - timedelta(days=1)
    assert days == sorted(set(days), reverse=True)


ZONES = sorted(available_timezones() - {"localtime"})
zones = st.sampled_from(ZONES)
dates = st.dates(date(1990, 1, 1), date(2037, 1, 1))


@given(day=dates, zone=zones)
def test_civil_days_tile_time(day: date, zone: str) -> None:
    """No instant is in two days or in none, and a day has 0 to 26 hours whatever the clocks do."""
    since, until = civil_day(day, ZoneInfo(zone))
    assert civil_day(day + timedelta(days=1), ZoneInfo(zone))[0] == until
    assert timedelta(0) <= until - since <= timedelta(hours=26)
    if since < until:
        assert since.astimezone(ZoneInfo(zone)).date() == day


@given(second=st.integers(631_152_000, 2_114_380_800), zone=zones)
def test_an_instant_is_in_the_day_that_the_clock_on_the_wall_shows(second: int, zone: str) -> None:
    """Where clocks go back over midnight, an hour shows the date of the day before once more."""
    instant = datetime.fromtimestamp(second, UTC)
    shown = instant.astimezone(ZoneInfo(zone)).date()
    since, until = civil_day(shown, ZoneInfo(zone))
    again = instant - timedelta(hours=2) < until <= instant
    assert since <= instant < until or again


@given(day=dates, zone=zones)
def test_a_day_that_ended_everywhere_ended_in_each_zone(day: date, zone: str) -> None:
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1, hours=12)
    assert has_ended_everywhere(day, end)
    assert not has_ended_everywhere(day, end - timedelta(seconds=1))
    assert len(ended_days(day, [zone], end)) == 1


async def test_the_database_agrees_on_when_days_begin(pool) -> None:
    """Two implementations with zone tables of their own: a difference would move messages between days."""
    for zone in (
        "Europe/Paris",
        "America/New_York",
        "Australia/Lord_Howe",
        "America/Santiago",
        "Africa/Cairo",
    ):
        for day in (date(2026, 1, 1) + timedelta(days=n) for n in range(0, 365, 3)):
            theirs = await pool.fetchval("SELECT $1::date::timestamp AT TIME ZONE $2", day, zone)
            assert theirs == civil_day(day, ZoneInfo(zone))[0], (zone, day)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2026, 11, 1), None),
        (date(2026, 10, 2), date(2026, 10, 1)),
        (date(2020, 1, 1), DAY),
        (None, DAY),
    ],
)
def test_days_that_cannot_be_counted_are_refused(first: date | None, last: date | None) -> None:
    with pytest.raises(DayInFuture):
        days_to_count(LATER, first=first, last=last, late_days=3)
