"""The ledger's cost: claim and finish of a job against two bare commits, at 1, 10 and 100 jobs at once.

Two commits are the floor of any ledger that survives a crash between taking a job and finishing it. They are
measured over asyncpg's pool as it comes, which resets a connection after each use, and over the services' own.
"""

import argparse
import asyncio
import hashlib
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import asyncpg
from huntaze_common.ledger.claims import Ledger, Ticket
from huntaze_common.postgres import migrate, open_pool
from huntaze_local.postgres import embedded_postgres

Job = Callable[[str], Awaitable[None]]


async def main(jobs: int, rounds: int) -> None:
    """Start a PostgreSQL, run both contenders alternating, and print jobs per second and the ratio."""
    with tempfile.TemporaryDirectory(prefix="huntaze-bench-") as directory:
        async with embedded_postgres(Path(directory)) as server:
            connection = await asyncpg.connect(server.dsn)
            await connection.execute(
                "CREATE SCHEMA bench; CREATE TABLE bench.bare (id text PRIMARY KEY, done bool)"
            )
            await connection.execute("ALTER ROLE postgres SET search_path = bench")
            await connection.close()
            await migrate(server.dsn, "huntaze_common.testing", schema="bench")
            plain = await asyncpg.create_pool(server.dsn, min_size=1, max_size=16)
            pool = await open_pool(server.dsn, size=16, name="bench")
            contenders: dict[str, Job] = {
                "two commits": _bare(plain),
                "over our pool": _bare(pool),
                "ledger": _ledger(pool),
            }
            print(
                f"{'jobs/s at once':>15}{''.join(f'{name:>15}' for name in contenders)}   time of the ledger / of"
            )
            print(f"{'':>60}   two commits, the same over our pool")
            for lanes in (1, 10, 100):
                times: dict[str, list[float]] = {name: [] for name in contenders}
                for number in range(rounds):
                    for name, job in contenders.items():
                        times[name].append(await _run(job, f"{name[0]}-{lanes}-{number}", jobs, lanes))
                plainly, pooled, ledger = (statistics.median(times[name]) for name in contenders)
                figures = "".join(f"{jobs / time:>15.0f}" for time in (plainly, pooled, ledger))
                print(f"{lanes:>15}{figures}   {ledger / plainly:>11.2f} {ledger / pooled:>23.2f}")
            await plain.close()
            await pool.close()


async def _run(job: Job, prefix: str, jobs: int, lanes: int) -> float:
    names = iter([f"{prefix}-{n}" for n in range(jobs)])

    async def lane() -> None:
        for name in names:
            await job(name)

    began = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(lanes)))
    return time.perf_counter() - began


def _bare(pool: asyncpg.Pool) -> Job:
    async def job(name: str) -> None:
        await pool.execute("INSERT INTO bare VALUES ($1, false)", name)
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("UPDATE bare SET done = true WHERE id = $1", name)

    return job


def _ledger(pool: asyncpg.Pool) -> Job:
    ledger = Ledger(pool, lease=timedelta(seconds=60), owner="bench")

    async def job(name: str) -> None:
        body = name.encode()
        claim = await ledger.claim(
            Ticket(
                job_id=name,
                type="alert-checker",
                schema_version=1,
                user_id=None,
                body=body,
                payload_sha=hashlib.sha256(body).digest(),
                message_id=None,
                schedule_id=None,
                traceparent=None,
                enqueued_at=None,
            )
        )
        assert claim is not None
        async with pool.acquire() as connection, connection.transaction():
            await ledger.finish(connection, claim, b"{}")

    return job


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1500, help="per round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    asyncio.run(main(options.jobs, options.rounds))
