"""A multimodal model behind the OpenAI-compatible chat completions API, such as vLLM or Azure AI Foundry."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import msgspec

_MAX_ANSWER = 512 * 1024
_MAX_TOKENS = 4096
_ATTEMPTS = 3
_LONGEST_WAIT = 20.0
_TIMEOUT = httpx.Timeout(None, connect=5.0)
_NOBODY = 0
_TRY_AGAIN = frozenset({_NOBODY, 408, 409, 429, 500, 502, 503, 504})


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the model is, and what it costs."""

    endpoint: str
    """Base URL; ``/chat/completions`` is below it."""
    key: str
    model: str
    usd_per_million_input: float
    usd_per_million_output: float


class ModelRefused(Exception):
    """The model can't be used as it is asked to; the message says why, and holds no secret."""


class ChatModel:
    """One model at one endpoint."""

    def __init__(
        self,
        settings: ModelSettings,
        *,
        client: httpx.AsyncClient,
        seconds: float = 60.0,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        """Use ``client`` for the requests, each within ``seconds``, and ``sleep`` between them."""
        self.name = settings.model
        self._settings = settings
        self._client = client
        self._seconds = seconds
        self._sleep = sleep
        self._takes_schema = True
        """Some servers refuse a JSON Schema; found out at the first request."""

    def price(self, input_tokens: int, output_tokens: int) -> float:
        """Return the cost in US dollars."""
        settings = self._settings
        cost = input_tokens * settings.usd_per_million_input
        cost += output_tokens * settings.usd_per_million_output
        return round(cost / 1e6, 6)

    async def ask(self, messages: list[dict[str, Any]], schema: dict[str, Any]) -> dict[str, Any]:
        """Send a conversation, hold the answer to a JSON Schema, and return what the API answers.

        What passes is tried again up to twice, after the wait that the server names.

        Raises:
            ModelRefused: it did not answer in time, or not with success.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            status, headers, body = await self._post(messages, schema)
            if status == 200:
                return _object(body)
            if status in {400, 422} and self._takes_schema and b"response_format" in body:
                self._takes_schema = False
                continue
            wait = _wait(headers, attempt)
            if status not in _TRY_AGAIN or attempt == _ATTEMPTS or wait > _LONGEST_WAIT:
                said = f"the model answered {status}"
                raise ModelRefused("the model did not answer" if status == _NOBODY else said)
            await self._sleep(wait)
        raise ModelRefused("the model takes no JSON Schema and does not answer without one")

    async def _post(
        self, messages: list[dict[str, Any]], schema: dict[str, Any]
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Return the status, or that nobody answered, the headers and the body."""
        request: dict[str, Any] = {
            "model": self._settings.model,
            "messages": messages,
            "max_tokens": _MAX_TOKENS,
            "temperature": 0,
        }
        if self._takes_schema:
            request["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": schema},
            }
        url = f"{self._settings.endpoint.rstrip('/')}/chat/completions"
        # vLLM and Azure's serverless endpoints read the first, Azure AI Foundry's resources the second.
        headers = {"authorization": f"Bearer {self._settings.key}", "api-key": self._settings.key}
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._client.stream("POST", url, json=request, headers=headers, timeout=_TIMEOUT) as answer,
            ):
                body = b""
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > _MAX_ANSWER:
                        raise ModelRefused("the model's answer is too long")
                return answer.status_code, answer.headers, body
        except (httpx.TransportError, TimeoutError):
            return _NOBODY, {}, b""


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        raise ModelRefused("the model's server sent something that is no JSON") from None


def _wait(headers: Mapping[str, str], attempt: int) -> float:
    """Return the seconds to wait: as the server says, else 1, 2, 4."""
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return float(2 ** (attempt - 1))
