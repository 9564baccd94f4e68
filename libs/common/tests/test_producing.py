"""Producers: a job is enqueued if and only if the transaction of its cause commits."""

from contextlib import aclosing
from datetime import UTC, datetime

import asyncpg
import pytest
from huntaze_common.postgres import migrate
from huntaze_common.producing import enqueue, relay
from huntaze_common.publishing import QStashPublisher
from huntaze_common.testing.recording import recording_qstash
from huntaze_contracts.alerts import CheckAlerts
from huntaze_contracts.video import StoredVideo, VideoProcessing

NOW = datetime(2026, 11, 23, tzinfo=UTC)
CLIP = VideoProcessing(video_id="v1", source=StoredVideo(key="uploads/u1/a.mp4"))


@pytest.fixture
async def pool(database: str):
    connection = await asyncpg.connect(database)
    await connection.execute("CREATE SCHEMA app")
    await connection.execute(f"ALTER DATABASE {database.rpartition('/')[2]} SET search_path = app")
    await connection.close()
    await migrate(database, "huntaze_common.testing", schema="app")
    async with asyncpg.create_pool(database, min_size=1, max_size=2) as opened:
        await opened.execute("CREATE TABLE upload (id text PRIMARY KEY)")
        yield opened


async def upload(pool: asyncpg.Pool, name: str, *, fail: bool = False) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("INSERT INTO upload VALUES ($1)", name)
        await enqueue(
            connection, "video-processing", CLIP, job_id=f"video-{name}", user_id="u1", enqueued_at=NOW
        )
        if fail:
            raise ZeroDivisionError


async def test_a_job_leaves_with_its_cause_and_never_without(pool: asyncpg.Pool) -> None:
    with recording_qstash() as qstash:
        urls = {"video-processing": "https://video.example.com"}
        async with aclosing(QStashPublisher(token="t", url=qstash.url, worker_urls=urls)) as publisher:
            with pytest.raises(ZeroDivisionError):
                await upload(pool, "rolled-back", fail=True)
            await upload(pool, "kept")
            qstash.status = 503
            assert await relay(pool, publisher) == 0
            qstash.status = 200
            await pool.execute("UPDATE outbox SET next_attempt_at = clock_timestamp()")
            assert [await relay(pool, publisher) for _ in range(2)] == [1, 0]
    assert [message.deduplication_id for message in qstash.published] == ["video-kept"]
    assert b'"videoId":"v1"' in qstash.published[0].body


async def test_a_payload_of_another_worker_is_refused(pool: asyncpg.Pool) -> None:
    with pytest.raises(ValueError, match="video-processing"):
        async with pool.acquire() as connection, connection.transaction():
            await enqueue(
                connection, "video-processing", CheckAlerts(), job_id="a", user_id=None, enqueued_at=NOW
            )
