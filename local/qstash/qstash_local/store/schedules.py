"""Schedules: messages that a cron expression publishes."""

import sqlite3

import msgspec

from qstash_local.core.cron import next_after
from qstash_local.core.errors import Refused, over_limit
from qstash_local.core.message import Message
from qstash_local.core.options import Deduplication
from qstash_local.core.plans import Plan
from qstash_local.store import publishing
from qstash_local.store.messages import decode_message
from qstash_local.store.sql import Q

_encode = msgspec.msgpack.Encoder().encode
decode_ids = msgspec.msgpack.Decoder(list[str]).decode


def put(
    connection: sqlite3.Connection,
    identifier: str,
    cron: str,
    destination: str,
    message: Message,
    body: bytes,
    plan: Plan,
    now_ms: int,
) -> None:
    """Create a schedule, or replace the one of the same id wholesale (it stays paused if it was).

    Raises:
        Refused: the plan allows no further schedule.
    """
    known = find(connection, identifier)
    if known is None and connection.execute(Q["count_schedules"]).fetchone()[0] >= plan.schedules:
        raise over_limit(f"the maximum of {plan.schedules} schedules is reached")
    connection.execute(
        Q["put_schedule"],
        (identifier, now_ms, cron, destination, next_after(cron, now_ms), _encode(message), body),
    )


def find(connection: sqlite3.Connection, identifier: str) -> sqlite3.Row | None:
    """Return the row of a schedule."""
    return connection.execute(Q["schedule_by_id"], (identifier,)).fetchone()


def all_schedules(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    """Return the rows of all schedules, oldest first."""
    return connection.execute(Q["all_schedules"]).fetchall()


def delete(connection: sqlite3.Connection, identifier: str) -> bool:
    """Delete a schedule; return whether there was one."""
    return connection.execute(Q["delete_schedule"], (identifier,)).rowcount > 0


def pause(connection: sqlite3.Connection, identifier: str, *, paused: bool) -> bool:
    """Pause or resume a schedule; return whether there is one."""
    return connection.execute(Q["pause_schedule"], (identifier, int(paused))).rowcount > 0


def fire_due(connection: sqlite3.Connection, plan: Plan, now_ms: int) -> None:
    """Publish for every schedule whose instant has come.

    Instants that passed while the server was down (or time jumped) are caught up by one message; a
    paused schedule only moves on.
    """
    for row in connection.execute(Q["due_schedules"], (now_ms,)).fetchall():
        next_at = next_after(row["cron"], now_ms)
        if row["paused"]:
            connection.execute(Q["skip_schedule"], (row["id"], next_at))
            continue
        identifiers, error = list[str](), None
        connection.execute("SAVEPOINT trigger_of_schedule")
        try:
            accepted, _ = publishing.publish(
                connection,
                decode_message(row["spec"]),
                row["destination"],
                row["body"],
                Deduplication(),
                plan,
                now_ms,
            )
            identifiers = [each.message_id for _, each in accepted]
        except Refused as refusal:
            connection.execute("ROLLBACK TO trigger_of_schedule")
            error = refusal.message
        connection.execute("RELEASE trigger_of_schedule")
        connection.execute(Q["schedule_fired"], (row["id"], next_at, now_ms, _encode(identifiers), error))
