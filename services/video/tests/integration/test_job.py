"""The whole job over a real database: what it stores, once and again."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import clips
import pytest
from huntaze_common import sql
from huntaze_common.errors import PayloadInvalid
from huntaze_contracts.base import Result
from huntaze_contracts.video import GridLayout, LinkedVideo, StoredVideo, VideoProcessed, VideoProcessing
from huntaze_video.analysis import Status, Usage, VideoAnalysis
from huntaze_video.capacity import DecodersBusy, DecoderSlots, decoders_for
from huntaze_video.decoder.process import extract
from huntaze_video.extraction import Limits
from huntaze_video.job import VideoDeps, process_video
from huntaze_video.spool import Spool, open_local
from huntaze_video.store import KeptAnalyses


class MemoryStore:
    """Objects by key, and how often each was put."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.types: dict[str, str] = {}

    async def put(self, key: str, data: bytes, *, content_type: str) -> None:
        self.objects[key] = data
        self.types[key] = content_type


class Attempt:
    """One attempt at a job, as `huntaze_common.run.Run` is one, without a ledger."""

    def __init__(self, pool: asyncpg.Pool, job_id: str, user_id: str | None = "u1") -> None:
        self.job_id, self.user_id, self._pool = job_id, user_id, pool
        self.stages: list[str] = []

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def progress(self, stage: str, percent: float) -> None:
        self.stages.append(stage)

    @asynccontextmanager
    async def commit(self, result: Result) -> AsyncGenerator[SimpleNamespace]:
        async with self._pool.acquire() as connection, connection.transaction():
            yield SimpleNamespace(connection=connection)


@pytest.fixture
def deps(tmp_path: Path) -> Callable[[MemoryStore], VideoDeps]:
    pictures = clips.dissolve(clips.scene(1, 50), clips.scene(2, 60), 12)
    path = clips.write(tmp_path / "a.mp4", pictures, sound=2.0)

    @asynccontextmanager
    async def open_source(_: StoredVideo | LinkedVideo) -> AsyncGenerator[Spool]:
        with open_local(path) as spool:
            yield spool

    def make(store: MemoryStore) -> VideoDeps:
        slots = DecoderSlots(1)
        return VideoDeps(open_source, extract, store, Limits(), slots, analyst=None)

    return make


JOB = VideoProcessing(video_id="v1", source=StoredVideo(key="x"), grid_layout=GridLayout(rows=2, cols=2))


async def run(pool: asyncpg.Pool, deps: VideoDeps, job_id: str) -> VideoProcessed:
    attempt: Any = Attempt(pool, job_id)
    return await process_video(JOB, attempt, deps)


async def test_all_that_was_found_is_stored(
    pool: asyncpg.Pool, deps: Callable[[MemoryStore], VideoDeps]
) -> None:
    store = MemoryStore()

    result = await run(pool, deps(store), "j1")

    assert (result.shots, len(result.keyframes), result.analysis.status) == (2, 4, "skipped")
    [transition] = await pool.fetch("SELECT * FROM video.transition")
    assert (transition["kind"], transition["ordinal"]) == ("dissolve", 1)
    assert transition["end_ms"] == pytest.approx(2000, abs=120)
    previews = await pool.fetch("SELECT kind, object_key FROM video.preview ORDER BY ordinal")
    assert [row["kind"] for row in previews] == [
        "cover",
        "hook",
        "hook",
        "hook",
        "hook",
        "storyboard",
        "sheet",
    ]
    assert {row["object_key"] for row in previews} <= set(store.objects)
    measures = json.loads(await pool.fetchval("SELECT measures FROM video.video"))
    assert measures["sound"]["loudness"] < 0
    sheet = next(row["object_key"] for row in previews if row["kind"] == "sheet")
    vtt = next(row["object_key"] for row in previews if row["kind"] == "storyboard")
    assert sheet.rpartition("/")[2].encode() in store.objects[vtt]
    assert store.types[vtt] == "text/vtt"


async def test_the_same_job_twice_uploads_nothing_new(
    pool: asyncpg.Pool, deps: Callable[[MemoryStore], VideoDeps]
) -> None:
    """Keys are made from content, and content from the file alone."""
    store = MemoryStore()
    await run(pool, deps(store), "j1")
    before = dict(store.objects)

    await run(pool, deps(store), "j2")

    assert store.objects == before


async def test_a_job_without_a_user_is_refused(
    pool: asyncpg.Pool, deps: Callable[[MemoryStore], VideoDeps]
) -> None:
    attempt: Any = Attempt(pool, "j1", user_id=None)
    with pytest.raises(PayloadInvalid):
        await process_video(JOB, attempt, deps(MemoryStore()))


async def test_every_query_prepares(pool: asyncpg.Pool) -> None:
    """The server parses and types each query; a renamed column fails here by name."""
    async with pool.acquire() as connection:
        for query in sql.load("huntaze_video").values():
            await connection.prepare(query)


async def test_a_kept_analysis_comes_back_and_the_first_stays(pool: asyncpg.Pool) -> None:
    kept = KeptAnalyses(pool)
    usage = Usage(model="m", requests=1, input_tokens=1, output_tokens=2, cost_usd=0.000123, seconds=1.0)
    first = VideoAnalysis(status=Status.OK, sections={"hook": {"kind": "none"}}, usage=usage)

    await kept.keep("k", first)
    await kept.keep("k", VideoAnalysis(status=Status.PARTIAL))

    assert await kept.find("k") == first
    assert await kept.find("other") is None
    assert str(await pool.fetchval("SELECT cost_usd FROM video.analysis")) == "0.000123"


async def test_a_job_that_finds_no_free_decoder_is_tried_again_later() -> None:
    slots = DecoderSlots(1, patience=0.01)
    async with slots.one():
        with pytest.raises(DecodersBusy):
            async with slots.one():
                pass
    async with slots.one():
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("memory", "processors", "decoders"),
    [(512 << 20, 4, 1), (2 << 30, 4, 4), (1 << 30, 4, 1), (64 << 30, 2, 2)],
)
def test_decoders_are_limited_by_memory_and_processors(memory: int, processors: int, decoders: int) -> None:
    assert decoders_for(memory, processors) == decoders
