"""Logging in and out."""

import asyncio
import math
from typing import Any

from litestar import MediaType, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from huntaze_console import markup
from huntaze_console.access import Password, Throttle
from huntaze_console.pages import HttpRequest, Site, own_path


def login_routes(password: Password, throttle: Throttle, site: Site) -> list[HTTPRouteHandler]:
    """Make the form, and where it is sent to."""

    @get("/login", opt={"public": True})
    async def ask(request: HttpRequest) -> Response[Any]:
        if request.session.get("since"):
            return Redirect("/", status_code=303)
        return _form(site, request.query_params.get("next", "/"))

    @post("/login", opt={"public": True}, status_code=303, request_max_body_size=16 * 1024)
    async def log_in(request: HttpRequest) -> Response[Any]:
        form = await request.form()
        back = own_path(str(form.get("next", "/")))
        address = request.client.host if request.client else ""
        if wait := throttle.wait(address):
            return _form(site, back, status=429, wait=wait)
        # Counted before it is looked at: guesses that come all at once must not pass together.
        throttle.failed(address)
        if not await asyncio.to_thread(password.matches, str(form.get("password", ""))):
            return _form(site, back, status=401)
        throttle.succeeded(address)
        request.set_session({"since": site.sources.now().isoformat()})
        return Redirect(back, status_code=303)

    @post("/logout", status_code=303)
    async def log_out(request: HttpRequest) -> Redirect:
        request.clear_session()
        return Redirect("/login", status_code=303)

    return [ask, log_in, log_out]


def _form(site: Site, back: str, *, status: int = 200, wait: float = 0) -> Response[str]:
    seconds = math.ceil(wait)
    text = ""
    if status == 401:
        text = "This is not the password. It is the setting CONSOLE_PASSWORD."
    elif status == 429:
        text = f"Too many wrong passwords: try again in {seconds} seconds."
    body = markup.render("login.html", {"versions": site.versions, "text": text, "next": own_path(back)})
    headers = {"retry-after": str(seconds)} if seconds else {}
    return Response(body, media_type=MediaType.HTML, status_code=status, headers=headers)
