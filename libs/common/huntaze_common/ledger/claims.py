"""Claim, renew, finish and read jobs: the only module that runs the ledger's queries on jobs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from msgspec import Struct

from huntaze_common import sql
from huntaze_common.errors import ClaimLost
from huntaze_common.postgres import Connection, Pool

JobState = Literal["queued", "running", "retry", "succeeded", "failed", "cancelled"]
_QUERIES = sql.load("huntaze_common.ledger")


class Failure(Struct, frozen=True, kw_only=True):
    """Why a job failed, as the ledger and the status API show it."""

    code: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a delivery brings to a claim. The message id comes from an unsigned header: it is a hint."""

    job_id: str
    type: str
    schema_version: int
    user_id: str | None
    body: bytes
    payload_sha: bytes
    message_id: str | None
    schedule_id: str | None
    traceparent: str | None
    enqueued_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run a job until the lease ends; the epoch fences everyone who had it before."""

    job_id: str
    epoch: int
    crashes: int
    deliveries: int


class Found(Struct, frozen=True):
    """A job that could not be claimed."""

    state: JobState
    type: str
    payload_sha: bytes
    result: str | None
    error: str | None
    lease_left: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which jobs are listed; None stands for all."""

    user_id: str | None = None
    state: JobState | None = None
    schedule_id: str | None = None
    since: datetime | None = None
    """First seen at this instant or later."""
    until: datetime | None = None
    """First seen before this instant."""
    text: str | None = None
    """Part of a name of the job's (its own, its user's, message's, schedule's, trace's) or of its error."""


class JobRow(Struct, frozen=True, rename="camel"):
    """A job as the status API shows it."""

    job_id: str
    type: str
    user_id: str | None
    state: JobState
    stage: str
    progress: float
    deliveries: int
    crashes: int
    result: msgspec.Raw | None
    error: msgspec.Raw | None
    dlq_id: str | None
    enqueued_at: datetime | None
    first_seen_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    message_id: str | None
    schedule_id: str | None
    traceparent: str | None


class Ledger:
    """The jobs of one service."""

    def __init__(self, pool: Pool, *, lease: timedelta, owner: str) -> None:
        """Use the pool of the service's role, whose search path is the service's schema."""
        self._pool = pool
        self._owner = owner
        self.lease = lease

    async def claim(self, ticket: Ticket) -> Claim | None:
        """Take the job for one lease; None when it is finished, held, or came with another payload before."""
        row = await self._pool.fetchrow(
            _QUERIES["claim"],
            ticket.job_id,
            ticket.type,
            ticket.schema_version,
            ticket.user_id,
            ticket.body,
            ticket.payload_sha,
            self.lease,
            self._owner,
            ticket.message_id,
            ticket.schedule_id,
            ticket.traceparent,
            ticket.enqueued_at,
        )
        return row and Claim(ticket.job_id, row["epoch"], row["crashes"], row["deliveries"])

    async def find(self, job_id: str) -> Found | None:
        """Read a job's state; None when there is no such job."""
        row = await self._pool.fetchrow(_QUERIES["find"], job_id)
        return row and Found(**dict(row))

    async def finish(self, connection: Connection, claim: Claim, result: bytes) -> None:
        """Mark the job done inside the transaction of its effects.

        Raises:
            ClaimLost: another delivery took the job over; the transaction must be rolled back.
        """
        row = await connection.fetchrow(_QUERIES["finish"], claim.job_id, claim.epoch, result.decode())
        if row is None:
            raise ClaimLost(f"job {claim.job_id} was taken over by another delivery", after=5)

    async def finished_as(self, claim: Claim) -> bytes | None:
        """Read the stored result after a commit whose answer was lost; None when it did not commit."""
        row = await self._pool.fetchrow(_QUERIES["finished_as"], claim.job_id, claim.epoch)
        return row and row["result"].encode()

    async def release(self, claim: Claim, failure: Failure) -> None:
        """Give the job back so that the next delivery may start at once."""
        await self._pool.execute(_QUERIES["release"], claim.job_id, claim.epoch, _json(failure))

    async def fail(self, claim: Claim, state: Literal["failed", "cancelled"], failure: Failure) -> None:
        """Record that the job will not succeed."""
        await self._pool.execute(_QUERIES["fail"], claim.job_id, claim.epoch, state, _json(failure))

    async def progress(self, claim: Claim, stage: str, percent: float) -> None:
        """Store how far the job is."""
        await self._pool.execute(_QUERIES["progress"], claim.job_id, claim.epoch, stage, percent)

    async def slot_of_message(self, message_id: str, schedule_id: str) -> str | None:
        """Find the job that an earlier delivery of this scheduled message made."""
        return await self._pool.fetchval(_QUERIES["slot_of_message"], message_id, schedule_id)

    async def show(self, job_id: str) -> JobRow | None:
        """Read one job for the status API."""
        row = await self._pool.fetchrow(_QUERIES["show"], job_id)
        return row and _job_row(row)

    async def list(self, chosen: Filter, *, before: tuple[datetime, str] | None, limit: int) -> list[JobRow]:
        """Read a page of jobs, newest first, that come after the cursor ``before``."""
        at, job_id = before or (None, None)
        places = [chosen.user_id, chosen.state, at, job_id, limit]
        places += [chosen.schedule_id, chosen.since, chosen.until]
        if chosen.text is not None:
            rows = await self._pool.fetch(_QUERIES["search"], *places, chosen.text)
        elif chosen.state is not None and chosen.state != "succeeded":
            rows = await self._pool.fetch(_QUERIES["list_unsettled"], *places)
        else:
            rows = await self._pool.fetch(_QUERIES["list"], *places)
        return [_job_row(row) for row in rows]

    async def cancel(self, job_id: str) -> JobState | None:
        """Cancel a waiting job, or ask a running one to stop; None when there is nothing to cancel."""
        state = await self._pool.fetchval(_QUERIES["cancel"], job_id)
        if state == "running":
            await self._pool.execute(_QUERIES["notify_cancel"], CANCEL_CHANNEL, job_id)
        return state

    async def bury(self, ticket: Ticket, dlq_id: str | None, failure: Failure) -> bool:
        """Record that QStash gave the job's message up, even if no delivery of it ever claimed the job.

        False when the job went on or finished meanwhile.
        """
        row = await self._pool.fetchrow(
            _QUERIES["bury"],
            ticket.job_id,
            ticket.type,
            ticket.schema_version,
            ticket.user_id,
            ticket.body,
            ticket.payload_sha,
            ticket.message_id,
            ticket.schedule_id,
            ticket.traceparent,
            ticket.enqueued_at,
            dlq_id,
            _json(failure),
        )
        return row is not None

    async def requeue(self, connection: Connection, job_id: str) -> tuple[str, bytes, int] | None:
        """Let a failed or cancelled job run again; return its worker, its body and how often it was done."""
        row = await connection.fetchrow(_QUERIES["requeue"], job_id)
        return row and (row["type"], row["body"], row["retries_by_hand"])

    async def add_logs(self, job_id: str, entries: bytes) -> None:
        """Keep what a job logged, a JSON array of entries, beside what happened to it."""
        await self._pool.execute(_QUERIES["add_logs"], job_id, entries.decode())

    async def prune(self, age: timedelta, limit: int) -> None:
        """Forget a bounded number of jobs and sent messages that are older than ``age``."""
        await self._pool.execute(_QUERIES["prune"], age, limit)


CANCEL_CHANNEL = "job_cancel"


def _json(value: Struct) -> str:
    return msgspec.json.encode(value).decode()


def _job_row(row: Any) -> JobRow:
    values = dict(row)
    for name in ("result", "error"):
        if values[name] is not None:
            values[name] = msgspec.Raw(values[name].encode())
    return JobRow(**values)
