"""The status API: what became of a job, for its owner; cancel and retry.

GET  /jobs/{job_id}          200 with an ETag, 304, or 404 (also for jobs of others)
GET  /jobs?state=&schedule=&user=&since=&until=&q=&limit=&cursor=
POST /jobs/{job_id}/cancel   202
POST /jobs/{job_id}/retry    202, for failed and cancelled jobs
"""

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from huntaze_contracts.base import Envelope, Instant
from litestar import MediaType, Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from huntaze_common.ledger import outbox
from huntaze_common.ledger.claims import Filter, JobRow, JobState, Ledger
from huntaze_common.postgres import Pool
from huntaze_common.problems import Refusal
from huntaze_common.publishing import Publisher
from huntaze_common.tokens import TokenReader

Visible = Callable[[Request[Any, Any, Any], str], Awaitable[JobRow]]
"""Returns a job that the request's caller may see, or raises `Refusal`."""
_FINISHED = {"succeeded", "failed", "cancelled"}
_LOOK_AGAIN = 2
"""Seconds after which a reader may look again while a job is not finished."""
_JOB_ID = re.compile(r"[A-Za-z0-9_.\-]{1,160}")
"""A contract's id, or a schedule's id with a slot."""


class JobPage(msgspec.Struct, frozen=True, rename="camel"):
    """One page of jobs, newest first."""

    jobs: list[JobRow]
    cursor: str | None
    """Of the next page; absent on the last one."""


def visible_jobs(ledger: Ledger, tokens: TokenReader) -> Visible:
    """Make the question that every route of one job begins with."""

    async def visible(request: Request[Any, Any, Any], job_id: str) -> JobRow:
        who = tokens.read(request.headers.get("authorization"))
        job = await ledger.show(job_id) if _JOB_ID.fullmatch(job_id) else None
        if job is None or not who.may_see(job.user_id):
            raise Refusal(HTTPStatus.NOT_FOUND, "not_found", "there is no such job")
        return job

    return visible


def status_routes(
    *, ledger: Ledger, pool: Pool, publisher: Publisher, tokens: TokenReader, visible: Visible
) -> list[HTTPRouteHandler]:
    """Make the routes of one service."""

    @get("/jobs/{job_id:str}", summary="Show one job")
    async def show(request: Request[Any, Any, Any], job_id: FromPath[str]) -> Response[Any]:
        job = await visible(request, job_id)
        body = msgspec.json.encode(job)
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"etag": etag, "cache-control": "private, no-cache"}
        if job.state not in _FINISHED:
            headers["retry-after"] = str(_LOOK_AGAIN)
        if _matches(request.headers.get("if-none-match", ""), etag):
            return Response(None, status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=MediaType.JSON)

    @get("/jobs", summary="List jobs, newest first")
    async def list_jobs(
        request: Request[Any, Any, Any],
        job_state: Annotated[JobState | None, QueryParameter(name="state")] = None,
        schedule: Annotated[str | None, QueryParameter(max_length=128)] = None,
        user: Annotated[str | None, QueryParameter(max_length=128)] = None,
        since: Annotated[str | None, QueryParameter(max_length=40)] = None,
        until: Annotated[str | None, QueryParameter(max_length=40)] = None,
        q: Annotated[str | None, QueryParameter(min_length=1, max_length=200)] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
        cursor: Annotated[str | None, QueryParameter(max_length=512)] = None,
    ) -> Response[bytes]:
        who = tokens.read(request.headers.get("authorization"))
        chosen = Filter(
            user_id=user if who.operator else who.user_id,
            state=job_state,
            schedule_id=schedule,
            since=parse_instant(since, "since") if since else None,
            until=parse_instant(until, "until") if until else None,
            text=_searchable(q),
        )
        before = _decode_cursor(cursor) if cursor else None
        jobs = await ledger.list(chosen, before=before, limit=limit + 1)
        more = len(jobs) > limit
        page = JobPage(jobs[:limit], _encode_cursor(jobs[limit - 1]) if more else None)
        return Response(msgspec.json.encode(page), media_type=MediaType.JSON)

    @post("/jobs/{job_id:str}/cancel", status_code=202, summary="Cancel a job")
    async def cancel(request: Request[Any, Any, Any], job_id: FromPath[str]) -> Response[dict[str, str]]:
        await visible(request, job_id)
        state = await ledger.cancel(job_id)
        if state is None:
            raise Refusal(HTTPStatus.CONFLICT, "not_cancellable", "the job is finished")
        return Response({"state": "cancelling" if state == "running" else "cancelled"}, status_code=202)

    @post("/jobs/{job_id:str}/retry", status_code=202, summary="Run a job again")
    async def retry(request: Request[Any, Any, Any], job_id: FromPath[str]) -> Response[dict[str, str]]:
        await visible(request, job_id)
        async with pool.acquire() as connection, connection.transaction():
            again = await ledger.requeue(connection, job_id)
            if again is None:
                raise Refusal(
                    HTTPStatus.CONFLICT, "not_retryable", "only failed and cancelled jobs run again"
                )
            worker, body, times = again
            await outbox.add(
                connection,
                dedup_id=f"{job_id}-r{times}",
                worker=worker,
                body=_named(body, job_id),
                delay=timedelta(0),
            )
        await outbox.drain(pool, publisher)
        return Response({"state": "queued"}, status_code=202)

    return [show, list_jobs, cancel, retry]


def parse_instant(text: str, name: str) -> datetime:
    """Read an instant of a query parameter.

    Raises:
        Refusal: it is none; the answer names the parameter.
    """
    try:
        return msgspec.convert(text, Instant).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):
        detail = f"{name}: write an instant with its offset, such as 2026-12-24T18:00:00Z"
        raise Refusal(HTTPStatus.BAD_REQUEST, "invalid_query", detail) from None


def _searchable(text: str | None) -> str | None:
    if text is not None and "\x00" in text:
        raise Refusal(HTTPStatus.BAD_REQUEST, "invalid_query", "q: no name has a zero byte")
    return text


def _named(body: bytes, job_id: str) -> bytes:
    """Put the job's id into its envelope: a schedule's message would run the present slot, not this one."""
    envelope = msgspec.json.decode(body, type=Envelope)
    if envelope.job_id is not None:
        return body
    return msgspec.json.encode(msgspec.structs.replace(envelope, job_id=job_id))


def _encode_cursor(job: JobRow) -> str:
    text = msgspec.json.encode((job.first_seen_at, job.job_id))
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _decode_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "===")
        at, job_id = msgspec.json.decode(text, type=tuple[Instant, str])
        at = at.astimezone(UTC)
    except (ValueError, OverflowError, msgspec.DecodeError):
        at, job_id = None, ""
    if at is None or not _JOB_ID.fullmatch(job_id):
        raise Refusal(HTTPStatus.BAD_REQUEST, "bad_cursor", "cursor is not one that this API gave")
    return at, job_id


def _matches(if_none_match: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or "*" in tags
