"""What holds for every request, before any page: right host, no writing from elsewhere, strict headers."""

from urllib.parse import urlsplit

from litestar.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    (b"cache-control", b"no-store"),
)
_SAFE = {"GET", "HEAD"}


class Guard:
    """Stands before the application."""

    def __init__(self, app: ASGIApp, public_base_url: str) -> None:
        """Take the application and how browsers address it."""
        self._app = app
        url = urlsplit(public_base_url)
        self._origin = f"{url.scheme}://{url.netloc}".encode()
        self._host = url.netloc.encode()
        self._probe = "/healthz"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what may not come in; give every answer its headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        # Platforms probe by address; every other name may be an attacker's that resolves to us.
        if headers.get(b"host") != self._host and scope["path"] != self._probe:
            await _refuse(send, 421, "This is not how the console is addressed: see PUBLIC_BASE_URL.")
        elif scope["method"] not in _SAFE and not self._from_us(headers):
            await _refuse(send, 403, "This form was not sent from the console itself.")
        else:
            await self._app(scope, receive, _with_headers(send))

    def _from_us(self, headers: dict[bytes, bytes]) -> bool:
        """Browsers say where a form was sent from, in one header or the other; silence is no answer."""
        return headers.get(b"origin") == self._origin and headers.get(b"sec-fetch-site", b"same-origin") == (
            b"same-origin"
        )


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(each for each in _HEADERS if each[0] not in given)]
        await send(message)

    return sending


async def _refuse(send: Send, status: int, text: str) -> None:
    body = text.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *_HEADERS]})
    await send({"type": "http.response.body", "body": body, "more_body": False})
