"""Schedules: when they fire next, how the last run ended, and in what they differ from the file."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim, CronSimError
from huntaze_cli.broker import Broker
from huntaze_cli.failures import CommandFailed
from huntaze_cli.schedule_plan import Change, Plan, is_ours, make_plan, put_change, read_wanted
from huntaze_contracts.registry import WORKERS

from huntaze_console.pages import Action, Form, Nothing, Page, one
from huntaze_console.sources import Json, Sources

_FIRES = 5
_RESULTS = 10
_HORIZON = timedelta(days=400)


class Schedule(msgspec.Struct, frozen=True, rename="camel"):
    """One schedule of QStash's."""

    id: str
    cron: str
    paused: bool
    ours: bool
    worker: str | None
    next: Sequence[datetime]
    """The next times at which it fires; none while it is paused."""
    results: Sequence[Json]
    """Its latest jobs, newest first."""


class Difference(msgspec.Struct, frozen=True, rename="camel"):
    """A schedule that is not what the file says."""

    id: str
    action: str
    fields: Mapping[str, tuple[str | None, str | None]]
    """Field → what QStash has, what the file says."""


class SchedulesPage(msgspec.Struct, frozen=True):
    """What the page shows."""

    schedules: Sequence[Schedule]
    differences: Sequence[Difference] | None
    """None without a file to compare with."""
    problems: Sequence[str]


async def load(sources: Sources, _: Nothing) -> SchedulesPage:
    """Read QStash's schedules, and the latest jobs of each from the service it is sent to."""
    live: list[Json] = await sources.qstash(lambda broker: broker.get("schedules"))
    problems: list[str] = []
    differences: list[Difference] | None = None
    if sources.schedules_file:
        try:
            plan = _plan(sources, live)
            differences = [Difference(each.id, each.action, each.drift) for each in plan.changes]
        except CommandFailed as failure:
            problems.append(f"{failure}. {failure.hint}")
    shown = await asyncio.gather(*(_schedule(sources, each) for each in live))
    return SchedulesPage(sorted(shown, key=lambda each: each.id), differences, problems)


async def _schedule(sources: Sources, live: Json) -> Schedule:
    urls = sources.worker_urls
    worker = next(
        (name for name, url in urls.items() if live["destination"] == url + WORKERS[name].path), None
    )
    results: list[Json] = []
    if worker is not None:
        service = WORKERS[worker].service
        try:
            page = await sources.service(service, "/jobs", schedule=live["scheduleId"], limit=_RESULTS)
        except CommandFailed:  # the page of what runs says so
            page = {"jobs": []}
        results = [{"service": service, **job} for job in page["jobs"]]
    paused = bool(live.get("isPaused"))
    return Schedule(
        id=live["scheduleId"],
        cron=live["cron"],
        paused=paused,
        ours=is_ours(live, urls),
        worker=worker,
        next=[] if paused else next_fires(live["cron"], sources.now()),
        results=results,
    )


def next_fires(cron: str, after: datetime) -> list[datetime]:
    """Return the next few times at which an expression fires; none where it is not understood."""
    zone = "UTC"
    if cron.startswith("CRON_TZ="):
        zone, _, cron = cron.removeprefix("CRON_TZ=").partition(" ")
    fires: list[datetime] = []
    try:
        for at in CronSim(cron, after.astimezone(ZoneInfo(zone))):
            fires.append(at.astimezone(UTC))
            if len(fires) == _FIRES or at - after > _HORIZON:
                break
    except (CronSimError, ValueError, OSError, KeyError):
        pass
    return fires


def _plan(sources: Sources, live: Sequence[Mapping[str, Any]]) -> Plan:
    assert sources.schedules_file is not None
    wanted = read_wanted(sources.schedules_file, sources.worker_urls, sources.now())
    return make_plan(wanted, live, sources.worker_urls)


async def _pause(sources: Sources, form: Form) -> str:
    name = await _ours(sources, form)
    await sources.qstash(lambda broker: broker.pause(name))
    return f"Schedule {name} is paused: it fires no more until it is resumed."


async def _resume(sources: Sources, form: Form) -> str:
    name = await _ours(sources, form)
    await sources.qstash(lambda broker: broker.resume(name))
    return f"Schedule {name} fires again."


async def _repair(sources: Sources, form: Form) -> str:
    """Make one schedule what the file says, or delete it when the file no longer has it."""
    name = one(form, "schedule")
    live: list[Json] = await sources.qstash(lambda broker: broker.get("schedules"))
    if sources.schedules_file is None:
        raise CommandFailed("there is no file to compare with", hint="Set SCHEDULES_FILE.")
    plan = _plan(sources, live)
    change = next((each for each in plan.changes if each.id == name), None)
    if change is None:
        return f"Schedule {name} is as the file says."

    def put(broker: Broker, change: Change = change) -> None:
        if change.action == "remove":
            broker.delete_schedule(change.id)
        else:
            put_change(broker, change, paused=change.id in plan.paused)

    await sources.qstash(put)
    return f"Schedule {name} was {'deleted' if change.action == 'remove' else 'made as the file says'}."


async def _ours(sources: Sources, form: Form) -> str:
    """Return the schedule that a form names, if it is ours; never touch one of somebody else's."""
    name = one(form, "schedule")
    live: list[Json] = await sources.qstash(lambda broker: broker.get("schedules"))
    if not any(each["scheduleId"] == name and is_ours(each, sources.worker_urls) for each in live):
        raise CommandFailed(f"there is no schedule {name[:128]} of ours")
    return name


PAGE = Page(path="/schedules", title="Schedules", template="schedules.html", query=Nothing, load=load)
ACTIONS = (
    Action("/schedules/pause", _pause),
    Action("/schedules/resume", _resume),
    Action("/schedules/repair", _repair),
)
