"""The status API: what became of a job, for its owner; cancel and retry.

GET  /jobs/{job_id}          200 with an ETag, 304, or 404 (also for jobs of others)
GET  /jobs?state=&limit=&cursor=
POST /jobs/{job_id}/cancel   202
POST /jobs/{job_id}/retry    202, for failed and cancelled jobs
"""

import base64
import hashlib
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from huntaze_contracts.failure import Problem
from litestar import MediaType, Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import Parameter

from huntaze_common.ledger import outbox
from huntaze_common.ledger.claims import JobRow, JobState, Ledger
from huntaze_common.postgres import Pool
from huntaze_common.publishing import Publisher
from huntaze_common.tokens import Caller, TokenReader, TokenRejected

_FINISHED = {"succeeded", "failed", "cancelled"}
_LOOK_AGAIN = 2
"""Seconds after which a reader may look again while a job is not finished."""


class JobPage(msgspec.Struct, frozen=True, rename="camel"):
    """One page of jobs, newest first."""

    jobs: list[JobRow]
    cursor: str | None
    """Of the next page; absent on the last one."""


class _Answer(Exception):
    """A request that ends early."""

    def __init__(self, status: int, title: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.problem = Problem(type="about:blank", title=title, status=status, code=code, detail=detail)


def status_routes(
    *, ledger: Ledger, pool: Pool, publisher: Publisher, tokens: TokenReader
) -> list[HTTPRouteHandler]:
    """Make the routes of one service."""

    def caller(request: Request[Any, Any, Any]) -> Caller:
        return tokens.read(request.headers.get("authorization"))

    async def visible(request: Request[Any, Any, Any], job_id: str) -> JobRow:
        who = caller(request)
        job = await ledger.show(job_id)
        if job is None or not who.may_see(job.user_id):
            raise _not_found()
        return job

    @get("/jobs/{job_id:str}", exception_handlers=_ERRORS, summary="Show one job")
    async def show(request: Request[Any, Any, Any], job_id: str) -> Response[Any]:
        job = await visible(request, job_id)
        body = msgspec.json.encode(job)
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"etag": etag, "cache-control": "private, no-cache"}
        if job.state not in _FINISHED:
            headers["retry-after"] = str(_LOOK_AGAIN)
        if etag in request.headers.get("if-none-match", ""):
            return Response(None, status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=MediaType.JSON)

    @get("/jobs", exception_handlers=_ERRORS, summary="List jobs, newest first")
    async def list_jobs(
        request: Request[Any, Any, Any],
        job_state: Annotated[JobState | None, Parameter(query="state")] = None,
        limit: Annotated[int, Parameter(ge=1, le=100)] = 50,
        cursor: Annotated[str | None, Parameter(max_length=512)] = None,
    ) -> Response[bytes]:
        who = caller(request)
        jobs = await ledger.list(
            user_id=None if who.operator else who.user_id,
            state=job_state,
            before=_decode_cursor(cursor) if cursor else None,
            limit=limit + 1,
        )
        more = len(jobs) > limit
        page = JobPage(jobs[:limit], _encode_cursor(jobs[limit - 1]) if more else None)
        return Response(msgspec.json.encode(page), media_type=MediaType.JSON)

    @post("/jobs/{job_id:str}/cancel", status_code=202, exception_handlers=_ERRORS, summary="Cancel a job")
    async def cancel(request: Request[Any, Any, Any], job_id: str) -> Response[dict[str, str]]:
        await visible(request, job_id)
        state = await ledger.cancel(job_id)
        if state is None:
            raise _Answer(409, "Conflict", "not_cancellable", "the job is finished")
        return Response({"state": "cancelling" if state == "running" else "cancelled"}, status_code=202)

    @post("/jobs/{job_id:str}/retry", status_code=202, exception_handlers=_ERRORS, summary="Run a job again")
    async def retry(request: Request[Any, Any, Any], job_id: str) -> Response[dict[str, str]]:
        await visible(request, job_id)
        async with pool.acquire() as connection, connection.transaction():
            again = await ledger.requeue(connection, job_id)
            if again is None:
                raise _Answer(409, "Conflict", "not_retryable", "only failed and cancelled jobs run again")
            worker, body, times = again
            dedup_id = f"{job_id}-r{times}"
            await outbox.add(connection, dedup_id=dedup_id, worker=worker, body=body, delay=timedelta(0))
        await outbox.drain(pool, publisher)
        return Response({"state": "queued"}, status_code=202)

    return [show, list_jobs, cancel, retry]


def _on_answer(_: Request[Any, Any, Any], error: _Answer) -> Response[Problem]:
    return Response(error.problem, status_code=error.problem.status, media_type="application/problem+json")


def _on_rejected(request: Request[Any, Any, Any], _: TokenRejected) -> Response[Problem]:
    unauthorized = _Answer(401, "Unauthorized", "unauthorized", "a valid bearer token is needed")
    response = _on_answer(request, unauthorized)
    response.headers["www-authenticate"] = "Bearer"
    return response


_ERRORS: dict[Any, Any] = {_Answer: _on_answer, TokenRejected: _on_rejected}


def _not_found() -> _Answer:
    return _Answer(404, "Not Found", "not_found", "there is no such job")


def _encode_cursor(job: JobRow) -> str:
    text = msgspec.json.encode((job.first_seen_at, job.job_id))
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _decode_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "===")
        return msgspec.json.decode(text, type=tuple[datetime, str])
    except (ValueError, msgspec.DecodeError):
        raise _Answer(400, "Bad Request", "bad_cursor", "cursor is not one that this API gave") from None
