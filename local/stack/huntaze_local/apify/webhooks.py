"""Ad-hoc webhooks: what a run calls when it has finished.

Source: the pages "Webhook events" and "Webhook actions" of Apify's documentation. As there, calls are not
signed, and a failed one is repeated with growing waits.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any, cast

import httpx
import msgspec

RETRY_AFTER = (
    1.0,
    2.0,
    4.0,
    8.0,
    16.0,
)  # seconds; Apify's own begin at a minute and go on for more than a day
VARIABLE = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")


class Webhook(msgspec.Struct, frozen=True, rename="camel"):
    """What to call when a run ends, as the client puts it into the address."""

    event_types: list[str]
    request_url: str
    payload_template: str | None = None
    headers_template: str | None = None
    should_interpolate_strings: bool = False


async def call(hook: Webhook, event: Mapping[str, Any]) -> None:
    """Call a webhook until it is answered with success, a few times."""
    interpolate = hook.should_interpolate_strings
    body = render(hook.payload_template, event, interpolate) if hook.payload_template else event
    headers = render(hook.headers_template, event, interpolate) if hook.headers_template else {}
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        for wait in (*RETRY_AFTER, None):
            try:
                answer = await client.post(hook.request_url, json=body, headers=headers)
                if answer.is_success:
                    return
                print(f"webhook {hook.request_url}: answered {answer.status_code}", flush=True)
            except httpx.HTTPError as error:
                print(f"webhook {hook.request_url}: {error!r}", flush=True)
            if wait is not None:
                await asyncio.sleep(wait)


def render(template: str, event: Mapping[str, Any], interpolate_strings: bool) -> Any:
    """Fill the variables of ``template``, ``{{path.to.value}}``, and return what its JSON says.

    Outside of strings a variable becomes JSON; inside of strings it is replaced only if that is asked for.

    Raises:
        ValueError: it is not JSON, even then.
    """
    if not interpolate_strings:
        return json.loads(VARIABLE.sub(lambda match: json.dumps(_value(event, match[1])), template))
    return _fill(json.loads(template), event)


def _fill(part: Any, event: Mapping[str, Any]) -> Any:
    match part:
        case str():
            return VARIABLE.sub(lambda match: str(_value(event, match[1])), part)
        case list():
            return [_fill(item, event) for item in cast("list[Any]", part)]
        case dict():
            return {name: _fill(item, event) for name, item in cast("dict[str, Any]", part).items()}
        case _:
            return part


def _value(event: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path of the event, or None."""
    value: Any = event
    for name in path.split("."):
        value = cast("Mapping[str, Any]", value).get(name) if isinstance(value, Mapping) else None
    return value
