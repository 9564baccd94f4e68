"""Kill a worker at every await of a job, deliver until it is done, and count what was doubled or lost."""

import asyncio
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from huntaze_common.testing.signing import signed_headers


class Victim:
    """A process of `huntaze_common.testing.victim`, which lives many lives on one port."""

    def __init__(
        self, service: str, *, module: str = "huntaze_common.testing.victim", path: str = ""
    ) -> None:
        """Start the process that will run ``module:SERVICE``; it serves nothing yet.

        ``module`` may be another program around `huntaze_common.testing.victim.serve_lives`, and ``path``
        is added to where it imports from.
        """
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.logs: deque[bytes] = deque(maxlen=1000)
        """The service's last log lines."""
        self._ready: queue.Queue[bool] = queue.Queue()
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", module),
                *(service, str(self._listener.fileno())),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(self._listener.fileno(),),
            env={"PATH": os.environ.get("PATH", ""), "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": path},
        )
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()

    def live(
        self, settings: Mapping[str, str], *, kill_at: int | None, limits: Mapping[str, int] | None = None
    ) -> None:
        """End the present life and begin one with these settings, until its ``kill_at``-th resumption.

        ``limits`` are resource limits of the life, as ``{"NOFILE": 64}``.

        Raises:
            RuntimeError: the service could not start; its logs say why.
        """
        self._command({"settings": settings, "kill_at": kill_at, "limits": limits or {}})
        if not self._ready.get(timeout=30):
            raise RuntimeError(b"".join(self.logs).decode(errors="replace"))

    def close(self) -> None:
        """End the process."""
        self._command({"stop": True})
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._reader.join(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._listener.close()

    def _command(self, command: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(command) + b"\n")
        self._process.stdin.flush()

    def _read_output(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(b'{"ready"'):
                self._ready.put(True)
            else:
                self.logs.append(line)
        self._ready.put(False)


class Target:
    """A worker under test: a victim with the settings of one test, and a client that delivers to it."""

    def __init__(self, victim: Victim, path: str, settings: Mapping[str, str]) -> None:
        """Take a victim, the worker's path, and all settings but PUBLIC_BASE_URL."""
        self.url = victim.base_url + path
        self.logs = victim.logs
        self._victim = victim
        self._settings = {**settings, "PUBLIC_BASE_URL": victim.base_url}
        self._client = httpx.AsyncClient(timeout=30, trust_env=False)

    async def live(
        self, *, kill_at: int | None = None, lease: float = 1.0, limits: Mapping[str, int] | None = None
    ) -> None:
        """Begin a life, with leases of ``lease`` seconds; see `Victim.live`."""
        await self.aclose()
        self._client = httpx.AsyncClient(timeout=30, trust_env=False)
        settings = {**self._settings, "LEASE_SECONDS": str(lease)}
        await asyncio.to_thread(self._victim.live, settings, kill_at=kill_at, limits=limits)

    async def deliver(self, body: bytes, **how: Any) -> httpx.Response | None:
        """Deliver one signed body, ``how`` as for `signed_headers`; None when the service died of it."""
        headers = signed_headers(body, self.url, **how)
        try:
            return await self._client.post(self.url, content=body, headers=headers)
        except httpx.TransportError:
            await self.aclose()
            self._client = httpx.AsyncClient(timeout=30, trust_env=False)
            return None

    async def aclose(self) -> None:
        """Close the client's connections."""
        await self._client.aclose()


class Record(Struct, kw_only=True):
    """What a run of faults found. ``lost`` and everything doubled must be zero."""

    jobs: int = 0
    deliveries: int = 0
    faults: int = 0
    lost: int = 0
    recovery_p99: float = 0.0
    """Seconds from the first delivery after the fault to the answer 200."""


async def kill_everywhere(
    target: Target,
    make_body: Callable[[int], bytes],
    *,
    every: int = 1,
    limit: int = 500,
    heir: Target | None = None,
) -> Record:
    """Kill the victim at each of its resumptions during a job of its own, then deliver all jobs until done.

    Args:
        target: the worker.
        make_body: makes the envelope of the n-th job.
        every: try every n-th point only, for short runs.
        limit: more points than this mean that something is wrong.
        heir: the living worker that the jobs are delivered to in the end; the target itself when absent.
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
    if heir is None:
        await target.live()
    times = await asyncio.gather(*(_deliver_until_done(heir or target, body, record) for body in stuck))
    finished = sorted(took for took in times if took is not None)
    record.lost = len(times) - len(finished)
    record.recovery_p99 = (
        round(finished[min(len(finished) - 1, int(len(finished) * 0.99))], 2) if finished else 0
    )
    return record


async def _deliver_until_done(target: Target, body: bytes, record: Record) -> float | None:
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
