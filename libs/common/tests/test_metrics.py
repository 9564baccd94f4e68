"""What is counted while a service runs, read as Prometheus reads it."""

from typing import Any

import pytest
from huntaze_common.errors import ClaimLost, UpstreamUnavailable
from huntaze_common.metrics import Metrics
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

OURS = {"service": "counting", "contract": "alert-checker"}


class Samples:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self.families = list(text_string_to_metric_families(text))

    def value(self, name: str, **labels: str) -> float:
        wanted = {**OURS, **labels}
        samples = [sample for family in self.families for sample in family.samples if sample.name == name]
        assert all(wanted.keys() - {"le"} <= sample.labels.keys() for sample in samples), name
        return sum(sample.value for sample in samples if wanted.items() <= sample.labels.items())


async def scrape(service: Any) -> Samples:
    answer = await service.http.get("/metrics", headers=service.bearer("ops", operator=True))
    assert answer.headers["content-type"].startswith("text/plain")
    return Samples(answer.text)


async def test_a_job_is_counted_timed_and_its_wait_known(service: Any) -> None:
    assert (await service.deliver(service.job("a"))).status_code == 200
    found = await scrape(service)
    assert found.value("jobs_total", outcome="done") == 1
    assert found.value("job_seconds_count") == found.value("queue_wait_seconds_count") == 1
    assert 0 <= found.value("queue_wait_seconds_sum") < 5
    assert found.value("attempts_bucket", le="1.0") == 1
    assert found.value("inflight") == 0


async def test_what_did_not_run_is_told_apart(service: Any) -> None:
    await service.deliver(service.job("a"))
    await service.deliver(service.job("a"))
    await service.deliver(b"{")
    await service.deliver(service.job("b"), key="sig_unknown_" + "x" * 32)
    await service.deliver(service.job("b"), at=1_000_000)
    found = await scrape(service)
    assert (
        found.value("jobs_total", outcome="replayed") == found.value("duplicate_total", state="replayed") == 1
    )
    assert found.value("jobs_total", outcome="payload_invalid") == 1
    assert found.value("signature_fail_total", reason="signature") == 1
    assert found.value("signature_fail_total", reason="expired") == 1
    assert found.value("jobs_total") == 3


async def test_messages_that_wait_show_in_the_lag(service: Any) -> None:
    assert (await scrape(service)).value("outbox_lag_seconds") == 0
    service.qstash.status = 503
    await service.deliver(service.job("a"))
    assert (await scrape(service)).value("outbox_lag_seconds") > 0


async def test_only_operators_read_the_metrics(service: Any) -> None:
    """The service's address is public, and how much is done is nobody else's business."""
    for headers in ({}, service.bearer("u1")):
        assert (await service.http.get("/metrics", headers=headers)).status_code == 401


@pytest.mark.parametrize(
    ("error", "name", "labels"),
    [
        (ClaimLost("x"), "lease_lost_total", {}),
        (ClaimLost("x"), "jobs_total", {"outcome": "claim_lost"}),
        (UpstreamUnavailable("x"), "jobs_total", {"outcome": "upstream_unavailable"}),
        (ZeroDivisionError("x"), "jobs_total", {"outcome": "internal_error"}),
    ],
)
def test_an_error_is_counted_by_its_code(error: Exception, name: str, labels: dict[str, str]) -> None:
    metrics = Metrics("counting", "alert-checker")
    metrics.refused(error)
    assert Samples(generate_latest(metrics.registry).decode()).value(name, **labels) == 1


def test_a_job_in_flight_is_seen_and_a_retry_has_no_wait() -> None:
    metrics = Metrics("counting", "alert-checker")
    with metrics.running(attempt=2, waited=9.0):
        found = Samples(generate_latest(metrics.registry).decode())
        assert (found.value("inflight"), found.value("queue_wait_seconds_count")) == (1, 0)
    with pytest.raises(ZeroDivisionError), metrics.running(attempt=1, waited=-3.0):
        raise ZeroDivisionError
    found = Samples(generate_latest(metrics.registry).decode())
    assert (found.value("inflight"), found.value("job_seconds_count")) == (0, 2)
    assert (found.value("queue_wait_seconds_count"), found.value("queue_wait_seconds_sum")) == (1, 0)
