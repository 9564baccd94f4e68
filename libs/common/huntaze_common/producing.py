"""For producers with a database of their own: enqueue a job in the transaction of what causes it.

The outbox is the ledger's (`migrations/`): apply them in a schema of the producer with `postgres.migrate`.
Without one transaction for both, a process that dies between the two leaves an upload that nobody processes,
or a job for an upload that was rolled back.
"""

from datetime import datetime, timedelta

from huntaze_contracts.base import Payload

from huntaze_common import tracing
from huntaze_common.ledger import outbox
from huntaze_common.postgres import Connection, Pool
from huntaze_common.publishing import Publisher, encode_job


async def enqueue(
    connection: Connection,
    worker: str,
    payload: Payload,
    *,
    job_id: str,
    user_id: str | None,
    enqueued_at: datetime,
    delay: timedelta = timedelta(0),
) -> None:
    """Write a job into the outbox, inside the caller's transaction. The same job id is written once.

    Raises:
        ValueError: the payload is not one of the worker's, or breaks its contract.
    """
    body = encode_job(
        worker,
        payload,
        job_id=job_id,
        user_id=user_id,
        enqueued_at=enqueued_at,
        trace_context=tracing.current_context(),
    )
    await outbox.add(connection, dedup_id=job_id, worker=worker, body=body, delay=delay)


async def relay(pool: Pool, publisher: Publisher) -> int:
    """Publish what waits in the outbox and return how many messages were sent.

    Call it right after a commit, and now and then for what an earlier call left. Each message carries its job
    id as deduplication id, and the worker's ledger runs each id once: a relay that dies does no harm.
    """
    return await outbox.drain(pool, publisher)
