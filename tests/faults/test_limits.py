"""F11: too few descriptors, too little memory, no database connection left."""

import asyncio
import contextlib
import socket
from urllib.parse import urlsplit

import asyncpg
from huntaze_common.testing.killing import Record

GIB = 1 << 30


async def test_too_few_file_descriptors_pass(laboratory, volume) -> None:
    """F11: strangers hold all the descriptors that the process may have; when they leave, it works on."""
    times = volume(1, 20)
    record = Record(jobs=10 * times, faults=100 * times)
    async with laboratory.worker() as worker:
        await worker.live(lease=5, limits={"NOFILE": 48})
        for time in range(times):
            with contextlib.ExitStack() as held:
                for _ in range(100):
                    held.enter_context(_connect(worker.url))
                await _log_line(worker, b"Too many open files", times=time + 1)
                # No more at once than the descriptors allow when the strangers have left.
                jobs = [laboratory.job(10 * time + n) for n in range(10)]
                load = asyncio.gather(*(laboratory.until_done(worker, job, record) for job in jobs))
                await asyncio.sleep(0)
            record.recovery_p99 = max(record.recovery_p99, *await load)
    assert (await laboratory.conclude("F11 no file descriptor left", record)).jobs == record.jobs


def _connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    connection = socket.socket()
    connection.setblocking(False)
    connection.connect_ex((parts.hostname, parts.port))
    return connection


async def _log_line(worker, text: bytes, *, times: int = 1) -> None:
    async with asyncio.timeout(20):
        while sum(text in line for line in worker.logs) < times:
            await asyncio.sleep(0.02)


async def test_too_little_memory_passes(laboratory, volume) -> None:
    """F11: a job that cannot have its memory is given back, and gets through where there is more."""
    record = Record(jobs=volume(3, 100), faults=volume(3, 100))
    async with laboratory.worker(HUNGER_BYTES=str(16 * GIB)) as worker:
        await worker.live(limits={"AS": 8 * GIB})
        for n in range(record.jobs):
            refused = await worker.deliver(laboratory.job(n))
            assert refused is not None
            assert (refused.status_code, refused.json()["code"]) == (503, "upstream_unavailable")
            record.deliveries += 1
    async with laboratory.worker(HUNGER_BYTES="0") as worker:
        await worker.live()
        for n in range(record.jobs):
            await laboratory.until_done(worker, laboratory.job(n), record)
    assert (await laboratory.conclude("F11 no memory left", record)).jobs == record.jobs


async def test_no_database_connection_left_passes(laboratory, volume) -> None:
    """F11: others hold every connection that the server gives; jobs wait or are refused with 503."""
    record = Record(jobs=volume(10, 200), faults=1)
    async with laboratory.worker() as worker, contextlib.AsyncExitStack() as others:
        await worker.live(lease=5)
        with contextlib.suppress(asyncpg.TooManyConnectionsError):
            while True:
                connection = await asyncpg.connect(laboratory.dsn)
                others.push_async_callback(connection.close)
        bodies = [laboratory.job(n) for n in range(record.jobs)]
        answers = await asyncio.gather(*(worker.deliver(body) for body in bodies))
        assert {answer.status_code for answer in answers if answer is not None} <= {200, 409, 503}
        record.deliveries += len(answers)
        await others.aclose()
        times = await asyncio.gather(*(laboratory.until_done(worker, body, record) for body in bodies))
        record.recovery_p99 = max(times)
    assert (await laboratory.conclude("F11 no database connection left", record)).jobs == record.jobs
