"""From a publish request to messages: one for a URL, one per endpoint for a URL group."""

import sqlite3

import msgspec

from qstash_local.core.errors import Refused, invalid, not_found
from qstash_local.core.message import Message, destination_url, is_name
from qstash_local.core.options import Deduplication
from qstash_local.core.plans import Plan
from qstash_local.store import groups, messages, queues
from qstash_local.store.messages import Accepted
from qstash_local.store.sql import Q

_DAY_MS = 86_400_000
_replace = msgspec.structs.replace


def publish(
    connection: sqlite3.Connection,
    message: Message,
    destination: str,
    body: bytes,
    deduplication: Deduplication,
    plan: Plan,
    now_ms: int,
) -> tuple[list[tuple[str, Accepted]], bool]:
    """Accept a message for a destination.

    Returns:
        URL and answer of each message, and whether the destination was a URL group.

    Raises:
        Refused: the destination is neither a URL nor a known group, or a limit is reached.
    """
    targets, is_group = _targets(connection, message, destination)
    _count(connection, len(targets), plan, now_ms)
    if message.queue is not None:
        queues.ensure(connection, message.queue, plan, now_ms)
    accepted = [
        (
            target.url,
            messages.insert(connection, target, body, now_ms, dedup_key=deduplication.key(target, body)),
        )
        for target in targets
    ]
    return accepted, is_group


def _count(connection: sqlite3.Connection, count: int, plan: Plan, now_ms: int) -> None:
    """Count messages against the quota of the day (UTC).

    Raises:
        Refused: 429 with the headers by which clients tell a daily limit from others.
    """
    if plan.messages_per_day is None:
        return
    day = now_ms // _DAY_MS
    row = connection.execute(Q["messages_today"], (day,)).fetchone()
    left = plan.messages_per_day - (row["messages"] if row else 0)
    if count > left:
        headers = {
            "RateLimit-Limit": str(plan.messages_per_day),
            "RateLimit-Remaining": str(left),
            "RateLimit-Reset": str((day + 1) * _DAY_MS // 1000),
        }
        raise Refused(429, f"the daily limit of {plan.messages_per_day} messages is reached", headers)
    connection.execute(Q["count_message"], (day, count))


def _targets(
    connection: sqlite3.Connection, message: Message, destination: str
) -> tuple[list[Message], bool]:
    if not destination:
        raise invalid("a non-empty destination must be provided")
    if not is_name(destination):
        return [_replace(message, url=destination_url(destination))], False
    group = groups.find(connection, destination)
    if group is None:
        raise not_found(f"topic {destination} not found")
    return [
        _replace(
            message,
            url=endpoint.url,
            header={**group.header, **message.header},
            topic=group.name,
            endpoint=endpoint.name,
        )
        for endpoint in group.endpoints
    ], True
