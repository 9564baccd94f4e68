"""Time the worker's step against decoding alone, FFmpeg's own pipeline and PySceneDetect, as ratios of one run.

``python bench/video/speed.py FILES... [--rounds 3] [--scenedetect BIN]``. Commands alternate and medians count;
CPU seconds are the figure to read, because walls move with whatever else the machine does. All is divided by
``ffmpeg -i FILE -an -f null -``, the floor: every exact method has to decode every frame.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

STEP = Path(__file__).with_name("step.py")
FFMPEG = ("ffmpeg", "-nostdin", "-v", "error", "-y")


class Run(NamedTuple):
    """One command, timed."""

    cpu: float
    wall: float
    memory: float
    """Peak of the largest process, in megabytes."""
    fetched: float | None


def commands(file: Path, scenedetect: str) -> dict[str, list[str]]:
    """Return what is compared; the first is the floor."""
    null = ["-an", "-f", "null", "-"]
    tiled = "select='gt(scene,0.3)',scale=340:-2,tile=3x3"
    made = {
        "ffmpeg decode": [*FFMPEG, "-i", str(file), *null],
        "ffmpeg select + tile": [
            *(*FFMPEG, "-i", str(file), "-an", "-vf", tiled, "-vsync", "0", "-f", "image2", "-update", "1"),
            os.devnull + ".jpg" if os.name == "nt" else "/dev/shm/huntaze-tile.jpg",
        ],
    }
    for mode in ("exact", "fast", "preview"):
        made[f"ours, {mode}: shots + grid"] = [sys.executable, str(STEP), str(file), "detection", mode]
    made["ours, exact: everything"] = [sys.executable, str(STEP), str(file), "everything", "exact"]
    if scenedetect:
        made["PySceneDetect content"] = [scenedetect, "-q", "-i", str(file), "detect-content"]
        made["PySceneDetect adaptive"] = [scenedetect, "-q", "-i", str(file), "detect-adaptive"]
    return made


def timed(command: list[str]) -> Run:
    """Run a command and count the CPU seconds of it and its children.

    Of ours, the start of the service is left out, which happens once and not with every video; the start of
    the decoding process is in.
    """
    before, began = os.times(), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    told = json.loads(done.stdout) if str(STEP) in command else {}
    if told:
        cpu = told["cpu_seconds"] + told["service_cpu_seconds"]
    memory = told.get("peak_memory", 0) / 1e6
    return Run(cpu, time.monotonic() - began, memory, told.get("fetched"))


def main() -> None:
    """Print one table a file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scenedetect", default="")
    options = parser.parse_args()
    for file in options.files:
        compared = commands(file, options.scenedetect)
        runs: dict[str, list[Run]] = {name: [] for name in compared}
        for _ in range(options.rounds):
            for name, command in compared.items():
                runs[name].append(timed(command))
        print(f"\n### {file.name}\n\n| what | CPU | wall | peak MB | fetched |\n|---|---|---|---|---|")
        floor = runs["ffmpeg decode"]
        for name, seen in runs.items():
            cpu = median(run.cpu for run in seen) / median(run.cpu for run in floor)
            wall = median(run.wall for run in seen) / median(run.wall for run in floor)
            memory = f"{max(run.memory for run in seen):.0f}" if seen[0].memory else ""
            fetched = f"{seen[0].fetched:.3f}" if seen[0].fetched is not None else ""
            absolute = f" ({median(run.cpu for run in seen):.1f} s)" if name == "ffmpeg decode" else ""
            print(f"| {name} | {cpu:.2f}{absolute} | {wall:.2f} | {memory} | {fetched} |", flush=True)


if __name__ == "__main__":
    main()
