"""The failure callback against strange ones; what it is for is in tests/faults/test_status_api.py."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

PATH = "/callbacks/failure"


def callback(source_body: bytes, **changes: Any) -> bytes:
    content = {
        "status": 503,
        "header": {"Retry-After": ["7"]},
        "body": "",
        "sourceMessageId": "msg_test",
        "url": "https://alerts.example/api/workers/alert-checker",
        "retried": 5,
        "maxRetries": 5,
        "dlqId": "dlq-1",
        "sourceBody": base64.b64encode(source_body).decode(),
        **changes,
    }
    return json.dumps(content).encode()


def scheduled(body: bytes) -> bytes:
    envelope = json.loads(body)
    del envelope["jobId"]
    return json.dumps({**envelope, "schedule": {"id": "alerts", "cron": "*/5 * * * *"}}).encode()


async def states(service: Any) -> list[tuple[str, str | None]]:
    return [tuple(row) for row in await service.sql("SELECT state, dlq_id FROM job")]


async def test_what_is_no_callback_goes_to_the_dead_letters_itself(service: Any) -> None:
    good = service.job("a")
    bodies = [
        b"",
        b"{",
        b"[]",
        b'{"status": 500}',
        callback(b""),
        callback(b"not an envelope"),
        callback(good[:-1]),
        callback(good, sourceBody="%%%"),
        callback(good, sourceBody="é"),
        callback(good, sourceBody=7),
        callback(good, status="503"),
        callback(b"[" * 50_000),
        callback(good, createdAt=10**16),
        callback(good, createdAt="today"),
    ]
    for body in bodies:
        answer = await service.deliver(body, PATH)
        assert (answer.status_code, answer.json()["code"]) == (489, "payload_invalid"), body[:80]


async def test_nobody_but_qstash_gives_up_a_job(service: Any) -> None:
    """Also not somebody who has a good signature for another endpoint or body."""
    await service.deliver(service.job("a"))
    await service.sql("UPDATE job SET state = 'retry'")
    body = callback(service.job("a"))
    elsewhere = {"claims": {"sub": f"{service.http.base_url}/api/workers/alert-checker"}}
    for wrong in ({"key": "sig_other_" + "o" * 32}, elsewhere, {"claims": {"body": "x"}}, {"at": 1_000_000}):
        assert (await service.deliver(body, PATH, **wrong)).status_code == 401
    assert await states(service) == [("retry", None)]


async def test_a_job_that_never_arrived_is_recorded(service: Any) -> None:
    """Where the service was down for all deliveries, only this tells the job's owner what became of it."""
    assert (await service.deliver(callback(service.job("unseen")), PATH)).status_code == 204
    [row] = await service.sql("SELECT state, dlq_id, deliveries, epoch, error ->> 'code' FROM job")
    assert tuple(row) == ("failed", "dlq-1", 0, 0, "given_up")

    # Retried from the dead letters it is an ordinary first delivery.
    assert (await service.deliver(service.job("unseen"))).headers["x-job-outcome"] == "done"
    [row] = await service.sql("SELECT state, deliveries, epoch, error FROM job")
    assert tuple(row) == ("succeeded", 1, 1, None)


async def test_a_payload_that_never_fitted_binds_its_id_to_nothing(service: Any) -> None:
    """The message may be mended in the dead letters, or be from a newer producer than the service then was."""
    envelope = json.loads(service.job("a"))
    broken = json.dumps({**envelope, "payload": {"action": "of-tomorrow"}}).encode()
    assert (await service.deliver(broken)).status_code == 489
    assert (await service.deliver(callback(broken, status=489, retried=0), PATH)).status_code == 204
    assert await states(service) == [("failed", "dlq-1")]

    assert (await service.deliver(service.job("a"))).headers["x-job-outcome"] == "done"
    other = service.job("a").replace(b'"u1"', b'"u2"')
    assert (await service.deliver(other)).json()["code"] == "payload_conflict"


@pytest.mark.parametrize("quoted", [False, True])
async def test_a_slot_that_never_arrived_is_named_by_when_its_message_was_made(
    service: Any, quoted: bool
) -> None:
    created: Any = int(datetime(2026, 11, 23, 10, 5, 1, tzinfo=UTC).timestamp() * 1000)
    body = scheduled(service.job("unused"))
    made = str(created) if quoted else created
    assert (await service.deliver(callback(body, createdAt=made), PATH)).status_code == 204
    [row] = await service.sql("SELECT job_id, schedule_id, state FROM job")
    assert tuple(row) == ("alerts.20261123T1005Z", "alerts", "failed")


async def test_a_job_that_finished_meanwhile_stays_done(service: Any) -> None:
    """Its last answer may have been lost on the way, and QStash have given up what was done."""
    await service.deliver(service.job("a"))
    assert (await service.deliver(callback(service.job("a")), PATH)).status_code == 204
    assert await states(service) == [("succeeded", None)]


async def test_a_job_that_runs_elsewhere_is_not_given_up(service: Any) -> None:
    await service.deliver(service.job("a"))
    await service.sql(
        "UPDATE job SET state = 'running', lease_until = clock_timestamp() + interval '1 minute'"
    )
    await service.deliver(callback(service.job("a")), PATH)
    assert await states(service) == [("running", None)]


async def test_a_slot_of_a_schedule_is_found_by_its_message(service: Any) -> None:
    """The body of a schedule names no job: the message that filled the slot does."""
    body = scheduled(service.job("unused"))
    await service.deliver(body, message_id="msg_slot")
    await service.sql("UPDATE job SET state = 'retry'")

    await service.deliver(callback(body, sourceMessageId="msg_other"), PATH)
    assert await states(service) == [("retry", None)]
    await service.deliver(callback(body, sourceMessageId="msg_slot"), PATH)
    assert await states(service) == [("failed", "dlq-1")]


async def test_a_reason_that_is_known_is_kept(service: Any) -> None:
    """The job's own error tells more than that it was given up."""
    await service.deliver(service.job("a"))
    await service.sql("""UPDATE job SET state = 'failed', error = '{"code": "unplayable"}'""")
    await service.deliver(callback(service.job("a"), status=489), PATH)
    [row] = await service.sql("SELECT error ->> 'code', dlq_id FROM job")
    assert tuple(row) == ("unplayable", "dlq-1")
