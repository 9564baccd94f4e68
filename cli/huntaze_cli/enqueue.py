"""`huntaze enqueue <job>`: check a payload against its contract, put it in its envelope, send it."""

import inspect
import sys
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Group, Parameter
from huntaze_contracts.registry import WORKERS, Worker
from msgspec import Struct

from huntaze_cli.destinations import check_deduplication_id, check_destination
from huntaze_cli.durations import parse_duration, parse_instant
from huntaze_cli.failures import usage
from huntaze_cli.flags import Flag, check, fill, flags_of
from huntaze_cli.session import Given, Session

app = App(name="enqueue", help="Send a job, checked against its contract first.", help_format="plaintext")
_PAYLOAD = Group("Payload", sort_key=0)
_SENDING = Group("Sending", sort_key=1)
_MAX_INPUT = 1024 * 1024

_OPTIONS: dict[str, tuple[Any, str]] = {
    "payload": (str, "The payload as JSON: the text, @FILE, or - for standard input. Flags win over it."),
    "user": (str, "Whose job it is; absent for the platform's own."),
    "job_id": (str, "Names the job for ever: the same id never runs twice. Made up when absent."),
    "delay": (str, "Deliver after 90s, 10m, 1d10h30m."),
    "at": (str, "Deliver at an instant, such as 2026-12-24T18:00:00+01:00."),
    "retries": (int, "Attempts after the first; the worker's own number when absent."),
    "callback": (str, "URL that QStash tells of every attempt's answer."),
    "wait": (bool, "Follow the job until it is finished; exit 1 unless it succeeds."),
    "timeout": (str, "Longest wait of --wait. [default: 15m]"),
    "print": (bool, "Check and show the message, send nothing."),
}


def _register(worker: Worker) -> None:
    kinds = _kinds(worker)
    if len(kinds) == 1:
        app.command(_command(worker, kinds[0]), name=worker.name)
        return
    group = App(name=worker.name, help=f"Jobs of the {worker.service} service.", help_format="plaintext")
    for kind in kinds:
        group.command(_command(worker, kind), name=str(kind.__struct_config__.tag))
    group.default(_command(worker, None))
    app.command(group)


def _kinds(worker: Worker) -> list[type[Struct]]:
    payload = worker.payload
    return [payload] if isinstance(payload, type) else list(payload.__args__)


def _command(worker: Worker, kind: type[Struct] | None) -> Callable[..., int]:
    """Make the command of one payload; without a kind, the payload comes from --payload alone."""
    flags = flags_of(kind) if kind else []

    def run(*, session: Given, **given: Any) -> int:
        return _enqueue(session, worker, kind, flags, {**dict.fromkeys(_OPTIONS), **given})

    summary = (kind.__doc__ or "").strip() if kind else "Give the whole payload, `action` included, as JSON."
    run.__doc__ = summary
    parameters = [
        *(_option(flag.argument, flag.kind, flag.name, flag.help, _PAYLOAD) for flag in flags),
        *(
            _option(name, kind_, f"--{name.replace('_', '-')}", text, _SENDING)
            for name, (kind_, text) in _OPTIONS.items()
        ),
        inspect.Parameter("session", inspect.Parameter.KEYWORD_ONLY, annotation=Given),
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def _option(argument: str, kind: Any, name: str, text: str, group: Group) -> inspect.Parameter:
    negative = "" if name in ("--wait", "--print") or kind is not bool else None
    parameter = Parameter(
        name=name,
        help=text,
        group=group,
        show_default=False,
        negative=negative,
        allow_leading_hyphen=name == "--payload",
    )
    annotation = Annotated[kind | None, parameter]  # type: ignore[valid-type]
    return inspect.Parameter(argument, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _enqueue(
    session: Session, worker: Worker, kind: type[Struct] | None, flags: Sequence[Flag], given: dict[str, Any]
) -> int:
    from huntaze_common.publishing import FAILURE_CALLBACK_PATH, encode_job

    settings = session.settings
    payload = fill(_read_payload(given["payload"]), flags, given)
    if kind and kind.__struct_config__.tag is not None:
        payload.setdefault(str(kind.__struct_config__.tag_field), kind.__struct_config__.tag)
    checked = check(payload, kind or worker.payload)
    job_id = given["job_id"] or f"cli-{uuid.uuid4().hex}"
    check_deduplication_id(job_id, "--job-id")
    try:
        body = encode_job(worker.name, checked, job_id=job_id, user_id=given["user"], enqueued_at=session.now)
    except ValueError as error:
        raise usage(f"the message breaks its contract: {error}") from None
    base = settings.urls().get(worker.name)
    if base is None:
        raise usage(f"WORKER_URLS does not say where {worker.name} is", f"Add {worker.name}=https://…")
    destination = base + worker.path
    check_destination(destination, "WORKER_URLS", hosted=settings.hosted)
    options = _delivery(session, given)
    if given["print"]:
        message = {"destination": destination, **options, "body": msgspec.Raw(body)}
        session.terminal.data(message)
        session.terminal.line(msgspec.json.format(msgspec.json.encode(message)).decode())
        return 0
    sent = session.qstash.publish(
        destination,
        body,
        retries=options.pop("retries", worker.retries),
        timeout=worker.timeout,
        deduplication_id=job_id,
        failure_callback=base + FAILURE_CALLBACK_PATH,
        flow_control={"key": worker.name, "parallelism": worker.parallelism},
        label=worker.name,
        **options,
    )
    return _report(session, worker, {"jobId": job_id, "worker": worker.name, **sent}, given)


def _report(session: Session, worker: Worker, sent: dict[str, Any], given: dict[str, Any]) -> int:
    terminal = session.terminal
    if sent["deduplicated"]:
        terminal.note("QStash had a message of this id within ten minutes: nothing new was sent.")
    if given["wait"]:
        from huntaze_cli.waiting import wait_for

        limit = parse_duration(given["timeout"] or "15m", "--timeout")
        terminal.note(f"job {sent['jobId']}")
        return wait_for(session, sent["jobId"], worker.service, limit, message_id=sent["messageId"])
    terminal.data(sent)
    terminal.line(f"job      {sent['jobId']}")
    terminal.line(f"message  {sent['messageId']}")
    terminal.note(f"Follow it: huntaze jobs watch {sent['jobId']}")
    return 0


def _delivery(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Return the official client's options for what was asked."""
    options: dict[str, Any] = {}
    if given["delay"] and given["at"]:
        raise usage("--delay and --at exclude each other")
    if given["delay"]:
        options["delay"] = round(parse_duration(given["delay"], "--delay").total_seconds())
    if given["at"]:
        at = parse_instant(given["at"], "--at")
        if at <= session.now:
            raise usage("--at is in the past", "Leave it out to send now.")
        options["not_before"] = round(at.timestamp())
    if given["retries"] is not None:
        if not 0 <= given["retries"] <= 100:
            raise usage("--retries: 0 to 100")
        options["retries"] = given["retries"]
    if given["callback"]:
        check_destination(given["callback"], "--callback", hosted=session.settings.hosted)
        options["callback"] = given["callback"]
    return options


def _read_payload(source: str | None) -> dict[str, Any]:
    if source is None:
        return {}
    try:
        if source == "-":
            data = sys.stdin.buffer.read(_MAX_INPUT + 1)
        elif source.startswith("@"):
            with Path(source[1:]).open("rb") as file:
                data = file.read(_MAX_INPUT + 1)
        else:
            data = source.encode()
        if len(data) > _MAX_INPUT:
            raise usage("--payload has more than 1 MiB")
        return msgspec.json.decode(data, type=dict[str, Any])
    except OSError as error:
        raise usage(f"--payload: {source} cannot be read ({error.strerror})") from None
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError, UnicodeDecodeError) as error:
        raise usage(f"--payload is no JSON object: {error}") from None


for _worker in WORKERS.values():
    _register(_worker)
