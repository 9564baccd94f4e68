"""Connections that lead to checked addresses only: no stranger's name takes us into an inside network."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, cast

import httpcore

from huntaze_common.addresses import may_connect
from huntaze_common.links import UrlRefused

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port in, all addresses out; raises OSError when there are none."""

# A name with dozens of addresses gains nothing by our trying them all inside one deadline.
_ADDRESSES_TRIED = 3


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver for all addresses of ``host``, IPv4 and IPv6.

    Raises:
        OSError: there are none, or nobody could tell.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects by resolving once, checking every answer, and going to one of the checked addresses.

    The connection pool above still takes the server's name for SNI, the certificate and the Host header.
    """

    def __init__(
        self,
        *,
        loopback: bool,
        resolve: Resolver = resolve,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        """Allow ``loopback`` on a developer's machine; ``network`` makes the connections themselves."""
        self._loopback = loopback
        self._resolve = resolve
        # httpcore's types allow for a machine without anyio, which is one of our dependencies' own.
        self._network = network or cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to a checked address of ``host``.

        Raises:
            UrlRefused: one of its addresses is not public.
            httpcore.ConnectError: it has no address, or none answers.
        """
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._resolve(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout("the name could not be resolved in time") from None
        except (OSError, UnicodeError):
            raise httpcore.ConnectError("the name could not be resolved") from None
        # All of them: an attacker's name may have one good address and one that leads inside.
        if not all(may_connect(address, loopback=self._loopback) for address in addresses):
            raise UrlRefused("address")
        last: Exception = httpcore.ConnectError("the name has no address")
        for address in addresses[:_ADDRESSES_TRIED]:
            try:
                stream = await self._network.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.NetworkError, httpcore.TimeoutException) as error:
                last = error
            else:
                return await self._checked(stream)
        raise last

    async def _checked(self, stream: httpcore.AsyncNetworkStream) -> httpcore.AsyncNetworkStream:
        """Look where the connection really leads: the check above is worth nothing otherwise."""
        peer = stream.get_extra_info("server_addr")
        if peer and may_connect(str(peer[0]), loopback=self._loopback):
            return stream
        await stream.aclose()
        raise UrlRefused("address")

    async def sleep(self, seconds: float) -> None:
        """Wait; httpcore's pool asks its network to."""
        await asyncio.sleep(seconds)
