"""Fast and preview: what they save, and what they still find."""

from pathlib import Path

import clips
import pytest
from huntaze_video.extraction import Extraction, ExtractRequest, Limits, Mode
from huntaze_video.extractor import extract

# As phones' and editors' encoders do: frames that no other refers to, and key frames at new pictures.
OPTIONS = {"preset": "veryfast", "bf": "3", "g": "250", "keyint_min": "1"}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = clips.scene(1, 60) + clips.scene(2, 40) + clips.scene(3, 70)
    return clips.write(tmp_path_factory.mktemp("m") / "a.mp4", pictures, options=OPTIONS, sound=2.0)


def run(path: Path, mode: Mode) -> Extraction:
    with path.open("rb", buffering=0) as source:
        return extract(source, ExtractRequest(mode=mode, rows=2, cols=2), Limits(), lambda _: None)


def test_fast_leaves_frames_out_and_finds_the_same(clip: Path) -> None:
    exact, fast = run(clip, Mode.EXACT), run(clip, Mode.FAST)

    assert fast.mode is Mode.FAST
    assert exact.media.frames == 170
    assert fast.media.frames < 0.8 * exact.media.frames
    assert fast.media.duration == pytest.approx(exact.media.duration, abs=0.1)
    assert [t.end_frame for t in exact.transitions] == [60, 100]
    assert [t.end_frame for t in fast.transitions] == [pytest.approx(60, abs=1), pytest.approx(100, abs=1)]


def test_preview_finds_what_the_encoder_marked(clip: Path) -> None:
    preview = run(clip, Mode.PREVIEW)

    assert preview.media.frames == 3
    assert preview.media.duration == pytest.approx(6.8, abs=0.05)
    assert [t.end_frame for t in preview.transitions] == [60, 100]
    assert [round(frame.time, 2) for frame in preview.keyframes] == [0.0, 2.4, 4.0]
    assert preview.measures.motion is None
    assert preview.measures.sound is None


def test_preview_takes_regular_key_frames_for_no_boundary(tmp_path: Path) -> None:
    """A key frame every second says nothing of the pictures."""
    options = {**OPTIONS, "g": "25", "sc_threshold": "0"}
    pictures = clips.scene(1, 60) + clips.scene(2, 65)

    preview = run(clips.write(tmp_path / "a.mp4", pictures, options=options), Mode.PREVIEW)

    assert preview.media.frames == 5
    assert preview.transitions == ()


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.webm", "a.avi"])
def test_preview_works_without_an_index(tmp_path: Path, name: str) -> None:
    codec = {"a.webm": "libvpx-vp9", "a.avi": "mpeg4"}.get(name, "libx264")
    options = {"g": "10", **({"deadline": "realtime"} if codec == "libvpx-vp9" else {})}

    preview = run(
        clips.write(tmp_path / name, clips.scene(1, 40), codec=codec, options=options), Mode.PREVIEW
    )

    assert preview.media.frames >= 4
    assert preview.media.duration == pytest.approx(1.6, abs=0.15)
