"""The services' status API, asked as an operator."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

import httpx
from huntaze_common.secret import Secret
from huntaze_common.tokens import make_token
from huntaze_contracts.registry import WORKERS

from huntaze_cli.failures import CommandFailed, Exit, usage

FINISHED = frozenset({"succeeded", "failed", "cancelled"})
_TOKEN_LIFE = timedelta(minutes=5)
_OPERATOR = "huntaze-cli"

Job = dict[str, Any]
"""A job as the status API shows it, with the name of its `service`."""


class StatusApi:
    """All services' jobs."""

    def __init__(self, worker_urls: Mapping[str, str], key: Secret, now: Callable[[], datetime]) -> None:
        """Take where each worker's service is, the key of the API's tokens, and the clock."""
        self._urls = {WORKERS[name].service: url for name, url in worker_urls.items() if name in WORKERS}
        self._key = key
        self._now = now
        self._client = httpx.Client(timeout=10)

    def __enter__(self) -> "StatusApi":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def find(self, job_id: str, services: Iterable[str] = ()) -> Job | None:
        """Return a job from whichever service knows it, or None.

        Raises:
            CommandFailed: a service does not answer or refuses us.
        """
        for service in services or self._urls:
            answer = self._ask("GET", service, f"/jobs/{job_id}")
            if answer.status_code == 404:
                continue
            return {"service": service, **self._json(answer, service)}
        return None

    def page(self, service: str, *, state: str | None, limit: int, cursor: str | None) -> dict[str, Any]:
        """Return one page of a service's jobs, newest first, and the cursor of the next one."""
        given = {"state": state, "limit": limit, "cursor": cursor}
        page = self.get(service, "/jobs", **given)
        return {"jobs": [{"service": service, **job} for job in page["jobs"]], "cursor": page["cursor"]}

    def act(self, job: Job, action: str) -> str:
        """Cancel or retry a job and return its new state.

        Raises:
            CommandFailed: its state does not allow it.
        """
        service = job["service"]
        answer = self._ask("POST", service, f"/jobs/{job['jobId']}/{action}")
        return str(self._json(answer, service)["state"])

    def get(self, service: str, path: str, **parameters: Any) -> dict[str, Any]:
        """Read from a service's API; parameters that are None or empty are left out.

        Raises:
            CommandFailed: the service does not answer, or refuses.
        """
        given = {name: value for name, value in parameters.items() if value not in (None, "")}
        return self._json(self._ask("GET", service, path, given), service)

    def post(self, service: str, path: str, body: Any = None) -> dict[str, Any]:
        """Act through a service's API, with a JSON body if there is one.

        Raises:
            CommandFailed: the service does not answer, or refuses.
        """
        return self._json(self._ask("POST", service, path, body=body), service)

    def delete(self, service: str, path: str) -> None:
        """Delete through a service's API.

        Raises:
            CommandFailed: the service does not answer, or refuses.
        """
        answer = self._ask("DELETE", service, path)
        if answer.is_error:
            self._json(answer, service)

    def download(self, service: str, path: str, most: int, **parameters: Any) -> tuple[bytes, str]:
        """Return the bytes, at most ``most``, that a service answers or leads to, and their content type.

        Raises:
            CommandFailed: the service or the store does not answer or refuses, or there is more.
        """
        answer = self._ask("GET", service, path, parameters)
        if answer.is_error:
            self._json(answer, service)
        if not answer.has_redirect_location:
            return answer.content[:most], answer.headers.get("content-type", "")
        try:
            # The store gets its own link and not our token.
            with self._client.stream("GET", answer.headers["location"]) as found:
                found.raise_for_status()
                parts: list[bytes] = []
                for part in found.iter_bytes():
                    parts.append(part)
                    if sum(map(len, parts)) > most:
                        raise CommandFailed(f"the object is larger than {most:,} bytes")
                return b"".join(parts), found.headers.get("content-type", "")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CommandFailed(
                f"the object store does not give the {service} service's object ({type(error).__name__})",
                hint="Is it still there? A rule of the bucket may have deleted it.",
            ) from None

    @property
    def services(self) -> list[str]:
        """The services whose URL is known."""
        return list(self._urls)

    def _ask(
        self,
        method: str,
        service: str,
        path: str,
        parameters: Mapping[str, Any] | None = None,
        body: Any = None,
    ) -> httpx.Response:
        if service not in self._urls:
            raise usage(f"WORKER_URLS does not say where the {service} service is")
        token = make_token(self._key, user_id=_OPERATOR, expires=self._now() + _TOKEN_LIFE, operator=True)
        url = self._urls[service] + path
        try:
            return self._client.request(
                method, url, params=parameters, json=body, headers={"authorization": f"Bearer {token}"}
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CommandFailed(
                f"the {service} service at {self._urls[service]} does not answer ({type(error).__name__})",
                hint="Check WORKER_URLS; `huntaze doctor` looks at every service.",
                code=Exit.UNREACHABLE,
            ) from None

    def _json(self, answer: httpx.Response, service: str) -> dict[str, Any]:
        if answer.status_code == 401:
            raise CommandFailed(
                f"the {service} service refuses our token",
                hint="STATUS_TOKEN_KEY must be the service's own, and both clocks right.",
                code=Exit.UNREACHABLE,
            )
        try:
            body = answer.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise CommandFailed(
                f"the {service} service answered {answer.status_code} and no JSON",
                hint="Does WORKER_URLS name the service itself, and not a page in front of it?",
                code=Exit.UNREACHABLE,
            )
        if answer.is_error:
            raise CommandFailed(f"the {service} service refused: {body.get('detail', answer.status_code)}")
        return body
