"""Named statements from `queries.sql`."""

import re
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def _load() -> dict[str, str]:
    parts = _NAME.split(files("qstash_local.store").joinpath("queries.sql").read_text())
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


SCHEMA = files("qstash_local.store").joinpath("schema.sql").read_text()
Q = _load()
