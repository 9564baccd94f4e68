"""The alerts service: check rules, tell people."""

from typing import Annotated

from msgspec import Meta

from huntaze_contracts.base import Count, Instant, Payload, Result


class CheckAlerts(Payload, frozen=True, tag_field="action", tag="check-alerts"):
    """Evaluate every enabled rule once, for the schedule's slot."""

    slot: Annotated[
        Instant | None, Meta(description="For a check by hand; a schedule's slot follows from its own time.")
    ] = None


class AlertsChecked(Result, frozen=True):
    """What one check saw and did."""

    slot: Instant
    skipped: Annotated[bool, Meta(description="True when this slot, or a later one, was checked before.")] = (
        False
    )
    rules: Count = 0
    rules_failed: Count = 0
    fired: Count = 0
    resolved: Count = 0
    notifications: Count = 0
