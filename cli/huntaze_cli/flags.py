"""Command-line flags out of a contract: one per field, nested ones with a dot.

Constraints are not repeated here: the payload is checked against the contract itself, and the message names
the flag.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta, Struct

from huntaze_cli.failures import usage

_LIMITS = ("at least", "above", "at most", "below")
_UNIONS = (Union, UnionType)
_PATH = re.compile(r"at `\$\.?([^`]*)`")
_NAMED = re.compile(r"(?:missing required field|unknown field) `(\w+)`")


@dataclass(frozen=True, slots=True)
class Flag:
    """One option of the command line, and the field of the payload that it fills."""

    path: tuple[str, ...]
    """Names on the wire, from the outside in."""
    kind: Any
    """What the command line parses: str, int, float, bool, list[str] or a Literal."""
    help: str
    structured: bool = False
    """True when the text is JSON."""

    @property
    def name(self) -> str:
        """The flag as it is typed."""
        return "--" + ".".join(_kebab(part) for part in self.path)

    @property
    def argument(self) -> str:
        """The name of the function's argument."""
        return "field_" + "__".join(_kebab(part).replace("-", "_") for part in self.path)


def flags_of(contract: type[Struct]) -> list[Flag]:
    """Return the flags of a payload."""
    return list(_flags(contract, (), optional=False))


def fill(payload: dict[str, Any], flags: Sequence[Flag], values: Mapping[str, Any]) -> dict[str, Any]:
    """Put what was typed into the payload that --payload gave, if any.

    Raises:
        CommandFailed: a flag that takes JSON got something else.
    """
    for flag in flags:
        value = values.get(flag.argument)
        if value is None:
            continue
        place = payload
        for part in flag.path[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise usage(f"{flag.name}: --payload has something else than an object there")
        place[flag.path[-1]] = _decode(flag, value) if flag.structured else value
    return payload


def check(payload: dict[str, Any], contract: Any) -> Any:
    """Return the payload as the contract's type, or fail naming the flag.

    Raises:
        CommandFailed: it breaks the contract.
    """
    try:
        return msgspec.convert(_tagged(payload, contract), contract)
    except msgspec.ValidationError as error:
        text = str(error)
        raise usage(f"the payload breaks its contract: {text}", _flag_hint(text)) from None


def _flags(contract: type[Struct], path: tuple[str, ...], *, optional: bool) -> Iterator[Flag]:
    for field in msgspec.structs.fields(contract):
        inner = (*path, field.encode_name)
        kind, notes = _unwrap(field.type)
        structs = _structs(kind)
        may_miss = optional or not field.required
        if len(structs) == 1:
            yield from _flags(structs[0], inner, optional=may_miss)
        elif structs:
            yield from _choice_of(structs, inner)
        else:
            yield _simple(inner, kind, _text(field, notes, required=not may_miss))


def _choice_of(structs: Sequence[type[Struct]], path: tuple[str, ...]) -> Iterator[Flag]:
    """One flag for the tag, and those of each kind of it; the tag follows from the fields where it can."""
    tags = [str(each.__struct_config__.tag) for each in structs]
    tag_field = str(structs[0].__struct_config__.tag_field)
    yield Flag((*path, tag_field), Literal[tuple(tags)], "Follows from the fields when absent.")  # type: ignore[valid-type]
    seen: set[tuple[str, ...]] = set()
    for tag, each in zip(tags, structs, strict=True):
        for flag in _flags(each, path, optional=True):
            if flag.path not in seen:
                seen.add(flag.path)
                yield Flag(flag.path, flag.kind, f"For {tag}. {flag.help}".strip(), flag.structured)


def _simple(path: tuple[str, ...], kind: Any, text: str) -> Flag:
    if kind in (str, int, float, bool) or get_origin(kind) is Literal:
        return Flag(path, kind, text)
    origin = get_origin(kind)
    if origin is tuple:
        item, _ = _unwrap(get_args(kind)[0])
        if item is str or get_origin(item) is Literal:
            return Flag(path, list[str], f"{text} Repeatable.".strip())
    if origin in (tuple, dict, list) or _structs(kind):
        return Flag(path, str, f"{text} As JSON.".strip(), structured=True)
    return Flag(path, str, text)


def _unwrap(kind: Any) -> tuple[Any, list[Meta]]:
    """Take off Annotated and `| None`, keeping the notes."""
    notes: list[Meta] = []
    while True:
        if get_origin(kind) is Annotated:
            kind, *extra = get_args(kind)
            notes.extend(note for note in extra if isinstance(note, Meta))
        elif get_origin(kind) in _UNIONS and type(None) in get_args(kind):
            rest = [each for each in get_args(kind) if each is not type(None)]
            if len(rest) > 1:
                return kind, notes
            kind = rest[0]
        else:
            return kind, notes


def _structs(kind: Any) -> list[type[Struct]]:
    members = get_args(kind) if get_origin(kind) in _UNIONS else (kind,)
    return [each for each in members if isinstance(each, type) and issubclass(each, Struct)]


def _text(field: msgspec.structs.FieldInfo, notes: Sequence[Meta], *, required: bool) -> str:
    described = next((note.description for note in notes if note.description), "")
    limits = [
        f"{word} {limit}"
        for note in notes
        for word, limit in zip(_LIMITS, (note.ge, note.gt, note.le, note.lt), strict=True)
        if limit is not None
    ]
    words = [described, f"{', '.join(limits).capitalize()}." if limits else ""]
    if required:
        words.append("[required]")
    elif field.default is not NODEFAULT and field.default not in (None, (), ""):
        words.append(f"[default: {str(field.default).lower()}]")
    return " ".join(filter(None, words))


def _tagged(payload: dict[str, Any], contract: Any) -> dict[str, Any]:
    """Add tags that are left out where the given fields fit one member alone."""
    tagged = dict(payload)
    if not (isinstance(contract, type) and issubclass(contract, Struct)):
        return tagged
    for field in msgspec.structs.fields(contract):
        value, structs = tagged.get(field.encode_name), _structs(_unwrap(field.type)[0])
        if not isinstance(value, dict) or len(structs) < 2:
            continue
        tag_field = str(structs[0].__struct_config__.tag_field)
        fitting = [
            each
            for each in structs
            if set(value) <= {inner.encode_name for inner in msgspec.structs.fields(each)}
        ]
        if tag_field not in value and len(fitting) == 1:
            tagged[field.encode_name] = {tag_field: fitting[0].__struct_config__.tag, **value}
    return tagged


def _decode(flag: Flag, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise usage(f"{flag.name} takes JSON: {error}") from None


def _flag_hint(text: str) -> str:
    found, named = _PATH.search(text), _NAMED.search(text)
    parts = re.sub(r"\[[^\]]*\]", "", found[1]).strip(".").split(".") if found else []
    if named:
        parts.append(named[1])
    parts = [part for part in parts if part]
    flag = "--" + ".".join(map(_kebab, parts))
    return f"See {flag}, or the field of that name in --payload." if parts else ""


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"-\1", name).replace("_", "-").lower()
