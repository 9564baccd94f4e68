"""What the status API shows of a job's history and pictures, and of the whole service.

GET /jobs/{job_id}/history              operators: its envelope, and its timeline with the logs
GET /jobs/{job_id}/objects?key=         302 to an object that its result names, for a quarter of an hour
GET /activity?minutes=|since=&steps=    operators: what waits, and what was finished
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Protocol

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from huntaze_common.ledger import overview
from huntaze_common.postgres import Pool
from huntaze_common.problems import Refusal
from huntaze_common.status_api import Visible, parse_instant
from huntaze_common.tokens import TokenReader

LINKS_LAST = 900
"""Seconds."""
_LONGEST = timedelta(days=92)
_MOST_STEPS = 200


class Links(Protocol):
    """Makes links to private objects."""

    async def presigned_get(self, key: str, *, seconds: int) -> str:
        """Make a link that reads one object for some seconds."""
        ...


def operating_routes(
    *, pool: Pool, tokens: TokenReader, visible: Visible, links: Links | None, clock: Callable[[], float]
) -> list[HTTPRouteHandler]:
    """Make the routes of one service; ``links`` is None where it keeps no objects."""

    def only_operators(request: Request[Any, Any, Any]) -> None:
        if not tokens.read(request.headers.get("authorization")).operator:
            raise Refusal(HTTPStatus.FORBIDDEN, "operators_only", "this needs the scope 'operator'")

    @get("/jobs/{job_id:str}/history", summary="Show what a job carried and what happened to it")
    async def show_history(request: Request[Any, Any, Any], job_id: FromPath[str]) -> Response[bytes]:
        # Its logs tell of the service's inside: not for the job's user.
        only_operators(request)
        await visible(request, job_id)
        found = await overview.history(pool, job_id)
        headers = {"cache-control": "private, no-store"}
        return Response(msgspec.json.encode(found), media_type=MediaType.JSON, headers=headers)

    @get("/jobs/{job_id:str}/objects", summary="Open an object that a job's result names")
    async def open_object(
        request: Request[Any, Any, Any],
        job_id: FromPath[str],
        key: Annotated[str, QueryParameter(max_length=512)],
    ) -> Response[None]:
        job = await visible(request, job_id)
        if links is None or job.result is None or key not in _keys(msgspec.json.decode(job.result)):
            raise Refusal(HTTPStatus.NOT_FOUND, "not_found", "the job's result names no such object")
        url = await links.presigned_get(key, seconds=LINKS_LAST)
        headers = {"location": url, "cache-control": "private, no-store"}
        return Response(None, status_code=HTTPStatus.FOUND, headers=headers)

    @get("/activity", summary="Show what waits, and what was finished")
    async def show_activity(
        request: Request[Any, Any, Any],
        minutes: Annotated[int, QueryParameter(ge=1, le=92 * 1440)] = 60,
        since: Annotated[str | None, QueryParameter(max_length=40)] = None,
        steps: Annotated[int, QueryParameter(ge=1, le=_MOST_STEPS)] = 60,
    ) -> Response[bytes]:
        only_operators(request)
        now = datetime.fromtimestamp(clock(), UTC)
        begin = now - timedelta(minutes=minutes) if since is None else parse_instant(since, "since")
        begin = max(begin, now - _LONGEST)
        step = max(timedelta(seconds=1), (now - begin) / steps)
        body = msgspec.json.encode(await overview.activity(pool, begin, step))
        return Response(body, media_type=MediaType.JSON, headers={"cache-control": "private, no-store"})

    return [show_history, open_object, show_activity]


def _keys(result: Any) -> Iterator[str]:
    """Yield what a result calls the key of an object, wherever in it."""
    waiting = [result]
    while waiting:
        match waiting.pop():
            case dict() as fields:
                if isinstance(key := fields.get("key"), str):
                    yield key
                waiting += fields.values()
            case list() as items:
                waiting += items
            case _:
                pass
