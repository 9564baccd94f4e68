"""Schedules: `/v2/schedules`."""

import sqlite3
from typing import Any

import msgspec

from qstash_local.api.context import Context
from qstash_local.api.http import Answer, Request, decoded
from qstash_local.api.options import read_publish, split_query
from qstash_local.api.views import present, settings_fields, shown_body
from qstash_local.core.cron import next_after
from qstash_local.core.errors import invalid, not_found
from qstash_local.core.ids import schedule_id
from qstash_local.core.message import destination_url, is_name
from qstash_local.core.options import PublishRequest
from qstash_local.store import messages, schedules
from qstash_local.store.messages import decode_message
from qstash_local.store.schedules import decode_ids


async def create_schedule(context: Context, request: Request, destination: str) -> Answer:
    """Create a schedule, or replace the one of the same id."""
    destination, options = split_query(request, destination)
    read = read_publish(context, request.headers, options, request.body)
    return await put_schedule(context, request, destination, read)


async def put_schedule(context: Context, request: Request, destination: str, read: PublishRequest) -> Answer:
    """Store a schedule whose options have been read.

    Raises:
        Refused: naming what is missing or wrong.
    """
    now = context.clock.now()
    cron, identifier = read.cron, read.schedule_id or schedule_id()
    if cron is None:
        raise invalid("a schedule needs the header Upstash-Cron")
    try:
        next_after(cron, now)
    except ValueError as error:
        raise invalid(f"invalid Upstash-Cron header: {error}") from None
    if not is_name(identifier):
        raise invalid("invalid Upstash-Schedule-Id header: use letters, digits, '_', '-' and '.'")
    if not is_name(destination):
        destination = destination_url(destination)
    message = msgspec.structs.replace(
        read.message, not_before=None, schedule_id=identifier, caller_ip=request.client_ip or None
    )
    await context.database.write(
        lambda connection: schedules.put(
            connection, identifier, cron, destination, message, request.body, context.plan, now
        )
    )
    context.dispatcher.wake()
    return Answer({"scheduleId": identifier})


async def list_schedules(context: Context, _: Request) -> Answer:
    """Show all schedules, oldest first."""

    def read(connection: sqlite3.Connection) -> list[dict[str, Any]]:
        return [_view(connection, row) for row in schedules.all_schedules(connection)]

    return Answer(await context.database.read(read))


async def get_schedule(context: Context, _: Request, identifier: str) -> Answer:
    """Show one schedule."""

    def read(connection: sqlite3.Connection) -> dict[str, Any] | None:
        row = schedules.find(connection, decoded(identifier))
        return None if row is None else _view(connection, row)

    view = await context.database.read(read)
    if view is None:
        raise _missing(identifier)
    return Answer(view)


async def delete_schedule(context: Context, _: Request, identifier: str) -> Answer:
    """Delete a schedule; messages that it made are not touched."""
    if not await context.database.write(lambda connection: schedules.delete(connection, decoded(identifier))):
        raise _missing(identifier)
    return Answer({})


async def pause_schedule(context: Context, _: Request, identifier: str) -> Answer:
    """Ignore the triggers of a schedule from now on."""
    return await _set_paused(context, identifier, paused=True)


async def resume_schedule(context: Context, _: Request, identifier: str) -> Answer:
    """Heed the triggers of a schedule again."""
    return await _set_paused(context, identifier, paused=False)


async def _set_paused(context: Context, identifier: str, *, paused: bool) -> Answer:
    name = decoded(identifier)
    if not await context.database.write(lambda connection: schedules.pause(connection, name, paused=paused)):
        raise _missing(identifier)
    return Answer({})


def _missing(identifier: str) -> Exception:
    return not_found(f"schedule {decoded(identifier)[:64]} not found")


_PROGRESS = {"delivered": "SUCCESS", "failed": "FAIL", "canceled": "FAIL"}


def _last_states(connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, str] | None:
    identifiers = decode_ids(row["last_messages"]) if row["last_messages"] is not None else []
    states: dict[str, str] = {}
    for identifier in identifiers:
        message = messages.find(connection, identifier)
        if message is not None:
            states[identifier] = _PROGRESS.get(message["state"], "IN_PROGRESS")
    return states or None


def _view(connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    message = decode_message(row["spec"])
    return present(
        {
            "scheduleId": row["id"],
            "cron": row["cron"],
            "createdAt": row["created_at"],
            "destination": row["destination"],
            **settings_fields(message),
            **shown_body(message, row["body"]),
            "retries": message.retries,
            "delay": message.delay_ms // 1000 if message.delay_ms else None,
            "timeout": message.timeout_ms // 1000 if message.timeout_ms is not None else None,
            "isPaused": bool(row["paused"]),
            "callerIp": message.caller_ip,
            "lastScheduleTime": row["last_at"],
            "nextScheduleTime": row["next_at"],
            "lastScheduleStates": _last_states(connection, row),
            "error": row["error"],
        }
    )
