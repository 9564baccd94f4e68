"""Dead letters: what QStash gave up, grouped by why, and whether it would be understood today."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from huntaze_cli.broker import Broker
from huntaze_cli.failures import CommandFailed, usage
from huntaze_contracts.base import Envelope
from huntaze_contracts.failure import Problem
from huntaze_contracts.registry import WORKERS

from huntaze_console.pages import Action, Form, Nothing, Page, one
from huntaze_console.sources import Json, Sources

_READ = 500
"""Letters that the page shows; the rest comes up when these are dealt with."""
_AT_ONCE = 100


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
    letters, more = await sources.qstash(_read)
    groups: dict[tuple[str, int, str], list[Json]] = defaultdict(list)
    for each in letters:
        groups[(each.get("label") or "no worker", each.get("responseStatus") or 0, _answer(each)[0])].append(
            each
        )
    shown = [
        Group(worker, status, error, _answer(each[-1])[1], [_letter(letter) for letter in each])
        for (worker, status, error), each in groups.items()
    ]
    return DeadLettersPage(sorted(shown, key=lambda group: -len(group.letters)), more)


def _read(broker: Broker) -> tuple[list[Json], bool]:
    letters: list[Json] = []
    cursor: str | None = None
    while len(letters) < _READ:
        page: Json = broker.get("dlq", count=_AT_ONCE, cursor=cursor)
        letters += page["messages"]
        cursor = page.get("cursor")
        if not cursor:
            break
    return letters, bool(cursor)


def _answer(letter: Json) -> tuple[str, str]:
    """Return the code and the text of what the service answered last."""
    text = str(letter.get("responseBody") or "")
    try:
        problem = msgspec.json.decode(text, type=Problem)
    except (msgspec.DecodeError, RecursionError):
        return "no answer" if not text else "not ours", text[:300]
    return problem.code, problem.detail


def _letter(letter: Json) -> Letter:
    body = str(letter.get("body") or "")
    job_id, service, wrong = understand(body.encode())
    return Letter(letter["dlqId"], letter["createdAt"], job_id, service, wrong, body[:4000])


def understand(body: bytes) -> tuple[str | None, str | None, str | None]:
    """Return a body's job and service, and why today's contracts refuse it; None where they do not."""
    try:
        envelope = msgspec.json.decode(body, type=Envelope)
        worker = WORKERS.get(envelope.type)
        if worker is None:
            return envelope.job_id, None, f"there is no worker '{envelope.type[:60]}'"
        try:
            msgspec.json.decode(envelope.payload, type=worker.payload)
        except (msgspec.DecodeError, RecursionError) as error:
            return envelope.job_id, worker.service, f"payload: {error}"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return None, None, str(error)
    return envelope.job_id, worker.service, None


async def _retry(sources: Sources, form: Form) -> str:
    def send(broker: Broker, ids: list[str]) -> int:
        return len(broker.post("dlq/retry", dlqIds=ids, count=len(ids))["responses"])

    return f"{await _each_batch(sources, form, send)} sent again."


async def _delete(sources: Sources, form: Form) -> str:
    def delete(broker: Broker, ids: list[str]) -> int:
        return int(broker.delete("dlq", dlqIds=ids, count=len(ids))["deleted"])

    return f"{await _each_batch(sources, form, delete)} deleted for good."


async def _each_batch(sources: Sources, form: Form, act: Callable[[Any, list[str]], int]) -> int:
    ids = list(form.get("letter", []))
    if not ids:
        raise CommandFailed("no dead letter was chosen", hint="Mark some, or the box above them for all.")
    # An empty or foreign name would address all letters.
    if wrong := next((each for each in ids if not each.replace("-", "").isalnum()), None):
        raise usage(f"'{wrong[:40]}' is no id of the dead-letter queue")
    done = 0
    for start in range(0, len(ids), _AT_ONCE):
        batch = ids[start : start + _AT_ONCE]
        done += await sources.qstash(lambda broker, batch=batch: act(broker, batch))
    return done


async def _choose(sources: Sources, form: Form) -> str:
    return await (_delete if one(form, "do") == "delete" else _retry)(sources, form)


PAGE = Page(
    path="/dead-letters", title="Dead letters", template="dead_letters.html", query=Nothing, load=load
)
ACTIONS = (Action("/dead-letters/act", _choose),)
