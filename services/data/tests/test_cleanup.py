"""Retention: bounded batches, nothing uncounted, nothing on hold, nothing by surprise."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest
from huntaze_common.storage import ObjectMissing
from huntaze_contracts.data import AggregateAnalytics, CleanupOldData, PolicyApplied

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
OLD = NOW - timedelta(days=100)
MESSAGES = CleanupOldData(policy="archived-messages")


async def fill(rows, *, old: int, fresh: int) -> None:
    await rows.user()
    await rows.archived(old, sent=OLD, every=timedelta(minutes=1))
    await rows.messages(*(NOW - timedelta(days=20, seconds=n) for n in range(fresh)))


async def count_days(pool: asyncpg.Pool, first: date, last: date) -> None:
    await pool.execute(
        "INSERT INTO counted_day (day) SELECT d::date FROM generate_series($1::date, $2::date, '1 day') AS d",
        first, last,
    )  # fmt: skip


async def count_all(pool: asyncpg.Pool) -> None:
    await count_days(pool, date(2026, 8, 1), NOW.date() - timedelta(days=2))


async def apply(worker, job: CleanupOldData = MESSAGES, job_id: str = "cleanup") -> PolicyApplied:
    result = await worker.done(job, job_id)
    return next(each for each in result.policies if each.policy == "archived-messages")


async def test_what_was_counted_is_deleted_in_batches_as_the_dry_run_said(worker, pool, rows, app) -> None:
    await fill(rows, old=2500, fresh=3000)
    await pool.execute("UPDATE retention_policy SET batch_rows = 1000")
    await app.execute("UPDATE app.messages SET hold = true WHERE id = 'old1'")
    await count_all(pool)
    dry = await apply(worker, CleanupOldData(policy="archived-messages", dry_run=True), "dry")
    done = await apply(worker)
    assert (dry.matched, dry.deleted, dry.on_hold, dry.held_back) == (2499, 0, 1, "dry run")
    assert (done.matched, done.deleted, done.batches, done.complete) == (2499, 2499, 3, True)
    assert await app.fetchval("SELECT count(*) FROM app.messages") == 3001
    assert (await apply(worker, job_id="again")).deleted == 0
    audit = await pool.fetchrow("SELECT deleted, batches, complete FROM cleanup_run WHERE job_id = 'cleanup'")
    assert tuple(audit) == (2499, 3, True)


async def test_an_uncounted_day_is_kept(worker, pool, rows) -> None:
    await fill(rows, old=10, fresh=100)
    held = await apply(worker)
    assert (held.deleted, held.matched, held.uncounted) == (0, 0, 10)
    assert "not counted" in (held.held_back or "")


async def test_a_gap_in_the_counted_days_keeps_what_is_before_it(worker, pool, rows, app) -> None:
    """The day of a message in Auckland or Honolulu is not the one in UTC, so a day on either side is kept."""
    await rows.user()
    for back in range(100, 110):
        await rows.archived(1, sent=NOW - timedelta(days=back), name=f"day{back}-")
    await rows.messages(*(NOW - timedelta(seconds=n) for n in range(20)))
    await count_days(pool, (NOW - timedelta(days=105)).date(), NOW.date() - timedelta(days=1))
    done = await apply(worker)
    left = await app.fetch("SELECT id FROM app.messages WHERE archived_at IS NOT NULL ORDER BY id")
    assert (done.deleted, done.uncounted) == (6, 4)
    assert [row["id"] for row in left] == [f"day{n}-1" for n in range(106, 110)]


async def test_a_day_that_lost_messages_is_not_counted_again(worker, pool, rows) -> None:
    await fill(rows, old=10, fresh=100)
    day = OLD.date()
    await worker.done(
        AggregateAnalytics(date=day - timedelta(days=2), until=day + timedelta(days=2)), "count"
    )
    await worker.follow()
    counted = await pool.fetchval("SELECT messages_in FROM daily_stats WHERE day = $1", day)
    assert (await apply(worker)).deleted == 10
    refused = await worker.send(AggregateAnalytics(date=day), "recount")
    assert (refused.status_code, refused.json()["code"]) == (489, "day_sealed")
    assert await pool.fetchval("SELECT messages_in FROM daily_stats WHERE day = $1", day) == counted == 10
    await worker.done(AggregateAnalytics(date=day, force=True), "forced")
    assert await pool.fetchval("SELECT count(*) FROM daily_stats WHERE day = $1", day) == 0


async def test_a_large_share_must_be_forced(worker, pool, rows) -> None:
    await fill(rows, old=100, fresh=10)
    await count_all(pool)
    refused = await worker.send(MESSAGES, "cleanup")
    assert (refused.status_code, refused.json()["code"]) == (489, "too_much_to_delete")
    assert (
        await apply(worker, CleanupOldData(policy="archived-messages", force=True), "forced")
    ).deleted == 100


async def test_the_time_budget_leaves_the_rest_to_follow_ups(worker, pool, rows, app) -> None:
    """They delete what the first one meant to, and are not refused for what little is left around it."""
    await fill(rows, old=3000, fresh=3100)
    await pool.execute("UPDATE retention_policy SET batch_rows = 5")
    await count_all(pool)
    parts = [await worker.done(MESSAGES, "cleanup"), *await worker.follow()]
    assert len(parts) > 1
    assert sum(part.rows_deleted for part in parts) == 3000
    assert [part.complete for part in parts] == [False] * (len(parts) - 1) + [True]
    assert len({part.policies[0].cutoff for part in parts}) == 1


@pytest.mark.parametrize(
    ("job", "code"),
    [
        (CleanupOldData(policy="no-such"), "unknown_policy"),
        (CleanupOldData(as_of=NOW + timedelta(days=1)), "day_in_future"),
    ],
)
async def test_what_can_not_be_right_is_refused_for_good(worker, job: CleanupOldData, code: str) -> None:
    answer = await worker.send(job, "cleanup")
    assert (answer.status_code, answer.json()["code"]) == (489, code)


async def test_the_objects_of_deleted_rows_go_too(worker, pool, rows, app) -> None:
    await fill(rows, old=10, fresh=100)
    await count_all(pool)
    await app.execute("UPDATE app.messages SET media = ARRAY['media/' || id || '.jpg']")
    for name in ("old1", "old10"):
        await worker.objects.put(f"media/{name}.jpg", b"picture", content_type="image/jpeg")
    await worker.objects.put("media/kept.jpg", b"picture", content_type="image/jpeg")
    assert (await apply(worker)).deleted == 10
    for name in ("old1", "old10"):
        with pytest.raises(ObjectMissing):
            await worker.objects.size(f"media/{name}.jpg")
    assert await worker.objects.size("media/kept.jpg") == 7
    assert await pool.fetchval("SELECT count(*) FROM object_deletion") == 0


async def test_finished_jobs_are_forgotten_after_a_month(worker, pool) -> None:
    await worker.done(AggregateAnalytics(), "old-job")
    await pool.execute("UPDATE job SET finished_at = finished_at - interval '31 days'")
    result = await worker.done(CleanupOldData(policy="finished-jobs"), "cleanup")
    assert result.rows_deleted == 1
    assert [row["job_id"] for row in await pool.fetch("SELECT job_id FROM job")] == ["cleanup"]


async def test_an_empty_database_is_clean(worker) -> None:
    result = await worker.done(CleanupOldData(), "cleanup")
    assert (result.rows_deleted, result.complete, len(result.policies)) == (0, True, 4)


async def test_a_large_clean_up_beside_a_writer(worker, pool, rows, app, database: str, request) -> None:
    """A million rows with --faults. What is written meanwhile stays, and nothing else does."""
    size = 1_000_000 if request.config.getoption("--faults") else 20_000
    await rows.user()
    await rows.archived(size, sent=OLD, every=timedelta(days=5) / size)
    await app.execute("ANALYZE app.messages")
    await count_all(pool)
    writing = await asyncpg.connect(database)
    written, done = 0, asyncio.Event()

    async def write() -> None:
        nonlocal written
        while not done.is_set():
            await writing.execute(
                "INSERT INTO app.messages VALUES ('u', $1, 't', 'in', 'x', NULL, false, $2, $2, NULL, false)",
                f"beside{written}", OLD + timedelta(seconds=written),
            )  # fmt: skip
            written += 1

    writer = asyncio.create_task(write())
    due = CleanupOldData(policy="archived-messages", force=True)
    parts = [await worker.done(due, "cleanup"), *await worker.follow()]
    done.set()
    await writer
    await writing.close()
    assert sum(part.rows_deleted for part in parts) == size
    assert await app.fetchval("SELECT count(*) FROM app.messages") == written > 0


async def partition(app: asyncpg.Connection, days: list[date]) -> None:
    """Give the application's messages one partition a day, and one for the rest."""
    await app.execute(
        "DROP TABLE app.messages CASCADE;"
        "CREATE TABLE app.messages (user_id text, id text, thread_id text, direction text, body text, price numeric,"
        " is_paid boolean, sent_at timestamptz, created_at timestamptz, archived_at timestamptz,"
        " hold boolean NOT NULL DEFAULT false, media text[] NOT NULL DEFAULT '{}') PARTITION BY RANGE (sent_at);"
        "CREATE TABLE app.messages_rest PARTITION OF app.messages DEFAULT;"
        "ALTER TABLE app.messages OWNER TO huntaze_app; ALTER TABLE app.messages_rest OWNER TO huntaze_app;"
    )
    for day in days:
        name = f"app.messages_{day:%Y%m%d}"
        await app.execute(
            f"CREATE TABLE {name} PARTITION OF app.messages FOR VALUES FROM ('{day} 00:00Z')"
            f" TO ('{day + timedelta(days=1)} 00:00Z'); ALTER TABLE {name} OWNER TO huntaze_app"
        )
    await app.execute(
        "CREATE VIEW app_read.messages AS SELECT id AS message_id, user_id, thread_id, direction, sent_at, created_at,"
        " archived_at, is_paid, hold FROM app.messages;"
        "ALTER VIEW app_read.messages OWNER TO huntaze_app; GRANT SELECT ON app_read.messages TO huntaze_data"
    )


async def partitions(app: asyncpg.Connection) -> set[str]:
    rows = await app.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'app.messages'::regclass"
    )
    return {row["name"] for row in rows}


async def test_partitions_are_dropped_whole_and_a_held_row_keeps_its_own(worker, pool, rows, app) -> None:
    days = [OLD.date() + timedelta(days=n) for n in range(4)]
    await partition(app, days)
    await rows.user()
    for number, day in enumerate(days):
        await rows.archived(
            50, sent=datetime(day.year, day.month, day.day, 12, tzinfo=UTC), name=f"p{number}-"
        )
    await rows.messages(*(NOW - timedelta(seconds=n) for n in range(400)))
    await app.execute("UPDATE app.messages SET hold = true WHERE id = 'p2-7'")
    await count_all(pool)
    dry = await apply(worker, CleanupOldData(policy="archived-messages", dry_run=True), "dry")
    done = await apply(worker)
    assert dry.matched == done.deleted == 199
    assert (done.partitions, done.batches) == (3, 1)
    assert await partitions(app) == {f"app.messages_{days[2]:%Y%m%d}", "app.messages_rest"}
    assert await app.fetchval("SELECT count(*) FROM app.messages") == 401


async def test_a_partition_that_is_read_is_dropped_later_and_stalls_nobody(
    worker, pool, rows, app, database: str
) -> None:
    """A reader's open transaction holds the lock that dropping needs; writers must not queue behind that."""
    await pool.execute("UPDATE retention_policy SET enabled = id = 'archived-messages'")
    await partition(app, [OLD.date()])
    await rows.user()
    await rows.archived(50, sent=OLD - timedelta(hours=11))
    await rows.messages(*(NOW - timedelta(seconds=n) for n in range(100)))
    await count_all(pool)
    reader = await asyncpg.connect(database)
    reading = reader.transaction()
    await reading.start()
    await reader.fetchval("SELECT count(*) FROM app.messages")
    cleaning = asyncio.create_task(worker.done(MESSAGES, "cleanup"))
    async with asyncio.timeout(20):
        while not await app.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0)
        await rows.messages(*(NOW + timedelta(seconds=n) for n in range(100)))
    await reading.rollback()
    await reader.close()
    parts = [await cleaning, *await worker.follow()]
    assert sum(part.rows_deleted for part in parts) == 50
