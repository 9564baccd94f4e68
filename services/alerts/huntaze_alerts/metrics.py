"""Samples of metrics, summed up by the minute.

A counter's sample is how much it grew since the last one. A timing falls into a class of sizes, each ten
percent wider than the one before, so that percentiles can be read off sums:

    class = ceil(ln(value) / ln(1.1))        (the idea of DDSketch, Masson, Rim and Lee 2019)
"""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from huntaze_common.postgres import Connection, Pool
from huntaze_contracts.alerts import Labels, MetricName
from huntaze_contracts.base import Id, Instant, Payload
from msgspec import Meta, field

from huntaze_alerts import store

_GROWTH = math.log(1.1)
_SMALLEST, _LARGEST = -32_000, 32_000


class Sample(Payload, frozen=True):
    """One observation of one metric."""

    metric: MetricName
    kind: Literal["counter", "gauge", "timing"]
    value: Annotated[float, Meta(ge=-1e15, le=1e15, description="Timings are in seconds, never negative.")]
    at: Instant | None = None
    user_id: Id | None = None
    labels: Labels = field(default_factory=dict)


def size_class(sample: Sample) -> int:
    """Return the class that a timing falls into; 0 for all else."""
    if sample.kind != "timing":
        return 0
    if sample.value <= 0:
        return _SMALLEST
    return max(_SMALLEST, min(_LARGEST, math.ceil(math.log(sample.value) / _GROWTH)))


async def save(connection: Connection | Pool, samples: Sequence[Sample], *, now: datetime) -> None:
    """Add samples to the minutes that they belong to; those without a time belong to ``now``."""
    rows = [
        (sample, (sample.at or now).replace(second=0, microsecond=0), size_class(sample))
        for sample in samples
    ]
    await store.save_points(
        connection,
        [
            store.Point(
                metric=sample.metric,
                subject=sample.user_id or "",
                labels=sample.labels,
                at=at,
                size=size,
                value=sample.value,
            )
            for sample, at, size in rows
        ],
    )


async def count(connection: Connection | Pool, metric: str, amount: float, *, at: datetime) -> None:
    """Count something about this service itself."""
    await save(connection, [Sample(metric=metric, kind="counter", value=amount)], now=at)
