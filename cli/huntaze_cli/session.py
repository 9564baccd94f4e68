"""What a command is given: settings when it asks for them, clients when it needs them, the clock."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from huntaze_cli.settings import OperatorSettings, local_file, missing, read_settings
from huntaze_cli.terminal import Terminal

if TYPE_CHECKING:
    from huntaze_cli.broker import Broker
    from huntaze_cli.status import StatusApi


class Session:
    """One run of the command."""

    def __init__(
        self,
        terminal: Terminal,
        environment: Mapping[str, str],
        *,
        env_file: Path | None = None,
        local: bool = False,
        directory: Path | None = None,
    ) -> None:
        """Take where to write, the environment, and which settings were asked for."""
        self.terminal = terminal
        self.environment = environment
        self.directory = directory or Path.cwd()
        self._env_file = env_file
        self._local = local
        self._open = ExitStack()

    def close(self) -> None:
        """Close what was opened."""
        self._open.close()

    @property
    def now(self) -> datetime:
        """The present instant, aware."""
        return datetime.now(UTC)

    @property
    def sleep(self) -> Callable[[float], None]:
        """Wait for some seconds."""
        return time.sleep

    @property
    def in_ci(self) -> bool:
        """Whether nobody watches: CI services set CI."""
        return self.environment.get("CI", "").lower() not in {"", "0", "false"}

    @cached_property
    def settings(self) -> OperatorSettings:
        """The settings; raises `CommandFailed` when one is wrong."""
        env_file = self._env_file or (local_file(self.directory) if self._local else None)
        return read_settings(self.environment, env_file)

    @cached_property
    def qstash(self) -> "Broker":
        """QStash; raises `CommandFailed` without a token."""
        # The official client takes a third of a second to import: only for commands that talk to QStash.
        from huntaze_cli.broker import Broker

        if self.settings.qstash_token is None:
            raise missing("QSTASH_TOKEN")
        return self._open.enter_context(Broker(self.settings.qstash_token, self.settings.qstash_url))

    @cached_property
    def jobs(self) -> "StatusApi":
        """The services' status API; raises `CommandFailed` without its key or the services' URLs."""
        from huntaze_cli.status import StatusApi

        if self.settings.status_token_key is None:
            raise missing("STATUS_TOKEN_KEY")
        urls = self.settings.urls()
        return self._open.enter_context(StatusApi(urls, self.settings.status_token_key, lambda: self.now))


SWITCH = Parameter(negative="", show_default=False)
"""Marks an option that is either given or not."""
Given = Annotated[Session, Parameter(parse=False)]
"""Marks the argument that the launcher fills in."""
