"""The alerts service: check rules, tell people."""

from typing import Annotated, Literal

from msgspec import Meta, field

from huntaze_contracts.base import Count, Id, Instant, Key, Line, Payload, Result

Severity = Literal["info", "warning", "error", "critical"]
MetricName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){0,7}$(?!\n)",
        max_length=120,
        description="Words in snake case joined by dots. `job.…` comes from the workers' ledgers, "
        "`snapshot.…` from the users' analytics; everything else is sent to the ingestion endpoint.",
    ),
]
Label = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$(?!\n)")]
Labels = Annotated[dict[Label, Annotated[str, Meta(max_length=200)]], Meta(max_length=8)]
Seconds = Annotated[int, Meta(ge=0, le=90 * 86_400)]
Minutes = Annotated[int, Meta(ge=60, le=90 * 86_400, description="In seconds, at least one minute.")]
Limit = Annotated[float, Meta(ge=-1e15, le=1e15)]


class MetricQuery(Payload, frozen=True):
    """One number per group of series: samples of one metric, filtered, grouped and aggregated over a window.

    The window ends `delay` before the slot, so that what comes a little late is still seen.
    """

    metric: MetricName
    aggregation: Annotated[
        Literal["sum", "count", "avg", "min", "max", "rate", "ratio", "percentile", "change", "age"],
        Meta(
            description="rate: sum per second. ratio: the share (0 to 1) of the sum whose labels match "
            "`part`. change: percent by which the window's average differs from that of the "
            "`baseline` before it. age: seconds since the last sample, at most the window; it counts "
            "up where there is none."
        ),
    ]
    window: Minutes = 300
    baseline: Annotated[Seconds, Meta(description="For `change`: how long before the window.")] = 0
    delay: Seconds = 60
    where: Labels = field(default_factory=dict)
    part: Annotated[Labels, Meta(description="For `ratio`: the labels of the part.")] = field(
        default_factory=dict
    )
    percentile: Annotated[float, Meta(gt=0, lt=100)] = 95
    group_by: Annotated[
        tuple[Label, ...],
        Meta(max_length=4, description="One alert per value of these labels; `subject` is the user."),
    ] = ()


class Level(Payload, frozen=True):
    """From this threshold on, the alert has this severity."""

    severity: Severity
    threshold: Limit


class Escalation(Payload, frozen=True):
    """Whom to tell when nobody acknowledges."""

    after: Minutes = 900
    severity: Annotated[Severity, Meta(description="The least severity that escalates.")] = "critical"
    channels: Annotated[tuple[str, ...], Meta(max_length=10)] = ()


class Flapping(Payload, frozen=True):
    """An alert that fires more than `changes` times within `window` is told once, and when it is over."""

    changes: Annotated[int, Meta(ge=1, le=100)] = 4
    window: Minutes = 3600


class Rule(Payload, frozen=True, kw_only=True):
    """When to raise an alert, and whom to tell. Holds no SQL: it chooses from what is registered."""

    name: Line
    description: Annotated[str, Meta(max_length=1000)] = ""
    query: MetricQuery
    comparison: Literal["gt", "ge", "lt", "le"] = "gt"
    levels: Annotated[
        tuple[Level, ...],
        Meta(min_length=1, max_length=4, description="From the mildest to the most severe."),
    ]
    clear: Annotated[
        Limit | None,
        Meta(description="The value at which it is over, on the safe side of the first threshold."),
    ] = None
    hold: Annotated[Seconds, Meta(description="Fires when the condition has held for so long.")] = 0
    keep_firing: Annotated[Seconds, Meta(description="Ends when it has been clear for so long.")] = 0
    repeat: Annotated[Minutes, Meta(description="Between reminders; doubles each time.")] = 14_400
    repeat_max: Minutes = 86_400
    min_samples: Annotated[float, Meta(ge=0, le=1e12, description="With fewer, there is no data.")] = 1
    no_data: Annotated[
        Literal["keep", "ok", "alert"], Meta(description="What an instance without data counts as.")
    ] = "keep"
    missing: Annotated[
        Seconds, Meta(description="With noData `ok`: a firing alert without data ends after so long.")
    ] = 600
    every: Annotated[Minutes, Meta(description="Evaluated no more often than this.")] = 60
    flapping: Flapping = Flapping()
    escalation: Escalation | None = None
    depends_on: Annotated[
        Id | None, Meta(description="While that rule fires, for the same or no subject, this one is silent.")
    ] = None
    replaces: Annotated[
        Id | None, Meta(description="The platform's rule that does not apply where this one is.")
    ] = None
    channels: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^(@subject|[A-Za-z0-9_./\-]{1,260})$(?!\n)")], ...],
        Meta(
            max_length=10, description="Ids of channels; `@subject` stands for all of the concerned user's."
        ),
    ] = ("in-app",)
    labels: Labels = field(default_factory=dict)
    template: Annotated[
        str,
        Meta(
            max_length=500,
            description="One sentence with {name}, {subject}, {value}, {threshold}, {label.…} filled in.",
        ),
    ] = ""
    runbook_url: Annotated[str, Meta(pattern=r"^(https?://[^\s\x00-\x1f\\]{1,500})?$(?!\n)")] = ""
    enabled: bool = True


class CheckAlerts(Payload, frozen=True, tag_field="action", tag="check-alerts"):
    """Evaluate every enabled rule once, for the schedule's slot."""

    slot: Annotated[
        Instant | None, Meta(description="For a check by hand; a schedule's slot follows from its own time.")
    ] = None


class DeliverNotifications(Payload, frozen=True, tag_field="action", tag="deliver-notifications"):
    """Send the notifications that wait. Sent by the service to itself, and again while something is left."""

    round: Annotated[int, Meta(ge=1, le=1000)] = 1


class Link(Payload, frozen=True):
    """An object of the store to give to the reader: presigned when it is sent, never stored."""

    title: Line
    key: Key


class SendNotification(Payload, frozen=True, tag_field="action", tag="send-notification"):
    """Tell a user something that is no alert, for example that a report is ready.

    The same `key` is told once per channel. The envelope's user is the one who is told.
    """

    key: Id
    title: Line
    text: Annotated[str, Meta(max_length=4000)] = ""
    severity: Severity = "info"
    links: Annotated[tuple[Link, ...], Meta(max_length=10)] = ()
    channels: Annotated[
        tuple[Id, ...], Meta(max_length=10, description="All of the user's own, and the inbox, when absent.")
    ] = ()


AlertJob = CheckAlerts | DeliverNotifications | SendNotification


class AlertsChecked(Result, frozen=True, tag_field="action", tag="check-alerts"):
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


class NotificationsDelivered(Result, frozen=True, tag_field="action", tag="deliver-notifications"):
    """What one round of sending did."""

    sent: Count = 0
    failed: Count = 0
    waiting: Annotated[int, Meta(ge=0, description="Messages left for a later round.")] = 0


class NotificationQueued(Result, frozen=True, tag_field="action", tag="send-notification"):
    """How many channels will be told."""

    channels: Count = 0


AlertResult = AlertsChecked | NotificationsDelivered | NotificationQueued
