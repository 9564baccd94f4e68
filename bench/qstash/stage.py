"""A server in a process of its own, and a destination in this one that costs next to nothing."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import ClassVar

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Sink(asyncio.Protocol):
    """Answers 200 to every POST whose body is a number, and notes when it came."""

    arrived: ClassVar[dict[int, float]] = {}
    expected: ClassVar[int] = 0
    complete: ClassVar[asyncio.Event]

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            if len(rest) < length:
                return
            Sink.arrived.setdefault(int(rest[:length]), time.perf_counter())
            if len(Sink.arrived) == Sink.expected:
                Sink.complete.set()
            self._buffer = rest[length:]
            self._transport.write(_ANSWER)


@asynccontextmanager
async def sink(expected: int) -> AsyncIterator[str]:
    """Serve the destination of ``expected`` messages; yield its URL."""
    Sink.arrived, Sink.expected, Sink.complete = {}, expected, asyncio.Event()
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0, backlog=1024)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def arrivals(seconds: float = 120) -> list[float]:
    """Return when each message arrived, once all have."""
    async with asyncio.timeout(seconds):
        await Sink.complete.wait()
    return sorted(Sink.arrived.values())


@contextmanager
def server(data: Path) -> Iterator[tuple[subprocess.Popen[str], str, dict[str, str]]]:
    """Start qstash-local; yield its process, its URL and the headers that open it."""
    command = [sys.executable, "-m", "qstash_local", "serve", "--port", "0", "--quiet", "--data", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        lines = dict(process.stdout.readline().strip().split("=", 1) for _ in range(4))
        yield process, lines["QSTASH_URL"], {"Authorization": f"Bearer {lines['QSTASH_TOKEN']}"}
    finally:
        process.terminate()
        process.wait(30)


def memory_mb(process: subprocess.Popen[str]) -> float:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def cpu_seconds(process: subprocess.Popen[str]) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
