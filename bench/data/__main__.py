"""Measure the data worker: `./dev bench data [--rows N] [--users N] [--zones utc|many] [--json FILE]`.

    aggregation   a day's count beside the bare scan of its rows and beside two peers
    deleting      a fifth of the messages: dry run, batches, one DELETE, partitions; writers beside it

Loads 5,000,000 messages of 50,000 users over 120 days first (about two minutes), all in a server of its own.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.data import aggregation, deleting
from bench.data.material import stage

ZONES = {
    "utc": ("UTC",),
    "many": ("America/New_York", "Europe/Paris", "America/Los_Angeles", "Asia/Tokyo", "Asia/Kolkata", "UTC"),
}


def main() -> None:
    """Run both and print the figures."""
    parser = argparse.ArgumentParser(prog="./dev bench data", description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--users", type=int, default=None, help="a hundredth of the rows when absent")
    parser.add_argument("--zones", choices=ZONES, default="utc")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    figures = asyncio.run(_measure(arguments.rows, arguments.users or arguments.rows // 100, arguments.zones))
    text = json.dumps(figures, indent=1)
    sys.stdout.write(text + "\n")
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")


async def _measure(rows: int, users: int, zones: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bench-data-") as directory:
        async with stage(Path(directory), rows=rows, users=users, zones=ZONES[zones]) as made:
            figures: dict[str, Any] = {"rows": rows, "users": users, "zones": zones}
            figures["load_average_before"] = os.getloadavg()
            figures["aggregation"] = await aggregation.run(made)
            sys.stdout.write(json.dumps(figures) + "\n")
            sys.stdout.flush()
            figures["deleting"] = await deleting.run(made)
            figures["load_average_after"] = os.getloadavg()
            return figures


if __name__ == "__main__":
    main()
