"""Run an application under uvicorn, and stop it inside the platform's grace."""

import asyncio
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

import uvicorn

try:
    from uvloop import new_event_loop
except ImportError:  # where uvloop does not exist, as on Windows
    from asyncio import new_event_loop

__all__ = ["new_event_loop", "serve"]

# Left of the grace for giving jobs back, answering and closing connections.
_RESERVE = 3.0


class _DrainingServer(uvicorn.Server):
    """A uvicorn server that lets the application drain before it stops accepting."""

    def __init__(self, config: uvicorn.Config, drain: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._drain = drain
        self._draining: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Start draining at the first signal; a second one stops at once."""
        if self._draining is not None:
            self.should_exit = self.force_exit = True
            return
        # A signal handler may touch the loop only like another thread does.
        self._loop.call_soon_threadsafe(self._start_draining)

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Remember the loop for the signal handler."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def _start_draining(self) -> None:
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain_then_exit())

    async def _drain_then_exit(self) -> None:
        try:
            await self._drain()
        finally:
            self.should_exit = True


async def serve(
    app: Any, *, host: str, port: int, grace: float, on_stop: Callable[[float], Awaitable[None]]
) -> None:
    """Serve until SIGTERM or SIGINT.

    ``on_stop`` is then called with the seconds that running work may still take; while it runs, new
    requests are still answered (readiness has to go first, and a refused delivery has to be told so).
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=32 * 1024,
    )
    working = max(0.0, grace - _RESERVE)

    async def drain() -> None:
        await on_stop(working)

    await _DrainingServer(config, drain).serve()
