"""The smallest service with every kind of effect: a row, a counter, an object and a follow-up message.

Its tables have no unique keys, so whatever runs twice is seen twice.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from huntaze_contracts.alerts import AlertsChecked, CheckAlerts

from huntaze_common.postgres import Pool
from huntaze_common.run import Run
from huntaze_common.service import Service
from huntaze_common.settings import WorkerSettings

TABLES = """
CREATE TABLE effect (job_id text NOT NULL);
CREATE TABLE total (n bigint NOT NULL);
INSERT INTO total VALUES (0);
"""


class CountingSettings(WorkerSettings, frozen=True, kw_only=True):
    """Beside what every worker needs."""

    object_directory: Path
    busy_seconds: float = 0.0
    """Computes for so long without giving the event loop a turn, as decoding does."""
    wait_seconds: float = 0.0
    """Waits for so long, as for a download."""
    hunger_bytes: int = 0
    """Asks for so much memory, and touches none of it."""


@dataclass(frozen=True, slots=True)
class CountingDeps:
    """Where the objects go, and what the work takes."""

    objects: Path
    busy_seconds: float
    wait_seconds: float
    hunger_bytes: int


async def count(job: CheckAlerts, run: Run, deps: CountingDeps) -> AlertsChecked:
    """Leave one of each effect, as every job must: the object by its key, the rest in one commit."""
    await run.progress("counting", 50)
    until = time.monotonic() + deps.busy_seconds
    while time.monotonic() < until:
        hashlib.sha256(bytes(10_000)).digest()
    bytearray(deps.hunger_bytes)
    if deps.wait_seconds:
        await asyncio.sleep(deps.wait_seconds)
    await asyncio.to_thread((deps.objects / run.job_id).write_bytes, run.job_id.encode())
    result = AlertsChecked(slot=job.slot or run.now(), fired=1)
    async with run.commit(result) as transaction:
        await transaction.connection.execute("INSERT INTO effect VALUES ($1)", run.job_id)
        await transaction.connection.execute("UPDATE total SET n = n + 1")
        await transaction.send("alert-checker", CheckAlerts(), job_id=f"{run.job_id}-next")
    return result


@asynccontextmanager
async def open_deps(settings: CountingSettings, _pool: Pool) -> AsyncGenerator[CountingDeps]:
    """Open nothing."""
    yield CountingDeps(
        settings.object_directory, settings.busy_seconds, settings.wait_seconds, settings.hunger_bytes
    )


SERVICE = Service(
    name="counting",
    worker="alert-checker",
    package="huntaze_common.testing",
    settings=CountingSettings,
    handle=count,
    open=open_deps,
)
