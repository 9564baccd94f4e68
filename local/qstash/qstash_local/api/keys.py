"""Signing keys: `/v2/keys`."""

from qstash_local.api.context import Context
from qstash_local.api.http import Answer, Request


async def get_keys(context: Context, _: Request) -> Answer:
    """Show the signing keys. The JavaScript SDK finds a dev server by asking for them."""
    return Answer({"current": context.keys.current, "next": context.keys.next})


async def rotate_keys(context: Context, _: Request) -> Answer:
    """Make the next key current and create a new next key."""
    context.keys.adopt(await context.database.write(context.keys.rotate))
    return await get_keys(context, _)
