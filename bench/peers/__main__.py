"""`./dev bench peers`: kill -9 at every await (F1), 20 copies at once (F2), on usual receivers and ours.

FastAPI and django-qstash are installed from the package index into .dev/bench.
"""

import argparse
import asyncio
import hashlib
import itertools
import json
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from huntaze_common.postgres import migrate
from huntaze_common.publishing import encode_job
from huntaze_common.testing import counting
from huntaze_common.testing.killing import Target, Victim, kill_everywhere
from huntaze_common.testing.recording import recording_qstash
from huntaze_common.testing.signing import KEY, NEXT_KEY
from huntaze_contracts.alerts import CheckAlerts
from huntaze_local.postgres import embedded_postgres

from bench.endpoint.__main__ import install, install_fastapi

PATH = "/api/workers/alert-checker"
_numbers = itertools.count()
PEER_TABLES = (Path(__file__).parent / "receivers.py").read_text().split('TABLES = """')[1].split('"""')[0]


class _QStash(Target):
    """Gives each message an id of its own, as QStash does: some receivers know jobs by nothing else."""

    async def deliver(self, body: bytes, **how: Any) -> httpx.Response | None:
        return await super().deliver(body, message_id=f"msg_{hashlib.sha256(body).hexdigest()}", **how)


def envelope(job_id: str) -> bytes:
    """Make the body of a job as we send it."""
    return encode_job(
        "alert-checker", CheckAlerts(), job_id=job_id, user_id="u1", enqueued_at=datetime.now(UTC)
    )


def django_task(job_id: str) -> bytes:
    """Make the body of a job as django-qstash sends it."""
    call = {"function": "work", "module": "bench.peers.django_site.tasks", "args": [job_id], "kwargs": {}}
    return json.dumps(call).encode()


async def main(jobs: int) -> None:
    """Print a table of lost jobs and doubled effects."""
    fastapi = packages_of(install_fastapi())
    django = packages_of(install("django", ["django-qstash", "django", "psycopg[binary]"]))
    receivers: dict[str, Callable[[], Victim]] = {
        **{
            name: lambda name=name: Victim(name, module="bench.peers.receivers", path=fastapi)
            for name in ("naive", "check-then-act", "mark-first")
        },
        "django-qstash": lambda: Victim("", module="bench.peers.django_receiver", path=django),
        "ours": lambda: Victim("huntaze_common.testing.counting:SERVICE"),
    }
    print(
        f"{'receiver':<34}{'fault':<6}{'jobs':>6}{'deliveries':>12}{'lost':>6}{'effects twice or more':>24}"
    )
    with tempfile.TemporaryDirectory(prefix="huntaze-bench-") as directory, recording_qstash() as qstash:
        async with embedded_postgres(Path(directory) / "postgres") as server:
            settings = {
                "ENVIRONMENT": "development",
                "QSTASH_URL": qstash.url,
                "QSTASH_TOKEN": "token",
                "QSTASH_CURRENT_SIGNING_KEY": KEY,
                "QSTASH_NEXT_SIGNING_KEY": NEXT_KEY,
                "OBJECT_DIRECTORY": directory,
            }
            for name, start in receivers.items():
                dsn = await database(server.dsn, name)
                victim = start()
                target = _QStash(victim, PATH, {**settings, "DATABASE_URL": dsn})
                try:
                    await examine(name, target, dsn, jobs)
                finally:
                    await target.aclose()
                    victim.close()


def packages_of(python: str) -> str:
    """Return where a peer's process imports from, beside our own environment."""
    return f"{Path.cwd()}:{next(Path(python).parents[1].glob('lib/python*/site-packages'))}"


async def examine(name: str, target: Target, dsn: str, jobs: int) -> None:
    """Run both faults on one receiver."""
    label = name if name in {"ours", "django-qstash"} else f"FastAPI + Receiver, {name}"
    made: list[str] = []

    def recorded(_number: int) -> bytes:
        made.append(f"job-{next(_numbers)}")
        return django_task(made[-1]) if name == "django-qstash" else envelope(made[-1])

    record = await kill_everywhere(target, recorded)
    await report(label, "F1", dsn, made, record.deliveries)
    made.clear()
    await target.live(lease=30)
    for _ in range(jobs // 10):
        bodies = [recorded(0) for _ in range(10)]
        await asyncio.gather(*(target.deliver(body) for body in bodies for _ in range(20)))
    await report(label, "F2", dsn, made, jobs * 20)


async def report(label: str, fault: str, dsn: str, made: list[str], deliveries: int) -> None:
    """Count what the database holds of these jobs."""
    connection = await asyncpg.connect(dsn)
    query = "SELECT job_id, count(*) FROM effect WHERE job_id = ANY($1) GROUP BY 1"
    counts = dict(await connection.fetch(query, made))
    await connection.close()
    lost, doubled = len(made) - len(counts), sum(count > 1 for count in counts.values())
    print(f"{label:<34}{fault:<6}{len(made):>6}{deliveries:>12}{lost:>6}{doubled:>24}")


async def database(admin_dsn: str, name: str) -> str:
    """Make a database with the tables of one receiver."""
    database_name = name.replace("-", "_")
    admin = await asyncpg.connect(admin_dsn)
    await admin.execute(f"CREATE DATABASE {database_name}")
    await admin.execute(f"ALTER DATABASE {database_name} SET search_path = counting")
    await admin.close()
    dsn = admin_dsn.rpartition("/")[0] + f"/{database_name}"
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE SCHEMA counting")
    await connection.execute(counting.TABLES if name == "ours" else PEER_TABLES)
    await connection.close()
    if name == "ours":
        await migrate(dsn, "huntaze_common.testing", schema="counting")
    return dsn


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100, help="of F2; each is delivered 20 times at once")
    asyncio.run(main(parser.parse_args().jobs))
