"""The failure callback: QStash gave a message up, so its job will not be tried again by itself."""

import base64

import msgspec
import structlog
from huntaze_contracts.base import Envelope
from huntaze_contracts.failure import Callback
from litestar.types import Receive, Scope, Send

from huntaze_common.errors import PayloadInvalid, UpstreamUnavailable
from huntaze_common.ledger.claims import Failure, Ledger, Ticket
from huntaze_common.postgres import TRANSIENT_ERRORS
from huntaze_common.signed_requests import SignedRequests
from huntaze_common.slots import slot_job_id, slot_of
from huntaze_common.worker import answer_error

MAX_BODY = 2 * 1024 * 1024
"""Bytes: QStash puts our own answer and the source's body into it, both base64."""

_log = structlog.get_logger()


class FailureCallback:
    """The receiver as an ASGI application. Receiving the same callback twice changes nothing."""

    def __init__(self, ledger: Ledger, requests: SignedRequests) -> None:
        """Take the ledger, and the signed requests to the callback's public URL."""
        self._ledger = ledger
        self._requests = requests
        self._callbacks = msgspec.json.Decoder(Callback)
        self._envelopes = msgspec.json.Decoder(Envelope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            body, _ = await self._requests.read(scope, dict(scope["headers"]), receive)
            await self._bury(body)
        except Exception as error:
            await answer_error(send, error)
            return
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _bury(self, body: bytes) -> None:
        try:
            callback = self._callbacks.decode(body)
            source_body = base64.b64decode(callback.source_body)
            envelope = self._envelopes.decode(source_body)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise PayloadInvalid(f"not a failure callback of one of our jobs: {error}") from None
        failure = Failure(
            code="given_up",
            message=f"given up after {callback.retried + 1} deliveries; last answer {callback.status}",
            retryable=True,
        )
        try:
            job_id = await self._job_of(envelope, callback)
            buried = job_id is not None and await self._ledger.bury(
                _ticket(job_id, envelope, body=source_body, message_id=callback.source_message_id),
                callback.dlq_id,
                failure,
            )
        except TRANSIENT_ERRORS as error:
            raise UpstreamUnavailable("the database did not answer", after=10) from error
        _log.error(
            "job_given_up", job_id=job_id, dlq_id=callback.dlq_id, status=callback.status, known=buried
        )

    async def _job_of(self, envelope: Envelope, callback: Callback) -> str | None:
        """Name the job; a schedule's message is the slot it filled, or would have when it was made."""
        if envelope.job_id is not None or envelope.schedule is None:
            return envelope.job_id
        earlier = await self._ledger.slot_of_message(callback.source_message_id, envelope.schedule.id)
        if earlier is not None or callback.created_at is None:
            return earlier
        return slot_job_id(envelope.schedule, slot_of(envelope.schedule, int(callback.created_at) / 1000))


def _ticket(job_id: str, envelope: Envelope, *, body: bytes, message_id: str) -> Ticket:
    return Ticket(
        job_id=job_id,
        type=envelope.type,
        schema_version=envelope.schema_version,
        user_id=envelope.user_id,
        body=body,
        # Its payload may be what was wrong with it, so it has no fingerprint yet; the first claim brings it.
        payload_sha=b"",
        message_id=message_id,
        schedule_id=envelope.schedule and envelope.schedule.id,
        traceparent=envelope.trace_context and envelope.trace_context.traceparent,
        enqueued_at=envelope.enqueued_at,
    )
