"""The options of one request, from its headers and its query string."""

from urllib.parse import unquote_plus

from qstash_local.api.context import Context
from qstash_local.api.http import Request
from qstash_local.core.errors import over_limit
from qstash_local.core.options import PublishRequest, parse_publish


def read_publish(
    context: Context, headers: list[tuple[str, str]], options: dict[str, str], body: bytes
) -> PublishRequest:
    """Read the options of a message, and check its size against the plan.

    Raises:
        Refused: naming the option that is wrong.
    """
    if len(body) > context.plan.message_bytes:
        raise over_limit(
            f"message size {len(body)} exceeds the maximum of {context.plan.message_bytes} bytes"
        )
    return parse_publish(headers, options, context.plan, context.clock.now())


def split_query(request: Request, destination: str) -> tuple[str, dict[str, str]]:
    """Return the destination with its own query string, and the options that were given in the query.

    The query of the request is the query of the destination, less ``qstash_token`` and ``upstash-*``.
    """
    kept: list[str] = []
    options: dict[str, str] = {}
    for pair in request.query.split("&") if request.query else ():
        name, _, value = pair.partition("=")
        if name.startswith("upstash-"):
            options[name] = unquote_plus(value)
        elif name != "qstash_token":
            kept.append(pair)
    return (f"{destination}?{'&'.join(kept)}" if kept else destination), options
