"""One user's rows, here and in the application: the only importer of privacy.sql."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
from huntaze_common import sql
from huntaze_common.postgres import Connection, Pool

from huntaze_data.retention_store import request_deletions

_QUERIES = sql.load("huntaze_data", "privacy.sql")

BATCH_ROWS = 2000

Write = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Exportable:
    """A table or view with a user's rows, and the queries that copy them."""

    name: str
    csv: str
    json: str


async def mark_erased(pool: Pool, user_id: str) -> None:
    """Count nothing of this user any more, and ask for the deletion of the user's objects."""
    await pool.execute(_QUERIES["mark_erased"], user_id)


async def erase_from_application(pool: Pool, user_id: str, receipt_id: str) -> bool:
    """Erase one batch of what the application holds; return whether there may be more."""
    async with pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(_QUERIES["erase_from_application"], user_id, BATCH_ROWS)
        if row is None or row["erased_from"] is None:
            return False
        await request_deletions(connection, row["objects"] or ())
        table = f"app.{row['erased_from']}"
        await connection.execute(_QUERIES["add_to_receipt"], receipt_id, table, row["deleted"])
        return True


async def tables_to_erase(pool: Pool) -> list[str]:
    """Return the service's own tables that hold users' rows which go."""
    return [row["relation"] for row in await pool.fetch(_QUERIES["tables_to_erase"])]


async def erase_rows(pool: Pool, table: str, user_id: str, receipt_id: str) -> bool:
    """Erase one batch from one of the service's own tables; return whether there may be more."""
    async with pool.acquire() as connection, connection.transaction():
        deleted = await connection.fetchval(_QUERIES["erase_rows"], table, user_id, BATCH_ROWS)
        if deleted:
            await connection.execute(_QUERIES["add_to_receipt"], receipt_id, f"data.{table}", deleted)
        return deleted == BATCH_ROWS


async def end_receipt(
    connection: Connection, user_id: str, receipt_id: str, *, job_id: str
) -> tuple[dict[str, int], dict[str, str]]:
    """Take the user out of the ledger and close the receipt; return what went and what stays, by table."""
    await connection.execute(_QUERIES["anonymise_jobs"], user_id, job_id)
    text = await connection.fetchval(_QUERIES["end_receipt"], receipt_id)
    rows = msgspec.json.decode(text or "{}", type=dict[str, int])
    kept = {row["relation"]: row["reason"] for row in await connection.fetch(_QUERIES["kept"], user_id)}
    return rows, kept


async def tables_to_export(connection: Connection) -> list[Exportable]:
    """Return every table and view that has users' rows."""
    return [Exportable(**dict(row)) for row in await connection.fetch(_QUERIES["tables_to_export"])]


async def copy_csv(connection: Connection, table: Exportable, user_id: str, write: Write) -> int:
    """Stream a user's rows as CSV with a header (RFC 4180, UTF-8), and return how many there are."""
    status = await connection.copy_from_query(table.csv, user_id, output=write, format="csv", header=True)
    return int(status.rpartition(" ")[2])


async def copy_json(connection: Connection, table: Exportable, user_id: str, write: Write) -> None:
    """Stream a user's rows as JSON, one object a line."""
    # Characters that JSON never holds as they are stand for quote and delimiter, so that nothing is quoted.
    await connection.copy_from_query(
        table.json, user_id, output=write, format="csv", quote="\x01", delimiter="\x02"
    )


async def begin_export(pool: Pool, job_id: str, user_id: str, key: str, *, rows: int, size: int) -> None:
    """Record an archive before it is stored, so that clean-up finds it whatever happens then."""
    await pool.execute(_QUERIES["begin_export"], job_id, user_id, key, rows, size)
