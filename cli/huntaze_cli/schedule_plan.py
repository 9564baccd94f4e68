"""What deploy/schedules.toml asks for, what QStash has, and the difference.

A schedule is ours when its body is our envelope, naming the schedule by its own id, and it is sent to one of
our workers' URLs. So two deployments can share one account, and what others made there is never touched.
"""

import base64
import tomllib
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from huntaze_common.errors import PayloadInvalid
from huntaze_common.slots import slot_of
from huntaze_contracts.base import Envelope, Schedule
from huntaze_contracts.registry import WORKERS

from huntaze_cli.failures import usage
from huntaze_cli.flags import check

if TYPE_CHECKING:
    from huntaze_cli.broker import Broker

FAILURE_PATH = "/callbacks/failure"
_NAME = "schedules.toml"


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the file; its name is the schedule's id."""

    worker: str
    cron: str
    """Five fields, in UTC, or after `CRON_TZ=Zone/Name ` in that zone."""
    payload: dict[str, Any]
    time_zone: str = ""
    """The zone of `cron`, in place of `CRON_TZ=`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A schedule as it should be."""

    id: str
    cron: str
    destination: str
    body: bytes
    retries: int
    timeout: int
    failure_callback: str
    parallelism: int
    label: str
    """The worker's name; its flow control has the same."""

    def fields(self) -> dict[str, str]:
        """Return what is compared with QStash's answer, by name."""
        return {
            "cron": self.cron,
            "destination": self.destination,
            "body": self.body.decode(),
            "method": "POST",
            "retries": str(self.retries),
            "timeout": str(self.timeout),
            "failureCallback": self.failure_callback,
            "label": self.label,
            "flowControlKey": self.label,
            "parallelism": str(self.parallelism),
            "contentType": "application/json",
        }


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between the file and QStash."""

    action: Literal["create", "update", "remove"]
    id: str
    wanted: Wanted | None
    drift: Mapping[str, tuple[str | None, str | None]]
    """Field → what QStash has, what the file says."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is to do, and what is left alone."""

    changes: Sequence[Change]
    unchanged: Sequence[str]
    paused: Sequence[str]
    foreign: Sequence[str]
    """Ids of schedules that are not ours."""

    def only(self, *actions: str) -> list[Change]:
        """Return the changes of these kinds."""
        return [change for change in self.changes if change.action in actions]


def read_wanted(path: Path, urls: Mapping[str, str], now: datetime) -> list[Wanted]:
    """Read and check the file.

    Raises:
        CommandFailed: naming the schedule and the field that is wrong.
    """
    try:
        tables = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), dict[str, Entry])
    except OSError as error:
        raise usage(f"{path} cannot be read ({error.strerror})", "Name another one: --file FILE") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise usage(f"{path.name}: {error}") from None
    return [_wanted(name, entry, urls, now) for name, entry in tables.items()]


def make_plan(wanted: Sequence[Wanted], live: Sequence[Mapping[str, Any]], urls: Mapping[str, str]) -> Plan:
    """Compare what is wanted with QStash's list.

    Raises:
        CommandFailed: a wanted id belongs to a schedule that is not ours.
    """
    by_id = {str(each["scheduleId"]): each for each in live}
    ours = {name for name, each in by_id.items() if is_ours(each, urls)}
    changes: list[Change] = []
    unchanged: list[str] = []
    for each in wanted:
        have = by_id.get(each.id)
        if have is None:
            changes.append(Change("create", each.id, each, _drift({}, each.fields())))
        elif drift := _drift(_live_fields(have), each.fields()):
            if not _is_ours_elsewhere(have):
                raise usage(
                    f"schedule {each.id} exists and was not made by this command",
                    "Rename the table in the file, or delete that schedule first.",
                )
            changes.append(Change("update", each.id, each, drift))
        else:
            unchanged.append(each.id)
    names = {each.id for each in wanted}
    for name in sorted(ours - names):
        removed = {field: (value, None) for field, value in _live_fields(by_id[name]).items() if value}
        changes.append(Change("remove", name, None, removed))
    paused = [name for name in by_id if by_id[name].get("isPaused") and (name in ours or name in names)]
    return Plan(changes, unchanged, paused, sorted(set(by_id) - ours - names))


def put_change(broker: "Broker", change: Change, *, paused: bool) -> None:
    """Make one schedule what the file says; ``paused`` keeps it so."""
    wanted = change.wanted
    assert wanted is not None
    broker.schedule(
        wanted.destination,
        wanted.body,
        cron=wanted.cron,
        schedule_id=wanted.id,
        retries=wanted.retries,
        timeout=wanted.timeout,
        failure_callback=wanted.failure_callback,
        flow_control={"key": wanted.label, "parallelism": wanted.parallelism},
        label=wanted.label,
        method="POST",
    )
    if paused:
        # Replacing is documented as wholesale; whether that resumes is not, so it is said again.
        broker.pause(wanted.id)


def is_ours(live: Mapping[str, Any], urls: Mapping[str, str]) -> bool:
    """Tell whether a schedule is one of this deployment."""
    destinations = {base + WORKERS[name].path for name, base in urls.items() if name in WORKERS}
    return _is_ours_elsewhere(live) and live.get("destination") in destinations


def _is_ours_elsewhere(live: Mapping[str, Any]) -> bool:
    """Tell whether a schedule was made from such a file, whichever deployment it is sent to."""
    try:
        envelope = msgspec.json.decode(body_of(live), type=Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return envelope.schedule is not None and envelope.schedule.id == live["scheduleId"]


def _wanted(name: str, entry: Entry, urls: Mapping[str, str], now: datetime) -> Wanted:
    worker = WORKERS.get(entry.worker)
    if worker is None:
        raise usage(f"{_NAME} [{name}]: there is no worker '{entry.worker}'", f"One of: {', '.join(WORKERS)}")
    if entry.worker not in urls:
        raise usage(f"{_NAME} [{name}]: WORKER_URLS has no entry for {entry.worker}")
    if entry.time_zone and entry.cron.startswith("CRON_TZ="):
        raise usage(f"{_NAME} [{name}]: the zone is given twice")
    cron = f"CRON_TZ={entry.time_zone} {entry.cron}" if entry.time_zone else entry.cron
    try:
        schedule = msgspec.convert({"id": name, "cron": cron}, Schedule)
        slot_of(schedule, now.timestamp())
    except (msgspec.ValidationError, PayloadInvalid) as error:
        raise usage(f"{_NAME} [{name}]: {error}") from None
    check(entry.payload, worker.payload)
    envelope = Envelope(
        type=worker.name, schedule=schedule, payload=msgspec.Raw(msgspec.json.encode(entry.payload))
    )
    return Wanted(
        id=name,
        cron=cron,
        destination=urls[worker.name] + worker.path,
        body=msgspec.json.encode(envelope),
        retries=worker.retries,
        timeout=worker.timeout,
        failure_callback=urls[worker.name] + FAILURE_PATH,
        parallelism=worker.parallelism,
        label=worker.name,
    )


def _drift(
    live: Mapping[str, str | None], wanted: Mapping[str, str]
) -> dict[str, tuple[str | None, str | None]]:
    return {
        name: (live.get(name), value) for name, value in wanted.items() if not _same(live.get(name), value)
    }


def _same(live: str | None, wanted: str) -> bool:
    if live is None or live == wanted:
        return live == wanted
    try:
        # The order of JSON's names says nothing: a body edited by hand elsewhere may mean the same.
        return bool(msgspec.json.decode(live) == msgspec.json.decode(wanted))
    except (msgspec.DecodeError, RecursionError):
        return False


def _live_fields(live: Mapping[str, Any]) -> dict[str, str | None]:
    header: dict[str, Any] = live.get("header") or {}
    content_type = next((value for name, value in header.items() if name.lower() == "content-type"), None)
    labels = live.get("labels")
    timeout = live.get("timeout")
    return {
        "cron": live.get("cron"),
        "destination": live.get("destination"),
        "body": body_of(live).decode("utf-8", "replace"),
        "method": live.get("method"),
        "retries": str(live.get("retries")),
        "timeout": None if timeout is None else str(timeout).removesuffix("s"),
        "failureCallback": live.get("failureCallback"),
        "label": ",".join(labels) if labels else live.get("label"),
        "flowControlKey": live.get("flowControlKey"),
        "parallelism": None if live.get("parallelism") is None else str(live["parallelism"]),
        "contentType": ",".join(content_type) if isinstance(content_type, list) else content_type,
    }


def body_of(live: Mapping[str, Any]) -> bytes:
    """Return the body of a schedule or message as QStash shows it; bytes that are no text are in base64."""
    if encoded := live.get("bodyBase64"):
        try:
            return base64.b64decode(encoded)
        except (Base64Error, ValueError):
            return b""
    return str(live.get("body") or "").encode()
