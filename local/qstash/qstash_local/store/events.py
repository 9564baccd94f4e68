"""The log: what happened to each message, and when."""

import sqlite3

import msgspec

from qstash_local.core.message import HeaderMap
from qstash_local.store.sql import Q


class Detail(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one attempt brought: the answer of the destination, or why there was none."""

    header: HeaderMap = {}
    body: bytes = b""
    error: str = ""


_encode = msgspec.msgpack.Encoder().encode
decode_detail = msgspec.msgpack.Decoder(Detail).decode


def record(
    connection: sqlite3.Connection,
    seq: int,
    now_ms: int,
    state: str,
    *,
    next_at: int | None = None,
    status: int | None = None,
    detail: Detail | None = None,
) -> int:
    """Add an entry to the log of a message and return its id, which grows with every entry."""
    blob = None if detail is None else _encode(detail)
    row = connection.execute(Q["insert_event"], (seq, now_ms, state, next_at, status, blob))
    return row.lastrowid or 0
