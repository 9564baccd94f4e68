"""What a message says, before any channel gives it a form."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from huntaze_contracts.alerts import Link, Rule, Severity

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error", "critical")
MOST_ITEMS = 20
"""A message of more alerts names the worst of them and counts the rest."""

Kind = Literal["firing", "flapping", "worse", "reminder", "escalation", "resolved", "message"]
_WORDS: Mapping[str, str] = {
    "firing": "firing",
    "flapping": "flapping, silent until it is quiet",
    "worse": "worse than before",
    "reminder": "still firing",
    "escalation": "not acknowledged",
    "resolved": "resolved",
}
_PLACEHOLDER = re.compile(r"\{([a-z_.]{1,60})\}")
_DEFAULT = "{name}: {value} (threshold {threshold})"


class Plain(msgspec.Struct, frozen=True):
    """A message that is no alert, as it is kept."""

    title: str
    text: str = ""
    links: tuple[Link, ...] = ()


Presign = Callable[[str], Awaitable[str]]
"""Makes a link to an object of the store."""


@dataclass(frozen=True, slots=True)
class Hyperlink:
    """A link that works for some days; made when the message is sent."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a message tells."""

    kind: Kind
    severity: Severity
    title: str
    text: str
    at: datetime
    alert_id: int | None = None
    rule_id: str | None = None
    subject: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    value: float | None = None
    threshold: float | None = None
    runbook_url: str = ""
    links: Sequence[Hyperlink] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of the metric around the event."""

    png: bytes
    alt: str
    """What it shows, in words."""
    url: str | None
    """A link to it, for channels that take no files."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one channel."""

    key: str
    """The same for every attempt, so that a receiver can tell a repetition."""
    items: Sequence[Item]
    total: int
    """How many things it tells; more than there are ``items`` in a storm."""
    at: datetime
    recipient: str = ""
    uncertain: bool = False
    """An earlier attempt may have arrived."""
    chart: Chart | None = None
    """Of the worst alert, for channels that show pictures."""

    @property
    def severity(self) -> Severity:
        """The worst of all."""
        return SEVERITIES[max(SEVERITIES.index(item.severity) for item in self.items)]

    @property
    def over(self) -> bool:
        """Whether everything in it is over."""
        return all(item.kind == "resolved" for item in self.items)

    @property
    def title(self) -> str:
        """One line."""
        first = self.items[0]
        if self.total > 1:
            line = f"{self.total} alerts, the worst: {first.title}"
        else:
            line = f"{first.severity}: {first.title}" if first.kind != "message" else first.title
        return line + (" (possibly repeated)" if self.uncertain else "")

    @property
    def omitted(self) -> int:
        """How many things are counted but not named."""
        return self.total - len(self.items)


async def item_of(row: Mapping[str, Any], presign: Presign) -> Item:
    """Build an item from a row of `store.contents`, with links that work from now on."""
    severity = SEVERITIES[row["severity"] - 1]
    if row["message"] is not None:
        message = msgspec.json.decode(row["message"], type=Plain)
        links = [Hyperlink(link.title, await presign(link.key)) for link in message.links]
        return Item("message", severity, message.title, message.text, row["created_at"], links=links)
    rule = msgspec.json.decode(row["definition"], type=Rule)
    labels = msgspec.json.decode(row["labels"], type=dict[str, str])
    threshold = {level.severity: level.threshold for level in rule.levels}.get(
        severity, rule.levels[0].threshold
    )
    whose = f" for {row['subject']}" if row["subject"] else ""
    return Item(
        kind=row["kind"],
        severity=severity,
        title=f"{rule.name}{whose}: {_WORDS[row['kind']]}",
        text=_sentence(rule, row, labels, threshold),
        at=row["resolved_at"] if row["kind"] == "resolved" else row["fired_at"],
        alert_id=row["alert_id"],
        rule_id=row["rule_id"],
        subject=row["subject"],
        labels=labels,
        value=row["value"],
        threshold=threshold,
        runbook_url=rule.runbook_url,
    )


def _sentence(rule: Rule, row: Mapping[str, Any], labels: Mapping[str, str], threshold: float) -> str:
    if row["kind"] == "resolved":
        lasted = row["resolved_at"] - row["fired_at"]
        why = {"no_data": "nothing more is measured", "rule_removed": "the rule was removed",
               "rule_changed": "the rule was changed", "by_hand": "closed by hand"}  # fmt: skip
        return f"It lasted {lasted} until {_clock(row['resolved_at'])}" + (
            f"; {why[row['reason']]}." if row["reason"] in why else "."
        )
    sentence = _fill(
        rule.template or _DEFAULT,
        {
            "name": rule.name,
            "subject": row["subject"],
            "value": number(row["value"]),
            "threshold": number(threshold),
            **{f"label.{name}": value for name, value in labels.items()},
        },
    )
    return f"{sentence} Since {_clock(row['fired_at'])}."


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def number(value: float | None) -> str:
    """Write a measured value for people."""
    if value is None:
        return "no data"
    return f"{value:,.0f}" if abs(value) >= 1000 or value == round(value) else f"{value:.3g}"


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Put values into a template; a name that there is not stays as it is. Nothing else is interpreted."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), template)
