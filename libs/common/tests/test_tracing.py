"""Traces across the queue: with the SDK and its in-memory exporter, and without any SDK."""

import json
import subprocess
import sys
from typing import Any

import pytest
from huntaze_common import tracing
from huntaze_common.errors import UpstreamUnavailable
from huntaze_contracts.base import TraceContext
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = TraceContext(traceparent=f"00-{TRACE_ID}-{SPAN_ID}-01", tracestate="vendor=1")


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """The process's exporter: the API takes one provider for the life of a process."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(exporter: Any) -> Any:
    exporter.clear()
    return exporter.get_finished_spans


def ids(span: Any) -> tuple[str, str, str]:
    return (
        trace.format_trace_id(span.context.trace_id),
        trace.format_span_id(span.context.span_id),
        trace.format_span_id(span.parent.span_id),
    )


async def test_a_job_and_its_follow_up_are_one_trace(service: Any, spans: Any) -> None:
    """The web request, the job, and the job that follows from it, each below the one before."""
    await service.deliver(service.job("a", trace_context=PARENT), message_id="msg_1")
    [span] = spans()
    trace_id, span_id, parent_id = ids(span)
    assert (trace_id, parent_id) == (TRACE_ID, SPAN_ID)
    assert span.name == "process alert-checker"
    assert span.attributes["messaging.message.id"] == "msg_1"

    [follow_up] = service.qstash.published
    context = json.loads(follow_up.body)["traceContext"]
    assert context == {"traceparent": f"00-{TRACE_ID}-{span_id}-01", "tracestate": "vendor=1"}


async def test_a_forged_header_changes_no_trace(service: Any, spans: Any) -> None:
    """Headers are not signed: what they say of a trace is not believed."""
    service.http.headers["traceparent"] = f"00-{'f' * 32}-{'e' * 16}-01"
    await service.deliver(service.job("a", trace_context=PARENT))
    assert ids(spans()[0])[0] == TRACE_ID


def test_an_error_is_named_by_its_code_and_its_text_kept_out(spans: Any) -> None:
    for error in (UpstreamUnavailable("canary"), ValueError("canary")):
        with pytest.raises(type(error)), tracing.job_span("w", None, message_id=None):
            raise error
    assert [span.attributes["error.type"] for span in spans()] == ["upstream_unavailable", "ValueError"]
    assert [span.status.status_code.name for span in spans()] == ["ERROR", "ERROR"]
    assert "canary" not in "".join(span.to_json() for span in spans())


def test_a_long_state_is_dropped_before_a_contract_refuses_it(spans: Any) -> None:
    entries = ",".join(f"vendor{n}={'x' * 60}" for n in range(20))
    parent = TraceContext(traceparent=PARENT.traceparent, tracestate=entries)
    with tracing.job_span("w", parent, message_id=None):
        context = tracing.current_context()
    assert context is not None
    assert context.tracestate == ""


def test_without_an_sdk_the_context_is_passed_on() -> None:
    """A service that exports nothing must not cut the traces of those around it."""
    program = f"""
from huntaze_common import tracing
from huntaze_contracts.base import TraceContext
parent = TraceContext(traceparent="{PARENT.traceparent}", tracestate="vendor=1")
assert tracing.current_context() is None
assert tracing.current_trace_id() is None
with tracing.job_span("w", None, message_id=None):
    assert tracing.current_context() is None
with tracing.job_span("w", parent, message_id="m"):
    assert tracing.current_context() == parent
    assert tracing.current_trace_id() == "{TRACE_ID}"
"""
    subprocess.run([sys.executable, "-c", program], check=True)
