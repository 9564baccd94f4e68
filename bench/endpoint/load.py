"""A load of signed requests over kept-alive connections, cheap enough not to be what is measured."""

import asyncio
import time
from collections.abc import Sequence


async def post_all(port: int, requests: Sequence[bytes], lanes: int) -> list[float]:
    """Send prepared requests over ``lanes`` connections; return the seconds of each, all answered 200.

    Raises:
        RuntimeError: an answer was not 200.
    """
    waiting = iter(requests)
    seconds: list[float] = []

    async def lane() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for request in waiting:
                began = time.perf_counter()
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(head.decode(errors="replace"))
                await _read_body(reader, head.lower())
                seconds.append(time.perf_counter() - began)
        finally:
            writer.close()
            await writer.wait_closed()

    await asyncio.gather(*(lane() for _ in range(lanes)))
    return seconds


async def _read_body(reader: asyncio.StreamReader, head: bytes) -> None:
    if b"content-length:" in head:
        await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n")[0]))
        return
    while size := int((await reader.readline()).split(b";")[0], 16):
        await reader.readexactly(size + 2)
    await reader.readline()


def prepare(path: str, port: int, headers: dict[str, str], body: bytes) -> bytes:
    """Make the bytes of one request."""
    lines = [f"POST {path} HTTP/1.1", f"host: 127.0.0.1:{port}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
