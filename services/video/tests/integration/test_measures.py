"""Measures without a model, and the storyboard, against clips of which they are known."""

import hashlib
import re
from io import BytesIO
from pathlib import Path

import clips
import numpy as np
import pytest
from huntaze_video.extraction import Extraction, ExtractRequest, Limits, Pace
from huntaze_video.extractor import extract
from huntaze_video.measures import pacing, palette, swatch
from PIL import Image


def run(path: Path, request: ExtractRequest | None = None) -> Extraction:
    with path.open("rb", buffering=0) as source:
        return extract(source, request or ExtractRequest(), Limits(), lambda _: None)


def test_light_and_motion_follow_the_pictures(tmp_path: Path) -> None:
    still = [np.full((96, 160, 3), 60, np.uint8)] * 50
    moving = [np.clip(p.astype(int) + 60, 0, 255).astype(np.uint8) for p in clips.scene(1, 50, speed=3)]

    measures = run(clips.write(tmp_path / "m.mp4", still + moving)).measures

    assert [moment.time for moment in measures.moments] == [0, 1, 2, 3]
    assert measures.moments[0].light == pytest.approx(60, abs=3)
    assert measures.moments[0].motion < 0.2 < 1.0 < measures.moments[3].motion
    assert measures.moments[3].light > 100


def test_loudness_is_measured_and_silence_found(tmp_path: Path) -> None:
    """A tone of amplitude 0.3: -13.5 dB of power by R 128 in one channel, for two seconds of four."""
    path = clips.write(tmp_path / "s.mp4", clips.scene(1, 100), sound=2.0, silence=2.0)

    sound = run(path).measures.sound

    assert sound is not None
    assert sound.loudness == pytest.approx(-13.8, abs=1.5)
    assert [(round(s.start), round(s.end)) for s in sound.silences][-1] == (2, 4)
    assert sound.curve[0] > -20 > -60 > sound.curve[3]


@pytest.mark.parametrize("sound", [True, False])
def test_a_video_without_readable_sound_has_none(tmp_path: Path, sound: bool) -> None:
    path = clips.write(tmp_path / "s.mkv", clips.scene(1, 30), sound=1.0 if sound else 0.0)

    assert run(path, ExtractRequest(sound=False)).measures.sound is None


@pytest.mark.parametrize(
    ("boundaries", "duration", "pace"),
    [
        ([], 12.0, Pace.SLOW),
        ([5.0], 10.0, Pace.MODERATE),
        ([2.0, 5.0], 8.0, Pace.FAST),
        ([1, 2, 3], 4.0, "very_fast"),
    ],
)
def test_pace_is_the_length_of_the_shots(boundaries: list[float], duration: float, pace: str) -> None:
    found = pacing(boundaries, duration)

    assert found.pace == pace
    assert found.shots == len(boundaries) + 1
    assert found.shortest <= found.median <= found.longest


def test_the_palette_is_ordered_by_area() -> None:
    picture = Image.new("RGB", (100, 100), (250, 10, 10))
    picture.paste((10, 10, 250), (0, 0, 100, 30))

    first, second, *_ = palette([swatch(picture)])

    assert (first.rgb[:3], second.rgb[-2:]) == ("#fa", "fa")
    assert first.share == pytest.approx(0.7, abs=0.05)


def test_the_storyboard_maps_every_second_to_a_tile(tmp_path: Path) -> None:
    found = run(clips.write(tmp_path / "b.mp4", clips.scene(1, 60, speed=2) + clips.scene(2, 65, speed=2)))

    board = found.storyboard
    assert board is not None
    cues = re.findall(r"(\S+) --> (\S+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)", board.vtt)
    assert board.vtt.startswith("WEBVTT\n")
    assert [cue[0] for cue in cues] == [f"00:00:0{second}.000" for second in range(5)]
    assert cues[-1][1] == "00:00:05.000"
    [sheet] = board.sheets
    assert {cue[2] for cue in cues} == {sheet.name}
    assert sheet.name == f"{hashlib.sha256(sheet.image.data).hexdigest()[:32]}.jpg"
    picture = Image.open(BytesIO(sheet.image.data))
    assert all(
        int(x) + int(w) <= picture.width and int(y) + int(h) <= picture.height for *_, x, y, w, h in cues
    )


def test_a_long_video_has_no_more_than_a_hundred_tiles(tmp_path: Path) -> None:
    found = run(clips.write(tmp_path / "l.mp4", clips.scene(1, 260, speed=1), rate=1))

    assert found.storyboard is not None
    assert found.storyboard.vtt.count(" --> ") == 100
    assert len(found.storyboard.sheets) == 2
    assert len(found.measures.moments) <= 241
