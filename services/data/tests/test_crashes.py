"""kill -9 at every await: nothing is lost, nothing is done or counted twice."""

import os
from collections.abc import Callable, Generator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest
from huntaze_common.publishing import encode_job
from huntaze_common.testing.killing import Target, Victim, kill_everywhere
from huntaze_contracts.data import AggregateAnalytics, CleanupOldData, EraseUserData

WORKER = "data-processing"
USERS, EACH = 200, 30


@pytest.fixture(scope="module")
def process() -> Generator[Victim]:
    """The process that lives and dies; its imports are paid once."""
    victim = Victim("huntaze_data.app:SERVICE", path=os.environ.get("PYTHONPATH", ""))
    yield victim
    victim.close()


@pytest.fixture
async def kill(environment, process, request, app):
    """Kill a job everywhere, or at some points in short runs, and deliver what is left until it is done."""
    values, _ = environment
    nightly = request.config.getoption("--faults")
    await app.execute(
        "INSERT INTO app.users SELECT 'u' || n, 'n', 'UTC', 'en', '2026-01-01Z' FROM generate_series(1, $1::int) AS n",
        USERS,
    )
    await app.execute(
        "INSERT INTO app.message_threads SELECT id, 't', 'fan', '2026-01-01Z', NULL FROM app.users"
    )

    async def run(make: Callable[[int], Any], *, short: int) -> int:
        target = Target(process, f"/api/workers/{WORKER}", values)

        def body(n: int) -> bytes:
            now = datetime.now(UTC)
            return encode_job(WORKER, make(n), job_id=f"j{n}", user_id=f"u{n}", enqueued_at=now)

        record = await kill_everywhere(target, body, every=1 if nightly else short)
        await target.aclose()
        assert record.lost == 0
        assert record.faults >= 2
        return record.jobs

    return run


async def add_messages(app: asyncpg.Connection, days_ago: int, *, archived: bool) -> None:
    sent = datetime.now(UTC) - timedelta(days=days_ago)
    await app.execute(
        "INSERT INTO app.messages SELECT id, 'm' || n, 't', 'in', 'x', NULL, false, at, at,"
        " CASE WHEN $4 THEN at + interval '1 hour' END FROM app.users,"
        " LATERAL (SELECT n, $1::timestamptz + n * $2::interval AS at FROM generate_series(1, $3::int) AS n) AS s",
        sent, timedelta(minutes=1), EACH, archived,
    )  # fmt: skip


async def test_an_erasure_counts_each_row_once(kill, app, pool) -> None:
    await add_messages(app, 5, archived=False)
    jobs = await kill(lambda _: EraseUserData(), short=23)
    receipts = await pool.fetch("SELECT rows_erased::text FROM erasure_receipt WHERE erased_at IS NOT NULL")
    rows = [msgspec.json.decode(row["rows_erased"]) for row in receipts]
    assert rows == [{"app.messages": EACH, "app.message_threads": 1, "app.users": 1}] * jobs
    assert await app.fetchval("SELECT count(*) FROM app.users") == USERS - jobs


async def test_a_clean_up_deletes_each_row_once_and_its_records_add_up(kill, app, pool) -> None:
    await add_messages(app, 120, archived=True)
    today = datetime.now(UTC).date()
    await pool.execute(
        "INSERT INTO counted_day SELECT d::date FROM generate_series($1::date, $2::date, '1 day') AS d",
        today - timedelta(days=200), today - timedelta(days=2),
    )  # fmt: skip
    await pool.execute("UPDATE retention_policy SET batch_rows = 400")
    due = CleanupOldData(policy="archived-messages", force=True)
    await kill(lambda _: due, short=13)
    assert await app.fetchval("SELECT count(*) FROM app.messages") == 0
    assert await pool.fetchval("SELECT sum(deleted) FROM cleanup_run") == USERS * EACH


async def test_a_count_is_the_same_whatever_died(kill, app, pool) -> None:
    await add_messages(app, 5, archived=False)
    day: date = (datetime.now(UTC) - timedelta(days=5)).date()
    await kill(lambda _: AggregateAnalytics(date=day, until=day + timedelta(days=1)), short=13)
    counted = await pool.fetch("SELECT user_id, sum(messages_in) AS n FROM daily_stats GROUP BY user_id")
    assert [row["n"] for row in counted] == [EACH] * USERS
