"""Requests and answers, as the handlers see them: plain values over raw ASGI."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from qstash_local.core.errors import Refused, invalid

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_encode = msgspec.json.Encoder().encode
_JSON = (b"content-type", b"application/json")
_MAX_PARAMETERS = 2_000


@dataclass(slots=True)
class Request:
    """One request. ``path`` and ``query`` are as they came, percent-escapes and all."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    client_ip: str
    body: bytes = b""
    body_read: bool = False
    _parameters: list[tuple[str, str]] | None = field(default=None)

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The decoded query parameters, in order.

        Raises:
            Refused: there are too many.
        """
        if self._parameters is None:
            try:
                pairs = parse_qsl(self.query, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
            except ValueError:
                raise invalid(f"more than {_MAX_PARAMETERS} query parameters") from None
            self._parameters = pairs
        return self._parameters

    def header(self, name: str) -> str | None:
        """Return the first value of a header, by its name in lower case."""
        return next((value for key, value in self.headers if key == name), None)

    def parameter(self, name: str) -> str | None:
        """Return the last value of a query parameter."""
        return dict(self.parameters).get(name)

    def json(self, kind: type[Any]) -> Any:
        """Return the body decoded as ``kind``.

        Raises:
            Refused: naming the field that does not fit.
        """
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise invalid(f"invalid request body: {error}") from None


@dataclass(frozen=True, slots=True)
class Answer:
    """One JSON answer."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])

    async def send(self, send: Send) -> None:
        """Write the answer."""
        data = _encode(self.body)
        headers = [_JSON, (b"content-length", str(len(data)).encode())]
        headers += [(name.encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": data})


def read_request(scope: Scope) -> Request:
    """Return the head of a request; its body is read once its sender is known."""
    client = scope.get("client")
    return Request(
        method=scope["method"],
        path=_ascii(scope["raw_path"]),
        query=_ascii(scope["query_string"]),
        headers=[(name.decode("latin-1").lower(), _text(value)) for name, value in scope["headers"]],
        client_ip=client[0] if client else "",
    )


async def read_body(receive: Receive, limit: int) -> bytes:
    """Return the body of a request.

    Raises:
        Refused: the body is longer than ``limit`` bytes, or its sender hung up.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise Refused(499, "the client hung up")
        part = event.get("body", b"")
        size += len(part)
        if size > limit:
            raise Refused(413, f"the request body exceeds the maximum of {limit} bytes")
        parts.append(part)
        if not event.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def is_unread(request: Request) -> bool:
    """Return whether more of a body may be coming than is worth reading to keep a connection."""
    length = request.header("content-length") or "0"
    long = request.header("transfer-encoding") is not None or len(length) > 5
    return long and not request.body_read


def decoded(segment: str) -> str:
    """Return a path segment without percent-escapes."""
    return unquote(segment)


def _ascii(raw: bytes) -> str:
    if raw.isascii():
        return raw.decode("ascii")
    return "".join(chr(byte) if byte < 128 else f"%{byte:02X}" for byte in raw)


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
