"""The counting service as victim, its database, a recording QStash, and the record that a run prints."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from huntaze_common.postgres import migrate
from huntaze_common.publishing import encode_job
from huntaze_common.testing import counting
from huntaze_common.testing.killing import Record, Target, Victim
from huntaze_common.testing.recording import RecordingQStash, recording_qstash
from huntaze_common.testing.signing import KEY, NEXT_KEY
from huntaze_contracts.alerts import CheckAlerts

PATH = "/api/workers/alert-checker"
_records: list[tuple[str, Record, "Effects", int]] = []


@dataclass(frozen=True, slots=True)
class Effects:
    """What the counting service left behind."""

    rows: int
    jobs: int
    total: int

    @property
    def duplicates(self) -> int:
        return max(self.rows, self.total) - self.jobs


class Laboratory:
    """One database of the counting service, and everything to look at after faults."""

    def __init__(self, dsn: str, qstash: RecordingQStash, objects: Path, victims: Sequence[Victim]) -> None:
        self.dsn = dsn
        self._free = list(victims)
        self.qstash = qstash
        self.objects = objects

    @staticmethod
    def job(name: object) -> bytes:
        """Make the envelope of a job."""
        return encode_job(
            "alert-checker", CheckAlerts(), job_id=f"job-{name}", user_id="u1", enqueued_at=datetime.now(UTC)
        )

    @asynccontextmanager
    async def worker(self, other: Victim | None = None, **settings: str) -> AsyncGenerator[Target]:
        """One of the two victims, or another one, with this laboratory's settings; `live` begins its life."""
        victim = other or self._free.pop()
        target = Target(
            victim,
            PATH,
            {
                "ENVIRONMENT": "development",
                "DATABASE_URL": self.dsn,
                "QSTASH_URL": self.qstash.url,
                "QSTASH_TOKEN": "token",
                "QSTASH_CURRENT_SIGNING_KEY": KEY,
                "QSTASH_NEXT_SIGNING_KEY": NEXT_KEY,
                "OBJECT_DIRECTORY": str(self.objects),
                **settings,
            },
        )
        try:
            yield target
        finally:
            await target.aclose()
            if other is None:
                self._free.append(victim)

    @asynccontextmanager
    async def sql(self) -> AsyncGenerator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.dsn)
        try:
            yield connection
        finally:
            await connection.close()

    async def effects(self) -> Effects:
        async with self.sql() as connection:
            row = await connection.fetchrow(
                "SELECT count(*), count(DISTINCT job_id), (SELECT n FROM total) FROM effect"
            )
            return Effects(*row)

    async def send_what_waits(self, worker: Target) -> None:
        """Let the leases of killed senders run out, and give the outbox a delivery to be drained by."""
        async with self.sql() as connection:
            await connection.execute(
                "UPDATE outbox SET lease_until = NULL, next_attempt_at = clock_timestamp()"
                " WHERE sent_at IS NULL"
            )
        await worker.deliver(self.job("drain"))

    @staticmethod
    async def until_done(worker: Target, body: bytes, record: Record, patience: float = 60) -> float:
        """Redeliver until 200, and return the seconds that it took."""
        began = time.monotonic()
        while time.monotonic() - began < patience:
            record.deliveries += 1
            answer = await worker.deliver(body)
            if answer is not None and answer.status_code == 200:
                return time.monotonic() - began
            assert answer is None or answer.status_code in {409, 429, 503}, b"".join(worker.logs).decode()[
                -3000:
            ]
            await asyncio.sleep(0.1)
        record.lost += 1
        return patience

    async def conclude(self, fault: str, record: Record) -> Effects:
        """Put a run into the record, and check what must hold for every fault."""
        effects = await self.effects()
        doubled = len(self.qstash.published) - len({p.deduplication_id for p in self.qstash.published})
        _records.append((fault, record, effects, doubled))
        assert record.lost == 0
        assert effects.duplicates == 0
        assert doubled == 0
        return effects


@pytest.fixture(scope="session")
def victims() -> Generator[list[Victim]]:
    """Two processes of the counting service, started once: a life of theirs costs a fork."""
    started = [Victim("huntaze_common.testing.counting:SERVICE") for _ in range(2)]
    yield started
    for victim in started:
        victim.close()


@pytest.fixture
def laboratory_on(
    tmp_path: Path, victims: list[Victim]
) -> Callable[[str], AbstractAsyncContextManager[Laboratory]]:
    """Open a laboratory on the database at an address."""

    @asynccontextmanager
    async def open_laboratory(dsn: str) -> AsyncGenerator[Laboratory]:
        await make_counting_schema(dsn)
        (tmp_path / "objects").mkdir()
        with recording_qstash() as qstash:
            yield Laboratory(dsn, qstash, tmp_path / "objects", victims)

    return open_laboratory


@pytest.fixture
async def laboratory(
    database: str, laboratory_on: Callable[[str], AbstractAsyncContextManager[Laboratory]]
) -> AsyncGenerator[Laboratory]:
    """A laboratory on a database of the test's own."""
    async with laboratory_on(database) as opened:
        yield opened


async def make_counting_schema(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE SCHEMA counting")
    await connection.execute(f"ALTER DATABASE {dsn.rpartition('/')[2]} SET search_path = counting")
    await connection.close()
    await migrate(dsn, "huntaze_common.testing", schema="counting")
    connection = await asyncpg.connect(dsn)
    await connection.execute(counting.TABLES)
    await connection.close()


@pytest.fixture
def make_schema() -> Callable[[str], Awaitable[None]]:
    """Make the counting service's schema in the database at an address."""
    return make_counting_schema


@pytest.fixture
def volume(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """Choose between the size for every run and the nightly one (`--faults`)."""
    nightly: bool = request.config.getoption("--faults")
    return lambda usual, at_night: at_night if nightly else usual


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _records:
        return
    terminalreporter.section("fault record")
    columns = (
        "fault",
        "jobs",
        "deliveries",
        "faults",
        "lost",
        "dup. effects",
        "dup. messages",
        "recovery p99",
    )
    terminalreporter.write_line("{:<44}{:>6}{:>12}{:>8}{:>6}{:>14}{:>15}{:>14}".format(*columns))
    for fault, record, effects, doubled in _records:
        terminalreporter.write_line(
            f"{fault:<44}{record.jobs:>6}{record.deliveries:>12}{record.faults:>8}{record.lost:>6}"
            f"{effects.duplicates:>14}{doubled:>15}{record.recovery_p99:>12.2f} s"
        )
