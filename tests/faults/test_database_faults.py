"""F4, F5, F6: the database cuts connections, restarts, is slow, is full."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from huntaze_common.testing.killing import Record
from huntaze_local.postgres import embedded_postgres

Volume = Callable[[int, int], int]


@asynccontextmanager
async def cutting_proxy(dsn: str) -> AsyncGenerator[tuple[str, list[float]]]:
    """Stand before the database, let each COMMIT through, and cut the connection before its answer."""
    parts = urlsplit(dsn)
    cuts: list[float] = []
    serving: set[asyncio.Task] = set()

    async def serve(client: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        server, server_out = await asyncio.open_connection(parts.hostname, parts.port)
        cutting = False

        async def upstream() -> None:
            nonlocal cutting
            while data := await client.read(65536):
                # Every second COMMIT is lost: the first of a job, whose redelivery gets through.
                cutting = b"COMMIT;" in data and len(cuts) % 2 == 0
                if b"COMMIT;" in data:
                    cuts.append(time.monotonic())
                server_out.write(data)
                await server_out.drain()

        async def downstream() -> None:
            while data := await server.read(65536):
                if cutting:
                    return  # the server has committed, and nobody hears of it
                client_out.write(data)
                await client_out.drain()

        pipes = {asyncio.create_task(upstream()), asyncio.create_task(downstream())}
        try:
            await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pipe in pipes:
                pipe.cancel()
            await asyncio.gather(*pipes, return_exceptions=True)
            for writer in (client_out, server_out):
                writer.transport.abort()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    proxy = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield dsn.replace(f":{parts.port}/", f":{proxy.sockets[0].getsockname()[1]}/"), cuts
    finally:
        proxy.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def test_a_commit_whose_answer_is_lost_counts_as_what_it_was(laboratory, volume: Volume) -> None:
    """F4: the job is done although the worker saw an error; asking the ledger settles it."""
    record = Record(jobs=volume(10, 500))
    async with cutting_proxy(laboratory.dsn) as (dsn, cuts):
        async with laboratory.worker(DATABASE_URL=dsn) as worker:
            await worker.live(lease=5)
            for n in range(record.jobs):
                await laboratory.until_done(worker, laboratory.job(n), record)
        record.faults = (len(cuts) + 1) // 2
    assert record.faults >= record.jobs // 2
    assert (await laboratory.conclude("F4 connection cut at COMMIT", record)).jobs == record.jobs


async def test_restarts_of_the_database_under_load(
    tmp_path: Path, volume: Volume, laboratory_on: Callable[[str], contextlib.AbstractAsyncContextManager]
) -> None:
    """F5: PostgreSQL is stopped and started while jobs run; each gets done, once."""
    record = Record(jobs=volume(60, 5000), faults=volume(2, 40))
    directory = tmp_path / "postgres"
    lanes = asyncio.Semaphore(8)
    async with contextlib.AsyncExitStack() as stack:
        database = embedded_postgres(directory)
        server = await database.__aenter__()
        laboratory = await stack.enter_async_context(laboratory_on(server.dsn))
        worker = await stack.enter_async_context(laboratory.worker(WAIT_SECONDS="0.05"))
        await worker.live(lease=2)

        async def one(n: int) -> float:
            async with lanes:
                return await laboratory.until_done(worker, laboratory.job(n), record)

        load = asyncio.gather(*(one(n) for n in range(record.jobs)))
        for restart in range(1, record.faults + 1):
            while (await laboratory.effects()).jobs < restart * record.jobs // (record.faults + 1):
                await asyncio.sleep(0.02)
            await database.__aexit__(None, None, None)
            database = embedded_postgres(directory, server.port)
            await database.__aenter__()
        times = sorted(await load)
        record.recovery_p99 = times[int(len(times) * 0.99) - 1]
        effects = await laboratory.conclude("F5 database restarts under load", record)
        await database.__aexit__(None, None, None)
    assert effects.jobs == record.jobs


async def test_a_locked_row_holds_jobs_back_and_no_longer(laboratory) -> None:
    """F6: somebody holds the row that all jobs update; they wait, or are refused with 503, and recover."""
    record = Record(jobs=8, faults=1)
    async with laboratory.worker(DATABASE_POOL_SIZE="2") as worker, laboratory.sql() as holder:
        await worker.live(lease=5)
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("UPDATE total SET n = n")
        load = asyncio.gather(
            *(laboratory.until_done(worker, laboratory.job(n), record) for n in range(record.jobs))
        )
        async with laboratory.sql() as observer:
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            while not await observer.fetchval(f"{waiting} AND datname = current_database()"):
                await asyncio.sleep(0.02)
        await transaction.rollback()
        record.recovery_p99 = max(await load)
    assert (await laboratory.conclude("F6 row locked, pool exhausted", record)).jobs == record.jobs
    assert record.recovery_p99 < 20
