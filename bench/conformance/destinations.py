"""Stand-ins for the public hosts that the suites publish to, on one loopback port."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

# The suites rely on these hosts refusing a POST, so that messages stay pending or become dead letters.
_REFUSING = ("example.com", "example.org")


class _Destination(BaseHTTPRequestHandler):
    """Answers `/<host>/<path>` as the public host would answer `/<path>`."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        _, host, *segments = parts.path.split("/")
        status = HTTPStatus.METHOD_NOT_ALLOWED if host in _REFUSING else HTTPStatus.OK
        if host == "mock.httpstatus.io":
            status = HTTPStatus(int(segments[0]))
            time.sleep(int(parse_qs(parts.query).get("sleep", ["0"])[0]) / 1000)
        body = b"{}" if host == "api.openai.com" else f"{status.value} {status.phrase}".encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if body == b"{}" else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - what http.server looks for

    def log_message(self, *_: object) -> None:
        return


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_: object) -> None:
        return  # a canceled delivery hangs up on a sleeping answer


@contextmanager
def public_hosts() -> Iterator[str]:
    """Serve the stand-ins; yield the target of a catch-all rewrite to them."""
    server = _Server(("127.0.0.1", 0), _Destination)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{{host}}"
    finally:
        server.shutdown()
        server.server_close()
