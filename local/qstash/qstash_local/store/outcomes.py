"""What follows an attempt: delivered, tried again, or dead-lettered; and the callbacks."""

import sqlite3
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

import msgspec

from qstash_local.core.message import Callback, HeaderMap, Message, Redaction
from qstash_local.core.retry import is_final, next_wait_ms
from qstash_local.store import events, messages, queues
from qstash_local.store.due import Delivery
from qstash_local.store.sql import Q

# What the log keeps of an answer; a dead letter and a callback keep all of it.
_LOGGED_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt brought. ``status`` is 0 when no answer came; then ``error`` says why."""

    status: int
    header: HeaderMap
    body: bytes
    error: str = ""

    @property
    def delivered(self) -> bool:
        """Whether the destination took the message."""
        return 200 <= self.status < 300


def settle(connection: sqlite3.Connection, delivery: Delivery, outcome: Outcome, now_ms: int) -> str:
    """Record an attempt and decide what comes next; return the state the message is then in."""
    row = connection.execute(Q["outcome_state"], (delivery.seq,)).fetchone()
    if row is None or row["state"] != "active":
        return "gone"
    turn = (row["slot"], row["chain"]) if row["slot"] else None
    if outcome.delivered:
        state = _delivered(connection, delivery, outcome, now_ms)
    else:
        state = _failed(connection, delivery, outcome, bool(row["canceling"]), now_ms)
    if delivery.message.callback is not None and state != "canceled":
        _call_back(connection, delivery, delivery.message.callback, outcome, now_ms, turn, None)
    if delivery.message.failure_callback is not None and state == "failed":
        dlq = connection.execute("SELECT dlq FROM message WHERE seq = ?", (delivery.seq,)).fetchone()[0]
        _call_back(
            connection,
            delivery,
            delivery.message.failure_callback,
            outcome,
            now_ms,
            turn,
            dlq_id(now_ms, dlq),
        )
    if turn is not None and state != "ready":
        queues.give_turns(connection, turn[0])
    return state


def dlq_id(failed_at: int, event: int) -> str:
    """Return the id of a dead letter: when it failed, and the log entry that says so."""
    return f"{failed_at}-{event}"


def _delivered(connection: sqlite3.Connection, delivery: Delivery, outcome: Outcome, now_ms: int) -> str:
    detail = events.Detail(outcome.header, outcome.body[:_LOGGED_BYTES])
    events.record(connection, delivery.seq, now_ms, "DELIVERED", status=outcome.status, detail=detail)
    connection.execute(Q["finish"], (delivery.seq, "delivered", now_ms, delivery.retried, None))
    return "delivered"


def _failed(
    connection: sqlite3.Connection, delivery: Delivery, outcome: Outcome, canceling: bool, now_ms: int
) -> str:
    detail = events.Detail(outcome.header, outcome.body[:_LOGGED_BYTES], outcome.error)
    events.record(connection, delivery.seq, now_ms, "ERROR", status=outcome.status, detail=detail)
    lower = {name.lower(): values[0] for name, values in outcome.header.items() if values}
    if canceling:
        events.record(connection, delivery.seq, now_ms, "CANCELED")
        connection.execute(Q["finish"], (delivery.seq, "canceled", now_ms, delivery.retried, None))
        return "canceled"
    if delivery.retried >= delivery.message.retries or is_final(outcome.status, lower):
        whole = events.Detail(outcome.header, outcome.body, outcome.error)
        failed = events.record(
            connection, delivery.seq, now_ms, "FAILED", status=outcome.status, detail=whole
        )
        connection.execute(Q["finish"], (delivery.seq, "failed", now_ms, delivery.retried, failed))
        return "failed"
    next_at = now_ms + next_wait_ms(lower, delivery.message.retry_delay, delivery.retried, now_ms)
    events.record(connection, delivery.seq, now_ms, "RETRY", status=outcome.status, next_at=next_at)
    connection.execute(Q["retry_at"], (delivery.seq, next_at, delivery.retried + 1))
    return "ready"


def _call_back(
    connection: sqlite3.Connection,
    delivery: Delivery,
    callback: Callback,
    outcome: Outcome,
    now_ms: int,
    turn: tuple[str, int] | None,
    dlq: str | None,
) -> None:
    source = delivery.message
    message = Message(
        url=callback.url,
        method=callback.method,
        header={"Content-Type": ["application/json"], **callback.header},
        retries=source.retries if callback.retries is None else callback.retries,
        retry_delay=callback.retry_delay,
        timeout_ms=callback.timeout_ms,
        delay_ms=callback.delay_ms,
        caller_ip=source.caller_ip,
        # Its body holds the source's body and headers: what is hidden there stays hidden here.
        redact=Redaction(body=True) if source.redact else None,
    )
    body = msgspec.json.encode(_callback_body(delivery, outcome, dlq))
    messages.insert(connection, message, body, now_ms, turn=turn)


def _callback_body(delivery: Delivery, outcome: Outcome, dlq: str | None) -> dict[str, Any]:
    source = delivery.message
    fields: dict[str, Any] = {
        "status": outcome.status,
        "header": outcome.header,
        "body": b64encode(outcome.body or outcome.error.encode()).decode(),
        "retried": delivery.retried,
        "maxRetries": source.retries,
        "dlqId": dlq,
        "sourceMessageId": delivery.id,
        "topicName": source.topic,
        "endpointName": source.endpoint,
        "scheduleId": source.schedule_id,
        "url": source.url,
        "method": source.method,
        "sourceHeader": source.header,
        "sourceBody": b64encode(delivery.body).decode(),
        "notBefore": max(source.not_before or 0, delivery.created_at + source.delay_ms),
        "createdAt": delivery.created_at,
        "callerIP": source.caller_ip,
    }
    return {name: value for name, value in fields.items() if value is not None}
