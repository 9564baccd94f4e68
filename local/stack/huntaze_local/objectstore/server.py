"""The store's HTTP side: a gate for signatures before moto, the mirror behind it."""

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, cast
from xml.sax.saxutils import escape

from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wsgi import get_input_stream

from huntaze_local.lock import held
from huntaze_local.objectstore.mirror import Mirror
from huntaze_local.objectstore.signature import Credentials, Refused, Request, verify

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SPOOLED = 1 << 20  # bytes of a body that are kept in memory while it arrives
CHANGING = frozenset({"PUT", "POST", "DELETE"})
PROBE = "/healthz"


class ObjectStore:
    """The store as a WSGI application."""

    def __init__(self, directory: Path, credentials: Credentials, clock: Callable[[], datetime]) -> None:
        """Open the store in ``directory``; one process may have it open.

        Args:
            directory: where the objects are.
            credentials: the only key that is let in.
            clock: tells the time by which links expire.
        """
        self._credentials = credentials
        self._clock = clock
        self._mirror = Mirror(directory)
        self._moto = cast("WSGIApplication", create_backend_app("s3"))
        self._changing = threading.Lock()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        if environ["PATH_INFO"] == PROBE:
            start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
            return [b"ok\n"]
        try:
            if environ["REQUEST_METHOD"] != "OPTIONS":  # browsers ask without a signature whether they may
                verify(_signed_part(environ), self._credentials, self._clock())
        except Refused as refusal:
            return _refuse(refusal, start_response)
        if environ["REQUEST_METHOD"] not in CHANGING:
            return self._moto(environ, start_response)
        return self._change(environ, start_response)

    def ensure(self, buckets: Iterable[str]) -> None:
        """Make the buckets that are not there."""
        with self._changing:
            self._mirror.ensure(buckets)

    def _change(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Run a request that may change something, one at a time, and answer when the change is on disk.

        The body is read first: a slow upload holds nobody up. moto looks and writes in two steps, so one at a
        time is also what makes `If-None-Match: *` hold.
        """
        with SpooledTemporaryFile(max_size=SPOOLED) as body:
            _spool(environ, body)
            with self._changing:
                answer: list[Any] = []

                def keep(*arguments: Any) -> Callable[[bytes], object]:
                    answer[:] = arguments
                    return lambda _: None

                content = list(self._moto(environ, keep))
                self._mirror.sync()
        start_response(*answer)
        return content


def serve(
    directory: Path, address: tuple[str, int], credentials: Credentials, buckets: Iterable[str] = ()
) -> None:
    """Serve the store until the process is told to stop.

    Args:
        directory: where the store keeps everything.
        address: the host and the port to listen on.
        credentials: the only key that is let in.
        buckets: made at the start unless they are there.

    Raises:
        InUse: another process serves this directory.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with held(directory / "lock"):
        store = ObjectStore(directory / "buckets", credentials, lambda: datetime.now(UTC))
        store.ensure(buckets)
        server = make_server(*address, store, threaded=True, request_handler=_Handler)
        try:
            server.serve_forever()
        finally:
            server.server_close()


class _Handler(MotoRequestHandler):
    """moto's handler with connections that stay open, and without a line of log for each success."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are written apart; else each answer waits 40 ms

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if str(code) >= "500":
            super().log_request(code, size)


def _signed_part(environ: "WSGIEnvironment") -> Request:
    """Take from ``environ`` what a signature covers, undoing what WSGI did to it."""
    path, _, query = str(environ["RAW_URI"]).partition("?")
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in {"CONTENT_TYPE", "CONTENT_LENGTH"}
    }
    return Request(str(environ["REQUEST_METHOD"]), path, query, headers)


def _spool(environ: "WSGIEnvironment", body: "SpooledTemporaryFile[bytes]") -> None:
    """Read the request's body into ``body`` and let moto read it from there."""
    stream = get_input_stream(environ)
    size = 0
    while chunk := stream.read(SPOOLED):
        size += body.write(chunk)
    body.seek(0)
    environ["wsgi.input"] = body
    environ["CONTENT_LENGTH"] = str(size)
    environ.pop("HTTP_TRANSFER_ENCODING", None)


def _refuse(refusal: Refused, start_response: "StartResponse") -> Iterable[bytes]:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{refusal.code}</Code><Message>{escape(str(refusal))}</Message></Error>"
    ).encode()
    headers = [
        ("Content-Type", "application/xml"),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),  # the body has not been read
    ]
    start_response(f"{refusal.status} Refused", headers)
    return [body]
