"""The AsyncAPI 3.1 document: which messages go where."""

from collections.abc import Mapping
from typing import Any

from huntaze_contracts.generation.json_schema import components, without_discriminators
from huntaze_contracts.registry import WORKERS, Worker

Examples = Mapping[str, Mapping[str, Any]]
_SCHEMAS = "#/components/schemas/{name}"


def asyncapi(examples: Examples) -> dict[str, Any]:
    """Return the document, with the worked examples of each message by its name."""
    messages, named = components(_SCHEMAS)
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Huntaze workers",
            "version": "1.0.0",
            "description": "Jobs that QStash delivers to the workers as signed POST requests, the workers' "
            "answers, and what QStash posts to callbacks.",
        },
        "defaultContentType": "application/json",
        "channels": {
            **{worker.name: _channel(worker) for worker in WORKERS.values()},
            "callbacks": {
                "address": None,
                "description": "The URL that the producer gave as callback or failure callback.",
                "messages": {"callback": {"$ref": "#/components/messages/callback"}},
            },
        },
        "operations": _operations(),
        "components": {
            "messages": {name: _message(name, examples.get(name, {})) for name in messages},
            "schemas": without_discriminators({**named, **messages}),
        },
    }


def _channel(worker: Worker) -> dict[str, Any]:
    return {
        "address": worker.path,
        "description": f"The endpoint of the {worker.service} service. QStash waits {worker.timeout} s for "
        f"an answer, tries {worker.retries} times again and has {worker.parallelism} deliveries under way at "
        f"once; a body has at most {worker.max_body} bytes.",
        "messages": {
            kind: {"$ref": f"#/components/messages/{worker.name}.{kind}"} for kind in ("job", "result")
        },
    }


def _operations() -> dict[str, Any]:
    jobs = {
        f"work-{worker.name}": {
            "action": "receive",
            "channel": {"$ref": f"#/channels/{worker.name}"},
            "messages": [{"$ref": f"#/channels/{worker.name}/messages/job"}],
            "reply": {
                "channel": {"$ref": f"#/channels/{worker.name}"},
                "messages": [{"$ref": f"#/channels/{worker.name}/messages/result"}],
            },
        }
        for worker in WORKERS.values()
    }
    return jobs | {
        "hear-callback": {
            "action": "send",
            "channel": {"$ref": "#/channels/callbacks"},
            "messages": [{"$ref": "#/channels/callbacks/messages/callback"}],
        }
    }


def _message(name: str, examples: Mapping[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"name": name, "payload": {"$ref": _SCHEMAS.format(name=name)}}
    if examples:
        message["examples"] = [{"name": key, "payload": value} for key, value in examples.items()]
    return message
