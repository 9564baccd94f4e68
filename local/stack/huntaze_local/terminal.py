"""What the commands show: steps, progress, and results that invite to go on."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from huntaze_local.stack import QSTASH_TOKEN, SIGNING_KEYS, Stack

console = Console(highlight=False)
_errors = Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """Print a line as it is."""
    console.print(escape(text))


def step(text: str) -> None:
    """Print a thing that is done."""
    console.print(f"[green]✓[/] {escape(text)}")


def heading(text: str) -> None:
    """Print a heading."""
    console.print(f"\n[bold]{escape(text)}[/]")


def error(text: str) -> None:
    """Print what went wrong, to standard error."""
    _errors.print(f"[red]✗[/] {escape(text)}")


def ready(stack: Stack, directory: Path) -> None:
    """Tell how to use the running platform."""
    heading("Running. Ctrl-C stops everything; the data stays.")
    say(f"  logs   {directory / 'logs'}")
    say(f"  look   {stack.urls['console']} (the password: {stack.console_password})")
    say("  to use it, in another terminal: ./dev cli doctor, ./dev cli --help")
    say("  to publish jobs from an application, set:")
    say(f"    QSTASH_URL={stack.urls['qstash']}")
    say(f"    QSTASH_TOKEN={QSTASH_TOKEN}")
    say(f"    QSTASH_CURRENT_SIGNING_KEY={SIGNING_KEYS[0]}")
    say(f"    QSTASH_NEXT_SIGNING_KEY={SIGNING_KEYS[1]}")
