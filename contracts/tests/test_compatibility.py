"""Mutations of the real schemas, each classified: 30 that break the released version's speakers, 30 that do not."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from huntaze_contracts.generation.compatibility import breaking_changes
from huntaze_contracts.generation.json_schema import message_schemas

Schemas = dict[str, Any]
BASE = message_schemas()
VIDEO, TRENDS, DATA, ALERTS = (
    f"{w}.job" for w in ("video-processing", "content-trends", "data-processing", "alert-checker")
)
SHEET, FOUND = "video-processing.result", "content-trends.result"


def field(s: Schemas, message: str, name: str, prop: str) -> Any:
    return s[message]["$defs"][name]["properties"][prop]


def put(message: str, name: str, prop: str, **changes: Any) -> Callable[[Schemas], None]:
    return lambda s: field(s, message, name, prop).update(changes)


def drop(message: str, name: str, prop: str, key: str) -> Callable[[Schemas], None]:
    return lambda s: field(s, message, name, prop).pop(key)


def remove(message: str, name: str, prop: str) -> Callable[[Schemas], None]:
    def change(s: Schemas) -> None:
        kind = s[message]["$defs"][name]
        del kind["properties"][prop]
        kind["required"] = [other for other in kind.get("required", []) if other != prop]

    return change


def require(message: str, name: str, *props: str) -> Callable[[Schemas], None]:
    return lambda s: s[message]["$defs"][name].setdefault("required", []).extend(props)


def excuse(message: str, name: str, prop: str) -> Callable[[Schemas], None]:
    return lambda s: s[message]["$defs"][name]["required"].remove(prop)


def add(
    message: str, name: str, prop: str, schema: Any, *, required: bool = False
) -> Callable[[Schemas], None]:
    def change(s: Schemas) -> None:
        kind = s[message]["$defs"][name]
        kind["properties"][prop] = schema
        if required:
            kind.setdefault("required", []).append(prop)

    return change


def value(
    message: str, name: str, prop: str, *, plus: str = "", minus: str = ""
) -> Callable[[Schemas], None]:
    def change(s: Schemas) -> None:
        enum = field(s, message, name, prop)["enum"]
        if minus:
            enum.remove(minus)
        enum.extend([plus] if plus else [])

    return change


def top(message: str, **changes: Any) -> Callable[[Schemas], None]:
    return lambda s: s[message].update(changes)


def envelope(message: str, prop: str, **changes: Any) -> Callable[[Schemas], None]:
    return lambda s: s[message]["properties"][prop].update(changes)


def without_action(s: Schemas) -> None:
    choices = s[DATA]["properties"]["payload"]["anyOf"]
    choices[:] = [choice for choice in choices if not choice["$ref"].endswith("CleanupOldData")]


def with_action(s: Schemas) -> None:
    s[DATA]["$defs"]["New"] = {
        "type": "object",
        "properties": {"action": {"enum": ["new"]}},
        "required": ["action"],
    }
    s[DATA]["properties"]["payload"]["anyOf"].append({"$ref": "#/$defs/New"})


def renamed_type(s: Schemas) -> None:
    s[VIDEO]["$defs"]["Shape"] = s[VIDEO]["$defs"].pop("GridLayout")
    field(s, VIDEO, "VideoProcessing", "gridLayout")[
        "$ref" if "$ref" in field(s, VIDEO, "VideoProcessing", "gridLayout") else "allOf"
    ] = "#/$defs/Shape"


BREAKING: dict[str, tuple[Callable[[Schemas], Any], str]] = {
    "request field removed": (remove(VIDEO, "VideoProcessing", "imageFormat"), "field removed"),
    "nested request field removed": (remove(VIDEO, "GridLayout", "rows"), "field removed"),
    "required request field removed": (remove(TRENDS, "ScrapeQuery", "value"), "field removed"),
    "request field renamed": (
        lambda s: (
            remove(VIDEO, "VideoProcessing", "videoId")(s),
            add(VIDEO, "VideoProcessing", "clipId", {"type": "string"}, required=True)(s),
        ),
        "field removed",
    ),
    "request field made required": (require(VIDEO, "VideoProcessing", "gridLayout"), "field made required"),
    "nested request field made required": (
        require(VIDEO, "GridLayout", "rows", "cols"),
        "field made required",
    ),
    "required request field added": (
        add(DATA, "GenerateReport", "language", {"type": "string"}, required=True),
        "field made required",
    ),
    "envelope field made required": (lambda s: s[DATA]["required"].append("jobId"), "field made required"),
    "request type changed": (
        put(VIDEO, "VideoProcessing", "sceneChangeThreshold", type="string"),
        "type narrowed",
    ),
    "number narrowed to integer": (
        put(VIDEO, "VideoProcessing", "sceneChangeThreshold", type="integer"),
        "type narrowed",
    ),
    "null no longer taken": (
        lambda s: field(s, DATA, "CleanupOldData", "policy")["anyOf"].pop(),
        "type narrowed",
    ),
    "boolean became string": (put(DATA, "CleanupOldData", "dryRun", type="string"), "type narrowed"),
    "free text became an enumeration": (
        lambda s: field(s, DATA, "DispatchReports", "after")["anyOf"][0].update(enum=["a"]),
        "type narrowed",
    ),
    "request value removed": (
        value(VIDEO, "VideoProcessing", "imageFormat", minus="webp"),
        "enumeration value removed",
    ),
    "platform removed": (value(TRENDS, "ScrapeQuery", "platform", minus="x"), "enumeration value removed"),
    "request value renamed": (
        value(DATA, "GenerateReport", "kind", plus="week", minus="weekly"),
        "enumeration value removed",
    ),
    "maximum lowered": (put(TRENDS, "ScrapeQuery", "maxPosts", maximum=1000), "limit tightened"),
    "minimum raised": (put(TRENDS, "ScrapeQuery", "maxPosts", minimum=10), "limit tightened"),
    "limit became exclusive": (
        lambda s: (
            drop(VIDEO, "VideoProcessing", "sceneChangeThreshold", "maximum")(s),
            put(VIDEO, "VideoProcessing", "sceneChangeThreshold", exclusiveMaximum=0.9)(s),
        ),
        "limit tightened",
    ),
    "length limited": (put(ALERTS, "SendNotification", "text", maxLength=100), "limit tightened"),
    "items limited": (put(ALERTS, "SendNotification", "links", maxItems=2), "limit tightened"),
    "body limited": (top(VIDEO, **{"x-max-body": 1024}), "limit tightened"),
    "pattern shortened": (
        put(VIDEO, "VideoProcessing", "videoId", pattern=r"^[A-Za-z0-9_.\-]{1,64}$(?!\n)"),
        "pattern changed",
    ),
    "pattern added": (put(ALERTS, "SendNotification", "text", pattern="^[a-z]*$"), "pattern changed"),
    "tag changed": (put(ALERTS, "CheckAlerts", "action", enum=["check"]), "alternative removed"),
    "action removed": (without_action, "alternative removed"),
    "message removed": (lambda s: s.pop(TRENDS), "message removed"),
    "endpoint moved": (top(VIDEO, **{"x-path": "/api/workers/video"}), "path changed"),
    "default changed": (put(VIDEO, "VideoProcessing", "imageFormat", default="png"), "default changed"),
    "worker renamed": (envelope(VIDEO, "type", enum=["video"]), "alternative removed"),
    "callback refuses what QStash may add": (
        top("callback", additionalProperties=False),
        "unknown fields refused",
    ),
    "result field removed": (remove(SHEET, "VideoProcessed", "shots"), "field made optional or removed"),
    "optional result field removed": (remove(FOUND, "TrendsFound", "viralPosts"), "field removed"),
    "result field made optional": (
        excuse(SHEET, "VideoProcessed", "frameRate"),
        "field made optional or removed",
    ),
    "result value added": (value(SHEET, "Keyframe", "position", plus="tail"), "enumeration value added"),
    "result type widened": (put(SHEET, "VideoProcessed", "width", type="number"), "type widened"),
    "result may be null": (
        lambda s: field(s, SHEET, "VideoProcessed", "shots").update(
            anyOf=[{"type": "integer", "minimum": 1}, {"type": "null"}]
        ),
        "type widened",
    ),
    "result limit loosened": (put(SHEET, "VideoProcessed", "shots", minimum=0), "limit loosened"),
    "result limit dropped": (drop(SHEET, "Keyframe", "ordinal", "minimum"), "limit loosened"),
    "problem field removed": (
        lambda s: (
            s["problem"]["$defs"]["Problem"]["properties"].pop("code"),
            s["problem"]["$defs"]["Problem"]["required"].remove("code"),
        ),
        "field made optional or removed",
    ),
}

HARMLESS: dict[str, Callable[[Schemas], Any]] = {
    "nothing": lambda s: None,
    "optional request field added": add(
        VIDEO, "VideoProcessing", "language", {"type": "string", "default": ""}
    ),
    "nested optional request field added": add(VIDEO, "GridLayout", "gap", {"type": "integer", "default": 0}),
    "optional envelope field added": lambda s: s[DATA]["properties"].update(
        tenant={"type": "string", "default": ""}
    ),
    "request field made optional": excuse(TRENDS, "ScrapeQuery", "platform"),
    "request value added": value(VIDEO, "VideoProcessing", "imageFormat", plus="avif"),
    "platform added": value(TRENDS, "ScrapeQuery", "platform", plus="threads"),
    "enumeration became free text": lambda s: (
        drop(TRENDS, "ScrapeQuery", "kind", "enum")(s),
        put(TRENDS, "ScrapeQuery", "kind", type="string")(s),
    ),
    "maximum raised": put(TRENDS, "ScrapeQuery", "maxPosts", maximum=9000),
    "minimum lowered": put(TRENDS, "ScrapeQuery", "maxPosts", minimum=0),
    "maximum dropped": drop(TRENDS, "ScrapeQuery", "maxPosts", "maximum"),
    "limit became inclusive beyond": lambda s: (
        drop(VIDEO, "VideoProcessing", "sceneChangeThreshold", "maximum")(s),
        put(VIDEO, "VideoProcessing", "sceneChangeThreshold", exclusiveMaximum=0.95)(s),
    ),
    "length raised": put(ALERTS, "SendNotification", "text", maxLength=8000),
    "items raised": put(ALERTS, "SendNotification", "links", maxItems=20),
    "body raised": top(VIDEO, **{"x-max-body": 1 << 20}),
    "pattern lengthened": put(VIDEO, "VideoProcessing", "videoId", pattern=r"^[A-Za-z0-9_.\-]{1,256}$(?!\n)"),
    "pattern dropped": drop(VIDEO, "VideoProcessing", "videoId", "pattern"),
    "integer widened to number": put(TRENDS, "ScrapeQuery", "maxPosts", type="number"),
    "request may be null": lambda s: s[TRENDS]["$defs"]["ScrapeQuery"]["properties"].update(
        maxPosts={
            "default": 500,
            "anyOf": [{"type": "integer", "minimum": 1, "maximum": 5000}, {"type": "null"}],
        }
    ),
    "action added": with_action,
    "message added": lambda s: s.update({"new.job": s[VIDEO]}),
    "description changed": put(VIDEO, "VideoProcessing", "videoId", description="Another text."),
    "type described": lambda s: s[VIDEO]["$defs"]["GridLayout"].update(description="Shape."),
    "examples added": top(VIDEO, examples=[{"type": "x"}]),
    "title changed": top(VIDEO, title="Video"),
    "type renamed": renamed_type,
    "fields reordered": lambda s: s[VIDEO]["$defs"]["VideoProcessing"].update(
        properties=dict(reversed(s[VIDEO]["$defs"]["VideoProcessing"]["properties"].items()))
    ),
    "alternatives reordered": lambda s: s[DATA]["properties"]["payload"]["anyOf"].reverse(),
    "values reordered": lambda s: field(s, VIDEO, "VideoProcessing", "imageFormat")["enum"].reverse(),
    "unknown callback field read": lambda s: s["callback"]["$defs"]["Callback"]["properties"].update(
        label={"type": "string", "default": ""}
    ),
    "result field added": add(SHEET, "VideoProcessed", "codec", {"type": "string"}),
    "required result field added": add(SHEET, "VideoProcessed", "codec", {"type": "string"}, required=True),
    "nested result field added": add(SHEET, "Keyframe", "sharpness", {"type": "number"}),
    "result field always there": require(FOUND, "TrendsFound", "posts"),
    "result value never sent": value(SHEET, "Keyframe", "position", minus="hook"),
    "result limit tightened": put(SHEET, "VideoProcessed", "shots", minimum=2),
    "result never null": lambda s: field(s, FOUND, "TrendsFound", "until")["anyOf"].pop(),
    "result type narrowed": put(SHEET, "VideoProcessed", "frameRate", type="integer"),
    "result default changed": put(FOUND, "TrendsFound", "detectorVersion", default="1"),
    "problem field added": lambda s: s["problem"]["$defs"]["Problem"]["properties"].update(
        hint={"type": "string"}
    ),
}


def test_there_are_enough_mutations() -> None:
    assert len(BREAKING) >= 30
    assert len(HARMLESS) >= 30


@pytest.mark.parametrize("name", BREAKING)
def test_a_breaking_change_is_named(name: str) -> None:
    change, rule = BREAKING[name]
    new = deepcopy(BASE)
    change(new)
    assert new != BASE
    assert rule in {found.rule for found in breaking_changes(BASE, new)}


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_change_is_let_pass(name: str) -> None:
    new = deepcopy(BASE)
    HARMLESS[name](new)
    assert (new != BASE) == (name not in {"nothing", "fields reordered"})
    assert [str(found) for found in breaking_changes(BASE, new)] == []
