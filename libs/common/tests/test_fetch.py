"""What the guarded client makes of servers: good, strange, slow and endless ones."""

import asyncio
import datetime
import gzip
import ssl
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from huntaze_common.errors import RateLimited, UpstreamUnavailable
from huntaze_common.fetch import MAX_ANSWER, Fetcher, LinkBroken, Patience, ResponseTooLarge
from huntaze_common.links import UrlRefused
from huntaze_common.testing.web import Web

DIGITS = b"0123456789"


@pytest.fixture
async def fetcher() -> AsyncGenerator[Fetcher]:
    async with Fetcher(development=True, patience=Patience(connect=0.5, silence=0.3, rate=1000)) as client:
        yield client


async def read(client: Fetcher, url: str, *, seconds: float = 5, **how: Any) -> bytes:
    async with client.stream(url, **{"max_bytes": 1000, **how}, seconds=seconds) as body:
        return b"".join([chunk async for chunk in body])


async def test_a_link_is_read_whole(web: Web, fetcher: Fetcher) -> None:
    web.page("/clip", DIGITS, content_type="video/mp4", etag='"a"')
    async with fetcher.stream(f"{web.url}/clip", max_bytes=10, seconds=5) as body:
        assert (body.content_type, body.etag, body.total) == ("video/mp4", '"a"', 10)
        assert b"".join([chunk async for chunk in body]) == DIGITS


async def test_a_download_is_a_file(web: Web, fetcher: Fetcher, tmp_path: Path) -> None:
    web.page("/clip", DIGITS * 99)
    assert await fetcher.download(f"{web.url}/clip", tmp_path / "clip", max_bytes=990, seconds=5) == 990
    assert (tmp_path / "clip").read_bytes() == DIGITS * 99


async def test_a_request_tells_nothing_and_wants_nothing_packed(web: Web, fetcher: Fetcher) -> None:
    web.page("/", DIGITS)
    await read(fetcher, web.url + "/")
    names = {line.split(b":")[0].lower() for line in web.requests[0].split(b"\r\n")[1:] if line}
    assert names == {b"host", b"accept", b"accept-encoding", b"user-agent"}
    assert b"accept-encoding: identity" in web.requests[0].lower()


async def test_a_proxy_of_the_environment_is_not_used(web: Web, fetcher: Fetcher, monkeypatch: Any) -> None:
    """A proxy would connect to whatever it resolves, behind all our checks."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    web.page("/", DIGITS)
    assert await read(fetcher, web.url + "/") == DIGITS


# Ranges


async def test_a_range_is_read(web: Web, fetcher: Fetcher) -> None:
    web.page("/", b"345", status="206 Partial Content", content_range="bytes 3-5/10")
    async with fetcher.stream(web.url + "/", max_bytes=10, seconds=5, start=3, length=3) as body:
        assert body.total == 10
        assert b"".join([chunk async for chunk in body]) == b"345"
    assert b"range: bytes=3-5\r\n" in web.requests[0]


@pytest.mark.parametrize(
    ("status", "content_range"),
    [
        ("200 OK", ""),
        ("206 Partial Content", "bytes 0-2/10"),
        ("206 Partial Content", ""),
        ("416 No", "bytes */10"),
    ],
)
async def test_a_server_without_ranges_is_told_apart(
    web: Web, fetcher: Fetcher, status: str, content_range: str
) -> None:
    """The bytes of another range, taken for those that were asked for, would be a corrupt video."""
    web.page("/", b"012", status=status, content_range=content_range)
    with pytest.raises(LinkBroken):
        await read(fetcher, web.url + "/", start=3, length=3)


async def test_a_part_that_nobody_asked_for_is_not_the_whole(web: Web, fetcher: Fetcher) -> None:
    web.page("/", b"012", status="206 Partial Content", content_range="bytes 0-2/10")
    with pytest.raises(LinkBroken):
        await read(fetcher, web.url + "/")


# Redirects


async def test_three_redirects_are_followed_and_a_fourth_is_not(web: Web, fetcher: Fetcher) -> None:
    for n in range(4):
        web.page(f"/{n}", status="302 Found", location=f"/{n + 1}")
    web.page("/4", DIGITS)

    assert await read(fetcher, f"{web.url}/1") == DIGITS
    with pytest.raises(UrlRefused, match="redirects"):
        await read(fetcher, f"{web.url}/0")


@pytest.mark.parametrize("status", ["301 A", "302 B", "303 C", "307 D", "308 E"])
async def test_every_kind_of_redirect_is_known(web: Web, fetcher: Fetcher, status: str) -> None:
    web.page("/old", status=status, location=f"{web.url}/new")
    web.page("/new", DIGITS)
    assert await read(fetcher, f"{web.url}/old") == DIGITS


# Sizes


async def test_an_announced_size_over_the_limit_is_refused_before_reading(web: Web, fetcher: Fetcher) -> None:
    web.pages["/"] = [b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n", 60.0]
    with pytest.raises(ResponseTooLarge, match="1001 bytes"):
        await read(fetcher, web.url + "/")


async def test_an_endless_answer_is_cut_off(web: Web, fetcher: Fetcher) -> None:
    """What a server says of the size is not believed: the bytes are counted."""
    chunk = b"ff\r\n" + bytes(255) + b"\r\n"
    web.pages["/"] = [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", *[chunk] * 10_000]
    with pytest.raises(ResponseTooLarge):
        await read(fetcher, web.url + "/")


async def test_nothing_is_unpacked(web: Web, fetcher: Fetcher) -> None:
    """A kilobyte can unpack to a gigabyte."""
    web.page("/", gzip.compress(bytes(100_000)), content_encoding="gzip")
    with pytest.raises(UrlRefused, match="encoding"):
        await read(fetcher, web.url + "/")


async def test_a_download_over_the_limit_stops(web: Web, fetcher: Fetcher, tmp_path: Path) -> None:
    web.pages["/"] = [b"HTTP/1.1 200 OK\r\n\r\n", bytes(2000)]
    with pytest.raises(ResponseTooLarge):
        await fetcher.download(web.url + "/", tmp_path / "x", max_bytes=1999, seconds=5)


# Time


@pytest.mark.parametrize(
    "pieces",
    [
        [60.0],
        [b"HTTP/1.1 200 OK\r\n", 60.0],
        [b"HTTP/1.1 200 OK\r\nx: ", *[b"y", 0.1] * 1000],
        [b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n", 60.0],
        [b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n123", 60.0],
        [b"HTTP/1.1 200 OK\r\n\r\n", *[b"x", 0.05] * 1000],
    ],
    ids=["silent", "half a head", "dripping head", "no body", "half a body", "dripping body"],
)
async def test_a_slow_server_is_given_up(web: Web, fetcher: Fetcher, pieces: list[bytes | float]) -> None:
    web.pages["/"] = pieces
    began = asyncio.get_running_loop().time()
    with pytest.raises(UpstreamUnavailable):
        await read(fetcher, web.url + "/")
    assert asyncio.get_running_loop().time() - began < 2


async def test_the_whole_has_a_deadline(web: Web, fetcher: Fetcher) -> None:
    """Fast enough at every moment, and still not for ever."""
    web.pages["/"] = [b"HTTP/1.1 200 OK\r\n\r\n", *[bytes(100), 0.02] * 1000]
    began = asyncio.get_running_loop().time()
    with pytest.raises(UpstreamUnavailable):
        await read(fetcher, web.url + "/", max_bytes=10**9, seconds=0.5)
    assert asyncio.get_running_loop().time() - began < 2


async def test_a_slow_reader_is_not_the_servers_fault(web: Web) -> None:
    web.page("/", bytes(300_000))
    async with Fetcher(development=True, patience=Patience(silence=0.1, rate=10**9)) as client:
        async with client.stream(web.url + "/", max_bytes=10**6, seconds=10) as body:
            size = 0
            async for chunk in body:
                size += len(chunk)
                await asyncio.sleep(0.05)
    assert size == 300_000


# Failures


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("500 A", UpstreamUnavailable),
        ("503 B", UpstreamUnavailable),
        ("408 C", UpstreamUnavailable),
        ("403 D", LinkBroken),
        ("404 E", LinkBroken),
        ("410 F", LinkBroken),
        ("204 G", LinkBroken),
        ("304 H", LinkBroken),
    ],
)
async def test_a_status_tells_whether_to_try_again(
    web: Web, fetcher: Fetcher, status: str, error: type[Exception]
) -> None:
    web.page("/", status=status)
    with pytest.raises(error, match=status[:3]):
        await read(fetcher, web.url + "/")


@pytest.mark.parametrize(("header", "wait"), [("7", 7), ("", 60), ("-1", 60), ("²", 60), ("9" * 5000, 60)])
async def test_a_wait_that_is_asked_for_is_passed_on(
    web: Web, fetcher: Fetcher, header: str, wait: float
) -> None:
    web.page("/", status="429 Slow", retry_after=header)
    with pytest.raises(RateLimited) as limited:
        await read(fetcher, web.url + "/")
    assert limited.value.after == wait


@pytest.mark.parametrize(
    "answer", [b"", b"\x16\x03\x01", b"HTTP/9.9 what\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000]
)
async def test_what_is_no_http_is_no_answer(web: Web, fetcher: Fetcher, answer: bytes) -> None:
    web.pages["/"] = [answer]
    with pytest.raises(UpstreamUnavailable):
        await read(fetcher, web.url + "/")


async def test_nobody_there_is_a_reason_to_try_later(fetcher: Fetcher) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(UpstreamUnavailable) as failed:
            await read(fetcher, "http://127.0.0.1:1/secret?token=canary")
    assert "canary" not in str(failed.value)


async def test_an_unknown_name_is_a_reason_to_try_later() -> None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    async with Fetcher(resolve=unknown) as client:
        with pytest.raises(UpstreamUnavailable):
            await read(client, "https://public.example/")


# Encryption


async def test_the_certificate_must_be_of_the_name_in_the_link(tmp_path: Path) -> None:
    """The connection goes to an address, but the name is what is asked for, and what must be proved."""
    asked: list[str | None] = []
    context = self_signed("other.example", tmp_path)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]

    async def here(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    async with server, Fetcher(development=True, resolve=here) as client:
        with pytest.raises(UpstreamUnavailable):
            await read(client, f"https://video.example:{port}/")
    assert asked == ["video.example"]


def self_signed(name: str, directory: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(hours=1))
    certificate = builder.sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (directory / "server.pem").write_bytes(certificate.public_bytes(pem) + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    return context


# Webhooks


async def test_a_webhook_is_posted_as_it_is(web: Web, fetcher: Fetcher) -> None:
    web.page("/hook", b"thanks", status="202 Accepted", x_request_id="7")
    answer = await fetcher.post(
        f"{web.url}/hook",
        b'{"a":1}',
        headers={"Content-Type": "application/json", "webhook-id": "m1"},
        seconds=5,
    )
    assert (answer.status, answer.body, answer.headers["x-request-id"]) == (202, b"thanks", "7")
    assert web.requests[0].startswith(b"POST /hook HTTP/1.1\r\n")
    assert web.requests[0].endswith(b'\r\n\r\n{"a":1}')
    assert b"webhook-id: m1\r\n" in web.requests[0]


async def test_a_webhook_follows_no_redirect(web: Web, fetcher: Fetcher) -> None:
    """The message was for one receiver, and so were its secrets."""
    web.page("/hook", status="307 Moved", location="/other")
    answer = await fetcher.post(f"{web.url}/hook", b"{}", headers={}, seconds=5)
    assert (answer.status, len(web.requests)) == (307, 1)


async def test_a_long_or_broken_answer_of_a_webhook_is_cut(web: Web, fetcher: Fetcher) -> None:
    """The receiver has the message, whatever it says of it."""
    web.page("/long", b"x" * (MAX_ANSWER + 5000))
    web.pages["/broken"] = [b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n123"]

    assert len((await fetcher.post(f"{web.url}/long", b"", headers={}, seconds=5)).body) == MAX_ANSWER
    broken = await fetcher.post(f"{web.url}/broken", b"", headers={}, seconds=5)
    assert (broken.status, broken.body) == (200, b"123")


@pytest.mark.parametrize("header", [("Host", "x"), ("content-length", "1"), ("a", "b\r\nc: d"), ("a b", "c")])
async def test_a_header_cannot_change_the_request(
    web: Web, fetcher: Fetcher, header: tuple[str, str]
) -> None:
    with pytest.raises(ValueError, match="header"):
        await fetcher.post(f"{web.url}/hook", b"", headers=dict([header]), seconds=5)
    assert web.requests == []
