"""Make files that no camera wrote: mutated clips, bombs, things that are no video. Always the same ones."""

import random
import struct
from collections.abc import Iterator
from pathlib import Path

import clips
import numpy as np

PLAYLISTS = {
    "hls.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "concat.mp4": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "dash.mpd": b"<?xml version='1.0'?><MPD><Period><BaseURL>http://127.0.0.1:1/</BaseURL></Period></MPD>",
    "smil.mp4": b"<smil><body><video src='http://169.254.169.254/'/></body></smil>",
    "subfile.mp4": b"subfile,,start,0,end,0,,:/etc/passwd",
    "zip.mp4": b"PK\x03\x04" + bytes(200),
    "elf.mp4": b"\x7fELF" + bytes(200),
    "text.mov": "видео".encode() * 50,
    "nothing.mp4": b"",
    "one-byte.mp4": b"\x00",
}


def make_corpus(directory: Path, count: int) -> Iterator[Path]:
    """Write ``count`` mutated clips and all bombs into ``directory``, one after the other."""
    for name, content in PLAYLISTS.items():
        yield _write(directory / name, content)
    sources = list(_sources(directory))
    yield from _bombs(directory, sources)
    for number in range(count):
        source = sources[number % len(sources)]
        mutated = _mutate(source.read_bytes(), random.Random(number))
        yield _write(directory / f"mutant-{number:03}{source.suffix}", mutated)


def _sources(directory: Path) -> Iterator[Path]:
    a, b = clips.scene(1, 20, size=(96, 64)), clips.scene(2, 20, size=(96, 64))
    fast = {"deadline": "realtime", "cpu-used": "8"}
    quiet = {"preset": "ultrafast", "x265-params": "log-level=none"}
    yield clips.write(directory / "s0.mp4", a + b, sound=1.0)
    yield clips.write(directory / "s1.mkv", a + b, sound=1.0)
    yield clips.write(directory / "s2.webm", a + b, codec="libvpx-vp9", options=fast)
    yield clips.write(directory / "s3.mp4", a + b, codec="libx265", options=quiet)
    yield clips.write(directory / "s4.avi", a + b, codec="mpeg4")
    yield clips.write(directory / "s5.ts", a + b, sound=1.0)
    yield clips.write(directory / "s6.mp4", a + b, container={"movflags": "frag_keyframe+empty_moov"})
    yield clips.write(directory / "s7.flv", a + b)
    yield clips.write(directory / "s8.mov", a[:8], codec="prores", pixel_format="yuv422p10le")
    yield clips.write(directory / "s9.avi", a[:10], codec="mjpeg", pixel_format="yuvj420p")
    yield clips.write(directory / "s10.webm", a + b, codec="libvpx", options=fast)
    yield clips.write(directory / "s11.mp4", a, codec="libsvtav1", options={"preset": "12"})


def _bombs(directory: Path, sources: list[Path]) -> Iterator[Path]:
    """Files that announce or contain more than anybody should decode."""
    plain = sources[0].read_bytes()
    tall = [np.zeros((65_500, 2, 3), np.uint8)]
    yield clips.write(directory / "bomb-tall.avi", tall, codec="mjpeg", pixel_format="yuvj420p")
    wide = [np.zeros((16, 16_384, 3), np.uint8)] * 2
    yield clips.write(directory / "bomb-wide.mp4", wide)
    # Announced by the headers alone: a hundred hours, a size of 65535 x 65535, a million samples.
    header = plain.find(b"mvhd")
    yield _write(directory / "bomb-hours.mp4", _patched(plain, header + 20, struct.pack(">I", 0xFFFFFFF0)))
    track = plain.find(b"tkhd")
    yield _write(directory / "bomb-size.mp4", _patched(plain, track + 80, b"\xff\xff\x00\x00" * 2))
    for box in (b"stsz", b"stco", b"stts", b"ctts", b"stsc"):
        at = plain.find(box)
        if at > 0:
            name = f"bomb-{box.decode()}.mp4"
            yield _write(directory / name, _patched(plain, at + 8, struct.pack(">I", 0x7FFFFFFF)))
    yield _write(directory / "bomb-tracks.mp4", _with_tracks(plain, 5000))
    yield _write(directory / "bomb-nested.mp4", _nested(20_000))
    yield _write(directory / "bomb-programs.ts", sources[5].read_bytes()[:376] * 4000)
    still = [clips.scene(1, 1, size=(64, 64))[0]] * 3
    endless = clips.write(directory / "bomb-endless.mkv", still, times=[0, 1000, 1_000_000_000])
    yield endless


def _mutate(data: bytes, rng: random.Random) -> bytes:
    """Return a clip with a few of the things that go wrong with files, or are done to them."""
    mutated = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at, length = rng.randrange(len(mutated)), rng.randrange(1, 64)
        match rng.randrange(7):
            case 0:
                mutated[at] ^= 1 << rng.randrange(8)
            case 1:
                mutated[at : at + length] = rng.randbytes(length)
            case 2:
                mutated[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", bytes(4), b"\x7f\xff\xff\xff"))
            case 3:
                del mutated[at : at + length]
            case 4:
                mutated[at:at] = rng.randbytes(length)
            case 5:
                mutated[at:at] = mutated[at : at + length * 16]
            case _:
                del mutated[max(64, at) :]
    return bytes(mutated)


def _patched(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def _with_tracks(data: bytes, count: int) -> bytes:
    """Repeat an MP4's first track ``count`` times."""
    begin = data.find(b"trak") - 4
    track = data[begin : begin + int.from_bytes(data[begin : begin + 4])]
    movie = data.find(b"moov") - 4
    size = int.from_bytes(data[movie : movie + 4]) + len(track) * count
    grown = _patched(data, movie, struct.pack(">I", size))
    return grown[:begin] + track * count + grown[begin:]


def _nested(depth: int) -> bytes:
    """Return boxes within boxes within boxes."""
    total = 8 * depth
    boxes = b"".join(struct.pack(">I4s", total - 8 * level, b"moov") for level in range(depth))
    return struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + boxes


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
