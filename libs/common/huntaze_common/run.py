"""What a job function gets beside its payload: who it runs for, and the one way to keep its effects."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from huntaze_contracts.base import Payload, Result, TraceContext

from huntaze_common.errors import UpstreamUnavailable
from huntaze_common.ledger import outbox
from huntaze_common.ledger.claims import Claim, Ledger
from huntaze_common.postgres import TRANSIENT_ERRORS, Connection, Pool
from huntaze_common.publishing import encode_job

# A progress row a second is enough for every reader and cheap for the database.
_PROGRESS_INTERVAL = 1.0


@dataclass(slots=True)
class Transaction:
    """The transaction in which a job's effects and its 'done' mark commit together."""

    connection: Connection
    result: Result
    """What the job is done with. A job whose result is only known from its effects sets it here."""
    _run: "Run"

    async def send(
        self,
        worker: str,
        payload: Payload,
        *,
        job_id: str,
        user_id: str | None = None,
        delay: timedelta = timedelta(0),
    ) -> None:
        """Queue a follow-up job in the outbox: it is sent if and only if this transaction commits.

        Args:
            worker: the receiving worker's name.
            payload: one of the worker's payloads.
            job_id: names the follow-up for ever, so derive it from this job: a second run sends it once.
            user_id: whose job it is; this job's user when absent.
            delay: how long QStash holds it back.

        Raises:
            ValueError: the payload is not one of the worker's.
        """
        body = encode_job(
            worker,
            payload,
            job_id=job_id,
            user_id=user_id or self._run.user_id,
            enqueued_at=self._run.now(),
            trace_context=self._run.trace_context,
        )
        await outbox.add(self.connection, dedup_id=job_id, worker=worker, body=body, delay=delay)
        self._run.queued += 1


class Run:
    """One attempt at one job."""

    def __init__(
        self,
        *,
        claim: Claim,
        user_id: str | None,
        scheduled_for: datetime | None,
        trace_context: TraceContext | None,
        ledger: Ledger,
        pool: Pool,
        clock: Callable[[], float],
    ) -> None:
        """Made by the lifecycle, for one attempt."""
        self.job_id = claim.job_id
        self.attempt = claim.deliveries
        """1 for the first delivery."""
        self.user_id = user_id
        self.scheduled_for = scheduled_for
        """The slot of the schedule that this job fills; None for other jobs."""
        self.trace_context = trace_context
        self.committed: Result | None = None
        self.finishing = False
        """True from the moment that the ledger itself decides whether the claim still holds."""
        self.queued = 0
        """How many messages the job left in the outbox."""
        self._claim = claim
        self._ledger = ledger
        self._pool = pool
        self._clock = clock
        self._progress_at = 0.0

    def now(self) -> datetime:
        """Return the present instant, from the clock that tests can set."""
        return datetime.fromtimestamp(self._clock(), UTC)

    async def progress(self, stage: str, percent: float) -> None:
        """Tell how far the job is, at most once a second; readers see it in the status API."""
        now = time.monotonic()
        if now - self._progress_at >= _PROGRESS_INTERVAL:
            self._progress_at = now
            await self._ledger.progress(self._claim, stage, percent)

    @asynccontextmanager
    async def commit(self, result: Result) -> AsyncGenerator[Transaction]:
        """Open the transaction of the job's effects; leaving it marks the job done with ``result``.

        At most once in a job. A job without effects may leave it out: its return value is committed then.

        Raises:
            ClaimLost: another delivery took the job over; nothing was kept.
            UpstreamUnavailable: the database did not answer; nothing is known to be kept.
        """
        if self.committed is not None:
            raise RuntimeError("a job commits once")
        finished = False
        try:
            async with self._pool.acquire() as connection:
                async with connection.transaction():
                    transaction = Transaction(connection, result, self)
                    yield transaction
                    result = transaction.result
                    self.finishing = True
                    await self._ledger.finish(connection, self._claim, msgspec.json.encode(result))
                    finished = True
        except TRANSIENT_ERRORS as error:
            # After `finish`, the connection may have died with the commit done but its answer lost.
            if not (finished and await self._did_commit()):
                raise UpstreamUnavailable("the database connection was lost", after=5) from error
        self.committed = result

    async def _did_commit(self) -> bool:
        try:
            return await self._ledger.finished_as(self._claim) is not None
        except TRANSIENT_ERRORS as error:
            raise UpstreamUnavailable("the database connection was lost", after=5) from error


Handler = Callable[[Any, Run], Awaitable[Result]]
"""A job function with its dependencies bound: payload and run in, result out."""
