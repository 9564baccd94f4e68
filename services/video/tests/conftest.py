"""Make the clip generator importable, and give tests the service's own tables."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import asyncpg
import pytest
from huntaze_common.postgres import migrate
from huntaze_local import database as roles

sys.path.insert(0, str(Path(__file__).parent))

PASSWORD = "test-password"


@pytest.fixture
async def pool(database: str) -> AsyncGenerator[asyncpg.Pool]:
    """Connections of the service's own role to a migrated database."""
    await asyncio.to_thread(asyncio.run, _prepare(database))
    async with asyncpg.create_pool(_as("huntaze_video", database), min_size=1, max_size=3) as opened:
        yield opened


async def _prepare(address: str) -> None:
    connection = await asyncpg.connect(address)
    await roles.apply_roles(connection, dict.fromkeys(roles.ROLES, PASSWORD))
    await connection.close()
    await migrate(_as("huntaze_video_owner", address), "huntaze_video", schema="video")


def _as(role: str, address: str) -> str:
    return f"postgresql://{role}:{PASSWORD}@{address.rpartition('@')[2]}"
