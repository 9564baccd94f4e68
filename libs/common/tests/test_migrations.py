"""Migrations beside a version that still serves: what adds comes first, what takes away when it is gone."""

import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from huntaze_common.errors import ConfigurationError
from huntaze_common.postgres import migrate

Add = Callable[[str, str], None]
PACKAGE = "a_released_service"


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Add:
    """Add a migration to a service that exists for this test only."""
    directory = tmp_path / PACKAGE / "migrations"
    directory.mkdir(parents=True)
    (tmp_path / PACKAGE / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, PACKAGE, raising=False)

    def write(name: str, sql: str) -> None:
        (directory / f"{name}.sql").write_text(sql)

    return write


@pytest.fixture
async def schema(database: str) -> str:
    """An empty schema; returns the server's address."""
    connection = await asyncpg.connect(database)
    await connection.execute("CREATE SCHEMA released")
    await connection.close()
    return database


async def names(dsn: str, *, contract: bool = False) -> list[str]:
    applied = await migrate(dsn, PACKAGE, schema="released", contract=contract)
    return [name.removeprefix(f"{PACKAGE}/") for name in applied if name.startswith(PACKAGE)]


async def test_a_new_schema_gets_all(schema: str, add: Add) -> None:
    """There is no older version to spare."""
    add("0002_pre_a", "CREATE TABLE a (old int)")
    add("0003_post_a", "ALTER TABLE a DROP COLUMN old")
    assert await names(schema) == ["0002_pre_a.sql", "0003_post_a.sql"]
    assert await names(schema) == []


async def test_what_takes_away_waits_until_the_older_version_is_gone(schema: str, add: Add) -> None:
    """Expand, roll, contract; each step again changes nothing."""
    add("0002_pre_a", "CREATE TABLE a (old int)")
    await names(schema)
    add("0003_pre_b", "ALTER TABLE a ADD COLUMN new int")
    add("0004_post_b", "ALTER TABLE a DROP COLUMN old")
    assert await names(schema) == ["0003_pre_b.sql"]
    assert await names(schema) == []
    assert await names(schema, contract=True) == ["0004_post_b.sql"]
    assert await names(schema, contract=True) == []


async def test_a_release_that_was_never_contracted_stops_the_next(schema: str, add: Add) -> None:
    """The order of all migrations is kept, and the message says what to do."""
    add("0002_pre_a", "CREATE TABLE a (old int)")
    await names(schema)
    add("0003_pre_b", "ALTER TABLE a ADD COLUMN new int")
    add("0004_post_b", "ALTER TABLE a DROP COLUMN old")
    add("0005_pre_c", "ALTER TABLE a ADD COLUMN old text")
    with pytest.raises(ConfigurationError, match=r"0005_pre_c\.sql .* run 'contract'"):
        await names(schema)
    assert await names(schema, contract=True) == ["0004_post_b.sql", "0005_pre_c.sql"]


async def test_an_applied_migration_never_changes(schema: str, add: Add) -> None:
    """Nobody could say what the schema is."""
    add("0002_pre_a", "CREATE TABLE a (old int)")
    await names(schema)
    add("0002_pre_a", "CREATE TABLE a (other int)")
    with pytest.raises(ConfigurationError, match="was changed after it was applied"):
        await names(schema)


async def test_a_migration_that_fails_leaves_nothing_of_itself(schema: str, add: Add) -> None:
    """Each is one transaction: mended, it runs from its start."""
    add("0002_pre_a", "CREATE TABLE a (old int); SELECT 1/0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await names(schema)
    add("0002_pre_a", "CREATE TABLE a (old int)")
    assert await names(schema) == ["0002_pre_a.sql"]
