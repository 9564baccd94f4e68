"""T6: writing a scrape of 5,000 posts with their snapshots, raw rows and judgements, in one transaction."""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import asyncpg
import msgspec
from huntaze_common.postgres import migrate
from huntaze_local import database as roles
from huntaze_local.postgres import embedded_postgres
from huntaze_trends import store
from huntaze_trends.analysis import analyse
from huntaze_trends.collecting import Collected, collect
from huntaze_trends.rows import tiktok

from bench.trends.speed import NOW, items

COUNT = 5_000
ROUNDS = 5
_PASSWORD = "bench"


def run() -> dict[str, float]:
    """Return wall seconds: of the first scrape, and the median of later ones that see the same posts again."""
    return asyncio.run(_run())


async def _run() -> dict[str, float]:
    async def pages():
        for row in items(COUNT):
            # Apify leaves out what is not asked for, mostly signed links.
            whole = msgspec.json.decode(row)
            yield msgspec.json.encode({name: whole[name] for name in tiktok.FIELDS if name in whole})

    collected = await collect(pages(), tiktok.read)
    analysis = analyse(collected.posts, [], {}, at=NOW, own=frozenset())
    judgements = analysis.judgements(collected.posts)
    with tempfile.TemporaryDirectory() as directory:
        async with embedded_postgres(Path(directory)) as server:
            connection = await asyncpg.connect(server.dsn)
            await roles.apply_roles(connection, dict.fromkeys(roles.ROLES, _PASSWORD))
            await connection.close()
            host = server.dsn.rpartition("@")[2]
            await migrate(
                f"postgresql://huntaze_trends_owner:{_PASSWORD}@{host}", "huntaze_trends", schema="trends"
            )
            connection = await asyncpg.connect(f"postgresql://huntaze_trends:{_PASSWORD}@{host}")
            taken = [await _write(connection, number, collected, judgements) for number in range(ROUNDS)]
            await connection.close()
    return {"first_s": taken[0], "again_s": statistics.median(taken[1:])}


async def _write(
    connection: asyncpg.Connection, number: int, collected: Collected, judgements: list[store.Judgement]
) -> float:
    await connection.execute(
        "INSERT INTO scrape (scrape_id, platform, kind, value, actor_id, actor_version, asked_by)"
        " VALUES ($1, 'tiktok', 'hashtag', 'x', 'a', 1, $1)",
        f"s{number}",
    )
    began = time.perf_counter()
    async with connection.transaction():
        await store.save_collected(connection, f"s{number}", collected, judgements, NOW)
    return time.perf_counter() - began
