"""`./dev bench endpoint [--next]`: requests per CPU second and latency of the endpoint and its peers.

Each contender is a process of its own; its CPU time is read from /proc before and after its load.
FastAPI, and with --next Next.js, are installed from the package indexes into .dev/bench.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
from huntaze_common.postgres import migrate
from huntaze_common.publishing import encode_job
from huntaze_common.testing.signing import KEY, NEXT_KEY, signed_headers
from huntaze_contracts.alerts import CheckAlerts
from huntaze_local.postgres import embedded_postgres

from bench.endpoint.load import post_all, prepare

HERE = Path(__file__).parent
STATE = HERE.parents[1] / ".dev" / "bench"
PATH = "/api/workers/alert-checker"
_numbers = iter(range(10**9))


@dataclass
class Contender:
    """One server under load."""

    name: str
    command: list[str]
    port: int
    cwd: Path | None = None
    env: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    cpu: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    def cpu_seconds(self) -> float:
        """CPU time of the process and its children so far."""
        assert self.process is not None
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[2]) == self.process.pid:  # its process group
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def requests_for(port: int, count: int) -> list[bytes]:
    """Sign ``count`` different jobs for the server on ``port``."""
    url = f"http://127.0.0.1:{port}{PATH}"
    made: list[bytes] = []
    for _ in range(count):
        body = encode_job(
            "alert-checker",
            CheckAlerts(),
            job_id=f"j-{next(_numbers)}",
            user_id="u1",
            enqueued_at=datetime.now(UTC),
        )
        made.append(prepare(PATH, port, signed_headers(body, url), body))
    return made


@asynccontextmanager
async def started(contender: Contender) -> AsyncGenerator[None]:
    """Run the server for the length of the block."""
    contender.process = subprocess.Popen(
        contender.command, cwd=contender.cwd, env={**os.environ, **contender.env}, process_group=0,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        give_up = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError, RuntimeError, asyncio.IncompleteReadError):
                await post_all(contender.port, requests_for(contender.port, 1), 1)
                break
            if time.monotonic() > give_up or contender.process.poll() is not None:
                raise SystemExit(f"{contender.name} did not start")
            await asyncio.sleep(0.2)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(contender.process.pid, signal.SIGKILL)
        contender.process.wait()


async def run(options: argparse.Namespace) -> None:
    """Start all contenders, load them alternating, and print the table."""

    def ours(name: str, *arguments: str) -> Contender:
        port = free_port()
        return Contender(
            name, [sys.executable, "-m", "bench.endpoint.ours", "--port", str(port), *arguments], port
        )

    async with contextlib.AsyncExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="huntaze-bench-"))
        server = await stack.enter_async_context(embedded_postgres(Path(directory)))
        connection = await asyncpg.connect(server.dsn)
        await connection.execute(
            "CREATE SCHEMA bench; CREATE TABLE bench.bare (id text PRIMARY KEY, done bool)"
        )
        await connection.execute("ALTER ROLE postgres SET search_path = bench")
        await connection.close()
        await migrate(server.dsn, "huntaze_common.testing", schema="bench")
        contenders = [
            ours("ours, without a database"),
            fastapi_peer(),
            ours("ours, two bare commits", "--dsn", server.dsn, "--bare"),
            ours("ours, with the ledger", "--dsn", server.dsn),
        ]
        if options.next:
            contenders.append(build_next())
        for contender in contenders:
            await stack.enter_async_context(started(contender))
        for _ in range(options.rounds):
            for contender in contenders:
                prepared = requests_for(contender.port, options.requests)
                before = contender.cpu_seconds()
                contender.latencies += await post_all(contender.port, prepared, options.lanes)
                contender.cpu.append((contender.cpu_seconds() - before) / options.requests)
    report(contenders)


def report(contenders: list[Contender]) -> None:
    """Print CPU per request, its ratio to ours, and latencies under this load."""
    floor = statistics.median(contenders[0].cpu)
    print(f"{'':<28}{'CPU µs':>8}{'× ours':>8}{'req per CPU s':>15}{'p50 ms':>8}{'p99 ms':>8}")
    for contender in contenders:
        cpu = statistics.median(contender.cpu)
        times = sorted(contender.latencies)
        print(
            f"{contender.name:<28}{cpu * 1e6:>8.0f}{cpu / floor:>8.2f}{1 / cpu:>15.0f}"
            f"{times[len(times) // 2] * 1e3:>8.2f}{times[len(times) * 99 // 100] * 1e3:>8.2f}"
        )


def fastapi_peer() -> Contender:
    """Make the FastAPI peer."""
    port = free_port()
    command = [install_fastapi(), str(HERE / "fastapi_peer.py"), "--port", str(port), "--keys", KEY, NEXT_KEY]
    return Contender("FastAPI + qstash Receiver", command, port)


def install_fastapi() -> str:
    """Install FastAPI and the official client; return their interpreter."""
    return install("fastapi", ["fastapi", "qstash", "uvicorn", "uvloop", "httptools"])


def install(name: str, packages: list[str]) -> str:
    """Install a peer's packages into an environment of their own; return its interpreter."""
    python = STATE / name / "bin" / "python"
    if not python.exists():
        uv = shutil.which("uv") or str(HERE.parents[1] / ".dev" / "tools" / "bin" / "uv")
        subprocess.run(
            [uv, "venv", "--quiet", str(python.parents[1]), "--python", sys.executable], check=True
        )
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *packages], check=True)
    return str(python)


def build_next() -> Contender:
    """Install and build the Next.js peer."""
    directory = STATE / "next"
    shutil.copytree(HERE / "next", directory, dirs_exist_ok=True)
    if not (directory / "node_modules").exists():
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=directory, check=True)
    keys = {
        "QSTASH_CURRENT_SIGNING_KEY": KEY,
        "QSTASH_NEXT_SIGNING_KEY": NEXT_KEY,
        "NEXT_TELEMETRY_DISABLED": "1",
    }
    if not (directory / ".next" / "BUILD_ID").exists():
        subprocess.run(["npx", "next", "build"], cwd=directory, check=True, env={**os.environ, **keys})
    port = free_port()
    command = ["npx", "next", "start", "-H", "127.0.0.1", "-p", str(port)]
    return Contender("Next.js AppRouter wrapper", command, port, cwd=directory, env=keys)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000, help="per contender and round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lanes", type=int, default=16, help="connections")
    parser.add_argument("--next", action="store_true", help="also Next.js (needs node and npm)")
    asyncio.run(run(parser.parse_args()))
