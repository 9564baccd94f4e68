"""F19: the local QStash is killed while it delivers; every accepted publish is delivered."""

import asyncio
import secrets
from contextlib import aclosing
from datetime import UTC, datetime

import asyncpg
import pytest
from huntaze_common.publishing import encode_job
from huntaze_contracts.data import CalculateUserStats
from huntaze_local.stack import Stack

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    # On a busy machine the HTTP client below the official QStash client can lose a socket while it connects.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


async def test_what_the_broker_took_is_delivered_after_its_death(stack: Stack) -> None:
    """Twenty jobs are accepted, the broker dies with some of them in flight, and each is done once."""
    names = [f"stats-{secrets.token_hex(6)}" for _ in range(20)]
    async with aclosing(stack.publisher()) as publisher:
        for name in names:
            body = encode_job(
                "data-processing",
                CalculateUserStats(),
                job_id=name,
                user_id=None,
                enqueued_at=datetime.now(UTC),
            )
            await publisher.publish("data-processing", body, dedup_id=name)
    await stack.supervisor.kill9("qstash")
    await stack.supervisor.restart("qstash")

    connection = await asyncpg.connect(stack.server.dsn)
    done = "SELECT count(*) FROM data.job WHERE job_id = ANY($1) AND state = 'succeeded'"
    while await connection.fetchval(done, names) < len(names):
        await asyncio.sleep(0.1)
    assert await connection.fetchval("SELECT max(epoch) FROM data.job WHERE job_id = ANY($1)", names) == 1
    await connection.close()
