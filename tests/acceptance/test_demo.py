"""What README promises a newcomer: one command, four results, a picture, exit code 0."""

import io
import subprocess
import sys
from pathlib import Path

from PIL import Image


def test_the_demo_ends_with_a_picture(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "huntaze_local", "--directory", str(tmp_path), "demo"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "8 shots",
        "9 keyframes",
        "is rising",
        "messages of 40 creators",
        "Engagement dropped",
        "skipped",
        "a report of 4 files",
    ):
        assert said in " ".join(done.stdout.split()), done.stdout
    assert (tmp_path / "demo" / "report.pdf").read_bytes().startswith(b"%PDF")
    assert "followers" in (tmp_path / "demo" / "report.html").read_text("utf-8")
    with Image.open(io.BytesIO((tmp_path / "demo" / "grid.jpg").read_bytes())) as grid:
        assert min(grid.size) > 500


def test_a_missing_clip_is_told_and_everything_is_stopped(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "huntaze_local",
        "--directory",
        str(tmp_path),
        "demo",
        "--video",
        "no-such.mp4",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert (done.returncode, "no-such.mp4" in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr
