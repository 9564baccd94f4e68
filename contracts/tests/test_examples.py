"""Every worked example is what its reader takes, of this version and of the released one."""

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest
from huntaze_contracts.base import Envelope
from huntaze_contracts.failure import Callback, Problem
from huntaze_contracts.generation.__main__ import actions_without_example
from huntaze_contracts.registry import WORKERS

CONTRACTS = Path(__file__).resolve().parents[1]
EXAMPLES = sorted(CONTRACTS.glob("examples/*/*.json")) + sorted(CONTRACTS.glob("released/examples/*/*.json"))


def decode(message: str, body: bytes) -> object:
    worker, _, kind = message.rpartition(".")
    match kind:
        case "callback":
            return msgspec.json.decode(body, type=Callback)
        case "problem":
            return msgspec.json.decode(body, type=Problem)
        case "result":
            return msgspec.json.decode(body, type=WORKERS[worker].result)
        case _:
            envelope = msgspec.json.decode(body, type=Envelope)
            assert envelope.type == worker
            return msgspec.json.decode(envelope.payload, type=WORKERS[worker].payload)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(CONTRACTS)))
def test_a_worker_of_this_version_reads_it(path: Path) -> None:
    decode(path.parent.name, path.read_bytes())


def test_every_action_of_a_worker_has_an_example() -> None:
    assert actions_without_example() == []


@pytest.mark.parametrize(
    "path",
    sorted(CONTRACTS.glob("released/examples/*/*.json")),
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_a_worker_of_the_released_version_reads_what_is_still_the_same_example(path: Path) -> None:
    """What a new producer sends for an old purpose; examples that show something new need the new consumer."""
    example = CONTRACTS / "examples" / path.parent.name / path.name
    schema = json.loads((CONTRACTS / f"released/schemas/{path.parent.name}.schema.json").read_bytes())
    jsonschema.validate(json.loads(example.read_bytes()), schema)
