"""Accepting messages, reading them back, canceling them."""

import sqlite3
from urllib.parse import urlsplit

import msgspec

from qstash_local.core.ids import message_id
from qstash_local.core.message import Message
from qstash_local.store import events, flows, queues
from qstash_local.store.filters import Filter
from qstash_local.store.sql import Q

DEDUPLICATION_MS = 10 * 60_000
_encode = msgspec.msgpack.Encoder().encode
decode_message = msgspec.msgpack.Decoder(Message).decode


class Accepted(msgspec.Struct, frozen=True):
    """The answer to one published message."""

    message_id: str
    deduplicated: bool = False


def insert(
    connection: sqlite3.Connection,
    message: Message,
    body: bytes,
    now_ms: int,
    *,
    dedup_key: str | None = None,
    turn: tuple[str, int] | None = None,
) -> Accepted:
    """Accept one message, unless an equal one was accepted in the last ten minutes.

    Args:
        connection: inside a transaction.
        message: what to deliver.
        body: its bytes.
        now_ms: the present instant.
        dedup_key: what equal messages share.
        turn: for a callback, the queue and the message whose turn it belongs to.
    """
    if dedup_key is not None:
        duplicate = connection.execute(Q["find_duplicate"], (dedup_key, now_ms)).fetchone()
        if duplicate is not None:
            return Accepted(duplicate["message_id"], deduplicated=True)
    identifier = message_id(now_ms)
    not_before = max(message.not_before or 0, now_ms + message.delay_ms)
    slot, chain = turn or (None, None)
    queued = message.queue is not None and turn is None
    if message.flow is not None:
        flows.configure(connection, message.flow)
    state = "queued" if queued else "ready"
    place = (identifier, state, now_ms, not_before, not_before, slot, chain)
    row = connection.execute(Q["insert_message"], (*place, *_searchable(message), _encode(message), body))
    events.record(connection, row.lastrowid or 0, now_ms, "CREATED")
    if dedup_key is not None:
        connection.execute(Q["remember_duplicate"], (dedup_key, identifier, now_ms + DEDUPLICATION_MS))
    if queued and message.queue is not None:
        queues.give_turns(connection, message.queue)
    return Accepted(identifier)


def _searchable(message: Message) -> tuple[str | None, ...]:
    """Return the columns that filters look at."""
    parts = urlsplit(message.url)
    return (
        message.url,
        parts.hostname or "",
        parts.path or "/",
        message.topic,
        message.queue,
        message.schedule_id,
        message.caller_ip,
        message.flow.key if message.flow else None,
        f",{','.join(message.labels)}," if message.labels else None,
    )


def find(connection: sqlite3.Connection, identifier: str) -> sqlite3.Row | None:
    """Return the row of a message, whatever its state."""
    return connection.execute(Q["message_by_id"], (identifier,)).fetchone()


def cancel(connection: sqlite3.Connection, row: sqlite3.Row, now_ms: int) -> bool:
    """Cancel a message that is not finished; one at its destination now is canceled before its next attempt.

    Returns whether this call changed anything.
    """
    seq = row["seq"]
    if row["finished_at"] is not None:
        return False
    if connection.execute(Q["ask_to_cancel"], (seq,)).rowcount == 0:
        return False
    events.record(connection, seq, now_ms, "CANCEL_REQUESTED")
    if row["state"] != "active":
        close_canceled(connection, row, now_ms)
    return True


def cancel_matching(connection: sqlite3.Connection, chosen: Filter, count: int, now_ms: int) -> int:
    """Cancel up to ``count`` unfinished messages that a filter finds, oldest first; return how many."""
    where = chosen.where("m.finished_at IS NULL", "m.canceling = 0")
    rows = connection.execute(
        f"SELECT m.* FROM message m {where} ORDER BY m.seq LIMIT ?",  # noqa: S608 - conditions from a closed list
        (*chosen.values, count),
    ).fetchall()
    return sum(cancel(connection, row, now_ms) for row in rows)


def close_canceled(connection: sqlite3.Connection, row: sqlite3.Row, now_ms: int) -> None:
    """Finish a message as canceled and pass its turn on."""
    connection.execute(Q["finish"], (row["seq"], "canceled", now_ms, row["retried"], None))
    events.record(connection, row["seq"], now_ms, "CANCELED")
    queue = row["slot"] or row["queue"]
    if queue is not None:
        queues.give_turns(connection, queue)
