"""FIFO queues: `/v2/queues`."""

import sqlite3
from typing import Annotated, Any

import msgspec

from qstash_local.api.context import Context
from qstash_local.api.http import Answer, Request, decoded
from qstash_local.core.errors import invalid, not_found
from qstash_local.core.options import queue_name
from qstash_local.store import messages, queues
from qstash_local.store.filters import Filter

_STEP = 500


class QueueSettings(msgspec.Struct, frozen=True):
    """The body that creates or changes a queue; what is absent stays as it is."""

    queue_name: str = msgspec.field(name="queueName")
    parallelism: Annotated[int, msgspec.Meta(ge=1)] | None = None
    paused: bool | None = None


async def put_queue(context: Context, request: Request) -> Answer:
    """Create or change a queue."""
    settings: QueueSettings = request.json(QueueSettings)
    name = queue_name(settings.queue_name)
    if name is None:
        raise invalid("queueName must not be empty")
    await context.database.write(
        lambda connection: queues.put(
            connection, name, settings.parallelism, settings.paused, context.plan, context.clock.now()
        )
    )
    context.dispatcher.wake()
    return Answer({})


async def list_queues(context: Context, _: Request) -> Answer:
    """Show all queues by name."""

    def read(connection: sqlite3.Connection) -> list[dict[str, Any]]:
        return [_view(connection, row) for row in queues.all_queues(connection)]

    return Answer(await context.database.read(read))


async def get_queue(context: Context, _: Request, name: str) -> Answer:
    """Show one queue."""

    def read(connection: sqlite3.Connection) -> dict[str, Any] | None:
        row = queues.find(connection, decoded(name))
        return None if row is None else _view(connection, row)

    view = await context.database.read(read)
    if view is None:
        raise not_found(f"queue {decoded(name)[:64]} not found")
    return Answer(view)


async def delete_queue(context: Context, _: Request, name: str) -> Answer:
    """Delete a queue; its messages that were not delivered yet are canceled."""
    queue = decoded(name)
    await context.database.write(lambda connection: queues.delete(connection, queue))
    # Without a queue no turn is given, so that canceling the head starts no other.
    pending = Filter(["m.queue = ?"], [queue])
    while await context.database.write(
        lambda connection: messages.cancel_matching(connection, pending, _STEP, context.clock.now())
    ):
        pass
    return Answer({})


async def pause_queue(context: Context, _: Request, name: str) -> Answer:
    """Stop starting deliveries of a queue; it keeps accepting."""
    return await _set_paused(context, name, paused=True)


async def resume_queue(context: Context, _: Request, name: str) -> Answer:
    """Go on delivering."""
    return await _set_paused(context, name, paused=False)


async def _set_paused(context: Context, name: str, *, paused: bool) -> Answer:
    queue = queue_name(decoded(name)) or ""
    await context.database.write(
        lambda connection: queues.put(connection, queue, None, paused, context.plan, context.clock.now())
    )
    context.dispatcher.wake()
    return Answer({})


def _view(connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    return {
        "name": row["name"],
        "parallelism": row["parallelism"],
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
        "lag": queues.lag(connection, row["name"]),
        "paused": bool(row["paused"]),
    }
