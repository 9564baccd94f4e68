"""JSON Schemas (2020-12) of everything that crosses a border."""

import inspect
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import msgspec

from huntaze_contracts.base import Envelope
from huntaze_contracts.failure import Callback, Problem
from huntaze_contracts.registry import WORKERS, Worker

Schema = dict[str, Any]


def components(ref_template: str = "#/$defs/{name}") -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Return the schema of each message by its name, and the named types that they refer to.

    Messages are `<worker>.job`, the whole signed body; `<worker>.payload`; `<worker>.result`; `callback`,
    what QStash posts when a delivery has ended; and `problem`, the body of a failed request.
    """
    types: dict[str, Any] = {}
    for worker in WORKERS.values():
        types[f"{worker.name}.payload"] = worker.payload
        types[f"{worker.name}.result"] = worker.result
    types |= {"callback": Callback, "problem": Problem, "envelope": Envelope}
    schemas, named = msgspec.json.schema_components(types.values(), ref_template=ref_template)
    messages = dict(zip(types, map(_plain, schemas), strict=True))
    named = {name: _plain(schema) for name, schema in named.items()}
    del messages["envelope"]
    envelope = named.pop("Envelope")
    for worker in WORKERS.values():
        messages[f"{worker.name}.job"] = _job(worker, envelope, messages[f"{worker.name}.payload"])
    return dict(sorted(messages.items())), dict(sorted(named.items()))


def message_schemas() -> dict[str, Schema]:
    """Return one self-contained schema per message, by the message's name."""
    messages, named = components()
    return {
        name: {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": name,
            **without_discriminators(message),
            "$defs": {used: without_discriminators(named[used]) for used in _reachable(message, named)},
        }
        for name, message in messages.items()
    }


def without_discriminators(schema: Any) -> Any:
    """Drop OpenAPI's keyword, which JSON Schema and AsyncAPI do not have; the tags' enums say the same."""
    match schema:
        case dict():
            return {
                key: without_discriminators(value)
                for key, value in schema.items()
                if not (key == "discriminator" and isinstance(value, dict) and "mapping" in value)
            }
        case list():
            return [without_discriminators(value) for value in schema]
        case _:
            return schema


def _job(worker: Worker, envelope: Schema, payload: Schema) -> Schema:
    job = deepcopy(envelope)
    job["title"] = f"{worker.name}.job"
    job["properties"]["type"] = {
        "description": envelope["properties"]["type"]["description"],
        "enum": [worker.name],
    }
    job["properties"]["payload"] = payload
    job |= {"x-path": worker.path, "x-max-body": worker.max_body}
    return job


def _plain(schema: Any) -> Any:
    """Take the indentation out of descriptions, which depends on the Python that reads the docstrings."""
    match schema:
        case dict():
            return {
                key: inspect.cleandoc(value)
                if key == "description" and isinstance(value, str)
                else _plain(value)
                for key, value in schema.items()
            }
        case list() | tuple():
            return [_plain(value) for value in schema]
        case _:
            return schema


def _reachable(schema: Schema, named: Mapping[str, Schema]) -> list[str]:
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        for name in set(references(waiting.pop())) - found:
            found.add(name)
            waiting.append(named[name])
    return sorted(found)


def references(schema: Any) -> Iterator[str]:
    """Yield the names of the types that a schema refers to."""
    match schema:
        case {"$ref": str(reference)}:
            yield reference.rpartition("/")[2]
        case dict():
            for value in schema.values():
                yield from references(value)
        case list():
            for value in schema:
                yield from references(value)
        case _:
            pass
