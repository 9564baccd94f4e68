"""A clip goes through QStash, the video service, the store and the database, and survives a kill."""

import asyncio
import hashlib
import io
import secrets
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest
from huntaze_common.publishing import encode_job
from huntaze_common.secret import Secret
from huntaze_common.tokens import make_token
from huntaze_contracts.video import GridLayout, StoredVideo, VideoProcessing
from huntaze_local.stack import Stack
from PIL import Image

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    # On a busy machine the HTTP client below the official QStash client can lose a socket while it connects.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
USER = "u1"


async def upload(stack: Stack, clip: bytes) -> StoredVideo:
    key = f"uploads/{USER}/{hashlib.sha256(clip).hexdigest()}.mp4"
    async with stack.object_store() as store:
        await store.put(key, clip, content_type="video/mp4")
    return StoredVideo(key=key)


async def publish(stack: Stack, payload: VideoProcessing) -> str:
    job_id = f"video-{secrets.token_hex(6)}"
    body = encode_job("video-processing", payload, job_id=job_id, user_id=USER, enqueued_at=datetime.now(UTC))
    async with aclosing(stack.publisher()) as publisher:
        await publisher.publish("video-processing", body, dedup_id=job_id)
    return job_id


async def job_when(stack: Stack, job_id: str, *states: str) -> dict:
    """Poll the status API until the job is in one of the states."""
    token = make_token(
        Secret(stack.status_token_key), user_id=USER, expires=datetime.now(UTC) + timedelta(minutes=5)
    )
    async with httpx.AsyncClient(trust_env=False, headers={"authorization": f"Bearer {token}"}) as client:
        while True:
            try:
                answer = await client.get(f"{stack.urls['video']}/jobs/{job_id}")
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code == 200 and answer.json()["state"] in states:
                return answer.json()
            await asyncio.sleep(0.05)


async def test_a_clip_comes_back_as_a_labelled_grid(stack: Stack, clip: bytes) -> None:
    """The result, the rows and the objects tell the same."""
    payload = VideoProcessing(
        video_id="v1", source=await upload(stack, clip), grid_layout=GridLayout(rows=2, cols=2)
    )
    job_id = await publish(stack, payload)

    job = await job_when(stack, job_id, "succeeded", "failed")

    result = job["result"]
    assert job["state"] == "succeeded", job["error"]
    assert (result["shots"], len(result["keyframes"]), result["analysis"]["status"]) == (8, 4, "skipped")
    async with stack.object_store() as store:
        grid = await store.get(result["grid"]["key"])
        frames = [await store.get(frame["key"]) for frame in result["keyframes"]]
    assert hashlib.sha256(grid).hexdigest() == result["grid"]["sha256"]
    assert Image.open(io.BytesIO(grid)).size == (result["grid"]["width"], result["grid"]["height"])
    for frame in frames:
        width, height = Image.open(io.BytesIO(frame)).size
        assert width / height == pytest.approx(720 / 1280, abs=0.01)
    connection = await asyncpg.connect(stack.server.dsn)
    assert await connection.fetchval("SELECT count(*) FROM video.keyframe WHERE job_id = $1", job_id) == 4
    await connection.close()


async def test_kill_9_in_the_middle_of_a_job_doubles_nothing(stack: Stack, clip: bytes) -> None:
    """QStash delivers again, the ledger takes the job over, and rows and objects are there once."""
    payload = VideoProcessing(video_id="v2", source=await upload(stack, clip))
    job_id = await publish(stack, payload)
    await job_when(stack, job_id, "running")
    await stack.supervisor.kill9("video")
    await stack.supervisor.restart("video")

    job = await job_when(stack, job_id, "succeeded", "failed")

    assert job["state"] == "succeeded", job["error"]
    assert (job["deliveries"] >= 2, job["crashes"]) == (True, 1)
    connection = await asyncpg.connect(stack.server.dsn)
    assert await connection.fetchval("SELECT count(*) FROM video.video WHERE job_id = $1", job_id) == 1
    assert await connection.fetchval("SELECT count(*) FROM video.keyframe WHERE job_id = $1", job_id) == 9
    await connection.close()
    wanted = {job["result"]["grid"]["key"], *(frame["key"] for frame in job["result"]["keyframes"])}
    async with stack.object_store() as store:
        assert await store.list_keys(f"videos/{USER}/v2/") == sorted(wanted)


async def test_a_file_that_is_no_video_fails_for_good(stack: Stack) -> None:
    """The dead letters get it at once, with a reason that tells what to do."""
    payload = VideoProcessing(video_id="v3", source=await upload(stack, b"not a video" * 100))
    job_id = await publish(stack, payload)

    job = await job_when(stack, job_id, "succeeded", "failed")

    assert (job["state"], job["deliveries"], job["error"]["retryable"]) == ("failed", 1, False)
    assert job["error"]["code"] in {"media_unreadable", "media_unsupported"}
