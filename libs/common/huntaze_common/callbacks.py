"""The failure callback: QStash gave a message up, so its job will not be tried again by itself."""

import base64

import msgspec
import structlog
from huntaze_contracts.base import Envelope
from huntaze_contracts.failure import Callback
from litestar.types import Receive, Scope, Send

from huntaze_common.errors import PayloadInvalid, UpstreamUnavailable
from huntaze_common.ledger.claims import Failure, Ledger
from huntaze_common.postgres import TRANSIENT_ERRORS
from huntaze_common.signed_requests import SignedRequests
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
            envelope = self._envelopes.decode(base64.b64decode(callback.source_body))
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise PayloadInvalid(f"not a failure callback of one of our jobs: {error}") from None
        failure = Failure(
            code="given_up",
            message=f"given up after {callback.retried + 1} deliveries; last answer {callback.status}",
            retryable=True,
        )
        try:
            job_id = envelope.job_id
            if job_id is None and envelope.schedule is not None:
                job_id = await self._ledger.slot_of_message(callback.source_message_id, envelope.schedule.id)
            buried = job_id is not None and await self._ledger.bury(job_id, callback.dlq_id, failure)
        except TRANSIENT_ERRORS as error:
            raise UpstreamUnavailable("the database did not answer", after=10) from error
        _log.error(
            "job_given_up", job_id=job_id, dlq_id=callback.dlq_id, status=callback.status, known=buried
        )
