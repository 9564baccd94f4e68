"""The outbox: messages that leave only if the effects that cause them committed."""

from datetime import timedelta

import structlog

from huntaze_common import sql
from huntaze_common.postgres import Connection, Pool
from huntaze_common.publishing import Publisher, PublishFailed

_QUERIES = sql.load("huntaze_common.ledger")
_log = structlog.get_logger()

# Few at a time: they are sent while a delivery waits for its answer.
_BATCH = 20


async def add(connection: Connection, *, dedup_id: str, worker: str, body: bytes, delay: timedelta) -> None:
    """Queue a message inside the caller's transaction; a second one with the same ``dedup_id`` is ignored."""
    await connection.execute(_QUERIES["outbox_add"], dedup_id, worker, body, delay)


async def drain(pool: Pool, publisher: Publisher) -> int:
    """Publish what waits, and return how many were sent.

    Each message carries its deduplication id, so a crash between sending and marking sends it once as far
    as the receiver can see. What cannot be sent now stays for a later call.
    """
    sent = 0
    while rows := await pool.fetch(_QUERIES["outbox_take"], _BATCH):
        for row in rows:
            try:
                message_id = await publisher.publish(
                    row["worker"],
                    row["body"],
                    dedup_id=row["dedup_id"],
                    delay=timedelta(seconds=row["delay"]),
                )
            except PublishFailed as error:
                _log.warning("outbox_publish_failed", worker=row["worker"], error=str(error))
                await pool.execute(_QUERIES["outbox_failed"], row["id"], str(error))
            else:
                await pool.execute(_QUERIES["outbox_sent"], row["id"], message_id)
                sent += 1
        if len(rows) < _BATCH:
            break
    return sent


async def waiting(pool: Pool) -> tuple[int, float]:
    """Return how many messages wait and the age of the oldest in seconds."""
    row = await pool.fetchrow(_QUERIES["outbox_waiting"])
    return (row["waiting"], row["oldest"]) if row else (0, 0.0)
