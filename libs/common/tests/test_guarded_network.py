"""Where connections go, with stand-ins for the name server and the network."""

from collections.abc import Sequence
from typing import Any

import httpcore
import pytest
from huntaze_common.guarded_network import GuardedNetwork, resolve
from huntaze_common.links import UrlRefused

GOOD, OTHER, INSIDE = "93.184.216.34", "2606:4700::1111", "169.254.169.254"


class Stream(httpcore.AsyncNetworkStream):
    """A connection that says where it ended."""

    def __init__(self, peer: str) -> None:
        self.peer, self.closed = peer, False

    def get_extra_info(self, info: str) -> Any:
        return (self.peer, 443) if info == "server_addr" else None

    async def aclose(self) -> None:
        self.closed = True


class Network(httpcore.AsyncNetworkBackend):
    """Records connections; addresses in ``ends`` lead elsewhere, or to nobody when None."""

    def __init__(self, ends: dict[str, str | None]) -> None:
        self.asked: list[str] = []
        self.streams: list[Stream] = []
        self.ends = ends

    async def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        self.asked.append(host)
        end = self.ends.get(host, host)
        if end is None:
            raise httpcore.ConnectError("nobody")
        self.streams.append(Stream(end))
        return self.streams[-1]


class Names:
    """A name server that gives each query its next answer."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        return self.answers.pop(0)


def guarded(names: Names, ends: dict[str, str | None] | None = None) -> tuple[GuardedNetwork, Network]:
    network = Network(ends or {})
    return GuardedNetwork(loopback=False, resolve=names, network=network), network


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """The name is asked for once: a second answer, as in DNS rebinding, is never seen."""
    names = Names([GOOD], [INSIDE])
    guard, network = guarded(names)
    await guard.connect_tcp("video.example", 443)

    assert network.asked == [GOOD]
    assert names.answers == [[INSIDE]]


@pytest.mark.parametrize(
    "answers", [[INSIDE], [GOOD, INSIDE], [OTHER, GOOD, "::1"], [GOOD] * 9 + ["10.0.0.1"]]
)
async def test_one_bad_address_refuses_the_name(answers: list[str]) -> None:
    guard, network = guarded(Names(answers))
    with pytest.raises(UrlRefused, match="address"):
        await guard.connect_tcp("video.example", 443)
    assert network.asked == []


async def test_the_next_address_is_tried_when_one_is_down() -> None:
    guard, network = guarded(Names([OTHER, GOOD]), {OTHER: None})
    await guard.connect_tcp("video.example", 443)
    assert network.asked == [OTHER, GOOD]


async def test_a_name_with_many_dead_addresses_is_given_up() -> None:
    addresses = [f"93.184.216.{n}" for n in range(50)]
    guard, network = guarded(Names(addresses), dict.fromkeys(addresses))
    with pytest.raises(httpcore.ConnectError):
        await guard.connect_tcp("video.example", 443)
    assert len(network.asked) == 3


async def test_a_connection_that_ends_inside_is_closed() -> None:
    """A network may translate addresses; what counts is who is at the other end."""
    guard, network = guarded(Names([GOOD]), {GOOD: "10.0.0.7"})
    with pytest.raises(UrlRefused) as refused:
        await guard.connect_tcp("video.example", 443)
    assert network.streams[0].closed
    assert "10.0.0.7" not in str(refused.value)


async def test_a_name_without_address_is_no_connection() -> None:
    guard, _ = guarded(Names([]))
    with pytest.raises(httpcore.ConnectError):
        await guard.connect_tcp("video.example", 443)


async def test_the_systems_resolver_gives_all_addresses() -> None:
    assert "127.0.0.1" in await resolve("localhost", 443)
