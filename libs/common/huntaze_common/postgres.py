"""The database: a pool for the service's role, and migrations as a release step."""

import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from huntaze_common.errors import ConfigurationError

Connection = asyncpg.Connection | PoolConnectionProxy
Pool = asyncpg.Pool

# What passes: the server restarts, is full, or chose this transaction to end a deadlock.
TRANSIENT_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what a connection that breaks in the middle of a query can end with
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
)

# Any fixed number: it only has to be the same in every release of every service.
_MIGRATION_LOCK = 7_486_291


async def open_pool(dsn: str, *, size: int, name: str) -> Pool:
    """Open a pool of at most ``size`` connections that show up as ``name`` in pg_stat_activity.

    Raises:
        ConfigurationError: DATABASE_URL is not an address; the message does not hold it.
    """
    try:
        return await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=size,
            timeout=10,
            command_timeout=60,
            reset=_keep_session,
            server_settings={"application_name": name},
        )
    except ValueError:
        raise ConfigurationError("DATABASE_URL is not a postgresql:// address") from None


async def _keep_session(_: Connection) -> None:
    """Send nothing when a connection goes back to the pool.

    asyncpg would drop session locks, cursors, listeners and settings: a round trip for each use. Nothing that
    uses the pool has any: locks and settings are of the transaction, and the heart listens on its own.
    """


async def migrate(dsn: str, package: str, *, schema: str, contract: bool = False) -> list[str]:
    """Apply the migrations of common and of ``package`` that the schema has not seen; return their names.

    Run by the schema's owner before a new image serves. The version that serves now goes on, so only what
    adds (``_pre_``) is applied; unless the schema is new, or ``contract`` says that no older version serves
    nor will again: then also what takes away (``_post_``). Each migration is one transaction with short
    lock and statement timeouts, so that a migration waits for nobody and nobody waits long for it.

    Raises:
        ConfigurationError: an applied migration's text has changed since; or one that adds comes after one
            that takes away and was not applied; those before it are applied then.
    """
    async with _migrating(dsn, schema) as (connection, seen):
        pending = _pending(package, seen)
        ready = pending if contract or not seen else _expansions(pending)
        for migration in ready:
            async with connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = '4s'; SET LOCAL statement_timeout = '30s'")
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO migration (name, sha256) VALUES ($1, $2)", migration.name, migration.sha256
                )
        for migration in pending:
            if migration not in ready and not migration.takes_away:
                raise ConfigurationError(
                    f"{migration.name} comes after a migration that takes something away: run 'contract'"
                    " instead, when no older version serves any more"
                )
        return [migration.name for migration in ready]


@dataclass(frozen=True, slots=True)
class _Migration:
    package: str
    file: str
    sql: str

    @property
    def name(self) -> str:
        return f"{self.package}/{self.file}"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def takes_away(self) -> bool:
        return "_post_" in self.file


@asynccontextmanager
async def _migrating(dsn: str, schema: str) -> AsyncGenerator[tuple[Connection, dict[str, str]]]:
    """Connect, keep other migrations of any schema out, and yield what was applied: name and digest."""
    connection: Connection = await asyncpg.connect(dsn, timeout=10, server_settings={"search_path": schema})
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _MIGRATION_LOCK)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, sha256 text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
        )
        yield connection, dict(await connection.fetch("SELECT name, sha256 FROM migration"))
    finally:
        await connection.close()


def _pending(package: str, seen: Mapping[str, str]) -> list[_Migration]:
    pending: list[_Migration] = []
    for migration in [*_migrations("huntaze_common"), *_migrations(package)]:
        if migration.name not in seen:
            pending.append(migration)
        elif seen[migration.name] != migration.sha256:
            raise ConfigurationError(
                f"migration {migration.name} was changed after it was applied; add a new one"
            )
    return pending


def _expansions(pending: Sequence[_Migration]) -> list[_Migration]:
    """Those that add, up to the first of their package that takes away."""
    behind: set[str] = set()
    expansions: list[_Migration] = []
    for migration in pending:
        if migration.takes_away:
            behind.add(migration.package)
        elif migration.package not in behind:
            expansions.append(migration)
    return expansions


def _migrations(package: str) -> list[_Migration]:
    directory: Traversable = resources.files(package).joinpath("migrations")
    if not directory.is_dir():
        return []
    files = sorted(
        (file for file in directory.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name
    )
    return [_Migration(package, file.name, file.read_text(encoding="utf-8")) for file in files]
