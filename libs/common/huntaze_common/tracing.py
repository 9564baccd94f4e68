"""OpenTelemetry traces that follow a job across the queue, through the trace context in its signed body.

Only the API is used here: without an SDK all of this costs next to nothing and passes the context on. To
export traces, install `opentelemetry-distro` with an exporter and start the service through it, as in
`opentelemetry-instrument python -m huntaze_video serve`; the standard OTEL_* variables say where to.
"""

from collections.abc import Generator
from contextlib import contextmanager

from huntaze_contracts.base import TraceContext
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from huntaze_common.errors import JobError

_tracer = trace.get_tracer("huntaze_common")
_propagator = TraceContextTextMapPropagator()
_LONGEST_STATE = 512
"""Characters of tracestate that a contract takes; it is the vendors' own and may be dropped."""


@contextmanager
def job_span(worker: str, parent: TraceContext | None, *, message_id: str | None) -> Generator[trace.Span]:
    """Run one delivery of a job as a span below the one that enqueued it.

    Names follow the semantic conventions for messaging spans. An error is named by its code; its text stays
    out, since traces are read by more people than logs.
    """
    carrier = {"traceparent": parent.traceparent, "tracestate": parent.tracestate} if parent else {}
    attributes = {
        "messaging.system": "qstash",
        "messaging.operation.type": "process",
        "messaging.destination.name": worker,
        **({"messaging.message.id": message_id} if message_id else {}),
    }
    with _tracer.start_as_current_span(
        f"process {worker}",
        context=_propagator.extract(carrier),
        kind=SpanKind.CONSUMER,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except Exception as error:
            span.set_attribute(
                "error.type", error.code if isinstance(error, JobError) else type(error).__name__
            )
            span.set_status(StatusCode.ERROR)
            raise


def current_context() -> TraceContext | None:
    """Return the present span's context, to be put into the envelopes of the jobs that follow from it."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    if "traceparent" not in carrier:
        return None
    state = carrier.get("tracestate", "")
    return TraceContext(
        traceparent=carrier["traceparent"], tracestate=state if len(state) <= _LONGEST_STATE else ""
    )


def current_trace_id() -> str | None:
    """Return the present trace's id in hexadecimal, for logs."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None
