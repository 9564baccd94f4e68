"""When a failed attempt is repeated: back-off, the publisher's expression, the destination's wish."""

import math
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from qstash_local.core.durations import parse_duration
from qstash_local.core.retry_delay import evaluate

DAY_MS = 86_400_000
NON_RETRYABLE = 489
_ASKING_HEADERS = (
    "retry-after",
    "x-ratelimit-reset",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
)


def backoff_ms(retry: int) -> int:
    """Return the default wait before the given retry (1 is the first): e^(2.5 n) seconds, one day at most."""
    if retry >= 5:
        return DAY_MS
    return min(DAY_MS, round(math.exp(2.5 * retry) * 1000))


def _asked_ms(value: str, now_ms: int) -> int | None:
    value = value.strip()
    try:
        return parse_duration(value)
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0, round(moment.timestamp() * 1000) - now_ms)


def requested_ms(header: Mapping[str, str], now_ms: int) -> int | None:
    """Return the wait that a destination asked for in its answer, or None.

    Args:
        header: response headers, names in lower case.
        now_ms: the present instant, for waits given as a date.

    A wait of more than a day is ignored, as is one that cannot be read.
    """
    for name in _ASKING_HEADERS:
        if name in header:
            wait = _asked_ms(header[name], now_ms)
            if wait is not None and wait <= DAY_MS:
                return wait
    return None


def next_wait_ms(header: Mapping[str, str], expression: str | None, retried: int, now_ms: int) -> int:
    """Return the milliseconds to wait after a failed attempt that had ``retried`` attempts before it."""
    asked = requested_ms(header, now_ms)
    if asked is not None:
        return asked
    if expression is not None:
        return evaluate(expression, retried)
    return backoff_ms(retried + 1)


def is_final(status: int, header: Mapping[str, str]) -> bool:
    """Return whether the destination said that no retry can help."""
    return status == NON_RETRYABLE and header.get("upstash-nonretryable-error", "").lower() == "true"
