"""FIFO queues: whose turn it is."""

import sqlite3

from qstash_local.core.errors import over_limit
from qstash_local.core.plans import Plan
from qstash_local.store.sql import Q


def ensure(connection: sqlite3.Connection, name: str, plan: Plan, now_ms: int) -> None:
    """Create a queue with parallelism 1 unless it exists.

    Raises:
        Refused: the plan allows no further queue.
    """
    if find(connection, name) is None:
        put(connection, name, None, None, plan, now_ms)


def find(connection: sqlite3.Connection, name: str) -> sqlite3.Row | None:
    """Return the row of a queue."""
    return connection.execute(Q["queue_by_name"], (name,)).fetchone()


def all_queues(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    """Return the rows of all queues by name."""
    return connection.execute(Q["all_queues"]).fetchall()


def lag(connection: sqlite3.Connection, name: str) -> int:
    """Return how many messages of a queue are not finished."""
    return connection.execute(Q["queue_lag"], (name,)).fetchone()[0]


def delete(connection: sqlite3.Connection, name: str) -> None:
    """Delete a queue; callbacks that a pause held back are due again."""
    connection.execute(Q["resume_turns"], (name,))
    connection.execute(Q["delete_queue"], (name,))


def put(
    connection: sqlite3.Connection,
    name: str,
    parallelism: int | None,
    paused: bool | None,
    plan: Plan,
    now_ms: int,
) -> None:
    """Create or change a queue; None leaves a property as it is.

    Raises:
        Refused: the plan allows no further queue, or not this parallelism.
    """
    if parallelism is not None and parallelism > plan.queue_parallelism:
        raise over_limit(f"queue parallelism {parallelism} exceeds the maximum of {plan.queue_parallelism}")
    row = find(connection, name)
    if row is None:
        if connection.execute(Q["count_queues"]).fetchone()[0] >= plan.queues:
            raise over_limit(f"the maximum of {plan.queues} queues is reached")
        connection.execute(Q["create_queue"], (name, parallelism or 1, int(bool(paused)), now_ms, now_ms))
        return
    connection.execute(
        Q["update_queue"],
        (
            name,
            row["parallelism"] if parallelism is None else parallelism,
            row["paused"] if paused is None else int(paused),
            now_ms,
        ),
    )
    give_turns(connection, name)


def give_turns(connection: sqlite3.Connection, name: str) -> None:
    """Let as many messages of a queue become due as its parallelism has room for, oldest first.

    A turn ends only when its message and all callbacks of it are finished.
    """
    queue = find(connection, name)
    if queue is None or queue["paused"]:
        return
    connection.execute(Q["resume_turns"], (name,))
    taken = connection.execute(Q["queue_turns_taken"], (name,)).fetchone()[0]
    free = queue["parallelism"] - taken
    if free > 0:
        heads = connection.execute(Q["queue_heads"], (name, free)).fetchall()
        connection.executemany(Q["take_turn"], [(head["seq"],) for head in heads])
