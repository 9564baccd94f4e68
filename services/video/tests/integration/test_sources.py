"""Videos that are elsewhere: only what is needed is fetched, once, and nothing is left behind."""

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import clips
import pytest
from huntaze_common.errors import UpstreamUnavailable
from huntaze_common.fetch import Fetcher, LinkBroken, ResponseTooLarge
from huntaze_common.links import UrlRefused
from huntaze_common.testing.web import serving_web
from huntaze_contracts.video import LinkedVideo
from huntaze_video.decoder.process import extract
from huntaze_video.errors import MediaTooLarge, TemporarySpaceShort
from huntaze_video.extraction import ExtractRequest, Limits, Mode
from huntaze_video.source import Sources
from huntaze_video.spool import BLOCK, Spool, open_spool
from hypothesis import given, settings
from hypothesis import strategies as st


class Bytes:
    """A remote file in memory that counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.reads: list[tuple[int, int]] = []

    async def read(self, start: int, length: int) -> bytes:
        self.reads.append((start, length))
        await asyncio.sleep(0)
        return self.data[start : start + length]

    @property
    def bytes_read(self) -> int:
        return sum(length for _, length in self.reads)


CONTENT = os.urandom(12 * BLOCK + 777)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(CONTENT) - 1), st.integers(1, 3 * BLOCK)), max_size=12))
async def test_every_range_is_right_and_no_byte_is_fetched_twice(ranges: list[tuple[int, int]]) -> None:
    source = Bytes(CONTENT)
    async with open_spool(source) as spool:
        for start, length in ranges:
            length = min(length, spool.size - start)
            await spool.require(start, length)
            assert os.pread(spool.descriptor, length, start) == CONTENT[start : start + length]

    fetched = [
        b for start, length in source.reads for b in range(start // BLOCK, (start + length - 1) // BLOCK + 1)
    ]
    assert len(fetched) == len(set(fetched))


async def test_reading_on_is_met_by_reading_ahead() -> None:
    """Fetching and decoding go on side by side."""
    source = Bytes(CONTENT)
    async with open_spool(source) as spool:
        await spool.require(0, BLOCK)
        assert source.bytes_read == BLOCK
        await spool.require(BLOCK, BLOCK)
        assert source.bytes_read == len(CONTENT)
    assert len(source.reads) <= 4


async def test_a_source_that_shrinks_is_an_error_of_the_source() -> None:
    source = Bytes(CONTENT)
    async with open_spool(source) as spool:
        source.data = CONTENT[:BLOCK]
        with pytest.raises(UpstreamUnavailable):
            await spool.require(2 * BLOCK, 10)


async def test_a_file_that_the_disk_cannot_hold_is_tried_again_later() -> None:
    source = Bytes(b"")
    source.size = 1 << 60

    with pytest.raises(TemporarySpaceShort):
        async with open_spool(source):
            pass


async def test_decoding_fetches_each_byte_once_and_leaves_no_file(tmp_path: Path) -> None:
    """Also when the index is at the end, as cameras write it."""
    pictures = clips.grainy(clips.scene(1, 30, size=(480, 320)) + clips.scene(2, 30, size=(480, 320)))
    source = Bytes(clips.write(tmp_path / "a.mp4", pictures).read_bytes())
    before = set(Path(tempfile.gettempdir()).iterdir())

    async with open_spool(source) as spool:
        found = await extract(spool, ExtractRequest(), limits=Limits(), on_progress=lambda _: None)

    assert [cut.end_frame for cut in found.transitions] == [30]
    assert source.size > 20 * BLOCK
    assert source.bytes_read <= source.size
    assert {p for p in set(Path(tempfile.gettempdir()).iterdir()) - before if "pytest" not in p.name} == set()


async def test_a_source_that_fails_in_the_middle_fails_the_extraction(tmp_path: Path) -> None:
    class Failing(Bytes):
        async def read(self, start: int, length: int) -> bytes:
            if start >= BLOCK:
                raise UpstreamUnavailable("the store did not answer")
            return await super().read(start, length)

    path = clips.write(tmp_path / "a.mkv", clips.grainy(clips.scene(1, 40, size=(480, 320))))

    async with open_spool(Failing(path.read_bytes())) as spool:
        with pytest.raises(UpstreamUnavailable):
            await extract(spool, ExtractRequest(), limits=Limits(), on_progress=lambda _: None)


class RangeServer:
    """Serves one file over HTTP, with or without ranges."""

    def __init__(self, data: bytes, *, ranges: bool = True, etag: str = '"1"') -> None:
        self.data, self.ranges, self.etag = data, ranges, etag
        self.sent = 0
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        body, status, more = self.data, "200 OK", ""
        if self.ranges and "range: bytes=" in head:
            first, _, last = head.partition("range: bytes=")[2].partition("\r\n")[0].partition("-")
            body = self.data[int(first) : int(last) + 1]
            status = "206 Partial Content"
            more = f"content-range: bytes {first}-{int(first) + len(body) - 1}/{len(self.data)}\r\n"
        self.sent += len(body)
        writer.write(
            f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\netag: {self.etag}\r\n{more}"
            "content-type: text/plain\r\nconnection: close\r\n\r\n".encode()
        )
        writer.write(body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def serving(server: RangeServer) -> AsyncGenerator[RangeServer]:
    listening = await asyncio.start_server(server.answer, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/clip.txt"
    async with listening:
        yield server


@asynccontextmanager
async def opened(url: str, *, max_bytes: int = 1 << 30) -> AsyncGenerator[Spool]:
    async with Fetcher(development=True) as fetcher:
        no_store: object = None
        async with Sources(no_store, fetcher, max_bytes=max_bytes).open(LinkedVideo(url=url)) as spool:
            yield spool


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A clip of several blocks."""
    pictures = clips.grainy(clips.scene(1, 40, size=(480, 320)))
    return clips.write(tmp_path_factory.mktemp("clip") / "a.mp4", pictures).read_bytes()


@pytest.mark.parametrize("ranges", [True, False])
async def test_a_link_is_decoded_with_or_without_ranges(clip: bytes, ranges: bool) -> None:
    """Neither the name nor the content type is looked at."""
    async with serving(RangeServer(clip, ranges=ranges)) as server, opened(server.url) as spool:
        found = await extract(spool, ExtractRequest(), limits=Limits(), on_progress=lambda _: None)

    assert found.media.frames == 40
    assert server.sent <= (1.02 if ranges else 2) * len(clip) + BLOCK


async def test_a_link_that_leads_to_another_file_meanwhile_is_given_up(clip: bytes) -> None:
    async with serving(RangeServer(clip)) as server, opened(server.url) as spool:
        await spool.require(0, 10)
        server.etag = '"2"'
        with pytest.raises(UpstreamUnavailable, match="another file"):
            await spool.require(3 * BLOCK, 10)


@pytest.mark.parametrize("ranges", [True, False])
async def test_a_link_to_too_much_is_refused(clip: bytes, ranges: bool) -> None:
    async with serving(RangeServer(clip, ranges=ranges)) as server:
        with pytest.raises((MediaTooLarge, ResponseTooLarge)):
            async with opened(server.url, max_bytes=BLOCK * 2):
                pass


async def test_a_link_into_our_own_network_is_refused(clip: bytes) -> None:
    async with serving(RangeServer(clip)) as server, Fetcher() as fetcher:
        no_store: object = None
        with pytest.raises(UrlRefused):
            async with Sources(no_store, fetcher, max_bytes=1 << 30).open(LinkedVideo(url=server.url)):
                pass


async def test_a_link_that_is_gone_is_broken() -> None:
    async with serving_web() as web:
        with pytest.raises(LinkBroken):
            async with opened(f"{web.url}/gone"):
                pass


async def test_a_preview_fetches_little_more_than_key_frames(tmp_path: Path) -> None:
    """Three groups of pictures, of which only the first picture of each is wanted."""
    pictures = clips.grainy(clips.scene(1, 120, size=(640, 360)))
    path = clips.write(tmp_path / "a.mp4", pictures, options={"preset": "ultrafast", "g": "40", "crf": "18"})
    source = Bytes(path.read_bytes())

    async with open_spool(source) as spool:
        request = ExtractRequest(mode=Mode.PREVIEW, rows=1, cols=2)
        found = await extract(spool, request, limits=Limits(), on_progress=lambda _: None)

    assert found.media.frames == 3
    assert len(found.keyframes) == 2
    assert source.bytes_read < 0.35 * source.size
