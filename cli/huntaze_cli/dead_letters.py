"""The dead-letter queue, for the command and the console: find, understand, send again, delete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from huntaze_contracts.base import Envelope
from huntaze_contracts.registry import WORKERS

from huntaze_cli.broker import Broker
from huntaze_cli.failures import usage
from huntaze_cli.schedule_plan import body_of

_AT_ONCE = 100
"""Letters that one request reads, sends again or deletes."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What a letter's body is to today's contracts."""

    job_id: str | None
    service: str | None
    refused: str | None
    """Why its worker as it is today would not take it; None: it would."""


def find(broker: Broker, most: int | None, **filters: Any) -> tuple[list[dict[str, Any]], bool]:
    """Return at most so many letters, oldest first, and whether there are more."""
    letters: list[dict[str, Any]] = []
    cursor: str | None = None
    while most is None or len(letters) < most:
        count = _AT_ONCE if most is None else min(_AT_ONCE, most - len(letters))
        page = broker.get("dlq", **filters, count=count, cursor=cursor)
        letters += page["messages"]
        cursor = page.get("cursor")
        if not cursor:
            break
    return letters, bool(cursor)


def understand(letter: Mapping[str, Any]) -> Understood:
    """Decode a letter's body as its worker would do it today."""
    job_id = service = None
    try:
        envelope = msgspec.json.decode(body_of(letter), type=Envelope)
        job_id, worker = envelope.job_id, WORKERS.get(envelope.type)
        if worker is None:
            return Understood(job_id, None, f"type: there is no worker '{envelope.type[:60]}'")
        service = worker.service
        msgspec.json.decode(envelope.payload, type=worker.payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Understood(job_id, service, f"payload: {error}" if service else str(error))
    return Understood(job_id, service, None)


def send_again(broker: Broker, ids: Sequence[str]) -> list[str]:
    """Send letters again and return their messages' ids; they leave the queue."""
    sent: list[str] = []
    for batch in _batches(ids):
        answer = broker.post("dlq/retry", dlqIds=batch, count=len(batch))
        sent += [each["messageId"] for each in answer["responses"]]
    return sent


def delete(broker: Broker, ids: Sequence[str]) -> int:
    """Delete letters for good and return how many there were."""
    return sum(
        int(broker.delete("dlq", dlqIds=batch, count=len(batch))["deleted"]) for batch in _batches(ids)
    )


def checked_id(text: str) -> str:
    """Return an id of a letter.

    Raises:
        CommandFailed: it is none; an empty or foreign one would address all letters.
    """
    if not text.replace("-", "").isalnum():
        raise usage(f"'{text[:40]}' is no id of the dead-letter queue")
    return text


def _batches(ids: Sequence[str]) -> list[list[str]]:
    checked = [checked_id(each) for each in ids]
    return [checked[start : start + _AT_ONCE] for start in range(0, len(checked), _AT_ONCE)]
