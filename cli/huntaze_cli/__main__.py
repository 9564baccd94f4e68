"""The console script: the only reader of the environment."""

import os
import sys

from huntaze_cli.app import run


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:], os.environ))


if __name__ == "__main__":
    main()
