"""`python -m huntaze_console`: serve the console; settings come from the environment."""

import asyncio
import os
import sys
from collections.abc import Mapping

import structlog
from huntaze_cli.failures import CommandFailed
from huntaze_common import logs, server
from huntaze_common.errors import ConfigurationError
from huntaze_common.settings import from_environment

from huntaze_console.app import running
from huntaze_console.settings import ConsoleSettings


def main(environment: Mapping[str, str]) -> int:
    """Serve until SIGTERM and return the exit code."""
    try:
        settings = from_environment(ConsoleSettings, environment)
        logs.configure("console", "info")
        with asyncio.Runner(loop_factory=server.new_event_loop) as runner:
            runner.run(_serve(settings))
    except (ConfigurationError, CommandFailed) as error:
        sys.stderr.write(f"huntaze_console: {error}\n")
        return 78  # EX_CONFIG
    return 0


async def _serve(settings: ConsoleSettings) -> None:
    async with running(settings) as (app, streams):
        structlog.get_logger().info("serving", port=settings.port)

        async def stop(_grace: float) -> None:
            streams.close()

        await server.serve(app, host=settings.host, port=settings.port, grace=5, on_stop=stop)


if __name__ == "__main__":
    sys.exit(main(os.environ))
