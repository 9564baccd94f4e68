"""The ASGI application: raw paths to handlers, errors to JSON."""

import hmac
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from qstash_local.api import control, dlq, flows, groups, keys, logs, messages, publish, queues, schedules
from qstash_local.api.context import Context
from qstash_local.api.http import Answer, Receive, Request, Scope, Send, is_unread, read_body, read_request
from qstash_local.core.errors import Refused, not_found
from qstash_local.core.plans import BATCH_BYTES

log = logging.getLogger("qstash_local")
Handler = Callable[..., Awaitable[Answer]]

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ID = r"([^/]+)"
# A destination keeps its slashes and escapes; a flow-control key may hold slashes, so its action comes last.
_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", r"publish/(.*)", publish.publish),
    ("POST", rf"enqueue/{_ID}/(.*)", publish.enqueue),
    ("POST", r"batch/?", publish.batch),
    ("GET", rf"messages/{_ID}/?", messages.get_message),
    ("DELETE", rf"messages/{_ID}/?", messages.cancel_message),
    ("DELETE", r"messages/?", messages.cancel_messages),
    ("GET", r"events/?", logs.list_events),
    ("GET", r"logs/?", logs.list_logs),
    ("POST", r"queues/?", queues.put_queue),
    ("GET", r"queues/?", queues.list_queues),
    ("GET", rf"queues/{_ID}/?", queues.get_queue),
    ("DELETE", rf"queues/{_ID}/?", queues.delete_queue),
    ("POST", rf"queues/{_ID}/pause/?", queues.pause_queue),
    ("POST", rf"queues/{_ID}/resume/?", queues.resume_queue),
    ("POST|PATCH", rf"schedules/{_ID}/pause/?", schedules.pause_schedule),
    ("POST|PATCH", rf"schedules/{_ID}/resume/?", schedules.resume_schedule),
    ("POST", r"schedules/(.+)", schedules.create_schedule),
    ("GET", r"schedules/?", schedules.list_schedules),
    ("GET", rf"schedules/{_ID}/?", schedules.get_schedule),
    ("DELETE", rf"schedules/{_ID}/?", schedules.delete_schedule),
    ("GET", r"topics/?", groups.list_groups),
    ("GET", rf"topics/{_ID}/?", groups.get_group),
    ("PATCH", rf"topics/{_ID}/?", groups.set_headers),
    ("DELETE", rf"topics/{_ID}/?", groups.delete_group),
    ("POST", rf"topics/{_ID}/endpoints/?", groups.add_endpoints),
    ("DELETE", rf"topics/{_ID}/endpoints/?", groups.remove_endpoints),
    ("GET", r"dlq/?", dlq.list_dlq),
    ("DELETE", r"dlq/?", dlq.delete_dlq_bulk),
    ("POST", r"dlq/retry/?", dlq.retry_dlq_bulk),
    ("POST", rf"dlq/retry/{_ID}/?", dlq.retry_dlq),
    ("GET", rf"dlq/{_ID}/?", dlq.get_dlq),
    ("DELETE", rf"dlq/{_ID}/?", dlq.delete_dlq),
    ("GET", r"flowControl/?", flows.list_flows),
    ("POST", r"flowControl/(.+)/pin/?", flows.pin),
    ("POST", r"flowControl/(.+)/unpin/?", flows.unpin),
    ("POST", r"flowControl/(.+)/pause/?", flows.pause_flow),
    ("POST", r"flowControl/(.+)/resume/?", flows.resume_flow),
    ("POST", r"flowControl/(.+)/(?:resetRate|reset)/?", flows.reset_rate),
    ("GET", r"flowControl/(.+?)/?", flows.get_flow),
    ("GET", r"globalParallelism/?", flows.global_parallelism),
    ("GET", r"keys/?", keys.get_keys),
    ("POST", r"keys/rotate/?", keys.rotate_keys),
)
_CONTROL_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", r"clock", control.get_clock),
    ("POST", r"clock/pause", control.pause_clock),
    ("POST", r"clock/resume", control.resume_clock),
    ("POST", r"clock/advance", control.advance_clock),
    ("POST", r"faults", control.add_fault),
    ("DELETE", r"faults", control.clear_faults),
    ("POST", r"idle", control.wait_until_idle),
    ("POST", r"reset", control.reset),
)


class App:
    """One server as an ASGI application."""

    def __init__(self, context: Context, *, with_control: bool) -> None:
        """Prepare the routes.

        Args:
            context: the parts of the server.
            with_control: whether the test control API (`/control`) is answered.
        """
        self._context = context
        routes = [(methods, f"/v2/{path}", handler) for methods, path, handler in _ROUTES]
        if with_control:
            routes += [(methods, f"/control/{path}", handler) for methods, path, handler in _CONTROL_ROUTES]
        self._routes = [
            (frozenset(methods.split("|")), re.compile(pattern, re.IGNORECASE), handler)
            for methods, pattern, handler in routes
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; the server has no other protocol."""
        if scope["type"] != "http":
            raise ValueError(f"qstash-local speaks HTTP only, not {scope['type']}")
        request = read_request(scope)
        try:
            answer = await self._answer(request, receive)
        except Refused as refusal:
            headers = {**refusal.headers, "Connection": "close"} if is_unread(request) else refusal.headers
            answer = Answer({"error": refusal.message}, refusal.status, headers)
        except Exception:  # a bug of ours must neither end the server nor leave the caller waiting
            log.exception("a request failed for a reason that nobody foresaw: %s", scope["path"][:200])
            answer = Answer({"error": "internal error, see the server's log"}, 500)
        await answer.send(send)

    async def _answer(self, request: Request, receive: Receive) -> Answer:
        if request.path.rstrip("/") in ("/healthz", "/readyz"):
            return Answer({"status": "ok"})
        handler, arguments = self._route(request)
        self._authorize(request)
        request.body = await read_body(receive, BATCH_BYTES)
        request.body_read = True
        return await handler(self._context, request, *arguments)

    def _route(self, request: Request) -> tuple[Handler, tuple[Any, ...]]:
        allowed: set[str] = set()
        for methods, pattern, handler in self._routes:
            match = pattern.fullmatch(request.path)
            if match is not None:
                if request.method in methods:
                    return handler, match.groups()
                allowed |= methods
        if allowed:
            raise Refused(
                405, f"method {request.method} is not allowed here, use {', '.join(sorted(allowed))}"
            )
        raise not_found(f"no such endpoint: {request.method} {request.path[:200]}")

    def _authorize(self, request: Request) -> None:
        origin = request.header("origin")
        if origin is not None and (urlsplit(origin).hostname or "") not in _LOOPBACK:
            # The dev token is public, so a web page could use it; browsers tell where a page comes from.
            raise Refused(403, "requests from web pages of other hosts are not accepted")
        if self._holds(request, self._context.token):
            return
        if not self._context.read_only_token or not self._holds(request, self._context.read_only_token):
            raise Refused(401, "unauthorized: the token is missing or wrong")
        if request.method != "GET":
            raise Refused(403, "this token may only read")

    def _holds(self, request: Request, token: str) -> bool:
        """Tell whether a request has a token; a header with it is taken out, so that none forwards it."""
        expected = f"bearer {token}".encode()
        for place, (name, value) in enumerate(request.headers):
            scheme, _, given = value.partition(" ")
            if name == "authorization" and _same(f"{scheme.lower()} {given.strip()}", expected):
                del request.headers[place]
                return True
        return _same(request.parameter("qstash_token") or "", token.encode())


def _same(given: str, expected: bytes) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected)
