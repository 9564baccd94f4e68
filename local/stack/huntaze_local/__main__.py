"""`python -m huntaze_local up|demo`: what `./dev up` and `./dev demo` run."""

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from huntaze_local import demo, operator, terminal
from huntaze_local.postgres import PostgresError
from huntaze_local.stack import running_stack
from huntaze_local.supervisor import ChildFailed
from huntaze_local.unprivileged import CannotDropRoot

_REPOSITORY = Path(__file__).resolve().parents[3]


def main() -> None:
    """Run one command and exit with its code."""
    parser = argparse.ArgumentParser(prog="./dev", description="The whole platform on loopback.")
    parser.add_argument(
        "--directory", type=Path, default=_REPOSITORY / ".dev" / "data", help="where data and logs are kept"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything and keep it running until Ctrl-C")
    up.add_argument("--verbose", action="store_true", help="show what every process writes")
    run = commands.add_parser("demo", help="run all four workers on sample data and show the results")
    run.add_argument("--video", metavar="PATH_OR_URL", help="a clip of your own instead of the sample")
    arguments = parser.parse_args()
    try:
        code = asyncio.run(_until_signalled(arguments))
    except (ChildFailed, PostgresError, CannotDropRoot, demo.DemoFailed) as error:
        terminal.error(str(error))
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


async def _until_signalled(arguments: argparse.Namespace) -> int:
    """Run the command as a task that SIGINT and SIGTERM cancel, so that everything is stopped in order."""
    loop = asyncio.get_running_loop()
    command = _up(arguments) if arguments.command == "up" else _demo(arguments)
    task = loop.create_task(command)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        return await task
    terminal.say("stopped")
    return 0 if arguments.command == "up" else 130


async def _up(arguments: argparse.Namespace) -> int:
    echo = print if arguments.verbose else None
    async with running_stack(arguments.directory, tell=terminal.step, echo=echo) as stack:
        terminal.ready(stack, arguments.directory)
        with operator.settings_file(stack, arguments.directory / operator.FILE):
            failure = await stack.supervisor.failure()
            raise failure


async def _demo(arguments: argparse.Namespace) -> int:
    async with running_stack(arguments.directory, tell=terminal.step) as stack:
        await demo.run(stack, arguments.directory / "demo", video=arguments.video)
    return 0


if __name__ == "__main__":
    main()
