"""Apify, as far as we use it: start a run once, look after it, read its dataset in pages."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from apify_client import ApifyClientAsync
from apify_client.errors import ApifyApiError
from huntaze_common.errors import RateLimited, UpstreamUnavailable

from huntaze_trends.actors import Actor
from huntaze_trends.errors import ScrapeFailed

PAGE = 1000
_RUN_TIMEOUT = timedelta(minutes=10)
_MEMORY_MB = 1024
_SUCCEEDED = "SUCCEEDED"
_UNFINISHED = frozenset({"READY", "RUNNING", "TIMING-OUT", "ABORTING"})


@dataclass(frozen=True, slots=True)
class ActorRun:
    """A run of an actor."""

    id: str
    dataset_id: str
    status: str
    started_at: datetime

    @property
    def unfinished(self) -> bool:
        """Whether it still runs, or waits to."""
        return self.status in _UNFINISHED


class Scraper(Protocol):
    """What the job needs of Apify."""

    async def start(self, actor: Actor, run_input: dict[str, Any], *, most: int) -> ActorRun:
        """Start a run, once."""
        ...

    async def started_since(self, actor: Actor, since: datetime) -> list[ActorRun]:
        """List the actor's runs from ``since`` on, oldest first."""
        ...

    async def look(self, run_id: str) -> ActorRun:
        """Read a run's state."""
        ...

    def rows(self, actor: Actor, dataset_id: str) -> AsyncGenerator[bytes]:
        """Yield the dataset's rows as they are, undecoded."""
        ...


class ApifyScraper:
    """Apify's API through its own client."""

    def __init__(self, token: str, api_url: str, *, most_usd: float) -> None:
        """Take the account's token, the API's address, and what one run may cost."""
        # The client repeats failed POSTs, and Apify has no idempotency key: two lost answers to a start would
        # be three paid runs. So starts are sent once, and an unclear one is looked up.
        self._once = ApifyClientAsync(token, api_url=api_url, max_retries=0)
        self._client = ApifyClientAsync(token, api_url=api_url, max_retries=2)
        self._most_usd = Decimal(str(most_usd))

    async def start(self, actor: Actor, run_input: dict[str, Any], *, most: int) -> ActorRun:
        """Start a run that is bounded in time, memory, items and cost.

        Raises:
            RateLimited, UpstreamUnavailable: whether it started is not known; look it up before trying again.
        """
        with _apify_errors():
            run = await self._once.actor(actor.id).start(
                run_input=run_input,
                max_items=most,
                max_total_charge_usd=self._most_usd,
                memory_mbytes=_MEMORY_MB,
                run_timeout=_RUN_TIMEOUT,
            )
        return _run(run)

    async def started_since(self, actor: Actor, since: datetime) -> list[ActorRun]:
        """List the actor's runs from ``since`` on, oldest first."""
        with _apify_errors():
            page = await self._client.actor(actor.id).runs().list(desc=True, limit=100)
        return [run for run in map(_run, reversed(page.items)) if run.started_at >= since]

    async def look(self, run_id: str) -> ActorRun:
        """Read a run's state.

        Raises:
            ScrapeFailed: the run is gone, or ended without success.
        """
        with _apify_errors():
            found = await self._client.run(run_id).get()
        if found is None:
            raise ScrapeFailed(f"Apify knows no run {run_id}")
        run = _run(found)
        if not run.unfinished and run.status != _SUCCEEDED:
            raise ScrapeFailed(f"the actor's run ended as {run.status}")
        return run

    async def rows(self, actor: Actor, dataset_id: str) -> AsyncGenerator[bytes]:
        """Yield the dataset's rows, page by page, until a page is not full."""
        offset = 0
        while True:
            with _apify_errors():
                page = await self._client.dataset(dataset_id).get_items_as_bytes(
                    item_format="jsonl", offset=offset, limit=PAGE, fields=list(actor.fields)
                )
            rows = [row for row in page.split(b"\n") if row.strip()]
            for row in rows:
                yield row
            if len(rows) < PAGE:
                return
            offset += PAGE


class _apify_errors:  # noqa: N801 - reads like the context that it is
    """Turn the client's errors into ours."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: object, error: BaseException | None, _traceback: object) -> None:
        """Translate."""
        if isinstance(error, ApifyApiError):
            if error.status_code == 429:
                raise RateLimited("Apify asks us to slow down", after=60) from error
            raise UpstreamUnavailable(f"Apify answered {error.status_code}", after=60) from error
        if isinstance(error, (OSError, TimeoutError)) or type(error).__module__.startswith("impit"):
            raise UpstreamUnavailable(f"Apify did not answer ({type(error).__name__})", after=60) from error


def _run(run: Any) -> ActorRun:
    return ActorRun(
        run.id, run.default_dataset_id, str(getattr(run.status, "value", run.status)), run.started_at
    )
