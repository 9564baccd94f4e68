"""One attempt: one signed HTTP request to a destination, with everything about the answer limited."""

import asyncio
import logging
from ssl import SSLError

import aiohttp
from yarl import URL

from qstash_local.core.headers import canonical
from qstash_local.core.message import HeaderMap
from qstash_local.core.rewrite import Rewrites
from qstash_local.core.signing import sign
from qstash_local.store.due import Delivery
from qstash_local.store.outcomes import Outcome

log = logging.getLogger("qstash_local")
# What is kept of an answer. The rest is read (it has to end for the attempt to end) but at a limited speed.
_KEPT_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 16
_DRAIN_PAUSE_SECONDS = 0.005
# Shorter than the idle time of common servers (uvicorn, Node: 5 s), so that none hangs up as we send.
_IDLE_SECONDS = 2.0


class Courier:
    """Carries messages to destinations over kept connections; follows no redirect."""

    def __init__(self, rewrites: Rewrites, region: str, timeout_ms: int, connections: int) -> None:
        """Open the client.

        Args:
            rewrites: which socket is opened for a URL.
            region: value of ``Upstash-Region``.
            timeout_ms: the longest an attempt may take.
            connections: how many may be open at a time.
        """
        self._rewrites = rewrites
        self._region = region
        self._timeout_ms = timeout_ms
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=_IDLE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=_CHUNK_BYTES,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def deliver(self, delivery: Delivery, key: str, now_ms: int) -> Outcome:
        """Make one attempt; every way to fail is an outcome, none an exception."""
        message = delivery.message
        limit_ms = min(message.timeout_ms or self._timeout_ms, self._timeout_ms)
        try:
            async with self._session.request(
                message.method,
                URL(self._rewrites.target(message.url), encoded=True),
                data=delivery.body or None,
                headers=self._headers(delivery, key, now_ms),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=limit_ms / 1000, sock_connect=min(30.0, limit_ms / 1000)),
            ) as response:
                body = await _read(response.content)
                return Outcome(response.status, _header(response), body)
        except TimeoutError:
            return Outcome(0, {}, b"", f"no complete answer within {limit_ms} ms")
        except (aiohttp.ClientError, SSLError, OSError, ValueError) as error:
            return Outcome(0, {}, b"", str(error)[:500] or type(error).__name__)
        except Exception as error:
            # A message whose attempt nobody settles would be stuck until the next start.
            log.exception("an attempt of %s failed for a reason that nobody foresaw", delivery.id)
            return Outcome(0, {}, b"", f"internal error: {type(error).__name__}")

    def _headers(self, delivery: Delivery, key: str, now_ms: int) -> list[tuple[str, str]]:
        message = delivery.message
        headers = [
            ("User-Agent", "Upstash-QStash"),
            ("Upstash-Message-Id", delivery.id),
            ("Upstash-Retried", str(delivery.retried)),
            ("Upstash-Region", self._region),
            ("Upstash-Signature", sign(key, message.url, delivery.body, now_ms)),
        ]
        optional = (
            ("Upstash-Caller-Ip", message.caller_ip),
            ("Upstash-Topic-Name", message.topic),
            ("Upstash-Schedule-Id", message.schedule_id),
        )
        headers += [(name, value) for name, value in optional if value]
        own = {name for name, _ in headers}
        headers += [
            (name, value) for name, values in message.header.items() if name not in own for value in values
        ]
        return headers


async def _read(stream: aiohttp.StreamReader) -> bytes:
    kept = bytearray()
    while chunk := await stream.read(_CHUNK_BYTES):
        if len(kept) < _KEPT_BYTES:
            kept += chunk[: _KEPT_BYTES - len(kept)]
        else:
            await asyncio.sleep(_DRAIN_PAUSE_SECONDS)
    return bytes(kept)


def _header(response: aiohttp.ClientResponse) -> HeaderMap:
    header: HeaderMap = {}
    for name, value in response.headers.items():
        header.setdefault(canonical(name), []).append(value)
    return header
