"""Publish jobs and apply schedules through the official QStash client."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

import httpx
import msgspec
from huntaze_contracts.base import Envelope, Payload, TraceContext
from huntaze_contracts.registry import WORKERS, Worker
from qstash import AsyncQStash
from qstash.errors import QStashError
from qstash.http import RetryConfig

from huntaze_common.errors import ConfigurationError

# Tried by the outbox again anyway; the client's own default would hold a delivery for 32 seconds.
_CLIENT_RETRY: RetryConfig = {"retries": 1, "backoff": lambda retry_count: 100.0 * (1 + retry_count)}
_JSON = "application/json"
FAILURE_CALLBACK_PATH = "/callbacks/failure"
"""Where each service hears that QStash gave one of its messages up."""


class PublishFailed(Exception):
    """QStash did not take the message; the text holds no secret."""


class Publisher(Protocol):
    """Sends encoded envelopes to workers."""

    async def publish(self, worker: str, body: bytes, *, dedup_id: str, delay: timedelta) -> str:
        """Send one message and return its id; raise `PublishFailed`."""
        ...


class QStashPublisher:
    """Sends jobs to the workers' public URLs."""

    def __init__(self, *, token: str, url: str, worker_urls: Mapping[str, str]) -> None:
        """Take the account's token, QStash's URL, and where each worker that we send to is deployed."""
        self._client = AsyncQStash(token, base_url=url, retry=_CLIENT_RETRY)
        self._worker_urls = worker_urls

    async def aclose(self) -> None:
        """Close the connections to QStash."""
        # The official client has no way of its own to do so.
        await self._client.http._client.aclose()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    def destination(self, worker: Worker) -> str:
        """Return the public URL of a worker's endpoint.

        Raises:
            ConfigurationError: WORKER_URLS does not say where the worker is.
        """
        base = self._worker_urls.get(worker.name)
        if base is None:
            raise ConfigurationError(f"WORKER_URLS has no entry for {worker.name}")
        return base + worker.path

    async def publish(
        self, worker: str, body: bytes, *, dedup_id: str, delay: timedelta = timedelta(0)
    ) -> str:
        """Send one encoded envelope and return the message's id.

        Raises:
            PublishFailed: QStash refused the message or could not be reached.
            ConfigurationError: nobody told where the worker is.
        """
        target = WORKERS[worker]
        destination = self.destination(target)
        try:
            answer = await self._client.message.publish(
                url=destination,
                body=body,
                content_type=_JSON,
                retries=target.retries,
                timeout=target.timeout,
                delay=round(delay.total_seconds()) or None,
                deduplication_id=dedup_id,
                failure_callback=self._worker_urls[worker] + FAILURE_CALLBACK_PATH,
                flow_control={"key": worker, "parallelism": target.parallelism},
                label=worker,
            )
        except QStashError as error:
            raise PublishFailed(f"QStash refused the message: {error}") from error
        except (httpx.HTTPError, OSError) as error:
            raise PublishFailed(f"QStash could not be reached: {type(error).__name__}") from error
        return answer.message_id  # pyright: ignore[reportAttributeAccessIssue] - one URL gives one answer

    async def schedule(self, worker: str, *, schedule_id: str, cron: str, body: bytes) -> None:
        """Make or replace a schedule; its id is stable, so applying it twice changes nothing.

        Raises:
            PublishFailed: QStash refused the schedule or could not be reached.
        """
        target = WORKERS[worker]
        try:
            await self._client.schedule.create(
                destination=self.destination(target),
                cron=cron,
                body=body,
                content_type=_JSON,
                retries=target.retries,
                timeout=target.timeout,
                schedule_id=schedule_id,
                failure_callback=self._worker_urls[worker] + FAILURE_CALLBACK_PATH,
                flow_control={"key": worker, "parallelism": target.parallelism},
                label=worker,
            )
        except QStashError as error:
            raise PublishFailed(f"QStash refused schedule {schedule_id}: {error}") from error
        except (httpx.HTTPError, OSError) as error:
            raise PublishFailed(f"QStash could not be reached: {type(error).__name__}") from error


def encode_job(
    worker: str,
    payload: Payload,
    *,
    job_id: str,
    user_id: str | None,
    enqueued_at: datetime,
    trace_context: TraceContext | None = None,
) -> bytes:
    """Put a payload into its envelope, ready to be signed and sent.

    Raises:
        ValueError: the payload is not one of the worker's, breaks its contract, or is too large.
    """
    target = WORKERS[worker]
    try:
        checked = msgspec.convert(msgspec.to_builtins(payload), target.payload)
        envelope = Envelope(
            type=worker,
            job_id=msgspec.convert(job_id, Envelope.__annotations__["job_id"]),
            user_id=user_id,
            enqueued_at=enqueued_at,
            trace_context=trace_context,
            payload=msgspec.Raw(msgspec.json.encode(checked)),
        )
    except msgspec.ValidationError as error:
        raise ValueError(f"{worker}: {error}") from None
    body = msgspec.json.encode(envelope)
    if len(body) > target.max_body:
        raise ValueError(f"{worker}: the message has {len(body)} bytes, the limit is {target.max_body}")
    return body
