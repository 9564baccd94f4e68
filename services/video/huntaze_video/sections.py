"""The sections of a video analysis: what the model is asked for, and how its answer is read.

A model's answer is data from outside: every section is read by itself, so that one that is wrong does not
spoil the others; numbers are clamped, unknown words become ``other``, texts are cut, and what refers to a
cell that the grid does not have is dropped. Times are ours: the model names cells, we know their times.
"""

from collections.abc import Mapping
from math import isfinite, nan
from typing import Annotated, Any, Literal, cast

import msgspec
import msgspec.inspect
from msgspec import Meta, Struct

Kind = msgspec.inspect.Type

_TEXT = 600
_LIST = 40

Share = Annotated[float, Meta(ge=0, le=1)]
Text = Annotated[str, Meta(max_length=_TEXT)]
CellNumber = Annotated[int, Meta(ge=1, description="Number under the picture.")]


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Part of an answer. Its JSON Schema is what the model is held to."""


class TextBlock(Section, frozen=True):
    """Text that can be read in a picture."""

    cell: CellNumber
    text: Text
    confidence: Share


class ExtractedText(Section, frozen=True):
    """All text that can be read."""

    blocks: Annotated[tuple[TextBlock, ...], Meta(max_length=_LIST)]


class Face(Section, frozen=True):
    """A face and what it shows."""

    cell: CellNumber
    expression: Literal["happy", "sad", "surprised", "angry", "neutral", "fearful", "disgusted", "other"]
    intensity: Share
    confidence: Share


class Faces(Section, frozen=True):
    """All faces."""

    faces: Annotated[tuple[Face, ...], Meta(max_length=_LIST)]


class Interrupt(Section, frozen=True):
    """Something that breaks the pattern and draws attention."""

    cell: CellNumber
    kind: Literal["visual_shock", "text_overlay", "scene_change", "zoom_effect", "other"]
    description: Text
    effectiveness: Share


class Editing(Section, frozen=True):
    """How the video is cut, beyond what is measured."""

    interrupts: Annotated[tuple[Interrupt, ...], Meta(max_length=_LIST)]


class Element(Section, frozen=True):
    """Something that can be seen."""

    cell: CellNumber
    kind: Literal["person", "object", "text", "logo", "product", "background", "effect", "other"]
    name: Text
    prominence: Share
    confidence: Share


class Elements(Section, frozen=True):
    """Everything of note that can be seen."""

    elements: Annotated[tuple[Element, ...], Meta(max_length=_LIST)]


class Caption(Section, frozen=True):
    """What the video shows, in words."""

    caption: Text
    key_elements: Annotated[tuple[Text, ...], Meta(max_length=_LIST)]
    mood: Text
    storytelling: Annotated[tuple[Text, ...], Meta(max_length=_LIST)]


class Segment(Section, frozen=True):
    """A stretch of the video."""

    first_cell: CellNumber
    last_cell: CellNumber
    description: Text
    engagement: Share


class Peak(Section, frozen=True):
    """A moment that holds viewers."""

    cell: CellNumber
    kind: Literal["visual_hook", "emotional_peak", "information_reveal", "call_to_action", "other"]
    intensity: Share
    description: Text


class Timeline(Section, frozen=True):
    """How attention is likely to run: a model's estimate, not a measurement."""

    segments: Annotated[tuple[Segment, ...], Meta(max_length=_LIST)]
    peaks: Annotated[tuple[Peak, ...], Meta(max_length=_LIST)]
    hook_effectiveness: Share
    retention_at_25: Share
    retention_at_50: Share
    retention_at_75: Share
    completion: Share


class Hook(Section, frozen=True):
    """How the first seconds try to hold the viewer."""

    kind: Literal[
        "pointed_truth",
        "micro_scenario",
        "fast_reward",
        "constraint_negative",
        "curiosity_gap",
        "none",
        "other",
    ]
    effectiveness: Share
    has_pattern_interrupt: bool
    cognitive_dissonance: Annotated[tuple[Text, ...], Meta(max_length=_LIST)]
    recommendations: Annotated[tuple[Text, ...], Meta(max_length=_LIST)]


SECTIONS: Mapping[str, type[Section]] = {
    "text": ExtractedText,
    "faces": Faces,
    "editing": Editing,
    "elements": Elements,
    "caption": Caption,
    "timeline": Timeline,
    "hook": Hook,
}


def answer_schema() -> dict[str, Any]:
    """Return the JSON Schema of a whole answer, all references resolved in place."""
    _, definitions = msgspec.json.schema_components(list(SECTIONS.values()), ref_template="#/$defs/{name}")
    return {
        "type": "object",
        "properties": {name: {"$ref": f"#/$defs/{kind.__name__}"} for name, kind in SECTIONS.items()},
        "required": list(SECTIONS),
        "additionalProperties": False,
        "$defs": definitions,
    }


def read_section(name: str, value: object, cells: int) -> Section:
    """Read one section, generously.

    Raises:
        msgspec.ValidationError: nothing of use is in it; the message names the field.
    """
    kind = SECTIONS[name]
    field = _only_list(kind)
    if field is not None and isinstance(value, list):
        # Asked for an object with a list in it, models like to send the list alone.
        value = {field: value}
    return msgspec.convert(_tidied(value, kind, cells), kind)


def _only_list(kind: type[Struct]) -> str | None:
    fields = kind.__struct_fields__
    return fields[0] if len(fields) == 1 else None


def _tidied(value: object, kind: type[Struct], cells: int) -> object:
    """Bring what a model sent for ``kind`` nearer to its type, without inventing anything."""
    if not isinstance(value, dict):
        return value
    given = cast(dict[str, object], value)
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    return {
        field.name: _fitting(given[field.name], field.type, cells)
        for field in info.fields
        if field.name in given
    }


def _fitting(value: object, kind: Kind, cells: int) -> object:
    match kind:
        case msgspec.inspect.FloatType():
            return _share(value)
        case msgspec.inspect.StrType() if isinstance(value, str):
            return clean(value)
        case msgspec.inspect.LiteralType(values=words) if isinstance(value, str):
            word = value.strip().lower().replace(" ", "_").replace("-", "_")
            return word if word in words else "other"
        case msgspec.inspect.VarTupleType(item_type=item) if isinstance(value, list):
            return _items(cast(list[object], value), item, cells)
        case _:
            return value


def _share(value: object) -> object:
    """Clamp a number, also one written as text, to 0 to 1; percentages above 1 can't be told from errors."""
    try:
        number = float(value) if isinstance(value, int | float | str) else nan
    except ValueError:
        return value
    return min(1.0, max(0.0, number)) if isfinite(number) else None


def _items(values: list[object], kind: Kind, cells: int) -> list[object]:
    """Keep the items of a list that can be read and refer to cells that exist."""
    if not isinstance(kind, msgspec.inspect.StructType):
        return [_fitting(value, kind, cells) for value in values[:_LIST]]
    tidied = [_tidied(value, kind.cls, cells) for value in values[:_LIST]]
    return [item for item in tidied if _is_valid(item, kind.cls) and _cells_exist(item, cells)]


def _cells_exist(item: object, cells: int) -> bool:
    named = cast(dict[str, object], item)
    numbers = [named[key] for key in ("cell", "first_cell", "last_cell") if key in named]
    return all(isinstance(number, int) and 1 <= number <= cells for number in numbers)


def _is_valid(value: object, kind: type[Struct]) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def clean(text: str) -> str:
    """Return a text without control characters, in one line, cut to its limit."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_TEXT]
