"""The status API against strange requests; what it is for is in tests/faults/test_status_api.py."""

import base64
import json
import time
from typing import Any


def cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


async def test_a_job_that_cannot_be_is_not_there(service: Any) -> None:
    for name in ("nobody", "%00", "a%00b", "a%20b", "%ff", "a" * 161, "%2e%2e", "'--", "a:b", "a%2fb"):
        for method, action in (("GET", ""), ("POST", "/cancel"), ("POST", "/retry")):
            answer = await service.http.request(method, f"/jobs/{name}{action}", headers=service.bearer())
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), name
            assert answer.headers["content-type"] == "application/problem+json"


WRONG_QUERIES = [
    ("state=lost", "invalid_query"),
    ("limit=0", "invalid_query"),
    ("limit=101", "invalid_query"),
    ("limit=ten", "invalid_query"),
    ("limit=" + "9" * 30, "invalid_query"),
    ("cursor=x", "bad_cursor"),
    ("cursor=" + "x" * 600, "invalid_query"),
    ("cursor=" + cursor(["2026-01-01T00:00:00Z"]), "bad_cursor"),
    ("cursor=" + cursor(["2026-01-01T00:00:00", "a"]), "bad_cursor"),
    ("cursor=" + cursor(["2026-01-01T00:00:00Z", "a\x00"]), "bad_cursor"),
    ("cursor=" + cursor(["2026-01-01T00:00:00Z", 7]), "bad_cursor"),
    ("cursor=é", "bad_cursor"),
]


async def test_a_wrong_query_is_named(service: Any) -> None:
    for query, code in WRONG_QUERIES:
        answer = await service.http.get(f"/jobs?{query}", headers=service.bearer())
        assert (answer.status_code, answer.json()["code"]) == (400, code), query
        assert answer.headers["content-type"] == "application/problem+json"
        assert query.partition("=")[0] in answer.json()["detail"]


async def test_a_cursor_may_be_as_old_as_time(service: Any) -> None:
    for instant in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59"):
        answer = await service.http.get(
            "/jobs", params={"cursor": cursor([instant, "a"])}, headers=service.bearer()
        )
        assert answer.status_code in {200, 400}


async def test_a_filter_finds_its_state_only(service: Any) -> None:
    await service.deliver(service.job("a"))
    for state, found in (("succeeded", ["a"]), ("failed", [])):
        answer = await service.http.get(f"/jobs?state={state}", headers=service.bearer())
        assert [job["jobId"] for job in answer.json()["jobs"]] == found


async def test_without_a_token_there_is_nothing_to_see(service: Any) -> None:
    await service.deliver(service.job("a"))
    for method, path in (
        ("GET", "/jobs/a"),
        ("GET", "/jobs"),
        ("POST", "/jobs/a/cancel"),
        ("POST", "/jobs/a/retry"),
    ):
        answer = await service.http.request(method, path)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.json()["code"] == "unauthorized"


async def test_a_job_of_another_user_is_not_there_to_change(service: Any) -> None:
    await service.deliver(service.job("a"))
    await service.sql("UPDATE job SET state = 'failed'")
    for action in ("cancel", "retry"):
        answer = await service.http.post(f"/jobs/a/{action}", headers=service.bearer("u2"))
        assert answer.status_code == 404
    assert [row["state"] for row in await service.sql("SELECT state FROM job")] == ["failed"]


async def test_a_finished_job_is_not_cancelled(service: Any) -> None:
    await service.deliver(service.job("a"))
    answer = await service.http.post("/jobs/a/cancel", headers=service.bearer())
    assert (answer.status_code, answer.json()["code"]) == (409, "not_cancellable")


async def test_a_job_that_waits_is_cancelled_at_once_and_may_be_retried(service: Any) -> None:
    await service.deliver(service.job("a"))
    await service.sql("UPDATE job SET state = 'retry', finished_at = NULL")
    waiting = await service.http.get("/jobs/a", headers=service.bearer())
    assert waiting.headers["retry-after"] == "2"

    cancelled = await service.http.post("/jobs/a/cancel", headers=service.bearer())
    assert cancelled.json() == {"state": "cancelled"}
    assert (await service.http.post("/jobs/a/retry", headers=service.bearer())).status_code == 202
    assert (await service.http.get("/jobs/a", headers=service.bearer())).json()["state"] == "queued"


async def test_two_retries_are_two_messages(service: Any) -> None:
    """A retry of a retry must not be taken for the first one by the queue's deduplication."""
    await service.deliver(service.job("a"))
    for _ in range(2):
        await service.sql("UPDATE job SET state = 'failed'")
        await service.http.post("/jobs/a/retry", headers=service.bearer())
    sent = [message.deduplication_id for message in service.qstash.published]
    assert sent == ["a-next", "a-r1", "a-r2"]


async def test_a_retry_is_kept_while_the_queue_is_down(service: Any) -> None:
    await service.deliver(service.job("a"))
    await service.sql("UPDATE job SET state = 'failed'")
    service.qstash.status = 503
    assert (await service.http.post("/jobs/a/retry", headers=service.bearer())).status_code == 202
    waiting = await service.sql("SELECT dedup_id FROM outbox WHERE sent_at IS NULL")
    assert [row["dedup_id"] for row in waiting] == ["a-r1"]


async def test_what_the_reader_has_is_not_sent_again(service: Any) -> None:
    await service.deliver(service.job("a"))
    etag = (await service.http.get("/jobs/a", headers=service.bearer())).headers["etag"]
    for header in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        answer = await service.http.get("/jobs/a", headers={**service.bearer(), "if-none-match": header})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    for header in ('"x"', "", etag.strip('"')):
        answer = await service.http.get("/jobs/a", headers={**service.bearer(), "if-none-match": header})
        assert answer.status_code == 200


async def test_what_is_not_offered_is_a_problem_too(service: Any) -> None:
    for method, path, status in (
        ("PUT", "/jobs/a", 405),
        ("GET", "/nothing", 404),
        ("GET", "/jobs/a/retry", 405),
    ):
        answer = await service.http.request(method, path, headers=service.bearer())
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_bug_tells_nothing_of_itself(service: Any) -> None:
    await service.sql("ALTER TABLE job RENAME COLUMN stage TO canary")
    answer = await service.http.get("/jobs/a", headers=service.bearer())
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "stage" not in answer.text


async def test_a_retried_slot_of_a_schedule_stays_that_slot(service: Any) -> None:
    """A schedule's message names no slot: sent again hours later, it would stand for another one."""
    envelope = json.loads(service.job("unused"))
    del envelope["jobId"]
    body = json.dumps({**envelope, "schedule": {"id": "alerts", "cron": "*/5 * * * *"}}).encode()
    await service.deliver(body, at=time.time())
    [row] = await service.sql("UPDATE job SET state = 'failed', result = NULL RETURNING job_id")
    await service.sql("DELETE FROM effect")

    await service.http.post(f"/jobs/{row['job_id']}/retry", headers=service.bearer("ops", operator=True))
    again = service.qstash.published[-1]
    assert again.deduplication_id == f"{row['job_id']}-r1"
    assert json.loads(again.body)["jobId"] == row["job_id"]
    assert (await service.deliver(again.body)).headers["x-job-outcome"] == "done"
    assert [effect["job_id"] for effect in await service.sql("SELECT job_id FROM effect")] == [row["job_id"]]
