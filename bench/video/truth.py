"""Make clips whose shot boundaries are known: real takes, cut together by a seeded editor.

``python bench/video/truth.py TAKES TARGET`` writes ``tune-NN`` and ``report-NN`` clips, each with a JSON file
of its boundaries. The two halves share no take. Beside cuts, dissolves, fades, wipes and slides there is
what must not be taken for one: flashes, strobes, whip pans, captions, shakes, zooms, passers-by; and a soft
class (jump cuts and punch-ins within a take), which a detector may report or not.
"""

import json
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from material import TAKES, TUNING_FILES
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Picture = NDArray[np.uint8]

CLIPS_PER_HALF = 20
SECONDS = 30
SIZES = ((640, 360), (360, 640), (480, 480), (640, 360), (360, 640))
RATES = (30, 25, 24, 30, 60)
CODECS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("libx264", "mp4", {"preset": "veryfast", "crf": "23"}),
    ("libx264", "mp4", {"preset": "veryfast", "crf": "30", "g": "60"}),
    ("libx265", "mp4", {"preset": "ultrafast", "crf": "28", "x265-params": "log-level=error"}),
    ("libvpx-vp9", "webm", {"deadline": "realtime", "cpu-used": "8", "b": "900k", "row-mt": "1"}),
    ("libsvtav1", "mp4", {"preset": "12", "crf": "38", "svtav1-params": "log-level=1"}),
    ("mpeg4", "mp4", {"b": "1500k"}),
)
JOINTS = ("cut", "dissolve", "fade", "wipe", "slide", "soft")
JOINT_WEIGHTS = (0.52, 0.16, 0.08, 0.08, 0.06, 0.10)
DISTRACTORS = ("none", "flash", "strobe", "whip", "caption", "shake", "passer", "zoom")
DISTRACTOR_WEIGHTS = (0.44, 0.12, 0.04, 0.11, 0.10, 0.06, 0.07, 0.06)


class Shot(NamedTuple):
    """One shot of a clip: frames of a take, seen through a camera that may move."""

    take: int
    begin: int
    length: int
    centre: tuple[float, float]
    zoom: float
    mirrored: bool
    gain: float
    gamma: float
    drift: tuple[float, float]
    distractor: str
    at: int
    seed: int


class Joint(NamedTuple):
    """How two shots meet; ``first`` and ``last`` are the last old and the first new frame."""

    kind: str
    first: int
    last: int


def make_clip(takes: list[Path], stem: Path, seed: int) -> None:
    """Write one clip and its truth; the same arguments give the same frames."""
    random = np.random.default_rng(seed)
    rate, size = RATES[seed % len(RATES)], SIZES[seed % len(SIZES)]
    codec, container, options = CODECS[seed % len(CODECS)]
    shots = _plan(random, len(takes), rate)
    frames, joints = _edit(shots, takes, size, rate, random)
    path = stem.with_suffix(f".{container}")
    with av.open(str(path), "w") as sink:
        stream = sink.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt, stream.options = "yuv420p", options
        grain = random.integers(-4, 5, (size[1] + 32, size[0] + 32, 1), np.int16)
        for picture in frames:
            y, x = random.integers(0, 32, 2)
            noisy = picture.astype(np.int16) + grain[y : y + size[1], x : x + size[0]]
            frame = av.VideoFrame.from_ndarray(np.clip(noisy, 0, 255).astype(np.uint8), "rgb24")
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))
    described = {"file": path.name, "rate": rate, "joints": joints, "shots": [s._asdict() for s in shots]}
    stem.with_suffix(".json").write_text(json.dumps(described, default=float))


def _plan(random: Generator, takes: int, rate: int) -> list[Shot]:
    shots: list[Shot] = []
    total, previous = 0, -1
    while total < SECONDS * rate:
        take = int(random.choice([t for t in range(takes) if t != previous]))
        length = int(rate * min(6.0, 0.7 + random.gamma(2.0, 0.9)))
        distractor = str(random.choice(DISTRACTORS, p=DISTRACTOR_WEIGHTS)) if length > 1.6 * rate else "none"
        shots.append(
            Shot(
                take=take,
                begin=int(random.integers(0, 200)),
                length=length,
                centre=(float(random.uniform(0.4, 0.6)), float(random.uniform(0.42, 0.58))),
                zoom=float(random.uniform(1.0, 1.5)),
                mirrored=bool(random.random() < 0.5),
                gain=float(random.uniform(0.75, 1.2)),
                gamma=float(random.uniform(0.8, 1.25)),
                drift=(float(random.normal(0, 0.05)), float(random.normal(0, 0.03))),
                distractor=distractor,
                at=int(length * random.uniform(0.4, 0.6)),
                seed=int(random.integers(1 << 30)),
            )
        )
        total += length
        previous = take
    return shots


def _edit(
    shots: list[Shot], takes: list[Path], size: tuple[int, int], rate: int, random: Generator
) -> tuple[Iterator[Picture], list[Joint]]:
    """Return the frames of the whole clip, lazily, and its joints."""
    joints: list[Joint] = []
    kept: list[Shot] = [shots[0]]
    mixes: list[tuple[Callable[[Picture, Picture, float], Picture] | None, int]] = []
    position = 0
    for planned in shots[1:]:
        before = kept[-1]
        kind = str(random.choice(JOINTS, p=JOINT_WEIGHTS))
        if kind == "soft":
            planned = _soft(before, planned, random)
        kept.append(planned)
        span = 0 if kind in {"cut", "soft"} else _span(kind, before, planned, rate, random)
        if kind not in {"cut", "soft"} and span < 4:
            kind, span = "cut", 0
        mixes.append((_mixer(kind, random) if span else None, span))
        position += before.length - span
        joints.append(Joint(kind, position - 1, position + span))
    return _render(kept, mixes, takes, size, rate), joints


def _span(kind: str, before: Shot, after: Shot, rate: int, random: Generator) -> int:
    seconds = {"dissolve": (0.3, 1.3), "fade": (0.5, 1.6), "wipe": (0.35, 1.1), "slide": (0.25, 0.7)}[kind]
    return min(int(rate * random.uniform(*seconds)), before.length // 3, after.length // 3)


def _soft(before: Shot, planned: Shot, random: Generator) -> Shot:
    """Continue the same take: with a jump in time, or closer."""
    closer = random.random() < 0.5
    return before._replace(
        begin=before.begin + before.length + (0 if closer else 25),
        length=planned.length,
        zoom=before.zoom * (1.35 if closer else 1.0),
        distractor="none",
    )


def _render(
    shots: list[Shot],
    mixes: list[tuple[Callable[[Picture, Picture, float], Picture] | None, int]],
    takes: list[Path],
    size: tuple[int, int],
    rate: int,
) -> Iterator[Picture]:
    starts = [0, *(span for _, span in mixes)]
    for index, shot in enumerate(shots):
        mix, span = mixes[index] if index < len(mixes) else (None, 0)
        for frame in range(starts[index], shot.length - span):
            yield _see(shot, frame, takes, size, rate)
        for step in range(span):
            old = _see(shot, shot.length - span + step, takes, size, rate)
            new = _see(shots[index + 1], step, takes, size, rate)
            assert mix is not None
            yield mix(old, new, (step + 1) / (span + 1))


def _see(shot: Shot, frame: int, takes: list[Path], size: tuple[int, int], rate: int) -> Picture:
    """Return frame ``frame`` of a shot as its camera shows it."""
    pictures = _load(takes[shot.take])
    # A clip of 60 frames/s shows each frame of a take twice, as phones' conversions do.
    number = shot.begin + (frame // 2 if rate >= 50 else frame)
    around = number % (2 * len(pictures) - 2)
    source = pictures[around if around < len(pictures) else 2 * len(pictures) - 2 - around]
    since = frame - shot.at
    x, y, zoom = _camera(shot, frame, since, rate)
    picture = _crop(source, x, y, zoom, size, shot.mirrored)
    if shot.distractor == "whip" and 0 <= since < rate // 3:
        side = [_crop(source, x + (k - 3) * 0.02, y, zoom, size, shot.mirrored) for k in range(7)]
        picture = np.mean(side, axis=0).astype(np.uint8)
    table = np.clip(255 * shot.gain * (np.arange(256) / 255) ** shot.gamma, 0, 255).astype(np.uint8)
    return _disturb(shot, table[picture], since, rate)


def _camera(shot: Shot, frame: int, since: int, rate: int) -> tuple[float, float, float]:
    seconds = frame / rate
    x, y = shot.centre[0] + shot.drift[0] * seconds, shot.centre[1] + shot.drift[1] * seconds
    zoom = shot.zoom
    match shot.distractor:
        case "whip":
            share = min(1.0, max(0.0, since / (rate / 3)))
            x, zoom = 0.25 + 0.5 * (3 * share**2 - 2 * share**3), max(zoom, 1.8)
        case "shake":
            jolt = np.random.default_rng(shot.seed + frame).normal(0, 0.022, 2)
            x, y = x + float(jolt[0]), y + float(jolt[1])
        case "zoom":
            zoom *= 1.0 + 0.8 * min(1.0, max(0.0, since / (0.5 * rate)))
        case _:
            pass
    return x, y, zoom


def _crop(source: Picture, x: float, y: float, zoom: float, size: tuple[int, int], mirrored: bool) -> Picture:
    height, width = source.shape[:2]
    aspect = size[0] / size[1]
    high = min(height, width / aspect) / zoom
    wide = high * aspect
    left = min(max(x * width - wide / 2, 0), width - wide)
    top = min(max(y * height - high / 2, 0), height - high)
    box = (left, top, left + wide, top + high)
    picture = np.asarray(Image.fromarray(source).resize(size, Image.Resampling.BILINEAR, box=box))
    return picture[:, ::-1] if mirrored else picture


def _disturb(shot: Shot, picture: Picture, since: int, rate: int) -> Picture:
    random = np.random.default_rng(shot.seed)
    match shot.distractor:
        case "flash":
            length = max(1, round(rate * random.uniform(0.03, 0.2)))
            if 0 <= since < length:
                strength = random.uniform(0.6, 1.0) * (1 - 0.5 * since / length)
                return (picture + (255.0 - picture) * strength).astype(np.uint8)
        case "strobe":
            if 0 <= since < rate and (since // max(2, rate // 12)) % 2 == 0:
                return (picture + (255.0 - picture) * 0.75).astype(np.uint8)
        case "caption":
            if since >= 0:
                return _captioned(picture, random)
        case "passer":
            share = since / (0.6 * rate)
            if 0 <= share < 1:
                return _passed(picture, share, random)
        case _:
            pass
    return picture


def _captioned(picture: Picture, random: Generator) -> Picture:
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    width, height = image.size
    top = int(height * random.uniform(0.1, 0.6))
    colour = tuple(int(v) for v in random.integers(0, 255, 3))
    pen.rectangle((0.06 * width, top, 0.94 * width, top + 0.3 * height), fill=colour)
    font = ImageFont.load_default(size=width // 9)
    pen.text((width / 2, top + 0.15 * height), "WAIT FOR IT", font=font, fill=(255, 255, 255), anchor="mm")
    return np.asarray(image)


def _passed(picture: Picture, share: float, random: Generator) -> Picture:
    """Let somebody walk through the picture, close to the camera."""
    width = picture.shape[1]
    body = int(width * random.uniform(0.35, 0.6))
    left = int(-body + share * (width + body))
    changed = picture.copy()
    changed[:, max(0, left) : max(0, left + body)] = random.integers(10, 90, 3).astype(np.uint8)
    return changed


def _mixer(kind: str, random: Generator) -> Callable[[Picture, Picture, float], Picture]:
    """Return a function of the old picture, the new one and the share of the way."""
    direction = int(random.integers(4))
    white = random.random() < 0.25

    def dissolve(old: Picture, new: Picture, share: float) -> Picture:
        return (old * (1 - share) + new * share).astype(np.uint8)

    def fade(old: Picture, new: Picture, share: float) -> Picture:
        shown, strength = (old, 1 - 2 * share) if share < 0.5 else (new, 2 * share - 1)
        base = 255.0 if white else 0.0
        return (base + (shown - base) * strength).astype(np.uint8)

    def wipe(old: Picture, new: Picture, share: float) -> Picture:
        height, width = old.shape[:2]
        across = np.broadcast_to(np.linspace(0, 1, width)[None], (height, width))
        down = np.broadcast_to(np.linspace(0, 1, height)[:, None], (height, width))
        centre = np.hypot(across - 0.5, down - 0.5) / 0.71
        order = (across, 1 - down, (across + down) / 2, centre)[direction]
        return np.where((order < share)[..., None], new, old)

    def slide(old: Picture, new: Picture, share: float) -> Picture:
        axis = direction % 2
        moved = int(share * old.shape[axis])
        joined = np.concatenate([old, new], axis=axis)
        return joined[moved : moved + old.shape[0]] if axis == 0 else joined[:, moved : moved + old.shape[1]]

    return {"dissolve": dissolve, "fade": fade, "wipe": wipe, "slide": slide}[kind]


@lru_cache(maxsize=12)
def _load(path: Path) -> list[Picture]:
    with av.open(str(path)) as source:
        return [frame.to_ndarray(format="rgb24") for frame in source.decode(video=0)]


def main(takes: Path, target: Path) -> None:
    """Make both halves."""
    target.mkdir(parents=True, exist_ok=True)
    for half, base in (("tune", 1000), ("report", 2000)):
        wanted = half == "tune"
        files = [
            takes / f"{index:02}.mp4"
            for index, take in enumerate(TAKES)
            if (take.file in TUNING_FILES) == wanted and (takes / f"{index:02}.mp4").exists()
        ]
        assert all(a != b for a, b in pairwise(files))
        for number in range(CLIPS_PER_HALF):
            stem = target / f"{half}-{number:02}"
            if not stem.with_suffix(".json").exists():
                make_clip(files, stem, base + number)
                print(stem.name, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
