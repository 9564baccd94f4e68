"""`python -m huntaze_trends serve|migrate`: the only place of this service that reads the environment."""

import os
import sys

from huntaze_common.service import command_line

from huntaze_trends.app import SERVICE

if __name__ == "__main__":
    sys.exit(command_line(SERVICE, sys.argv[1:], os.environ))
