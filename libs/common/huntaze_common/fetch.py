"""The only way to follow a URL that a caller gave us.

The rules, each with its test in tests/test_fetch.py: https and listed ports only; no credentials, control
characters, or hosts in forms that resolvers and parsers read differently; the name is resolved once, every
address must be public, the connection goes to a checked address and is checked again; redirects are followed
by hand, each through all checks; no proxy and no setting from the environment; nothing is decompressed; bytes
are counted and not believed; connecting, the first byte, the pace and the whole have deadlines.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

import httpcore
import httpx

from huntaze_common.errors import PermanentFailure, RateLimited, UpstreamUnavailable
from huntaze_common.guarded_network import GuardedNetwork, Resolver, resolve
from huntaze_common.links import LinkRules, UrlRefused

MAX_REDIRECTS = 3
MAX_ANSWER = 64 * 1024
"""Bytes that are kept of what a webhook answers."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
_FAILURES = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, TimeoutError)
_BUFFER = 1 << 20


class LinkBroken(PermanentFailure):
    """The link answers, but not with what it should: gone, forbidden, or without ranges."""

    code = "link_broken"


class ResponseTooLarge(PermanentFailure):
    """What the link leads to is larger than allowed."""

    code = "response_too_large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a stranger's server may take, beside the deadline of each call."""

    connect: float = 5.0
    """Seconds for finding and reaching it, encryption included."""
    silence: float = 10.0
    """Seconds without a byte from it; also how long it may stay below the rate."""
    rate: int = 8 * 1024
    """Bytes per second, averaged."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a webhook answered; the body is cut at `MAX_ANSWER`."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Body:
    """An open answer: what it says of itself, and its bytes."""

    def __init__(
        self, response: httpcore.Response, *, max_bytes: int, deadline: float, patience: Patience
    ) -> None:
        """Made by `Fetcher.stream`."""
        headers = _headers(response)
        self._response = response
        self._max_bytes = max_bytes
        self._deadline = deadline
        self._patience = patience
        self.content_type = headers.get("content-type", "")
        """As the sender says: a hint."""
        self.etag = headers.get("etag", "")
        self.total = _total(response.status, headers)
        """The whole resource's size in bytes as the sender says, if it does."""
        length = _number(headers.get("content-length"))
        if length is not None and length > max_bytes:
            raise ResponseTooLarge(f"the link leads to {length} bytes, the limit is {max_bytes}")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the bytes as they come.

        Raises:
            ResponseTooLarge: there are more than allowed.
            UpstreamUnavailable: they stop, come too slowly, or take longer than allowed.
        """
        loop = asyncio.get_running_loop()
        stream = aiter(self._response.aiter_stream())
        received, waited = 0, 0.0
        while True:
            began = loop.time()
            try:
                async with asyncio.timeout_at(self._deadline):
                    chunk = await anext(stream, None)
            except _FAILURES as error:
                raise _unavailable(error) from None
            if chunk is None:
                return
            received += len(chunk)
            # Only the sender's time counts: what the reader does with the bytes is its own affair.
            waited += loop.time() - began
            if received > self._max_bytes:
                raise ResponseTooLarge(f"the link leads to more than {self._max_bytes} bytes")
            if received < self._patience.rate * (waited - self._patience.silence):
                raise UpstreamUnavailable("the link's server sends too slowly", after=60)
            yield chunk


class Fetcher:
    """An HTTP client that a stranger may steer. Use as an async context manager."""

    def __init__(
        self,
        *,
        development: bool = False,
        hosts: Collection[str] | None = None,
        ports: Collection[int] = (443,),
        resolve: Resolver = resolve,
        patience: Patience = Patience(),
    ) -> None:
        """Decide where it may go.

        Args:
            development: allow http, any port, and loopback addresses; for a developer's machine only.
            hosts: the only hosts that may be asked, where they are known; all public ones when None.
            ports: the ports that may be asked.
            resolve: turns names into addresses.
            patience: how slow a server may be.
        """
        self._patience = patience
        self._rules = LinkRules(development=development, hosts=hosts, ports=ports)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=_tls(),
            network_backend=GuardedNetwork(loopback=development, resolve=resolve),
            max_connections=20,
            max_keepalive_connections=4,
            keepalive_expiry=10,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.aclose()

    @asynccontextmanager
    async def stream(
        self, url: str, *, max_bytes: int, seconds: float, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[Body]:
        """Open what a URL leads to, or a range of it.

        Args:
            url: from a caller.
            max_bytes: more than these are not read.
            seconds: for everything, until the last byte.
            start: the first byte that is wanted.
            length: how many bytes are wanted; all when None.

        Raises:
            UrlRefused: it, or a redirect, leads where we do not go.
            LinkBroken: it answers 4xx, or does not serve the range.
            ResponseTooLarge: it announces more than ``max_bytes``.
            RateLimited, UpstreamUnavailable: it may work later.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        ranged = start > 0 or length is not None
        headers = {"accept": "*/*"}
        if ranged:
            headers["range"] = f"bytes={start}-{'' if length is None else start + length - 1}"
        response = await self._get(self._rules.check(url), headers, deadline)
        try:
            _refuse_failed(response, start if ranged else None)
            yield Body(response, max_bytes=max_bytes, deadline=deadline, patience=self._patience)
        finally:
            await response.aclose()

    async def download(self, url: str, path: Path, *, max_bytes: int, seconds: float) -> int:
        """Write what a URL leads to into a file and return its size in bytes; raises what `stream` does."""
        size = 0
        async with self.stream(url, max_bytes=max_bytes, seconds=seconds) as body:
            with await asyncio.to_thread(path.open, "wb", _BUFFER) as file:
                async for chunk in body:
                    await asyncio.to_thread(file.write, chunk)
                    size += len(chunk)
        return size

    async def post(self, url: str, body: bytes, *, headers: Mapping[str, str], seconds: float) -> Answer:
        """Send a webhook. A redirect is an answer like any other: the message goes where it was meant to.

        Raises:
            UrlRefused: it leads where we do not go.
            UpstreamUnavailable: nobody answered.
            ValueError: a header cannot be sent, or is ours to set.
        """
        if ours := _OURS & {name.lower() for name in headers}:
            raise ValueError(f"the header {min(ours)} cannot be chosen")
        deadline = asyncio.get_running_loop().time() + seconds
        response = await self._send("POST", self._rules.check(url), headers, body, deadline)
        kept = b""
        try:
            async with asyncio.timeout_at(deadline):
                async for chunk in response.aiter_stream():
                    kept += chunk
                    if len(kept) >= MAX_ANSWER:
                        break
        except _FAILURES:
            pass  # The status decides; what is missing of the text does not matter.
        finally:
            await response.aclose()
        return Answer(response.status, _headers(response), kept[:MAX_ANSWER])

    async def _get(self, url: httpx.URL, headers: Mapping[str, str], deadline: float) -> httpcore.Response:
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._send("GET", url, headers, None, deadline)
            if response.status not in _REDIRECTS:
                return response
            await response.aclose()
            url = self._rules.redirect(url, _headers(response).get("location", ""))
        raise UrlRefused("redirects")

    async def _send(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes | None, deadline: float
    ) -> httpcore.Response:
        """Send one request and wait for the answer's headers."""
        now = asyncio.get_running_loop().time()
        connect, silence = self._patience.connect, self._patience.silence
        sent = {
            "host": url.netloc.decode("ascii"),
            "accept-encoding": "identity",
            "user-agent": "huntaze-workers",
            **{name.lower(): value for name, value in headers.items()},
        }
        if body is not None:
            sent["content-length"] = str(len(body))
        request = httpcore.Request(
            method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=[(name.encode(), value.encode()) for name, value in sent.items()],
            content=body,
            extensions={"timeout": {"connect": connect, "read": silence, "write": silence, "pool": connect}},
        )
        try:
            async with asyncio.timeout_at(min(deadline, now + connect + silence)):
                return await self._pool.handle_async_request(request)
        except httpcore.LocalProtocolError:
            raise ValueError("a header holds what no header can hold") from None
        except _FAILURES as error:
            raise _unavailable(error) from None


@cache
def _tls() -> ssl.SSLContext:
    # Reading all authorities takes as long as a request: once a process.
    return httpcore.default_ssl_context()


def _refuse_failed(response: httpcore.Response, start: int | None) -> None:
    """Raise what an answer's status means; ``start`` is where the range that was asked for begins."""
    headers, status = _headers(response), response.status
    if status == 429:
        wait = _number(headers.get("retry-after"))
        raise RateLimited("the link's server asks to slow down", after=60 if wait is None else wait)
    if status >= 500 or status in {408, 425}:
        raise UpstreamUnavailable(f"the link answered {status}", after=60)
    if status not in {200, 206}:
        raise LinkBroken(f"the link answered {status}")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise UrlRefused("encoding")
    begins = headers.get("content-range", "").lower().startswith(f"bytes {start}-")
    if not (status == 200 if start is None else status == 206 and begins):
        raise LinkBroken("the link's server does not serve ranges as it is asked to")


def _headers(response: httpcore.Response) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}


def _total(status: int, headers: Mapping[str, str]) -> int | None:
    if status == 206:
        return _number(headers.get("content-range", "").rpartition("/")[2])
    return _number(headers.get("content-length"))


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


def _unavailable(error: Exception) -> UpstreamUnavailable:
    return UpstreamUnavailable(f"the link's server did not answer ({type(error).__name__})", after=60)
