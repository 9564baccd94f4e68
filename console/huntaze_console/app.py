"""The console's application: its pages behind a login."""

import hashlib
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from importlib import resources
from pathlib import Path
from typing import Any

from huntaze_cli.broker import Broker
from huntaze_cli.failures import CommandFailed
from huntaze_cli.status import StatusApi
from huntaze_common.errors import ConfigurationError
from huntaze_common.problems import PROBLEMS
from huntaze_common.secret import Secret
from litestar import Litestar, MediaType, Response, get
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.middleware.session.client_side import CookieBackendConfig
from litestar.response import Redirect
from litestar.types import ASGIApp

from huntaze_console import markup
from huntaze_console.access import SESSION_LASTS, Password, Throttle
from huntaze_console.guard import Guard
from huntaze_console.live import Streams
from huntaze_console.login import login_routes
from huntaze_console.menu import ACTIONS, PAGES
from huntaze_console.objects import object_routes
from huntaze_console.pages import HttpRequest, NotFound, Site, action_route, address_of, page_routes
from huntaze_console.settings import ConsoleSettings
from huntaze_console.sources import Sources

_THREADS = 32
"""Requests to QStash and the services under way at once."""
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@asynccontextmanager
async def running(
    settings: ConsoleSettings, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> AsyncGenerator[tuple[ASGIApp, Streams]]:
    """Open what the pages need, and yield the application and its streams.

    Raises:
        ConfigurationError, CommandFailed: a setting is missing or wrong.
    """
    urls = settings.urls()
    with (
        Broker(_needed(settings.qstash_token, "QSTASH_TOKEN"), settings.qstash_url) as broker,
        StatusApi(urls, _needed(settings.status_token_key, "STATUS_TOKEN_KEY"), now) as status,
        ThreadPoolExecutor(_THREADS) as threads,
    ):
        sources = Sources(
            broker,
            status,
            worker_urls=urls,
            now=now,
            schedules_file=Path(settings.schedules_file) if settings.schedules_file else None,
            monthly_budget=settings.monthly_budget,
            _threads=threads,
        )
        streams = Streams()
        app = make_app(settings, sources, streams)
        yield Guard(app, settings.public_base_url), streams


def make_app(settings: ConsoleSettings, sources: Sources, streams: Streams) -> Litestar:
    """Compose the application."""
    password = Password(settings.console_password)
    files = _static_files()
    versions = {name: hashlib.sha256(body).hexdigest()[:12] for name, body in files.items()}
    site = Site(PAGES, sources, streams, versions)
    throttle = Throttle(lambda: sources.now().timestamp())
    secure = settings.public_base_url.startswith("https://")
    session = CookieBackendConfig(
        secret=password.key(b"session"),
        # Browsers keep such a name for this host alone, over https alone.
        key="__Host-console" if secure else "console",
        max_age=SESSION_LASTS,
        samesite="strict",
        secure=secure,
        httponly=True,
    )
    return Litestar(
        [
            *(route for page in PAGES for route in page_routes(page, site)),
            *(action_route(action, sources) for action in ACTIONS),
            *login_routes(password, throttle, site),
            *object_routes(sources),
            _static_route(files),
            _healthz,
        ],
        guards=[_logged_in],
        middleware=[session.middleware],
        exception_handlers=_answers(site),
        openapi_config=None,
        logging_config=None,
    )


def _needed(secret: Secret | None, name: str) -> Secret:
    if secret is None:
        raise ConfigurationError(f"{name} is missing")
    return secret


def _logged_in(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    if not handler.opt.get("public") and not connection.session.get("since"):
        raise NotAuthorizedException


def _to_login(request: HttpRequest, _error: Exception) -> Response[Any]:
    path = request.url.path
    if request.method == "GET" and not path.startswith(("/json", "/live", "/objects")):
        return Redirect("/login", query_params={"next": address_of(request)}, status_code=303)
    return Response({"code": "unauthorized", "detail": "log in first"}, status_code=401)


def _answers(site: Site) -> dict[int | type[Exception], Any]:
    """Return what is answered in place of a page that cannot be shown."""

    def show(request: HttpRequest, status: int, text: str, hint: str = "") -> Response[Any]:
        if request.url.path.startswith(("/json", "/live", "/objects")):
            return Response({"code": "failed", "detail": text, "hint": hint}, status_code=status)
        values = site.values(request, page=None, data=None, status=status, text=text, hint=hint)
        return Response(markup.render("failed.html", values), status_code=status, media_type=MediaType.HTML)

    def failed(request: HttpRequest, error: CommandFailed) -> Response[Any]:
        return show(request, HTTPStatus.BAD_GATEWAY, str(error), error.hint)

    def not_found(request: HttpRequest, error: NotFound) -> Response[Any]:
        return show(request, HTTPStatus.NOT_FOUND, str(error), "Services forget old jobs after a while.")

    def refused(request: HttpRequest, error: HTTPException) -> Response[Any]:
        return show(request, error.status_code, error.detail)

    return {
        **PROBLEMS,
        NotAuthorizedException: _to_login,
        CommandFailed: failed,
        NotFound: not_found,
        HTTPException: refused,
    }


def _static_files() -> dict[str, bytes]:
    folder = resources.files("huntaze_console") / "static"
    return {
        file.name: file.read_bytes() for file in folder.iterdir() if file.name.rpartition(".")[2] in _TYPES
    }


def _static_route(files: dict[str, bytes]) -> Any:
    @get("/static/{name:str}", opt={"public": True}, sync_to_thread=False)
    def static(name: str) -> Response[bytes]:
        if name not in files:
            raise HTTPException(status_code=404, detail="there is no such file")
        headers = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(files[name], media_type=_TYPES[name.rpartition(".")[2]], headers=headers)

    return static


@get("/healthz", opt={"public": True}, sync_to_thread=False)
def _healthz() -> str:
    return "ok"
