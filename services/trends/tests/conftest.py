"""The trends service's tables, and the stand-in of the Apify API over real HTTP."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator

import asyncpg
import pytest
import uvicorn
from huntaze_common.postgres import migrate
from huntaze_local import database as roles
from huntaze_local.apify.app import create_app

PASSWORD = "test-password"


@pytest.fixture
def dsn(database: str) -> str:
    """The address of a migrated database, as the service's own role."""
    asyncio.run(_prepare(database))
    return _as("huntaze_trends", database)


@pytest.fixture
async def pool(dsn: str) -> AsyncGenerator[asyncpg.Pool]:
    async with asyncpg.create_pool(dsn, min_size=1, max_size=3) as opened:
        yield opened


@pytest.fixture
def apify() -> Generator[str]:
    """The address of a stand-in whose runs take a twentieth of a second."""
    server = uvicorn.Server(uvicorn.Config(create_app(0.05), port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


async def _prepare(address: str) -> None:
    connection = await asyncpg.connect(address)
    await roles.apply_roles(connection, dict.fromkeys(roles.ROLES, PASSWORD))
    await connection.close()
    await migrate(_as("huntaze_trends_owner", address), "huntaze_trends", schema="trends")


def _as(role: str, address: str) -> str:
    return f"postgresql://{role}:{PASSWORD}@{address.rpartition('@')[2]}"
