"""Flow control: how many calls a key may have in flight, and how many it may start per period."""

import sqlite3

from qstash_local.core.message import Flow
from qstash_local.store.sql import Q

_UNLIMITED = 1_000_000


def find(connection: sqlite3.Connection, key: str) -> sqlite3.Row | None:
    """Return the row of a key."""
    return connection.execute(Q["flow_by_key"], (key,)).fetchone()


def matching(connection: sqlite3.Connection, text: str) -> list[sqlite3.Row]:
    """Return the rows of the keys that contain a text, 1,000 at most."""
    return connection.execute(Q["all_flows"], (text,)).fetchall()


def configure(connection: sqlite3.Connection, flow: Flow) -> None:
    """Take over the limits of the latest message, except where they are pinned."""
    row = find(connection, flow.key)
    parallelism, rate, period = flow.parallelism, flow.rate, flow.period
    if row is not None:
        if row["pinned_parallelism"]:
            parallelism = row["parallelism"]
        if row["pinned_rate"]:
            rate, period = row["rate"], row["period"]
        if (parallelism, rate, period) == (row["parallelism"], row["rate"], row["period"]):
            return
    connection.execute(Q["upsert_flow"], (flow.key, parallelism, rate, period))


class Gate:
    """What one key still allows, for the length of one transaction."""

    def __init__(self, connection: sqlite3.Connection, key: str, now_ms: int) -> None:
        row = find(connection, key)
        if row is None:
            raise ValueError(f"no flow control is configured for {key!r}")
        self._key = key
        self._paused = bool(row["paused"])
        self._parallelism: int | None = row["parallelism"]
        self._rate: int | None = row["rate"]
        self._active: int = row["active"]
        self._start: int = row["window_start"]
        self._count: int = row["window_count"]
        self._started = 0
        if not self._start <= now_ms < self._start + row["period"] * 1000:
            self._start, self._count = now_ms, 0

    def room(self) -> int:
        """Return how many calls may start now."""
        if self._paused:
            return 0
        by_calls = _UNLIMITED if self._parallelism is None else self._parallelism - self._active
        by_rate = _UNLIMITED if self._rate is None else self._rate - self._count
        return max(0, min(by_calls, by_rate) - self._started)

    def start(self, calls: int) -> None:
        """Count calls that start."""
        self._started += calls

    def save(self, connection: sqlite3.Connection) -> None:
        """Keep the window's count on disk, so that a restart begins no fresh window."""
        if self._started:
            connection.execute(Q["flow_window"], (self._key, self._start, self._count + self._started))


def pin(connection: sqlite3.Connection, key: str, limits: dict[str, int], now_ms: int) -> None:
    """Fix ``parallelism``, or ``rate`` and ``period`` (seconds), against what messages ask for."""
    connection.execute(Q["create_flow"], (key,))
    if "parallelism" in limits:
        connection.execute(Q["pin_parallelism"], (key, limits["parallelism"]))
    if "rate" in limits or "period" in limits:
        connection.execute(Q["pin_rate"], (key, limits.get("rate"), limits.get("period"), now_ms))


def unpin(connection: sqlite3.Connection, key: str, *, parallelism: bool, rate: bool) -> None:
    """Let the next message set the limits again."""
    connection.execute(Q["unpin_flow"], (key, int(parallelism), int(rate)))


def pause(connection: sqlite3.Connection, key: str) -> None:
    """Stop starting messages of a key."""
    connection.execute(Q["create_flow"], (key,))
    connection.execute(Q["pause_flow"], (key, 1))


def resume(connection: sqlite3.Connection, key: str) -> None:
    """Start messages of a key again."""
    connection.execute(Q["pause_flow"], (key, 0))


def reset_rate(connection: sqlite3.Connection, key: str, now_ms: int) -> None:
    """Start a fresh window now."""
    connection.execute(Q["flow_window"], (key, now_ms, 0))
