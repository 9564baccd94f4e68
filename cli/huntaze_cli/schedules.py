"""`huntaze schedules`: make QStash's schedules what deploy/schedules.toml says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from huntaze_cli.destinations import check_destination
from huntaze_cli.durations import show_milliseconds
from huntaze_cli.failures import CommandFailed, Exit, usage
from huntaze_cli.schedule_plan import Change, Plan, is_ours, make_plan, put_change, read_wanted
from huntaze_cli.session import SWITCH, Given, Session

app = App(name="schedules", help="Keep QStash to the declared schedules.", help_format="plaintext")

_DEFAULT = Path("deploy") / "schedules.toml"
File = Annotated[Path | None, Parameter(help="The declarations. [default: deploy/schedules.toml]")]
Yes = Annotated[bool, SWITCH, Parameter(help="Do it without asking, also in CI.")]
Ids = Annotated[str, Parameter(help="Ids of schedules.")]
_SIGNS = {"create": "+", "update": "~", "remove": "-"}


@app.command
def plan(*, file: File = None, session: Given) -> int:
    """Show what differs; exit 3 when something does. Changes nothing."""
    planned = _plan(session, file)
    _show(session, planned)
    session.terminal.data(_as_data(planned, applied=[]))
    return Exit.DRIFT if planned.changes else Exit.DONE


@app.command
def apply(
    *,
    file: File = None,
    dry_run: Annotated[bool | None, Parameter(help="Only show. [default: in CI, unless --yes]")] = None,
    yes: Yes = False,
    session: Given,
) -> int:
    """Create what is missing and repair what differs; a paused schedule stays paused. Deletes nothing."""
    planned = _plan(session, file)
    changes = planned.only("create", "update")
    _show(session, planned)
    if dry_run or (dry_run is None and session.in_ci and not yes):
        session.terminal.note("dry run: nothing was changed (in CI, --yes applies)" if changes else "")
        session.terminal.data(_as_data(planned, applied=[]))
        return Exit.DRIFT if changes else Exit.DONE
    for change in changes:
        put_change(session.qstash, change, paused=change.id in planned.paused)
    session.terminal.data(_as_data(planned, applied=changes))
    session.terminal.line(f"{len(changes)} applied, {len(planned.unchanged)} unchanged")
    return 0


@app.command
def prune(*, file: File = None, yes: Yes = False, session: Given) -> int:
    """Delete schedules of ours that the file no longer has. Others in the account are never touched."""
    planned = _plan(session, file)
    removed = planned.only("remove")
    _show(session, Plan(removed, [], [], planned.foreign))
    if removed and session.in_ci and not yes:
        session.terminal.note("dry run: nothing was deleted (in CI, --yes deletes)")
        session.terminal.data(_as_data(planned, applied=[]))
        return Exit.DRIFT
    if removed:
        session.terminal.confirm(f"Delete {len(removed)} schedules?", yes=yes)
    for change in removed:
        session.qstash.delete_schedule(change.id)
    session.terminal.data(_as_data(planned, applied=removed))
    session.terminal.line(f"{len(removed)} deleted, {len(planned.foreign)} that are not ours left alone")
    return 0


@app.command
def pause(*schedule_ids: Ids, session: Given) -> int:
    """Stop the named schedules from firing until they are resumed."""
    return _switch(session, schedule_ids, paused=True)


@app.command
def resume(*schedule_ids: Ids, session: Given) -> int:
    """Let the named schedules fire again."""
    return _switch(session, schedule_ids, paused=False)


@app.command(name="list")
def list_schedules(*, session: Given) -> int:
    """List the account's schedules, ours and others."""
    live: list[dict[str, Any]] = session.qstash.get("schedules")
    urls = session.settings.urls()
    rows = [{**each, "ours": is_ours(each, urls)} for each in live]
    session.terminal.data(rows)
    session.terminal.table(
        ["SCHEDULE", "CRON", "NEXT", "STATE", "OURS"],
        [
            (
                each["scheduleId"],
                each["cron"],
                show_milliseconds(each.get("nextScheduleTime")),
                "paused" if each.get("isPaused") else "active",
                "yes" if each["ours"] else "no",
            )
            for each in rows
        ],
    )
    return 0


def _plan(session: Session, file: Path | None) -> Plan:
    urls = session.settings.urls()
    wanted = read_wanted(file or _find(session.directory), urls, session.now)
    for each in wanted:
        check_destination(each.destination, "WORKER_URLS", hosted=session.settings.hosted)
    return make_plan(wanted, session.qstash.get("schedules"), urls)


def _find(start: Path) -> Path:
    """Look for the file in the directory and above it, as commands of a repository do."""
    for directory in (start, *start.parents):
        if (directory / _DEFAULT).is_file():
            return directory / _DEFAULT
    raise usage(f"there is no {_DEFAULT} here", "Name the file: --file FILE")


def _switch(session: Session, schedule_ids: Sequence[str], *, paused: bool) -> int:
    if not schedule_ids:
        raise usage("which schedules?", "Give their ids; `huntaze schedules list` shows them.")
    live = {each["scheduleId"]: each for each in session.qstash.get("schedules")}
    urls = session.settings.urls()
    for name in schedule_ids:
        if name not in live:
            raise CommandFailed(f"there is no schedule {name}", hint="`huntaze schedules list` shows them.")
        if not is_ours(live[name], urls):
            raise CommandFailed(f"schedule {name} is not ours", hint="It was not made from schedules.toml.")
    for name in schedule_ids:
        (session.qstash.pause if paused else session.qstash.resume)(name)
        session.terminal.line(f"{name} {'paused' if paused else 'active'}")
    session.terminal.data({"schedules": list(schedule_ids), "paused": paused})
    return 0


def _show(session: Session, planned: Plan) -> None:
    terminal = session.terminal
    for change in planned.changes:
        terminal.line(f"{_SIGNS[change.action]} {change.id}", "bold")
        for name, (have, want) in change.drift.items():
            if have is not None:
                terminal.line(f"    - {name}: {have}", "red")
            if want is not None:
                terminal.line(f"    + {name}: {want}", "green")
    for name in planned.paused:
        terminal.line(f"  {name} is paused", "yellow")
    if planned.foreign:
        terminal.line(f"  not ours, left alone: {', '.join(planned.foreign)}", "dim")
    if not planned.changes:
        terminal.line("no difference")
    elif planned.only("remove"):
        terminal.note("Schedules marked '-' are deleted by `huntaze schedules prune` only.")


def _as_data(planned: Plan, applied: Sequence[Change]) -> dict[str, Any]:
    return {
        "changes": [
            {
                "action": change.action,
                "schedule": change.id,
                "applied": change in applied,
                "fields": {name: {"live": pair[0], "wanted": pair[1]} for name, pair in change.drift.items()},
            }
            for change in planned.changes
        ],
        "unchanged": planned.unchanged,
        "paused": planned.paused,
        "notOurs": planned.foreign,
    }
