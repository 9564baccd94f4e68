"""Choosing what starts now."""

import sqlite3
from dataclasses import dataclass

from qstash_local.core.message import Message
from qstash_local.store import events, flows, queues
from qstash_local.store.messages import decode_message
from qstash_local.store.sql import Q


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message that is at its destination now."""

    seq: int
    id: str
    retried: int
    created_at: int
    message: Message
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """What may start, and the next instant at which more may."""

    deliveries: list[Delivery]
    next_at: int | None


def claim(connection: sqlite3.Connection, now_ms: int, room: int) -> Claim:
    """Mark as active what is due and allowed by flow control and queues, at most ``room`` messages."""
    gates: dict[str, flows.Gate] = {}
    chosen: list[sqlite3.Row] = []
    for row in connection.execute(Q["keys_with_room"], (now_ms,)).fetchall():
        gate = gates[row["key"]] = flows.Gate(connection, row["key"], now_ms)
        count = min(gate.room(), room - len(chosen))
        waiters = connection.execute(Q["waiting_messages"], (row["key"], count)).fetchall()
        gate.start(len(waiters))
        chosen += waiters
        if len(chosen) == room:
            break
    due = connection.execute(Q["due_messages"], (now_ms, room - len(chosen))).fetchall()
    # When flow control or a paused queue holds some back, more may be due behind them: look again at once.
    crowded = len(due) == room - len(chosen)
    chosen += [row for row in due if _may_start(connection, row, gates, now_ms)]
    for gate in gates.values():
        gate.save(connection)
    connection.executemany(Q["set_state"], [("active", row["seq"]) for row in chosen])
    for row in chosen:
        events.record(connection, row["seq"], now_ms, "ACTIVE")
    next_at = now_ms if crowded and len(chosen) < room else next_instant(connection)
    return Claim([_delivery(row) for row in chosen], next_at)


def _delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(
        row["seq"], row["id"], row["retried"], row["created_at"], decode_message(row["spec"]), row["body"]
    )


def _may_start(
    connection: sqlite3.Connection, row: sqlite3.Row, gates: dict[str, flows.Gate], now_ms: int
) -> bool:
    if row["slot"] is not None:
        queue = queues.find(connection, row["slot"])
        if queue is not None and queue["paused"]:
            connection.execute(Q["set_state"], ("queued", row["seq"]))
            return False
    key = row["flow_key"]
    if key is None:
        return True
    gate = gates.get(key)
    if gate is None:
        gate = gates[key] = flows.Gate(connection, key, now_ms)
    if not gate.room():
        connection.execute(Q["set_state"], ("waiting", row["seq"]))
        return False
    gate.start(1)
    return True


def next_instant(connection: sqlite3.Connection) -> int | None:
    """Return when a message or a schedule is due next, or a full rate window with waiters is over."""
    instants = [
        connection.execute(Q[name]).fetchone()[0] for name in ("next_due", "next_schedule", "next_window")
    ]
    return min((instant for instant in instants if instant is not None), default=None)
