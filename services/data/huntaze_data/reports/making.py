"""Make one report: read, compare with what is kept, render, put into the store, keep and tell."""

import hashlib
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from huntaze_common.errors import RetryLater
from huntaze_common.postgres import Pool
from huntaze_common.run import Run, Transaction
from huntaze_common.storage import S3ObjectStore
from huntaze_contracts.alerts import Link, SendNotification
from huntaze_contracts.data import DataProcessed, GenerateReport, ReportFile, ReportFormat, ReportMade

from huntaze_data.errors import UserUnknown
from huntaze_data.reports import store, wording
from huntaze_data.reports.edition import Edition
from huntaze_data.reports.figures import Report
from huntaze_data.reports.gathering import gather
from huntaze_data.reports.periods import Period, chosen
from huntaze_data.reports.rendering import CONTENT_TYPES, GENERATOR, render

_DRAFT = DataProcessed(action="generate-report")
_FILE_TITLES: dict[ReportFormat, str] = {"html": "Read it", "pdf": "PDF", "csv": "Table (CSV)"}


class ReportMoved(RetryLater):
    """Another job made a version of the report meanwhile; ours may be of older data."""

    code = "report_moved"


async def generate(job: GenerateReport, run: Run, pool: Pool, objects: S3ObjectStore) -> DataProcessed:
    """Make the report that ``job`` asks for, unless the same data made it before.

    The same data give the same bytes under the same keys; other data a new version of the same report.

    Raises:
        UserUnknown, PeriodInvalid: no such report can be made.
        ReportMoved, UpstreamUnavailable: later.
    """
    person = None if run.user_id is None else await store.person(pool, run.user_id)
    if run.user_id is None or person is None:
        raise UserUnknown("userId: a report is made for a user of the application")
    chosen_by_user = await store.preferences(pool, run.user_id)
    zone = zone_of(person.time_zone)
    now = run.scheduled_for or run.now()
    period = chosen(job.kind, job.first, job.last, now, zone, chosen_by_user.anchors)
    report_id = name_of(run.user_id, period)
    kept = await store.report(pool, report_id)
    await run.progress("gathering", 10)
    report = await gather(pool, run.user_id, person, period, zone, chosen_by_user.anchors)
    sha = _digest(report, chosen_by_user.formats)
    if kept is not None and kept.data_sha == sha:
        files = await store.files(pool, report_id)
        return await _commit(job, run, report, _made(report_id, report, kept.version, files, changed=False))
    await run.progress("rendering", 40)
    version = 1 if kept is None else kept.version + 1
    edition = Edition(report, report_id, version)
    contents = await render(edition, chosen_by_user.formats)
    await run.progress("storing", 80)
    prefix = f"reports/u-{run.user_id}/{report_id}"
    keys = {kind: _key(prefix, kind, data) for kind, data in contents.items()}
    await store.note_objects(pool, run.user_id, list(keys.values()))
    for kind, data in contents.items():
        await objects.put(keys[kind], data, content_type=CONTENT_TYPES[kind])
    files = tuple(ReportFile(format=kind, key=keys[kind], size=len(data)) for kind, data in contents.items())
    made = _made(report_id, report, version, files, changed=True)
    return await _commit(job, run, report, made, user_id=run.user_id, period=period, sha=sha)


async def _commit(
    job: GenerateReport,
    run: Run,
    report: Report,
    made: ReportMade,
    *,
    user_id: str = "",
    period: Period | None = None,
    sha: bytes = b"",
) -> DataProcessed:
    """Keep a new version, if there is a period, and tell the user, in the transaction of the job's end."""
    async with run.commit(_DRAFT) as transaction:
        if period is not None:
            version, _ = await store.lock_report(transaction.connection, made.report_id, user_id, period)
            if version != made.version - 1:
                raise ReportMoved("another job made this report meanwhile", after=1)
            await store.save_report(
                transaction.connection,
                made.report_id,
                version=made.version,
                data_sha=sha,
                time_zone=report.time_zone,
                headline=made.headline,
                generated_at=run.now(),
                files=made.files,
            )
        if job.notify and not report.empty:
            await _tell(transaction, report, made)
        transaction.result = result = msgspec.structs.replace(_DRAFT, report=made)
    return result


async def _tell(transaction: Transaction, report: Report, made: ReportMade) -> None:
    """Queue the message about a report; it is sent once, whatever the number of its versions."""
    changes = [f"• {change.text}." for change in report.changes[:3]]
    links = [
        Link(title=title, key=file.key)
        for kind, title in _FILE_TITLES.items()
        for file in made.files
        if file.format == kind
    ]
    message = SendNotification(
        key=made.report_id,
        title=f"Your {report.kind} report: {wording.span(report.period)}",
        text="\n".join([f"{made.headline}.", *changes]),
        links=tuple(links),
    )
    await transaction.send("alert-checker", message, job_id=f"{made.report_id}-told")


def _key(prefix: str, kind: ReportFormat, data: bytes) -> str:
    return f"{prefix}/{hashlib.sha256(data).hexdigest()[:32]}.{kind}"


def name_of(user_id: str, period: Period) -> str:
    """Return the id of the one report of a user, kind and period."""
    text = f"{user_id} {period.kind} {period.first} {period.last}"
    return "report-" + hashlib.sha256(text.encode()).hexdigest()[:32]


def zone_of(name: str) -> ZoneInfo:
    """Return a user's zone; UTC where the application holds a name that does not exist."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def _digest(report: Report, formats: tuple[ReportFormat, ...]) -> bytes:
    return hashlib.sha256(msgspec.json.encode((GENERATOR, sorted(formats), report))).digest()


def _made(
    report_id: str, report: Report, version: int, files: tuple[ReportFile, ...], *, changed: bool
) -> ReportMade:
    return ReportMade(
        report_id=report_id,
        first=report.period.first,
        last=report.period.last,
        version=version,
        changed=changed,
        headline=report.headline,
        files=files,
    )
