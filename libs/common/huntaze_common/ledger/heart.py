"""Keep the leases of running jobs alive, from a thread and a connection of their own.

A job may hold the event loop or the interpreter for seconds (decoding, numpy): beats sent from that loop
would stop, and another delivery would take the job over while it still runs.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import structlog

from huntaze_common import sql
from huntaze_common.ledger.claims import CANCEL_CHANNEL, Claim

_QUERIES = sql.load("huntaze_common.ledger")
_log = structlog.get_logger()

# Three beats fit into a lease before the second missed one gives the job up.
_BEATS_PER_LEASE = 4
_MISSES_ALLOWED = 2


@dataclass(slots=True)
class _Watched:
    claim: Claim
    on_lost: Callable[[], None]
    on_cancel: Callable[[], None]
    misses: int = 0


class Heart:
    """Renews leases until a job is forgotten, and tells a job that it was cancelled or taken over.

    The callbacks are called from the heart's thread.
    """

    def __init__(self, dsn: str, *, lease: timedelta, name: str) -> None:
        """Prepare; `start` opens the connection."""
        self._dsn = dsn
        self._lease = lease
        self._name = name
        self._watched: dict[str, _Watched] = {}
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger-heart", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """Stop the thread and close its connection; leases that are still held run out."""
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(timeout=5)

    def watch(self, claim: Claim, *, on_lost: Callable[[], None], on_cancel: Callable[[], None]) -> None:
        """Renew the claim's lease from now on."""
        with self._lock:
            self._watched[claim.job_id] = _Watched(claim, on_lost, on_cancel)

    def forget(self, claim: Claim) -> None:
        """Stop renewing the claim's lease."""
        with self._lock:
            self._watched.pop(claim.job_id, None)

    def _run(self) -> None:
        asyncio.run(self._beat_until_stopped())

    async def _beat_until_stopped(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._started.set()
        pause = self._lease.total_seconds() / _BEATS_PER_LEASE
        connection: Any = None
        try:
            while not self._stopping.is_set():
                connection = await self._usable(connection)
                await self._beat_all(connection)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause)
        finally:
            if connection is not None:
                with contextlib.suppress(
                    OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError
                ):
                    await connection.close(timeout=1)

    async def _usable(self, connection: Any) -> Any:
        if connection is not None and not connection.is_closed():
            return connection
        try:
            connection = await asyncpg.connect(
                self._dsn,
                timeout=5,
                command_timeout=5,
                server_settings={"application_name": f"{self._name}-heart"},
            )
            await connection.add_listener(CANCEL_CHANNEL, self._on_cancel_notified)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
            _log.warning("heart_cannot_connect", error=type(error).__name__)
            return None
        return connection

    async def _beat_all(self, connection: Any) -> None:
        with self._lock:
            watched = list(self._watched.values())
        for job in watched:
            try:
                if connection is None:
                    raise ConnectionError
                row = await connection.fetchrow(
                    _QUERIES["beat"], job.claim.job_id, job.claim.epoch, self._lease
                )
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                job.misses += 1
                if job.misses >= _MISSES_ALLOWED:
                    job.on_lost()
                continue
            job.misses = 0
            if row is None:
                self._lost(job)
            elif row["cancel_requested"]:
                job.on_cancel()

    def _lost(self, job: _Watched) -> None:
        # A job that has just finished looks the same as one that was taken over: only watched ones count.
        with self._lock:
            if self._watched.get(job.claim.job_id) is not job:
                return
        job.on_lost()

    def _on_cancel_notified(self, _connection: Any, _pid: int, _channel: str, job_id: object) -> None:
        with self._lock:
            job = self._watched.get(str(job_id))
        if job is not None:
            job.on_cancel()
