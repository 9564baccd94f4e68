"""The generated files are current, and the same however often they are made."""

import os
import subprocess
import sys
from pathlib import Path

from huntaze_contracts.generation.__main__ import generated, stale
from huntaze_contracts.generation.json_schema import message_schemas

CONTRACTS = Path(__file__).resolve().parents[1]


def test_the_committed_files_are_what_the_contracts_say() -> None:
    assert not stale(), "run ./dev contracts"


def test_they_do_not_depend_on_the_process_that_makes_them() -> None:
    program = "from huntaze_contracts.generation.__main__ import generated\nprint(''.join(generated().values()), end='')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "".join(generated().values())


def test_every_field_of_an_envelope_is_described_or_named_by_its_type() -> None:
    """Whoever reads only the schema knows what to send."""
    for name, schema in message_schemas().items():
        for title, kind in schema["$defs"].items():
            assert kind.get("description"), f"{name}: {title}"
