"""The status API and the failure callback, over real HTTP on the counting service."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from huntaze_common.secret import Secret
from huntaze_common.testing.signing import signed_headers
from huntaze_common.tokens import make_token

KEY = Secret("status-token-key-of-the-tests-0123456789")


def bearer(user_id: str, **more: object) -> dict[str, str]:
    expires = datetime.now(UTC) + timedelta(minutes=1)
    return {"authorization": f"Bearer {make_token(KEY, user_id=user_id, expires=expires, **more)}"}


@pytest.fixture
async def client(laboratory):
    async with laboratory.worker(STATUS_TOKEN_KEY=KEY.reveal(), WAIT_SECONDS="0") as worker:
        await worker.live()
        base_url = worker.url.removesuffix("/api/workers/alert-checker")
        async with httpx.AsyncClient(base_url=base_url, trust_env=False) as http:
            http.worker = worker
            yield http


async def test_an_owner_sees_a_job_and_nobody_else_does(laboratory, client) -> None:
    await client.worker.deliver(laboratory.job("a"))
    mine = await client.get("/jobs/job-a", headers=bearer("u1"))
    assert mine.status_code == 200
    assert (mine.json()["state"], mine.json()["result"]["fired"]) == ("succeeded", 1)
    assert (await client.get("/jobs/job-a", headers=bearer("u2"))).status_code == 404
    assert (await client.get("/jobs/job-a")).status_code == 401
    assert (await client.get("/jobs/job-a", headers=bearer("ops", operator=True))).status_code == 200
    expired = make_token(KEY, user_id="u1", expires=datetime.now(UTC) - timedelta(seconds=1))
    assert (
        await client.get("/jobs/job-a", headers={"authorization": f"Bearer {expired}"})
    ).status_code == 401


async def test_an_unchanged_job_is_not_sent_again(laboratory, client) -> None:
    await client.worker.deliver(laboratory.job("a"))
    first = await client.get("/jobs/job-a", headers=bearer("u1"))
    again = await client.get("/jobs/job-a", headers={**bearer("u1"), "if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_pages_hold_every_job_once(laboratory, client) -> None:
    for n in range(7):
        await client.worker.deliver(laboratory.job(n))
    seen: list[str] = []
    cursor = None
    while True:
        query = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        page = (await client.get("/jobs", params=query, headers=bearer("u1"))).json()
        seen += [job["jobId"] for job in page["jobs"]]
        if (cursor := page["cursor"]) is None:
            break
    assert seen == [f"job-{n}" for n in reversed(range(7))]
    assert (await client.get("/jobs", headers=bearer("u2"))).json()["jobs"] == []
    assert (await client.get("/jobs?cursor=nonsense", headers=bearer("u1"))).status_code == 400


async def test_a_running_job_is_cancelled_within_a_second(laboratory) -> None:
    async with laboratory.worker(STATUS_TOKEN_KEY=KEY.reveal(), WAIT_SECONDS="60") as worker:
        await worker.live(lease=60)
        delivery = asyncio.create_task(worker.deliver(laboratory.job("a")))
        base_url = worker.url.removesuffix("/api/workers/alert-checker")
        async with httpx.AsyncClient(base_url=base_url, trust_env=False) as http:
            while (await http.get("/jobs/job-a", headers=bearer("u1"))).status_code == 404:
                await asyncio.sleep(0.02)
            began = asyncio.get_running_loop().time()
            answer = await http.post("/jobs/job-a/cancel", headers=bearer("u1"))
            assert answer.json() == {"state": "cancelling"}
            await delivery
            assert asyncio.get_running_loop().time() - began < 1.0
            assert (await http.get("/jobs/job-a", headers=bearer("u1"))).json()["state"] == "cancelled"
            again = await worker.deliver(laboratory.job("a"))
            assert (again.status_code, again.headers["x-job-outcome"]) == (200, "cancelled")
    assert (await laboratory.effects()).rows == 0


async def test_a_given_up_job_is_failed_and_can_be_retried(laboratory, client) -> None:
    """The callback names the dead letter; a retry sends the same body again, under the same job id."""
    body = laboratory.job("a")
    async with laboratory.sql() as connection:
        await client.worker.deliver(body)
        await connection.execute("UPDATE job SET state = 'retry', result = NULL, finished_at = NULL")
        await connection.execute("DELETE FROM effect")
    callback = json.dumps(
        {
            "status": 503,
            "sourceMessageId": "msg_test",
            "url": client.worker.url,
            "retried": 5,
            "maxRetries": 5,
            "dlqId": "1700000000000-0",
            "sourceBody": base64.b64encode(body).decode(),
        }
    ).encode()
    url = str(client.base_url).rstrip("/") + "/callbacks/failure"
    for _ in range(2):
        answer = await client.post(
            "/callbacks/failure", content=callback, headers=signed_headers(callback, url)
        )
        assert answer.status_code == 204
    assert (await client.post("/callbacks/failure", content=callback)).status_code == 415
    job = (await client.get("/jobs/job-a", headers=bearer("u1"))).json()
    assert (job["state"], job["dlqId"], job["error"]["code"]) == ("failed", "1700000000000-0", "given_up")

    assert (await client.post("/jobs/job-a/retry", headers=bearer("u1"))).status_code == 202
    sent = [p for p in laboratory.qstash.published if p.deduplication_id == "job-a-r1"]
    assert [p.body for p in sent] == [body]
    assert (await client.worker.deliver(body)).headers["x-job-outcome"] == "done"
    assert (await client.post("/jobs/job-a/retry", headers=bearer("u1"))).status_code == 409
