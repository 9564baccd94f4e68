"""Run the platform's processes as children: ready in order, logged to files, stopped together.

Nothing is restarted silently: a child that ends by itself is reported with its last words, and the caller
decides.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import urllib.request
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from huntaze_local.orphans import signal_when_parent_dies

STOP_WITHIN = 10.0  # seconds for all children together, before they are killed
LOG_LIMIT = 5_000_000  # bytes per log file; two older ones are kept
LONGEST_LINE = 1_000_000  # bytes; a longer line of a child's log is left out
LAST_WORDS = 20  # lines
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class ChildFailed(Exception):
    """A child did not become ready, or ended by itself; the message holds its last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A process to run.

    Attributes:
        name: what it is called in messages, and the name of its log.
        command: the program and its arguments.
        environment: all of its environment; nothing is inherited.
        ready: an address that answers 200, or a question that is asked until the answer is yes.
        ready_within: seconds.
        directory: where it works; ours by default.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    ready: str | Callable[[], Awaitable[bool]]
    ready_within: float = 30.0
    directory: Path | None = None


@dataclass(slots=True)
class _Running:
    """One life of a child."""

    child: Child
    process: asyncio.subprocess.Process
    output: int  # the reading end of the pipe that the child writes to
    last_words: deque[str] = field(default_factory=lambda: deque[str](maxlen=LAST_WORDS))
    ending: bool = False  # we asked for its end, or already told of it
    watcher: asyncio.Task[None] = field(init=False)


class Supervisor:
    """Starts children, and stops them in reverse order when its block is left.

    SIGINT or SIGTERM leave the block at once, quietly, with the signal's number in ``interrupted_by``; a
    second one kills what is still stopping. Enter it in the main thread: the kernel ends the children with
    the thread that started them.
    """

    interrupted_by: int | None = None

    def __init__(self, logs: Path, echo: Callable[[str], None] | None = None) -> None:
        """Keep logs in the directory ``logs``; ``echo`` also gets each line, after its child's name."""
        self._logs = logs
        self._echo = echo
        self._running: dict[str, _Running] = {}
        self._ports: set[int] = set()
        self._first_failure: asyncio.Future[ChildFailed] = asyncio.get_running_loop().create_future()
        self._former_handlers: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    async def __aenter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        self._owner = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for signum in SIGNALS:
            self._former_handlers[signum] = signal.getsignal(signum)
            loop.add_signal_handler(signum, self._interrupt, signum)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        try:
            await self.stop()
        finally:
            for signum, handler in self._former_handlers.items():
                asyncio.get_running_loop().remove_signal_handler(signum)
                signal.signal(signum, handler)
        if self.interrupted_by is not None and self._owner is not None:
            self._owner.uncancel()
            return isinstance(error, asyncio.CancelledError)
        return False

    def choose_port(self, preferred: int) -> int:
        """Return the preferred port on 127.0.0.1, or a free one where it is taken; never one twice."""
        for candidate in (preferred, *[0] * 100):
            with suppress(OSError), socket.create_server(("127.0.0.1", candidate)) as probe:
                port: int = probe.getsockname()[1]
                if port not in self._ports:
                    self._ports.add(port)
                    return port
        raise ChildFailed("no free port on 127.0.0.1")

    async def start(self, child: Child) -> None:
        """Start ``child`` and wait until it is ready.

        Raises:
            ChildFailed: it ended, or was not ready in time. It is not running afterwards.
        """
        ours, theirs = os.pipe()  # and not asyncio's, whose wait() waits for grandchildren that hold the pipe
        try:
            process = await asyncio.create_subprocess_exec(
                *child.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=theirs,
                stderr=asyncio.subprocess.STDOUT,
                env=dict(child.environment),
                cwd=child.directory,
                process_group=0,  # Ctrl-C is for us; and what the child starts is killed with it
                preexec_fn=signal_when_parent_dies(signal.SIGKILL),
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        running = _Running(child, process, ours)
        self._running[child.name] = running
        running.watcher = asyncio.create_task(self._watch(running))
        try:
            await self._until_ready(running)
        except BaseException:
            await self.kill9(child.name)
            raise

    async def stop(self) -> None:
        """Stop all children, the last started first; kill those that need longer than ten seconds in all."""
        deadline = asyncio.get_running_loop().time() + STOP_WITHIN
        for name in reversed(list(self._running)):
            await self._end(name, signal.SIGTERM, deadline)

    async def kill9(self, name: str) -> None:
        """Kill a child and all it started, at once and without notice; for tests of what survives that."""
        await self._end(name, signal.SIGKILL, asyncio.get_running_loop().time() + STOP_WITHIN)

    async def restart(self, name: str) -> None:
        """Start a child again, after stopping it if it still runs.

        Raises:
            ChildFailed: it did not become ready.
        """
        child = self._running[name].child
        await self._end(name, signal.SIGTERM, asyncio.get_running_loop().time() + STOP_WITHIN)
        await self.start(child)

    async def failure(self) -> ChildFailed:
        """Wait until a child ends that nobody asked to, and return what is known of it."""
        return await asyncio.shield(self._first_failure)

    def _interrupt(self, signum: int) -> None:
        if self.interrupted_by is None and self._owner is not None:
            self.interrupted_by = signum
            self._owner.cancel()
        else:
            for running in self._running.values():
                _kill_group(running.process.pid)

    async def _end(self, name: str, signum: int, deadline: float) -> None:
        """Send ``signum`` to a child, wait until ``deadline`` (loop time) for its end, kill its group."""
        running = self._running[name]
        running.ending = True
        if running.process.returncode is None:
            running.process.send_signal(signum)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await running.process.wait()
        _kill_group(running.process.pid)
        await running.watcher

    async def _watch(self, running: _Running) -> None:
        """Copy the child's output to its log, and report an end that we did not ask for."""
        copying = asyncio.create_task(self._copy_output(running))
        code = await running.process.wait()
        await asyncio.wait([copying], timeout=1)  # a grandchild may hold the pipe open
        copying.cancel()
        if not running.ending and not self._first_failure.done():
            self._first_failure.set_result(_failed(running, f"ended by itself with {_spell(code)}"))

    async def _copy_output(self, running: _Running) -> None:
        name = running.child.name
        log = RotatingFileHandler(
            self._logs / f"{name}.log", maxBytes=LOG_LIMIT, backupCount=2, encoding="utf-8"
        )
        reader = asyncio.StreamReader(limit=LONGEST_LINE)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(running.output, "rb")
        )
        try:
            while line := await _next_line(reader):
                text = line.decode(errors="replace").rstrip()
                log.emit(logging.makeLogRecord({"msg": text}))
                running.last_words.append(text)
                if self._echo is not None:
                    self._echo(f"{name:<8} | {text}")
        finally:
            transport.close()
            log.close()

    async def _until_ready(self, running: _Running) -> None:
        child = running.child
        probe = _answers(child.ready) if isinstance(child.ready, str) else child.ready
        try:
            async with asyncio.timeout(child.ready_within):
                while not await probe():
                    if running.process.returncode is not None:
                        running.ending = True
                        await running.watcher
                        code = _spell(running.process.returncode)
                        raise _failed(running, f"ended with {code} before it was ready")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise _failed(running, f"was not ready after {child.ready_within:g} s") from None


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs ``module`` with the Python that runs us."""
    return [sys.executable, "-m", module, *arguments]


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        os.killpg(leader, signal.SIGKILL)


async def _next_line(reader: asyncio.StreamReader) -> bytes:
    """Return the next line of output, or nothing at the end."""
    try:
        return await reader.readline()
    except ValueError:  # longer than the limit, and dropped by the reader
        return b"(a line that was too long to keep)\n"


def _answers(url: str) -> Callable[[], Awaitable[bool]]:
    """Make a question: does ``url`` answer 200?"""
    # From a thread, by the standard library: an asynchronous client that gives up on a busy machine while it
    # connects can leave its socket open.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def look() -> bool:
        try:
            with opener.open(url, timeout=2.0) as answer:
                return answer.status == 200
        except (OSError, HTTPException):
            return False

    async def ask() -> bool:
        return await asyncio.to_thread(look)

    return ask


def _failed(running: _Running, what: str) -> ChildFailed:
    words = "".join(f"\n    {line}" for line in running.last_words)
    return ChildFailed(f"{running.child.name} {what}.{' It said last:' if words else ''}{words}")


def _spell(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
