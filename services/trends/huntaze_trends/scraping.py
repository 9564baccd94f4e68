"""Apify, as far as we use it: start a run once, look after it, read its dataset in pages."""

from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import impit
import msgspec
from apify_client import ApifyClientAsync
from apify_client.errors import ApifyApiError, ApifyClientError
from huntaze_common.errors import RateLimited, UpstreamUnavailable

from huntaze_trends.actors import Actor
from huntaze_trends.errors import ApifyRefused, ScrapeFailed

PAGE = 1000
RUN_TIMEOUT = timedelta(minutes=15)
_ANSWER_TIMEOUT = timedelta(seconds=20)
_UNFINISHED = frozenset({"READY", "RUNNING", "TIMING-OUT", "ABORTING"})
_ENDED = ("ACTOR.RUN.SUCCEEDED", "ACTOR.RUN.FAILED", "ACTOR.RUN.TIMED_OUT", "ACTOR.RUN.ABORTED")


@dataclass(frozen=True, slots=True)
class ActorRun:
    """A run of an actor."""

    id: str
    dataset_id: str
    status: str
    started_at: datetime
    finished_at: datetime | None
    cost_usd: float | None
    """What Apify charges, as far as it knows by now."""

    @property
    def unfinished(self) -> bool:
        """Whether it still runs, or waits to."""
        return self.status in _UNFINISHED

    @property
    def complete(self) -> bool:
        """Whether it ended by itself; what was stopped leaves a part of the posts."""
        return self.status == "SUCCEEDED"


@dataclass(frozen=True, slots=True)
class Callback:
    """What Apify calls when a run has ended. It does not sign: the header is how we know it."""

    url: str
    body: str
    """A JSON template; ``{{…}}`` stands for values of the event."""
    header: tuple[str, str]


class Apify:
    """Apify's API through its own client."""

    def __init__(self, token: str, api_url: str) -> None:
        """Take the account's token and the API's address."""
        # The client repeats failed POSTs, and Apify has no idempotency key: two lost answers to a start would
        # be three paid runs. So starts are sent once, and an unclear one is looked up.
        self._once = ApifyClientAsync(token, api_url=api_url, max_retries=0)
        self._client = ApifyClientAsync(
            token,
            api_url=api_url,
            max_retries=2,
            timeout_medium=_ANSWER_TIMEOUT,
            timeout_long=_ANSWER_TIMEOUT,
        )

    async def start(
        self, actor: Actor, run_input: dict[str, Any], *, most: int, most_usd: Decimal, callback: Callback
    ) -> ActorRun:
        """Start a run that is bounded in time, memory, items and cost.

        Raises:
            ApifyRefused: it was not started, and never will be as it is.
            RateLimited: it was not started.
            UpstreamUnavailable: whether it started is not known; look it up before trying again.
        """
        with _apify_errors():
            return _run(
                await self._once.actor(actor.id).start(
                    run_input=run_input,
                    max_items=most,
                    max_total_charge_usd=most_usd,
                    memory_mbytes=actor.memory_mb,
                    run_timeout=RUN_TIMEOUT,
                    webhooks=[_webhook(callback)],
                )
            )

    async def started_since(self, actor: Actor, since: datetime) -> list[ActorRun]:
        """List the actor's runs from ``since`` on, oldest first."""
        with _apify_errors():
            page = await self._client.actor(actor.id).runs().list(desc=True, limit=100)
            return [run for run in map(_run, reversed(page.items)) if run.started_at >= since]

    async def input_of(self, run_id: str) -> Any:
        """Return what a run was asked; None when Apify does not tell."""
        with _apify_errors():
            record = await self._client.run(run_id).key_value_store().get_record("INPUT")
        return record["value"] if record else None

    async def look(self, run_id: str) -> ActorRun:
        """Read a run's state.

        Raises:
            ScrapeFailed: the run is gone.
        """
        with _apify_errors():
            found = await self._client.run(run_id).get()
            if found is None:
                raise ScrapeFailed(f"Apify knows no run {run_id}")
            return _run(found)

    async def count(self, dataset_id: str) -> int:
        """Return how many rows a dataset says it has."""
        with _apify_errors():
            dataset = await self._client.dataset(dataset_id).get()
            return dataset.item_count if dataset else 0

    async def rows(self, actor: Actor, dataset_id: str) -> AsyncGenerator[bytes]:
        """Yield the dataset's rows as they are, page by page until an empty one.

        A page may be shorter than asked and may break off in the middle of a row: what was not read is asked
        for again, so nothing is lost and nothing comes twice.
        """
        offset = 0
        while True:
            with _apify_errors():
                page = await self._client.dataset(dataset_id).get_items_as_bytes(
                    item_format="jsonl", offset=offset, limit=PAGE, fields=list(actor.fields)
                )
            rows = [row for row in page.split(b"\n") if row.strip()]
            if 1 < len(rows) < PAGE and not page.endswith(b"\n") and not _is_json(rows[-1]):
                rows.pop()
            if not rows:
                return
            for row in rows:
                yield row
            offset += len(rows)


@contextmanager
def _apify_errors() -> Generator[None]:
    """Turn the client's errors into ours; no message holds an address, whose query may hold a token."""
    try:
        yield
    except ApifyApiError as error:
        if error.status_code == 429:
            raise RateLimited("Apify asks us to slow down", after=60) from error
        if error.status_code in (408, 409) or error.status_code >= 500:
            raise UpstreamUnavailable(f"Apify answered {error.status_code}", after=30) from error
        raise ApifyRefused(
            f"Apify refused ({error.status_code}): {error.type or 'no reason given'}"
        ) from error
    except (impit.HTTPError, ApifyClientError, ValueError, OSError, TimeoutError) as error:
        raise UpstreamUnavailable(f"Apify did not answer well ({type(error).__name__})", after=30) from error


def _webhook(callback: Callback) -> Any:
    name, value = callback.header
    return {
        "event_types": list(_ENDED),
        "request_url": callback.url,
        "payload_template": callback.body,
        "headers_template": msgspec.json.encode({name: value}).decode(),
    }


def _is_json(row: bytes) -> bool:
    try:
        msgspec.json.decode(row, type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return True


def _run(run: Any) -> ActorRun:
    return ActorRun(
        id=run.id,
        dataset_id=run.default_dataset_id,
        status=str(getattr(run.status, "value", run.status)),
        started_at=run.started_at,
        finished_at=run.finished_at,
        cost_usd=getattr(run, "usage_total_usd", None),
    )
