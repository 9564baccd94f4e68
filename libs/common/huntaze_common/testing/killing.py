"""Kill a worker at every await of a job, deliver until it is done, and count what was doubled or lost."""

import asyncio
import os
import socket
import sys
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from huntaze_common.testing.signing import signed_headers


class Victim:
    """The handle of a process of `huntaze_common.testing.victim`."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, path: str) -> None:
        """Made by `victim`."""
        self._process = process
        self._ready: asyncio.Queue[bool] = asyncio.Queue()
        self._reader = asyncio.create_task(self._read_output())
        self.logs: deque[bytes] = deque(maxlen=1000)
        """The service's last log lines."""
        self.url = url + path
        self._client = httpx.AsyncClient(timeout=30, trust_env=False)

    async def live(self, *, kill_at: int | None = None, lease: float = 1.0) -> None:
        """End the present life and begin one that ends at its ``kill_at``-th resumption."""
        await self._command({"kill_at": kill_at, "lease": lease})
        if not await asyncio.wait_for(self._ready.get(), 30):
            raise RuntimeError("the victim could not be started")

    async def deliver(self, body: bytes, **how: Any) -> httpx.Response | None:
        """Deliver one signed body; None when the service died of it."""
        try:
            return await self._client.post(
                self.url, content=body, headers=signed_headers(body, self.url, **how)
            )
        except httpx.TransportError:
            await self._client.aclose()
            self._client = httpx.AsyncClient(timeout=30, trust_env=False)
            return None

    async def close(self) -> None:
        """End the process."""
        await self._client.aclose()
        assert self._process.stdin is not None
        self._process.stdin.write(b'{"stop": true}\n')
        self._process.stdin.close()
        await self._process.wait()
        await self._reader

    async def _read_output(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            if line.startswith(b'{"ready"'):
                self._ready.put_nowait(True)
            else:
                self.logs.append(line)
        self._ready.put_nowait(False)

    async def _command(self, command: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(command) + b"\n")
        await self._process.stdin.drain()


@asynccontextmanager
async def victim(
    service: str, path: str, environment: Mapping[str, str], **more: Any
) -> AsyncGenerator[Victim]:
    """Run ``module:SERVICE`` as a victim on a free port, with all its settings but PUBLIC_BASE_URL."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "huntaze_common.testing.victim",
        service,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        pass_fds=(listener.fileno(),),
        limit=1 << 20,
        env={
            "PATH": os.environ.get("PATH", ""),
            "OPENBLAS_NUM_THREADS": "1",
            **environment,
            "PUBLIC_BASE_URL": url,
            "LISTENER_FD": str(listener.fileno()),
        },
        **more,
    )
    handle = Victim(process, url, path)
    try:
        yield handle
    finally:
        await handle.close()
        listener.close()


class Record(Struct, kw_only=True):
    """What a run of faults found. ``lost`` and everything doubled must be zero."""

    jobs: int = 0
    deliveries: int = 0
    faults: int = 0
    lost: int = 0
    recovery_p99: float = 0.0
    """Seconds from the first delivery after the fault to the answer 200."""


async def kill_everywhere(
    target: Victim, make_body: Callable[[int], bytes], *, every: int = 1, limit: int = 500
) -> Record:
    """Kill the victim at each of its resumptions during a job of its own, then deliver all jobs until done.

    Args:
        target: the worker.
        make_body: makes the envelope of the n-th job.
        every: try every n-th point only, for short runs.
        limit: more points than this mean that something is wrong.
    """
    record = Record()
    stuck: list[bytes] = []
    for point in range(1, limit, every):
        body = make_body(point)
        await target.live(kill_at=point)
        record.jobs += 1
        record.deliveries += 1
        answer = await target.deliver(body)
        stuck.append(body)
        if answer is not None:
            break  # the job got through: there are no further points
        record.faults += 1
    else:
        raise AssertionError(f"a job has more than {limit} awaits")
    await target.live()
    times = await asyncio.gather(*(_deliver_until_done(target, body, record) for body in stuck))
    finished = sorted(took for took in times if took is not None)
    record.lost = len(times) - len(finished)
    record.recovery_p99 = (
        round(finished[min(len(finished) - 1, int(len(finished) * 0.99))], 2) if finished else 0
    )
    return record


async def _deliver_until_done(target: Victim, body: bytes, record: Record) -> float | None:
    """Redeliver as QStash would, but without its long waits; None when it is not done after a minute."""
    began = time.monotonic()
    retried = 0
    while time.monotonic() - began < 60:
        retried += 1
        record.deliveries += 1
        answer = await target.deliver(body, retried=retried)
        if answer is not None and answer.status_code == 200:
            return time.monotonic() - began
        if answer is not None and answer.status_code == 489:
            return None
        await asyncio.sleep(0.2)
    return None
