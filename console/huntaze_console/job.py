"""One job: what happened to it, what it carried and led to, and what can be done about it."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast
from urllib.parse import quote

import msgspec
from huntaze_cli.broker import Broker
from huntaze_cli.failures import CommandFailed
from msgspec import Meta

from huntaze_console.pages import Action, Form, NotFound, Page, one
from huntaze_console.sources import Json, Sources

_PICTURES = ("jpg", "jpeg", "png", "webp")
_DOCUMENTS = ("html", "pdf", "csv", "json", "parquet", "vtt", "txt", "svg")


class Query(msgspec.Struct, frozen=True):
    """Which job."""

    service: Literal["video", "trends", "data", "alerts"]
    job_id: Annotated[str, Meta(max_length=200)]


class Event(msgspec.Struct, frozen=True):
    """One thing that happened."""

    at: datetime
    by: Literal["producer", "qstash", "worker"]
    what: str
    detail: str = ""
    bad: bool = False


class Picture(msgspec.Struct, frozen=True):
    """A picture or file that the result names."""

    key: str
    what: str
    """The name of the result's field: 'grid', 'keyframes' …"""
    kind: Literal["picture", "document"]
    caption: str = ""


class JobPage(msgspec.Struct, frozen=True):
    """What the page shows."""

    job: Json
    envelope: Json | None
    events: Sequence[Event]
    logs: Sequence[Json]
    objects: Sequence[Picture]
    trace_id: str | None


async def load(sources: Sources, query: Query) -> JobPage:
    """Read the job, its history, and what QStash tells of its message.

    Raises:
        NotFound: the service knows no such job.
    """
    job = await sources.find_job(query.service, query.job_id)
    if job is None:
        raise NotFound(f"the {query.service} service knows no job {query.job_id}")
    history, told = await asyncio.gather(
        sources.service(query.service, f"/jobs/{quote(query.job_id, safe='')}/history"),
        _told_by_qstash(sources, job["messageId"]),
    )
    timeline: list[Json] = history["timeline"]
    happened = [*_by_ledger(job, timeline), *(_by_qstash(each) for each in told)]
    trace = str(job["traceparent"] or "").split("-")
    return JobPage(
        job=job,
        envelope=history["envelope"],
        events=sorted(happened, key=lambda event: event.at),
        logs=[each for each in timeline if each["event"] == "log"],
        objects=list(_objects(job["result"], "result")),
        trace_id=trace[1] if len(trace) == 4 else None,
    )


async def _told_by_qstash(sources: Sources, message_id: str | None) -> list[Json]:
    """Return QStash's log of a message; nothing where it has forgotten it, or does not answer."""

    def read(broker: Broker) -> list[Json]:
        return broker.get("events", messageIds=message_id, count=100)["events"]

    if message_id is None:
        return []
    try:
        return await sources.qstash(read)
    except CommandFailed:
        return []


def _by_ledger(job: Json, timeline: list[Json]) -> Iterator[Event]:
    if job["enqueuedAt"]:
        yield Event(datetime.fromisoformat(job["enqueuedAt"]), "producer", "enqueued")
    for each in timeline:
        at = datetime.fromisoformat(each["at"])
        match each["event"]:
            case "delivery":
                crashed = each.get("crashed", False)
                detail = "the process before it died" if crashed else ""
                yield Event(at, "worker", f"attempt {each['number']}", detail, bad=crashed)
            case "stage":
                yield Event(at, "worker", each["stage"])
            case "retried by hand":
                yield Event(at, "producer", "asked for again by hand")
            case "given back":
                yield Event(at, "worker", "given back", str(each.get("code") or ""), bad=True)
            case _:
                pass
    if job["cancelRequestedAt"]:
        yield Event(datetime.fromisoformat(job["cancelRequestedAt"]), "producer", "asked to cancel")
    if job["finishedAt"]:
        error = job["error"] or {}
        detail = str(error.get("code", ""))
        yield Event(
            datetime.fromisoformat(job["finishedAt"]),
            "worker",
            job["state"],
            detail,
            bad=job["state"] == "failed",
        )


def _by_qstash(event: Json) -> Event:
    state = str(event["state"])
    status = event.get("responseStatus")
    at = datetime.fromtimestamp(event["time"] / 1000, tz=UTC)
    detail = f"answer {status}" if status else ""
    return Event(at, "qstash", state.lower().replace("_", " "), detail, bad=state in ("ERROR", "FAILED"))


def _objects(value: Any, field: str) -> Iterator[Picture]:
    """Yield what a result calls the key of an object, wherever in it, the grid before its keyframes."""
    if isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _objects(item, field)
    elif isinstance(value, dict):
        fields = cast("Json", value)
        if isinstance(key := fields.get("key"), str):
            ending = key.rpartition(".")[2].lower()
            if ending in _PICTURES:
                yield Picture(key, field, "picture", _caption(fields))
            elif ending in _DOCUMENTS:
                yield Picture(key, field, "document")
        for name in sorted(fields, key=_grid_first):
            yield from _objects(fields[name], name)


def _grid_first(name: str) -> tuple[bool, str]:
    return name != "grid", name


def _caption(keyframe: Json) -> str:
    at = keyframe.get("timeMs")
    return f"at {at / 1000:.1f} s" if isinstance(at, int) else ""


async def _cancel(sources: Sources, form: Form) -> str:
    return await _act(sources, form, "cancel")


async def _retry(sources: Sources, form: Form) -> str:
    return await _act(sources, form, "retry")


async def _act(sources: Sources, form: Form, action: str) -> str:
    service, job_id = one(form, "service"), one(form, "job")
    answer = await sources.post(service, f"/jobs/{quote(job_id, safe='')}/{action}")
    return f"Job {job_id} is {answer['state']}."


PAGE = Page(
    path="/jobs/{service:str}/{job_id:str}",
    title="Job",
    template="job.html",
    query=Query,
    load=load,
    in_menu=False,
)
ACTIONS = (Action("/jobs/cancel", _cancel), Action("/jobs/retry", _retry))
