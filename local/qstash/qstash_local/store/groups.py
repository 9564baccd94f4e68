"""URL groups (the API calls them topics): named lists of endpoints."""

import sqlite3
from dataclasses import dataclass

import msgspec

from qstash_local.core.errors import over_limit
from qstash_local.core.message import HeaderMap
from qstash_local.core.plans import Plan
from qstash_local.store.sql import Q

_encode = msgspec.msgpack.Encoder().encode
_decode_header = msgspec.msgpack.Decoder(HeaderMap).decode


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One destination of a group; its name is free text."""

    url: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A URL group with its endpoints in the order in which they were added."""

    name: str
    created_at: int
    updated_at: int
    header: HeaderMap
    endpoints: list[Endpoint]


def find(connection: sqlite3.Connection, name: str) -> Group | None:
    """Return a group, or None."""
    row = connection.execute(Q["group_by_name"], (name,)).fetchone()
    return None if row is None else _group(connection, row)


def all_groups(connection: sqlite3.Connection) -> list[Group]:
    """Return all groups, oldest first."""
    return [_group(connection, row) for row in connection.execute(Q["all_groups"]).fetchall()]


def _group(connection: sqlite3.Connection, row: sqlite3.Row) -> Group:
    endpoints = [
        Endpoint(each["url"], each["name"])
        for each in connection.execute(Q["endpoints"], (row["name"],)).fetchall()
    ]
    return Group(row["name"], row["created_at"], row["updated_at"], _decode_header(row["header"]), endpoints)


def _ensure(connection: sqlite3.Connection, name: str, plan: Plan, now_ms: int) -> None:
    known = connection.execute(Q["group_by_name"], (name,)).fetchone()
    if known is None and connection.execute(Q["count_groups"]).fetchone()[0] >= plan.url_groups:
        raise over_limit(f"the maximum of {plan.url_groups} URL groups is reached")
    connection.execute(Q["put_group"], (name, now_ms, _encode({})))


def put_endpoints(
    connection: sqlite3.Connection, name: str, added: list[Endpoint], plan: Plan, now_ms: int
) -> None:
    """Add endpoints, creating the group; one that is known by its name (or by its URL) is replaced.

    Raises:
        Refused: the plan allows no further group or endpoint.
    """
    _ensure(connection, name, plan, now_ms)
    for endpoint in added:
        known = connection.execute(Q["endpoints"], (name,)).fetchall()
        same = _matching(known, endpoint)
        if same is not None:
            connection.execute(
                Q["change_endpoint"], (same["id"], endpoint.name or same["name"], endpoint.url)
            )
        elif len(known) >= plan.endpoints_per_group:
            raise over_limit(f"the maximum of {plan.endpoints_per_group} endpoints is reached")
        else:
            connection.execute(Q["add_endpoint"], (name, endpoint.name, endpoint.url))


def _matching(known: list[sqlite3.Row], endpoint: Endpoint) -> sqlite3.Row | None:
    by_name = (row for row in known if endpoint.name and row["name"] == endpoint.name)
    by_url = (row for row in known if row["url"] == endpoint.url and not (endpoint.name and row["name"]))
    return next(by_name, None) or next(by_url, None)


def remove_endpoints(connection: sqlite3.Connection, name: str, removed: list[Endpoint]) -> None:
    """Remove endpoints by name or URL; a group without endpoints is gone."""
    for row in connection.execute(Q["endpoints"], (name,)).fetchall():
        if any(_is_meant(row, endpoint) for endpoint in removed):
            connection.execute(Q["remove_endpoint"], (row["id"],))
    if not connection.execute(Q["endpoints"], (name,)).fetchall():
        delete(connection, name)


def _is_meant(row: sqlite3.Row, endpoint: Endpoint) -> bool:
    if endpoint.name is not None and row["name"] != endpoint.name:
        return False
    return not endpoint.url or row["url"] == endpoint.url


def set_header(connection: sqlite3.Connection, name: str, header: HeaderMap, plan: Plan, now_ms: int) -> None:
    """Set the headers that every message to a group starts from."""
    _ensure(connection, name, plan, now_ms)
    connection.execute(Q["group_headers"], (name, _encode(header), now_ms))


def delete(connection: sqlite3.Connection, name: str) -> None:
    """Delete a group; messages under way are not touched."""
    connection.execute(Q["delete_group"], (name,))
