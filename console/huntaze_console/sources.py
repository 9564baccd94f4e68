"""What the pages read and change: QStash and the services, by the clients of the operator's command.

Those clients are synchronous; each call is one thread's, and there are enough of them that a
slow service holds up nobody else's page.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from huntaze_cli.broker import Broker
from huntaze_cli.failures import CommandFailed
from huntaze_cli.status import StatusApi

T = TypeVar("T")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that a page is made from."""

    _broker: Broker
    _status: StatusApi
    worker_urls: Mapping[str, str]
    """Base URL of each worker's service."""
    now: Callable[[], datetime]
    schedules_file: Path | None
    monthly_budget: float
    """US dollars."""
    _threads: Executor

    @property
    def services(self) -> list[str]:
        """The services' names."""
        return self._status.services

    async def qstash(self, call: Callable[[Broker], T]) -> T:
        """Ask QStash.

        Raises:
            CommandFailed: it does not answer, or refuses.
        """
        return await self._in_thread(call, self._broker)

    async def service(self, name: str, path: str, **parameters: Any) -> Json:
        """Read from one service; parameters that are None or empty are left out.

        Raises:
            CommandFailed: it does not answer, or refuses.
        """
        return await self._in_thread(self._status.get, name, path, **parameters)

    async def every_service(
        self, path: str, *, only: str | None = None, **parameters: Any
    ) -> tuple[dict[str, Json], list[CommandFailed]]:
        """Read from all services at once, or from one; those that don't answer never hide the others.

        Returns:
            The answers by service, and the failures.
        """
        names = [only] if only else self.services
        asked = (self.service(name, path, **parameters) for name in names)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        found: dict[str, Json] = {}
        failures: list[CommandFailed] = []
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, CommandFailed):
                failures.append(answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found[name] = answer
        return found, failures

    async def find_job(self, service: str, job_id: str) -> Json | None:
        """Return a job, or None when the service knows none of that id."""
        return await self._in_thread(self._status.find, job_id, [service])

    async def post(self, service: str, path: str, body: Any = None) -> Json:
        """Change something in a service.

        Raises:
            CommandFailed: it does not answer, or refuses.
        """
        return await self._in_thread(self._status.post, service, path, body)

    async def delete(self, service: str, path: str) -> None:
        """Delete something in a service."""
        await self._in_thread(self._status.delete, service, path)

    async def download(self, service: str, path: str, most: int, **parameters: Any) -> tuple[bytes, str]:
        """Return the bytes that a service's link leads to, at most ``most``, and their content type."""
        return await self._in_thread(self._status.download, service, path, most, **parameters)

    async def _in_thread(self, call: Callable[..., T], *given: Any, **named: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(call, *given, **named))
