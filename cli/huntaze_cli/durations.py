"""Durations and instants as people write them."""

import re
from datetime import UTC, datetime, timedelta

from huntaze_cli.failures import usage

_PART = re.compile(r"(\d{1,9})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=3660)


def parse_duration(text: str, option: str) -> timedelta:
    """Read ``90s``, ``10m`` or ``1d10h30m``.

    Raises:
        CommandFailed: it is no duration; the message names ``option``.
    """
    parts = _PART.findall(text)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != text:
        raise usage(f"{option}: '{text[:40]}' is no duration", "Write 90s, 10m, 2h or 1d10h30m.")
    seconds = sum(timedelta(**{_UNITS[unit]: 1}).total_seconds() * int(number) for number, unit in parts)
    if seconds > _LONGEST.total_seconds():
        raise usage(f"{option}: {text} is more than ten years")
    return timedelta(seconds=seconds)


def parse_instant(text: str, option: str) -> datetime:
    """Read an RFC 3339 instant with its offset.

    Raises:
        CommandFailed: it is none, or its offset is missing; the message names ``option``.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise usage(
            f"{option}: '{text[:40]}' is no instant with a time zone", "Write 2026-12-24T18:00:00+01:00."
        )
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise usage(f"{option}: '{text[:40]}' is out of range") from None


def parse_since(text: str, option: str, now: datetime) -> datetime:
    """Read an instant, or a duration that counts back from ``now``.

    Raises:
        CommandFailed: it is neither; the message names ``option``.
    """
    if _PART.match(text) and "-" not in text:
        return now - parse_duration(text, option)
    return parse_instant(text, option)


def show_instant(instant: datetime | None) -> str:
    """Write an instant in UTC, to the second; a dash for none."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ") if instant else "-"


def show_milliseconds(at: int | None) -> str:
    """Write an instant that QStash gives in milliseconds since the epoch."""
    return show_instant(datetime.fromtimestamp(at / 1000, UTC)) if at else "-"
