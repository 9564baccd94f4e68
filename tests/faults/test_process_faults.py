"""F11, F12: a full disk; SIGTERM and SIGINT while a job runs: exit 0 in the grace, job done or given back."""

import asyncio
import signal
import socket
import sys
import time
from collections.abc import Callable

import httpx
import pytest
from huntaze_common.testing.killing import Record
from huntaze_common.testing.signing import KEY, NEXT_KEY, signed_headers

PROGRAM = (
    "import os, sys; from huntaze_common.service import command_line;"
    "from huntaze_common.testing.counting import SERVICE;"
    "sys.exit(command_line(SERVICE, ['serve'], os.environ))"
)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(("work", "done"), [("0.5", True), ("3600", False)])
async def test_a_signal_ends_the_process_inside_the_grace(
    laboratory, volume: Callable[[int, int], int], stop: signal.Signals, work: str, done: bool
) -> None:
    """Readiness goes first; a short job is answered; a long one may run again at the next delivery."""
    grace = volume(5, 30)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    base_url = f"http://127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM),
        stdout=asyncio.subprocess.DEVNULL,
        env={
            "ENVIRONMENT": "development",
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "PUBLIC_BASE_URL": base_url,
            "DATABASE_URL": laboratory.dsn,
            "QSTASH_URL": laboratory.qstash.url,
            "QSTASH_TOKEN": "token",
            "QSTASH_CURRENT_SIGNING_KEY": KEY,
            "QSTASH_NEXT_SIGNING_KEY": NEXT_KEY,
            "OBJECT_DIRECTORY": str(laboratory.objects),
            "WAIT_SECONDS": work,
            "SHUTDOWN_GRACE": str(grace),
        },
    )
    body = laboratory.job("a")
    url = f"{base_url}/api/workers/alert-checker"
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        while not await _ready(client, base_url):
            await asyncio.sleep(0.05)
        delivery = asyncio.create_task(client.post(url, content=body, headers=signed_headers(body, url)))
        async with laboratory.sql() as connection:
            while not await connection.fetchval("SELECT count(*) FROM job"):
                await asyncio.sleep(0.02)
            began = time.monotonic()
            process.send_signal(stop)
            while await _ready(client, base_url):
                await asyncio.sleep(0.01)
            answer = await delivery
            assert await process.wait() == 0
            assert time.monotonic() - began < grace
            state = await connection.fetchval("SELECT state FROM job")
    assert (answer.status_code, state) == ((200, "succeeded") if done else (503, "retry"))
    record = Record(jobs=1, deliveries=1, faults=1)
    await laboratory.conclude(
        f"F12 {stop.name}, {'short' if done else 'long'} job, {grace} s of grace", record
    )


async def _ready(client: httpx.AsyncClient, base_url: str) -> bool:
    try:
        return (await client.get(f"{base_url}/readyz")).status_code == 200
    except httpx.TransportError:
        return False


async def test_a_full_disk_is_something_that_passes(laboratory) -> None:
    """F11: the job is tried again, and gets through when there is room."""
    full = laboratory.objects / "job-a"
    full.symlink_to("/dev/full")
    record = Record(jobs=1, deliveries=2, faults=1)
    async with laboratory.worker() as worker:
        await worker.live()
        refused = await worker.deliver(laboratory.job("a"))
        full.unlink()
        done = await worker.deliver(laboratory.job("a"))
    assert (refused.status_code, done.status_code) == (503, 200)
    assert int(refused.headers["retry-after"]) >= 1
    assert (await laboratory.conclude("F11 disk full", record)).jobs == 1
