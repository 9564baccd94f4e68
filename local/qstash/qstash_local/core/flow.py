"""Reading flow control: how many calls at a time, and how many in a period."""

from qstash_local.core.durations import parse_duration
from qstash_local.core.errors import invalid
from qstash_local.core.message import Flow

_WEEK_SECONDS = 7 * 86_400


def parse_flow(key: str, value: str) -> Flow:
    """Read ``parallelism=2, rate=3, period=1m``: any subset, a bare period counts seconds.

    Raises:
        Refused: naming the part that is wrong.
    """
    if len(key) > 512:
        raise invalid("Upstash-Flow-Control-Key has more than 512 characters")
    limits: dict[str, int] = {}
    for part in value.split(","):
        name, equals, text = (piece.strip() for piece in part.partition("="))
        if name.lower() not in ("parallelism", "rate", "period") or not equals:
            raise invalid(f"invalid Upstash-Flow-Control-Value header: {part.strip()[:64]!r}")
        limits[name.lower()] = flow_limit(name.lower(), text)
    if "parallelism" not in limits and "rate" not in limits:
        raise invalid("Upstash-Flow-Control-Value needs parallelism or rate")
    return Flow(key, limits.get("parallelism"), limits.get("rate"), limits.get("period", 1))


def flow_limit(name: str, text: str) -> int:
    """Return one limit of flow control: a positive number, or for ``period`` seconds up to a week."""
    if name == "period":
        try:
            seconds = parse_duration(text) // 1000
        except ValueError as error:
            raise invalid(f"invalid flow control period: {error}") from None
        if not 1 <= seconds <= _WEEK_SECONDS:
            raise invalid("a flow control period lies between 1 second and 7 days")
        return seconds
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0):
        raise invalid(f"invalid flow control {name}: {text[:32]!r} is not a positive number")
    return int(text)
