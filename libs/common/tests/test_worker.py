"""What a worker answers QStash: the table of `huntaze_common.worker`, over real HTTP and PostgreSQL."""

import json
from typing import Any

from huntaze_common.errors import (
    ClaimLost,
    JobCancelled,
    PermanentFailure,
    RateLimited,
    RetryLater,
    UpstreamUnavailable,
)

PATH = "/api/workers/alert-checker"


class Unplayable(PermanentFailure):
    """A failure of a service's own."""

    code = "unplayable"


ANSWERS: list[tuple[Exception, int, str, str, str]] = [
    # What the job raises; the status, code and state that follow; and what its error says.
    (RetryLater("not yet", after=7), 503, "retry_later", "retry", "not yet"),
    (UpstreamUnavailable("store is down", after=7), 503, "upstream_unavailable", "retry", "store is down"),
    (RateLimited("slow down", after=7), 429, "rate_limited", "retry", "slow down"),
    (ClaimLost("taken over", after=7), 503, "claim_lost", "running", ""),
    (ConnectionResetError("canary"), 503, "upstream_unavailable", "retry", "ConnectionResetError"),
    (TimeoutError("canary"), 503, "upstream_unavailable", "retry", "TimeoutError"),
    (Unplayable("no frame"), 489, "unplayable", "failed", "no frame"),
    (JobCancelled("by its owner"), 489, "cancelled", "cancelled", "by its owner"),
    (ZeroDivisionError("canary"), 500, "internal_error", "retry", "ZeroDivisionError"),
]


async def test_each_way_to_fail_has_its_answer(serve: Any) -> None:
    async def fail(_job: Any, run: Any) -> Any:
        raise ANSWERS[int(run.job_id)][0]

    async with serve(fail) as service:
        for number, (error, status, code, state, says) in enumerate(ANSWERS):
            answer = await service.deliver(service.job(str(number)))
            assert (answer.status_code, answer.json()["code"]) == (status, code), error
            assert (answer.headers.get("upstash-nonretryable-error") == "true") == (status == 489)
            assert answer.headers["content-type"] == "application/problem+json"
            row = await service.sql(
                "SELECT state, error ->> 'message' FROM job WHERE job_id = $1", str(number)
            )
            assert row[0][0] == state, error
            assert says in (row[0][1] or "")
            assert "canary" not in f"{answer.text} {row}"
            if isinstance(error, RetryLater):
                # Spread by a quarter, so that what one outage refused does not come back together.
                assert 7 <= int(answer.headers["retry-after"]) <= 9


async def test_a_wait_is_never_longer_than_qstash_heeds(serve: Any) -> None:
    async def fail(_job: Any, _run: Any) -> Any:
        raise RateLimited("next week", after=604_800)

    async with serve(fail) as service:
        answer = await service.deliver(service.job("a"))
    assert answer.headers["retry-after"] == "86400"


WRONG_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"jobId": 7}, "$.jobId"),
    ({"jobId": "has:colon"}, "$.jobId"),
    ({"jobId": None}, "jobId"),
    ({"userId": "a b"}, "$.userId"),
    ({"type": "content-trends"}, "type"),
    ({"schemaVersion": "1"}, "$.schemaVersion"),
    ({"enqueuedAt": "today"}, "$.enqueuedAt"),
    ({"traceContext": {"traceparent": "x"}}, "$.traceContext.traceparent"),
    ({"retries": 3}, "retries"),
    ({"payload": {"action": "check-alerts", "slot": "noon"}}, "$.payload.slot"),
    ({"payload": {"action": "check-alerts", "slots": []}}, "slots"),
    ({"payload": {"action": "check"}}, "$.payload.action"),
    ({"payload": 1}, "$.payload"),
    ({"schedule": {"id": "s", "cron": "* * * * *"}}, "jobId"),
    ({"jobId": None, "schedule": {"id": "s", "cron": "every day"}}, "schedule.cron"),
    ({"jobId": None, "schedule": {"id": "s", "cron": 5}}, "$.schedule.cron"),
]


async def test_what_is_wrong_with_a_body_is_named(service: Any) -> None:
    """Whoever wrote the producer reads this in the dead letter queue."""
    good = json.loads(service.job("a"))
    for changes, field in WRONG_FIELDS:
        answer = await service.deliver(json.dumps({**good, **changes}).encode())
        assert (answer.status_code, answer.json()["code"]) == (489, "payload_invalid"), changes
        assert field in answer.json()["detail"], answer.json()
    assert await service.sql("SELECT FROM job") == []


async def test_what_qstash_cannot_have_sent_is_refused_unread(service: Any) -> None:
    body = service.job("a")
    big = b"x" * 70_000
    cases: list[tuple[int, dict[str, Any]]] = [
        (401, {"content": body, "headers": {"content-type": "application/json"}}),
        (413, {"content": big, "headers": {"content-type": "application/json"}}),
        (413, {"content": in_pieces(big), "headers": {"content-type": "application/json"}}),
        (415, {"content": body, "headers": {"content-type": "text/plain"}}),
        (415, {"content": body}),
        (415, {"content": body, "headers": {"content-type": "application/json", "content-encoding": "gzip"}}),
    ]
    for status, request in cases:
        answer = await service.http.post(PATH, **request)
        assert answer.status_code == status
        assert answer.json()["status"] == status
    assert (await service.http.get(PATH)).headers["allow"] == "POST"
    assert await service.sql("SELECT FROM job") == []


async def in_pieces(body: bytes) -> Any:
    for start in range(0, len(body), 10_000):
        yield body[start : start + 10_000]


async def test_a_job_id_is_for_one_payload(service: Any) -> None:
    """The second one is a mistake of its producer; the first one's result is not its."""
    await service.deliver(service.job("a"))
    answer = await service.deliver(service.job("a", user_id="u2"))
    assert (answer.status_code, answer.json()["code"]) == (489, "payload_conflict")


async def test_a_replay_answers_with_the_first_result(service: Any) -> None:
    first = await service.deliver(service.job("a"))
    again = await service.deliver(service.job("a"))
    assert (first.headers["x-job-outcome"], again.headers["x-job-outcome"]) == ("done", "replayed")
    assert first.content == again.content
