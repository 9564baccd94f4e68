"""The SQLite file: group commits, reads beside them, one server per file.

Statements run on the event loop, because each takes microseconds and a second thread would fight for
the interpreter lock after every one of them; only the commit, which waits for the disk, runs on a
thread. Operations that arrive while it waits share the next transaction, and so one fsync.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from qstash_local.core.errors import Refused
from qstash_local.store.sql import SCHEMA

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]
_SCHEMA_VERSION = 1
# A batch stops growing after this long, so that the loop can answer sockets in between.
_BATCH_SECONDS = 0.01


class DataFileError(Exception):
    """The data file cannot be used; the text says why."""


class _Write:
    __slots__ = ("durable", "future", "operation")

    def __init__(self, operation: Operation[Any], durable: bool, future: asyncio.Future[Any]) -> None:
        self.operation = operation
        self.durable = durable
        self.future = future


class Database:
    """An open data file. `write` answers once the change is on disk, `read` sees what was committed."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the file; None keeps everything in memory.

        Raises:
            DataFileError: another server uses the file, or it is not ours.
        """
        self._lock = None if path is None else _lock(path)
        target = ":memory:" if path is None else str(path)
        try:
            self._connection = _connect(target)
            _prepare(self._connection)
            self._reader = None if path is None else _connect(target)
        except sqlite3.DatabaseError as error:
            raise DataFileError(f"{target} cannot be used as a data file: {error}") from error
        self._commits = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._reads = ThreadPoolExecutor(1, thread_name_prefix="read")
        self._pending: deque[_Write] = deque()
        self._busy = False
        self._synchronous = ""

    async def write(self, operation: Operation[T], *, durable: bool = True) -> T:
        """Run an operation inside a transaction; return its result once that is committed.

        Args:
            operation: gets the connection; an exception undoes only its own changes.
            durable: wait for the disk. False is for what a crash of the machine may undo because it
                would be done again; a crash of the process undoes neither.

        Raises:
            Refused: 507 when the disk is full; and whatever the operation raises.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._pending.append(_Write(operation, durable, future))
        if not self._busy:
            self._busy = True
            asyncio.get_running_loop().call_soon(self._run_batch)
        return await future

    async def read(self, operation: Operation[T]) -> T:
        """Run a reading operation on a thread of its own; it delays no write."""
        reader = self._reader
        if reader is None:
            return await self.write(operation, durable=False)
        return await asyncio.get_running_loop().run_in_executor(self._reads, operation, reader)

    async def close(self) -> None:
        """Let everything reach the disk, and let go of the file."""
        with suppress(Refused):
            await self.write(lambda _: None)
        self._commits.shutdown()
        self._reads.shutdown()
        self._connection.close()
        if self._reader is not None:
            self._reader.close()
        if self._lock is not None:
            self._lock.close()

    def _run_batch(self) -> None:
        done: list[tuple[_Write, Any]] = []
        try:
            self._begin()
            deadline = perf_counter() + _BATCH_SECONDS
            while self._pending and perf_counter() < deadline:
                self._apply(self._pending.popleft(), done)
        except sqlite3.Error as error:
            if not done and self._pending:
                done.append((self._pending.popleft(), None))
            self._finish(done, error)
            return
        commit = asyncio.get_running_loop().run_in_executor(self._commits, self._connection.commit)
        commit.add_done_callback(lambda future: self._finish(done, future.exception()))

    def _begin(self) -> None:
        synchronous = "FULL" if any(write.durable for write in self._pending) else "NORMAL"
        if synchronous != self._synchronous:
            self._connection.execute(f"PRAGMA synchronous = {synchronous}")
            self._synchronous = synchronous
        self._connection.execute("BEGIN IMMEDIATE")

    def _apply(self, write: _Write, done: list[tuple[_Write, Any]]) -> None:
        execute = self._connection.execute
        execute("SAVEPOINT operation")
        try:
            result = write.operation(self._connection)
        except Exception as error:
            if isinstance(error, sqlite3.Error) and not self._connection.in_transaction:
                # SQLite has undone the whole batch (a full disk does that), not only this operation.
                done.append((write, None))
                raise
            if not write.future.done():
                write.future.set_exception(_explained(error))
            execute("ROLLBACK TO operation")
        else:
            done.append((write, result))
        execute("RELEASE operation")

    def _finish(self, done: list[tuple[_Write, Any]], error: BaseException | None) -> None:
        if error is not None and self._connection.in_transaction:
            self._connection.rollback()
        for write, result in done:
            if write.future.done():
                continue
            if error is None:
                write.future.set_result(result)
            else:
                write.future.set_exception(_explained(error))
        if self._pending:
            asyncio.get_running_loop().call_soon(self._run_batch)
        else:
            self._busy = False


def _explained(error: BaseException) -> BaseException:
    if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
    ):
        return Refused(507, f"the data file cannot be written, nothing was accepted: {error}")
    return error


def _connect(target: str) -> sqlite3.Connection:
    connection = sqlite3.connect(target, isolation_level=None, check_same_thread=False, cached_statements=256)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    connection.execute("PRAGMA cache_size = -32000")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;")
    elif version != _SCHEMA_VERSION:
        raise DataFileError(f"the data file has format {version}, this version reads {_SCHEMA_VERSION}")


def _lock(path: Path) -> sqlite3.Connection:
    # A lock that SQLite holds works on every system and goes with the process, however it ends.
    path.parent.mkdir(parents=True, exist_ok=True)
    # Bodies and headers hold secrets: the file (and SQLite's files beside it) is for its owner only.
    path.touch(mode=0o600)
    lock = sqlite3.connect(f"{path}.lock", isolation_level=None, timeout=0, check_same_thread=False)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        raise DataFileError(f"the data file {path} is in use by another qstash-local server") from error
    return lock
