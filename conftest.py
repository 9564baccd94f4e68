"""Fixtures for all tests: one real PostgreSQL server a run, one fresh database a test."""

import asyncio
import itertools
import threading
from collections.abc import Generator
from pathlib import Path

import asyncpg
import pytest
from huntaze_local.postgres import Server, embedded_postgres

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    """The embedded PostgreSQL server; it runs in a loop of its own, so that sync and async tests share it."""
    directory: Path = tmp_path_factory.mktemp("postgres")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="postgres", daemon=True)
    thread.start()
    running = embedded_postgres(directory)
    try:
        yield asyncio.run_coroutine_threadsafe(running.__aenter__(), loop).result(90)
        asyncio.run_coroutine_threadsafe(running.__aexit__(None, None, None), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture
def database(postgres_server: Server) -> Generator[str]:
    """The address, as superuser, of an empty database of the test's own."""
    name = f"test_{next(_numbers)}"
    asyncio.run(_execute(postgres_server.dsn, f"CREATE DATABASE {name} TEMPLATE template0"))
    yield postgres_server.dsn.rpartition("/")[0] + f"/{name}"
    asyncio.run(_execute(postgres_server.dsn, f"DROP DATABASE {name} WITH (FORCE)"))


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switches for what takes minutes."""
    parser.addoption("--containers", action="store_true", help="build the images and test them in containers")
    parser.addoption("--faults", action="store_true", help="run the fault suite at its nightly size")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give tests at their nightly size the time that it takes."""
    if config.getoption("--faults"):
        for item in items:
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(1800))
