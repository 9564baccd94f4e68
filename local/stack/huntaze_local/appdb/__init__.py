"""A stand-in for the web application's side of the database: its tables, views and sample data."""

from datetime import date
from importlib import resources

import asyncpg

from huntaze_local.appdb import sample


async def install(connection: asyncpg.Connection, *, today: date) -> None:
    """Make the application's tables and views, and fill them with sample data up to the day before ``today``.

    Doing it again changes nothing; with a later day it adds the days between.

    Args:
        connection: an administrator's, after ``database.apply_roles``.
        today: the first day without data, in UTC.
    """
    async with connection.transaction():
        await create(connection)
        await sample.load(connection, today)


async def create(connection: asyncpg.Connection) -> None:
    """Make the application's tables and views, empty."""
    schema = resources.files("huntaze_local.appdb").joinpath("schema.sql")
    await connection.execute(schema.read_text(encoding="utf-8"))
