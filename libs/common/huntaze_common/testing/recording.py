"""A stand-in of QStash over real HTTP that records what is published, and can refuse or hang."""

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
from msgspec import Struct


class Published(Struct, frozen=True):
    """One message that was taken."""

    destination: str
    body: bytes
    deduplication_id: str
    delay: str
    message_id: str


class RecordingQStash:
    """Takes messages and schedules. Like QStash, it answers a repeated deduplication id with the first id."""

    def __init__(self) -> None:
        """Start empty and willing."""
        self.published: list[Published] = []
        self.attempts = 0
        self.status = 200
        """What publishing answers; anything but 200 takes nothing."""
        self.url = ""
        self._lock = threading.Lock()

    def take(self, destination: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Answer one publish."""
        with self._lock:
            self.attempts += 1
            if self.status != 200:
                return self.status, b'{"error":"refused by the test"}'
            dedup = headers.get("upstash-deduplication-id", "")
            for earlier in self.published:
                if dedup and earlier.deduplication_id == dedup:
                    return 202, msgspec.json.encode({"messageId": earlier.message_id, "deduplicated": True})
            message_id = f"msg_{len(self.published)}"
            self.published.append(
                Published(destination, body, dedup, headers.get("upstash-delay", ""), message_id)
            )
            return 200, msgspec.json.encode({"messageId": message_id})


@contextmanager
def recording_qstash() -> Generator[RecordingQStash]:
    """Serve a `RecordingQStash` on a free port of 127.0.0.1, from a thread."""
    qstash = RecordingQStash()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            destination = self.path.partition("/v2/publish/")[2]
            status, answer = qstash.take(destination, body, headers)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Stay quiet."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Stay quiet: clients that are killed in the middle of a call are what this is for."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    qstash.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield qstash
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
