"""The dead-letter queue: `/v2/dlq`."""

import sqlite3
from typing import Any

import msgspec

from qstash_local.api.context import Context
from qstash_local.api.http import Answer, Request, decoded
from qstash_local.api.logs import is_oldest_first
from qstash_local.api.views import dlq_view
from qstash_local.core.errors import not_found
from qstash_local.core.message import Message
from qstash_local.core.options import parse_publish
from qstash_local.store import dlq, messages, queues
from qstash_local.store.filters import Filter, marks, page_size, parse_filter
from qstash_local.store.log import entry_number

_STEP = 500
_FILTERS = frozenset(
    [
        "cursor",
        "count",
        "order",
        "messageId",
        "url",
        "topicName",
        "urlGroup",
        "scheduleId",
        "queueName",
        "fromDate",
        "toDate",
        "responseStatus",
        "callerIp",
        "callerIP",
        "label",
        "flowControlKey",
        "dlqIds",
        "qstash_token",
    ]
)


class DlqIds(msgspec.Struct, frozen=True):
    """The body of a bulk deletion."""

    dlq_ids: list[str] = msgspec.field(name="dlqIds", default=[])


def _filter(request: Request) -> Filter:
    parameters = [(name, value) for name, value in request.parameters if not name.startswith("upstash-")]
    chosen = parse_filter(
        parameters,
        time_column="e.at",
        extra={"responseStatus": dlq.status_condition, "dlqIds": dlq.id_condition},
        allowed=_FILTERS,
    )
    if request.method != "GET" and request.body.strip():
        ids = request.json(DlqIds).dlq_ids
        chosen.conditions.append(f"m.dlq IN ({marks(ids)})")
        chosen.values.extend(entry_number(each) for each in ids)
    return chosen


async def list_dlq(context: Context, request: Request) -> Answer:
    """Show dead letters, a page at a time."""
    chosen = _filter(request)
    count = page_size(request.parameters, default=100, most=100)
    cursor, oldest_first = request.parameter("cursor"), is_oldest_first(request, default="earliestFirst")
    rows, following = await context.database.read(
        lambda connection: dlq.page(connection, chosen, count, cursor, oldest_first=oldest_first)
    )
    return Answer(
        {"messages": [dlq_view(row) for row in rows], **({"cursor": following} if following else {})}
    )


async def get_dlq(context: Context, _: Request, identifier: str) -> Answer:
    """Show one dead letter."""
    row = await context.database.read(lambda connection: dlq.find(connection, decoded(identifier)))
    if row is None:
        raise _missing(identifier)
    return Answer(dlq_view(row))


async def delete_dlq(context: Context, _: Request, identifier: str) -> Answer:
    """Delete one dead letter."""

    def delete(connection: sqlite3.Connection) -> bool:
        row = dlq.find(connection, decoded(identifier))
        if row is not None:
            dlq.delete(connection, row)
        return row is not None

    if not await context.database.write(delete):
        raise _missing(identifier)
    return Answer({"deleted": 1})


async def delete_dlq_bulk(context: Context, request: Request) -> Answer:
    """Delete the dead letters that are named or that a filter finds, a page per call."""
    chosen = _filter(request)
    count = page_size(request.parameters, default=100, most=_STEP)
    cursor = request.parameter("cursor")

    def delete(connection: sqlite3.Connection) -> tuple[int, str | None]:
        rows, following = dlq.page(connection, chosen, count, cursor)
        for row in rows:
            dlq.delete(connection, row)
        return len(rows), following

    deleted, following = await context.database.write(delete)
    return Answer({"deleted": deleted, **({"cursor": following} if following else {})})


async def retry_dlq(context: Context, request: Request, identifier: str) -> Answer:
    """Publish one dead letter again, as a new message."""

    def retry(connection: sqlite3.Connection) -> str | None:
        row = dlq.find(connection, decoded(identifier))
        return None if row is None else _retry(context, connection, row, request)

    message_id = await context.database.write(retry)
    if message_id is None:
        raise _missing(identifier)
    context.dispatcher.wake()
    return Answer({"messageId": message_id}, 201)


async def retry_dlq_bulk(context: Context, request: Request) -> Answer:
    """Publish dead letters again, a page per call; the empty cursor says that it was the last."""
    chosen = _filter(request)
    count = page_size(request.parameters, default=100, most=_STEP)
    cursor = request.parameter("cursor")

    def retry(connection: sqlite3.Connection) -> tuple[list[str], str | None]:
        rows, following = dlq.page(connection, chosen, count, cursor)
        return [_retry(context, connection, row, request) for row in rows], following

    identifiers, following = await context.database.write(retry)
    context.dispatcher.wake()
    return Answer(
        {"responses": [{"messageId": each} for each in identifiers], "cursor": following or ""}, 201
    )


def _retry(context: Context, connection: sqlite3.Connection, row: sqlite3.Row, request: Request) -> str:
    now = context.clock.now()
    message = _overridden(context, messages.decode_message(row["spec"]), request, now)
    if message.queue is not None:
        queues.ensure(connection, message.queue, context.plan, now)
    dlq.delete(connection, row)
    return messages.insert(connection, message, row["body"], now).message_id


def _overridden(context: Context, message: Message, request: Request, now_ms: int) -> Message:
    """Return the message of a dead letter with the options that the retry itself carries."""
    options = {name: value for name, value in request.parameters if name.startswith("upstash-")}
    given = {name for name, _ in request.headers if name.startswith("upstash-")} | set(options)
    read = parse_publish(request.headers, options, context.plan, now_ms).message
    changes: dict[str, Any] = {"delay_ms": read.delay_ms, "not_before": read.not_before}
    for header, field in _OVERRIDES.items():
        if any(name.startswith(header) for name in given):
            changes[field] = getattr(read, field)
    forwarded = {name: values for name, values in read.header.items() if name != "Content-Type"}
    if forwarded:
        changes["header"] = {**message.header, **forwarded}
    return msgspec.structs.replace(message, **changes)


_OVERRIDES = {
    "upstash-method": "method",
    "upstash-retries": "retries",
    "upstash-retry-delay": "retry_delay",
    "upstash-timeout": "timeout_ms",
    "upstash-callback": "callback",
    "upstash-failure-callback": "failure_callback",
    "upstash-label": "labels",
    "upstash-flow-control": "flow",
    "upstash-redact-fields": "redact",
}


def _missing(identifier: str) -> Exception:
    return not_found(f"dlq message {decoded(identifier)[:64]} not found")
