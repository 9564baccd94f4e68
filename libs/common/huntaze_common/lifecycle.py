"""From a verified body to an answer: claim, run, commit, drain.

Knows nothing of HTTP: it returns a result, or raises one of `huntaze_common.errors`.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec
import structlog
from huntaze_contracts.base import Envelope, Payload, Result
from huntaze_contracts.registry import Worker

from huntaze_common import tracing
from huntaze_common.errors import (
    ClaimLost,
    JobCancelled,
    JobError,
    JobPoisonous,
    PayloadConflict,
    PayloadInvalid,
    PermanentFailure,
    RetryLater,
    UpstreamUnavailable,
)
from huntaze_common.ledger import outbox
from huntaze_common.ledger.claims import Claim, Failure, Ledger, Ticket
from huntaze_common.ledger.heart import Heart
from huntaze_common.metrics import Metrics
from huntaze_common.postgres import TRANSIENT_ERRORS, Pool
from huntaze_common.publishing import Publisher
from huntaze_common.run import Handler, Run
from huntaze_common.slots import slot_in, slot_job_id, slot_of

_log = structlog.get_logger()

MAX_CRASHES = 3
"""A job whose process died this often without an answer is a poison pill."""
DUPLICATE_WAIT = 5.0
"""Seconds that a duplicate waits for its twin to finish before it is sent away."""
DRAIN_TIMEOUT = 5.0
"""Seconds that an answer waits for the outbox; what is left goes with a later delivery."""

DRAIN_INTERVAL = 1.0
"""Seconds after which a delivery that queued nothing itself looks for what others left in the outbox."""
ANSWER_TIME = 2.0
"""Seconds that stopped jobs have at shutdown to be given back and answered."""

Outcome = Literal["done", "replayed", "cancelled"]


class DuplicateInFlight(RetryLater):
    """Another delivery of the same job is running; not a failure."""

    code = "duplicate_in_flight"


@dataclass(frozen=True, slots=True)
class Delivered:
    """A delivery that needs no other."""

    outcome: Outcome
    result: bytes


@dataclass(frozen=True, slots=True)
class Hints:
    """What QStash's unsigned headers say. Good for logs and look-ups, never for decisions."""

    message_id: str | None
    retried: int


class Lifecycle:
    """Runs the jobs of one worker, each effect once."""

    def __init__(
        self,
        *,
        worker: Worker,
        handler: Handler,
        ledger: Ledger,
        heart: Heart,
        pool: Pool,
        publisher: Publisher,
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        """Tie a worker's job function to its ledger and outbox."""
        self._worker = worker
        self._handler = handler
        self._ledger = ledger
        self._heart = heart
        self._pool = pool
        self._publisher = publisher
        self._metrics = metrics
        self._clock = clock
        self._envelopes = msgspec.json.Decoder(Envelope)
        self._payloads: msgspec.json.Decoder[Payload] = msgspec.json.Decoder(worker.payload)
        self._deliveries: set[asyncio.Task[Any] | None] = set()
        self._stop_at: float | None = None
        self._drained_at = float("-inf")
        self._shutdown = asyncio.Event()

    def decode(self, body: bytes) -> tuple[Envelope, Payload]:
        """Decode a verified body against the contracts.

        Raises:
            PayloadInvalid: naming the field.
        """
        try:
            envelope = self._envelopes.decode(body)
            if envelope.type != self._worker.name:
                raise PayloadInvalid(f"type is '{envelope.type}', this worker is {self._worker.name}")
            payload = self._decode_payload(envelope)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise PayloadInvalid(str(error)) from None
        except RecursionError:
            raise PayloadInvalid("the body is nested too deeply") from None
        if envelope.job_id is None and envelope.schedule is None:
            raise PayloadInvalid("jobId or schedule is needed")
        return envelope, payload

    def _decode_payload(self, envelope: Envelope) -> Payload:
        try:
            return self._payloads.decode(envelope.payload)
        except msgspec.ValidationError as error:
            what, _, path = str(error).partition(" - at `$")
            raise PayloadInvalid(f"{what} - at `$.payload{path or '`'}") from None

    async def deliver(self, body: bytes, *, signed_at: float, hints: Hints) -> Delivered:
        """Run the job of one verified delivery, or answer from what an earlier one left.

        Raises:
            JobError: what QStash has to be told; nothing of the job was kept.
        """
        envelope, payload = self.decode(body)
        task = asyncio.current_task()
        self._deliveries.add(task)
        try:
            with tracing.job_span(self._worker.name, envelope.trace_context, message_id=hints.message_id):
                delivered, queued = await self._claim_and_run(envelope, payload, body, signed_at, hints)
            if queued or asyncio.get_running_loop().time() - self._drained_at > DRAIN_INTERVAL:
                await self._drain()
        except TRANSIENT_ERRORS as error:
            raise UpstreamUnavailable(
                f"the database did not answer ({type(error).__name__})", after=10
            ) from error
        return delivered

    async def keep_logs(self, lines: Sequence[msgspec.Raw]) -> None:
        """Keep what was logged in this delivery in its job's timeline; a database that is away loses it."""
        job_id = structlog.contextvars.get_contextvars().get("job_id")
        try:
            if job_id is not None:
                await self._ledger.add_logs(job_id, msgspec.json.encode(lines))
        except TRANSIENT_ERRORS as error:
            _log.warning("logs_not_kept", error=type(error).__name__)

    async def shut_down(self, grace: float) -> None:
        """Let jobs work for ``grace`` seconds, then give them back; return when all are answered."""
        self._stop_at = asyncio.get_running_loop().time() + grace
        self._shutdown.set()
        if deliveries := [task for task in self._deliveries if task is not None]:
            await asyncio.wait(deliveries, timeout=grace + ANSWER_TIME)

    async def _claim_and_run(
        self, envelope: Envelope, payload: Payload, body: bytes, signed_at: float, hints: Hints
    ) -> tuple[Delivered, int]:
        job_id, slot = await self._identify(envelope, signed_at, hints)
        structlog.contextvars.bind_contextvars(job_id=job_id, trace_id=tracing.current_trace_id())
        ticket = Ticket(
            job_id=job_id,
            type=envelope.type,
            schema_version=envelope.schema_version,
            user_id=envelope.user_id,
            body=body,
            payload_sha=_fingerprint(envelope, payload),
            message_id=hints.message_id,
            schedule_id=envelope.schedule and envelope.schedule.id,
            traceparent=envelope.trace_context and envelope.trace_context.traceparent,
            enqueued_at=envelope.enqueued_at,
        )
        loop = asyncio.get_running_loop()
        give_up = loop.time() + DUPLICATE_WAIT
        pause = 0.05
        while True:
            claim = await self._ledger.claim(ticket)
            if claim is not None:
                return await self._run(claim, envelope, payload, slot)
            answer = await self._answer_from_ledger(ticket, last=loop.time() >= give_up)
            if answer is not None:
                return answer, 0
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.5)

    async def _identify(
        self, envelope: Envelope, signed_at: float, hints: Hints
    ) -> tuple[str, datetime | None]:
        if envelope.schedule is None:
            assert envelope.job_id is not None  # decode() saw to it
            return envelope.job_id, None
        if envelope.job_id is not None:
            return envelope.job_id, slot_in(envelope.job_id, envelope.schedule)
        slot = slot_of(envelope.schedule, signed_at)
        if hints.retried and hints.message_id:
            # A retry hours later stands for the slot that its first delivery filled. The hint is unsigned,
            # but it can only lead to a job of the same schedule, where a wrong one replays a done result.
            earlier = await self._ledger.slot_of_message(hints.message_id, envelope.schedule.id)
            if earlier is not None:
                slot = slot_in(earlier, envelope.schedule)
        return slot_job_id(envelope.schedule, slot), slot

    async def _answer_from_ledger(self, ticket: Ticket, *, last: bool) -> Delivered | None:
        found = await self._ledger.find(ticket.job_id)
        if found is None:
            return None
        if found.payload_sha != ticket.payload_sha or found.type != ticket.type:
            raise PayloadConflict(f"job id {ticket.job_id} was used before with another payload")
        match found.state:
            case "succeeded":
                return Delivered("replayed", (found.result or "null").encode())
            case "cancelled":
                return Delivered("cancelled", b"null")
            case _ if last:
                left = max(1.0, found.lease_left or 1.0) + 1
                raise DuplicateInFlight(f"job {ticket.job_id} is running in another delivery", after=left)
            case _:
                return None

    async def _run(
        self, claim: Claim, envelope: Envelope, payload: Payload, slot: datetime | None
    ) -> tuple[Delivered, int]:
        """Run a claimed job; return what it delivers and how many messages it left in the outbox."""
        if claim.crashes >= MAX_CRASHES:
            poison = JobPoisonous(f"its process died {claim.crashes} times without an answer")
            await self._ledger.fail(claim, "failed", _failure(poison))
            raise poison
        run = Run(
            claim=claim,
            user_id=envelope.user_id,
            scheduled_for=slot,
            trace_context=tracing.current_context(),
            ledger=self._ledger,
            pool=self._pool,
            clock=self._clock,
        )
        enqueued = envelope.enqueued_at
        waited = self._clock() - enqueued.timestamp() if enqueued else None
        try:
            with self._metrics.running(attempt=claim.deliveries, waited=waited):
                result = await self._supervise(claim, payload, run)
        except JobError as error:
            await self._record(claim, error)
            raise
        except (*TRANSIENT_ERRORS, MemoryError) as error:
            retry = _unavailable(error)
            await self._record(claim, retry)
            raise retry from error
        except Exception as error:
            # A bug of ours: QStash retries on its own schedule, and the message stays out of the answer.
            bug = Failure(code="internal_error", message=type(error).__name__, retryable=True)
            await self._ledger.release(claim, bug)
            raise
        return Delivered("done", msgspec.json.encode(result)), run.queued

    async def _supervise(self, claim: Claim, payload: Payload, run: Run) -> Result:
        """Run the job function as a task that a lost lease, a cancel or the deadline can stop."""
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._finish(payload, run))
        reasons: list[JobError] = []

        def stop(reason: JobError) -> None:
            if not task.done():
                reasons.append(reason)
                task.cancel()

        def stop_unless_finishing(reason: JobError) -> None:
            # The heart cannot tell a row that has just been finished from one that was taken over.
            if not run.finishing:
                stop(reason)

        def stop_from_heart(reason: JobError) -> None:
            with contextlib.suppress(RuntimeError):  # the loop may be closed by then
                loop.call_soon_threadsafe(stop_unless_finishing, reason)

        self._heart.watch(
            claim,
            on_lost=lambda: stop_from_heart(ClaimLost("the lease was lost", after=5)),
            on_cancel=lambda: stop_from_heart(JobCancelled("cancelled by its owner")),
        )
        late = RetryLater(f"not done within {self._worker.deadline} s", after=30)
        deadline = loop.call_later(self._worker.deadline, stop, late)
        shutdown = loop.create_task(self._stop_at_shutdown(stop))
        try:
            # Shielded: a client that hangs up must not stop a job half way.
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if reasons:
                raise reasons[0] from None
            await asyncio.wait({task})
            raise
        finally:
            deadline.cancel()
            shutdown.cancel()
            self._heart.forget(claim)

    async def _stop_at_shutdown(self, stop: Callable[[JobError], None]) -> None:
        # A job that was claimed a moment before the signal is stopped like one that ran for long.
        await self._shutdown.wait()
        loop = asyncio.get_running_loop()
        await asyncio.sleep((self._stop_at or 0.0) - loop.time())
        stop(RetryLater("the service is shutting down", after=5))

    async def _finish(self, payload: Payload, run: Run) -> Result:
        result = await self._handler(payload, run)
        if run.committed is None:
            async with run.commit(result):
                pass
        return run.committed or result

    async def _record(self, claim: Claim, error: JobError) -> None:
        """Store why the job ended, if the database lets us: else its lease runs out, which is as good."""
        try:
            match error:
                case ClaimLost():
                    return
                case JobCancelled():
                    await self._ledger.fail(claim, "cancelled", _failure(error))
                case PermanentFailure():
                    await self._ledger.fail(claim, "failed", _failure(error))
                case _:
                    await self._ledger.release(claim, _failure(error))
        except TRANSIENT_ERRORS as failed:
            _log.warning("ledger_unreachable", error=type(failed).__name__)

    async def _drain(self) -> None:
        self._drained_at = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(DRAIN_TIMEOUT):
                await outbox.drain(self._pool, self._publisher)
        except TRANSIENT_ERRORS as error:
            # The job is done and its messages are safe in the outbox.
            _log.warning("outbox_not_drained", error=type(error).__name__)


def _fingerprint(envelope: Envelope, payload: Payload) -> bytes:
    """Hash what makes a job the same job: not the time of enqueueing, nor the spelling of its JSON."""
    parts = (envelope.type, envelope.schema_version, envelope.user_id, payload)
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).digest()


def _unavailable(error: Exception) -> UpstreamUnavailable:
    return UpstreamUnavailable(
        f"something that the job needs was not to be had ({type(error).__name__})", after=10
    )


def _failure(error: JobError) -> Failure:
    return Failure(code=error.code, message=str(error), retryable=isinstance(error, RetryLater))
