"""Follow one job until it is finished."""

from datetime import datetime, timedelta
from typing import Any

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from huntaze_cli.failures import CommandFailed, Exit
from huntaze_cli.session import Session
from huntaze_cli.status import FINISHED, Job

_INTERVAL = 0.5
_LOOK_AT_QSTASH = timedelta(seconds=2)


def wait_for(
    session: Session, job_id: str, service: str | None, limit: timedelta, *, message_id: str | None = None
) -> int:
    """Show a job's progress until it is finished, then its result; 0 when it succeeded.

    A job that no service has seen yet is looked up in QStash's log, if its message is known: an answer of
    401 or 404 there says why it never begins.

    Raises:
        CommandFailed: it was not finished within ``limit``, or QStash gave it up.
    """
    begun = session.now
    job: Job | None = None
    with _Display(session) as display:
        while job is None or job["state"] not in FINISHED:
            job = session.jobs.find(job_id, [service] if service else [])
            service = job["service"] if job else service
            elapsed = session.now - begun
            if job is None:
                display.waiting(_undelivered(session, message_id) if elapsed > _LOOK_AT_QSTASH else "sent")
            else:
                display.running(job)
            if elapsed > limit and (job is None or job["state"] not in FINISHED):
                raise CommandFailed(
                    f"{job_id} was not finished within {limit}",
                    hint=f"It goes on by itself. Look again: huntaze jobs watch {job_id}",
                )
            if job is None or job["state"] not in FINISHED:
                session.sleep(_INTERVAL)
    return show_outcome(session, job)


def show_outcome(session: Session, job: Job) -> int:
    """Write a finished job's result or error, and return the exit code."""
    terminal = session.terminal
    terminal.data(job)
    terminal.line(f"{job['jobId']} {job['state']}", "green" if job["state"] == "succeeded" else "red")
    outcome = job["result"] if job["state"] == "succeeded" else job["error"]
    if outcome is not None and not terminal.as_json:
        terminal.console.print_json(data=outcome)
    return Exit.DONE if job["state"] == "succeeded" else Exit.FAILED


def _undelivered(session: Session, message_id: str | None) -> str:
    if message_id is None:
        return "not seen by any service yet"
    events: list[dict[str, Any]] = session.qstash.get("events", messageIds=message_id, count=10)["events"]
    last: dict[str, Any] = events[0] if events else {"state": "CREATED"}
    status = next((event["responseStatus"] for event in events if event.get("responseStatus")), None)
    if last["state"] in ("FAILED", "CANCELED"):
        raise CommandFailed(
            f"QStash gave the message up ({last['state']}, the service's last answer: {status or 'none'})",
            hint=_HINTS.get(status or 0, "See `huntaze dlq list` and the service's log."),
        )
    hint = f"; the service answered {status}. {_HINTS.get(status, '')}" if status else ""
    again = last.get("nextDeliveryTime")
    wait = f", again in {max(0, again / 1000 - session.now.timestamp()):.0f} s" if again else ""
    return f"QStash: {last['state'].lower()}{wait}{hint}".strip()


_HINTS = {
    401: "Its PUBLIC_BASE_URL or signing keys are not what QStash signs: run `huntaze doctor`.",
    404: "WORKER_URLS leads to something that is not the worker.",
    489: "The job failed for good: see `huntaze dlq list`.",
}


class _Display:
    """A bar on a terminal, a line per change elsewhere; all on standard error."""

    def __init__(self, session: Session) -> None:
        self._terminal = session.terminal
        self._begun: datetime = session.now
        self._last = ""
        self._live = self._terminal.errors.is_terminal
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            console=self._terminal.errors,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> "_Display":
        if self._live:
            self._progress.start()
            self._task = self._progress.add_task("sent", total=100)
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def waiting(self, text: str) -> None:
        self._show(text, 0)

    def running(self, job: Job) -> None:
        stage = f": {job['stage']}" if job["stage"] else ""
        self._show(f"{job['state']}{stage}", float(job["progress"]))

    def _show(self, text: str, percent: float) -> None:
        if self._task is not None:
            self._progress.update(self._task, description=text, completed=percent)
        elif text != self._last:
            self._terminal.note(f"{text} {percent:.0f} %" if percent else text)
        self._last = text
