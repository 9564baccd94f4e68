"""A real server in a process of its own, and a real destination that remembers what it got."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from hypothesis import settings
from qstash import QStash, Receiver

# A shared machine stalls now and then; only the values count.
settings.register_profile("qstash-local", deadline=None)
settings.load_profile("qstash-local")


@dataclass
class Received:
    """One request as the destination saw it."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    at: float

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def json(self) -> dict:
        return json.loads(self.body)


@dataclass
class Reply:
    """What the destination answers."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    hold: threading.Event | None = None


class Destination:
    """An HTTP server that answers as told (by default 200) and records every request."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.replies: dict[str, Callable[[Received], Reply]] = {}
        self._changed = threading.Condition()
        destination = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Received(self.command, self.path, list(self.headers.items()), body, time.time())
                reply = destination.take(request)
                if reply.hold is not None:
                    reply.hold.wait(20)
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_: object) -> None:
                return

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def take(self, request: Received) -> Reply:
        with self._changed:
            reply = self.replies.get(request.path.partition("?")[0], lambda _: Reply())(request)
            self.received.append(request)
            self._changed.notify_all()
        return reply

    def answers(self, path: str, *replies: Reply) -> None:
        """Answer requests to a path with these replies in turn; the last one stays."""
        left = list(replies)
        self.replies[path] = lambda _: left.pop(0) if len(left) > 1 else left[0]

    def at(self, path: str) -> list[Received]:
        return [each for each in self.received if each.path.partition("?")[0] == path]

    def wait(self, path: str, count: int = 1, timeout: float = 15) -> list[Received]:
        """Return the requests to a path once there are ``count``."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.at(path)) >= count, timeout):
                raise AssertionError(f"{len(self.at(path))} of {count} requests to {path} within {timeout} s")
            return self.at(path)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class LocalServer:
    """A running `qstash-local serve`, with the official client and plain HTTP to it."""

    def __init__(self, *arguments: str, data: str = ":memory:") -> None:
        command = [sys.executable, "-m", "qstash_local", "serve", "--port", "0", "--quiet", "--data", data]
        self.process = subprocess.Popen(
            [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline().strip() for _ in range(4)]
        if not lines[3]:
            raise RuntimeError(self.process.communicate()[1])
        self.environment = dict(line.split("=", 1) for line in lines)
        self.url, self.token = self.environment["QSTASH_URL"], self.environment["QSTASH_TOKEN"]
        self.sdk = QStash(self.token, base_url=self.url, retry=False)
        self.http = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=30
        )
        keys = ("QSTASH_CURRENT_SIGNING_KEY", "QSTASH_NEXT_SIGNING_KEY")
        self.receiver = Receiver(*(self.environment[key] for key in keys))

    def control(self, path: str, **body: object) -> dict:
        answer = self.http.post(f"/control/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def advance(self, by: float | str) -> None:
        """Move time through everything that is due."""
        self.control("clock/advance", by=by)

    def idle(self) -> None:
        self.control("idle")

    def states(self, message_id: str) -> list[str]:
        """Return the log of a message, oldest entry first."""
        events = self.http.get("/v2/events", params={"messageId": message_id}).json()["events"]
        return [event["state"] for event in reversed(events)]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the process and return its status."""
        self.http.close()
        self.sdk.http._client.close()
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.communicate(timeout=20)
        finally:
            if self.process.poll() is None:
                self.process.kill()
        return self.process.returncode


@pytest.fixture(scope="session")
def shared_server() -> Generator[LocalServer]:
    server = LocalServer("--control", "--rewrite", "https://rewritten.example=http://127.0.0.1:1")
    yield server
    assert server.stop() == 0


@pytest.fixture
def qstash(shared_server: LocalServer) -> Generator[LocalServer]:
    """An empty server whose time can be driven."""
    shared_server.http.post("/control/reset")
    yield shared_server
    shared_server.http.post("/control/reset")


@pytest.fixture
def start(tmp_path: Path) -> Generator[Callable[..., LocalServer]]:
    """Start servers of one's own; they are stopped after the test. ``data`` defaults to a fresh file."""
    servers: list[LocalServer] = []

    def start(*arguments: str, data: str | None = None) -> LocalServer:
        server = LocalServer(*arguments, data=data or str(tmp_path / "qstash.db"))
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def destination() -> Generator[Destination]:
    destination = Destination()
    yield destination
    destination.close()


@pytest.fixture
def reply() -> type[Reply]:
    return Reply
