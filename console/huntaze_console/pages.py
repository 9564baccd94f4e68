"""How a page is made: data from the sources, as HTML, as JSON, and as a stream of what changes.

A page is one function from a query to its data, and one template that shows it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

import msgspec
from huntaze_cli.failures import CommandFailed
from litestar import MediaType, Request, Response, get, post
from litestar.exceptions import ClientException
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect, ServerSentEvent

from huntaze_console import markup
from huntaze_console.live import Streams
from huntaze_console.sources import Sources

Q = TypeVar("Q", bound=msgspec.Struct)
HttpRequest = Request[Any, Any, Any]
Form = Mapping[str, list[str]]
_MAX_FORM = 256 * 1024


class Nothing(msgspec.Struct, frozen=True):
    """The query of a page that takes none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Q]):
    """One page."""

    path: str
    title: str
    template: str
    query: type[Q]
    """What may be asked for in the address; each field is one parameter, or a part of the path."""
    load: Callable[[Sources, Q], Awaitable[Any]]
    """Returns what is shown; its JSON is the same."""
    in_menu: bool = True
    follow: bool = True
    """Whether the page is kept current while it is looked at."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a form does."""

    path: str
    """Of the form, below the console's root."""
    act: Callable[[Sources, Form], Awaitable[str]]
    """Does it and returns what was done, as one sentence; raises `CommandFailed`."""


class NotFound(Exception):
    """What a page was asked for does not exist; the message says what."""


@dataclass(frozen=True, slots=True)
class Site:
    """What all pages are shown in."""

    pages: tuple[Page[Any], ...]
    sources: Sources
    streams: Streams
    versions: Mapping[str, str]
    """Of each static file, so that it can be kept for ever."""

    def values(self, request: HttpRequest, **more: Any) -> dict[str, Any]:
        """Return what the frame of a page needs."""
        return {
            "menu": [page for page in self.pages if page.in_menu],
            "here": request.url.path,
            "address": address_of(request),
            "versions": self.versions,
            "said": None,
            "now": self.sources.now(),
            **more,
        }

    def show(self, request: HttpRequest, page: Page[Any], **more: Any) -> Response[str]:
        """Answer with a page, and with what the last action said."""
        said = request.session.get("said")
        if said is not None:
            request.session.pop("said")
        body = markup.render(page.template, self.values(request, page=page, said=said, **more))
        return Response(body, media_type=MediaType.HTML)


def page_routes(page: Page[Any], site: Site) -> list[HTTPRouteHandler]:
    """Make a page's three addresses: for people, for programs, and for what changes."""

    async def read(request: HttpRequest) -> Any:
        query = _query(page, request)
        return {"data": await page.load(site.sources, query), "query": query}

    @get(page.path)
    async def html(request: HttpRequest) -> Response[str]:
        return site.show(request, page, **await read(request))

    @get("/json" + page.path.rstrip("/") or "/json")
    async def as_json(request: HttpRequest) -> Response[bytes]:
        found = await read(request)
        return Response(msgspec.json.encode(found["data"]), media_type=MediaType.JSON)

    @get("/live" + page.path.rstrip("/") or "/live")
    async def live(request: HttpRequest) -> ServerSentEvent:
        _query(page, request)

        async def look() -> str:
            try:
                values = site.values(request, page=page, **await read(request))
            except (CommandFailed, NotFound) as failure:
                return markup.render("unreachable.html", {"failure": failure})
            return markup.render_live(page.template, values)

        return site.streams.start(look)

    return [html, as_json, live] if page.follow else [html, as_json]


def action_route(action: Action, sources: Sources) -> HTTPRouteHandler:
    """Make the address that a form is sent to. What was done is told on the page that follows."""

    @post(action.path, status_code=303, request_max_body_size=_MAX_FORM)
    async def run(request: HttpRequest) -> Redirect:
        form = await request.form()
        fields = {name: [str(each) for each in form.getall(name)] for name in form}
        try:
            said = {"ok": True, "text": await action.act(sources, fields), "hint": ""}
        except CommandFailed as failure:
            said = {"ok": False, "text": str(failure)[:600], "hint": failure.hint[:300]}
        request.set_session({**request.session, "said": said})
        return Redirect(own_path(one(fields, "back")), status_code=303)

    return run


def one(form: Form, name: str) -> str:
    """Return a field of a form that has one value; empty when it is absent."""
    values = form.get(name) or [""]
    return values[0]


def _query(page: Page[Any], request: HttpRequest) -> Any:
    """Read the address into the page's query; an empty parameter is one that nobody filled in."""
    given = {name: value for name, value in request.query_params.items() if value}
    try:
        return msgspec.convert({**given, **request.path_params}, page.query, strict=False)
    except msgspec.ValidationError as error:
        raise ClientException(detail=str(error)) from None


def address_of(request: HttpRequest) -> str:
    """Return the path and query of the page that a request is about."""
    query = urlencode(list(request.query_params.multi_items()))
    path = request.url.path.removeprefix("/live") or "/"
    return f"{path}?{query}" if query else path


def own_path(path: str) -> str:
    """Return where to go after a form; the front page for what is no path of ours."""
    # Never to another host: a browser reads '//host' and '/\host' as one.
    ours = path.startswith("/") and path[1:2] not in ("/", "\\") and path.isprintable()
    return path if ours else "/"
