"""Durations as QStash and Go write them: ``50s``, ``1d10h30m``, ``1.5h``, ``200ms``."""

import re

_MS = {
    "ns": 1e-6,
    "us": 1e-3,
    "µs": 1e-3,
    "μs": 1e-3,
    "ms": 1.0,
    "s": 1e3,
    "m": 6e4,
    "h": 3.6e6,
    "d": 8.64e7,
}
_PART = re.compile(r"([0-9]{1,15}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})(ns|us|µs|μs|ms|s|m|h|d)")
_BARE = re.compile(r"[0-9]{1,15}")
_LONGEST = 64


def parse_duration(text: str) -> int:
    """Return the milliseconds that a duration means; a bare integer counts seconds.

    Raises:
        ValueError: the text is not a duration.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        raise ValueError("a duration has at most 64 characters")
    if _BARE.fullmatch(text):
        return int(text) * 1000
    total, position = 0.0, 0
    while position < len(text):
        part = _PART.match(text, position)
        if part is None:
            break
        total += float(part[1]) * _MS[part[2]]
        position = part.end()
    if not text or position < len(text) or not text.isprintable():
        raise ValueError(f"{text!r} is not a duration such as 50s, 2m or 1d10h30m")
    return round(total)
