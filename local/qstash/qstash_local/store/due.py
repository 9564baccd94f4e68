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
    for row in connection.execute(Q["keys_with_waiters"]).fetchall():
        gate = gates[row["key"]] = flows.Gate(connection, row["key"], now_ms)
        if count := min(gate.room(), room - len(chosen)):
            waiters = connection.execute(Q["waiting_messages"], (row["key"], count)).fetchall()
            chosen += waiters
            gate.waiters -= len(waiters)
            for _ in waiters:
                gate.pass_one()
    crowded = False
    if room > len(chosen):
        due = connection.execute(Q["due_messages"], (now_ms, room - len(chosen))).fetchall()
        crowded = len(due) == room - len(chosen)
        chosen += [row for row in due if _may_start(connection, row, gates, now_ms)]
    for gate in gates.values():
        gate.save(connection)
    connection.executemany(Q["set_state"], [("active", row["seq"]) for row in chosen])
    for row in chosen:
        events.record(connection, row["seq"], now_ms, "ACTIVE")
    # When flow control held some back, more may be due behind them: look again at once.
    next_at = now_ms if crowded and len(chosen) < room else _next_at(connection, gates)
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
    if gate.waiters or not gate.room():
        gate.waiters += 1
        connection.execute(Q["set_state"], ("waiting", row["seq"]))
        return False
    gate.pass_one()
    return True


def next_instant(connection: sqlite3.Connection, now_ms: int) -> int | None:
    """Return when a message, a schedule or a full rate window is due next."""
    keys = [row["key"] for row in connection.execute(Q["keys_with_waiters"]).fetchall()]
    return _next_at(connection, {key: flows.Gate(connection, key, now_ms) for key in keys})


def _next_at(connection: sqlite3.Connection, gates: dict[str, flows.Gate]) -> int | None:
    instants: list[int | None] = [
        connection.execute(Q["next_due"]).fetchone()[0],
        connection.execute(Q["next_schedule"]).fetchone()[0],
        *(gate.reopens_at() for gate in gates.values() if gate.waiters),
    ]
    return min((instant for instant in instants if instant is not None), default=None)
