"""The TypeScript of the contracts: one valibot schema per type, from which its static type follows.

valibot, since a bundle holds only the checks that are used and one expression gives validator and type:
contracts/typescript/README.md has the measured sizes.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from huntaze_contracts.generation.json_schema import components, references
from huntaze_contracts.registry import WORKERS

_HEAD = """\
// Made from contracts/huntaze_contracts by `./dev contracts`. Do not edit.
import * as v from "valibot";
import { characters, date, instant } from "./values.js";
"""
_NUMBER_CHECKS = {
    "minimum": "v.minValue",
    "maximum": "v.maxValue",
    "exclusiveMinimum": "v.gtValue",
    "exclusiveMaximum": "v.ltValue",
}
_SIZE_CHECKS = {
    "minItems": "v.minLength",
    "maxItems": "v.maxLength",
    "minProperties": "v.minEntries",
    "maxProperties": "v.maxEntries",
}


def typescript() -> str:
    """Return the module `contracts.ts`: every type of the messages, and the table of the workers."""
    messages, named = components()
    parts = [_HEAD]
    parts += [_declaration(name, named[name]) for name in _in_order(named)]
    for worker in WORKERS.values():
        for kind in ("payload", "result"):
            message = messages[f"{worker.name}.{kind}"]
            if "$ref" not in message:
                parts.append(_declaration(_type_name(worker.name, kind), message))
    parts.append(_workers(messages))
    return "\n".join(parts)


def _workers(messages: Mapping[str, Any]) -> str:
    lines = ["/** Every worker: what it takes and answers, and how its messages are sent. */"]
    lines.append("export const workers = {")
    for worker in WORKERS.values():
        lines += [
            f"  {json.dumps(worker.name)}: {{",
            *(f"    {kind}: {_name(worker.name, kind, messages)}," for kind in ("payload", "result")),
            f"    path: {json.dumps(worker.path)},",
            f"    retries: {worker.retries},",
            f"    timeout: {worker.timeout},",
            f"    parallelism: {worker.parallelism},",
            f"    maxBody: {worker.max_body},",
            "  },",
        ]
    return "\n".join([*lines, "} as const;", ""])


def _name(worker: str, kind: str, messages: Mapping[str, Any]) -> str:
    """Return the name of a worker's payload or result: its type's own, or one made for a union."""
    reference = messages[f"{worker}.{kind}"].get("$ref", "")
    return reference.rpartition("/")[2] or _type_name(worker, kind)


def _type_name(worker: str, kind: str) -> str:
    return "".join(word.capitalize() for word in (*worker.split("-"), kind))


def _in_order(named: Mapping[str, Any]) -> list[str]:
    """Sort the types so that each stands behind those that it refers to; there are no circles."""
    order: list[str] = []

    def add(name: str) -> None:
        if name not in order:
            for used in sorted(set(references(named[name]))):
                add(used)
            order.append(name)

    for name in sorted(named):
        add(name)
    return order


def _declaration(name: str, schema: Mapping[str, Any]) -> str:
    return (
        f"{_comment(schema, '')}export const {name} = {_expression(schema, '')};\n"
        f"export type {name} = v.InferInput<typeof {name}>;\n"
    )


def _comment(schema: Mapping[str, Any], indent: str) -> str:
    text = schema.get("description", "").replace("*/", "*\\/")
    default = schema.get("default")
    if default is not None:
        text = f"{text} Default: {json.dumps(default)}.".strip()
    if not text:
        return ""
    lines = text.split("\n")
    if len(lines) == 1:
        return f"{indent}/** {text} */\n"
    body = "".join(f"{indent} * {line}".rstrip() + "\n" for line in lines)
    return f"{indent}/**\n{body}{indent} */\n"


def _expression(schema: Mapping[str, Any], indent: str) -> str:
    match schema:
        case {"$ref": str(reference)}:
            return reference.rpartition("/")[2]
        case {"anyOf": [*choices]}:
            return _choice(choices, schema.get("discriminator"), indent)
        case {"enum": [value]}:
            return f"v.literal({json.dumps(value)})"
        case {"enum": [*values]}:
            return f"v.picklist({json.dumps(values)})"
        case {"type": "object", "properties": _}:
            return _object(schema, indent)
        case _:
            return _piped(_base(schema, indent), _checks(schema))


def _choice(choices: list[Any], discriminator: Any, indent: str) -> str:
    rest = [choice for choice in choices if choice != {"type": "null"}]
    inner = ", ".join(_expression(choice, indent) for choice in rest)
    if discriminator:
        inner = f"v.variant({json.dumps(discriminator['propertyName'])}, [{inner}])"
    elif len(rest) > 1:
        inner = f"v.union([{inner}])"
    return inner if len(rest) == len(choices) else f"v.nullable({inner})"


def _object(schema: Mapping[str, Any], indent: str) -> str:
    """Refuse unknown fields where the contract does, and leave them out where it ignores them."""
    kind = "strictObject" if schema.get("additionalProperties") is False else "object"
    required = schema.get("required", ())
    lines: list[str] = []
    for name, field in schema["properties"].items():
        value = _expression(field, indent + "  ")
        value = value if name in required else f"v.optional({value})"
        lines.append(f"{_comment(field, indent + '  ')}{indent}  {name}: {value},\n")
    return f"v.{kind}({{\n{''.join(lines)}{indent}}})" if lines else f"v.{kind}({{}})"


def _base(schema: Mapping[str, Any], indent: str) -> str:
    match schema:
        case {"type": "string", "format": "date"}:
            return "date"
        case {"type": "string", "format": "date-time"}:
            return "instant"
        case {"type": "array", "items": dict(item)}:
            return f"v.array({_expression(item, indent)})"
        case {"type": "object"}:
            keys = _expression({"type": "string", **schema.get("propertyNames", {})}, indent)
            return f"v.record({keys}, {_expression(schema.get('additionalProperties') or {}, indent)})"
        case {"type": "string" | "boolean" | "number" as name}:
            return f"v.{name}()"
        case {"type": "integer"}:
            return "v.number()"
        case {"type": "null"}:
            return "v.null()"
        case _:
            if not schema.keys() <= {"description", "title", "default"}:
                raise ValueError(f"no TypeScript for {schema}")
            return "v.unknown()"


def _checks(schema: Mapping[str, Any]) -> list[str]:
    checks = ["v.integer()"] if schema.get("type") == "integer" else []
    if "pattern" in schema:
        # What was escaped for Python's sake is no escape in JavaScript's stricter dialect.
        pattern = re.sub(r"(?<!\\)/", r"\\/", schema["pattern"])
        checks.append(f"v.regex(/{pattern}/u)")
    if "minLength" in schema or "maxLength" in schema:
        checks.append(f"characters({schema.get('minLength', 0)}, {schema.get('maxLength', 'Infinity')})")
    numeric = {**_NUMBER_CHECKS, **_SIZE_CHECKS}
    checks += [f"{check}({schema[key]})" for key, check in numeric.items() if key in schema]
    return checks


def _piped(base: str, checks: list[str]) -> str:
    return f"v.pipe({', '.join([base, *checks])})" if checks else base
