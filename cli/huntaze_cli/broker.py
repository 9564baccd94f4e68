"""QStash's API through the official client, with answers that say what to do next.

What the official client lacks (retry and filters of the dead-letter queue, labels, logs without printing)
goes through its own HTTP layer.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import httpx
import msgspec
from huntaze_common.secret import Secret
from qstash import QStash
from qstash.errors import DailyMessageLimitExceededError, QStashError, RateLimitExceededError
from qstash.http import RetryConfig

from huntaze_cli.failures import CommandFailed, Exit

_RETRY: RetryConfig = {"retries": 1, "backoff": lambda retry_count: 100.0 * (1 + retry_count)}
_STATUS = re.compile(r"status: (\d{3}), body: (.*)", re.DOTALL)
_HINTS = (
    ("loopback address", "Upstash cannot reach your machine: use a public URL, a tunnel, or --local."),
    ("unable to resolve host", "The destination's host has no public DNS name; check WORKER_URLS."),
    ("invalid scheme", "The destination must begin with https://, and QSTASH_URL must have no path."),
    ("cannot contain ':'", "Use '-' or '.' in place of ':' in the id."),
    ("not found", "It may have been delivered, deleted or retried in the meantime; list again."),
)
_BY_STATUS = {
    401: "QStash does not know the token: check QSTASH_TOKEN, and that QSTASH_URL is its region's.",
    403: "The token may only read: use the full token.",
    412: "A limit of the plan is reached; see https://upstash.com/pricing/qstash.",
    413: "The message is larger than the plan allows.",
}


class Broker:
    """One account of QStash, or a local server."""

    def __init__(self, token: Secret, url: str) -> None:
        """Take the token and the server's URL."""
        self.url = url
        self._client = QStash(token.reveal(), base_url=url, retry=_RETRY)

    def __enter__(self) -> "Broker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The official client has no way of its own to close its connections.
        self._client.http._client.close()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    def publish(self, url: str, body: bytes, **options: Any) -> dict[str, Any]:
        """Send one JSON message with the official client's options and return its id.

        Raises:
            CommandFailed: it was refused, or QStash did not answer.
        """
        with self._explained():
            answer: Any = self._client.message.publish(
                url=url, body=body, content_type="application/json", **options
            )
        return {"messageId": answer.message_id, "deduplicated": bool(answer.deduplicated)}

    def schedule(self, destination: str, body: bytes, **options: Any) -> None:
        """Make or replace one schedule with the official client's options."""
        with self._explained():
            self._client.schedule.create(
                destination=destination, body=body, content_type="application/json", **options
            )

    def pause(self, schedule_id: str) -> None:
        """Pause one schedule."""
        with self._explained():
            self._client.schedule.pause(schedule_id)

    def resume(self, schedule_id: str) -> None:
        """Resume one schedule."""
        with self._explained():
            self._client.schedule.resume(schedule_id)

    def delete_schedule(self, schedule_id: str) -> None:
        """Delete one schedule."""
        with self._explained():
            self._client.schedule.delete(schedule_id)

    def keys(self) -> tuple[Secret, Secret]:
        """Return the current and the next signing key."""
        with self._explained():
            keys = self._client.signing_key.get()
        return Secret(keys.current), Secret(keys.next)

    def rotate_keys(self) -> tuple[Secret, Secret]:
        """Make the next signing key the current one and return the new pair."""
        with self._explained():
            keys = self._client.signing_key.rotate()
        return Secret(keys.current), Secret(keys.next)

    def get(self, path: str, **parameters: Any) -> Any:
        """Read below /v2; parameters that are None are left out.

        Raises:
            CommandFailed: it was refused, or QStash did not answer.
        """
        return self._request("GET", path, parameters)

    def post(self, path: str, **parameters: Any) -> Any:
        """Act below /v2; parameters that are None are left out."""
        return self._request("POST", path, parameters)

    def delete(self, path: str, **parameters: Any) -> Any:
        """Delete below /v2; parameters that are None are left out."""
        return self._request("DELETE", path, parameters)

    def _request(self, method: Any, path: str, parameters: dict[str, Any]) -> Any:
        given: Any = {name: value for name, value in parameters.items() if value not in (None, [])}
        with self._explained():
            return self._client.http.request(path=f"/v2/{path}", method=method, params=given or None)

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except (RateLimitExceededError, DailyMessageLimitExceededError) as error:
            daily = isinstance(error, DailyMessageLimitExceededError)
            raise CommandFailed(
                f"QStash's limit of {'messages per day' if daily else 'requests'} is reached",
                hint="Take a larger plan, or wait until midnight UTC." if daily else "Try again in a second.",
            ) from None
        except QStashError as error:
            raise _explain(str(error)) from None
        except (httpx.HTTPError, OSError) as error:
            raise CommandFailed(
                f"QStash at {self.url} does not answer ({type(error).__name__})",
                hint="Check QSTASH_URL and the network; for the local stack, run ./dev up.",
                code=Exit.UNREACHABLE,
            ) from None
        except (KeyError, ValueError, TypeError):
            raise CommandFailed(
                f"{self.url} does not answer as QStash does",
                hint="Check QSTASH_URL: https://qstash.upstash.io, your region's, or the local server's.",
                code=Exit.UNREACHABLE,
            ) from None


def _explain(text: str) -> CommandFailed:
    found = _STATUS.search(text)
    status, body = (int(found[1]), found[2]) if found else (0, text)
    try:
        reason = str(msgspec.json.decode(body.encode(), type=dict[str, Any]).get("error") or body)
    except (msgspec.DecodeError, msgspec.ValidationError):
        reason = body
    hint = next((hint for part, hint in _HINTS if part in reason), _BY_STATUS.get(status, ""))
    code = Exit.UNREACHABLE if status in (401, 403) else Exit.FAILED
    return CommandFailed(f"QStash refused ({status}): {reason.strip()[:300]}", hint=hint, code=code)
