"""F1: kill -9 at every await of a job. Nothing is lost, nothing happens twice."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from huntaze_common.postgres import migrate
from huntaze_common.publishing import encode_job
from huntaze_common.testing import counting
from huntaze_common.testing.killing import Victim, kill_everywhere, victim
from huntaze_common.testing.recording import RecordingQStash, recording_qstash
from huntaze_common.testing.signing import KEY, NEXT_KEY
from huntaze_contracts.alerts import CheckAlerts


@pytest.fixture
async def schema(database: str) -> str:
    """The address of a database with the counting service's schema."""
    connection = await asyncpg.connect(database)
    await connection.execute("CREATE SCHEMA counting")
    name = database.rpartition("/")[2]
    await connection.execute(f"ALTER DATABASE {name} SET search_path = counting")
    await connection.close()
    await migrate(database, "huntaze_common.testing", schema="counting")
    connection = await asyncpg.connect(database)
    await connection.execute(counting.TABLES)
    await connection.close()
    return database


@pytest.fixture
def qstash() -> RecordingQStash:
    with recording_qstash() as recording:
        yield recording


@pytest.fixture
async def worker(schema: str, qstash: RecordingQStash, tmp_path: Path) -> AsyncGenerator[Victim]:
    (tmp_path / "objects").mkdir()
    environment = {
        "ENVIRONMENT": "development",
        "DATABASE_URL": schema,
        "QSTASH_URL": qstash.url,
        "QSTASH_TOKEN": "token",
        "QSTASH_CURRENT_SIGNING_KEY": KEY,
        "QSTASH_NEXT_SIGNING_KEY": NEXT_KEY,
        "OBJECT_DIRECTORY": str(tmp_path / "objects"),
    }
    service = "huntaze_common.testing.counting:SERVICE"
    async with victim(service, "/api/workers/alert-checker", environment) as target:
        yield target


def job(number: int) -> bytes:
    return encode_job(
        "alert-checker", CheckAlerts(), job_id=f"job-{number}", user_id="u1", enqueued_at=datetime.now(UTC)
    )


async def test_a_kill_at_any_await_loses_and_doubles_nothing(
    worker: Victim, schema: str, qstash: RecordingQStash, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every job's effects are there once, and its follow-up message was sent once."""
    record = await kill_everywhere(worker, job)

    connection = await asyncpg.connect(schema)
    # The messages that a killed process had taken are free again after ten seconds; any delivery sends them.
    await connection.execute("UPDATE outbox SET lease_until = clock_timestamp() WHERE sent_at IS NULL")
    await worker.deliver(job(1))
    effects = await connection.fetchval("SELECT count(*) FROM effect")
    distinct = await connection.fetchval("SELECT count(DISTINCT job_id) FROM effect")
    total = await connection.fetchval("SELECT n FROM total")
    await connection.close()
    with capsys.disabled():
        print(f"\nF1 {record} effects={effects} messages={len(qstash.published)}")
    assert record.faults > 15
    assert record.lost == 0
    assert effects == distinct == total == record.jobs
    assert len(qstash.published) == len({p.deduplication_id for p in qstash.published}) == record.jobs
    assert {path.name for path in (tmp_path / "objects").iterdir()} == {
        f"job-{n}" for n in range(1, record.jobs + 1)
    }
