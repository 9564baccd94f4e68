"""Reading the log: filters, newest or oldest first, page by page."""

import sqlite3
from collections.abc import Sequence

from qstash_local.core.errors import invalid
from qstash_local.store.filters import Filter, marks

STATES = ("CREATED", "ACTIVE", "RETRY", "ERROR", "DELIVERED", "FAILED", "CANCEL_REQUESTED", "CANCELED")
_IN_PROGRESS = ("ACTIVE", "RETRY", "ERROR")


def state_condition(values: Sequence[str]) -> tuple[str, list[str | int]]:
    """Return the condition on a state; ``IN_PROGRESS`` stands for three, ``CANCELLED`` is taken too."""
    wanted: list[str | int] = []
    for value in (each.upper() for each in values):
        if value == "IN_PROGRESS":
            wanted += _IN_PROGRESS
        elif value == "CANCELLED":
            wanted.append("CANCELED")
        elif value in STATES:
            wanted.append(value)
        else:
            raise invalid(f"unknown state {value[:32]!r}")
    return f"e.state IN ({marks(wanted)})", wanted


def page(
    connection: sqlite3.Connection, chosen: Filter, count: int, cursor: str | None, *, oldest_first: bool
) -> tuple[list[sqlite3.Row], str | None]:
    """Return one page of log entries and the cursor of the next, None at the end.

    Entries are numbered as they are written, and a cursor is the number of the last one shown: what
    is written meanwhile shifts nothing.
    """
    further: list[str] = []
    values = list(chosen.values)
    if cursor:
        further.append(f"e.id {'>' if oldest_first else '<'} ?")
        values.append(entry_number(cursor))
    rows = connection.execute(
        f"""SELECT e.id AS number, e.at, e.state, e.next_at, e.status, e.detail, m.id, m.spec, m.body
              FROM event e JOIN message m ON m.seq = e.seq
            {chosen.where(*further)} ORDER BY e.id {"ASC" if oldest_first else "DESC"} LIMIT ?""",  # noqa: S608 - conditions come from a closed list, values are bound
        (*values, count + 1),
    ).fetchall()
    last = rows[count - 1] if len(rows) > count else None
    return rows[:count], f"{last['at']}-{last['number']}" if last is not None else None


def entry_number(cursor: str) -> int:
    """Return the number in a cursor or dead-letter id, ``<ms>-<number>``.

    Raises:
        Refused: it has another form.
    """
    start, _, number = cursor.partition("-")
    if not (
        start.isascii() and start.isdigit() and number.isascii() and number.isdigit() and len(number) <= 18
    ):
        raise invalid(f"invalid cursor {cursor[:64]!r}")
    return int(number)
