"""Flow control: how many calls a key may have in flight, and how many it may start per period."""

import sqlite3

from qstash_local.core.message import Flow
from qstash_local.store.sql import Q


def find(connection: sqlite3.Connection, key: str) -> sqlite3.Row | None:
    """Return the row of a key."""
    return connection.execute(Q["flow_by_key"], (key,)).fetchone()


def configure(connection: sqlite3.Connection, flow: Flow, now_ms: int) -> None:
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
    connection.execute(Q["upsert_flow"], (flow.key, parallelism, rate, period, now_ms))


class Gate:
    """What one key still allows, for the length of one transaction."""

    def __init__(self, connection: sqlite3.Connection, key: str, now_ms: int) -> None:
        self._key = key
        self._changed = False
        row = find(connection, key)
        self._paused = bool(row and row["paused"])
        self._parallelism: int | None = row["parallelism"] if row else None
        self._rate: int | None = row["rate"] if row else None
        self._period_ms = 1000 * (row["period"] if row else 1)
        self._start: int = row["window_start"] if row else now_ms
        self._count: int = row["window_count"] if row else 0
        self._active: int = (
            connection.execute(Q["flow_active"], (key,)).fetchone()[0] if self._parallelism else 0
        )
        if not self._start <= now_ms < self._start + self._period_ms:
            self._start, self._count = now_ms, 0
        self.waiters: int = connection.execute(Q["flow_waiters"], (key,)).fetchone()[0]

    def room(self) -> int:
        """Return how many calls may start now."""
        if self._paused:
            return 0
        by_calls = 1_000_000 if self._parallelism is None else self._parallelism - self._active
        by_rate = 1_000_000 if self._rate is None else self._rate - self._count
        return max(0, min(by_calls, by_rate))

    def reopens_at(self) -> int | None:
        """Return when a closed gate opens by itself; None if only an ending call can open it."""
        if self._paused or self._rate is None or self._count < self._rate:
            return None
        return self._start + self._period_ms

    def pass_one(self) -> None:
        """Count one call that starts."""
        self._active += 1
        self._count += 1
        self._changed = True

    def save(self, connection: sqlite3.Connection) -> None:
        """Keep the window's count on disk, so that a restart starts no fresh window."""
        if self._changed:
            connection.execute(Q["flow_window"], (self._key, self._start, self._count))


def pin(connection: sqlite3.Connection, key: str, limits: dict[str, int], now_ms: int) -> None:
    """Fix ``parallelism``, or ``rate`` and ``period`` (seconds), against what messages ask for."""
    connection.execute(Q["touch_flow"], (key, now_ms))
    if "parallelism" in limits:
        connection.execute(Q["pin_parallelism"], (key, limits["parallelism"]))
    if "rate" in limits or "period" in limits:
        connection.execute(Q["pin_rate"], (key, limits.get("rate"), limits.get("period"), now_ms))


def unpin(connection: sqlite3.Connection, key: str, *, parallelism: bool, rate: bool) -> None:
    """Let the next message set the limits again."""
    connection.execute(Q["unpin_flow"], (key, int(parallelism), int(rate)))


def pause(connection: sqlite3.Connection, key: str, now_ms: int) -> None:
    """Stop starting messages of a key."""
    connection.execute(Q["touch_flow"], (key, now_ms))
    connection.execute(Q["pause_flow"], (key, 1))


def resume(connection: sqlite3.Connection, key: str) -> None:
    """Start messages of a key again."""
    connection.execute(Q["pause_flow"], (key, 0))


def reset_rate(connection: sqlite3.Connection, key: str, now_ms: int) -> None:
    """Start a fresh window now."""
    connection.execute(Q["flow_window"], (key, now_ms, 0))
