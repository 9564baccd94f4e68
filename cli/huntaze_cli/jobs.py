"""`huntaze jobs`: what became of them, from the services' status API."""

from datetime import datetime
from typing import Annotated, Literal

from cyclopts import App, Parameter

from huntaze_cli.durations import parse_duration, show_instant
from huntaze_cli.failures import CommandFailed
from huntaze_cli.session import SWITCH, Given, Session
from huntaze_cli.status import Job
from huntaze_cli.waiting import wait_for

app = App(name="jobs", help="See, cancel and retry jobs.", help_format="plaintext")

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
Service = Literal["video", "trends", "data", "alerts"]
JobId = Annotated[str, Parameter(help="The job's id.")]


@app.command(name="list")
def list_jobs(
    *,
    service: Annotated[Service | None, Parameter(help="One service only.")] = None,
    state: Annotated[State | None, Parameter(help="Jobs in this state only.")] = None,
    limit: Annotated[int, Parameter(help="At most so many, the newest.")] = 20,
    session: Given,
) -> int:
    """List jobs of all services, newest first."""
    jobs = _newest(session, service, state, max(1, min(limit, 1000)))
    session.terminal.data(jobs)
    session.terminal.table(
        ["JOB", "SERVICE", "STATE", "FIRST SEEN", "TRIES"],
        [
            (job["jobId"], job["service"], job["state"], _shown(job["firstSeenAt"]), job["deliveries"])
            for job in jobs
        ],
        right=["TRIES"],
    )
    if not jobs:
        session.terminal.note("no jobs")
    return 0


@app.command
def show(job_id: JobId, /, *, session: Given) -> int:
    """Show one job with its result or error."""
    job = _find(session, job_id)
    terminal = session.terminal
    terminal.data(job)
    for name in ("jobId", "service", "type", "userId", "state", "stage", "progress", "deliveries", "crashes"):
        terminal.line(f"{name:<12} {_dash(job[name])}")
    for name in ("enqueuedAt", "firstSeenAt", "startedAt", "finishedAt", "messageId", "scheduleId", "dlqId"):
        if job[name] is not None:
            terminal.line(f"{name:<12} {_shown(job[name]) if name.endswith('At') else job[name]}")
    for name in ("result", "error"):
        if job[name] is not None and not terminal.as_json:
            terminal.line(name)
            terminal.console.print_json(data=job[name])
    return 0


@app.command
def watch(
    job_id: JobId,
    /,
    *,
    timeout: Annotated[str, Parameter(help="Longest wait: 90s, 15m, 2h.")] = "15m",
    session: Given,
) -> int:
    """Follow a job until it is finished; exit 1 unless it succeeds."""
    return wait_for(session, job_id, None, parse_duration(timeout, "--timeout"))


@app.command
def cancel(job_id: JobId, /, *, session: Given) -> int:
    """Cancel a job that is not finished."""
    return _act(session, job_id, "cancel")


@app.command
def retry(
    job_id: JobId,
    /,
    *,
    wait: Annotated[bool, SWITCH, Parameter(help="Follow it until it is finished.")] = False,
    session: Given,
) -> int:
    """Run a failed or cancelled job again."""
    code = _act(session, job_id, "retry", quiet=wait)
    return wait_for(session, job_id, None, parse_duration("15m", "--timeout")) if wait else code


def _act(session: Session, job_id: str, action: str, *, quiet: bool = False) -> int:
    state = session.jobs.act(_find(session, job_id), action)
    if not quiet:
        session.terminal.data({"jobId": job_id, "state": state})
        session.terminal.line(f"{job_id} {state}")
    return 0


def _find(session: Session, job_id: str) -> Job:
    job = session.jobs.find(job_id)
    if job is None:
        raise CommandFailed(
            f"no service knows job {job_id}",
            hint="A job appears with its first delivery. `huntaze messages list` shows what QStash did.",
        )
    return job


def _newest(session: Session, service: str | None, state: str | None, limit: int) -> list[Job]:
    """Merge the newest jobs of the services, page by page."""
    jobs: list[Job] = []
    for name in [service] if service else session.jobs.services:
        cursor, seen = None, 0
        while seen < limit:
            page = session.jobs.page(name, state=state, limit=min(100, limit - seen), cursor=cursor)
            jobs.extend(page["jobs"])
            seen += len(page["jobs"])
            cursor = page["cursor"]
            if cursor is None:
                break
    return sorted(jobs, key=lambda job: datetime.fromisoformat(job["firstSeenAt"]), reverse=True)[:limit]


def _shown(at: str | None) -> str:
    return show_instant(datetime.fromisoformat(at)) if at else "-"


def _dash(value: object) -> object:
    return "-" if value in (None, "") else value
