"""The errors of all routes but the worker's own, as RFC 9457 problem details."""

from http import HTTPStatus
from typing import Any

import structlog
from huntaze_contracts.failure import Problem
from litestar import Request, Response
from litestar.exceptions import HTTPException

from huntaze_common.postgres import TRANSIENT_ERRORS
from huntaze_common.tokens import TokenRejected

_log = structlog.get_logger()
_RETRY_AFTER = 5
"""Seconds: a database that restarts is back by then."""


class Refusal(Exception):
    """A request that is answered with a problem; ``detail`` is for people, ``code`` for programs."""

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        """Keep what to answer."""
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail


def _answer(status: HTTPStatus, code: str, detail: str, **headers: str) -> Response[Problem]:
    problem = Problem(type="about:blank", title=status.phrase, status=status, code=code, detail=detail)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(problem, status_code=status, media_type="application/problem+json", headers=named)


def _on_refusal(_: Request[Any, Any, Any], error: Refusal) -> Response[Problem]:
    return _answer(error.status, error.code, error.detail)


def _on_rejected(_request: Request[Any, Any, Any], _: TokenRejected) -> Response[Problem]:
    detail = "a valid bearer token is needed"
    return _answer(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, www_authenticate="Bearer")


def _on_http(_: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """Answer what the framework refuses: unknown paths, methods, and parameters that are wrong."""
    status = HTTPStatus(error.status_code)
    parameters: Any = error.extra if isinstance(error.extra, list) else []
    wrong = [f"{parameter['key']}: {parameter['message']}" for parameter in parameters if "key" in parameter]
    if wrong:
        return _answer(status, "invalid_query", "; ".join(wrong))
    return _answer(status, status.name.lower(), status.phrase)


def _on_outage(_: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    _log.warning("database_unreachable", error=type(error).__name__)
    status, detail = HTTPStatus.SERVICE_UNAVAILABLE, "the database did not answer"
    return _answer(status, "upstream_unavailable", detail, retry_after=str(_RETRY_AFTER))


def _on_bug(_: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    _log.error("request_crashed", exc_info=error)
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "an error of the service")


PROBLEMS: dict[Any, Any] = {
    Refusal: _on_refusal,
    TokenRejected: _on_rejected,
    HTTPException: _on_http,
    **dict.fromkeys(TRANSIENT_ERRORS, _on_outage),
    Exception: _on_bug,
}
"""The application's exception handlers."""
