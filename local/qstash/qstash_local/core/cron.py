"""Cron expressions of five fields, in UTC or in the zone that a ``CRON_TZ=`` prefix names."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

_LONGEST = 256


def _split(text: str) -> tuple[tzinfo, str]:
    if len(text) > _LONGEST:
        raise ValueError(f"more than {_LONGEST} characters")
    prefix, _, rest = text.partition(" ")
    zone: tzinfo = UTC
    name, equals, value = prefix.partition("=")
    if equals and name in ("CRON_TZ", "TZ"):
        try:
            zone = ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"unknown time zone {value!r}") from error
        text = rest.strip()
    if len(text.split()) != 5:
        raise ValueError("a cron expression has five fields")
    return zone, text


def next_after(text: str, instant_ms: int) -> int:
    """Return the first instant after ``instant_ms`` that a cron expression names, in milliseconds.

    Raises:
        ValueError: the expression is not valid, or never comes true.
    """
    zone, expression = _split(text.strip())
    try:
        moment = next(CronSim(expression, datetime.fromtimestamp(instant_ms / 1000, zone)))
    except CronSimError as error:
        raise ValueError(str(error)) from error
    except StopIteration:
        raise ValueError("no date within fifty years fits") from None
    return round(moment.timestamp() * 1000)
