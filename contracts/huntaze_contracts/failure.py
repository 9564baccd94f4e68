"""What a failed request answers, and what QStash posts to callbacks."""

from typing import Annotated

from msgspec import Meta, Struct

from huntaze_contracts.base import Result


class Problem(Result, frozen=True):
    """An error as RFC 9457 'problem details' describes it; `code` is stable, `detail` is for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str


# Documented as a number, and shown quoted in an example.
Milliseconds = (
    Annotated[int, Meta(ge=0, lt=10**13, description="Since 1970.")]
    | Annotated[str, Meta(pattern=r"^[0-9]{1,13}$(?!\n)")]
)


class Callback(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of a QStash callback or failure callback: the last answer of a delivery.

    QStash's own shape, so unknown fields are ignored.
    """

    status: int
    source_message_id: str
    url: str
    retried: int = 0
    max_retries: int = 0
    dlq_id: str | None = None
    body: Annotated[str, Meta(description="The response's body, base64.")] = ""
    source_body: Annotated[str, Meta(description="The message's body, base64.")] = ""
    schedule_id: str | None = None
    created_at: Milliseconds | None = None
