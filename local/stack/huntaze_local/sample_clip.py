"""Draw the demo's video: a creator's day in eight shots, twelve seconds, 720 x 1280, H.264 and AAC in MP4.

It has what the video worker must tell apart: six hard cuts, one dissolve, and a camera flash that is no cut.
Everything is drawn here, so that no binary is in the repository and no licence is in question.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from math import cos, pi, sin
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

WIDTH, HEIGHT, FRAME_RATE = 720, 1280, 30

_SOUND_RATE = 48_000
_SMOOTH = 2
"""Sprites are drawn this many times larger and scaled down, because Pillow's shapes have jagged edges."""

Colour = tuple[int, int, int]
Scene = Callable[[float], Image.Image]
"""Draws one frame of a shot; the argument runs from 0 to 1 over the shot."""


def make_sample_clip(path: Path) -> None:
    """Write the clip to ``path``; takes a few seconds and gives the same pictures each time."""
    # Under another name until it is whole, so that an interrupted run leaves no half a file behind.
    unfinished = path.with_suffix(".part.mp4")
    with av.open(str(unfinished), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=FRAME_RATE)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.options = {"preset": "superfast", "crf": "20", "threads": "2"}
        sound = container.add_stream("aac", rate=_SOUND_RATE)
        frames = 0
        for picture in _frames():
            frames += 1
            container.mux(video.encode(av.VideoFrame.from_image(picture)))
        container.mux(video.encode(None))
        for block in _music(frames / FRAME_RATE):
            container.mux(sound.encode(block))
        container.mux(sound.encode(None))
    unfinished.replace(path)


def _frames() -> Iterator[Image.Image]:
    """Yield all frames in order."""
    yield from _shot(_sunrise(), 48)
    yield from _shot(_coffee(), 46)
    yield from _shot(_city(), 48)
    yield from _shot(_chart(), 52)
    yield from _flash(_shot(_portrait(), 46), at=22)
    sea, night = list(_shot(_sea(), 64)), list(_shot(_night(), 54))
    mixed = 22
    yield from sea[:-mixed]
    for index, (old, new) in enumerate(zip(sea[-mixed:], night[:mixed], strict=True)):
        yield Image.blend(old, new, (index + 1) / (mixed + 1))
    yield from night[mixed:]
    yield from _shot(_end_card(), 34)


def _shot(scene: Scene, frames: int) -> Iterator[Image.Image]:
    return (scene(index / (frames - 1)) for index in range(frames))


def _flash(frames: Iterator[Image.Image], *, at: int) -> Iterator[Image.Image]:
    """Let a camera go off: two frames of white that fade within a sixth of a second."""
    white = Image.new("RGB", (WIDTH, HEIGHT), (255, 255, 250))
    strengths = (0.85, 1.0, 0.7, 0.4, 0.18)
    for index, picture in enumerate(frames):
        lit = 0 <= index - at < len(strengths)
        yield Image.blend(picture, white, strengths[index - at]) if lit else picture


def _sunrise() -> Scene:
    sky = _gradient((46, 34, 92), (255, 122, 92), (255, 214, 140))
    glow = _disc(760, (255, 220, 150), blur=90)
    sun = _disc(230, (255, 241, 205))
    far, near = _hills(620, 1.3, 46, (122, 62, 108)), _hills(760, 2.1, 60, (66, 34, 78))
    caption = _caption("06:10", "run before the heat")

    def draw(t: float) -> Image.Image:
        picture = sky.copy()
        y = 760 - 260 * t
        _put(picture, glow, WIDTH / 2, y)
        _put(picture, sun, WIDTH / 2, y)
        picture.paste(far, (-int(60 + 50 * t), 0), far)
        picture.paste(near, (-int(20 + 110 * t), 110), near)
        return _captioned(picture, caption, t)

    return draw


def _coffee() -> Scene:
    wall = _gradient((247, 230, 208), (236, 198, 158), (170, 104, 66))
    cup = _sprite(420, 400, _draw_cup)
    steam = _disc(90, (255, 255, 255), opacity=120, blur=18)
    caption = _caption("07:00", "coffee, then comments")

    def draw(t: float) -> Image.Image:
        picture = wall.copy()
        for index in range(7):
            rise = (t * 0.9 + index / 7) % 1.0
            sway = sin(rise * 7 + index) * 34
            _put(picture, steam, 340 + sway, 640 - 330 * rise)
        _put(picture, cup, 376, 800 + 8 * sin(2 * pi * t))
        return _captioned(picture, caption, t)

    return draw


def _city() -> Scene:
    sky = _gradient((20, 44, 96), (38, 112, 178), (150, 214, 240))
    back = _skyline(seed=4, tallest=620, colour=(44, 84, 140), lit=(120, 176, 220))
    front = _skyline(seed=9, tallest=430, colour=(16, 32, 66), lit=(255, 212, 120))
    caption = _caption("09:30", "three shoots downtown")

    def draw(t: float) -> Image.Image:
        picture = sky.copy()
        picture.paste(back, (-int(70 * t), HEIGHT - back.height), back)
        picture.paste(front, (-int(260 * t), HEIGHT - front.height), front)
        return _captioned(picture, caption, t)

    return draw


def _chart() -> Scene:
    desk = _gradient((8, 66, 70), (14, 124, 116), (88, 204, 170))
    phone = _sprite(440, 820, _draw_phone)
    heights = (0.18, 0.25, 0.22, 0.38, 0.52, 0.74, 1.0)
    caption = _caption("13:00", "+240 % in a week")

    def draw(t: float) -> Image.Image:
        picture = desk.copy()
        _put(picture, phone, 360, 640)
        pen = ImageDraw.Draw(picture)
        for index, height in enumerate(heights):
            grown = height * min(1.0, max(0.0, t * 2.4 - index * 0.16))
            x = 186 + index * 51
            pen.rectangle((x, 900 - int(440 * grown), x + 35, 900), fill=(255, 122 + index * 18, 92))
        return _captioned(picture, caption, t)

    return draw


def _portrait() -> Scene:
    wall = _gradient((84, 28, 110), (178, 48, 132), (255, 138, 140))
    figure = _sprite(620, 900, _draw_figure)
    halo = _disc(620, (255, 205, 225), opacity=110, blur=60)
    caption = _caption("16:20", "smile for the cover")

    def draw(t: float) -> Image.Image:
        picture = wall.copy()
        _put(picture, halo, 360, 520)
        _put(picture, figure, 360 + 22 * sin(2 * pi * t), 840)
        return _captioned(picture, caption, t)

    return draw


def _sea() -> Scene:
    sky = _gradient((255, 186, 110), (255, 142, 118), (214, 92, 120))
    sun = _disc(200, (255, 244, 214))
    boat = _sprite(240, 240, _draw_boat)
    waves = [_hills(700, 3.0 + index, 22, (12, 92 - 14 * index, 128 - 16 * index)) for index in range(4)]
    caption = _caption("19:45", "golden hour")

    def draw(t: float) -> Image.Image:
        picture = sky.copy()
        _put(picture, sun, 520, 520 + 40 * t)
        for index, wave in enumerate(waves):
            if index == 2:
                _put(picture, boat, 190 + 230 * t, 712 + 12 * sin(9 * t))
            shift = 60 + 50 * sin(2 * pi * (t * 0.8 + index / 4))
            picture.paste(wave, (-int(shift), 40 + index * 100), wave)
        return _captioned(picture, caption, t)

    return draw


def _night() -> Scene:
    sky = _gradient((6, 8, 26), (16, 22, 62), (44, 46, 104))
    stars = np.random.default_rng(7).uniform((20, 20, 1, 0), (WIDTH - 20, 860, 3.4, 2 * pi), (90, 4))
    moon = _sprite(260, 260, _draw_moon)
    hills = _hills(820, 1.7, 54, (8, 10, 24))
    caption = _caption("22:30", "upload, then sleep")

    def draw(t: float) -> Image.Image:
        picture = sky.copy()
        pen = ImageDraw.Draw(picture)
        for x, y, size, phase in stars.tolist():
            light = int(150 + 100 * sin(phase + 8 * t))
            pen.ellipse((x - size, y - size, x + size, y + size), fill=(light, light, min(255, light + 20)))
        _put(picture, moon, 500 - 60 * t, 330 - 20 * t)
        picture.paste(hills, (-int(40 * t), 130), hills)
        return _captioned(picture, caption, t)

    return draw


def _end_card() -> Scene:
    card = _gradient((255, 92, 92), (255, 128, 86), (255, 190, 92))
    title, below = _text("huntaze", 128, (255, 255, 255)), _text("made while you sleep", 44, (92, 26, 40))
    ring = _ring(300)

    def draw(t: float) -> Image.Image:
        picture = card.copy()
        for index in range(3):
            angle = 2 * pi * (t * 0.5 + index / 3)
            _put(picture, ring, 360 + 170 * cos(angle), 610 + 170 * sin(angle))
        _put(picture, title, 360, 600)
        _put(picture, below, 360, 710)
        return picture

    return draw


def _gradient(top: Colour, middle: Colour, bottom: Colour) -> Image.Image:
    stops = np.linspace(0, 1, HEIGHT)
    columns = [np.interp(stops, (0, 0.55, 1), channel) for channel in zip(top, middle, bottom, strict=True)]
    strip = np.stack(columns, axis=1).astype(np.uint8)[:, None, :]
    return Image.fromarray(np.ascontiguousarray(np.broadcast_to(strip, (HEIGHT, WIDTH, 3))))


def _sprite(width: int, height: int, paint: Callable[[ImageDraw.ImageDraw], None]) -> Image.Image:
    """Draw with ``paint`` on a canvas ``_SMOOTH`` times as large, and scale it down."""
    canvas = Image.new("RGBA", (width * _SMOOTH, height * _SMOOTH))
    paint(ImageDraw.Draw(canvas))
    return canvas.resize((width, height), Image.Resampling.LANCZOS)


def _disc(size: int, colour: Colour, *, opacity: int = 255, blur: int = 0) -> Image.Image:
    margin = blur * 2
    whole = size + 2 * margin
    mask = Image.new("L", (whole, whole))
    box = (margin, margin, margin + size - 1, margin + size - 1)
    ImageDraw.Draw(mask).ellipse(box, fill=opacity)
    disc = Image.new("RGBA", mask.size, colour)
    disc.putalpha(mask.filter(ImageFilter.GaussianBlur(blur or 1)))
    return disc


def _ring(size: int) -> Image.Image:
    box = (12, 12, size * _SMOOTH - 12, size * _SMOOTH - 12)
    return _sprite(size, size, lambda pen: pen.ellipse(box, outline=(255, 255, 255, 130), width=18))


def _hills(top: int, waves: float, swing: int, colour: Colour) -> Image.Image:
    """Return a layer as high as the frame and wider, filled below a wavy line at ``top``."""
    x = np.arange(WIDTH + 160)
    line = top + swing * np.sin(x / WIDTH * waves * pi) + 0.4 * swing * np.sin(x / WIDTH * waves * 7.3)
    below = np.clip(np.arange(HEIGHT)[:, None] - line[None], 0, 1) * 255
    layer = Image.new("RGBA", (len(x), HEIGHT), colour)
    layer.putalpha(Image.fromarray(below.astype(np.uint8)))
    return layer


def _skyline(*, seed: int, tallest: int, colour: Colour, lit: Colour) -> Image.Image:
    random = np.random.default_rng(seed)
    layer = Image.new("RGBA", (WIDTH + 320, tallest))
    pen = ImageDraw.Draw(layer)
    x = 0
    while x < layer.width:
        width, height = int(random.integers(70, 140)), int(random.integers(tallest // 3, tallest))
        pen.rectangle((x, tallest - height, x + width, tallest), fill=colour)
        for left in range(x + 12, x + width - 16, 24):
            for top in range(tallest - height + 18, tallest, 34):
                if random.random() < 0.45:
                    pen.rectangle((left, top, left + 10, top + 16), fill=lit)
        x += width + int(random.integers(2, 12))
    return layer


def _draw_cup(pen: ImageDraw.ImageDraw) -> None:
    pen.ellipse((20, 640, 780, 780), fill=(120, 66, 44))
    pen.arc((520, 180, 800, 500), -95, 95, fill=(236, 84, 72), width=52)
    pen.rounded_rectangle((90, 90, 640, 690), radius=120, fill=(236, 84, 72))
    pen.ellipse((90, 40, 640, 170), fill=(255, 244, 232))
    pen.ellipse((118, 58, 612, 152), fill=(94, 50, 34))


def _draw_phone(pen: ImageDraw.ImageDraw) -> None:
    pen.rounded_rectangle((8, 8, 872, 1632), radius=110, fill=(14, 20, 28))
    pen.rounded_rectangle((44, 44, 836, 1596), radius=84, fill=(246, 250, 252))
    pen.rounded_rectangle((330, 70, 550, 112), radius=21, fill=(14, 20, 28))
    for index, width in enumerate((420, 300)):
        pen.rounded_rectangle(
            (110, 210 + index * 80, 110 + width, 254 + index * 80), radius=20, fill=(206, 218, 224)
        )
    pen.line((100, 1342, 780, 1342), fill=(150, 166, 176), width=6)


def _draw_figure(pen: ImageDraw.ImageDraw) -> None:
    pen.rounded_rectangle((120, 840, 1120, 1960), radius=420, fill=(34, 30, 66))
    pen.rounded_rectangle((520, 640, 720, 960), radius=90, fill=(222, 150, 118))
    pen.ellipse((300, 60, 940, 820), fill=(58, 28, 40))
    pen.ellipse((370, 150, 870, 780), fill=(244, 178, 144))
    for x in (490, 700):
        pen.ellipse((x, 400, x + 56, 470), fill=(40, 24, 36))
    pen.arc((500, 470, 740, 660), 20, 160, fill=(178, 52, 70), width=22)


def _draw_boat(pen: ImageDraw.ImageDraw) -> None:
    pen.polygon(((30, 330), (450, 330), (370, 440), (110, 440)), fill=(78, 30, 44))
    pen.polygon(((230, 20), (230, 310), (60, 310)), fill=(255, 250, 240))
    pen.polygon(((250, 70), (250, 310), (410, 310)), fill=(250, 214, 190))


def _draw_moon(pen: ImageDraw.ImageDraw) -> None:
    pen.ellipse((20, 20, 500, 500), fill=(246, 240, 214))
    for x, y, size in ((150, 160, 80), (320, 120, 50), (290, 320, 100), (130, 350, 46)):
        pen.ellipse((x, y, x + size, y + size), fill=(222, 214, 188))


def _caption(clock: str, text: str) -> Image.Image:
    """Return the panel with the hour and a line of text."""
    first, second = _text(clock, 60, (255, 255, 255)), _text(text, 40, (240, 240, 244))
    panel = Image.new("RGBA", (max(first.width, second.width) + 70, 150))
    corners = (0, 0, panel.width - 1, panel.height - 1)
    ImageDraw.Draw(panel).rounded_rectangle(corners, radius=34, fill=(10, 12, 20, 190))
    panel.alpha_composite(first, (34, 12))
    panel.alpha_composite(second, (34, 82))
    return panel


def _captioned(picture: Image.Image, caption: Image.Image, t: float) -> Image.Image:
    """Slide the caption in from below, at the start of a shot."""
    settled = min(1.0, t * 5)
    picture.paste(caption, (40, HEIGHT - 190 + int(200 * (1 - settled) ** 2)), caption)
    return picture


def _text(text: str, size: int, colour: Colour) -> Image.Image:
    font = ImageFont.load_default(size=size)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("RGBA", (int(right - left) + 8, int(bottom - top) + 16))
    ImageDraw.Draw(image).text((4 - left, 8 - top), text, font=font, fill=colour)
    return image


def _put(picture: Image.Image, sprite: Image.Image, x: float, y: float) -> None:
    """Paste a sprite with its centre at (x, y)."""
    picture.paste(sprite, (round(x - sprite.width / 2), round(y - sprite.height / 2)), sprite)


def _music(seconds: float) -> Iterator[av.AudioFrame]:
    """Yield a plucked melody of ``seconds``, with silence over the end card."""
    count = int(seconds * _SOUND_RATE)
    time = np.arange(count) / _SOUND_RATE
    sound: NDArray[np.float64] = np.zeros(count)
    for index, semitones in enumerate((0, 4, 7, 12, 9, 7, 4, 2) * 4):
        since = time - index * 0.36
        pluck = np.where((since >= 0) & (since < 1.2), np.exp(-4 * np.maximum(since, 0)), 0.0)
        sound += 0.22 * pluck * np.sin(2 * pi * 220.0 * 2 ** (semitones / 12) * since)
    sound[time > seconds - 1.1] = 0.0
    samples = np.clip(sound, -1, 1).astype(np.float32)
    for start in range(0, count, 1024):
        block = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], "fltp", "mono")
        block.sample_rate, block.pts, block.time_base = _SOUND_RATE, start, Fraction(1, _SOUND_RATE)
        yield block
