"""A running server: sockets, application and dispatcher, from start to stop."""

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from qstash_local.api.context import Context
from qstash_local.app import App
from qstash_local.core.clock import Clock
from qstash_local.dispatch.attempt import Courier
from qstash_local.dispatch.dispatcher import Dispatcher
from qstash_local.settings import Settings
from qstash_local.store.database import Database
from qstash_local.store.keys import KeyRing

log = logging.getLogger("qstash_local")
_GRACE_SECONDS = 5


class _Protocol(HttpToolsProtocol):
    """HTTP/1.1 that answers what it cannot parse in JSON, as every other error."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn passes one
        body = b'{"error":"the request is not valid HTTP"}'
        head = (
            f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        )
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self.transport.close()


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: `run` stops everything in order."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    Raises:
        OSError: the port is taken or not allowed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def listen_for_logs(settings: Settings, port: int) -> socket.socket | None:
    """Return the socket of the log port (the next one by default), or None where it is taken."""
    wanted = settings.log_port if settings.log_port is not None else (port + 1 if settings.port else 0)
    try:
        return listen(settings.host, wanted)
    except (OSError, OverflowError) as error:
        log.warning("no log port: cannot listen on %s:%d (%s)", settings.host, wanted, error)
        return None


@dataclass(frozen=True, slots=True)
class Running:
    """A server without sockets: its application, its parts, and the task that delivers."""

    app: App
    context: Context
    delivering: asyncio.Task[None]


@asynccontextmanager
async def running(settings: Settings, clock: Clock) -> AsyncGenerator[Running]:
    """Open the data file and deliver what is due until the context is left.

    Raises:
        DataFileError: the data file cannot be used.
    """
    database = Database(settings.data)
    try:
        keys = KeyRing(settings.identity)
        await database.write(keys.load)
        plan = settings.plan
        courier = Courier(settings.rewrites, settings.region, plan.timeout_ms, plan.parallelism)
        dispatcher = Dispatcher(database, clock, plan, courier, keys.current_key)
        context = Context(
            database, clock, plan, keys, dispatcher, settings.identity.token, settings.read_only_token
        )
        delivering = asyncio.create_task(dispatcher.run())
        try:
            yield Running(App(context, with_control=settings.control), context, delivering)
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
            await courier.close()
    finally:
        await database.close()


async def run(settings: Settings, started: Callable[[int, int | None, Context], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: what to serve, and where.
        started: called with the port, the log port and the parts once requests are answered.

    Raises:
        DataFileError: the data file cannot be used.
        OSError: the port is taken.
    """
    listener = listen(settings.host, settings.port)
    port: int = listener.getsockname()[1]
    async with running(settings, Clock()) as parts:
        logs = listen_for_logs(settings, port)
        server = _http_server(parts.app)
        _stop_on_signals(server)
        parts.delivering.add_done_callback(lambda _: setattr(server, "should_exit", True))
        started(port, logs.getsockname()[1] if logs else None, parts.context)
        await server.serve(sockets=[listener] if logs is None else [listener, logs])
        if parts.delivering.done():
            # Deliveries stop by themselves only when something is broken: end with that error.
            parts.delivering.result()


def _http_server(app: App) -> uvicorn.Server:
    return _Server(
        uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )


def _stop_on_signals(server: uvicorn.Server) -> None:
    def stop() -> None:
        # A second signal does not wait for open requests.
        server.force_exit = server.should_exit
        server.should_exit = True

    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop)
