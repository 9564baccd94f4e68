"""What an operator sees of a service's jobs as a whole, and of one in detail; reads only."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from huntaze_common import sql
from huntaze_common.postgres import Pool

_QUERIES = sql.load("huntaze_common.ledger")


class Waiting(Struct, frozen=True, rename="camel"):
    """The jobs in one state that are not done."""

    state: str
    jobs: int
    oldest: float
    """Seconds since the oldest of them was begun or first seen."""


class Step(Struct, frozen=True, rename="camel"):
    """What was finished in one step of time."""

    at: datetime
    succeeded: int
    failed: int
    cancelled: int


class Totals(Struct, frozen=True, rename="camel"):
    """All that was finished since an instant; times in seconds, None where nothing was."""

    jobs: int
    deliveries: int
    busy_seconds: float
    run_p50: float | None
    run_p95: float | None
    wait_p50: float | None
    """From enqueueing to the first delivery."""
    wait_p95: float | None


class Activity(Struct, frozen=True, rename="camel"):
    """A service at a glance."""

    waiting: list[Waiting]
    steps: list[Step]
    totals: Totals


class History(Struct, frozen=True, rename="camel"):
    """What a job carried and what happened to it, the oldest first."""

    envelope: msgspec.Raw | None
    """None where the body is no JSON."""
    timeline: msgspec.Raw


async def activity(pool: Pool, since: datetime, step: timedelta) -> Activity:
    """Read what waits now, and what was finished since an instant in steps of time."""
    waiting = await pool.fetch(_QUERIES["waiting"])
    steps = await pool.fetch(_QUERIES["finished"], since, step)
    totals = await pool.fetchrow(_QUERIES["totals"], since)
    assert totals is not None  # an aggregate has one row
    return Activity(
        waiting=[Waiting(**dict(row)) for row in waiting],
        steps=[Step(**dict(row)) for row in steps],
        totals=Totals(**dict(totals)),
    )


async def history(pool: Pool, job_id: str) -> History | None:
    """Read one job's body and timeline; None when there is no such job."""
    row = await pool.fetchrow(_QUERIES["history"], job_id)
    return row and History(_as_json(row["body"]), msgspec.Raw(row["timeline"].encode()))


def _as_json(body: bytes) -> msgspec.Raw | None:
    try:
        msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return msgspec.Raw(body)
