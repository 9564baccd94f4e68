"""The worker endpoint: from a signed request to an answer in QStash's own terms.

The only module that knows about statuses and headers. A plain ASGI application, since the signature is over
raw bytes and the framework's decoding would only be in the way.

    done, replayed or cancelled            200 + X-Job-Outcome
    running in another delivery            409 + Retry-After
    RetryLater, database down, shutdown    503 + Retry-After
    RateLimited                            429 + Retry-After
    PermanentFailure                       489 + Upstash-NonRetryable-Error
    no good signature                      401, always the same body
    wrong method, type, size, too slow     405, 415, 413, 408
    a bug                                  500
"""

import asyncio
import math
import random
from collections.abc import Mapping

import msgspec
import structlog
from huntaze_contracts.failure import Problem
from litestar.types import Receive, Scope, Send

from huntaze_common import logs
from huntaze_common.errors import JobError, PermanentFailure, RateLimited, RetryLater
from huntaze_common.lifecycle import Delivered, DuplicateInFlight, Hints, Lifecycle
from huntaze_common.metrics import Metrics
from huntaze_common.signature import SignatureRejected
from huntaze_common.signed_requests import Refused, SignedRequests, number

_log = structlog.get_logger()

NON_RETRYABLE = 489
MAX_RETRY_AFTER = 86_400
"""QStash ignores longer waits."""

_TITLES = {
    401: "Unauthorized",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    489: "Not Retryable",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class WorkerEndpoint:
    """One worker's endpoint as an ASGI application."""

    def __init__(self, lifecycle: Lifecycle, requests: SignedRequests, metrics: Metrics) -> None:
        """Take the lifecycle, the signed requests to the endpoint's public URL, and what counts them."""
        self._lifecycle = lifecycle
        self._requests = requests
        self._metrics = metrics
        self.draining = False
        """True from the moment that the process was asked to stop."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = dict(scope["headers"])
        message_id = _text(headers.get(b"upstash-message-id"))
        hints = Hints(message_id=message_id, retried=number(headers.get(b"upstash-retried")))
        bound = structlog.contextvars.bound_contextvars(message_id=message_id, attempt=hints.retried + 1)
        with bound, logs.keeping() as lines:
            started = asyncio.get_running_loop().time()
            try:
                if self.draining:
                    raise RetryLater("the service is shutting down", after=5)
                body, signed = await self._requests.read(scope, headers, receive)
                delivered = await self._lifecycle.deliver(body, signed_at=signed.issued_at, hints=hints)
            except Exception as error:
                outcome = None
                self._metrics.refused(error)
                status = await answer_error(send, error)
                if status != 401:
                    _log.info("delivery_answered", status=status, seconds=_since(started))
            else:
                outcome = delivered.outcome
                self._metrics.delivered(outcome)
                await _send_result(send, delivered)
            # What the job itself or its failure logged: a job that just succeeds costs no further statement.
            if lines:
                await self._lifecycle.keep_logs(lines)
            if outcome is not None:
                _log.info("delivery_done", outcome=outcome, seconds=_since(started))


async def answer_error(send: Send, error: Exception) -> int:
    """Answer a request that ended with an error, as the table above says, and return the status."""
    status, problem, extra = _describe(error)
    headers = {"content-type": "application/problem+json", **extra}
    await _send_bytes(send, status, headers, msgspec.json.encode(problem))
    return status


def _describe(error: Exception) -> tuple[int, Problem, dict[str, str]]:
    """Say which answer an error gets. The order of the cases is the table above, most particular first."""
    match error:
        case SignatureRejected():
            _log.warning("signature_rejected", reason=error.reason, advice=error.advice)
            return 401, _problem(401, "unauthorized", "the request is not signed for this endpoint"), {}
        case Refused():
            return error.status, _problem(error.status, error.code, error.detail), dict(error.headers)
        case DuplicateInFlight():
            return 409, _problem(409, error.code, str(error)), _retry_after(error)
        case RateLimited():
            return 429, _problem(429, error.code, str(error)), _retry_after(error)
        case RetryLater():
            _log.warning("job_will_be_retried", code=error.code, error=str(error))
            return 503, _problem(503, error.code, str(error)), _retry_after(error)
        case JobError():
            _log.error("job_failed_for_good", code=error.code, error=str(error))
            header = {"upstash-nonretryable-error": "true"} if isinstance(error, PermanentFailure) else {}
            return NON_RETRYABLE, _problem(NON_RETRYABLE, error.code, str(error)), header
        case _:
            _log.exception("job_crashed")
            return 500, _problem(500, "internal_error", "an error of the service, which will be retried"), {}


def _problem(status: int, code: str, detail: str) -> Problem:
    return Problem(type="about:blank", title=_TITLES[status], status=status, code=code, detail=detail)


def _retry_after(error: RetryLater) -> dict[str, str]:
    # Spread, so that the deliveries that one outage refused do not all come back together.
    wait = error.after * random.uniform(1.0, 1.25)  # noqa: S311 - nothing secret depends on it
    return {"retry-after": str(min(math.ceil(wait), MAX_RETRY_AFTER))}


async def _send_result(send: Send, delivered: Delivered) -> None:
    headers = {"content-type": "application/json", "x-job-outcome": delivered.outcome}
    await _send_bytes(send, 200, headers, delivered.result)


async def _send_bytes(send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _text(value: bytes | None) -> str | None:
    """Decode a header that is only logged and looked up, cut to a sane length."""
    return value[:200].decode("ascii", "replace") if value else None


def _since(started: float) -> float:
    return round(asyncio.get_running_loop().time() - started, 4)
