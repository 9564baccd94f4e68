"""Runs of the actor: what they found, and when they finish."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from litestar.exceptions import NotFoundException

from huntaze_local.apify import posts
from huntaze_local.apify.webhooks import Webhook, call

SUCCEEDED = "ACTOR.RUN.SUCCEEDED"


@dataclass(slots=True)
class Run:
    """One run of an actor and the items that it found."""

    id: str
    actor: str
    started_at: datetime
    ends_at: datetime
    options: dict[str, Any]
    items: list[dict[str, Any]]
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def dataset_id(self) -> str:
        """The dataset has an id of its own, as on Apify."""
        return f"dataset-{self.id}"

    def shown(self) -> dict[str, Any]:
        """Return the run as the API shows it."""
        done = self.finished.is_set()
        return {
            "id": self.id,
            "actId": self.actor,
            "userId": "sample-user",
            "status": "SUCCEEDED" if done else "RUNNING",
            "statusMessage": "Sample data: nothing was scraped",
            "startedAt": instant(self.started_at),
            "finishedAt": instant(self.ends_at) if done else None,
            "meta": {"origin": "API"},
            "stats": {},
            "options": {"build": "latest", "timeoutSecs": 3600, "diskMbytes": 2048, **self.options},
            "buildId": "sample-build",
            "usageTotalUsd": 0.0,
            "defaultKeyValueStoreId": f"store-{self.id}",
            "defaultDatasetId": self.dataset_id,
            "defaultRequestQueueId": f"queue-{self.id}",
        }

    def event(self) -> dict[str, Any]:
        """Return what a webhook is told of the run's success."""
        return {
            "userId": "sample-user",
            "createdAt": instant(self.ends_at),
            "eventType": SUCCEEDED,
            "eventData": {"actorId": self.actor, "actorRunId": self.id},
            "resource": self.shown(),
        }


class Runs:
    """All runs since the start, and the work that goes on for them."""

    def __init__(self, run_takes: float) -> None:
        """Let a run take so many seconds."""
        self._run_takes = timedelta(seconds=run_takes)
        self._by_id: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, actor: str, run_input: Mapping[str, Any], options: dict[str, Any]) -> Run:
        """Start a run, which finds what there is at this moment."""
        now = datetime.now(UTC)
        items = _found(run_input, now)[: options.get("maxItems")]
        run = Run(secrets.token_hex(8), actor, now, now + self._run_takes, options, items)
        self._by_id[run.id] = run
        return run

    def finish_later(self, run: Run, webhooks: list[Webhook]) -> None:
        """Let the run succeed in due time, and then call its webhooks."""

        async def finish() -> None:
            await asyncio.sleep((run.ends_at - datetime.now(UTC)).total_seconds())
            run.finished.set()
            due = [hook for hook in webhooks if SUCCEEDED in hook.event_types]
            await asyncio.gather(*(call(hook, run.event()) for hook in due))

        task = asyncio.create_task(finish())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def get(self, run_id: str) -> Run:
        """Return a run.

        Raises:
            NotFoundException: there is none, which the API answers with 404.
        """
        if run_id not in self._by_id:
            raise NotFoundException("Actor run was not found")
        return self._by_id[run_id]

    def of(self, actor: str) -> list[Run]:
        """Return the runs of an actor, the oldest first."""
        return [run for run in self._by_id.values() if run.actor == actor]


def _found(run_input: Mapping[str, Any], now: datetime) -> list[dict[str, Any]]:
    """Return what a scraper would find for its input: a hashtag is on every post, a profile has its own."""
    items = posts.posts(now)
    if profiles := run_input.get("profiles"):
        return [item for item in items if item["authorMeta"]["name"] in profiles]
    queries = [*run_input.get("hashtags", []), *run_input.get("searchQueries", [])]
    query = str(queries[0]) if queries else ""
    for item in items:
        if query and "hashtags" in item:
            item["hashtags"].append({"name": query})
            item["searchHashtag"] = {"name": query}
            item["input"] = query
    return items


def instant(moment: datetime) -> str:
    """Write an instant as Apify does."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
