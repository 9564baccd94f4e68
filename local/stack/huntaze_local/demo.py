"""`./dev demo`: the four workers on sample data, from a published job to what came of it."""

import asyncio
import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import msgspec
from huntaze_common.publishing import encode_job
from huntaze_common.storage import S3ObjectStore
from huntaze_contracts.alerts import AlertsChecked, CheckAlerts
from huntaze_contracts.base import Payload
from huntaze_contracts.data import AggregateAnalytics, DataProcessed
from huntaze_contracts.registry import WORKERS
from huntaze_contracts.trends import ScrapeQuery, TrendsFound
from huntaze_contracts.video import LinkedVideo, StoredVideo, VideoProcessed, VideoProcessing

from huntaze_local import terminal
from huntaze_local.sample_clip import make_sample_clip
from huntaze_local.stack import Stack

USER = "demo"
PATIENCE = 300.0
"""Seconds that one job may take before the demo gives up."""


class DemoFailed(Exception):
    """A job of the demo did not get done; the message says which and why."""


@dataclass(frozen=True, slots=True)
class _Session:
    """One run of the demo."""

    stack: Stack
    directory: Path
    http: httpx.AsyncClient
    store: S3ObjectStore
    run_id: str

    async def publish(self, worker: str, payload: Payload, name: str) -> str:
        """Publish a job through the official client and return its id."""
        job_id = f"demo-{name}-{self.run_id}"
        body = encode_job(worker, payload, job_id=job_id, user_id=USER, enqueued_at=datetime.now(UTC))
        await self.stack.publisher().publish(worker, body, dedup_id=job_id)
        return job_id

    async def follow(self, worker: str, job_id: str) -> dict[str, Any]:
        """Show a job's progress until it is done, and return it.

        Raises:
            DemoFailed: it failed, or took too long.
        """
        url = f"{self.stack.urls[WORKERS[worker].service]}/jobs/{job_id}"
        give_up = time.monotonic() + PATIENCE
        with terminal.console.status("waiting for the delivery") as status:
            while time.monotonic() < give_up:
                answer = await self.http.get(url, headers={"authorization": f"Bearer {self._token()}"})
                job: dict[str, Any] = {"state": "published"}
                if answer.status_code == 200:
                    job = answer.json()
                match job["state"]:
                    case "succeeded":
                        return job
                    case "failed" | "cancelled":
                        raise DemoFailed(f"job {job_id} {job['state']}: {job['error']['message']}")
                    case state:
                        shown = f"{state} {job.get('stage', '')} {job.get('progress', 0):.0f} %"
                        status.update(shown if state != "published" else "waiting for the delivery")
                await asyncio.sleep(0.1)
        raise DemoFailed(f"job {job_id} was not done after {PATIENCE:.0f} s; see the logs in .dev/data/logs")

    def _token(self) -> str:
        claims = {"sub": USER, "exp": datetime.now(UTC) + timedelta(minutes=5)}
        return jwt.encode(claims, self.stack.status_token_key, algorithm="HS256")


async def run(stack: Stack, directory: Path, *, video: str | None) -> None:
    """Publish one job for each worker, follow them, and show what came of them.

    Raises:
        DemoFailed: a job did not get done.
    """
    directory.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http, stack.object_store() as store:
        session = _Session(stack, directory, http, store, f"{time.time_ns() // 1_000_000:x}")
        grid = await _video(session, video)
        await _trends(session)
        await _data(session)
        await _alerts(session)
    terminal.heading(f"Done in {time.monotonic() - began:.1f} s.")
    terminal.say(f"  the grid of keyframes: {grid}")
    terminal.say("  next: ./dev up            keep it all running and publish jobs of your own")
    terminal.say("        ./dev demo --video PATH_OR_URL")
    terminal.say("        ./dev test          run all tests")


async def _video(session: _Session, video: str | None) -> Path:
    terminal.heading("1. Video: shots, keyframes and a contact sheet")
    source = await _source(session, video)
    payload = VideoProcessing(video_id=f"clip-{session.run_id}", source=source)
    job_id = await session.publish("video-processing", payload, "video")
    job = await session.follow("video-processing", job_id)
    result = msgspec.convert(job["result"], VideoProcessed)
    path = session.directory / f"grid.{result.grid.key.rpartition('.')[2]}"
    path.write_bytes(await session.store.get(result.grid.key))
    terminal.step(
        f"{result.shots} shots in {result.duration_ms / 1000:.1f} s of {result.width} × {result.height};"
        f" {len(result.keyframes)} keyframes in a {result.grid.rows} × {result.grid.cols} grid"
    )
    cuts = [frame for frame in result.keyframes if frame.scene_score is not None]
    times = ", ".join(f"{cut.time_ms / 1000:.1f} s ({cut.scene_score:.2f})" for cut in cuts)
    terminal.say(f"  keyframes at new shots (and the change's score): {times or 'none'}")
    terminal.say(f"  analysis by the model: {result.analysis.status} {result.analysis.reason}".rstrip())
    return path


async def _source(session: _Session, video: str | None) -> StoredVideo | LinkedVideo:
    if video and video.startswith(("http://", "https://")):
        return LinkedVideo(url=video)
    if video:
        path = Path(video)
        if not path.is_file():
            raise DemoFailed(f"there is no file {video}")
    else:
        path = session.directory / "sample.mp4"
        if not path.exists():
            with terminal.console.status("drawing a sample clip"):
                await asyncio.to_thread(make_sample_clip, path)
    data = await asyncio.to_thread(path.read_bytes)
    key = f"uploads/{USER}/{hashlib.sha256(data).hexdigest()[:32]}.mp4"
    await session.store.put(key, data, content_type="video/mp4")
    terminal.step(f"uploaded {path.name} ({len(data) / 1e6:.1f} MB) to the object store")
    return StoredVideo(key=key)


async def _trends(session: _Session) -> None:
    terminal.heading("2. Trends: what rises (sample posts, served by a stand-in of the Apify API)")
    payload = ScrapeQuery(platform="tiktok", value="studio")
    first = await session.publish("content-trends", payload, "trends")
    job = await session.follow("content-trends", first)
    result = msgspec.convert(job["result"], TrendsFound)
    terminal.say(str(result))


async def _data(session: _Session) -> None:
    terminal.heading("3. Data: yesterday in numbers")
    job_id = await session.publish("data-processing", AggregateAnalytics(), "data")
    job = await session.follow("data-processing", job_id)
    result = msgspec.convert(job["result"], DataProcessed)
    terminal.say(str(result))


async def _alerts(session: _Session) -> None:
    terminal.heading("4. Alerts: what somebody should know")
    job_id = await session.publish("alert-checker", CheckAlerts(slot=datetime.now(UTC)), "alerts")
    job = await session.follow("alert-checker", job_id)
    result = msgspec.convert(job["result"], AlertsChecked)
    terminal.say(str(result))
