"""Real files of all kinds through the whole extraction: right, or a clear permanent error."""

from io import BytesIO
from itertools import pairwise
from pathlib import Path

import clips
import numpy as np
import pytest
from huntaze_video.errors import (
    MediaTooLarge,
    MediaUnreadable,
    MediaUnsupported,
    NoVideoStream,
)
from huntaze_video.extraction import Extraction, ExtractRequest, Limits
from huntaze_video.extractor import extract
from PIL import Image

A, B = clips.scene(1, 40), clips.scene(2, 40)
FAST_VP9 = {"deadline": "realtime", "cpu-used": "8"}


def run(path: Path, request: ExtractRequest | None = None, limits: Limits | None = None) -> Extraction:
    with path.open("rb") as source:
        return extract(source, request or ExtractRequest(), limits or Limits(), lambda _: None)


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "options"),
    [
        ("a.mp4", "libx264", "yuv420p", None),
        ("a.mov", "prores", "yuv422p10le", None),
        ("a.mkv", "libx264", "yuv444p", None),
        ("a.ts", "libx264", "yuv420p", None),
        ("a.flv", "libx264", "yuv420p", None),
        ("a.avi", "mpeg4", "yuv420p", None),
        ("b.avi", "mjpeg", "yuvj420p", None),
        ("8.webm", "libvpx", "yuv420p", None),
        ("9.webm", "libvpx-vp9", "yuv420p", FAST_VP9),
        ("hevc.mp4", "libx265", "yuv420p10le", {"preset": "ultrafast", "x265-params": "log-level=none"}),
        ("av1.mp4", "libsvtav1", "yuv420p", {"preset": "12"}),
    ],
)
def test_every_container_and_codec_gives_the_same_cut(
    tmp_path: Path, name: str, codec: str, pixel_format: str, options: dict[str, str] | None
) -> None:
    path = clips.write(tmp_path / name, A + B, codec=codec, pixel_format=pixel_format, options=options)

    found = run(path)

    assert [(cut.start_frame, cut.end_frame, cut.kind) for cut in found.transitions] == [(39, 40, "cut")]
    assert found.transitions[0].score > 0.3
    assert found.transitions[0].time == pytest.approx(40 / clips.RATE, abs=0.005)
    assert found.media.duration == pytest.approx(80 / clips.RATE, abs=0.005)
    assert (found.media.width, found.media.height) == clips.SIZE
    assert len(found.keyframes) == 9


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_a_rotated_video_is_shown_upright(tmp_path: Path, rotation: int) -> None:
    """The sky of an upright picture is at its top, however the phone was held."""
    sky = [np.where(np.arange(96)[:, None, None] < 40, 230, p // 3).astype(np.uint8) for p in A]
    turned = [np.ascontiguousarray(np.rot90(p, -rotation // 90)) for p in sky]

    found = run(clips.write(tmp_path / "r.mp4", turned, rotation=rotation), ExtractRequest(rows=1, cols=1))

    shown = Image.open(BytesIO(found.keyframes[0].image.data)).convert("L")
    assert (found.media.width, found.media.height) == clips.SIZE == shown.size
    assert np.asarray(shown)[:30].mean() > 200 > 100 > np.asarray(shown)[60:].mean()


def test_times_of_a_variable_rate_are_those_of_the_frames(tmp_path: Path) -> None:
    times = [40 * i for i in range(40)] + [1600 + 100 * i for i in range(40)]

    found = run(clips.write(tmp_path / "v.mp4", A + B, times=times))

    assert [cut.time for cut in found.transitions] == [pytest.approx(1.6, abs=0.002)]
    assert found.media.duration == pytest.approx(5.6, abs=0.1)


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_a_clip_with_fewer_frames_than_cells_leaves_cells_empty(tmp_path: Path, frames: int) -> None:
    found = run(clips.write(tmp_path / "s.mp4", clips.scene(1, frames, speed=9)))

    assert len(found.keyframes) == len(found.grid.cells) == frames
    assert found.transitions == ()


def test_a_still_picture_is_shown_once(tmp_path: Path) -> None:
    assert len(run(clips.write(tmp_path / "s.mp4", [A[0]] * 50)).keyframes) == 1


def test_sound_that_lasts_longer_does_not_stretch_the_video(tmp_path: Path) -> None:
    found = run(clips.write(tmp_path / "a.mkv", A + B, sound=9.0))

    assert found.media.audio
    assert found.media.duration == pytest.approx(3.2, abs=0.1)
    assert found.keyframes[-1].time > 3.0


def test_hook_frames_are_taken_in_the_first_seconds(tmp_path: Path) -> None:
    found = run(clips.write(tmp_path / "h.mp4", A + B))

    assert [frame.requested for frame in found.hooks] == [0.0, 1.0, 2.0, 3.0]
    assert all(frame.time == pytest.approx(frame.requested, abs=0.05) for frame in found.hooks)
    assert run(clips.write(tmp_path / "s.mp4", A)).hooks == ()


def test_black_frames_are_stepped_over(tmp_path: Path) -> None:
    black = [np.zeros_like(A[0])] * 10

    found = run(clips.write(tmp_path / "b.mp4", black + A + B))

    assert all(frame.luma > 16 for frame in found.keyframes)


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    path = clips.write(tmp_path / "d.mp4", clips.dissolve(A, B, 10))

    first, second = run(path), run(path)

    assert first.grid == second.grid
    assert first.keyframes == second.keyframes


@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (2, 2), (1, 6), (6, 6)])
def test_every_grid_has_its_cells_in_order(tmp_path: Path, rows: int, cols: int) -> None:
    moving = clips.scene(1, 40, speed=1.5) + clips.scene(2, 40, speed=1.5)

    found = run(clips.write(tmp_path / "g.mp4", moving), ExtractRequest(rows=rows, cols=cols))

    assert len(found.grid.cells) == rows * cols
    assert [cell.time for cell in found.grid.cells] == [frame.time for frame in found.keyframes]
    assert all(one.time < other.time for one, other in pairwise(found.keyframes))


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(NoVideoStream):
        run(clips.write_sound(tmp_path / "s.m4a"))


@pytest.mark.parametrize("keep", [0.4, 0.7, 0.95])
def test_a_truncated_download_gives_what_is_there(tmp_path: Path, keep: float) -> None:
    path = clips.write(tmp_path / "t.mp4", A + B, container={"movflags": "+faststart"})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])

    found = run(path)

    assert 5 < found.media.frames < 80
    assert found.media.duration == pytest.approx(found.media.frames / clips.RATE, abs=0.05)
    assert found.keyframes[-1].time > 0.8 * found.media.duration


def test_a_file_without_its_index_is_unreadable(tmp_path: Path) -> None:
    path = clips.write(tmp_path / "t.mp4", A)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(MediaUnreadable):
        run(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/secret\n",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'/>",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"GIF89a" + bytes(100),
    ],
)
def test_playlists_pictures_and_nothing_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(content)

    with pytest.raises(MediaUnsupported):
        run(path)


@pytest.mark.parametrize("codec", ["mpeg2video", "ffv1"])
def test_a_codec_off_the_list_is_refused(tmp_path: Path, codec: str) -> None:
    path = clips.write(tmp_path / "c.mkv", A[:5], codec=codec)

    with pytest.raises(MediaUnsupported, match=codec):
        run(path)


@pytest.mark.parametrize(
    "limits",
    [Limits(duration=1.0), Limits(pixels=100 * 90), Limits(frames=30), Limits(streams=1)],
)
def test_a_file_over_a_limit_is_too_large(tmp_path: Path, limits: Limits) -> None:
    path = clips.write(tmp_path / "l.mkv", A + B, sound=1.0)

    with pytest.raises(MediaTooLarge):
        run(path, limits=limits)


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    """A song with its sleeve attached has a video stream that never moves."""
    with pytest.raises(NoVideoStream):
        run(clips.write_song(tmp_path / "song.mp4"))
