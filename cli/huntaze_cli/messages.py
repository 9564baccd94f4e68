"""`huntaze messages`: what QStash holds and did."""

import re
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from huntaze_cli.durations import parse_since, show_milliseconds
from huntaze_cli.failures import CommandFailed, usage
from huntaze_cli.session import Given

app = App(name="messages", help="Messages under way, and QStash's log of them.", help_format="plaintext")

State = Literal["CREATED", "ACTIVE", "RETRY", "ERROR", "DELIVERED", "FAILED", "CANCEL_REQUESTED", "CANCELED"]
_ID = re.compile(r"[A-Za-z0-9_\-]{1,200}")


@app.command(name="list")
def list_messages(
    *,
    worker: Annotated[str | None, Parameter(help="Of one worker, such as video-processing.")] = None,
    state: Annotated[State | None, Parameter(help="Events of this state only.")] = None,
    since: Annotated[str | None, Parameter(help="Not older than 2h, 7d, or an instant.")] = None,
    limit: Annotated[int, Parameter(help="At most so many events.")] = 50,
    session: Given,
) -> int:
    """List the events of messages, newest first."""
    start = round(parse_since(since, "--since", session.now).timestamp() * 1000) if since else None
    found = session.qstash.get(
        "events", label=worker, state=state, fromDate=start, count=max(1, min(limit, 1000))
    )
    events: list[dict[str, Any]] = found["events"]
    session.terminal.data(events)
    session.terminal.table(
        ["TIME", "STATE", "STATUS", "MESSAGE", "URL"],
        [
            (
                show_milliseconds(each["time"]),
                each["state"],
                each.get("responseStatus") or "-",
                each["messageId"],
                each["url"],
            )
            for each in events
        ],
        right=["STATUS"],
    )
    if not events:
        session.terminal.note("no events")
    return 0


@app.command
def show(message_id: Annotated[str, Parameter(help="The message's id.")], /, *, session: Given) -> int:
    """Show the history of one message and, while it is under way, the message."""
    identifier = _checked(message_id)
    events: list[dict[str, Any]] = session.qstash.get("events", messageIds=identifier, count=1000)["events"]
    try:
        message: dict[str, Any] | None = session.qstash.get(f"messages/{identifier}")
    except CommandFailed as failure:
        if not events or "(404)" not in str(failure):
            raise
        message = None
    terminal = session.terminal
    terminal.data({"message": message, "events": events})
    for name in ("url", "label", "createdAt", "notBefore", "maxRetries", "callback", "scheduleId", "body"):
        value = message.get(name) if message else None
        if value is not None:
            at = name in ("createdAt", "notBefore")
            terminal.line(f"{name:<12} {show_milliseconds(value) if at else value}")
    terminal.table(
        ["TIME", "STATE", "STATUS", "NEXT TRY"],
        [
            (
                show_milliseconds(each["time"]),
                each["state"],
                each.get("responseStatus") or "-",
                show_milliseconds(each.get("nextDeliveryTime")),
            )
            for each in reversed(events)
        ],
        right=["STATUS"],
    )
    return 0


@app.command
def cancel(*message_ids: Annotated[str, Parameter(help="Ids of messages.")], session: Given) -> int:
    """Cancel messages that were not delivered yet."""
    if not message_ids:
        raise usage("which messages?", "Give their ids; `huntaze messages list` shows them.")
    identifiers = [_checked(each) for each in message_ids]
    cancelled = session.qstash.delete("messages", messageIds=identifiers)["cancelled"]
    session.terminal.data({"cancelled": cancelled})
    session.terminal.line(f"{cancelled} of {len(identifiers)} cancelled")
    return 0 if cancelled == len(identifiers) else 1


def _checked(message_id: str) -> str:
    # An empty or foreign path would address all messages.
    if not _ID.fullmatch(message_id):
        raise usage(f"'{message_id[:40]}' is no id of a message")
    return message_id
