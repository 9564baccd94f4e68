"""`huntaze dev`: the whole platform on this machine."""

import importlib.util
import subprocess
import sys

from cyclopts import App

from huntaze_cli.failures import CommandFailed, usage
from huntaze_cli.session import Given
from huntaze_cli.settings import local_file

app = App(name="dev", help="Run the whole platform on this machine.", help_format="plaintext")


@app.default
def dev(*, session: Given) -> int:
    """Start the local stack and keep it until Ctrl-C, or tell how to use the one that runs.

    In another terminal, `huntaze --local …` (or `./dev huntaze …`) talks to it.
    """
    try:
        file = local_file(session.directory)
    except CommandFailed:
        file = None
    if file is not None:
        session.terminal.data({"running": True, "settings": str(file)})
        session.terminal.line("The local stack runs. Its settings: " + str(file))
        session.terminal.line("  huntaze --local doctor")
        session.terminal.line("  huntaze --local jobs list")
        return 0
    if importlib.util.find_spec("huntaze_local") is None:
        raise usage("the local stack is not installed here", "In a clone of the repository, run ./dev up")
    # A process of its own: it takes Ctrl-C from the same terminal, and stops its children in order.
    running = subprocess.Popen([sys.executable, "-m", "huntaze_local", "up"])
    while True:
        try:
            return running.wait()
        except KeyboardInterrupt:
            continue
