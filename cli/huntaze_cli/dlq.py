"""`huntaze dlq`: messages that QStash gave up, one by one or all that a filter finds."""

from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import App, Parameter

from huntaze_cli import dead_letters
from huntaze_cli.durations import parse_since, show_milliseconds
from huntaze_cli.failures import usage
from huntaze_cli.session import SWITCH, Given, Session

app = App(name="dlq", help="The dead-letter queue.", help_format="plaintext")


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """Which dead letters."""

    worker: Annotated[str | None, Parameter(help="Of one worker, such as video-processing.")] = None
    status: Annotated[int | None, Parameter(help="By the last answer's HTTP status.")] = None
    since: Annotated[str | None, Parameter(help="Not older than 2h, 7d, or an instant.")] = None
    until: Annotated[str | None, Parameter(help="Not newer than that.")] = None
    schedule: Annotated[str | None, Parameter(help="Of one schedule.")] = None
    message: Annotated[str | None, Parameter(help="Of one message.")] = None

    def parameters(self, session: Session) -> dict[str, Any]:
        """Return QStash's query parameters."""
        given = {"label": self.worker, "responseStatus": self.status, "scheduleId": self.schedule}
        given["messageId"] = self.message
        for name, option, text in (("fromDate", "--since", self.since), ("toDate", "--until", self.until)):
            if text is not None:
                given[name] = round(parse_since(text, option, session.now).timestamp() * 1000)
        return {name: value for name, value in given.items() if value is not None}


Chosen = Annotated[Filters | None, Parameter(name="*")]
Ids = Annotated[str, Parameter(help="Ids in the dead-letter queue.")]
All = Annotated[bool, SWITCH, Parameter(name="--all", help="Everything there is.")]
Yes = Annotated[bool, SWITCH, Parameter(help="Do it without asking.")]


@app.command(name="list")
def list_dlq(
    *,
    filters: Chosen = None,
    limit: Annotated[int, Parameter(help="At most so many.")] = 100,
    session: Given,
) -> int:
    """List dead letters, oldest first."""
    letters, _ = dead_letters.find(session.qstash, limit, **(filters or Filters()).parameters(session))
    understood = [dead_letters.understand(each) for each in letters]
    session.terminal.data(
        [{**each, "refused": what.refused} for each, what in zip(letters, understood, strict=True)]
    )
    session.terminal.table(
        ["DLQ ID", "CREATED", "STATUS", "WORKER", "JOB", "DECODES"],
        [
            (
                each["dlqId"],
                show_milliseconds(each["createdAt"]),
                each["responseStatus"] or "-",
                each.get("label", "-"),
                what.job_id or "-",
                "yes" if what.refused is None else "no",
            )
            for each, what in zip(letters, understood, strict=True)
        ],
        right=["STATUS"],
    )
    if not letters:
        session.terminal.note("no dead letters")
    return 0


@app.command
def show(dlq_id: Annotated[str, Parameter(help="Id in the dead-letter queue.")], /, *, session: Given) -> int:
    """Show one dead letter: where it went, what came back, what it carried."""
    letter: dict[str, Any] = session.qstash.get(f"dlq/{dead_letters.checked_id(dlq_id)}")
    terminal = session.terminal
    terminal.data(letter)
    for name in ("dlqId", "messageId", "url", "createdAt", "maxRetries", "label", "scheduleId"):
        value = letter.get(name)
        if value is not None:
            terminal.line(f"{name:<12} {show_milliseconds(value) if name == 'createdAt' else value}")
    terminal.line(f"{'answer':<12} {letter['responseStatus']} {letter.get('responseBody', '')}")
    terminal.line(f"{'body':<12} {letter.get('body') or letter.get('bodyBase64', '')}")
    refused = dead_letters.understand(letter).refused
    terminal.line(f"{'decodes':<12} {'yes' if refused is None else f'no: {refused}'}")
    terminal.note(f"Send it again: huntaze dlq retry {dlq_id}")
    return 0


@app.command
def retry(*dlq_ids: Ids, filters: Chosen = None, all_: All = False, yes: Yes = False, session: Given) -> int:
    """Send dead letters again, by id or all that the filters find; they leave the queue."""
    letters = _chosen(session, dlq_ids, filters, everything=all_)
    if letters and not dlq_ids:
        session.terminal.confirm(f"Send {len(letters)} dead letters again?", yes=yes)
    sent = dead_letters.send_again(session.qstash, letters)
    session.terminal.data({"retried": len(sent), "messageIds": sent})
    session.terminal.line(f"{len(sent)} sent again")
    return 0


@app.command
def delete(*dlq_ids: Ids, filters: Chosen = None, all_: All = False, yes: Yes = False, session: Given) -> int:
    """Delete dead letters for good, by id or all that the filters find."""
    letters = _chosen(session, dlq_ids, filters, everything=all_)
    if letters:
        session.terminal.confirm(f"Delete {len(letters)} dead letters for good?", yes=yes)
    deleted = dead_letters.delete(session.qstash, letters)
    session.terminal.data({"deleted": deleted})
    session.terminal.line(f"{deleted} deleted")
    return 0


def _chosen(
    session: Session, ids: tuple[str, ...], filters: Filters | None, *, everything: bool
) -> list[str]:
    """Return the ids that a bulk command acts on: never all of them by accident."""
    if sum(map(bool, (ids, filters, everything))) != 1:
        raise usage("say which dead letters", "Give ids, or filters, or --all.")
    if ids:
        return [dead_letters.checked_id(each) for each in ids]
    parameters = filters.parameters(session) if filters else {}
    letters, _ = dead_letters.find(session.qstash, None, **parameters)
    return [str(each["dlqId"]) for each in letters]
