"""What others know and nobody sends: dead letters, late messages, refused signatures. Asked before a check.

A probe that fails leaves a gap and harms no check: rules without data keep their state. What did not change
is not written: a quiet tick stays quiet.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx
import msgspec
import structlog
from huntaze_common.postgres import Pool
from prometheus_client.parser import text_string_to_metric_families

from huntaze_alerts import metrics, store
from huntaze_alerts.metrics import Sample

_log = structlog.get_logger()

PUNCTUAL = 60.0
"""Seconds that a message may wait without being late."""
MOST_DEAD_LETTERS = 100
MOST_EVENTS = 1000
_WAITING = {"CREATED", "RETRY", "ERROR"}
_OVER = {"DELIVERED", "FAILED", "CANCELED", "CANCEL_REQUESTED"}


class DeadLetters(msgspec.Struct):
    """A page of `GET /v2/dlq`."""

    messages: list[msgspec.Raw]


class Event(msgspec.Struct, rename="camel"):
    """An entry of QStash's log: times are in milliseconds."""

    time: int
    message_id: str
    state: str
    next_delivery_time: int | None = None


class Events(msgspec.Struct):
    """A page of `GET /v2/events`, newest first."""

    events: list[Event]


@dataclass(frozen=True, slots=True)
class Probes:
    """Asks QStash and the workers."""

    http: httpx.AsyncClient
    pool: Pool
    qstash_url: str
    qstash_token: str
    workers: Mapping[str, str]
    """Base URL of each worker, by name."""
    operator_token: Callable[[], str] | None
    """Makes a token for the workers' `/metrics`; None where the status API is closed."""

    async def take(self, now: datetime) -> None:
        """Ask everybody at once and keep what they say; never fails."""
        probes = [self._dead_letters(now), self._queue_age(now)]
        if self.operator_token is not None:
            token = self.operator_token()
            probes += [self._signatures(worker, url, token, now) for worker, url in self.workers.items()]
        for outcome in await asyncio.gather(*probes, return_exceptions=True):
            if isinstance(outcome, (httpx.HTTPError, msgspec.DecodeError, ValueError)):
                _log.warning("probe_failed", error=type(outcome).__name__)
            elif isinstance(outcome, BaseException):
                raise outcome

    async def _dead_letters(self, now: datetime) -> None:
        answer = await self._ask("/v2/dlq", {"count": MOST_DEAD_LETTERS})
        count = len(msgspec.json.decode(answer, type=DeadLetters).messages)
        await self._gauge("qstash.dead_letters", count, now)

    async def _queue_age(self, now: datetime) -> None:
        answer = await self._ask("/v2/events", {"count": MOST_EVENTS})
        late = lateness(msgspec.json.decode(answer, type=Events).events, now)
        await self._gauge("qstash.queue_seconds", late if late > PUNCTUAL else 0.0, now)

    async def _signatures(self, worker: str, url: str, token: str, now: datetime) -> None:
        answer = await self.http.get(f"{url}/metrics", headers={"authorization": f"Bearer {token}"})
        instance, refused = read_signature_failures(answer.raise_for_status().text)
        async with self.pool.acquire() as connection, connection.transaction():
            growth = await store.count_up(connection, worker, instance, refused, now)
            if growth > 0:
                sample = Sample(metric="worker.signature_failures", kind="counter", value=growth,
                                labels={"worker": worker})  # fmt: skip
                await metrics.save(connection, [sample], now=now)

    async def _ask(self, path: str, parameters: Mapping[str, int]) -> bytes:
        headers = {"authorization": f"Bearer {self.qstash_token}"}
        answer = await self.http.get(self.qstash_url + path, params=dict(parameters), headers=headers)
        return answer.raise_for_status().content

    async def _gauge(self, metric: str, value: float, now: datetime) -> None:
        """Keep a gauge, unless it was zero and still is."""
        if value or await store.last_value(self.pool, metric):
            await metrics.save(self.pool, [Sample(metric=metric, kind="gauge", value=value)], now=now)


def lateness(events: Sequence[Event], now: datetime) -> float:
    """Return for how many seconds the longest waiting message has been due.

    A message waits while its newest event says that it was created or is to be tried again. It is due from
    its creation, or from the end of the delay that it was created with.

    Args:
        events: newest first; messages whose creation lies before them count from their oldest event.
        now: the instant to count to.
    """
    newest: dict[str, Event] = {}
    oldest: dict[str, Event] = {}
    over = {event.message_id for event in events if event.state in _OVER}
    for event in events:
        newest.setdefault(event.message_id, event)
        oldest[event.message_id] = event
    due = [
        max(first.time, first.next_delivery_time or 0) if first.state == "CREATED" else first.time
        for message, first in oldest.items()
        if message not in over and newest[message].state in _WAITING
    ]
    return max(0.0, now.timestamp() - min(due) / 1000) if due else 0.0


def read_signature_failures(page: str) -> tuple[str, float]:
    """Read from a worker's metrics page which process answered, and how many signatures it refused so far.

    Raises:
        ValueError: it is no such page.
    """
    instance, refused = "", 0.0
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == "process_start_time_seconds":
                instance = str(sample.value)
            elif sample.name == "signature_fail_total":
                refused += sample.value
    if not instance:
        raise ValueError("the page has no process_start_time_seconds")
    return instance, refused
