"""A report goes from QStash through the data service into the store, and its link into the user's inbox."""

import asyncio
import secrets
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from huntaze_common.publishing import encode_job
from huntaze_common.secret import Secret
from huntaze_common.tokens import make_token
from huntaze_contracts.data import GenerateReport
from huntaze_local.stack import Stack

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    # On a busy machine the HTTP client below the official QStash client can lose a socket while it connects.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
USER = "creator-03"


async def test_a_report_is_made_and_its_user_told(stack: Stack) -> None:
    """Both services run for themselves and meet through a message; the link is made when it is read."""
    job_id = f"report-{secrets.token_hex(6)}"
    body = encode_job(
        "data-processing", GenerateReport(), job_id=job_id, user_id=USER, enqueued_at=datetime.now(UTC)
    )
    async with aclosing(stack.publisher()) as publisher:
        await publisher.publish("data-processing", body, dedup_id=job_id)
    token = make_token(
        Secret(stack.status_token_key), user_id=USER, expires=datetime.now(UTC) + timedelta(minutes=5)
    )
    async with httpx.AsyncClient(trust_env=False, headers={"authorization": f"Bearer {token}"}) as client:
        message = await told(client, stack.urls["alerts"])
        entries = (await client.get(f"{stack.urls['data']}/reports")).json()["reports"]
    async with httpx.AsyncClient(trust_env=False) as anybody:
        page = await anybody.get(message["links"][0]["url"])
    assert message["title"].startswith("Your weekly report: ")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert [each["headline"] + "." in page.text for each in entries] == [True]


async def told(client: httpx.AsyncClient, alerts: str) -> dict[str, Any]:
    """Wait for the first message in the inbox; the test's time limit ends it."""
    while True:
        answer = await client.get(f"{alerts}/inbox")
        for entry in answer.json()["entries"]:
            return entry["item"]
        await asyncio.sleep(0.05)
