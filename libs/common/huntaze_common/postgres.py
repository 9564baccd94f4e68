"""The database: a pool for the service's role, and migrations as a release step."""

import hashlib
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


async def migrate(dsn: str, package: str, *, schema: str) -> list[str]:
    """Apply the migrations of common and of ``package`` that the schema has not seen; return their names.

    Run by the schema's owner before a new image serves. Each migration is one transaction with short lock
    and statement timeouts, so that a migration waits for nobody and nobody waits long for it.

    Raises:
        ConfigurationError: an applied migration's text has changed since.
    """
    connection: Connection = await asyncpg.connect(dsn, timeout=10, server_settings={"search_path": schema})
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _MIGRATION_LOCK)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, sha256 text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
        )
        seen = {
            row["name"]: row["sha256"] for row in await connection.fetch("SELECT name, sha256 FROM migration")
        }
        applied: list[str] = []
        for name, sql in [*_migrations("huntaze_common"), *_migrations(package)]:
            digest = hashlib.sha256(sql.encode()).hexdigest()
            if name in seen:
                if seen[name] != digest:
                    raise ConfigurationError(
                        f"migration {name} was changed after it was applied; add a new one"
                    )
                continue
            async with connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = '4s'; SET LOCAL statement_timeout = '30s'")
                await connection.execute(sql)
                await connection.execute("INSERT INTO migration (name, sha256) VALUES ($1, $2)", name, digest)
            applied.append(name)
        return applied
    finally:
        await connection.close()


def _migrations(package: str) -> list[tuple[str, str]]:
    directory: Traversable = resources.files(package).joinpath("migrations")
    if not directory.is_dir():
        return []
    files = sorted(
        (file for file in directory.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name
    )
    return [(f"{package}/{file.name}", file.read_text(encoding="utf-8")) for file in files]
