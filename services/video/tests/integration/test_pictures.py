"""What a picture of a frame looks like, for videos that are not plain."""

from io import BytesIO
from pathlib import Path

import av
import clips
import numpy as np
import pytest
from huntaze_video.extraction import Extraction, ExtractRequest, Limits
from huntaze_video.extractor import extract
from numpy.typing import NDArray
from PIL import Image

REQUEST = ExtractRequest(rows=1, cols=1)
QUIET = {"preset": "ultrafast", "x265-params": "log-level=none"}


def run(path: Path) -> Extraction:
    with path.open("rb", buffering=0) as source:
        return extract(source, REQUEST, Limits(), lambda _: None)


def shown(found: Extraction) -> NDArray[np.uint8]:
    return np.asarray(Image.open(BytesIO(found.keyframes[0].image.data)).convert("RGB"))


def flat(colour: tuple[int, int, int], frames: int = 12) -> list[clips.Picture]:
    """A colour with a mark in a corner, so that it is not blank."""
    picture = np.full((96, 160, 3), colour, np.uint8)
    picture[:20, :20] = 255 - np.array(colour)
    return [picture] * frames


@pytest.mark.parametrize("colour", [(200, 60, 40), (40, 160, 80), (128, 128, 128)])
def test_colours_are_those_of_the_video(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    picture = shown(run(clips.write(tmp_path / "c.mp4", flat(colour))))

    assert np.abs(picture[40:, 40:].reshape(-1, 3).mean(0) - colour).max() < 5


def test_high_dynamic_range_is_brought_into_standard_range(tmp_path: Path) -> None:
    """PQ's middle is 93 nits, nearly the white of a standard display; shown as it is, it would look grey."""
    params = "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:range=limited"
    path = clips.write(
        tmp_path / "h.mp4",
        flat((128, 128, 128)),
        codec="libx265",
        pixel_format="yuv420p10le",
        options={"preset": "ultrafast", "x265-params": params},
    )

    found = run(path)

    assert found.media.hdr
    assert 165 < shown(found)[40:, 40:].mean() < 205


def test_transparent_video_is_seen_before_grey(tmp_path: Path) -> None:
    clear = [np.dstack([p, np.full((96, 160), 0, np.uint8)]) for p in flat((255, 0, 0))]
    for picture in clear:
        picture[:30, :, 3] = 255
    path = clips.write(
        tmp_path / "a.webm",
        clear,
        codec="libvpx-vp9",
        pixel_format="yuva420p",
        options={"deadline": "realtime", "cpu-used": "8"},
    )

    found = run(path)

    assert found.media.alpha
    assert np.abs(shown(found)[60:].reshape(-1, 3).mean(0) - 128).max() < 6
    assert shown(found)[5:15, 60:, 0].mean() > 240


def test_only_one_field_of_interlaced_video_is_shown(tmp_path: Path) -> None:
    """Two moments in one picture would show bars shifted on every other line."""
    frames: list[clips.Picture] = []
    for index in range(20):
        picture = np.zeros((96, 160, 3), np.uint8)
        picture[0::2, 10 + 4 * index : 40 + 4 * index] = 220
        picture[1::2, 30 + 4 * index : 60 + 4 * index] = 220
        frames.append(picture)
    options = {"preset": "ultrafast", "flags": "+ildct+ilme", "x264-params": "tff=1:crf=5"}

    found = run(clips.write(tmp_path / "i.mp4", frames, options=options, pixel_format="yuv422p"))

    picture = shown(found).mean(2)
    assert found.media.interlaced
    assert np.abs(picture[2:-2:2] - picture[3:-1:2]).mean() < 12


@pytest.mark.parametrize("size", [(161, 97), (97, 161), (2, 2), (16, 300)])
def test_odd_and_tiny_sizes_are_kept(tmp_path: Path, size: tuple[int, int]) -> None:
    pictures = clips.scene(1, 12, size=size, speed=0)

    found = run(clips.write(tmp_path / "o.mp4", pictures, pixel_format="yuv444p"))

    assert (found.media.width, found.media.height) == size
    assert abs(found.grid.cells[0].width / found.grid.cells[0].height - size[0] / size[1]) < 0.1


def test_wide_samples_are_shown_square(tmp_path: Path) -> None:
    """Anamorphic video: 160 stored columns that are shown as 213."""
    path = tmp_path / "s.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"x264-params": "sar=4/3"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for picture in flat((90, 120, 150)):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        file.mux(stream.encode(None))

    assert (run(path).media.width, run(path).media.height) == (213, 96)
