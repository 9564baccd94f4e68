"""Flow control: `/v2/flowControl` and `/v2/globalParallelism`."""

import sqlite3
from collections.abc import Callable
from typing import Any

from qstash_local.api.context import Context
from qstash_local.api.http import Answer, Request, decoded
from qstash_local.core.errors import invalid, not_found
from qstash_local.core.flow import flow_limit
from qstash_local.store import flows

_FLAGS = ("true", "1", "t", "T", "True", "TRUE")


async def list_flows(context: Context, request: Request) -> Answer:
    """Show the keys whose name holds the text of ``search``, 1,000 at most."""
    search = request.parameter("search") or ""

    def read(connection: sqlite3.Connection) -> list[dict[str, Any]]:
        rows = flows.matching(connection, search)
        return [_view(row, context.clock.now()) for row in rows]

    return Answer(await context.database.read(read))


async def get_flow(context: Context, _: Request, key: str) -> Answer:
    """Show one key."""

    def read(connection: sqlite3.Connection) -> dict[str, Any] | None:
        row = flows.find(connection, decoded(key))
        return None if row is None else _view(row, context.clock.now())

    view = await context.database.read(read)
    if view is None:
        raise not_found(f"flow control key {decoded(key)[:64]} not found")
    return Answer(view)


async def global_parallelism(context: Context, _: Request) -> Answer:
    """Show how many deliveries are under way, and how many the plan allows."""
    return Answer(
        {"parallelismMax": context.plan.parallelism, "parallelismCount": context.dispatcher.active},
    )


async def pin(context: Context, request: Request, key: str) -> Answer:
    """Fix limits of a key against what messages ask for; the rate window starts anew."""
    given = {
        name: text for name, text in request.parameters if name in ("parallelism", "rate", "period") and text
    }
    limits = {name: flow_limit(name, text) for name, text in given.items()}
    if not limits:
        raise invalid("pin needs parallelism, rate or period")
    return await _change(
        context, key, lambda connection, now: flows.pin(connection, decoded(key), limits, now), creates=True
    )


async def unpin(context: Context, request: Request, key: str) -> Answer:
    """Let messages change the limits of a key again; the last pinned values stay until one does."""
    parameters = dict(request.parameters)
    parallelism, rate = parameters.get("parallelism") in _FLAGS, parameters.get("rate") in _FLAGS
    if not (parallelism or rate):
        raise invalid("unpin needs parallelism=true or rate=true")
    return await _change(
        context,
        key,
        lambda connection, _: flows.unpin(connection, decoded(key), parallelism=parallelism, rate=rate),
    )


async def pause_flow(context: Context, _: Request, key: str) -> Answer:
    """Start nothing of a key from now on."""
    return await _change(
        context, key, lambda connection, _: flows.pause(connection, decoded(key)), creates=True
    )


async def resume_flow(context: Context, _: Request, key: str) -> Answer:
    """Start messages of a key again."""
    return await _change(context, key, lambda connection, _: flows.resume(connection, decoded(key)))


async def reset_rate(context: Context, _: Request, key: str) -> Answer:
    """Start a fresh rate window now."""
    return await _change(
        context, key, lambda connection, now: flows.reset_rate(connection, decoded(key), now)
    )


async def _change(
    context: Context, key: str, change: Callable[[sqlite3.Connection, int], None], *, creates: bool = False
) -> Answer:
    def apply(connection: sqlite3.Connection) -> None:
        if not creates and flows.find(connection, decoded(key)) is None:
            raise not_found(f"flow control key {decoded(key)[:64]} not found")
        change(connection, context.clock.now())

    await context.database.write(apply)
    context.dispatcher.wake()
    return Answer({})


def _view(row: sqlite3.Row, now_ms: int) -> dict[str, Any]:
    window_open = row["window_start"] <= now_ms < row["window_start"] + row["period"] * 1000
    return {
        "flowControlKey": row["key"],
        "waitListSize": row["waiting"],
        "parallelismMax": row["parallelism"] or 0,
        "parallelismCount": row["active"],
        "rateMax": row["rate"] or 0,
        "rateCount": row["window_count"] if window_open else 0,
        "ratePeriod": row["period"],
        "ratePeriodStart": row["window_start"] // 1000,
        "isPaused": bool(row["paused"]),
        "isPinnedParallelism": bool(row["pinned_parallelism"]),
        "isPinnedRate": bool(row["pinned_rate"]),
    }
