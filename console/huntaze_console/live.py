"""Pages that stay current: the part that changes, sent again over server-sent events when it did change."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from http import HTTPStatus

from huntaze_common.problems import Refusal
from litestar.response import ServerSentEvent, ServerSentEventMessage

LOOK_EVERY = 2.0
"""Seconds between two looks of one stream; each costs the services a request or two."""
_REST = 10
"""Times that a look took are waited for until the next one: a costly page looks less often."""
MOST_STREAMS = 50
LASTS = 900.0
"""Seconds after which a stream ends; the browser opens another, and its session is looked at again."""


class Streams:
    """The streams of all viewers."""

    def __init__(self) -> None:
        """Begin with none."""
        self._open = 0
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End all streams, so that the server can stop."""
        self._closing.set()

    def start(self, look: Callable[[], Awaitable[str]]) -> ServerSentEvent:
        """Answer with what ``look`` returns, whenever that changes.

        Raises:
            Refusal: there are too many.
        """
        if self._open >= MOST_STREAMS:
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too_many_streams",
                f"{MOST_STREAMS} pages are followed already",
            )
        return ServerSentEvent(self._events(look), headers={"x-accel-buffering": "no"})

    async def _events(self, look: Callable[[], Awaitable[str]]) -> AsyncGenerator[ServerSentEventMessage]:
        self._open += 1
        try:
            loop = asyncio.get_running_loop()
            until, shown = loop.time() + LASTS, ""
            while loop.time() < until and not self._closing.is_set():
                began = loop.time()
                fresh = await look()
                took = loop.time() - began
                # A comment keeps proxies from closing a silent stream, and shows us when nobody listens.
                yield (
                    ServerSentEventMessage(comment="same")
                    if fresh == shown
                    else ServerSentEventMessage(fresh)
                )
                shown = fresh
                await self._pause(max(LOOK_EVERY, _REST * took))
        finally:
            self._open -= 1

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return
