"""Publishing: `/v2/publish`, `/v2/enqueue` and `/v2/batch`."""

import sqlite3
from dataclasses import dataclass
from typing import Any

import msgspec

from qstash_local.api import schedules
from qstash_local.api.context import Context
from qstash_local.api.http import Answer, Request, decoded
from qstash_local.api.options import read_publish, split_query
from qstash_local.core.errors import Refused, invalid
from qstash_local.core.message import Message
from qstash_local.core.options import Deduplication, PublishRequest, queue_name
from qstash_local.store import publishing
from qstash_local.store.messages import Accepted

# A batch is stored in steps of this many messages, so that others get their turn in between.
_STEP = 200


class BatchItem(msgspec.Struct, frozen=True):
    """One message of a batch; header values are texts (Python, JavaScript) or lists of texts (Go)."""

    destination: str
    headers: dict[str, str | list[str]] = {}
    body: str | None = None
    queue: str | None = None


# URL and answer of each message, and whether the destination was a URL group; or why nothing was stored.
_Stored = tuple[list[tuple[str, Accepted]], bool] | Refused


@dataclass(frozen=True, slots=True)
class _Prepared:
    message: Message
    destination: str
    body: bytes
    deduplication: Deduplication


async def publish(context: Context, request: Request, destination: str) -> Answer:
    """Accept one message for a URL or a URL group."""
    return await _publish_one(context, request, destination, None)


async def enqueue(context: Context, request: Request, queue: str, destination: str) -> Answer:
    """Accept one message into a FIFO queue, which is created when it is new."""
    return await _publish_one(context, request, destination, queue_name(decoded(queue)))


async def _publish_one(context: Context, request: Request, destination: str, queue: str | None) -> Answer:
    destination, options = split_query(request, destination)
    read = read_publish(context, request.headers, options, request.body)
    if read.cron is not None and queue is None:
        return await schedules.put_schedule(context, request, destination, read)
    prepared = _prepared(read, destination, request.body, queue, request.client_ip)
    (answer,) = await _store(context, [prepared])
    if isinstance(answer, Refused):
        raise answer
    accepted, _ = answer
    status = 202 if accepted and all(each.deduplicated for _, each in accepted) else 200
    return Answer(_rendered(*answer), status)


async def batch(context: Context, request: Request) -> Answer:
    """Accept many messages; one that is refused does not stop the others."""
    raw: list[msgspec.Raw] = request.json(list[msgspec.Raw])
    answers: list[Any] = []
    for start in range(0, len(raw), _STEP):
        prepared = [_prepare_item(context, request, item) for item in raw[start : start + _STEP]]
        try:
            stored = await _store(context, prepared)
        except Refused as refusal:
            if not answers:
                raise
            # The disk is full now, but the client must learn what was accepted before.
            stored = [refusal] * len(prepared)
        answers += [
            {"error": each.message} if isinstance(each, Refused) else _rendered(*each) for each in stored
        ]
    return Answer(answers)


def _prepare_item(context: Context, request: Request, raw: msgspec.Raw) -> _Prepared | Refused:
    try:
        item = msgspec.json.decode(raw, type=BatchItem)
        headers = [
            (name.lower(), value)
            for name, values in item.headers.items()
            for value in ([values] if isinstance(values, str) else values)
        ]
        body = (item.body or "").encode()
        queue = queue_name(item.queue or None)
        read = read_publish(context, headers, {}, body)
        return _prepared(read, item.destination, body, queue, request.client_ip)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return invalid(f"invalid batch item: {error}")
    except Refused as refusal:
        return refusal


def _prepared(
    read: PublishRequest, destination: str, body: bytes, queue: str | None, client_ip: str
) -> _Prepared:
    message = msgspec.structs.replace(
        read.message, queue=queue or read.message.queue, caller_ip=client_ip or None
    )
    return _Prepared(message, destination, body, read.deduplication)


async def _store(context: Context, step: list[_Prepared | Refused]) -> list[_Stored]:
    now = context.clock.now()

    def store(connection: sqlite3.Connection) -> list[_Stored]:
        return [
            each if isinstance(each, Refused) else _store_one(context, connection, each, now) for each in step
        ]

    stored = await context.database.write(store)
    context.dispatcher.wake()
    return stored


def _store_one(context: Context, connection: sqlite3.Connection, each: _Prepared, now_ms: int) -> _Stored:
    connection.execute("SAVEPOINT item")
    try:
        return publishing.publish(
            connection, each.message, each.destination, each.body, each.deduplication, context.plan, now_ms
        )
    except Refused as refusal:
        connection.execute("ROLLBACK TO item")
        return refusal
    finally:
        # After a full disk SQLite has already undone the whole transaction.
        if connection.in_transaction:
            connection.execute("RELEASE item")


def _rendered(accepted: list[tuple[str, Accepted]], is_group: bool) -> Any:
    answers: list[dict[str, Any]] = []
    for url, each in accepted:
        answer: dict[str, Any] = {"messageId": each.message_id}
        if is_group:
            answer["url"] = url
        if each.deduplicated:
            answer["deduplicated"] = True
        answers.append(answer)
    return answers if is_group else answers[0]
