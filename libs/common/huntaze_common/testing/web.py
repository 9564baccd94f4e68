"""A web server whose every byte and pause a test decides, over real sockets."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

Piece = bytes | float
"""Bytes that are sent, or seconds that are waited."""


class Web:
    """Pages by path, and what was asked for."""

    def __init__(self) -> None:
        """Start without pages."""
        self.pages: dict[str, list[Piece]] = {}
        self.requests: list[bytes] = []
        """Each request as it came, head and body."""
        self.connections = 0
        self.port = 0
        self.url = ""

    def page(self, path: str, body: bytes = b"", *, status: str = "200 OK", **headers: str) -> None:
        """Answer ``path`` with a page; underscores in header names stand for hyphens."""
        named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        if "transfer-encoding" not in named:
            named.setdefault("content-length", str(len(body)))
        self.pages[path] = [response_head(status, named), body]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the one request of a connection."""
        self.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self.requests.append(head + await reader.readexactly(int(length or 0)))
            path = head.split(b" ")[1].decode()
            for piece in self.pages.get(path, [response_head("404 Not Found", {"content-length": "0"})]):
                if isinstance(piece, bytes):
                    writer.write(piece)
                    await writer.drain()
                else:
                    await asyncio.sleep(piece)
        except (OSError, asyncio.IncompleteReadError):
            pass  # Clients that give up are what this is for.
        finally:
            writer.close()


def response_head(status: str, headers: dict[str, str]) -> bytes:
    """Write the head of a response after which the connection ends."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "connection: close", "", ""]).encode()


@asynccontextmanager
async def serving_web() -> AsyncGenerator[Web]:
    """Serve a `Web` on a free port of 127.0.0.1."""
    web = Web()
    server = await asyncio.start_server(web.answer, "127.0.0.1", 0)
    web.port = server.sockets[0].getsockname()[1]
    web.url = f"http://127.0.0.1:{web.port}"
    try:
        yield web
    finally:
        server.close()
