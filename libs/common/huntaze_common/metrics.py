"""What a service counts, for Prometheus: GET /metrics, with an operator's bearer token.

The service's address is public, since QStash calls it; hence the token (`authorization` in Prometheus).
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from huntaze_common.errors import ClaimLost, JobError
from huntaze_common.ledger import outbox
from huntaze_common.postgres import TRANSIENT_ERRORS, Pool
from huntaze_common.signature import SignatureRejected
from huntaze_common.tokens import TokenReader, TokenRejected

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)
_WAIT_SECONDS = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3600, 86400)


class Metrics:
    """The metrics of one worker, in a registry of their own."""

    def __init__(self, service: str, contract: str) -> None:
        """Take the values of the labels that every metric has."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        names = ("service", "contract")

        def bound(kind: Any, name: str, text: str, **options: Any) -> Any:
            return kind(name, text, names, registry=self.registry, **options).labels(service, contract)

        def labelled(name: str, text: str, label: str) -> Counter:
            return Counter(name, text, (*names, label), registry=self.registry)

        self._labels = (service, contract)
        self._jobs = labelled("jobs_total", "Deliveries by what came of them.", "outcome")
        self._duplicates = labelled("duplicate_total", "Deliveries of a job that another had.", "state")
        self._signatures = labelled("signature_fail_total", "Requests that QStash did not sign.", "reason")
        self._leases_lost: Counter = bound(Counter, "lease_lost_total", "Jobs that were taken over.")
        self._inflight: Gauge = bound(Gauge, "inflight", "Jobs that run now.")
        self._attempts: Histogram = bound(
            Histogram, "attempts", "Which delivery of a job ran it.", buckets=(1, 2, 3, 4, 6, 8, 12)
        )
        self._seconds: Histogram = bound(Histogram, "job_seconds", "How long jobs ran.", buckets=_SECONDS)
        self._waits: Histogram = bound(
            Histogram, "queue_wait_seconds", "From enqueueing to the first delivery.", buckets=_WAIT_SECONDS
        )
        self._outbox_lag: Gauge = bound(Gauge, "outbox_lag_seconds", "Age of the oldest unsent message.")

    def delivered(self, outcome: str) -> None:
        """Count a delivery that needs no other."""
        self._jobs.labels(*self._labels, outcome).inc()
        if outcome != "done":
            self._duplicates.labels(*self._labels, outcome).inc()

    def refused(self, error: Exception) -> None:
        """Count a delivery that ended with an error."""
        match error:
            case SignatureRejected():
                self._signatures.labels(*self._labels, error.reason).inc()
                return
            case ClaimLost():
                self._leases_lost.inc()
            case JobError(code="duplicate_in_flight"):
                self._duplicates.labels(*self._labels, "running").inc()
            case _:
                pass
        outcome = error.code if isinstance(error, JobError) else "internal_error"
        self._jobs.labels(*self._labels, outcome).inc()

    @contextmanager
    def running(self, *, attempt: int, waited: float | None) -> Generator[None]:
        """Time one run of a job.

        Args:
            attempt: 1 for its first delivery.
            waited: seconds since it was enqueued, where that is known.
        """
        self._attempts.observe(attempt)
        if waited is not None and attempt == 1:
            self._waits.observe(max(0.0, waited))
        with self._inflight.track_inprogress(), self._seconds.time():
            yield

    def routes(self, pool: Pool, tokens: TokenReader) -> list[HTTPRouteHandler]:
        """Make the route that Prometheus reads."""

        @get("/metrics", include_in_schema=False)
        async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
            if not tokens.read(request.headers.get("authorization")).operator:
                raise TokenRejected
            try:
                _, oldest = await outbox.waiting(pool)
            except TRANSIENT_ERRORS:
                oldest = float("nan")
            self._outbox_lag.set(oldest)
            return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)

        return [metrics]
