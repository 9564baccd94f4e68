"""Filters of the list and bulk endpoints, as SQL over the columns of a message."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from qstash_local.core.errors import invalid

# API name -> column of message (m); values may be repeated or separated by commas, except URLs and paths.
_COLUMNS = {
    "messageId": "m.id",
    "messageIds": "m.id",
    "url": "m.url",
    "host": "m.host",
    "path": "m.path",
    "topicName": "m.topic",
    "urlGroup": "m.topic",
    "scheduleId": "m.schedule_id",
    "queueName": "m.queue",
    "callerIp": "m.caller_ip",
    "callerIP": "m.caller_ip",
    "flowControlKey": "m.flow_key",
}
_WITH_COMMAS = ("url", "path", "flowControlKey")
_MAX_VALUES = 1_000


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition and its parameters; empty when nothing was asked for."""

    conditions: list[str]
    values: list[str | int]

    def where(self, *further: str) -> str:
        """Return the WHERE clause of the filter and further conditions."""
        conditions = [*self.conditions, *further]
        return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def parse_filter(
    parameters: Iterable[tuple[str, str]],
    *,
    time_column: str,
    extra: dict[str, Callable[[Sequence[str]], tuple[str, list[str | int]]]],
    allowed: frozenset[str] | None,
) -> Filter:
    """Read the filter of a request: alternatives within a field, all fields together.

    Args:
        parameters: the query parameters.
        time_column: what ``fromDate`` and ``toDate`` (both inclusive) bound.
        extra: further fields, each with the condition that its values make.
        allowed: names that may occur, or None to ignore what is unknown.

    Raises:
        Refused: an unknown field, or a value that cannot be read.
    """
    fields: dict[str, list[str]] = {}
    for name, value in parameters:
        if allowed is not None and name not in allowed:
            raise invalid(f"unknown query parameter {name[:64]!r}")
        values = [value] if name in _WITH_COMMAS else value.split(",")
        fields.setdefault(name, []).extend(each.strip() for each in values if each.strip())
    conditions: list[str] = []
    bound: list[str | int] = []
    for name, values in fields.items():
        if not values:
            continue
        if len(values) > _MAX_VALUES:
            raise invalid(f"more than {_MAX_VALUES} values of {name}")
        condition, parameters_of_it = _condition(name, values, time_column, extra)
        if condition:
            conditions.append(condition)
            bound += parameters_of_it
    return Filter(conditions, bound)


def _condition(
    name: str,
    values: list[str],
    time_column: str,
    extra: dict[str, Callable[[Sequence[str]], tuple[str, list[str | int]]]],
) -> tuple[str, list[str | int]]:
    if name in _COLUMNS:
        return f"{_COLUMNS[name]} IN ({marks(values)})", list(values)
    if name == "label":
        return f"({' OR '.join(['instr(m.labels, ?) > 0'] * len(values))})", [
            f",{value}," for value in values
        ]
    if name in ("fromDate", "toDate"):
        return f"{time_column} {'>=' if name == 'fromDate' else '<='} ?", [whole_number(name, values[-1])]
    if name in extra:
        return extra[name](values)
    return "", []


def marks(values: Sequence[object]) -> str:
    """Return one placeholder per value."""
    return ", ".join("?" * len(values))


def whole_number(name: str, text: str) -> int:
    """Return a number given as text.

    Raises:
        Refused: naming the parameter.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise invalid(f"{name} must be a whole number, not {text[:32]!r}")
    return int(text)


def page_size(parameters: Iterable[tuple[str, str]], *, default: int, most: int) -> int:
    """Return how many entries a page shall have."""
    text = dict(parameters).get("count", "")
    return default if not text else max(1, min(most, whole_number("count", text)))
