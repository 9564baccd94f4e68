"""The test control API, outside `/v2`: time, faults, idleness, reset. Only with `--control`."""

import asyncio
import sqlite3

import msgspec

from qstash_local.api.context import Context
from qstash_local.api.http import Answer, Request
from qstash_local.core.durations import parse_duration
from qstash_local.core.errors import Refused, invalid
from qstash_local.core.headers import add_header
from qstash_local.core.message import HeaderMap
from qstash_local.dispatch.faults import Fault

_MAX_ADVANCE_MS = 10 * 366 * 86_400_000
_TABLES = ("message", "event", "dedup", "queue", "schedule", "endpoint", "url_group", "flow", "usage")


class Advance(msgspec.Struct, frozen=True):
    """How far to move time: seconds, or a duration such as ``6h7m``."""

    by: float | str


class FaultSettings(msgspec.Struct, frozen=True):
    """What the next ``count`` deliveries (to URLs that contain ``url``) shall meet: a status, or an error."""

    count: int = 1
    status: int = 0
    error: str = "connection reset by a test"
    headers: dict[str, str] = {}
    body: str = ""
    url: str = ""


class IdleSettings(msgspec.Struct, frozen=True):
    """How long to wait for idleness, in real seconds."""

    timeout: float = 30.0


async def get_clock(context: Context, _: Request) -> Answer:
    """Show the present instant of the server (ms)."""
    return Answer({"now": context.clock.now(), "paused": context.clock.paused})


async def pause_clock(context: Context, _: Request) -> Answer:
    """Stop time."""
    context.clock.pause()
    return await get_clock(context, _)


async def resume_clock(context: Context, _: Request) -> Answer:
    """Let time run on."""
    context.clock.resume()
    return await get_clock(context, _)


async def advance_clock(context: Context, request: Request) -> Answer:
    """Move time forwards through every instant at which something is due, waiting for each to be done."""
    by = request.json(Advance).by
    try:
        span = parse_duration(by) if isinstance(by, str) else round(by * 1000)
    except (ValueError, OverflowError) as error:
        raise invalid(f"invalid 'by': {error}") from None
    if not 0 <= span <= _MAX_ADVANCE_MS:
        raise invalid("'by' lies between 0 and ten years")
    target = context.clock.now() + span
    await context.dispatcher.idle()
    while (due := await context.dispatcher.next_instant()) is not None and due <= target:
        context.clock.move_to(max(due, context.clock.now()))
        await context.dispatcher.idle()
    context.clock.move_to(max(target, context.clock.now()))
    await context.dispatcher.idle()
    return await get_clock(context, request)


async def add_fault(context: Context, request: Request) -> Answer:
    """Let the next deliveries fail."""
    settings: FaultSettings = request.json(FaultSettings)
    if settings.count < 1 or not (settings.status == 0 or 100 <= settings.status <= 599):
        raise invalid("count must be at least 1 and status between 100 and 599")
    header: HeaderMap = {}
    for name, value in settings.headers.items():
        add_header(header, name, value)
    context.dispatcher.faults.add(
        Fault(settings.count, settings.status, settings.error, header, settings.body.encode(), settings.url)
    )
    return Answer({})


async def clear_faults(context: Context, _: Request) -> Answer:
    """Forget the faults that did not happen yet."""
    context.dispatcher.faults.clear()
    return Answer({})


async def wait_until_idle(context: Context, request: Request) -> Answer:
    """Answer once nothing is under way and nothing is due."""
    settings: IdleSettings = request.json(IdleSettings) if request.body.strip() else IdleSettings()
    try:
        async with asyncio.timeout(settings.timeout):
            await context.dispatcher.idle()
    except TimeoutError:
        raise Refused(408, f"not idle within {settings.timeout} s") from None
    return await get_clock(context, request)


async def reset(context: Context, _: Request) -> Answer:
    """Forget all messages, queues, schedules, groups, logs, faults and time shifts; keys stay."""

    def clear(connection: sqlite3.Connection) -> None:
        for table in _TABLES:
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of ours

    context.dispatcher.faults.clear()
    await context.database.write(clear)
    context.clock.reset()
    return Answer({})
