"""Cursor paging: no entry twice, none missed, whatever is written between two pages."""

import sqlite3
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st
from qstash_local.core.message import Message
from qstash_local.store import due, log, messages, outcomes
from qstash_local.store.dlq import page as dlq_page
from qstash_local.store.filters import Filter
from qstash_local.store.sql import SCHEMA


def opened():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.executescript(SCHEMA)
    return connection


def add_dead_letter(connection, now):
    message = Message(url="http://a.example", retries=0)
    identifier = messages.insert(connection, message, b"", now).message_id
    (delivery,) = due.claim(connection, now, 10).deliveries
    outcomes.settle(connection, delivery, outcomes.Outcome(500, {}, b""), now)
    return identifier


@given(st.integers(1, 12), st.integers(1, 5), st.lists(st.integers(0, 3), max_size=20), st.booleans())
def test_pages_cover_everything_that_was_there(entries, size, written_between, oldest_first):
    """The clock stands still, the worst case for anything that pages by time."""
    with closing(opened()) as connection:
        check_pages(connection, entries, size, written_between, oldest_first)


def check_pages(connection, entries, size, written_between, oldest_first):
    """Read the dead letters and the log page by page while both grow."""
    expected = [add_dead_letter(connection, 1) for _ in range(entries)]
    everything = Filter([], [])
    pages = {
        "dlq": lambda cursor: dlq_page(connection, everything, size, cursor, oldest_first=oldest_first),
        "log": lambda cursor: log.page(connection, everything, size, cursor, oldest_first=oldest_first),
    }
    for name, page in pages.items():
        seen, cursor, between = [], None, list(written_between)
        while True:
            rows, cursor = page(cursor)
            seen += [row["id"] if name == "dlq" else row["number"] for row in rows]
            expected += [add_dead_letter(connection, 1) for _ in range(between.pop() if between else 0)]
            if cursor is None:
                break
        assert len(seen) == len(set(seen))
        if name == "dlq":
            assert set(expected[:entries]) <= set(seen)
            assert seen == [
                each for each in (expected if oldest_first else expected[::-1]) if each in set(seen)
            ]
        else:
            assert set(range(1, 4 * entries + 1)) <= set(seen)
