"""A service that dies, with SIGKILL, at the await that it is told: `python -m huntaze_common.testing.victim`.

Between two awaits a process does nothing that others can see; so killing it at the k-th resumption of its
work, for every k until the job gets through, tries every point at which a crash can matter. No code has to
be prepared for it, and an await that is added tomorrow is tried tomorrow.

Commands come as JSON lines on standard input, answers go to standard output:

    {"settings": {…}, "kill_at": 7}   end the present life and begin one with these settings, which kills
                                      itself at its 7th resumption (null: never); "limits" are the soft
                                      limits that it gets, as {"NOFILE": 64}
      → {"ready": 1}
    {"stop": true}                    end the present life
"""

import asyncio
import importlib
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import uvicorn

from huntaze_common import logs
from huntaze_common.service import Service, running
from huntaze_common.settings import from_environment


class _Command(msgspec.Struct):
    settings: dict[str, str] = {}
    kill_at: int | None = None
    limits: dict[str, int] = {}
    stop: bool = False


class _Counted(Coroutine[Any, Any, Any]):
    """A coroutine that reports each of its resumptions first."""

    def __init__(self, inner: Coroutine[Any, Any, Any], tick: Callable[[], None]) -> None:
        self._inner = inner
        self._tick = tick

    def send(self, value: Any) -> Any:
        """Resume."""
        self._tick()
        return self._inner.send(value)

    def throw(self, *error: Any) -> Any:
        """Resume with an error."""
        self._tick()
        return self._inner.throw(*error)

    def close(self) -> None:
        """Close."""
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._inner.__await__()


class _Steps:
    """Counts resumptions, and kills the process at the chosen one."""

    def __init__(self, kill_at: int | None) -> None:
        self.count = 0
        self._kill_at = kill_at

    def tick(self) -> None:
        self.count += 1
        if self.count == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def task_factory(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
    ) -> asyncio.Task[Any]:
        return asyncio.Task(_Counted(coroutine, self.tick), loop=loop, **options)


OpenApp = Callable[[Mapping[str, str]], AbstractAsyncContextManager[Any]]
"""Opens an ASGI application from the settings of one life."""


def serve_lives(open_app: OpenApp, descriptor: int) -> None:
    """Serve commands until standard input ends, on the listening socket with this descriptor."""
    listener = socket.socket(fileno=descriptor)
    child = 0
    for line in sys.stdin.buffer:
        command = msgspec.json.decode(line, type=_Command)
        if child:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            child = 0
        if not command.stop:
            child = _fork(open_app, listener, command)


def _fork(open_app: OpenApp, listener: socket.socket, command: _Command) -> int:
    child = os.fork()
    if child == 0:
        # The interpreter's imports are paid once; a life of the service costs a fork.
        try:
            asyncio.run(_live(open_app, listener, command))
        finally:
            os._exit(0)
    return child


async def _live(open_app: OpenApp, listener: socket.socket, command: _Command) -> None:
    for name, limit in command.limits.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        resource.setrlimit(kind, (limit, resource.getrlimit(kind)[1]))
    async with open_app(command.settings) as app:
        steps = _Steps(command.kill_at)
        server = uvicorn.Server(
            uvicorn.Config(
                # asyncio logs a refused accept once for each connection that it had room for.
                app,
                log_config=None,
                lifespan="off",
                access_log=False,
                backlog=128,
                timeout_keep_alive=30,  # as in production: a reused connection must not end under a delivery
            )
        )
        asyncio.get_running_loop().set_task_factory(steps.task_factory)
        sys.stdout.write('{"ready": 1}\n')
        sys.stdout.flush()
        await server.serve(sockets=[listener])


@asynccontextmanager
async def _open_service(service: Service[Any, Any], environment: Mapping[str, str]) -> AsyncGenerator[Any]:
    settings = from_environment(service.settings, environment)
    logs.configure(service.name, settings.log_level)
    async with running(service, settings) as (app, _endpoint, _lifecycle):
        yield app


if __name__ == "__main__":
    module, _, name = sys.argv[1].partition(":")
    serve_lives(partial(_open_service, getattr(importlib.import_module(module), name)), int(sys.argv[2]))
