"""kill -9 of the service at every await of a report: it is made once, with all its files, and told once."""

import os
from collections.abc import Generator
from datetime import UTC, date, datetime

import pytest
from huntaze_common.publishing import encode_job
from huntaze_common.storage import S3ObjectStore
from huntaze_common.testing.killing import Target, Victim, kill_everywhere
from huntaze_contracts.data import GenerateReport

WORKER = "data-processing"


@pytest.fixture(scope="module")
def process() -> Generator[Victim]:
    """The process that lives and dies; its imports are paid once."""
    victim = Victim("huntaze_data.app:SERVICE", path=os.environ.get("PYTHONPATH", ""))
    yield victim
    victim.close()


async def test_kills_at_every_step_of_a_report(world, settings, process, request) -> None:
    values, qstash = settings
    nightly = request.config.getoption("--faults")
    target = Target(process, f"/api/workers/{WORKER}", values)
    first = date(2026, 11, 16)

    def make(n: int) -> bytes:
        report = GenerateReport(first=first)
        return encode_job(WORKER, report, job_id=f"r{n}", user_id=f"u{n}", enqueued_at=datetime.now(UTC))

    # Reports are of the past by the process's own clock, which is the machine's.
    await world.app.execute(
        "INSERT INTO app.users SELECT 'u' || n, 'n', 'UTC', 'en', '2026-01-01Z' FROM generate_series(1, 300) AS n"
    )
    await world.app.execute(
        "INSERT INTO app.transactions SELECT 'p' || n, 'u' || n, 'tip', 10, 'EUR', 'completed', '2026-11-17T12:00Z'"
        "  FROM generate_series(1, 300) AS n"
    )
    record = await kill_everywhere(target, make, every=1 if nightly else 17)
    await target.aclose()

    assert record.lost == 0
    assert record.faults > (20 if nightly else 3)
    await assert_each_is_whole(world, record.jobs)
    # What a killed process was about to send stays in the outbox, under a name that is sent once.
    told = await world.pool.fetch("SELECT dedup_id FROM outbox WHERE worker = 'alert-checker'")
    assert len(told) == record.jobs
    sent = [message.deduplication_id for message in qstash.published]
    assert len(sent) == len(set(sent)) > 0


async def assert_each_is_whole(world, jobs: int) -> None:
    store: S3ObjectStore = world.objects
    reports = await world.pool.fetch("SELECT report_id, user_id, version FROM report")
    assert [row["version"] for row in reports] == [1] * jobs
    for row in reports:
        files = await world.pool.fetch(
            "SELECT key, bytes FROM report_file WHERE report_id = $1", row["report_id"]
        )
        assert sorted(await store.list_keys(f"reports/u-{row['user_id']}/")) == sorted(
            f["key"] for f in files
        )
        assert len(files) == 4
