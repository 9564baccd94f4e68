"""What a stretch of work costs: seconds of wall and of CPU on both sides, bytes of the write-ahead log."""

import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

Session = asyncpg.Connection | asyncpg.Pool
"""A connection, or a pool of one."""


@dataclass
class Cost:
    """Of one stretch."""

    wall: float = 0.0
    cpu: float = 0.0
    """Seconds of this process and of the server's process that worked for it."""
    server_cpu: float = 0.0
    """Of these, the server's."""
    wal: int = 0
    """Bytes that this session's statements wrote."""


@asynccontextmanager
async def metered(session: Session) -> AsyncGenerator[Cost]:
    """Measure what the block does through ``session``."""
    cost = Cost()
    pid = await session.fetchval("SELECT pg_backend_pid()")
    wal = await _wal_of(session)
    client, server, began = time.process_time(), _cpu_of(pid), time.perf_counter()
    yield cost
    cost.wall = time.perf_counter() - began
    cost.server_cpu = _cpu_of(pid) - server
    cost.cpu = time.process_time() - client + cost.server_cpu
    cost.wal = await _wal_of(session) - wal


async def _wal_of(session: Session) -> int:
    await session.fetchval("SELECT pg_stat_force_next_flush()")
    return int(await session.fetchval("SELECT wal_bytes FROM pg_stat_get_backend_wal(pg_backend_pid())"))


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
