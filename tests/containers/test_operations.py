"""What the operator's guide says, done: schedules, dead letters, a rotation of keys; all through `huntaze`."""

import asyncio
import json
import re
import secrets
from pathlib import Path

from huntaze_contracts.data import CalculateUserStats
from huntaze_contracts.registry import WORKERS
from huntaze_contracts.video import StoredVideo, VideoProcessing
from huntaze_local.sample_clip import make_sample_clip


def new_id(name: str) -> str:
    return f"{name}-{secrets.token_hex(6)}"


def test_schedules_are_applied_once(platform) -> None:
    """The second time, nothing differs; and each carries its worker's flow control."""
    platform.huntaze("schedules apply --yes")
    platform.huntaze("schedules plan")  # its exit code is 3 when something differs
    schedules = platform.qstash("/v2/schedules")
    assert {each["flowControlKey"] for each in schedules} <= set(WORKERS)
    assert all(each["parallelism"] == WORKERS[each["flowControlKey"]].parallelism for each in schedules)


def test_a_dead_letter_is_done_when_its_cause_is_mended(platform, tmp_path: Path) -> None:
    """A clip that was not there yet: given up at once, found in the queue, mended, delivered again, done."""
    job_id = new_id("early")
    source = StoredVideo(key=f"uploads/tests/{job_id}.mp4")
    platform.publish("video-processing", VideoProcessing(video_id=job_id, source=source), job_id)
    platform.finished("video", job_id, state="failed")
    letters = json.loads(platform.huntaze("dlq list --json"))
    (letter,) = [each for each in letters if job_id in json.dumps(each)]

    make_sample_clip(tmp_path / "clip.mp4")

    async def put() -> None:
        async with platform.object_store() as store:
            await store.put(source.key, tmp_path / "clip.mp4", content_type="video/mp4")

    asyncio.run(put())
    platform.huntaze(f"dlq retry {letter['dlqId']} --yes")
    platform.finished("video", job_id, state="succeeded")
    assert letter["dlqId"] not in platform.huntaze("dlq list --json")


def test_signing_keys_are_rotated_without_a_refused_message(platform, tmp_path: Path) -> None:
    """Jobs go on while QStash signs with the next key and the workers are rolled to the new pair."""
    prefix, count = new_id("keys"), 300
    for number in range(count):
        platform.publish("data-processing", CalculateUserStats(), f"{prefix}-{number}", flow="parallelism=1")
    platform.finished("data", prefix, count=10)

    platform.huntaze("keys rotate --yes --write /files/new.env", files=tmp_path)
    for name, value in re.findall(r"^(\w+)=(.+)$", (tmp_path / "new.env").read_text(), re.MULTILINE):
        (platform.secrets / name.lower()).write_text(value)
    for service in ("data", "video", "trends", "alerts"):
        platform.roll(service, "test")

    jobs = platform.finished("data", prefix, count=count)
    assert {job["state"] for job in jobs} == {"succeeded"}
    states = json.loads(platform.huntaze("keys status --json"))["deployed"]
    assert {each["keys"] for each in states} == {"current"}
    assert {each["job_id"] for each in jobs} == {f"{prefix}-{number}" for number in range(count)}
    assert refused(platform) == []


def refused(platform) -> list[str]:
    """Return the messages that a worker did not believe, from QStash's own log."""
    found: list[str] = []
    parameters: dict[str, object] = {"count": 1000}
    while True:
        page = platform.qstash("/v2/events", **parameters)
        found += [each["messageId"] for each in page["events"] if each.get("responseStatus") == 401]
        if not page.get("cursor"):
            return found
        parameters["cursor"] = page["cursor"]
