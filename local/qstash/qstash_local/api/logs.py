"""The log: `/v2/events` and `/v2/logs`."""

from qstash_local.api.context import Context
from qstash_local.api.http import Answer, Request
from qstash_local.api.views import event_view
from qstash_local.core.errors import invalid
from qstash_local.store import log
from qstash_local.store.filters import page_size, parse_filter


async def list_events(context: Context, request: Request) -> Answer:
    """Show log entries as every SDK reads them."""
    entries, cursor = await _page(context, request, default=1000, most=1000)
    return Answer({"events": entries, **({"cursor": cursor} if cursor else {})})


async def list_logs(context: Context, request: Request) -> Answer:
    """Show log entries under the newer name, with the array under both names."""
    entries, cursor = await _page(context, request, default=100, most=100)
    return Answer({"logs": entries, "events": entries, **({"cursor": cursor} if cursor else {})})


async def _page(
    context: Context, request: Request, *, default: int, most: int
) -> tuple[list[object], str | None]:
    chosen = parse_filter(
        request.parameters, time_column="e.at", extra={"state": log.state_condition}, allowed=None
    )
    count = page_size(request.parameters, default=default, most=most)
    oldest_first = is_oldest_first(request, default="latestFirst")
    cursor = request.parameter("cursor")
    rows, following = await context.database.read(
        lambda connection: log.page(connection, chosen, count, cursor, oldest_first=oldest_first)
    )
    return [event_view(row) for row in rows], following


def is_oldest_first(request: Request, default: str) -> bool:
    """Return the order that a list is asked for.

    Raises:
        Refused: the order has no known name.
    """
    order = request.parameter("order") or default
    if order not in ("earliestFirst", "latestFirst"):
        raise invalid("order must be earliestFirst or latestFirst")
    return order == "earliestFirst"
