"""Values as actors write them: counts as text, times in four forms, hidden numbers, flattened objects.

A count that cannot be understood is unknown; what a post cannot do without (its id, its time) is an error.
"""

import html
import math
import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from huntaze_trends.posts import LONGEST_TEXT

T = TypeVar("T")

_COUNT = re.compile(r"\s*\+?([0-9][0-9,.  ]*)([KMB]?)(?:\s+[a-z]+)?\s*", re.IGNORECASE)
_FACTORS = {"": 1, "k": 1_000, "m": 1_000_000, "b": 1_000_000_000}
_LARGEST = 2**63 - 1  # what a bigint holds
_X_TIME = re.compile(r"\w{3} (\w{3}) (\d\d) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d) (\d{4})")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EARLIEST, _LATEST = (
    datetime(2000, 1, 1, tzinfo=UTC).timestamp(),
    datetime(2200, 1, 1, tzinfo=UTC).timestamp(),
)
_NO_LANGUAGE = frozenset({"und", "un", "zxx", "qme", "qam", "qct", "qht", "qst", "art", "in_"})
_LONGEST_ID = 200


class NotAPost(Exception):
    """The row is something else by design: a profile without posts, a comment, a notice."""


class BrokenValue(ValueError):
    """Something that a post needs is missing or unreadable; the message names the field."""


def decode_flat(row: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode a row of a flattened export, whose keys are paths: ``"authorMeta.name"``."""
    return decoder.decode(msgspec.json.encode(_unflatten(msgspec.json.decode(row, type=dict[str, Any]))))


def count(value: Any) -> int | None:
    """Read a count: a number, or text such as "3100000", "1,204 views" or "1.2M"; negative means hidden."""
    if type(value) is int:
        return value if 0 <= value <= _LARGEST else None
    if type(value) is float and math.isfinite(value):
        return count(int(value))
    if type(value) is not str or len(value) > 40 or not (match := _COUNT.fullmatch(value)):
        return None
    digits, unit = match[1].strip(), match[2].lower()
    try:
        return count(int(float(digits.replace(",", "")) * _FACTORS[unit]) if unit else _whole(digits))
    except (ValueError, OverflowError):
        return None


def identifier(value: str | int | None, field: str) -> str:
    """Return an id as text, its case kept.

    Raises:
        BrokenValue: it is missing, too long, or holds control characters.
    """
    text = "" if value is None else str(value).strip()
    if not 0 < len(text) <= _LONGEST_ID or not text.isprintable():
        raise BrokenValue(f"{field} is missing or no id")
    return text


def instant(value: Any, field: str) -> datetime:
    """Read a time: seconds or milliseconds since the epoch, ISO 8601, or X's form; UTC without a zone.

    Raises:
        BrokenValue: it is none of these, or outside of the years 2000 to 2200.
    """
    try:
        if type(value) is str and not value.replace(".", "", 1).isdigit():
            moment = _x_time(value) or datetime.fromisoformat(value)
            moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
            if _EARLIEST <= moment.timestamp() < _LATEST:
                return moment
        elif type(value) in (int, float, str):
            seconds = float(value)
            seconds = seconds / 1000 if seconds > _LATEST else seconds
            if _EARLIEST <= seconds < _LATEST:
                return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError):
        pass
    raise BrokenValue(f"{field} is no time")


def duration(value: Any) -> float | None:
    """Read a duration in seconds: a number, "14:02" or "00:27:11"."""
    if type(value) in (int, float) and 0 <= value < 1e6:
        return float(value)
    if type(value) is str and re.fullmatch(r"(\d{1,3}:)?\d{1,2}:\d{2}(\.\d+)?", value):
        seconds = 0.0
        for part in value.split(":"):
            seconds = seconds * 60 + float(part)
        return seconds
    return None


def text(value: str | None) -> str:
    """Return a text with its entities resolved, without what a database cannot hold, cut to a sane length."""
    if not value:
        return ""
    if "&" in value:
        value = html.unescape(value)
    return value.replace("\x00", "")[:LONGEST_TEXT]


def link(value: str | None) -> str | None:
    """Return a link that can be shown: http or https, at most 2,000 characters."""
    if value and value.startswith(("https://", "http://")) and len(value) <= 2000 and value.isprintable():
        return value
    return None


@lru_cache(maxsize=1024)
def language(value: str | None) -> str | None:
    """Return the primary language subtag; None for the codes that mean 'unknown'."""
    if not value:
        return None
    primary = value.replace("_", "-").split("-")[0].lower()
    known = 2 <= len(primary) <= 3 and primary.isalpha() and primary.isascii() and primary not in _NO_LANGUAGE
    return primary if known else None


def _whole(digits: str) -> int:
    """Read a number with groups of three, "1,204" or "1.204" or "1 204", or with a fraction."""
    if re.fullmatch(r"[0-9]{1,3}([,.  ][0-9]{3})+", digits):
        return int(re.sub(r"[^0-9]", "", digits))
    return int(float(digits))


def _x_time(value: str) -> datetime | None:
    # Not strptime: month names there follow the locale.
    match = _X_TIME.fullmatch(value)
    if match is None or match[1] not in _MONTHS:
        return None
    offset = timedelta(hours=int(match[7]), minutes=int(match[8])) * (1 if match[6] == "+" else -1)
    clock = (int(match[n]) for n in (3, 4, 5))
    return datetime(
        int(match[9]), _MONTHS.index(match[1]) + 1, int(match[2]), *clock, tzinfo=timezone(offset)
    )


def _unflatten(flat: dict[str, Any]) -> dict[str, Any]:
    """Turn paths into objects, and objects whose keys are all numbers into lists."""
    nested: dict[str, Any] = {}
    for path, value in flat.items():
        *parents, last = re.split(r"[./]", path)[:8]
        place = nested
        for parent in parents:
            child = place.get(parent)
            place[parent] = place = child if isinstance(child, dict) else {}
        place[last] = value
    return {key: _listed(value) for key, value in nested.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _listed(part) for key, part in value.items()}
    if inner and all(key.isdecimal() and len(key) < 5 for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner
