"""Header names and values: canonical spelling, and what may cross to a destination."""

import hashlib
import re

from qstash_local.core.errors import invalid
from qstash_local.core.message import HeaderMap, Redaction

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Meant for one connection (RFC 9110, 7.6.1) or fixed by the body that is sent.
_OF_THE_CONNECTION = frozenset(
    (
        "Connection",
        "Content-Length",
        "Expect",
        "Host",
        "Keep-Alive",
        "Proxy-Connection",
        "Te",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
    )
)


def canonical(name: str) -> str:
    """Return a header name in the spelling of Go's net/http: ``content-type`` becomes ``Content-Type``."""
    if not _TOKEN.fullmatch(name):
        return name
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


def add_header(header: HeaderMap, name: str, value: str) -> None:
    """Add a forwarded header, leaving out what belongs to a connection.

    Raises:
        Refused: the name or the value cannot be sent over HTTP.
    """
    if not _TOKEN.fullmatch(name):
        raise invalid(f"invalid header name {name[:64]!r}")
    if any(character in value for character in "\r\n\0"):
        raise invalid(f"invalid value of header {name[:64]!r}: control characters are not allowed")
    spelled = canonical(name)
    if spelled not in _OF_THE_CONNECTION:
        header.setdefault(spelled, []).append(value)


def redacted(value: str | bytes) -> str:
    """Return what is shown in place of a redacted value."""
    data = value.encode() if isinstance(value, str) else value
    return f"REDACTED:{hashlib.sha256(data).hexdigest()}"


def shown_header(header: HeaderMap, redact: Redaction | None) -> HeaderMap:
    """Return headers as the API may show them."""
    if redact is None or not (redact.all_headers or redact.headers):
        return header
    return {
        name: [redacted(value) for value in values]
        if redact.all_headers or name in redact.headers
        else values
        for name, values in header.items()
    }
