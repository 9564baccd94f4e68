"""What the API shows and changes, row by row; `store` has what the jobs need."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any, TypeVar

import msgspec
from huntaze_common.postgres import Connection, Pool
from huntaze_contracts.alerts import Rule, Severity

from huntaze_alerts.messages import SEVERITIES
from huntaze_alerts.store import QUERIES, lock

T = TypeVar("T")


class AlertRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An alert as its readers see it."""

    id: int
    rule_id: str
    name: str
    subject: str
    labels: dict[str, str]
    state: str
    severity: Severity
    value: float | None
    started_at: datetime
    fired_at: datetime | None
    resolved_at: datetime | None
    reason: str | None
    flapping: bool
    acknowledged_at: datetime | None
    acknowledged_by: str | None


class EventRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One thing that happened to an alert."""

    at: datetime
    kind: str
    value: float | None
    actor: str | None
    note: str | None


class NotificationRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who was told of an alert, and whether it arrived."""

    channel_id: str
    kind: str
    created_at: datetime
    due_at: datetime
    dropped: str | None
    status: str | None
    attempts: int | None
    sent_at: datetime | None
    last_error: str | None


class SilenceRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A silence."""

    id: int
    owner: str | None
    rule_id: str | None
    subject: str | None
    labels: dict[str, str]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    reason: str


class RuleRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A rule, whose it is, and why it can't be evaluated if it can't."""

    id: str
    owner: str | None
    definition: Rule
    version: int
    error: str | None
    error_since: datetime | None


class ChannelRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A channel without its secret."""

    id: str
    owner: str | None
    kind: str
    name: str
    config: dict[str, str]
    min_severity: Severity
    quiet_from: time | None
    quiet_until: time | None
    time_zone: str
    digest: int
    rate: int
    enabled: bool
    last_error: str | None
    last_sent_at: datetime | None


class FiringRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One time that a rule would have fired."""

    subject: str
    labels: dict[str, str]
    severity: Severity
    value: float | None
    fired_at: datetime
    resolved_at: datetime | None


async def list_alerts(
    pool: Pool, subject: str | None, *, state: str | None, before: int | None, limit: int
) -> list[AlertRow]:
    """Return a page of alerts, newest first."""
    rows = await pool.fetch(QUERIES["list_alerts"], subject, state, before, limit)
    return [_read(AlertRow, row) for row in rows]


async def find_alert(pool: Pool, alert_id: int) -> AlertRow | None:
    """Return an alert."""
    row = await pool.fetchrow(QUERIES["find_alert"], alert_id)
    return row and _read(AlertRow, row)


async def history(pool: Pool, alert_id: int) -> tuple[list[EventRow], list[NotificationRow]]:
    """Return what happened to an alert and who was told, oldest first."""
    events = await pool.fetch(QUERIES["events_of_alert"], alert_id)
    notifications = await pool.fetch(QUERIES["notifications_of_alert"], alert_id)
    return [_read(EventRow, row) for row in events], [_read(NotificationRow, row) for row in notifications]


async def acknowledge(pool: Pool, alert_id: int, *, now: datetime, actor: str, note: str) -> None:
    """Stop reminders and escalation of an alert."""
    await pool.execute(QUERIES["acknowledge"], alert_id, now, actor, note)


async def resolve(pool: Pool, alert_id: int, *, now: datetime, actor: str, note: str) -> None:
    """End an alert, never in the middle of a tick."""
    async with pool.acquire() as connection, connection.transaction():
        await lock(connection)
        await connection.execute(QUERIES["resolve_by_hand"], alert_id, now, actor, note)


async def add_silence(
    pool: Pool,
    owner: str | None,
    *,
    rule_id: str | None,
    subject: str | None,
    labels: Mapping[str, str],
    starts_at: datetime,
    ends_at: datetime,
    created_by: str,
    reason: str,
) -> int:
    """Make a silence and return its id."""
    text = msgspec.json.encode(labels).decode()
    made: int = await pool.fetchval(  # pyright: ignore[reportAssignmentType]
        QUERIES["add_silence"], owner, rule_id, subject, text, starts_at, ends_at, created_by, reason
    )
    return made


async def list_silences(pool: Pool, owner: str | None, now: datetime) -> list[SilenceRow]:
    """Return the silences that have not ended."""
    return [_read(SilenceRow, row) for row in await pool.fetch(QUERIES["list_silences"], owner, now)]


async def end_silence(pool: Pool, silence_id: int, owner: str | None, now: datetime) -> int | None:
    """End a silence; None when there is none of that owner."""
    return await pool.fetchval(QUERIES["end_silence"], silence_id, owner, now)


async def list_inbox(
    pool: Pool, user_id: str, *, before: int | None, limit: int, now: datetime
) -> Sequence[Mapping[str, Any]]:
    """Return rows for `messages.item_of`, newest first."""
    return await pool.fetch(QUERIES["list_inbox"], user_id, before, limit, now)


async def read_inbox(pool: Pool, user_id: str, up_to: int, now: datetime) -> int:
    """Mark notifications as read and return how many were not."""
    count: int = await pool.fetchval(QUERIES["read_inbox"], user_id, up_to, now)  # pyright: ignore[reportAssignmentType]
    return count


async def list_rules(pool: Pool, owner: str | None) -> list[RuleRow]:
    """Return the platform's rules and those of an owner, or of all."""
    return [_read(RuleRow, row) for row in await pool.fetch(QUERIES["list_rules"], owner)]


async def count_rules(connection: Connection | Pool, owner: str, but: str) -> int:
    """Return how many rules a user has beside one."""
    count: int = await connection.fetchval(QUERIES["count_rules"], owner, but)  # pyright: ignore[reportAssignmentType]
    return count


async def delete_rule(pool: Pool, rule_id: str, owner: str | None) -> str | None:
    """Delete a rule; None when there is none of that owner."""
    return await pool.fetchval(QUERIES["delete_rule"], rule_id, owner)


async def list_channels(pool: Pool, owner: str | None) -> list[ChannelRow]:
    """Return the channels of an owner, or all."""
    return [_read(ChannelRow, row) for row in await pool.fetch(QUERIES["list_channels"], owner)]


async def disable_channel(pool: Pool, channel_id: str, owner: str | None) -> str | None:
    """Switch a channel off and forget its secret; None when there is none of that owner."""
    return await pool.fetchval(QUERIES["disable_channel"], channel_id, owner)


async def add_trial(
    connection: Connection, subject: str | None, rule: Rule, begin: datetime
) -> tuple[int, str, bool]:
    """Make a rule that ends with the caller's transaction; return its number and how it is read."""
    text = msgspec.json.encode(rule).decode()
    row = await connection.fetchrow(QUERIES["add_trial"], "trial", subject, text, begin)
    assert row is not None
    return row["no"], row["source"], row["sized"]


async def firings_of_trial(connection: Connection, number: int) -> list[FiringRow]:
    """Return when a rule fired."""
    return [_read(FiringRow, row) for row in await connection.fetch(QUERIES["firings_of_trial"], number)]


def _read(kind: type[T], row: Mapping[str, Any]) -> T:
    """Build a struct from a row: JSON columns are decoded, severities get their names."""
    values = dict(row)
    for name in ("labels", "config", "definition"):
        if name in values:
            values[name] = msgspec.json.decode(values[name])
    for name in ("severity", "min_severity"):
        if name in values:
            values[name] = SEVERITIES[values[name] - 1]
    fields = msgspec.structs.fields(kind)  # pyright: ignore[reportArgumentType]
    return msgspec.convert({field.encode_name: values[field.name] for field in fields}, kind)
