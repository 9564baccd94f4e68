"""Apify's call that a run has ended. Apify does not sign, it repeats the proof that it was given."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from huntaze_common.ledger import outbox
from huntaze_common.postgres import Pool
from huntaze_common.publishing import Publisher, encode_job
from huntaze_contracts.trends import CollectPosts
from msgspec import Struct

from huntaze_trends import store
from huntaze_trends.scraping import Callback

PATH = "/callbacks/apify"
HEADER = "x-huntaze-proof"
MAX_BODY = 16 * 1024
_WORKER = "content-trends"
_NONE = timedelta(0)
_log = structlog.get_logger()


class Ended(Struct, frozen=True, rename="camel"):
    """What the call says: we wrote its template, Apify fills the run in."""

    run_id: str
    dataset_id: str


class CallbackUnproven(Exception):
    """The call does not carry the proof of the scrape that it is about."""


class Callbacks:
    """Makes and receives the calls of the scrapes' runs."""

    def __init__(
        self, *, key: str, base_url: str, pool: Pool, publisher: Publisher, now: Callable[[], datetime]
    ) -> None:
        """Take what proofs are made with, where Apify reaches us, and where messages go."""
        self._key = hashlib.sha256(b"huntaze apify callbacks\0" + key.encode()).digest()
        self._base_url, self._pool, self._publisher, self._now = base_url, pool, publisher, now

    def for_scrape(self, scrape_id: str) -> Callback:
        """Return what Apify shall call when the scrape's run has ended."""
        # Outside of strings Apify writes the values as JSON, with their quotes.
        body = '{"runId": {{eventData.actorRunId}}, "datasetId": {{resource.defaultDatasetId}}}'
        return Callback(f"{self._base_url}{PATH}/{scrape_id}", body, (HEADER, self._proof(scrape_id)))

    async def receive(self, scrape_id: str, proof: str, body: bytes) -> bool:
        """Queue the collection of a scrape whose run has ended; tell whether there is such a scrape.

        Apify calls at least once, and maybe before its own answer to the start has come back: the call names
        the run then. Calling again changes nothing.

        Raises:
            CallbackUnproven: the call is not from whom we gave the proof to.
            msgspec.DecodeError: the body is not our template's.
        """
        if not hmac.compare_digest(self._proof(scrape_id).encode(), proof.encode()):
            raise CallbackUnproven
        ended = msgspec.json.decode(body, type=Ended)
        async with self._pool.acquire() as connection, connection.transaction():
            await store.started(connection, scrape_id, ended.run_id, ended.dataset_id)
            scrape = await store.find_scrape(connection, scrape_id)
            if scrape is None:
                return False
            if scrape.run_id == ended.run_id and scrape.found is None:
                await self._queue(connection, scrape_id)
        await outbox.drain(self._pool, self._publisher)
        if scrape.run_id != ended.run_id:
            _log.warning("stray_run_ended", scrape_id=scrape_id, run_id=ended.run_id)
        return True

    async def _queue(self, connection: Any, scrape_id: str) -> None:
        job_id = f"{scrape_id}-ended"
        body = encode_job(
            _WORKER,
            CollectPosts(scrape_id=scrape_id, look=0),
            job_id=job_id,
            user_id=None,
            enqueued_at=self._now(),
        )
        await outbox.add(connection, dedup_id=job_id, worker=_WORKER, body=body, delay=_NONE)

    def _proof(self, scrape_id: str) -> str:
        return hmac.new(self._key, scrape_id.encode(), hashlib.sha256).hexdigest()
