"""What all routes of the API share: who asks, what the body says, and how errors look."""

from typing import Any, TypeVar

import msgspec
from huntaze_common.tokens import Caller, TokenRejected
from huntaze_contracts.failure import Problem
from litestar import Request, Response
from litestar.di import NamedDependency

from huntaze_alerts.job import AlertsDeps

T = TypeVar("T")
HttpRequest = Request[Any, Any, Any]
Deps = NamedDependency[AlertsDeps]
MAX_BODY = 256 * 1024

_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    422: "Unprocessable Content",
}


class ApiError(Exception):
    """A request that ends early."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        """Take the answer's status, a code for programs and a sentence for people."""
        super().__init__(detail)
        self.status, self.code = status, code


def caller_of(request: HttpRequest, deps: AlertsDeps) -> Caller:
    """Return who asks; raises `TokenRejected`."""
    return deps.tokens.read(request.headers.get("authorization"))


def operator_of(request: HttpRequest, deps: AlertsDeps) -> Caller:
    """Return who asks, if they may do everything."""
    caller = caller_of(request, deps)
    if not caller.operator:
        raise ApiError(403, "operators_only", "this needs the scope 'operator'")
    return caller


def scope_of(caller: Caller) -> str | None:
    """Return whose rows the caller may touch: their own, or None for everybody's."""
    return None if caller.operator else caller.user_id


def found(value: T | None) -> T:
    """Return what is there, or answer 404, as for what belongs to others."""
    if value is None:
        raise ApiError(404, "not_found", "there is no such thing, or it is not yours")
    return value


async def body_of(request: HttpRequest, kind: type[T]) -> T:
    """Decode the body; an empty one counts as an empty object."""
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=kind)
    except msgspec.DecodeError as error:
        raise ApiError(400, "invalid", str(error)) from None
    except RecursionError:
        raise ApiError(400, "invalid", "the body is nested too deeply") from None


def _on_error(_: HttpRequest, error: ApiError) -> Response[Problem]:
    return _problem(error.status, error.code, str(error))


def _on_rejected(_: HttpRequest, __: TokenRejected) -> Response[Problem]:
    response = _problem(401, "unauthorized", "a valid bearer token is needed")
    response.headers["www-authenticate"] = "Bearer"
    return response


def _problem(status: int, code: str, detail: str) -> Response[Problem]:
    problem = Problem(type="about:blank", title=_TITLES[status], status=status, code=code, detail=detail)
    return Response(problem, status_code=status, media_type="application/problem+json")


ERRORS: dict[Any, Any] = {ApiError: _on_error, TokenRejected: _on_rejected}
