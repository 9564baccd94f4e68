"""Dead letters: what QStash gave up, grouped by why, and whether it would be understood today."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec
from huntaze_cli import dead_letters
from huntaze_cli.failures import CommandFailed
from huntaze_cli.schedule_plan import body_of
from huntaze_contracts.failure import Problem

from huntaze_console.pages import Action, Form, Nothing, Page, one
from huntaze_console.sources import Json, Sources

_MOST = 500
"""Letters that the page shows; the rest comes up when these are dealt with."""
_SHOWN = 4000
"""Bytes of one body."""


class Letter(msgspec.Struct, frozen=True, rename="camel"):
    """One dead letter."""

    id: str
    created_at: int
    """Milliseconds since the epoch."""
    job_id: str | None
    service: str | None
    undecodable: str | None
    """Why the service as it is today would not understand the body; None: it would."""
    body: str


class Group(msgspec.Struct, frozen=True, rename="camel"):
    """Letters that failed in the same way."""

    worker: str
    status: int
    error: str
    detail: str
    """What the newest of them was answered."""
    letters: Sequence[Letter]


class DeadLettersPage(msgspec.Struct, frozen=True):
    """What the page shows."""

    groups: Sequence[Group]
    more: bool


async def load(sources: Sources, _: Nothing) -> DeadLettersPage:
    """Read the queue and group it, the largest group first."""
    letters, more = await sources.qstash(lambda broker: dead_letters.find(broker, _MOST))
    groups: dict[tuple[str, int, str], list[Json]] = defaultdict(list)
    for each in letters:
        worker, status = each.get("label") or "no worker", each.get("responseStatus") or 0
        groups[worker, status, _answer(each)[0]].append(each)
    shown = [
        Group(worker, status, error, _answer(each[-1])[1], [_letter(letter) for letter in each])
        for (worker, status, error), each in groups.items()
    ]
    return DeadLettersPage(sorted(shown, key=lambda group: -len(group.letters)), more)


def _answer(letter: Json) -> tuple[str, str]:
    """Return the code and the text of what the service answered last."""
    text = str(letter.get("responseBody") or "")
    try:
        problem = msgspec.json.decode(text, type=Problem)
    except (msgspec.DecodeError, RecursionError):
        return "no answer" if not text else "not ours", text[:300]
    return problem.code, problem.detail


def _letter(letter: Json) -> Letter:
    what = dead_letters.understand(letter)
    body = body_of(letter)[:_SHOWN].decode("utf-8", "replace")
    return Letter(letter["dlqId"], letter["createdAt"], what.job_id, what.service, what.refused, body)


async def _act(sources: Sources, form: Form) -> str:
    ids = form.get("letter") or []
    if not ids:
        raise CommandFailed("no dead letter was chosen", hint="Mark some, or the box above them for all.")
    if one(form, "do") == "delete":
        return f"{await sources.qstash(lambda broker: dead_letters.delete(broker, ids))} deleted for good."
    return f"{len(await sources.qstash(lambda broker: dead_letters.send_again(broker, ids)))} sent again."


PAGE = Page(
    path="/dead-letters", title="Dead letters", template="dead_letters.html", query=Nothing, load=load
)
ACTIONS = (Action("/dead-letters/act", _act),)
