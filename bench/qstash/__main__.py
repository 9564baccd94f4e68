"""Measure qstash-local: `python -m bench.qstash [NAME ...] [--json FILE]`. All runs use a file on disk."""

import argparse
import asyncio
import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import uvloop
from qstash_local.core.message import Message
from qstash_local.store import messages
from qstash_local.store.database import Database

from bench.qstash.stage import Sink, arrivals, cpu_seconds, memory_mb, server, sink

Figures = dict[str, float]
_CLIENTS = 64


async def _publish(url: str, headers: dict[str, str], destination: str, count: int, **options: str) -> None:
    """Publish ``count`` messages over kept connections; bodies are their numbers."""
    numbers = iter(range(count))
    target = f"{url}/v2/publish/{destination}"

    async def client(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            async with session.post(target, data=str(number), headers=options) as answer:
                assert answer.status == 200, await answer.text()
                await answer.read()

    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(client(session) for _ in range(_CLIENTS)))


async def publishes(directory: Path) -> Figures:
    """Durable publishes per second from 64 connections; nothing is delivered meanwhile."""
    count = 20_000
    with server(directory / "q.db") as (process, url, headers):
        await _publish(url, headers, "https://a.example", 500, **{"Upstash-Delay": "1d"})
        began, cpu = time.perf_counter(), cpu_seconds(process)
        await _publish(url, headers, "https://a.example", count, **{"Upstash-Delay": "1d"})
        seconds = time.perf_counter() - began
        return {
            "per_second": count / seconds,
            "server_cpu_us_each": (cpu_seconds(process) - cpu) / count * 1e6,
        }


async def deliveries(directory: Path) -> Figures:
    """Deliveries per second of messages that are all due at once, to a fast destination."""
    count = 20_000
    async with sink(count) as destination:
        with server(directory / "q.db") as (process, url, headers):
            due = int(time.time()) + 15
            await _publish(url, headers, destination, count, **{"Upstash-Not-Before": str(due)})
            assert time.time() < due, "publishing took longer than planned"
            cpu = cpu_seconds(process)
            times = await arrivals()
            seconds = times[-1] - times[0]
            return {
                "per_second": count / seconds,
                "server_cpu_us_each": (cpu_seconds(process) - cpu) / count * 1e6,
            }


async def both(directory: Path) -> Figures:
    """Messages per second that are published and delivered at the same time."""
    count = 15_000
    async with sink(count) as destination:
        with server(directory / "q.db") as (_, url, headers):
            began = time.perf_counter()
            await _publish(url, headers, destination, count)
            times = await arrivals()
            return {"per_second": count / (times[-1] - began)}


async def latency(directory: Path) -> Figures:
    """Milliseconds from the start of a publish to its arrival, at 200 a second, for 20 seconds."""
    rate, seconds = 200, 20
    sent: dict[int, float] = {}
    async with sink(rate * seconds) as destination:
        with server(directory / "q.db") as (_, url, headers):
            async with aiohttp.ClientSession(headers=headers) as session:

                async def one(number: int) -> None:
                    sent[number] = time.perf_counter()
                    async with session.post(f"{url}/v2/publish/{destination}", data=str(number)) as answer:
                        assert answer.status == 200

                async with asyncio.TaskGroup() as group:
                    began = time.perf_counter()
                    for number in range(rate * seconds):
                        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
                        group.create_task(one(number))
            await arrivals()
    waits = sorted((Sink.arrived[number] - at) * 1000 for number, at in sent.items())
    return {"p50_ms": statistics.median(waits), "p99_ms": waits[int(len(waits) * 0.99)], "max_ms": waits[-1]}


async def memory(directory: Path) -> Figures:
    """Resident megabytes of an idle server, and of one with 100,000 delayed messages of 200 bytes."""
    item = {"destination": "https://a.example/x", "headers": {"Upstash-Delay": "1d"}, "body": "x" * 200}
    with server(directory / "q.db") as (process, url, headers):
        idle = memory_mb(process)
        async with aiohttp.ClientSession(headers=headers) as session:
            for _ in range(100):
                async with session.post(f"{url}/v2/batch", json=[item] * 1_000) as answer:
                    assert answer.status == 200
        return {"idle_mb": idle, "with_100k_delayed_mb": memory_mb(process)}


async def start(directory: Path) -> Figures:
    """Seconds from a start to the first answer with 1,000,000 messages stored; then publishes per second."""
    path = directory / "q.db"
    database = Database(path)
    now = int(time.time() * 1000)
    message = Message(url="https://a.example/x", delay_ms=86_400_000)

    def fill(connection: sqlite3.Connection) -> None:
        for _ in range(10_000):
            messages.insert(connection, message, b"x" * 200, now)

    for _ in range(100):
        await database.write(fill, durable=False)
    await database.close()
    size = path.stat().st_size / 1e6
    began = time.perf_counter()
    with server(path) as (process, url, headers):
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"{url}/v2/messages/msg_1") as answer,
        ):
            assert answer.status == 404
        figures = {"seconds": time.perf_counter() - began, "file_mb": size, "memory_mb": memory_mb(process)}
        began = time.perf_counter()
        await _publish(url, headers, "https://a.example", 5_000, **{"Upstash-Delay": "1d"})
        return {**figures, "publishes_per_second": 5_000 / (time.perf_counter() - began)}


async def disk(directory: Path) -> Figures:
    """Milliseconds of one commit with fsync on this disk, 200 a second: the floor under every publish."""
    connection = sqlite3.connect(directory / "d.db", isolation_level=None)
    connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (a BLOB)")
    waits: list[float] = []
    for _ in range(1_000):
        began = time.perf_counter()
        connection.execute("INSERT INTO t VALUES (?)", (b"x" * 500,))
        waits.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.004)
    connection.close()
    return {"commit_p50_ms": statistics.median(waits), "commit_p99_ms": sorted(waits)[990]}


MEASURES: dict[str, Callable[[Path], Awaitable[Figures]]] = {
    each.__name__: each for each in (disk, publishes, deliveries, both, latency, memory, start)
}
GOALS = {
    "publishes": ("per_second", ">=", 1_500),
    "deliveries": ("per_second", ">=", 1_000),
    "latency": ("p99_ms", "<=", 50),
    "memory": ("with_100k_delayed_mb", "<=", 250),
    "start": ("seconds", "<=", 2),
}


def _machine() -> dict[str, Any]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "cpus": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "commit": commit.stdout.strip(),
    }


def main() -> int:
    """Run the measures that are named, or all; return 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.qstash")
    # argparse holds the default of "*", an empty list, against the choices as well.
    parser.add_argument("names", nargs="*", choices=[*MEASURES, []])
    parser.add_argument("--json", type=Path, help="write the figures and the machine to this file")
    options = parser.parse_args()
    results: dict[str, Any] = {"machine": _machine()}
    missed = False
    for name in options.names or MEASURES:
        with tempfile.TemporaryDirectory() as directory:
            figures = uvloop.run(MEASURES[name](Path(directory)))
        results[name] = {key: round(value, 2) for key, value in figures.items()}
        goal = ""
        if name in GOALS:
            key, relation, value = GOALS[name]
            met = figures[key] >= value if relation == ">=" else figures[key] <= value
            missed |= not met
            goal = f"  goal {key} {relation} {value}: {'met' if met else 'MISSED'}"
        print(
            f"{name:11}", ", ".join(f"{key} {value:,.1f}" for key, value in figures.items()), goal, flush=True
        )
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_bytes(msgspec.json.format(json.dumps(results).encode(), indent=2) + b"\n")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
