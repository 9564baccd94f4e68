"""`./dev demo`: the four workers on sample data, from a published job to what came of it."""

import asyncio
import hashlib
import time
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import httpx
import msgspec
from huntaze_common.publishing import encode_job
from huntaze_common.secret import Secret
from huntaze_common.storage import S3ObjectStore
from huntaze_common.tokens import make_token
from huntaze_contracts.alerts import AlertsChecked, CheckAlerts
from huntaze_contracts.base import Payload
from huntaze_contracts.data import AggregateAnalytics, CalculateUserStats, DataProcessed, GenerateReport
from huntaze_contracts.registry import WORKERS
from huntaze_contracts.trends import ScrapeQuery, TrendsFound
from huntaze_contracts.video import LinkedVideo, StoredVideo, VideoProcessed, VideoProcessing

from huntaze_local import terminal
from huntaze_local.sample_clip import make_sample_clip
from huntaze_local.stack import Stack

T = TypeVar("T")
USER = "demo"
REPORTED = "creator-01"
"""The creator with most messages; in Paris, where the day is over when it is in UTC."""
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

    async def publish(self, worker: str, payload: Payload, name: str, *, user_id: str = USER) -> str:
        """Publish a job through the official client and return its id."""
        job_id = f"demo-{name}-{self.run_id}"
        body = encode_job(worker, payload, job_id=job_id, user_id=user_id, enqueued_at=datetime.now(UTC))
        async with aclosing(self.stack.publisher()) as publisher:
            await publisher.publish(worker, body, dedup_id=job_id)
        return job_id

    async def read(self, service: str, path: str) -> dict[str, Any] | None:
        """Read a service's API as an operator; None when it knows no such thing."""
        answer = await self.ask("GET", service, path)
        return answer.json() if answer.status_code == 200 else None

    async def ask(self, method: str, service: str, path: str, body: Any = None) -> httpx.Response:
        """Ask a service's API as an operator who is the demo's user."""
        token = make_token(
            Secret(self.stack.status_token_key),
            user_id=USER,
            expires=datetime.now(UTC) + timedelta(minutes=5),
            operator=True,
        )
        url = self.stack.urls[service] + path
        return await self.http.request(method, url, json=body, headers={"authorization": f"Bearer {token}"})

    async def follow(self, worker: str, job_id: str, kind: type[T]) -> T:
        """Show a job's progress until it is done, and return its result.

        Raises:
            DemoFailed: it failed, or took too long.
        """
        give_up = time.monotonic() + PATIENCE
        with terminal.console.status("waiting for the delivery") as status:
            while time.monotonic() < give_up:
                job = await self.read(WORKERS[worker].service, f"/jobs/{job_id}")
                match job and job["state"]:
                    case "succeeded":
                        return msgspec.convert(job and job["result"], kind)
                    case "failed" | "cancelled":
                        raise DemoFailed(f"job {job_id} failed: {job and job['error']['message']}")
                    case "running":
                        status.update(f"{job and job['stage']} {job and job['progress']:.0f} %")
                    case _:
                        pass
                await asyncio.sleep(0.1)
        logs = self.directory.parent / "logs"
        raise DemoFailed(f"job {job_id} was not done after {PATIENCE:.0f} s; the logs are in {logs}")


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
        chart = await _trends(session)
        report = await _data(session)
        await _alerts(session)
    terminal.heading(f"Done in {time.monotonic() - began:.1f} s.")
    terminal.say(f"  the grid of keyframes: {grid}")
    if chart:
        terminal.say(f"  the trend's chart:     {chart}")
    terminal.say(f"  a creator's report:    {report} (and report.pdf)")
    terminal.say("  next: ./dev up            keep it all running and publish jobs of your own")
    terminal.say("        ./dev demo --video PATH_OR_URL")
    terminal.say("        ./dev test          run all tests")


async def _video(session: _Session, video: str | None) -> Path:
    terminal.heading("1. Video: shots, keyframes and a contact sheet")
    source = await _source(session, video)
    payload = VideoProcessing(video_id=f"clip-{session.run_id}", source=source)
    job_id = await session.publish("video-processing", payload, "video")
    result = await session.follow("video-processing", job_id, VideoProcessed)
    path = session.directory / f"grid.{result.grid.key.rpartition('.')[2]}"
    path.write_bytes(await session.store.get(result.grid.key))
    terminal.step(
        f"{result.shots} shots in {result.duration_ms / 1000:.1f} s of {result.width} × {result.height};"
        f" {len(result.keyframes)} keyframes in a {result.grid.rows} × {result.grid.cols} grid"
    )
    cuts = [frame for frame in result.keyframes if frame.scene_score is not None]
    times = ", ".join(f"{cut.time_ms / 1000:.1f} s ({cut.scene_score:.2f})" for cut in cuts)
    terminal.say(f"  keyframes at new shots (and the change's score): {times or 'none'}")
    reason = f" ({result.analysis.reason})" if result.analysis.reason else ""
    terminal.say(f"  analysis by the model: {result.analysis.status}{reason}")
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


async def _trends(session: _Session) -> Path | None:
    terminal.heading("2. Trends: what rises")
    terminal.say("  sample posts, served by a stand-in of the Apify API; nothing is scraped")
    # Whoever follows a query may see its trends.
    await session.ask("PUT", "trends", "/queries", {"platform": "tiktok", "value": "creators"})
    payload = ScrapeQuery(platform="tiktok", value="creators", max_posts=2000)
    first = await session.follow(
        "content-trends", await session.publish("content-trends", payload, "trends"), TrendsFound
    )
    look = 1
    while True:
        job_id = f"{first.scrape_id}-look-{look}"
        result = await session.follow("content-trends", job_id, TrendsFound)
        if result.status == "analysed":
            break
        look += 1
    terminal.step(f"{result.posts} posts read, {result.quarantined} broken rows set aside")
    for trend in result.trends[:3]:
        terminal.say(f"  #{trend.identifier} is {trend.state}: " + "; ".join(trend.reasons))
    if not result.trends:
        terminal.say("  nothing rises more than chance explains")
        return None
    answer = await session.ask("GET", "trends", f"/trends/{result.trends[0].id}.svg")
    path = session.directory / "trend.svg"
    path.write_bytes(answer.raise_for_status().content)
    return path


async def _data(session: _Session) -> Path:
    terminal.heading("3. Data: a creator's day")
    job_id = await session.publish("data-processing", AggregateAnalytics(), "data")
    result = await session.follow("data-processing", job_id, DataProcessed)
    job_id = await session.publish("data-processing", CalculateUserStats(), "stats")
    await session.follow("data-processing", job_id, DataProcessed)
    terminal.step(
        f"{result.rows_read} messages of {result.users} creators counted, each in its creator's time zone;"
        f" {result.rows_written} rows changed"
    )
    connection = await asyncpg.connect(session.stack.dsn("huntaze_data"))
    try:
        row = await connection.fetchrow(_BUSIEST_DAY)
    finally:
        await connection.close()
    if row:
        rate = "unknown" if row["response_rate"] is None else f"{row['response_rate']:.0f} %"
        terminal.say(
            f"  {row['user_id']} on {row['day']} ({row['time_zone']}): {row['messages_in']} messages from"
            f" fans, {row['messages_out']} answers in {row['active_threads']} chats;"
            f" response rate of the month {rate}"
        )
    return await _report(session)


async def _report(session: _Session) -> Path:
    """Have the report of the last seven days made, and put its files where they can be opened."""
    today = datetime.now(UTC).date()
    first, last = today - timedelta(days=7), today - timedelta(days=1)
    payload = GenerateReport(kind="custom", first=first, last=last)
    job_id = await session.publish("data-processing", payload, "report", user_id=REPORTED)
    report = (await session.follow("data-processing", job_id, DataProcessed)).report
    if report is None:
        raise DemoFailed(f"job {job_id} made no report")
    for file in report.files:
        path = session.directory / f"report.{file.format}"
        path.write_bytes(await session.store.get(file.key))
    terminal.step(f"a report of {len(report.files)} files for {REPORTED}: {report.headline}")
    return session.directory / "report.html"


async def _alerts(session: _Session) -> None:
    terminal.heading("4. Alerts: what somebody should know")
    slot = CheckAlerts(slot=datetime.now(UTC))
    job_id = await session.publish("alert-checker", slot, "alerts")
    result = await session.follow("alert-checker", job_id, AlertsChecked)
    terminal.step(f"{result.rules} rules checked, {result.fired} fired now")
    firing = await session.read("alerts", "/alerts?state=firing&limit=5")
    for alert in (firing or {"alerts": []})["alerts"]:
        value = "" if alert["value"] is None else f" ({alert['value']:.3g})"
        whose = ", ".join([alert["subject"] or "platform", *alert.get("labels", {}).values()])
        terminal.say(f"  {alert['severity']}: {alert['name']}, {whose}{value}")


_BUSIEST_DAY = """
  SELECT d.*, s.response_rate
    FROM daily_stats AS d LEFT JOIN user_stats AS s USING (user_id)
ORDER BY d.day DESC, d.messages_in + d.messages_out DESC, d.user_id
   LIMIT 1
"""
