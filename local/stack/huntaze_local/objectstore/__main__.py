"""``python -m huntaze_local.objectstore --port N --directory D [--host ADDRESS] [--bucket NAME ...]``."""

import argparse
import os
import resource
import signal
import sys
from pathlib import Path
from types import FrameType

from huntaze_local.lock import InUse
from huntaze_local.objectstore.server import serve
from huntaze_local.objectstore.signature import Credentials

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="huntaze_local.objectstore", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True, help="where the objects are kept")
    parser.add_argument("--bucket", action="append", default=[], help="make this bucket if it is absent")
    arguments = parser.parse_args()
    missing = [name for name in KEYS if not os.environ.get(name)]
    if missing:
        parser.error(f"the environment lacks {' and '.join(missing)}: the key that clients are to sign with")
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, _leave)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # moto holds a file open per part of an upload
    credentials = Credentials(os.environ[KEYS[0]], os.environ[KEYS[1]])
    try:
        serve(arguments.directory, (arguments.host, arguments.port), credentials, arguments.bucket)
    except InUse as error:
        sys.exit(f"object store: {error}")


def _leave(_signum: int, _frame: FrameType | None) -> None:
    """End the program; what was answered is on disk, so nothing has to be waited for."""
    sys.exit(0)


if __name__ == "__main__":
    main()
