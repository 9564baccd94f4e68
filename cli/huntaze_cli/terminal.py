"""What commands write: for people, or as JSON. Colour only on a terminal; notes go to standard error."""

import sys
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, TextIO

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from huntaze_cli.failures import CommandFailed, usage

_PIPE_WIDTH = 400
"""Columns when nobody looks: lines are for grep then, and must not be folded."""
STATE_STYLES = {
    "succeeded": "green",
    "DELIVERED": "green",
    "ok": "green",
    "failed": "red",
    "FAILED": "red",
    "ERROR": "red",
    "fail": "red",
    "cancelled": "yellow",
    "warn": "yellow",
}


class Terminal:
    """One command's output."""

    def __init__(self, *, as_json: bool, stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        """Write JSON to ``stdout`` and nothing else there when ``as_json`` is set."""
        self.as_json = as_json
        self._stdout = stdout or sys.stdout
        self._stderr = stderr or sys.stderr

    @cached_property
    def console(self) -> Console:
        """Where people read results."""
        return Console(
            file=self._stdout, highlight=False, width=None if self._stdout.isatty() else _PIPE_WIDTH
        )

    @cached_property
    def errors(self) -> Console:
        """Where people read notes and failures."""
        return Console(file=self._stderr, highlight=False, soft_wrap=True)

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked."""
        return sys.stdin.isatty() and self._stderr.isatty() and not self.as_json

    def data(self, value: Any) -> None:
        """Write ``value`` as JSON, if JSON is wanted."""
        if self.as_json:
            text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
            self._stdout.write(f"{text}\n")
            self._stdout.flush()

    def line(self, text: str = "", style: str = "") -> None:
        """Write a line of a result for people."""
        if not self.as_json:
            self.console.print(f"[{style}]{escape(text)}[/]" if style else escape(text), soft_wrap=True)

    def note(self, text: str) -> None:
        """Write what is no part of the result."""
        self.errors.print(escape(text))

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()
    ) -> None:
        """Write a table for people; ``right`` names the columns whose figures are aligned to the right."""
        if self.as_json:
            return
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for column in columns:
            table.add_column(column, justify="right" if column in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(_cell(str(value)) for value in row))
        self.console.print(table)

    def failure(self, failure: CommandFailed) -> None:
        """Tell why a command failed and what to do next."""
        if self.as_json:
            self.data({"error": str(failure), "hint": failure.hint, "exitCode": int(failure.code)})
            return
        self.errors.print(f"[red]error:[/] {escape(str(failure))}")
        if failure.hint:
            self.errors.print(f"       {escape(failure.hint)}")

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask before something that cannot be undone.

        Raises:
            CommandFailed: the answer is no, or nobody can be asked and --yes was not given.
        """
        if yes:
            return
        if not self.interactive:
            raise usage(f"{question} Nobody can be asked here.", "Add --yes.")
        self.errors.print(f"{escape(question)} [bold]\\[y/N][/] ", end="")
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise CommandFailed("nothing was changed")


def _cell(text: str) -> str:
    style = STATE_STYLES.get(text)
    return f"[{style}]{escape(text)}[/]" if style else escape(text)
