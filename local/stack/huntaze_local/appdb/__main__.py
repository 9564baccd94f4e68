"""``python -m huntaze_local.appdb``: install the stand-in of the web application's database.

DATABASE_URL, or the file that DATABASE_URL_FILE names, holds an administrator's address.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime

import asyncpg
from huntaze_common.settings import read_variable

from huntaze_local import appdb


async def _install(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await appdb.install(connection, today=datetime.now(UTC).date())
    finally:
        await connection.close()


if __name__ == "__main__":
    address = read_variable("DATABASE_URL", os.environ)
    if not address:
        sys.exit("huntaze_local.appdb: DATABASE_URL is missing")
    asyncio.run(_install(address))
