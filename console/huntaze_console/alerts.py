"""Alerts: what fires, who is at it, what is silenced, and what a rule would have told."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

import msgspec
from huntaze_cli.failures import usage

from huntaze_console.pages import Action, Form, NotFound, Page, one
from huntaze_console.sources import Json, Sources

_TRIED_DAYS = 7


class Query(msgspec.Struct, frozen=True):
    """Which alerts."""

    state: Literal["pending", "firing", "recovering", "resolved"] | None = None


class AlertsPage(msgspec.Struct, frozen=True):
    """What the page shows."""

    alerts: Sequence[Json]
    silences: Sequence[Json]
    rules: Sequence[Json]


class Trial(msgspec.Struct, frozen=True):
    """Which rule to try on the last days."""

    rule: str


class TrialPage(msgspec.Struct, frozen=True):
    """A rule, and when it would have fired."""

    rule: Json
    fired: int
    firings: Sequence[Json]


async def load(sources: Sources, query: Query) -> AlertsPage:
    """Read the alerts service; firing ones come first."""
    alerts, silences, rules = await asyncio.gather(
        sources.service("alerts", "/alerts", state=query.state, limit=100),
        sources.service("alerts", "/silences"),
        sources.service("alerts", "/rules"),
    )
    shown = sorted(alerts["alerts"], key=lambda each: each["state"] == "resolved")
    return AlertsPage(shown, silences["silences"], rules["rules"])


async def load_trial(sources: Sources, query: Trial) -> TrialPage:
    """Have the alerts service tell when a rule would have fired.

    Raises:
        NotFound: there is no such rule.
    """
    rules = await sources.service("alerts", "/rules")
    rule = next((each for each in rules["rules"] if each["id"] == query.rule), None)
    if rule is None:
        raise NotFound(f"there is no rule {query.rule[:260]}")
    begin = sources.now() - timedelta(days=_TRIED_DAYS)
    tried = await sources.post(
        "alerts", "/rules/preview", {"rule": rule["definition"], "begin": begin.isoformat()}
    )
    return TrialPage(rule, tried["fired"], tried["firings"])


async def _acknowledge(sources: Sources, form: Form) -> str:
    number = _number(form, "alert")
    answer = await sources.post("alerts", f"/alerts/{number}/acknowledge", {"note": "from the console"})
    return f"Alert “{answer['alert']['name']}” is acknowledged: no reminders, no escalation."


async def _resolve(sources: Sources, form: Form) -> str:
    number = _number(form, "alert")
    answer = await sources.post("alerts", f"/alerts/{number}/resolve", {"note": "from the console"})
    return f"Alert “{answer['alert']['name']}” was ended by hand."


async def _silence(sources: Sources, form: Form) -> str:
    hours = _number(form, "hours")
    rule = one(form, "rule")
    body = {
        "ruleId": rule or None,
        "endsAt": (sources.now() + timedelta(hours=min(hours, 2000))).isoformat(),
        "reason": one(form, "reason")[:500],
    }
    await sources.post("alerts", "/silences", body)
    return f"{'Rule ' + rule if rule else 'Every rule'} tells nobody for {hours} hours."


async def _end_silence(sources: Sources, form: Form) -> str:
    await sources.delete("alerts", f"/silences/{_number(form, 'silence')}")
    return "The silence is over."


def _number(form: Form, name: str) -> int:
    text = one(form, name)
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise usage(f"{name}: a whole number is needed")
    return int(text)


PAGE = Page(path="/alerts", title="Alerts", template="alerts.html", query=Query, load=load)
TRIAL = Page(
    path="/alerts/try",
    title="A rule on the last week",
    template="trial.html",
    query=Trial,
    load=load_trial,
    in_menu=False,
    follow=False,
)
ACTIONS = (
    Action("/alerts/acknowledge", _acknowledge),
    Action("/alerts/resolve", _resolve),
    Action("/alerts/silence", _silence),
    Action("/alerts/end-silence", _end_silence),
)
