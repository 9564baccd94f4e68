"""User statistics: definitions, the window before, and null where nothing is defined."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
from huntaze_common import sql
from huntaze_contracts.data import AggregateAnalytics, CalculateUserStats
from huntaze_data import store
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def ago(days: float, minutes: float = 0) -> datetime:
    return NOW - timedelta(days=days) + timedelta(minutes=minutes)


async def stats(worker, pool: asyncpg.Pool, user_id: str = "u", job_id: str = "stats") -> dict[str, Any]:
    await worker.done(CalculateUserStats(), job_id)
    row = await pool.fetchrow("SELECT * FROM user_stats WHERE user_id = $1", user_id)
    assert row is not None
    return dict(row)


async def test_a_user_without_messages_has_nulls_and_no_invented_rate(worker, pool, rows) -> None:
    await rows.user()
    row = await stats(worker, pool)
    assert (row["messages_sent"], row["active_chats"]) == (0, 0)
    undefined = (
        "messages_trend",
        "response_rate",
        "response_rate_trend",
        "median_response_s",
        "active_chats_trend",
    )
    assert [row[name] for name in undefined] == [None] * 5
    assert (row["messages_percentile"], row["response_rate_percentile"]) == (None, None)


async def test_turns_are_answered_within_a_day_or_not(worker, pool, rows) -> None:
    """Three turns: answered after 10 minutes, after 30, and never; a fourth is not a day old yet."""
    await rows.user()
    fan = [ago(10), ago(10, 5), ago(8), ago(6), ago(0.5)]
    await rows.messages(*fan)
    await rows.messages(ago(10, 10), ago(8, 30), direction="out")
    row = await stats(worker, pool)
    assert row["response_rate"] == 100 * 2 / 3
    assert row["median_response_s"] == 20 * 60
    assert (row["messages_sent"], row["active_chats"]) == (2, 1)


async def test_an_answer_after_a_day_is_none(worker, pool, rows) -> None:
    await rows.user()
    await rows.messages(ago(10))
    await rows.messages(ago(9, 1), direction="out")
    row = await stats(worker, pool)
    assert (row["response_rate"], row["median_response_s"]) == (0, None)


async def test_each_figure_is_compared_with_the_window_before(worker, pool, rows) -> None:
    await rows.user()
    await rows.messages(ago(40), ago(35), ago(10))
    await rows.messages(ago(40, 10), ago(33), ago(10, 20), ago(9), ago(8), direction="out")
    await rows.payment(1, ago(40), amount=10)
    await rows.payment(2, ago(10), amount=25)
    await rows.payment(3, ago(10), "USD", amount=7)
    row = await stats(worker, pool)
    assert (row["messages_sent"], row["messages_before"], row["messages_trend"]) == (3, 2, 50)
    assert (row["response_rate_before"], row["response_rate"], row["response_rate_trend"]) == (50, 100, 100)
    assert (row["median_response_before_s"], row["median_response_s"]) == (600, 1200)
    revenue = await pool.fetch("SELECT currency, amount, before, trend FROM user_revenue ORDER BY currency")
    assert [tuple(each) for each in revenue] == [("EUR", 25, 10, 150), ("USD", 7, 0, None)]


async def test_percentiles_are_among_the_users(worker, pool, rows) -> None:
    for number in range(5):
        await rows.user(f"u{number}")
        await rows.messages(*(ago(1, n) for n in range(number)), user_id=f"u{number}", direction="out")
    await worker.done(CalculateUserStats(), "stats")
    found = await pool.fetch("SELECT messages_percentile FROM user_stats ORDER BY user_id")
    assert [row["messages_percentile"] for row in found] == [0, 25, 50, 75, 100]


async def test_an_older_run_that_comes_late_changes_nothing(worker, pool, rows) -> None:
    await rows.user()
    await rows.messages(ago(1), direction="out")
    newest = await stats(worker, pool)
    worker.time[0] -= timedelta(days=5)
    assert (await worker.done(CalculateUserStats(), "late")).rows_written == 0
    worker.time[0] += timedelta(days=5)
    again = await worker.done(CalculateUserStats(), "again")
    assert again.rows_written == 0
    assert dict(await pool.fetchrow("SELECT * FROM user_stats")) == newest


async def test_windows_are_sums_of_counted_days(worker, pool, rows) -> None:
    await rows.user()
    for back in (2, 5, 20, 80, 100):
        await rows.messages(ago(back), direction="out")
        await rows.payment(back, ago(back))
    await worker.done(AggregateAnalytics(date=date(2026, 8, 1), until=date(2026, 11, 23)), "count")
    await worker.follow()
    await stats(worker, pool)
    found = await pool.fetch("SELECT window_days, messages_out, active_days FROM rolling_stats ORDER BY 1")
    assert [tuple(row) for row in found] == [(7, 2, 2), (28, 3, 3), (90, 4, 4)]
    revenue = await pool.fetch("SELECT window_days, amount FROM rolling_revenue ORDER BY 1")
    assert [tuple(row) for row in revenue] == [(7, 20), (28, 30), (90, 40)]


def runs(active: set[date], through: date) -> tuple[int, int]:
    """The current and the longest run of days, told one by one."""
    longest = run = 0
    day = min(active, default=through)
    while day <= through:
        run = run + 1 if day in active else 0
        longest = max(longest, run)
        day += timedelta(days=1)
    return run, longest


FIRST = date(2026, 9, 1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(active=st.sets(st.integers(0, 60), max_size=50), late=st.sets(st.integers(0, 60), max_size=3))
async def test_streaks_come_out_as_if_counted_from_the_beginning(
    pool, active: set[int], late: set[int]
) -> None:
    """Night by night, with events that come late to days that were settled."""
    for table in ("daily_stats", "counted_day", "user_streak", "rolling_stats", "user_stats"):
        await pool.execute(f"DELETE FROM {table}")
    await pool.execute("UPDATE streak_progress SET settled_through = NULL, changed_since = NULL")
    known: set[date] = set()
    for number in (10, 20, 21, 22, 40, 55, 60):
        through = FIRST + timedelta(days=number)
        new = {FIRST + timedelta(days=n) for n in active if n <= number} - known
        if number == 55:
            new |= {FIRST + timedelta(days=n) for n in late if n <= number} - known
        known |= new
        await night(pool, through, new)
        row = await pool.fetchrow("SELECT current_days, longest_days FROM user_streak")
        assert (tuple(row) if row else (0, 0)) == runs(known, through)


async def night(pool: asyncpg.Pool, through: date, new: set[date]) -> None:
    async with pool.acquire() as connection, connection.transaction():
        for day in new:
            await connection.execute("INSERT INTO daily_stats VALUES ('u', $1, 'UTC', 0, 1, 0, 1)", day)
            await connection.execute(sql.load("huntaze_data")["note_change"], day)
        await connection.execute("INSERT INTO counted_day VALUES ($1)", through)
        until = datetime(through.year, through.month, through.day, tzinfo=UTC) + timedelta(days=1)
        await store.save_statistics(connection, until=until, window_days=30, rolling=(7,))
