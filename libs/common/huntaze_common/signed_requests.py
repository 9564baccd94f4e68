"""Read a request that must be signed by our QStash: refused early, read within limits, then verified."""

import asyncio
from collections.abc import Mapping
from typing import Any

from litestar.types import Receive, Scope

from huntaze_common.signature import SignatureVerifier, Signed

BODY_TIMEOUT = 10.0
"""Seconds for the whole body to arrive: slower senders are not QStash."""


class Refused(Exception):
    """The request was refused before anything of it was believed."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        """Keep what to answer."""
        super().__init__(detail)
        self.status, self.code, self.detail, self.headers = status, code, detail, headers or {}


class SignedRequests:
    """The signed requests to one URL."""

    def __init__(self, verifier: SignatureVerifier, url: str, *, max_body: int) -> None:
        """Take the verifier, the endpoint's public URL and the largest body in bytes."""
        self._verifier = verifier
        self._url = url
        self._max_body = max_body

    async def read(
        self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive
    ) -> tuple[bytes, Signed]:
        """Return the body and what its signature vouches for.

        Raises:
            Refused: wrong method, type, encoding or size, or too slow.
            SignatureRejected: not signed for this URL.
        """
        _refuse_unusable(scope, headers)
        body = await self._read_body(headers, receive)
        return body, self._verifier.verify(headers.get(b"upstash-signature", b""), body, self._url)

    async def _read_body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """Read the body, never more of it than the limit."""
        too_large = Refused(
            413, "too_large", f"the body may have {self._max_body} bytes", {"connection": "close"}
        )
        if number(headers.get(b"content-length")) > self._max_body:
            raise too_large
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(BODY_TIMEOUT):
                while True:
                    message: Any = await receive()
                    if message["type"] == "http.disconnect":
                        raise Refused(408, "disconnected", "the body did not arrive")
                    chunk = message.get("body", b"")
                    size += len(chunk)
                    if size > self._max_body:
                        raise too_large
                    chunks.append(chunk)
                    if not message.get("more_body", False):
                        return b"".join(chunks)
        except TimeoutError:
            raise Refused(
                408, "timeout", "the body did not arrive in time", {"connection": "close"}
            ) from None


def number(value: bytes | None) -> int:
    """Read a header that counts; 0 when it does not."""
    return int(value) if value and value.isdigit() and len(value) < 19 else 0


def _refuse_unusable(scope: Scope, headers: Mapping[bytes, bytes]) -> None:
    if scope["method"] != "POST":  # pyright: ignore[reportGeneralTypeIssues] - only http scopes come here
        raise Refused(405, "method_not_allowed", "use POST", {"allow": "POST"})
    content_type = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
    if content_type != b"application/json":
        raise Refused(415, "unsupported_media_type", "send application/json")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refused(415, "unsupported_encoding", "send the body without a content encoding")
