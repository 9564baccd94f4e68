"""Retention: bounded batches, nothing uncounted, nothing on hold, nothing by surprise."""

from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest
from huntaze_data import store
from huntaze_data.cleanup import clean_archived_messages
from huntaze_data.errors import TooMuchToDelete

NOW = datetime(2026, 11, 23, tzinfo=UTC)
OLD = NOW - timedelta(days=100)


async def fill(app: asyncpg.Connection, *, old: int, fresh: int) -> None:
    await app.execute("INSERT INTO app.users VALUES ('u', 'u', 'UTC', 'en-US', '2026-01-01Z')")
    await app.execute("INSERT INTO app.message_threads VALUES ('u', 't', 'fan', '2026-01-01Z', NULL)")
    for name, number, archived in (("old", old, OLD), ("fresh", fresh, None)):
        await app.execute(
            "INSERT INTO app.messages SELECT 'u', $1 || n, 't', 'in', 'x', NULL, false, $2, $2, $3, false"
            " FROM generate_series(1, $4::integer) AS n",
            name, OLD, archived, number,
        )  # fmt: skip


async def clean(pool: asyncpg.Pool, **how: object):
    policy = (await store.policies(pool, None))[0]
    return await clean_archived_messages(
        pool, policy, **{"now": NOW, "seconds": 30, "dry_run": False, "force": False, **how}
    )


async def count_all_days(pool: asyncpg.Pool) -> None:
    days = [OLD.date() + timedelta(days=n) for n in range(-1, 15)]
    async with pool.acquire() as connection, connection.transaction():
        await store.count_days(connection, days, as_of=NOW, complete=days)


async def test_what_was_counted_is_deleted_in_batches(pool, app) -> None:
    await fill(app, old=2500, fresh=3000)
    await app.execute("UPDATE app.messages SET hold = true WHERE id = 'old1'")
    await count_all_days(pool)
    dry = await clean(pool, dry_run=True)
    done = await clean(pool)
    assert (dry.matched, dry.deleted) == (2499, 0)
    assert (done.deleted, done.complete, done.held_back) == (2499, True, None)
    assert await app.fetchval("SELECT count(*) FROM app.messages") == 3001
    assert (await clean(pool)).deleted == 0


async def test_an_uncounted_day_is_kept(pool, app) -> None:
    await fill(app, old=10, fresh=100)
    held = await clean(pool)
    assert (held.deleted, held.matched) == (0, 10)
    assert "are not counted" in held.held_back


async def test_a_large_share_must_be_forced(pool, app) -> None:
    await fill(app, old=100, fresh=10)
    await count_all_days(pool)
    with pytest.raises(TooMuchToDelete, match="100 of 110"):
        await clean(pool)
    assert (await clean(pool, force=True)).deleted == 100


async def test_the_time_budget_leaves_the_rest_to_a_follow_up(pool, app) -> None:
    await fill(app, old=2500, fresh=3000)
    await count_all_days(pool)
    first = await clean(pool, seconds=0.0)
    assert (first.deleted, first.complete) == (0, False)
    assert date(2026, 8, 15) == OLD.date()
