"""Measure the trends worker: `python -m bench.trends [NAME ...] [--data DIRECTORY] [--json FILE]`.

    volume   T1  labelled bursts in counts of tweets (NAB)
    news     T2  dated news in titles, false alarms on permuted posts
    growth   T3  forecasts of views
    speed    T6  the pipeline beside its floor
    write    T6  the database's share, for 5,000 posts

T4 (what must change nothing) and T5 (faults over HTTP) are tests: `services/trends/tests`.
"""

import argparse
import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.trends import growth, news, speed, volume, write

MEASURES: dict[str, Callable[[Path], Any]] = {
    "growth": growth.run,
    "volume": volume.run,
    "speed": lambda _: speed.run(),
    "write": lambda _: write.run(),
    "news": news.run,
}


def main() -> None:
    """Run what was named, or everything."""
    parser = argparse.ArgumentParser(prog="python -m bench.trends", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*MEASURES, []], default=list(MEASURES))
    parser.add_argument(
        "--data", type=Path, default=Path(".dev/bench"), help="where data is, or is fetched to"
    )
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {"machine": f"{platform.machine()}, Python {platform.python_version()}"}
    for name in arguments.names or MEASURES:
        figures[name] = MEASURES[name](arguments.data)
        sys.stdout.write(f"{name} {json.dumps(figures[name], indent=1)}\n")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
