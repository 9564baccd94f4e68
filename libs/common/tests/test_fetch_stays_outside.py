"""No link leads inside: a canary listens on this machine, and no URL that a stranger can write reaches it."""

from collections.abc import Sequence

import pytest
from huntaze_common.fetch import Fetcher
from huntaze_common.links import UrlRefused
from huntaze_common.testing.web import Web

_INSIDE_V4 = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 127.0.0.1 127.8.8.8 168.63.129.16
169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.7
192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.9 203.0.113.5 224.0.0.1
239.255.255.250 240.0.0.1 255.255.255.255
"""
INSIDE_V4 = _INSIDE_V4.split()
_INSIDE_V6 = """
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:a9fe:a9fe 0:0:0:0:0:ffff:10.0.0.1
64:ff9b::7f00:1 64:ff9b:1::1 100::1 2001::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::
2002:a9fe:a9fe::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 febf::1 fec0::1 ff02::1 4000::1
"""
INSIDE_V6 = _INSIDE_V6.split()
_OTHER_FORMS = """
127.1 127.0.1 0x7f000001 0x7f.1 0x7f.0.0.1 2130706433 017700000001 0177.0.0.1 127.0.0.01 0 127.0.0.1.
localhost LOCALHOST localhost. a.localhost %31%32%37.0.0.1 127%2e0.0.1 １２７.０.０.１ 127。0。0。1
user@127.0.0.1
public.example@127.0.0.1 127.0.0.1\\@public.example [::1%25lo] [::ffff:127.0.0.1%25lo] ip6-localhost
"""
OTHER_FORMS = _OTHER_FORMS.split()
INSIDE = INSIDE_V4 + INSIDE_V6
NAMES = {f"name{n}.example": [address] for n, address in enumerate(INSIDE)}
NAMES |= {
    f"mixed{n}.example": ["93.184.216.34", "2606:4700::1111", address] for n, address in enumerate(INSIDE)
}
HOSTS = [*INSIDE_V4, *(f"[{host}]" for host in INSIDE_V6), *NAMES, *OTHER_FORMS]


async def names_lead_inside(host: str, port: int) -> Sequence[str]:
    """Stand in for a name server that an attacker owns; an address is its own answer."""
    return NAMES.get(host, [host])


@pytest.mark.parametrize("form", ["https://{}:{}/", "http://{}:{}/"])
async def test_no_link_of_the_corpus_makes_a_connection(web: Web, form: str) -> None:
    """All are refused, none for want of an answer, and no refusal tells an address."""
    assert len(set(HOSTS)) == len(HOSTS) >= 120
    async with Fetcher(ports=(443, web.port), resolve=names_lead_inside) as client:
        for host in HOSTS:
            url = form.format(host, web.port)
            with pytest.raises(UrlRefused) as refused:
                await client.post(url, b"", headers={}, seconds=5)
            assert str(refused.value) == f"the link is refused ({refused.value.reason})", url
            with pytest.raises(UrlRefused):
                async with client.stream(url, max_bytes=1, seconds=5):
                    pass
    assert web.connections == 0


async def test_the_canary_is_alive(web: Web) -> None:
    """With a deaf canary, the test above would prove nothing."""
    async with Fetcher(development=True) as client:
        assert (await client.post(f"{web.url}/", b"", headers={}, seconds=5)).status == 404
    assert web.connections == 1


@pytest.mark.parametrize("host", [*INSIDE_V4[:6], *INSIDE_V4[8:], *(f"[{host}]" for host in INSIDE_V6[2:])])
async def test_development_opens_this_machine_only(host: str) -> None:
    async with Fetcher(development=True) as client:
        with pytest.raises(UrlRefused, match="address"):
            await client.post(f"http://{host}/", b"", headers={}, seconds=5)


@pytest.mark.parametrize(
    "target",
    [
        "http://10.0.0.1/",
        "http://[fd00::1]/",
        "http://name2.example/",
        "http://127.1/",
        "ftp://public.example/",
        "//user@127.0.0.1:{port}/next",
        "file:///etc/passwd",
    ],
)
async def test_a_redirect_does_not_lead_inside(web: Web, target: str) -> None:
    web.page("/", status="302 Found", location=target.format(port=web.port))
    web.page("/next", b"reached")
    async with Fetcher(development=True, resolve=names_lead_inside) as client:
        with pytest.raises(UrlRefused):
            async with client.stream(web.url + "/", max_bytes=100, seconds=5):
                pass
    assert web.connections == 1


async def test_a_name_that_changes_its_mind_is_asked_once_a_connection(web: Web) -> None:
    """DNS rebinding: the check saw a good address, the connection would get the bad one."""
    answers = [["127.0.0.1"], ["169.254.169.254"]]

    async def rebinding(host: str, port: int) -> Sequence[str]:
        return answers.pop(0)

    web.page("/", b"outside")
    async with Fetcher(development=True, resolve=rebinding) as client:
        url = f"http://rebinding.example:{web.port}/"
        async with client.stream(url, max_bytes=100, seconds=5) as body:
            assert [chunk async for chunk in body] == [b"outside"]
        assert len(answers) == 1
        with pytest.raises(UrlRefused, match="address"):
            async with client.stream(url, max_bytes=100, seconds=5):
                pass
    assert f"host: rebinding.example:{web.port}".encode() in web.requests[0].lower()
