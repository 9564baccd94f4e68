"""The API's routes, and its forms of answers and errors."""

import asyncio
import base64
import gzip
import json
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.exceptions import ClientException, HTTPException, NotAuthorizedException, NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter

from huntaze_local.apify.runs import Run, Runs
from huntaze_local.apify.webhooks import Webhook

ACTORS = {"clockworks~tiktok-scraper", "GdWCkxBtKWOsKjdch"}
ENDLESS = 999_999_999_999  # what Apify says when no limit was asked for


@post(["/v2/acts/{actor:str}/runs", "/v2/actors/{actor:str}/runs"], status_code=201)
async def start_run(
    request: Request[Any, Any, Any],
    actor: FromPath[str],
    max_items: Annotated[int | None, QueryParameter(name="maxItems", ge=1)] = None,
    memory: FromQuery[int] = 1024,
    webhooks: FromQuery[str | None] = None,
    wait_for_finish: Annotated[int, QueryParameter(name="waitForFinish", ge=0, le=60)] = 0,
) -> dict[str, Any]:
    """Start an actor; only the TikTok scraper has sample data."""
    if actor not in ACTORS:
        raise NotFoundException(f"Actor was not found: there is no sample data for {actor}")
    options: dict[str, Any] = {"memoryMbytes": memory} | ({"maxItems": max_items} if max_items else {})
    hooks = _decode_webhooks(webhooks)
    runs: Runs = request.app.state.runs
    run = runs.start(actor, await _run_input(request), options)
    runs.finish_later(run, hooks)
    await _wait(run, wait_for_finish)
    return {"data": run.shown()}


@get(["/v2/acts/{actor:str}/runs", "/v2/actors/{actor:str}/runs"])
async def list_runs(
    request: Request[Any, Any, Any],
    actor: FromPath[str],
    offset: Annotated[int, QueryParameter(ge=0)] = 0,
    limit: Annotated[int, QueryParameter(ge=0, le=1000)] = 1000,
    desc: FromQuery[str] = "",
) -> dict[str, Any]:
    """List the runs of an actor; a client that lost the answer to its start looks here."""
    found = request.app.state.runs.of(actor)
    page = (found[::-1] if _truth(desc) else found)[offset:][:limit]
    return {
        "data": {
            "total": len(found),
            "offset": offset,
            "limit": limit,
            "desc": _truth(desc),
            "count": len(page),
            "items": [run.shown() for run in page],
        }
    }


@get("/v2/actor-runs/{run_id:str}")
async def get_run(
    request: Request[Any, Any, Any],
    run_id: FromPath[str],
    wait_for_finish: Annotated[int, QueryParameter(name="waitForFinish", ge=0, le=60)] = 0,
) -> dict[str, Any]:
    """Show a run, at once or when it has finished."""
    run = request.app.state.runs.get(run_id)
    await _wait(run, wait_for_finish)
    return {"data": run.shown()}


@get("/v2/datasets/{dataset_id:str}/items")
async def list_items(
    request: Request[Any, Any, Any],
    dataset_id: FromPath[str],
    offset: Annotated[int, QueryParameter(ge=0)] = 0,
    limit: Annotated[int | None, QueryParameter(ge=1)] = None,
    fields: FromQuery[str | None] = None,
    desc: FromQuery[str] = "",
    format_: Annotated[str, QueryParameter(name="format")] = "json",
) -> Response[bytes]:
    """Return a page of a dataset. A run's items are all there as soon as it has started."""
    items = request.app.state.runs.get(dataset_id.removeprefix("dataset-")).items
    page = (items[::-1] if _truth(desc) else items)[offset:][:limit]
    if fields:
        page = [{name: item[name] for name in fields.split(",") if name in item} for item in page]
    return Response(
        _encode(page, format_),
        media_type="application/json" if format_ == "json" else "application/x-ndjson",
        headers={
            "X-Apify-Pagination-Total": str(len(items)),
            "X-Apify-Pagination-Offset": str(offset),
            "X-Apify-Pagination-Count": str(len(page)),
            "X-Apify-Pagination-Limit": str(limit or ENDLESS),
            "X-Apify-Pagination-Desc": str(_truth(desc)).lower(),
        },
    )


@get("/healthz", opt={"open": True})
async def healthz() -> dict[str, str]:
    """Say that we are there."""
    return {"status": "ok"}


def requires_token(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let only requests with some token through; which one is not for a stand-in to say."""
    header = connection.headers.get("authorization", "")
    if (
        not handler.opt.get("open")
        and not header.startswith("Bearer ")
        and "token" not in connection.query_params
    ):
        raise NotAuthorizedException("User was not found or authentication token is not valid")


def answer_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    """Answer an error in Apify's form."""
    kinds = {400: "invalid-input", 401: "user-or-token-not-found", 404: "record-not-found"}
    kind = kinds.get(error.status_code, "internal-server-error")
    return Response({"error": {"type": kind, "message": error.detail}}, status_code=error.status_code)


def create_app(run_takes: float) -> Litestar:
    """Build the application; a run takes ``run_takes`` seconds."""
    app = Litestar(
        [start_run, list_runs, get_run, list_items, healthz],
        guards=[requires_token],
        exception_handlers={HTTPException: answer_error},
        openapi_config=None,
    )
    app.state.runs = Runs(run_takes)
    return app


async def _run_input(request: Request[Any, Any, Any]) -> Mapping[str, Any]:
    body = await request.body()
    if request.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    try:
        decoded = json.loads(body or b"{}")
    except ValueError as error:
        raise ClientException(f"The input is not JSON: {error}") from None
    if not isinstance(decoded, dict):
        raise ClientException("The input must be an object")
    return decoded


def _decode_webhooks(encoded: str | None) -> list[Webhook]:
    try:
        return msgspec.json.decode(base64.b64decode(encoded or "W10="), type=list[Webhook])
    except ValueError as error:
        raise ClientException(f"webhooks must be a JSON array in base64: {error}") from None


async def _wait(run: Run, seconds: int) -> None:
    try:
        async with asyncio.timeout(seconds):
            await run.finished.wait()
    except TimeoutError:
        return


def _encode(page: list[dict[str, Any]], format_: str) -> bytes:
    if format_ == "json":
        return msgspec.json.encode(page)
    if format_ == "jsonl":
        return msgspec.json.Encoder().encode_lines(page)
    raise ClientException("format must be json or jsonl")


def _truth(text: str) -> bool:
    return text.lower() in {"1", "true"}
