"""What README promises a newcomer: one command, four results, a picture, exit code 0."""

import io
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from huntaze_local.apify.posts import posts
from huntaze_trends.detection import detect
from huntaze_trends.rows import tiktok
from PIL import Image


def test_the_demo_ends_with_a_picture(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "huntaze_local", "--directory", str(tmp_path), "demo"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "8 shots",
        "9 keyframes",
        "in 24 hours where",
        "messages of 40 creators",
        "Engagement dropped",
        "skipped",
        "a report of 4 files",
    ):
        assert said in " ".join(done.stdout.split()), done.stdout
    assert re.search(r"is (emerging|rising)", " ".join(done.stdout.split())), done.stdout
    assert "<svg" in (tmp_path / "demo" / "trend.svg").read_text("utf-8")
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


@pytest.mark.parametrize("days", range(0, 25, 2))
def test_at_any_hour_something_rises_among_the_sample_posts(days: int) -> None:
    """The posts follow the clock, so the demo must not depend on when it is run."""
    for hours in range(0, 48, 7):
        now = datetime(2026, 11, 24, 0, 30, tzinfo=UTC) + timedelta(days=days, hours=hours)
        read = [tiktok.read(json.dumps(item).encode()) for item in posts(now) if "id" in item]
        states = {topic.state for topic in detect(read, until=now).topics}
        assert states & {"emerging", "rising"}, now
