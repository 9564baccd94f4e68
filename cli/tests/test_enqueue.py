"""Enqueuing against a real local QStash: typed flags or JSON, checked before anything is sent."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from qstash import QStash

Huntaze = Callable[..., Any]
VIDEO = ("enqueue", "video-processing", "--video-id", "v1", "--source.key", "uploads/v1.mp4")


def sent(qstash: QStash, ran: Any) -> Any:
    """The message as QStash holds it."""
    return qstash.message.get(ran.data["messageId"])


def test_flags_make_the_payload(huntaze: Huntaze, qstash: QStash) -> None:
    ran = huntaze("--json", *VIDEO, "--grid-layout.rows", "2", "--user", "u1", "--delay", "1h")
    assert ran.code == 0, ran.err
    message = sent(qstash, ran)
    envelope = json.loads(message.body)
    assert envelope["payload"]["source"] == {"kind": "object", "key": "uploads/v1.mp4"}
    assert envelope["payload"]["gridLayout"] == {"rows": 2, "cols": 3}
    assert (envelope["jobId"], envelope["userId"]) == (ran.data["jobId"], "u1")
    assert message.url.endswith("/api/workers/video-processing")
    assert message.failure_callback.endswith("/callbacks/failure")
    assert message.not_before - message.created_at == 3_600_000
    assert (message.flow_control.key, message.flow_control.parallelism) == ("video-processing", 10)


def test_json_comes_from_an_argument_or_a_file_and_flags_win(
    huntaze: Huntaze, qstash: QStash, tmp_path: Path
) -> None:
    file = tmp_path / "job.json"
    file.write_text('{"action": "cleanup-old-data", "dryRun": false}')
    shown = huntaze("--json", "enqueue", "data-processing", "cleanup-old-data", "--dry-run", "--print")
    assert shown.data["body"]["payload"]["dryRun"] is True
    ran = huntaze(
        "--json", "enqueue", "data-processing", "cleanup-old-data", "--payload", f"@{file}", "--force"
    )
    assert json.loads(sent(qstash, ran).body)["payload"]["force"] is True
    whole = huntaze("--json", "enqueue", "data-processing", "--payload", file.read_text())
    assert json.loads(sent(qstash, whole).body)["payload"]["dryRun"] is False


def test_an_instant_and_options_reach_qstash(huntaze: Huntaze, qstash: QStash) -> None:
    at = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)
    callback = "http://127.0.0.1:9/done"
    ran = huntaze("--json", *VIDEO, "--at", at.isoformat(), "--retries", "7", "--callback", callback)
    message = sent(qstash, ran)
    assert message.not_before == at.timestamp() * 1000
    assert (message.max_retries, message.callback) == (7, callback)


def test_the_same_job_id_is_sent_once(huntaze: Huntaze) -> None:
    first = huntaze("--json", *VIDEO, "--job-id", "once", "--delay", "1h")
    again = huntaze("--json", *VIDEO, "--job-id", "once", "--delay", "1h")
    assert again.data["messageId"] == first.data["messageId"]
    assert again.data["deduplicated"]
    assert "nothing new was sent" in again.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((*VIDEO, "--grid-layout.rows", "9"), "--grid-layout.rows"),
        (("enqueue", "video-processing", "--source.key", "x"), "--video-id"),
        ((*VIDEO, "--source.url", "https://x.example.com/v.mp4"), "source"),
        ((*VIDEO, "--job-id", "a:b"), "must not contain ':'"),
        ((*VIDEO, "--delay", "soon"), "--delay"),
        ((*VIDEO, "--at", "2030-01-01T00:00:00"), "time zone"),
        ((*VIDEO, "--at", "2020-01-01T00:00:00Z"), "in the past"),
        ((*VIDEO, "--at", "2030-01-01T00:00:00Z", "--delay", "1h"), "exclude"),
        ((*VIDEO, "--callback", "example.com/x"), "Write https://example.com/x"),
        ((*VIDEO, "--callback", "https%3A%2F%2Fexample.com"), "percent-encoded"),
        (("enqueue", "data-processing", "--payload", "{"), "no JSON object"),
        (("enqueue", "data-processing", "--payload", '{"action":"x"}'), "Invalid value 'x'"),
        (("enqueue", "data-processing", "--payload", "@/nowhere/x"), "cannot be read"),
    ],
)
def test_mistakes_are_told_before_anything_is_sent(
    huntaze: Huntaze, qstash: QStash, arguments: tuple[str, ...], told: str
) -> None:
    ran = huntaze(*arguments)
    assert ran.code == 2
    assert told in ran.err
    assert qstash.http.request(path="/v2/events", method="GET")["events"] == []


@pytest.mark.parametrize(
    ("urls", "told"),
    [
        ("video-processing=http://localhost:8001", "no public address"),
        ("video-processing=http://127.0.0.1:8001", "no public address"),
        ("video-processing=http://[::1]:8001", "no public address"),
        ("video-processing=https://10.0.0.7", "no public address"),
        ("video-processing=http://web:8000", "no public address"),
        ("video-processing=video.example.com", "write name=https://"),
        ("content-trends=https://trends.example.com", "does not say where video-processing is"),
    ],
)
def test_addresses_that_upstash_cannot_reach_are_refused(offline: Huntaze, urls: str, told: str) -> None:
    ran = offline(*VIDEO, QSTASH_URL="https://qstash.upstash.io", QSTASH_TOKEN="none", WORKER_URLS=urls)
    assert ran.code == 2
    assert told in ran.err


def test_a_wrong_token_and_a_server_that_is_not_there_are_explained(huntaze: Huntaze) -> None:
    refused = huntaze(*VIDEO, QSTASH_TOKEN="secret-and-wrong")
    assert (refused.code, "check QSTASH_TOKEN" in refused.err) == (4, True)
    assert "secret-and-wrong" not in refused.err
    assert huntaze(*VIDEO, QSTASH_URL="http://127.0.0.1:9").code == 4
    path = huntaze(*VIDEO, QSTASH_URL="https://qstash.upstash.io/v2/publish")
    assert (path.code, "without /v2/publish" in path.err) == (2, True)
