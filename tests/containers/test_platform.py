"""The main jobs and the contract of the endpoint, through the images that would be deployed."""

import asyncio
import hashlib
import json
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import httpx
import numpy
import pytest
from huntaze_contracts.alerts import CheckAlerts
from huntaze_contracts.base import Payload
from huntaze_contracts.data import AggregateAnalytics
from huntaze_contracts.registry import WORKERS
from huntaze_contracts.trends import ScrapeQuery
from huntaze_contracts.video import StoredVideo, VideoProcessing
from huntaze_local.sample_clip import make_sample_clip

ROOT = Path(__file__).resolve().parents[2]


def upload(platform, path: Path) -> StoredVideo:
    """Put a clip into the platform's object store, where the web application would put it."""
    key = f"uploads/tests/{hashlib.sha256(path.read_bytes()).hexdigest()}.mp4"

    async def put() -> None:
        async with platform.object_store() as store:
            await store.put(key, path.read_bytes(), content_type="video/mp4")

    asyncio.run(put())
    return StoredVideo(key=key)


@pytest.fixture(scope="module")
def source(platform, tmp_path_factory: pytest.TempPathFactory) -> StoredVideo:
    """The demo's sample clip."""
    path = tmp_path_factory.mktemp("clip") / "sample.mp4"
    make_sample_clip(path)
    return upload(platform, path)


@pytest.fixture(scope="module")
def short(platform, tmp_path_factory: pytest.TempPathFactory) -> StoredVideo:
    """Two seconds with one cut, so that hundreds of jobs take minutes and not hours."""
    path = tmp_path_factory.mktemp("clip") / "short.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("h264", rate=10, width=160, height=90, pix_fmt="yuv420p")
        for number in range(20):
            shade = 40 if number < 10 else 200
            frame = av.VideoFrame.from_ndarray(numpy.full((90, 160, 3), shade, numpy.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return upload(platform, path)


def new_id(name: str) -> str:
    return f"{name}-{secrets.token_hex(6)}"


def test_a_video_becomes_a_grid(platform, source: StoredVideo) -> None:
    """Published, signed, delivered, decoded in a read-only container without privileges, and stored."""
    job_id = new_id("video")
    platform.publish("video-processing", VideoProcessing(video_id=job_id, source=source), job_id)
    (job,) = platform.finished("video", job_id)
    assert job["state"] == "succeeded", job["error"]
    assert json.loads(job["result"])["shots"] == 8


@pytest.mark.parametrize(
    ("worker", "payload"),
    [
        ("content-trends", ScrapeQuery(platform="tiktok", value="creators", max_posts=200)),
        ("data-processing", AggregateAnalytics()),
        ("alert-checker", CheckAlerts(slot=datetime.now(UTC))),
    ],
)
def test_the_other_workers_do_their_main_job(platform, worker: str, payload: Payload) -> None:
    """Each with its own role of the database and its own secrets."""
    job_id = new_id(worker)
    platform.publish(worker, payload, job_id)
    (job,) = platform.finished(WORKERS[worker].service, job_id)
    assert job["state"] == "succeeded", job["error"]


@pytest.mark.parametrize("worker", WORKERS)
def test_an_endpoint_refuses_what_qstash_did_not_sign(platform, worker: str) -> None:
    """The same answers as without a container around it."""
    url = platform.url(WORKERS[worker].service)
    path = WORKERS[worker].path
    headers = {"content-type": "application/json"}
    assert httpx.post(url + path, content=b"{}", headers=headers).status_code == 401
    headers["upstash-signature"] = "a.b.c"
    assert httpx.post(url + path, content=b"{}", headers=headers).status_code == 401
    assert httpx.get(url + path).status_code == 405
    assert httpx.get(f"{url}/jobs/x").status_code == 401
    assert httpx.get(f"{url}/metrics").status_code == 401
    assert "jobs_total" in httpx.get(f"{url}/metrics", headers=platform.operator()).text
    assert httpx.get(f"{url}/readyz").json() == {"status": "ready"}


def test_a_killed_worker_loses_and_doubles_nothing(platform, source: StoredVideo) -> None:
    """kill -9 in the middle of a job, and the container starts again."""
    job_id = new_id("killed")
    platform.publish("video-processing", VideoProcessing(video_id=job_id, source=source), job_id)
    while not platform.query("SELECT 1 FROM video.job WHERE job_id = $1 AND state = 'running'", job_id):
        pass
    platform.compose("kill --signal KILL video")
    platform.compose("up --detach --no-deps --wait video")
    (job,) = platform.finished("video", job_id)
    assert (job["state"], job["crashes"]) == ("succeeded", 1), job["error"]
    assert len(platform.query("SELECT 1 FROM video.video WHERE job_id = $1", job_id)) == 1


def test_jobs_outlive_a_restart_of_the_database(platform, short: StoredVideo) -> None:
    """Ten jobs are under way when the server goes; deliveries are refused until it is back, and none is lost."""
    prefix = new_id("restart")
    for number in range(10):
        job_id = f"{prefix}-{number}"
        payload = VideoProcessing(video_id=job_id, source=short)
        platform.publish("video-processing", payload, job_id, flow="parallelism=2")
    while not platform.query("SELECT 1 FROM video.job WHERE starts_with(job_id, $1)", prefix):
        pass
    platform.compose("restart postgres")
    jobs = platform.finished("video", prefix, count=10)
    assert {job["state"] for job in jobs} == {"succeeded"}
    rows = platform.query("SELECT job_id FROM video.video WHERE starts_with(job_id, $1)", prefix)
    assert len(rows) == len({row["job_id"] for row in rows}) == 10


def test_a_worker_is_rolled_to_a_new_version_under_load(platform, short: StoredVideo) -> None:
    """200 jobs while the container changes: lost 0, duplicate effects 0; the other workers don't notice."""
    prefix, count = new_id("roll"), 200
    others = {name: platform.compose(f"ps --quiet {name}") for name in ("trends", "data", "alerts")}
    began = datetime.now(UTC)
    for number in range(count):
        job_id = f"{prefix}-{number}"
        payload = VideoProcessing(video_id=job_id, source=short)
        platform.publish("video-processing", payload, job_id, flow="parallelism=2")
    platform.finished("video", prefix, count=10)
    platform.roll("video", "next")
    during = len(
        platform.query(
            "SELECT 1 FROM video.job WHERE starts_with(job_id, $1) AND finished_at IS NOT NULL", prefix
        )
    )
    jobs = platform.finished("video", prefix, count=count, seconds=600)
    rows = platform.query("SELECT job_id FROM video.video WHERE starts_with(job_id, $1)", prefix)
    took = datetime.now(UTC) - began
    print(
        f"{count} jobs in {took / timedelta(seconds=1):.0f} s; {during} were done when the old container was gone;"
        f" lost {count - len(jobs)}, duplicate effects {len(rows) - len({row['job_id'] for row in rows})},"
        f" deliveries {sum(job['deliveries'] for job in jobs)}, crashes {sum(job['crashes'] for job in jobs)}"
    )
    assert during < count
    assert {job["state"] for job in jobs} == {"succeeded"}
    assert len(rows) == len({row["job_id"] for row in rows}) == count
    assert ":next" in platform.compose("ps video")
    assert others == {name: platform.compose(f"ps --quiet {name}") for name in others}
