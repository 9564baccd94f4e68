"""kill -9 of the service at every await of a start: each query is scraped, and each scrape is paid for, once."""

import os
from collections import Counter
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any

import pytest
from huntaze_common.publishing import encode_job
from huntaze_common.testing.killing import Target, Victim, kill_everywhere
from huntaze_common.testing.recording import recording_qstash
from huntaze_common.testing.signing import KEY, NEXT_KEY
from huntaze_contracts.trends import ScrapeQuery

WORKER = "content-trends"


@pytest.fixture(scope="module")
def process() -> Generator[Victim]:
    """The process that lives and dies; its imports are paid once."""
    victim = Victim("huntaze_trends.app:SERVICE", path=os.environ.get("PYTHONPATH", ""))
    yield victim
    victim.close()


def scrape(n: int) -> bytes:
    query = ScrapeQuery(platform="tiktok", value=f"tag{n}")
    return encode_job(WORKER, query, job_id=f"j{n}", user_id=f"u{n}", enqueued_at=datetime.now(UTC))


async def test_kills_at_every_step_of_a_start(
    dsn: str, pool: Any, process: Victim, apify: Any, request: pytest.FixtureRequest
) -> None:
    nightly = request.config.getoption("--faults")
    with recording_qstash() as qstash:
        settings = {
            "ENVIRONMENT": "development",
            "DATABASE_URL": dsn,
            "QSTASH_URL": qstash.url,
            "QSTASH_TOKEN": "token",
            "QSTASH_CURRENT_SIGNING_KEY": KEY,
            "QSTASH_NEXT_SIGNING_KEY": NEXT_KEY,
            "APIFY_TOKEN": "test-token",
            "APIFY_API_URL": apify.url,
        }
        target = Target(process, f"/api/workers/{WORKER}", settings)
        record = await kill_everywhere(target, scrape, every=1 if nightly else 11)
        await target.aclose()

    assert record.lost == 0
    assert record.faults > (30 if nightly else 3)
    paid = Counter(run.input["hashtags"][0] for run in apify.runs)
    assert (len(paid), set(paid.values())) == (record.jobs, {1})
    assert await pool.fetchval("SELECT count(*) FROM scrape") == record.jobs
    looks = await pool.fetch("SELECT dedup_id FROM outbox")
    assert len(looks) == record.jobs
