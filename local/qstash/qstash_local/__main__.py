"""The command: `qstash-local serve`."""

import argparse
import asyncio
import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from qstash_local.api.context import Context
from qstash_local.core.errors import Refused
from qstash_local.core.identities import DEV_IDENTITIES, identity_for
from qstash_local.core.plans import PLANS
from qstash_local.core.rewrite import parse_rewrites
from qstash_local.server import run
from qstash_local.settings import Settings
from qstash_local.store.database import DataFileError


class _JsonLines(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="qstash-local", description="A QStash server on your own machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run the server until it is stopped")
    option = serve.add_argument
    option("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    option("--port", type=int, default=8080, help="0 takes a free port (default: %(default)s)")
    option("--log-port", type=int, help="second port that answers /v2/logs (default: the next one)")
    option("--data", default="qstash-local.db", help="data file, or :memory: (default: %(default)s)")
    option("--plan", choices=sorted(PLANS), default="payg", help="whose limits apply (default: %(default)s)")
    option(
        "--token", default=DEV_IDENTITIES[0].token, help="API token (default: the public one of dev servers)"
    )
    option("--read-only-token", help="a second token that may only read")
    option("--current-signing-key", help="(default: the public one that belongs to the token)")
    option("--next-signing-key", help="(default: the public one that belongs to the token)")
    option(
        "--region", default="EU-CENTRAL-1", help="value of the header Upstash-Region (default: %(default)s)"
    )
    option(
        "--rewrite",
        action="append",
        default=[],
        metavar="ORIGIN=ORIGIN",
        help="open the socket elsewhere; * for all",
    )
    option("--control", action="store_true", help="answer the test control API at /control")
    option("--log-format", choices=("text", "json"), default="text", help="(default: %(default)s)")
    option("--quiet", action="store_true", help="log warnings and errors only")
    return parser


def _announce(settings: Settings, log_format: str) -> Callable[[int, int | None, Context], None]:
    def started(port: int, log_port: int | None, context: Context) -> None:
        # A server that listens everywhere is still reached by name; loopback is the name we know.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
        host = f"[{host}]" if ":" in host else host
        environment = {
            "QSTASH_URL": f"http://{host}:{port}",
            "QSTASH_TOKEN": settings.identity.token,
            "QSTASH_CURRENT_SIGNING_KEY": context.keys.current,
            "QSTASH_NEXT_SIGNING_KEY": context.keys.next,
        }
        if log_format == "json":
            print(json.dumps({"message": "listening", **environment, "log_port": log_port}), flush=True)
            return
        lines = [f"{name}={value}" for name, value in environment.items()]
        where = settings.data or "memory (nothing is kept)"
        print("\n".join([*lines, f"# ready; data in {where}; logs also on port {log_port}"]), flush=True)

    return started


def _configure_logging(log_format: str, *, quiet: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    formatter = (
        _JsonLines() if log_format == "json" else logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    )
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("qstash_local").setLevel(logging.WARNING if quiet else logging.INFO)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    _configure_logging(options.log_format, quiet=options.quiet)
    try:
        rewrites = parse_rewrites(options.rewrite)
    except ValueError as error:
        parser.error(str(error))
    settings = Settings(
        host=options.host,
        port=options.port,
        log_port=options.log_port,
        data=None if options.data == ":memory:" else Path(options.data),
        plan=PLANS[options.plan],
        rewrites=rewrites,
        identity=identity_for(options.token, options.current_signing_key, options.next_signing_key),
        read_only_token=options.read_only_token,
        region=options.region,
        control=options.control,
    )
    try:
        with asyncio.Runner(loop_factory=_event_loop()) as runner:
            runner.run(run(settings, _announce(settings, options.log_format)))
    except (DataFileError, Refused, OSError, OverflowError) as error:
        print(f"qstash-local: {error}", file=sys.stderr)
        return 1
    return 0


def _event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main())
