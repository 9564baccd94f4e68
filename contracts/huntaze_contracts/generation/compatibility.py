"""Name each change of the schemas that breaks somebody who speaks the released version.

One question decides everything: does the reader's schema accept all that the writer's schema allows? A job or
callback is written by the released version and read by the new one; with a result or problem it is the other
way round.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Schema = Mapping[str, Any]
_ANSWERS = (".result", "problem")
_LOWER = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
_UPPER = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "x-max-body"}
# The same misfit of reader and writer, in the words of whoever changed the writer.
_SAID_OF_ANSWERS = {
    "field removed": "field added where none is expected",
    "field made required": "field made optional or removed",
    "type narrowed": "type widened",
    "enumeration value removed": "enumeration value added",
    "limit tightened": "limit loosened",
    "pattern changed": "pattern changed",
    "format changed": "format changed",
    "alternative removed": "alternative added",
    "unknown fields refused": "unknown fields allowed",
}


class Change(NamedTuple):
    """One breaking change."""

    message: str
    where: str
    """The way to it through the fields, for example `payload.gridLayout.rows`."""
    rule: str
    detail: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.message}: {self.where or 'the whole'}: {self.rule}: {self.detail}"


class _Document(NamedTuple):
    root: Schema

    def resolve(self, schema: Schema) -> Schema:
        if "$ref" not in schema:
            return schema
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return {**self.root["$defs"][schema["$ref"].rpartition("/")[2]], **rest}

    def alternatives(self, schema: Schema) -> list[Schema]:
        schema = self.resolve(schema)
        if "anyOf" not in schema:
            return [schema]
        return [found for choice in schema["anyOf"] for found in self.alternatives(choice)]


def breaking_changes(released: Mapping[str, Schema], new: Mapping[str, Schema]) -> list[Change]:
    """Return what breaks between two sets of message schemas, each by the message's name."""
    changes: list[Change] = []
    for name in sorted(released):
        if name.endswith(".payload"):
            continue  # It is a part of the job.
        if name not in new:
            changes.append(Change(name, "", "message removed", "the released version still sends it"))
            continue
        old, now = _Document(released[name]), _Document(new[name])
        if name.endswith(_ANSWERS):
            found = _misfits(now, old, now.root, old.root, "")
            changes += [Change(name, at, _SAID_OF_ANSWERS[rule], detail) for at, rule, detail in found]
            found = _removed(old, now, old.root, now.root, "")
        else:
            found = [
                *_misfits(old, now, old.root, now.root, ""),
                *_defaults(old, now, old.root, now.root, ""),
                *_moved(old.root, now.root),
            ]
        changes += [Change(name, *misfit) for misfit in found]
    return list(dict.fromkeys(changes))


_Misfit = tuple[str, str, str]


def _misfits(w: _Document, r: _Document, writer: Schema, reader: Schema, at: str) -> Iterator[_Misfit]:
    """Yield what the writer's schema allows and the reader's refuses."""
    readers = r.alternatives(reader)
    for written in w.alternatives(writer):
        likely = [read for read in readers if _kind(read) == _kind(written)]
        likely = likely or [read for read in readers if _takes(read, written)]
        if not likely:
            named = _kind(written)
            rule = "alternative removed" if len(named) > 1 else "type narrowed"
            yield at, rule, f"{_shown(named)} is not accepted"
            continue
        yield from min((list(_misfit(w, r, written, read, at)) for read in likely), key=len)


def _kind(schema: Schema) -> tuple[str, ...]:
    """Tell alternatives apart: by their tag where they have one, else by type."""
    tags = [
        f"{name}={value['enum'][0]}"
        for name, value in schema.get("properties", {}).items()
        if len(value.get("enum", ())) == 1 and name in schema.get("required", ())
    ]
    return (_type(schema), *tags)


def _type(schema: Schema) -> str:
    if "type" in schema:
        return schema["type"]
    values = schema.get("enum", ())
    return {str: "string", int: "integer", bool: "boolean"}.get(type(values[0]), "any") if values else "any"


def _takes(reader: Schema, written: Schema) -> bool:
    wide, narrow = _type(reader), _type(written)
    if "object" in (wide, narrow) and len(_kind(reader)) > 1:
        return False
    return wide in (narrow, "any") or (wide, narrow) == ("number", "integer")


def _shown(kind: tuple[str, ...]) -> str:
    return " ".join(kind[1:] or kind)


def _misfit(w: _Document, r: _Document, written: Schema, read: Schema, at: str) -> Iterator[_Misfit]:
    yield from _values(written, read, at)
    yield from _limits(written, read, at)
    if "items" in read:
        yield from _misfits(w, r, written.get("items", {}), read["items"], f"{at}[]")
    if _type(read) == "object" == _type(written):
        yield from _fields(w, r, written, read, at)


def _values(written: Schema, read: Schema, at: str) -> Iterator[_Misfit]:
    if "enum" in read:
        if "enum" not in written:
            yield at, "type narrowed", f"only {read['enum']} are accepted"
        for value in written.get("enum", ()):
            if value not in read["enum"]:
                yield at, "enumeration value removed", repr(value)
    for key, rule in (("pattern", "pattern changed"), ("format", "format changed")):
        if key in read and not _implied(written.get(key), read[key], written):
            yield at, rule, f"{written.get(key, 'none')} → {read[key]}"


def _implied(written: str | None, read: str, schema: Schema) -> bool:
    """Whether one pattern allows what another does: as far as repetitions go, or for listed values."""
    if written is None:
        return bool(schema.get("enum")) and all(re.search(read, str(value)) for value in schema["enum"])
    count = re.compile(r"\{(\d+),(\d*)\}")
    if count.sub("{}", written) != count.sub("{}", read):
        return False
    pairs = zip(count.findall(written), count.findall(read), strict=True)
    return all(int(a[0]) >= int(b[0]) and float(a[1] or "inf") <= float(b[1] or "inf") for a, b in pairs)


def _limits(written: Schema, read: Schema, at: str) -> Iterator[_Misfit]:
    for key in sorted((_LOWER | _UPPER) & read.keys()):
        limit = read[key]
        twin = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}.get(key)
        had = written.get(key, written.get(twin) if twin else None)
        if had is None and key.startswith("exclusive"):
            inclusive = written.get(key.removeprefix("exclusive").lower())
            had = inclusive if inclusive is not None and inclusive != limit else None
        if isinstance(written.get("enum"), list) and key not in written:
            continue
        if had is None or (had < limit if key in _LOWER else had > limit):
            yield at, "limit tightened", f"{key} {'none' if had is None else had} → {limit}"


def _fields(w: _Document, r: _Document, written: Schema, read: Schema, at: str) -> Iterator[_Misfit]:
    theirs, ours = written.get("properties", {}), read.get("properties", {})
    rest = read.get("additionalProperties", True)
    for name, field in theirs.items():
        if name in ours:
            yield from _misfits(w, r, field, ours[name], _below(at, name))
        elif rest is False:
            yield _below(at, name), "field removed", "it is refused as unknown"
    for name in read.get("required", ()):
        if name not in written.get("required", ()):
            yield _below(at, name), "field made required", "it may be absent"
    if rest is False and written.get("additionalProperties", True) is not False:
        yield at, "unknown fields refused", "they were ignored"
    elif isinstance(rest, Mapping) and isinstance(written.get("additionalProperties"), Mapping):
        yield from _misfits(w, r, written["additionalProperties"], rest, f"{at}{{}}")
    if "propertyNames" in read:
        keys = {"type": "string", **written.get("propertyNames", {})}
        yield from _misfits(w, r, keys, {"type": "string", **read["propertyNames"]}, f"{at}{{key}}")


def _pairs(o: _Document, n: _Document, old: Schema, new: Schema, at: str) -> Iterator[tuple[Any, ...]]:
    """Yield the fields that both versions have, all the way down."""
    for before in o.alternatives(old):
        for after in n.alternatives(new):
            if _kind(before) != _kind(after):
                continue
            if "items" in before and "items" in after:
                yield from _pairs(o, n, before["items"], after["items"], f"{at}[]")
            if before.get("properties"):
                yield before, after, at
            for name, field in before.get("properties", {}).items():
                if name in after.get("properties", {}):
                    yield from _pairs(o, n, field, after["properties"][name], _below(at, name))


def _removed(o: _Document, n: _Document, old: Schema, new: Schema, at: str) -> Iterator[_Misfit]:
    """A reader loses a field even where it was optional."""
    for before, after, where in _pairs(o, n, old, new, at):
        for name in before["properties"]:
            if name not in after.get("properties", {}) and name not in before.get("required", ()):
                yield _below(where, name), "field removed", "readers of the released version use it"


def _defaults(o: _Document, n: _Document, old: Schema, new: Schema, at: str) -> Iterator[_Misfit]:
    """A message without the field would mean something else."""
    for before, after, where in _pairs(o, n, old, new, at):
        for name, field in before["properties"].items():
            now = after["properties"].get(name, {})
            if "default" in field and "default" in now and field["default"] != now["default"]:
                change = f"{field['default']!r} → {now['default']!r}"
                yield _below(where, name), "default changed", change


def _moved(old: Schema, new: Schema) -> Iterator[_Misfit]:
    if old.get("x-path") != new.get("x-path"):
        yield "", "path changed", f"{old.get('x-path')} → {new.get('x-path')}"


def _below(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
