"""URL groups: `/v2/topics`."""

from typing import Any

import msgspec

from qstash_local.api.context import Context
from qstash_local.api.http import Answer, Request, decoded
from qstash_local.api.views import present
from qstash_local.core.errors import invalid, not_found
from qstash_local.core.headers import add_header
from qstash_local.core.message import HeaderMap, destination_url, is_name
from qstash_local.store import groups
from qstash_local.store.groups import Endpoint, Group


class EndpointSettings(msgspec.Struct, frozen=True):
    """One endpoint in a request: by URL, by name, or both."""

    url: str | None = None
    name: str | None = None


class Endpoints(msgspec.Struct, frozen=True):
    """The body that adds or removes endpoints."""

    endpoints: list[EndpointSettings]


class GroupHeaders(msgspec.Struct, frozen=True):
    """The body that sets the headers of a group."""

    headers: dict[str, str | list[str]]


async def list_groups(context: Context, _: Request) -> Answer:
    """Show all URL groups, oldest first."""
    return Answer([_view(group) for group in await context.database.read(groups.all_groups)])


async def get_group(context: Context, _: Request, name: str) -> Answer:
    """Show one URL group."""
    group = await context.database.read(lambda connection: groups.find(connection, decoded(name)))
    if group is None:
        raise not_found(f"topic {decoded(name)[:64]} not found")
    return Answer(_view(group))


async def delete_group(context: Context, _: Request, name: str) -> Answer:
    """Delete a URL group; deleting one that does not exist is no error, clients rely on that."""
    await context.database.write(lambda connection: groups.delete(connection, decoded(name)))
    return Answer({})


async def add_endpoints(context: Context, request: Request, name: str) -> Answer:
    """Add or change endpoints, creating the group."""
    group = _name(name)
    body: Endpoints = request.json(Endpoints)
    added = [Endpoint(destination_url(each.url or ""), each.name or None) for each in body.endpoints]
    if not added:
        raise invalid("endpoints must not be empty")
    await context.database.write(
        lambda connection: groups.put_endpoints(connection, group, added, context.plan, context.clock.now())
    )
    return Answer({})


async def remove_endpoints(context: Context, request: Request, name: str) -> Answer:
    """Remove endpoints; with the last one goes the group."""
    group = _name(name)
    body: Endpoints = request.json(Endpoints)
    if not all(each.url or each.name for each in body.endpoints):
        raise invalid("each of endpoints needs a url or a name")
    removed = [Endpoint(each.url or "", each.name or None) for each in body.endpoints]
    await context.database.write(lambda connection: groups.remove_endpoints(connection, group, removed))
    return Answer({})


async def set_headers(context: Context, request: Request, name: str) -> Answer:
    """Set the headers that every message to the group starts from."""
    group = _name(name)
    body: GroupHeaders = request.json(GroupHeaders)
    header: HeaderMap = {}
    for key, values in body.headers.items():
        for value in [values] if isinstance(values, str) else values:
            add_header(header, key.lower().removeprefix("upstash-forward-"), value)
    await context.database.write(
        lambda connection: groups.set_header(connection, group, header, context.plan, context.clock.now())
    )
    return Answer({})


def _name(segment: str) -> str:
    name = decoded(segment)
    if not is_name(name):
        raise invalid(f"invalid topic name {name[:64]!r}: use letters, digits, '_', '-' and '.'")
    return name


def _view(group: Group) -> dict[str, Any]:
    endpoints = [present({"name": each.name, "url": each.url}) for each in group.endpoints]
    return present(
        {
            "name": group.name,
            "createdAt": group.created_at,
            "updatedAt": group.updated_at,
            "endpoints": endpoints,
            "headers": group.header or None,
        }
    )
