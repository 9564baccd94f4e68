"""export-user-data: a zip archive of all that there is of one user, as CSV and as JSON."""

import asyncio
import hashlib
import tempfile
import zipfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from huntaze_common.postgres import Connection, Pool
from huntaze_common.run import Run
from huntaze_common.storage import S3ObjectStore
from huntaze_contracts.alerts import Link, SendNotification
from huntaze_contracts.data import DataProcessed, UserExported

from huntaze_data import privacy_store as store
from huntaze_data.continuing import derived_id
from huntaze_data.errors import UserUnknown
from huntaze_data.privacy_store import Exportable, Write

_EPOCH = (1980, 1, 1, 0, 0, 0)
_README = """Your data, as we have them.

Each table is here twice: as CSV for a spreadsheet, and as JSON, one object a line, for programs.
In the CSV files an apostrophe leads texts that a spreadsheet would take for a formula.
manifest.json says how many rows each table has. Times have their offset from UTC.
"""


@dataclass(frozen=True, slots=True)
class Archive:
    """A finished archive."""

    sha256: str
    size: int
    """Bytes."""
    rows: int


async def export(run: Run, pool: Pool, objects: S3ObjectStore) -> DataProcessed:
    """Copy the envelope's user's data into the store, and tell the user; the link is made when it is used.

    A second delivery stores the same archive under the same key, and tells the user once.

    Raises:
        UserUnknown: the envelope names no user.
        UpstreamUnavailable: the store did not take it.
    """
    user_id = run.user_id
    if user_id is None:
        raise UserUnknown("export-user-data needs an envelope with a userId")
    with tempfile.TemporaryDirectory(prefix="export-") as directory:
        path = Path(directory) / "data.zip"
        archive = await write_archive(pool, user_id, path)
        key = f"exports/{user_id}/{archive.sha256[:32]}.zip"
        await store.begin_export(pool, run.job_id, user_id, key, rows=archive.rows, size=archive.size)
        await run.progress("storing", 80)
        await objects.put(key, path, content_type="application/zip")
    result = DataProcessed(
        action="export-user-data",
        rows_read=archive.rows,
        exported=UserExported(key=key, rows=archive.rows, size=archive.size),
    )
    notice_id = derived_id(run.job_id, "notice")
    notice = SendNotification(
        key=notice_id,
        title="The copy of your data is ready",
        text="It can be downloaded for seven days.",
        links=(Link(title="Download your data", key=key),),
    )
    async with run.commit(result) as transaction:
        await transaction.send("alert-checker", notice, job_id=notice_id)
    return result


async def write_archive(pool: Pool, user_id: str, path: Path) -> Archive:
    """Write the archive of one user's data, as of one instant, holding a piece at a time in memory."""
    counts: dict[str, int] = {}
    with zipfile.ZipFile(path, "w") as archive:
        async with (
            pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            for table in await store.tables_to_export(connection):
                counts[table.name] = await _add_table(archive, connection, table, user_id)
        for name, text in (("README.txt", _README.encode()), ("manifest.json", _manifest(counts))):
            archive.writestr(_entry(name), text)
    with path.open("rb") as file:
        digest = await asyncio.to_thread(hashlib.file_digest, file, "sha256")
    size = path.stat().st_size  # noqa: ASYNC240 - a file of our own
    return Archive(digest.hexdigest(), size, sum(counts.values()))


async def _add_table(
    archive: zipfile.ZipFile, connection: Connection, table: Exportable, user_id: str
) -> int:
    async with _writing(archive, f"csv/{table.name}.csv") as write:
        rows = await store.copy_csv(connection, table, user_id, write)
    async with _writing(archive, f"json/{table.name}.jsonl") as write:
        await store.copy_json(connection, table, user_id, write)
    return rows


@asynccontextmanager
async def _writing(archive: zipfile.ZipFile, name: str) -> AsyncGenerator[Write]:
    """Open a member of the archive for writing; it is compressed in a thread."""
    with archive.open(_entry(name), "w", force_zip64=True) as member:

        async def write(data: bytes) -> None:
            await asyncio.to_thread(member.write, data)

        yield write


def _entry(name: str) -> zipfile.ZipInfo:
    # Always the same time, so that the same data make the same archive.
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _manifest(counts: dict[str, int]) -> bytes:
    return msgspec.json.format(msgspec.json.encode({"rows": counts}), indent=2)
