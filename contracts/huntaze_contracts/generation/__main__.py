"""`./dev contracts [write|check|compare|release]`: the generated files, and what a change of them breaks."""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from huntaze_contracts.generation.asyncapi import asyncapi
from huntaze_contracts.generation.compatibility import breaking_changes
from huntaze_contracts.generation.json_schema import message_schemas
from huntaze_contracts.generation.typescript import typescript

CONTRACTS = Path(__file__).resolve().parents[2]
RELEASED = CONTRACTS / "released"


def load_examples(directory: Path) -> dict[str, dict[str, Any]]:
    """Read the worked examples: `<message>/<example>.json`."""
    examples: dict[str, dict[str, Any]] = {}
    for path in sorted(directory.glob("*/*.json")):
        examples.setdefault(path.parent.name, {})[path.stem] = json.loads(path.read_text(encoding="utf-8"))
    return examples


def generated() -> dict[Path, str]:
    """Return the text of every generated file by its path."""
    examples = load_examples(CONTRACTS / "examples")
    files = {CONTRACTS / "asyncapi.json": _json(asyncapi(examples))}
    for name, schema in message_schemas().items():
        worked = {"examples": list(examples[name].values())} if name in examples else {}
        files[CONTRACTS / "schemas" / f"{name}.schema.json"] = _json(schema | worked)
    files[CONTRACTS / "typescript/src/contracts.ts"] = typescript()
    return files


def stale() -> list[Path]:
    """Return the generated files that are missing, outdated or left over."""
    files = generated()
    wrong = [path for path, text in files.items() if not path.is_file() or path.read_text("utf-8") != text]
    return wrong + sorted(set((CONTRACTS / "schemas").glob("*.json")) - files.keys())


def actions_without_example() -> list[str]:
    """Return the actions that no file in `examples/<worker>.job` shows."""
    missing: list[str] = []
    examples = load_examples(CONTRACTS / "examples")
    for name, schema in message_schemas().items():
        if not name.endswith(".job"):
            continue
        shown = {job["payload"].get("action") for job in examples.get(name, {}).values()}
        fields = [kind["properties"] for kind in schema["$defs"].values()]
        tags = {value for field in fields for value in field.get("action", {}).get("enum", [])}
        missing += [f"{name}: {tag}" for tag in sorted(tags - shown)]
    return missing


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _write() -> int:
    files = generated()
    for path in set((CONTRACTS / "schemas").glob("*.json")) - files.keys():
        path.unlink()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"{len(files)} files are current")
    return 0


def _check() -> int:
    wrong = stale()
    for path in wrong:
        print(f"contracts/{path.relative_to(CONTRACTS)} is not what the contracts say")
    if wrong:
        print("Run `./dev contracts` and commit what it writes.")
    missing = actions_without_example()
    for action in missing:
        print(f"{action} has no example: add one to contracts/examples, then run `./dev contracts`")
    return 1 if wrong or missing else _compare()


def _compare() -> int:
    released = {
        path.name.removesuffix(".schema.json"): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((RELEASED / "schemas").glob("*.json"))
    }
    changes = breaking_changes(released, message_schemas())
    for change in changes:
        print(change)
    if changes:
        print(
            "These break who speaks the released version: see docs/how-to/change-a-contract.md. Where nobody "
            "speaks it yet, `./dev contracts release` makes the present contracts the released ones."
        )
    return 1 if changes else 0


def _release() -> int:
    if stale():
        return _check()
    _compare()
    for part in ("schemas", "examples"):
        shutil.rmtree(RELEASED / part, ignore_errors=True)
        shutil.copytree(CONTRACTS / part, RELEASED / part)
    print("contracts/released now holds these contracts")
    return 0


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    commands = {"write": _write, "check": _check, "compare": _compare, "release": _release}
    parser = argparse.ArgumentParser(prog="./dev contracts", description=__doc__)
    parser.add_argument("command", nargs="?", choices=commands, default="write")
    return commands[parser.parse_args(arguments).command]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
