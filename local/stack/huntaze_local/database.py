"""The platform's roles and schemas, made by the same files that a real deployment runs."""

from collections.abc import Mapping
from pathlib import Path

import asyncpg

SERVICES = ("video", "trends", "data", "alerts")
ROLES = tuple(f"huntaze_{service}{kind}" for service in SERVICES for kind in ("", "_owner"))
"""The roles that log in: of each service the one that it runs as and the one that migrates it."""

_FILES = Path(__file__).resolve().parents[3] / "deploy" / "database"


async def apply_roles(connection: asyncpg.Connection, passwords: Mapping[str, str]) -> None:
    """Make the roles and schemas that are not there, and set the roles' passwords.

    Args:
        connection: an administrator's, to the platform's database.
        passwords: of each role in ``ROLES``.
    """
    async with connection.transaction():
        for name in ("0001_roles.sql", "0002_schemas.sql"):
            await connection.execute((_FILES / name).read_text(encoding="utf-8"))
        for role in ROLES:
            # A password can't be a parameter of this statement, so the server quotes it.
            quoted = "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)"
            await connection.execute(str(await connection.fetchval(quoted, role, passwords[role])))
