"""Messages under way: `/v2/messages`."""

import sqlite3

import msgspec

from qstash_local.api.context import Context
from qstash_local.api.http import Answer, Request, decoded
from qstash_local.api.views import message_view
from qstash_local.core.errors import not_found
from qstash_local.store import messages
from qstash_local.store.filters import Filter, marks, page_size, parse_filter

# Clients ask for a message right after publishing it to a destination that answers at once.
_GRACE_MS = 30_000
_STEP = 500
_FILTERS = frozenset(
    [
        "messageIds",
        "topicName",
        "urlGroup",
        "queueName",
        "url",
        "host",
        "path",
        "label",
        "flowControlKey",
        "fromDate",
        "toDate",
        "scheduleId",
        "callerIp",
        "callerIP",
        "count",
        "qstash_token",
    ]
)


class MessageIds(msgspec.Struct, frozen=True):
    """The body of a bulk cancellation."""

    message_ids: list[str] = msgspec.field(name="messageIds", default=[])


async def get_message(context: Context, _: Request, identifier: str) -> Answer:
    """Show a message that is under way, or was delivered seconds ago."""
    row = await context.database.read(lambda connection: messages.find(connection, decoded(identifier)))
    if row is None or not _is_shown(row, context.clock.now()):
        raise not_found(f"message {decoded(identifier)[:80]} not found")
    return Answer(message_view(row))


def _is_shown(row: sqlite3.Row, now_ms: int) -> bool:
    if row["finished_at"] is None:
        return True
    return row["state"] == "delivered" and now_ms - row["finished_at"] < _GRACE_MS


async def cancel_message(context: Context, _: Request, identifier: str) -> Answer:
    """Cancel one message; at its destination already, it is canceled before its next attempt."""

    def cancel(connection: sqlite3.Connection) -> bool:
        row = messages.find(connection, decoded(identifier))
        return row is not None and messages.cancel(connection, row, context.clock.now())

    if not await context.database.write(cancel):
        raise not_found(f"message {decoded(identifier)[:80]} not found")
    context.dispatcher.wake()
    return Answer({"cancelled": 1})


async def cancel_messages(context: Context, request: Request) -> Answer:
    """Cancel the named messages, those that a filter finds, or without either all."""
    parameters = request.parameters
    chosen = parse_filter(parameters, time_column="m.created_at", extra={}, allowed=_FILTERS)
    wanted: list[str] | None = None
    if request.body.strip():
        wanted = request.json(MessageIds).message_ids
    elif named := [value for name, value in parameters if name == "messageIds"]:
        wanted = [each for value in named for each in value.split(",") if each]
    if wanted is not None:
        cancelled = 0
        for start in range(0, len(wanted), _STEP):
            ids = wanted[start : start + _STEP]
            cancelled += await _cancel(context, Filter([f"m.id IN ({marks(ids)})"], [*ids]), _STEP)
        return Answer({"cancelled": cancelled})
    if request.parameter("count") is not None:
        count = page_size(parameters, default=100, most=500)
        return Answer({"cancelled": await _cancel(context, chosen, count)})
    cancelled = 0
    while step := await _cancel(context, chosen, _STEP):
        cancelled += step
    return Answer({"cancelled": cancelled})


async def _cancel(context: Context, chosen: Filter, count: int) -> int:
    def cancel(connection: sqlite3.Connection) -> int:
        return messages.cancel_matching(connection, chosen, count, context.clock.now())

    cancelled = await context.database.write(cancel)
    context.dispatcher.wake()
    return cancelled
