"""Publishing: `/v2/publish`, `/v2/enqueue` and `/v2/batch`."""

import sqlite3
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from qstash_local.api.context import Context
from qstash_local.api.http import Answer, Request, decoded
from qstash_local.core.errors import Refused, invalid, over_limit
from qstash_local.core.message import Message
from qstash_local.core.options import Deduplication, PublishRequest, parse_publish, queue_name
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


class _Prepared(msgspec.Struct, frozen=True):
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
    prepared = _prepare(
        context, request.headers, options, destination, request.body, queue, request.client_ip
    )
    now = context.clock.now()
    (answer,) = await context.database.write(lambda connection: _insert(context, connection, [prepared], now))
    if isinstance(answer, Refused):
        raise answer
    context.dispatcher.wake()
    accepted, is_group = answer
    status = 202 if accepted and all(each.deduplicated for _, each in accepted) else 200
    return Answer(_rendered(accepted, is_group), status)


async def batch(context: Context, request: Request) -> Answer:
    """Accept many messages; one that is refused does not stop the others."""
    raw: list[msgspec.Raw] = request.json(list[msgspec.Raw])
    prepared = [_prepare_item(context, request, item) for item in raw]
    answers: list[Any] = []
    for start in range(0, len(prepared), _STEP):
        step = prepared[start : start + _STEP]
        now = context.clock.now()
        answers += await context.database.write(
            lambda connection, step=step, now=now: _insert(context, connection, step, now)
        )
        context.dispatcher.wake()
    return Answer(
        [{"error": each.message} if isinstance(each, Refused) else _rendered(*each) for each in answers]
    )


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
        return _prepare(context, headers, {}, item.destination, body, queue, request.client_ip)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return invalid(f"invalid batch item: {error}")
    except Refused as refusal:
        return refusal


def _prepare(
    context: Context,
    headers: list[tuple[str, str]],
    options: dict[str, str],
    destination: str,
    body: bytes,
    queue: str | None,
    client_ip: str,
) -> _Prepared:
    if len(body) > context.plan.message_bytes:
        raise over_limit(
            f"message size {len(body)} exceeds the maximum of {context.plan.message_bytes} bytes"
        )
    read: PublishRequest = parse_publish(headers, options, context.plan, context.clock.now())
    message = msgspec.structs.replace(
        read.message, queue=queue or read.message.queue, caller_ip=client_ip or None
    )
    return _Prepared(message, destination, body, read.deduplication)


Inserted = tuple[list[tuple[str, Accepted]], bool] | Refused


def _insert(
    context: Context, connection: sqlite3.Connection, step: list[_Prepared | Refused], now_ms: int
) -> list[Inserted]:
    answers: list[Inserted] = []
    for each in step:
        if isinstance(each, Refused):
            answers.append(each)
            continue
        connection.execute("SAVEPOINT item")
        try:
            answers.append(
                publishing.publish(
                    connection,
                    each.message,
                    each.destination,
                    each.body,
                    each.deduplication,
                    context.plan,
                    now_ms,
                )
            )
        except Refused as refusal:
            connection.execute("ROLLBACK TO item")
            answers.append(refusal)
        connection.execute("RELEASE item")
    return answers


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


def split_query(request: Request, destination: str) -> tuple[str, dict[str, str]]:
    """Return the destination with its own query string, and the options that were given in the query.

    The query of the request is the query of the destination, less ``qstash_token`` and ``upstash-*``.
    """
    kept: list[str] = []
    options: dict[str, str] = {}
    for pair in request.query.split("&") if request.query else ():
        name, _, value = pair.partition("=")
        if name.startswith("upstash-"):
            options[name] = unquote_plus(value)
        elif name != "qstash_token":
            kept.append(pair)
    return (f"{destination}?{'&'.join(kept)}" if kept else destination), options
