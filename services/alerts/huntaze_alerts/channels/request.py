"""One HTTP request of a channel, and what its answer means."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
from huntaze_common.errors import UpstreamUnavailable
from huntaze_common.fetch import Answer
from huntaze_common.links import UrlRefused

from huntaze_alerts.errors import Deferred, Refused

_BUSY = {408, 425, 429}
_LONGEST_WAIT = 3600.0


@dataclass(frozen=True, slots=True)
class Request:
    """A POST. Its URL may hold a secret: it is never logged."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


Post = Callable[[Request], Awaitable[Answer]]
"""Sends a request to an address that somebody gave us; see `huntaze_common.fetch.Fetcher.post`."""


def json_request(url: str, content: Any, headers: Mapping[str, str] | None = None) -> Request:
    """Make a request with a JSON body."""
    return Request(url, msgspec.json.encode(content), {"content-type": "application/json", **(headers or {})})


async def send(post: Post, request: Request, *, now: datetime) -> Answer:
    """Send a request; return only if it was taken.

    Raises:
        Refused: it will never be taken.
        Deferred: it may be later.
    """
    host = urlsplit(request.url).hostname
    try:
        answer = await post(request)
    except UpstreamUnavailable as error:
        raise Deferred(f"{host}: {error}") from None
    except (UrlRefused, ValueError) as error:
        raise Refused(f"{host}: {error}") from None
    if 200 <= answer.status < 300:
        return answer
    if answer.status in _BUSY or answer.status >= 500:
        raise Deferred(f"{host} answered {answer.status}", after=_wait(answer, now))
    raise Refused(f"{host} answered {answer.status}")


def _wait(answer: Answer, now: datetime) -> float | None:
    """Read how long the destination wants us to wait: its header, or where Telegram and Discord say it."""
    text = answer.headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        seconds = _until_date(text, now) if text else _wait_in_body(answer.body)
    if seconds is None or not 0 <= seconds < float("inf"):
        return None
    return min(seconds, _LONGEST_WAIT)


def _until_date(text: str, now: datetime) -> float | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (date.astimezone(UTC) - now).total_seconds())


def _wait_in_body(body: bytes) -> float | None:
    class Parameters(msgspec.Struct):
        retry_after: float | None = None

    class Body(Parameters):
        parameters: Parameters | None = None

    try:
        found = msgspec.json.decode(body, type=Body)
    except msgspec.DecodeError:
        return None
    return found.parameters.retry_after if found.parameters else found.retry_after
