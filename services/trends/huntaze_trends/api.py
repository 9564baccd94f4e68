"""What users see and say: the queries they follow, their brand, trends with their charts, recommendations.

GET    /queries                  PUT /queries            DELETE /queries/{platform}/{kind}/{value}
GET    /brand                    PUT /brand
GET    /trends?everyone=         the latest of each query that the caller, or anyone, follows
GET    /trends/{trend_id}.svg    its share over time
GET    /recommendations          POST /recommendations/{id}/dismissed, …/used
POST   /callbacks/apify/{scrape_id}    Apify's, with the proof that it was given
"""

from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from huntaze_common.problems import Refusal
from huntaze_common.tokens import Caller
from huntaze_contracts.trends import BrandProfile, Recommendation, TrackedQuery, Trend
from litestar import Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from huntaze_trends import advice_store, store
from huntaze_trends.callback import HEADER, MAX_BODY, PATH, CallbackUnproven
from huntaze_trends.chart import chart
from huntaze_trends.detection import HORIZON
from huntaze_trends.job import TrendsDeps
from huntaze_trends.posts import fold

MOST_QUERIES = 20
"""That one user may follow: each is scraped for money."""

HttpRequest = Request[Any, Any, Any]
Deps = NamedDependency[TrendsDeps]
T = TypeVar("T")


@get("/queries")
async def list_queries(request: HttpRequest, deps: Deps) -> dict[str, list[TrackedQuery]]:
    """List the queries that the caller follows."""
    return {"queries": await advice_store.followed(deps.pool, _caller(request, deps).user_id)}


@put("/queries", status_code=204)
async def follow_query(request: HttpRequest, deps: Deps) -> None:
    """Follow a query; following it again changes how often it is scraped."""
    user_id = _caller(request, deps).user_id
    query = await _body(request, TrackedQuery)
    if not fold(query.value):
        raise Refusal(HTTPStatus.BAD_REQUEST, "invalid", "value: nothing to look for")
    if await advice_store.follower_count(deps.pool, user_id) >= MOST_QUERIES:
        raise Refusal(HTTPStatus.CONFLICT, "too_many", f"a user may follow {MOST_QUERIES} queries")
    async with deps.pool.acquire() as connection, connection.transaction():
        await advice_store.follow(connection, user_id, query)


@delete("/queries/{platform:str}/{kind:str}/{value:str}")
async def unfollow_query(
    request: HttpRequest, deps: Deps, platform: FromPath[str], kind: FromPath[str], value: FromPath[str]
) -> None:
    """Stop following a query."""
    user_id = _caller(request, deps).user_id
    async with deps.pool.acquire() as connection, connection.transaction():
        _found(await advice_store.unfollow(connection, user_id, platform, kind, value) or None)


@get("/brand")
async def show_brand(request: HttpRequest, deps: Deps) -> BrandProfile:
    """Show what the caller stands for."""
    return await advice_store.brand(deps.pool, _caller(request, deps).user_id)


@put("/brand", status_code=204)
async def save_brand(request: HttpRequest, deps: Deps) -> None:
    """Say what the caller stands for."""
    user_id = _caller(request, deps).user_id
    await advice_store.save_brand(deps.pool, user_id, await _body(request, BrandProfile))


@get("/trends")
async def list_trends(
    request: HttpRequest, deps: Deps, everyone: Annotated[bool, QueryParameter()] = False
) -> dict[str, list[dict[str, Any]]]:
    """Show what the latest scrape of each followed query found; operators may ask for everyone's."""
    caller = _caller(request, deps)
    if everyone and not caller.operator:
        raise Refusal(HTTPStatus.FORBIDDEN, "operators_only", "this needs the scope 'operator'")
    user_id = None if everyone else caller.user_id
    return {"queries": await store.trends_of_user(deps.pool, user_id, deps.now() - HORIZON)}


@get("/trends/{name:str}", media_type="image/svg+xml")
async def draw_trend(request: HttpRequest, deps: Deps, name: FromPath[str]) -> Response[str]:
    """Draw a trend's share over time."""
    user_id = _caller(request, deps).user_id
    trend_id = _found(name.removesuffix(".svg") if name.endswith(".svg") else None)
    found = _found(await store.trend_of_user(deps.pool, trend_id, user_id))
    trend: Trend = _found(next((each for each in found.trends if each.id == trend_id), None))
    # A picture of others' words: no script of theirs may run even where it is opened by itself.
    headers = {
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
        "cache-control": "private",
    }
    return Response(chart(trend, found), media_type="image/svg+xml", headers=headers)


@get("/recommendations")
async def list_recommendations(request: HttpRequest, deps: Deps) -> dict[str, list[Recommendation]]:
    """Show what the caller should do now, the best first."""
    user_id = _caller(request, deps).user_id
    return {"recommendations": await advice_store.current(deps.pool, user_id, deps.now())}


@post("/recommendations/{recommendation_id:str}/{decision:str}", status_code=204)
async def decide(
    request: HttpRequest,
    deps: Deps,
    recommendation_id: FromPath[str],
    decision: FromPath[Literal["dismissed", "used"]],
) -> None:
    """Dismiss a recommendation, or say that it was followed; it does not come back for two weeks."""
    user_id = _caller(request, deps).user_id
    _found(await advice_store.decide(deps.pool, user_id, recommendation_id, decision, deps.now()) or None)


@post(PATH + "/{scrape_id:str}", status_code=204)
async def run_ended(request: HttpRequest, deps: Deps, scrape_id: FromPath[str]) -> None:
    """Hear from Apify that a run has ended."""
    proof = request.headers.get(HEADER, "")
    try:
        known = await deps.callbacks.receive(scrape_id, proof, await _read(request, MAX_BODY))
    except CallbackUnproven:
        raise Refusal(
            HTTPStatus.UNAUTHORIZED, "unauthorized", "the call carries no proof of this scrape"
        ) from None
    except msgspec.DecodeError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "invalid", str(error)) from None
    _found(known or None)


ROUTES: list[HTTPRouteHandler] = [
    list_queries,
    follow_query,
    unfollow_query,
    show_brand,
    save_brand,
    list_trends,
    draw_trend,
    list_recommendations,
    decide,
    run_ended,
]


def _caller(request: HttpRequest, deps: TrendsDeps) -> Caller:
    return deps.tokens.read(request.headers.get("authorization"))


async def _body(request: HttpRequest, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(await _read(request, 64 * 1024), type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "invalid", str(error)) from None


async def _read(request: HttpRequest, most: int) -> bytes:
    """Read a body, never more than ``most`` bytes of it."""
    parts: list[bytes] = []
    async for part in request.stream():
        parts.append(part)
        if sum(map(len, parts)) > most:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"the body may have {most} bytes")
    return b"".join(parts)


def _found(value: T | None) -> T:
    if value is None:
        raise Refusal(HTTPStatus.NOT_FOUND, "not_found", "there is no such thing, or it is not yours")
    return value
