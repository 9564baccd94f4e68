"""The dead-letter queue: finding, deleting and retrying what failed for good."""

import sqlite3
from collections.abc import Sequence

from qstash_local.store.filters import Filter, marks, whole_number
from qstash_local.store.log import entry_number
from qstash_local.store.sql import Q


def find(connection: sqlite3.Connection, identifier: str) -> sqlite3.Row | None:
    """Return the row of a dead letter."""
    start, _, number = identifier.partition("-")
    if not (start.isdigit() and number.isdigit() and identifier.isascii() and len(number) <= 18):
        return None
    row = connection.execute(Q["dlq_entry"], (int(number),)).fetchone()
    return row if row is not None and row["failed_at"] == int(start[:18]) else None


def status_condition(values: Sequence[str]) -> tuple[str, list[str | int]]:
    """Return the condition on the last status."""
    return f"e.status IN ({marks(values)})", [whole_number("responseStatus", value) for value in values]


def id_condition(values: Sequence[str]) -> tuple[str, list[str | int]]:
    """Return the condition on dead-letter ids."""
    return f"m.dlq IN ({marks(values)})", [entry_number(value) for value in values]


def page(
    connection: sqlite3.Connection,
    chosen: Filter,
    count: int,
    cursor: str | None,
    *,
    oldest_first: bool = True,
) -> tuple[list[sqlite3.Row], str | None]:
    """Return one page of dead letters, in the order in which they failed, and the cursor of the next."""
    further = ["m.dlq IS NOT NULL"]
    values = list(chosen.values)
    if cursor:
        further.append(f"m.dlq {'>' if oldest_first else '<'} ?")
        values.append(entry_number(cursor))
    rows = connection.execute(
        f"""SELECT m.*, e.at AS failed_at, e.status AS status, e.detail AS detail
              FROM message m JOIN event e ON e.id = m.dlq
            {chosen.where(*further)} ORDER BY m.dlq {"ASC" if oldest_first else "DESC"} LIMIT ?""",  # noqa: S608 - conditions come from a closed list, values are bound
        (*values, count + 1),
    ).fetchall()
    last = rows[count - 1] if len(rows) > count else None
    return rows[:count], f"{last['failed_at']}-{last['dlq']}" if last is not None else None


def delete(connection: sqlite3.Connection, row: sqlite3.Row) -> None:
    """Take a dead letter out of the queue; its log stays."""
    connection.execute(Q["leave_dlq"], (row["seq"],))
