"""Named queries: SQL stays in `.sql` files, read as SQL, and every query is prepared by a test."""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

_NAME = re.compile(r"^-- name: ([a-z_]+)\n", re.MULTILINE)


@cache
def load(package: str, file: str = "queries.sql") -> Mapping[str, str]:
    """Read the named queries of a package's file.

    A query begins with a line ``-- name: the_name`` and ends where the next one begins.
    """
    text = resources.files(package).joinpath(file).read_text(encoding="utf-8")
    parts = _NAME.split(text)
    names, queries = parts[1::2], parts[2::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{package}/{file} names a query twice")
    return MappingProxyType({name: query.strip() for name, query in zip(names, queries, strict=True)})
