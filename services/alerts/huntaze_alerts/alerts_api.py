"""The API of alerts, silences, the inbox and samples. Users see what concerns them, operators everything.

GET    /alerts?state=&before=&limit=     GET  /alerts/{id}
POST   /alerts/{id}/acknowledge          POST /alerts/{id}/resolve
GET    /silences    POST /silences       DELETE /silences/{id}
GET    /inbox       POST /inbox/read
POST   /samples                          operators: the web application reports its metrics
"""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from huntaze_contracts.alerts import Labels
from huntaze_contracts.base import Id, Instant, Payload
from litestar import delete, get, post
from litestar.params import FromPath, QueryParameter
from msgspec import Meta, field

from huntaze_alerts import metrics, records
from huntaze_alerts.messages import item_of
from huntaze_alerts.metrics import Sample
from huntaze_alerts.requests import (
    ERRORS,
    MAX_BODY,
    ApiError,
    Deps,
    HttpRequest,
    body_of,
    caller_of,
    found,
    operator_of,
    scope_of,
)
from huntaze_alerts.rules import MEASURED

LONGEST_SILENCE = timedelta(days=90)
OLDEST_SAMPLE, NEWEST_SAMPLE = timedelta(hours=24), timedelta(minutes=5)

Before = Annotated[int | None, QueryParameter(ge=1)]
Limit = Annotated[int, QueryParameter(ge=1, le=200)]
State = Literal["pending", "firing", "recovering", "resolved"]


class Note(Payload, frozen=True):
    """Why somebody did it."""

    note: Annotated[str, Meta(max_length=500)] = ""


class NewSilence(Payload, frozen=True, kw_only=True):
    """Tell nobody of matching alerts for a while; what is absent matches everything."""

    ends_at: Instant
    starts_at: Instant | None = None
    rule_id: Annotated[str, Meta(max_length=260)] | None = None
    subject: Id | None = None
    labels: Labels = field(default_factory=dict)
    reason: Annotated[str, Meta(max_length=500)] = ""


class Read(Payload, frozen=True):
    """How far the inbox was read."""

    up_to: Annotated[int, Meta(ge=1)]


class Samples(Payload, frozen=True):
    """Some observations."""

    samples: Annotated[tuple[Sample, ...], Meta(min_length=1, max_length=1000)]


@get("/alerts", exception_handlers=ERRORS)
async def list_alerts(
    request: HttpRequest,
    deps: Deps,
    alert_state: Annotated[State | None, QueryParameter(name="state")] = None,
    before: Before = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """List alerts, newest first."""
    whose = scope_of(caller_of(request, deps))
    alerts = await records.list_alerts(deps.pool, whose, state=alert_state, before=before, limit=limit)
    return {"alerts": alerts, "before": alerts[-1].id if len(alerts) == limit else None}


@get("/alerts/{alert_id:int}", exception_handlers=ERRORS)
async def show_alert(request: HttpRequest, deps: Deps, alert_id: FromPath[int]) -> dict[str, Any]:
    """Show an alert with everything that happened to it and who was told."""
    alert = await _visible(request, deps, alert_id)
    events, notifications = await records.history(deps.pool, alert_id)
    return {"alert": alert, "events": events, "notifications": notifications}


@post("/alerts/{alert_id:int}/acknowledge", status_code=200, exception_handlers=ERRORS)
async def acknowledge(request: HttpRequest, deps: Deps, alert_id: FromPath[int]) -> dict[str, Any]:
    """Say that somebody is at it: no reminders, no escalation."""
    await _visible(request, deps, alert_id)
    note = await body_of(request, Note)
    who = caller_of(request, deps).user_id
    await records.acknowledge(deps.pool, alert_id, now=deps.now(), actor=who, note=note.note)
    return {"alert": await _visible(request, deps, alert_id)}


@post("/alerts/{alert_id:int}/resolve", status_code=200, exception_handlers=ERRORS)
async def resolve(request: HttpRequest, deps: Deps, alert_id: FromPath[int]) -> dict[str, Any]:
    """End an alert by hand."""
    await _visible(request, deps, alert_id)
    note = await body_of(request, Note)
    who = caller_of(request, deps).user_id
    await records.resolve(deps.pool, alert_id, now=deps.now(), actor=who, note=note.note)
    return {"alert": await _visible(request, deps, alert_id)}


@get("/silences", exception_handlers=ERRORS)
async def list_silences(request: HttpRequest, deps: Deps) -> dict[str, Any]:
    """List the silences that have not ended."""
    whose = scope_of(caller_of(request, deps))
    return {"silences": await records.list_silences(deps.pool, whose, deps.now())}


@post("/silences", exception_handlers=ERRORS)
async def add_silence(request: HttpRequest, deps: Deps) -> dict[str, int]:
    """Silence matching alerts for a while."""
    caller = caller_of(request, deps)
    new = await body_of(request, NewSilence)
    starts = new.starts_at or deps.now()
    if not timedelta(0) < new.ends_at - starts <= LONGEST_SILENCE:
        raise ApiError(422, "invalid", "endsAt: after startsAt, and at most 90 days")
    made = await records.add_silence(
        deps.pool,
        scope_of(caller),
        rule_id=new.rule_id,
        subject=new.subject,
        labels=new.labels,
        starts_at=starts,
        ends_at=new.ends_at,
        created_by=caller.user_id,
        reason=new.reason,
    )
    return {"id": made}


@delete("/silences/{silence_id:int}", exception_handlers=ERRORS)
async def end_silence(request: HttpRequest, deps: Deps, silence_id: FromPath[int]) -> None:
    """End a silence now."""
    whose = scope_of(caller_of(request, deps))
    found(await records.end_silence(deps.pool, silence_id, whose, deps.now()))


@get("/inbox", exception_handlers=ERRORS)
async def show_inbox(
    request: HttpRequest, deps: Deps, before: Before = None, limit: Limit = 50
) -> dict[str, Any]:
    """Show the caller's notifications, newest first; operators also have that of the platform's alerts."""
    caller = caller_of(request, deps)
    reader = "" if caller.operator else caller.user_id
    rows = await records.list_inbox(deps.pool, reader, before=before, limit=limit, now=deps.now())
    entries = [
        {"id": row["id"], "readAt": row["read_at"], "item": await item_of(row, deps.presign)} for row in rows
    ]
    return {"entries": entries, "before": rows[-1]["id"] if len(rows) == limit else None}


@post("/inbox/read", status_code=200, exception_handlers=ERRORS)
async def read_inbox(request: HttpRequest, deps: Deps) -> dict[str, int]:
    """Mark notifications as read."""
    caller = caller_of(request, deps)
    read = await body_of(request, Read)
    reader = "" if caller.operator else caller.user_id
    return {"read": await records.read_inbox(deps.pool, reader, read.up_to, deps.now())}


@post("/samples", status_code=202, exception_handlers=ERRORS, request_max_body_size=MAX_BODY)
async def add_samples(request: HttpRequest, deps: Deps) -> dict[str, int]:
    """Take samples of metrics. A sample from too far away in time is refused with all others."""
    operator_of(request, deps)
    batch = (await body_of(request, Samples)).samples
    now = deps.now()
    for index, sample in enumerate(batch):
        _check_sample(sample, index, now)
    await metrics.save(deps.pool, batch, now=now)
    return {"taken": len(batch)}


def _check_sample(sample: Sample, index: int, now: datetime) -> None:
    where = f"samples[{index}]"
    if sample.at is not None and not now - OLDEST_SAMPLE <= sample.at <= now + NEWEST_SAMPLE:
        raise ApiError(422, "invalid", f"{where}.at: older than a day, or in the future")
    if sample.metric.partition(".")[0] in MEASURED:
        raise ApiError(422, "invalid", f"{where}.metric: such metrics are measured, not sent")
    if sample.kind != "gauge" and sample.value < 0:
        raise ApiError(422, "invalid", f"{where}.value: a {sample.kind} is never negative")


async def _visible(request: HttpRequest, deps: Deps, alert_id: int) -> records.AlertRow:
    caller = caller_of(request, deps)
    alert = found(await records.find_alert(deps.pool, alert_id))
    return found(alert if caller.may_see(alert.subject or None) else None)


ALERT_ROUTES = [
    list_alerts,
    show_alert,
    acknowledge,
    resolve,
    list_silences,
    add_silence,
    end_silence,
    show_inbox,
    read_inbox,
    add_samples,
]
