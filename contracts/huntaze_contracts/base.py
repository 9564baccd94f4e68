"""The shared vocabulary of all messages, and the envelope that every one of them travels in."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

# The names below are the vocabulary of the JSON Schemas too, hence the descriptions. `$(?!\n)`: in Python `$`
# alone also matches before a last line break.
Id = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_.\-]{1,128}$(?!\n)",
        description="Letters, digits, '_', '.' and '-'; at most 128. No colon: QStash refuses it in "
        "deduplication ids.",
    ),
]
Line = Annotated[
    str,
    Meta(pattern=r"^[^\x00-\x1f\x7f]{1,200}$(?!\n)", description="One line of text, 1 to 200 characters."),
]
Key = Annotated[
    str,
    Meta(
        pattern=r"^(?!/)(?!.*(^|/)\.\.?(/|$))[A-Za-z0-9!_.*'()/=@+,~ \-]{1,512}$(?!\n)",
        description="The key of an object in the store; no leading slash, no '.' or '..' segment.",
    ),
]
HttpsUrl = Annotated[
    str,
    Meta(
        pattern=r"^https?://[^\s\x00-\x1f\\]{1,2000}$(?!\n)",
        description="An https URL; http only in development.",
    ),
]
Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339 with an offset.")]
Score = Annotated[float, Meta(ge=0, le=1, description="A share or score between 0 and 1.")]
Count = Annotated[int, Meta(ge=0)]


class Payload(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What every message body is made of: named fields, camel case on the wire, nothing unknown.

    An unknown field is an error and not ignored: a misspelt option must not silently lose its effect.
    So consumers are deployed before producers that send a new field (see docs/how-to/change-a-contract.md).
    """


class Result(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a job answers. Readers ignore fields they do not know, so a result may grow."""


class TraceContext(Payload, frozen=True):
    """The W3C trace context of the request that enqueued the job. Inside the body because that is signed."""

    traceparent: Annotated[str, Meta(pattern=r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$(?!\n)")]
    tracestate: Annotated[str, Meta(max_length=512)] = ""


class Schedule(Payload, frozen=True):
    """Which schedule sent a message. Its body is fixed when the schedule is made, so it holds no date.

    The worker takes the slot from the cron expression and the time at which the token was signed.
    """

    id: Id
    cron: Annotated[str, Meta(max_length=200, description="As given to QStash, with CRON_TZ= if any.")]


class Envelope(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The signed body around every payload. All that decides anything is in here: headers are not signed."""

    type: Annotated[Id, Meta(description="The worker's name, for example video-processing.")]
    schema_version: Annotated[int, Meta(ge=1, le=1000)] = 1
    job_id: Annotated[
        Id | None,
        Meta(
            description="Names the job for ever: the same id never runs twice. Absent on schedules, where it "
            "is made from the slot; together with a schedule it names the slot to run again."
        ),
    ] = None
    user_id: Annotated[
        Id | None, Meta(description="Whose job it is; absent for the platform's own jobs.")
    ] = None
    enqueued_at: Instant | None = None
    trace_context: TraceContext | None = None
    schedule: Schedule | None = None
    payload: msgspec.Raw
