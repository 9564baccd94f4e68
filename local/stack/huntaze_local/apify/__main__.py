"""``python -m huntaze_local.apify --port N [--host ADDRESS]``."""

import argparse

import uvicorn

from huntaze_local.apify.app import create_app

RUN_TAKES = 1.0  # seconds


def main() -> None:
    """Serve until the process is told to stop."""
    parser = argparse.ArgumentParser(
        prog="huntaze_local.apify", description="Sample posts over the Apify API."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--run-takes", type=float, default=RUN_TAKES, help="seconds")
    arguments = parser.parse_args()
    app = create_app(arguments.run_takes)
    uvicorn.run(app, host=arguments.host, port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()
