"""kill -9 of the service at every await of a video: each is stored once, with all its pictures."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import clips
import httpx
import pytest
from huntaze_common.publishing import encode_job
from huntaze_common.secret import Secret
from huntaze_common.settings import Bucket
from huntaze_common.storage import S3ObjectStore, open_object_store
from huntaze_common.testing.killing import Target, Victim, kill_everywhere
from huntaze_common.testing.recording import recording_qstash
from huntaze_common.testing.signing import KEY, NEXT_KEY
from huntaze_contracts.video import GridLayout, StoredVideo, VideoProcessing

WORKER = "video-processing"
KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "object-store-secret"}
SOURCE = "uploads/u1/clip.mp4"


@pytest.fixture(scope="module")
def process() -> Generator[Victim]:
    """The process that lives and dies; its imports are paid once."""
    victim = Victim("huntaze_video.app:SERVICE", path=os.environ.get("PYTHONPATH", ""))
    yield victim
    victim.close()


@pytest.fixture
async def bucket(tmp_path: Path) -> AsyncGenerator[Bucket]:
    """A bucket in the local stack's object store, as a process, that holds the clip."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    arguments = ["--port", str(port), "--directory", str(tmp_path / "objects"), "--bucket", "huntaze"]
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "huntaze_local.objectstore", *arguments),
        env={"PATH": os.environ["PATH"], **KEYS},
    )
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(trust_env=False) as client:
        while server.returncode is None:
            with suppress(httpx.TransportError):
                await client.get(f"{url}/healthz")
                break
            await asyncio.sleep(0.02)
    key_id, secret = map(Secret, KEYS.values())
    yield Bucket(name="huntaze", endpoint_url=url, region="us-east-1", key_id=key_id, secret_key=secret)
    server.terminate()
    await server.wait()


def process_clip(n: int) -> bytes:
    payload = VideoProcessing(
        video_id=f"v{n}", source=StoredVideo(key=SOURCE), grid_layout=GridLayout(rows=2, cols=2)
    )
    return encode_job(WORKER, payload, job_id=f"j{n}", user_id="u1", enqueued_at=datetime.now(UTC))


async def test_kills_at_every_step_of_a_video(
    pool: asyncpg.Pool, database: str, bucket: Bucket, process: Victim, tmp_path: Path, request
) -> None:
    nightly = request.config.getoption("--faults")
    clip = clips.write(tmp_path / "a.mp4", [*clips.scene(1, 25), *clips.scene(2, 25)])
    async with open_object_store(bucket) as store:
        await store.put(SOURCE, clip, content_type="video/mp4")
        with recording_qstash() as qstash:
            settings = {
                "ENVIRONMENT": "development",
                "DATABASE_URL": f"postgresql://huntaze_video:test-password@{database.rpartition('@')[2]}",
                "QSTASH_URL": qstash.url,
                "QSTASH_TOKEN": "token",
                "QSTASH_CURRENT_SIGNING_KEY": KEY,
                "QSTASH_NEXT_SIGNING_KEY": NEXT_KEY,
                "S3_BUCKET": bucket.name,
                "S3_ENDPOINT_URL": bucket.endpoint_url or "",
                **KEYS,
            }
            target = Target(process, f"/api/workers/{WORKER}", settings)
            record = await kill_everywhere(target, process_clip, every=1 if nightly else 23)
            await target.aclose()
        assert record.lost == 0
        assert record.faults > (30 if nightly else 2)
        await assert_each_is_whole(pool, store, record.jobs)


async def assert_each_is_whole(pool: asyncpg.Pool, store: S3ObjectStore, jobs: int) -> None:
    videos = await pool.fetch(
        "SELECT job_id, count(*) FROM video.video JOIN video.keyframe USING (job_id) GROUP BY job_id"
    )
    assert [row["count"] for row in videos] == [4] * jobs
    named = await pool.fetch(
        "SELECT DISTINCT object_key FROM video.keyframe UNION SELECT object_key FROM video.preview"
    )
    assert {row["object_key"] for row in named} <= set(await store.list_keys(""))
