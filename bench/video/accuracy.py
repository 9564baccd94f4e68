"""Find the shots of all generated clips with our three modes and with the peers, and print one table a half.

``python bench/video/accuracy.py CLIPS [--scenedetect PYTHON] [--half report]``: ``CLIPS`` was made by
`truth.py`; ``PYTHON`` is an interpreter of an environment of its own that has scenedetect and OpenCV.
"""

import argparse
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
from huntaze_video.extraction import ExtractRequest, Limits, Mode
from huntaze_video.extractor import extract
from score import Found, Tally, Truth

Detector = Callable[[Path], list[Found]]

_SCENEDETECT = """
import sys
from scenedetect import AdaptiveDetector, ContentDetector, detect
kind = {"content": ContentDetector, "adaptive": AdaptiveDetector}[sys.argv[1]]
for begin, _ in detect(sys.argv[2], kind())[1:]:
    print(begin.get_frames() if hasattr(begin, "get_frames") else begin.frame_num)
"""


def ours(mode: Mode) -> Detector:
    """Return our detector in one mode."""

    def find(path: Path) -> list[Found]:
        request = ExtractRequest(mode=mode, sound=False, storyboard=False, hook_frames=False, rows=1, cols=1)
        with path.open("rb", buffering=0) as source:
            found = extract(source, request, Limits(), lambda _: None)
        return [Found(shot.start_frame, shot.end_frame) for shot in found.transitions]

    return find


def ffmpeg(threshold: float) -> Detector:
    """Return FFmpeg's scene filter."""

    def find(path: Path) -> list[Found]:
        done = subprocess.run(
            [
                *("ffmpeg", "-nostdin", "-i", path, "-an"),
                *("-vf", f"select='gt(scene,{threshold})',showinfo", "-f", "null", "-"),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        times = [float(time) for time in re.findall(r"pts_time:\s*([0-9.]+)", done.stderr)]
        with av.open(str(path)) as file:
            rate = float(file.streams.video[0].average_rate or 25)
        return [Found(round(time * rate) - 1, round(time * rate)) for time in times]

    return find


def scenedetect(python: str, kind: str) -> Detector:
    """Return one of PySceneDetect's detectors, with its defaults."""

    def find(path: Path) -> list[Found]:
        done = subprocess.run(
            [python, "-c", _SCENEDETECT, kind, path], capture_output=True, text=True, check=True
        )
        return [Found(int(line) - 1, int(line)) for line in done.stdout.split()]

    return find


def clips(directory: Path, half: str) -> Iterator[tuple[Path, list[Truth]]]:
    """Yield each clip of one half with its boundaries."""
    for described in sorted(directory.glob(f"{half}-*.json")):
        clip: dict[str, Any] = json.loads(described.read_text())
        yield directory / clip["file"], [Truth(*joint) for joint in clip["joints"]]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("clips", type=Path)
    parser.add_argument("--scenedetect", default="")
    parser.add_argument("--half", choices=("tune", "report"), default="report")
    options = parser.parse_args()
    detectors: dict[str, Detector] = {f"ours, {mode}": ours(mode) for mode in Mode}
    detectors["ffmpeg scene > 0.3"] = ffmpeg(0.3)
    if options.scenedetect:
        detectors["PySceneDetect content"] = scenedetect(options.scenedetect, "content")
        detectors["PySceneDetect adaptive"] = scenedetect(options.scenedetect, "adaptive")
    print(
        "| method | cuts P / R / F1 | gradual R | all P / R / F1 | false alarms (per 141 cuts) |\n|---|---|---|---|---|"
    )
    for name, detect in detectors.items():
        tally = Tally()
        for path, truth in clips(options.clips, options.half):
            tally.add(truth, detect(path))
        cuts, whole = (
            " / ".join(f"{100 * x:.1f}" for x in s) for s in (tally.cut_scores(), tally.all_scores())
        )
        gradual = 100 * tally.graduals_found / max(1, tally.graduals)
        alarms = f"{tally.false_alarms} ({tally.alarms_per_141_cuts:.1f})"
        print(f"| {name} | {cuts} | {gradual:.1f} | {whole} | {alarms} |", flush=True)
    print(f"\n{tally.cuts} cuts, {tally.graduals} gradual transitions")


if __name__ == "__main__":
    main()
