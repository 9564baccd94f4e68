"""What users see of their reports, and say about them.

GET /reports?before=&limit=          the caller's, the newest period first
GET /reports/{report_id}             one, with links to its files that last a quarter of an hour
GET /reports/{report_id}/{format}    a redirect to the newest version's file
GET /report-preferences              PUT /report-preferences
"""

import datetime
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from huntaze_common.problems import Refusal
from huntaze_common.tokens import Caller
from huntaze_contracts.base import Instant
from huntaze_contracts.data import ReportFormat
from litestar import Request, Response, get, put
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from huntaze_data.job import DataDeps
from huntaze_data.reports import store
from huntaze_data.reports.preferences import Preferences

LINKS_LAST = 900
"""Seconds."""
_MAX_BODY = 4096

HttpRequest = Request[Any, Any, Any]
Deps = NamedDependency[DataDeps]


class FileLink(msgspec.Struct, frozen=True, rename="camel"):
    """A file of a report."""

    format: ReportFormat
    size: int
    url: str


class ReportEntry(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A report of the caller."""

    report_id: str
    kind: str
    first: datetime.date
    last: datetime.date
    time_zone: str
    version: int
    headline: str
    generated_at: Instant
    files: tuple[FileLink, ...] = ()


@get("/reports")
async def list_reports(
    request: HttpRequest,
    deps: Deps,
    before: Annotated[datetime.date | None, QueryParameter()] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> dict[str, list[ReportEntry]]:
    """List the caller's reports whose last day is before a day."""
    kept = await store.reports_of(deps.pool, _caller(request, deps).user_id, before, limit)
    return {"reports": [_entry(each, ()) for each in kept]}


@get("/reports/{report_id:str}")
async def show_report(request: HttpRequest, deps: Deps, report_id: FromPath[str]) -> Response[ReportEntry]:
    """Show a report with links to its files."""
    kept = await _visible(request, deps, report_id)
    links = [
        FileLink(file.format, file.size, await deps.objects.presigned_get(file.key, seconds=LINKS_LAST))
        for file in await store.files(deps.pool, report_id)
    ]
    return Response(_entry(kept, tuple(links)), headers={"cache-control": "private, no-store"})


@get("/reports/{report_id:str}/{kind:str}")
async def open_file(
    request: HttpRequest, deps: Deps, report_id: FromPath[str], kind: FromPath[ReportFormat]
) -> Response[None]:
    """Send the caller to a file of a report's newest version."""
    await _visible(request, deps, report_id)
    for file in await store.files(deps.pool, report_id):
        if file.format == kind:
            url = await deps.objects.presigned_get(file.key, seconds=LINKS_LAST)
            headers = {"location": url, "cache-control": "private, no-store"}
            return Response(None, status_code=HTTPStatus.FOUND, headers=headers)
    raise Refusal(HTTPStatus.NOT_FOUND, "not_found", f"the report was not made as {kind}")


@get("/report-preferences")
async def show_preferences(request: HttpRequest, deps: Deps) -> Preferences:
    """Show which reports the caller wants."""
    return await store.preferences(deps.pool, _caller(request, deps).user_id)


@put("/report-preferences", status_code=204)
async def save_preferences(request: HttpRequest, deps: Deps) -> None:
    """Say which reports the caller wants; it holds from the next period on."""
    user_id = _caller(request, deps).user_id
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"at most {_MAX_BODY} bytes")
    try:
        chosen = msgspec.json.decode(body, type=Preferences)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "invalid", str(error)) from None
    await store.save_preferences(deps.pool, user_id, chosen)


ROUTES: list[HTTPRouteHandler] = [list_reports, show_report, open_file, show_preferences, save_preferences]


def _caller(request: HttpRequest, deps: DataDeps) -> Caller:
    return deps.tokens.read(request.headers.get("authorization"))


async def _visible(request: HttpRequest, deps: DataDeps, report_id: str) -> store.Kept:
    caller = _caller(request, deps)
    kept = await store.report(deps.pool, report_id)
    if kept is None or not caller.may_see(kept.user_id):
        raise Refusal(HTTPStatus.NOT_FOUND, "not_found", "there is no such report")
    return kept


def _entry(kept: store.Kept, files: tuple[FileLink, ...]) -> ReportEntry:
    return ReportEntry(
        report_id=kept.report_id,
        kind=kept.kind,
        first=kept.first_day,
        last=kept.last_day,
        time_zone=kept.time_zone,
        version=kept.version,
        headline=kept.headline,
        generated_at=kept.generated_at,
        files=files,
    )
