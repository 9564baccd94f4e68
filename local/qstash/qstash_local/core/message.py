"""What a message is: everything its publisher fixed, and the place it is going to."""

import re
from urllib.parse import urlsplit

import msgspec

from qstash_local.core.errors import invalid

HeaderMap = dict[str, list[str]]
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_COLLAPSED = re.compile(r"(https?):/(?=[^/])", re.IGNORECASE)


class Flow(msgspec.Struct, frozen=True, omit_defaults=True):
    """Flow control as one message asks for it; ``period`` is in seconds."""

    key: str
    parallelism: int | None = None
    rate: int | None = None
    period: int = 1


class Redaction(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the API must not show: the body, all headers, or the named ones (canonical names)."""

    body: bool = False
    all_headers: bool = False
    headers: list[str] = []


class Callback(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the result of a message goes, as a message of its own. Times are in milliseconds."""

    url: str
    method: str = "POST"
    header: HeaderMap = {}
    retries: int | None = None
    retry_delay: str | None = None
    timeout_ms: int | None = None
    delay_ms: int = 0


class Message(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One message for one destination, without its body. Times are in milliseconds."""

    url: str
    method: str = "POST"
    header: HeaderMap = {}
    retries: int = 3
    retry_delay: str | None = None
    timeout_ms: int | None = None
    delay_ms: int = 0
    not_before: int | None = None
    callback: Callback | None = None
    failure_callback: Callback | None = None
    labels: list[str] = []
    flow: Flow | None = None
    redact: Redaction | None = None
    topic: str | None = None
    endpoint: str | None = None
    queue: str | None = None
    schedule_id: str | None = None
    caller_ip: str | None = None


def is_name(text: str) -> bool:
    """Return whether a text may name a queue, a schedule or a URL group."""
    return _NAME.fullmatch(text) is not None and len(text) <= 256


def destination_url(text: str) -> str:
    """Return a destination as a URL, mending ``https:/host`` as proxies leave it.

    Raises:
        Refused: the text is no http(s) URL.
    """
    mended = _COLLAPSED.sub(r"\1://", text, count=1) if _COLLAPSED.match(text) else text
    if not mended.lower().startswith(("http://", "https://")):
        raise invalid("invalid destination url: endpoint has invalid scheme, add http:// or https://")
    try:
        parts = urlsplit(mended)
        # `port` is computed when read, and refuses what is no number.
        usable = parts.hostname and (parts.port is None or parts.port)
    except ValueError as error:
        raise invalid(f"invalid destination url: {error}") from None
    if not usable or not mended.isprintable() or " " in mended:
        raise invalid("invalid destination url: endpoint has no usable host")
    return mended
