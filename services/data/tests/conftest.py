"""The data service's schema beside the application's tables, in a database of the test's own."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import asyncpg
import pytest
from huntaze_common.postgres import migrate
from huntaze_local import appdb, database

PASSWORD = "test-password"


@pytest.fixture
def dsn(database: str) -> str:
    """The address, as the service's own role, of a database with an empty application."""
    asyncio.run(_prepare(database))
    return _as("huntaze_data", database)


@pytest.fixture
async def pool(dsn: str) -> AsyncGenerator[asyncpg.Pool]:
    async with asyncpg.create_pool(dsn, min_size=1, max_size=3) as opened:
        yield opened


@pytest.fixture
async def app(database: str, dsn: str) -> AsyncGenerator[asyncpg.Connection]:
    """A connection that writes the application's tables."""
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


async def _prepare(address: str) -> None:
    connection = await asyncpg.connect(address)
    await database.apply_roles(connection, dict.fromkeys(database.ROLES, PASSWORD))
    await appdb.create(connection)
    await connection.close()
    await migrate(_as("huntaze_data_owner", address), "huntaze_data", schema="data")


def _as(role: str, address: str) -> str:
    return f"postgresql://{role}:{PASSWORD}@{address.rpartition('@')[2]}"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
