"""Make small real videos for the tests: distinct moving scenes, joined, and written by real encoders."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""(height, width, 3) uint8, RGB."""

SIZE = (160, 96)
RATE = 25


def scene(seed: int, frames: int, *, size: tuple[int, int] = SIZE, speed: float = 0.4) -> list[Picture]:
    """Return a take of a random landscape that drifts by ``speed`` pixels a frame."""
    width, height = size
    random = np.random.default_rng(seed)
    reach = int(frames * abs(speed)) + 2
    shape = (height, width + reach)
    whole = sum(
        weight * _noise(random, shape, cell)
        for cell, weight in ((height / 2, 0.5), (height / 6, 0.3), (height / 16, 0.2))
    )
    whole = np.clip(random.uniform(60, 190) + 420 * (whole - 0.5), 0, 255).astype(np.uint8)
    starts = [int(index * abs(speed)) for index in range(frames)]
    return [np.ascontiguousarray(whole[:, start : start + width]) for start in starts]


def _noise(random: np.random.Generator, shape: tuple[int, int], cell: float) -> NDArray[np.float64]:
    """Return colours, (*shape, 3) from 0 to 1, drawn every ``cell`` pixels and blended in between."""
    rows, cols = np.arange(shape[0]) / max(cell, 1), np.arange(shape[1]) / max(cell, 1)
    r, c = rows.astype(int), cols.astype(int)
    knots = random.uniform(0, 1, (r[-1] + 2, c[-1] + 2, 3))
    down, right = (rows - r)[:, None, None], (cols - c)[None, :, None]
    upper = knots[r][:, c] * (1 - right) + knots[r][:, c + 1] * right
    lower = knots[r + 1][:, c] * (1 - right) + knots[r + 1][:, c + 1] * right
    return upper * (1 - down) + lower * down


def dissolve(old: Sequence[Picture], new: Sequence[Picture], frames: int) -> list[Picture]:
    """Join two takes; over ``frames`` frames one turns into the other."""
    shares = [(index + 1) / (frames + 1) for index in range(frames)]
    mixed = [
        (a * (1 - share) + b * share).astype(np.uint8)
        for a, b, share in zip(old[-frames:], new[:frames], shares, strict=True)
    ]
    return [*old[:-frames], *mixed, *new[frames:]]


def fade(old: Sequence[Picture], new: Sequence[Picture], frames: int) -> list[Picture]:
    """Join two takes through black: ``frames`` frames down, and as many up."""
    down = [
        (picture * (1 - (index + 1) / frames)).astype(np.uint8) for index, picture in enumerate(old[-frames:])
    ]
    up = [(picture * ((index + 1) / frames)).astype(np.uint8) for index, picture in enumerate(new[:frames])]
    return [*old[:-frames], *down, *up, *new[frames:]]


def flash(pictures: Sequence[Picture], at: int, frames: int = 3) -> list[Picture]:
    """Turn ``frames`` frames nearly white."""
    lit = range(at, at + frames)
    return [
        (picture * 0.08 + 234).astype(np.uint8) if index in lit else picture
        for index, picture in enumerate(pictures)
    ]


def grainy(pictures: Sequence[Picture]) -> list[Picture]:
    """Add grain to each picture, so that the encoded file is large."""
    random = np.random.default_rng(0)
    noise = random.integers(-40, 40, (len(pictures), *pictures[0].shape), np.int16)
    return [
        np.clip(picture + grain, 0, 255).astype(np.uint8)
        for picture, grain in zip(pictures, noise, strict=True)
    ]


def write(
    path: Path,
    pictures: Iterable[Picture],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    rate: int = RATE,
    times: Sequence[int] | None = None,
    rotation: int = 0,
    sound: float = 0.0,
    silence: float = 0.0,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
) -> Path:
    """Encode ``pictures`` into ``path``, whose extension names the container, and return it.

    ``times`` are frame times in thousandths of a second where the rate varies; ``sound`` adds that many
    seconds of a tone, and ``silence`` as many of nothing after it; ``rotation`` is written as the display
    matrix, in degrees counter-clockwise.
    """
    with av.open(str(path), "w", options=container or {}) as file:
        stream = file.add_stream(codec, rate=rate)
        stream.options = options or ({"preset": "ultrafast"} if codec == "libx264" else {})
        stream.pix_fmt = pixel_format
        if rotation:
            stream.set_display_rotation(float(rotation))
        voice = file.add_stream("aac", rate=16_000) if sound else None
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24" if picture.shape[2] == 3 else "rgba")
            if index == 0:
                stream.width, stream.height = frame.width, frame.height
            if times is not None:
                frame.pts, frame.time_base = times[index], Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        for block in _tone(sound, silence):
            assert voice is not None
            file.mux(voice.encode(block))
        if voice is not None:
            file.mux(voice.encode(None))
    return path


def write_sound(path: Path, seconds: float = 1.0) -> Path:
    """Write a file without pictures."""
    with av.open(str(path), "w") as file:
        voice = file.add_stream("aac", rate=16_000)
        for block in _tone(seconds):
            file.mux(voice.encode(block))
        file.mux(voice.encode(None))
    return path


def _tone(seconds: float, silence: float = 0.0) -> Iterable[av.AudioFrame]:
    samples = (0.3 * np.sin(np.arange(int(seconds * 16_000)) / 16_000 * 2 * np.pi * 440)).astype(np.float32)
    samples = np.concatenate([samples, np.zeros(int(silence * 16_000), np.float32)])
    for start in range(0, len(samples), 1024):
        block = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], "fltp", "mono")
        block.sample_rate, block.pts, block.time_base = 16_000, start, Fraction(1, 16_000)
        yield block


def write_song(path: Path) -> Path:
    """Write a second of sound with a cover picture."""
    with av.open(str(path), "w") as file:
        voice = file.add_stream("aac", rate=16_000)
        cover = file.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = *SIZE, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        file.mux(cover.encode(av.VideoFrame.from_ndarray(scene(1, 1)[0], "rgb24")))
        for block in _tone(1.0):
            file.mux(voice.encode(block))
        file.mux(voice.encode(None))
    return path
