"""The API of rules and channels. Users have their own, operators those of the platform.

GET    /rules                            PUT  /rules/{name}        DELETE /rules/{name}
POST   /rules/preview                    would have fired three times last week
GET    /channels                         PUT  /channels/{name}     DELETE /channels/{name}
POST   /channels/{name}/test             sends a test message, once
"""

from datetime import time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import asyncpg
import msgspec
from huntaze_common.errors import ConfigurationError
from huntaze_common.tokens import Caller
from huntaze_contracts.alerts import Rule, Severity
from huntaze_contracts.base import Id, Instant, Line, Payload
from litestar import delete, get, post, put
from litestar.params import FromPath
from msgspec import Meta

from huntaze_alerts import records, rules, store
from huntaze_alerts.channels.webhook import key_of
from huntaze_alerts.errors import ChannelError
from huntaze_alerts.messages import SEVERITIES
from huntaze_alerts.preview import LONGEST, preview
from huntaze_alerts.requests import ERRORS, ApiError, Deps, HttpRequest, body_of, caller_of, found, scope_of

MOST_RULES = 50
"""Rules that one user may have: each is evaluated at every tick."""

_LINK = r"^https?://[^\s\x00-\x1f\\]{1,1000}$"
_BOT_TOKEN = r"^[0-9]{1,20}:[A-Za-z0-9_\-]{1,100}$"  # noqa: S105 - the form of one
_KEY = r"^[A-Za-z0-9_\-]{1,100}$"
_ADDRESS = r"^[^\s@<>,;:\"\x00-\x1f]{1,64}@[A-Za-z0-9.\-]{1,190}$"


class _Channel(Payload, frozen=True, kw_only=True):
    name: Line
    min_severity: Severity = "info"
    quiet_from: time | None = None
    quiet_until: time | None = None
    time_zone: Annotated[str, Meta(max_length=60)] = "UTC"
    digest_minutes: Annotated[int, Meta(ge=0, le=1440)] = 0
    messages_per_minute: Annotated[int, Meta(ge=1, le=600)] = 20


class LinkChannel(_Channel, frozen=True, kw_only=True, tag_field="kind", tag="slack"):
    """A chat room behind a secret URL: Slack."""

    url: Annotated[str, Meta(pattern=_LINK)]


class DiscordChannel(LinkChannel, frozen=True, kw_only=True, tag_field="kind", tag="discord"):
    """A chat room behind a secret URL: Discord."""


class TeamsChannel(LinkChannel, frozen=True, kw_only=True, tag_field="kind", tag="teams"):
    """A chat room behind a secret URL: a Teams workflow."""


class TelegramChannel(_Channel, frozen=True, kw_only=True, tag_field="kind", tag="telegram"):
    """A chat with a bot."""

    bot_token: Annotated[str, Meta(pattern=_BOT_TOKEN)]
    chat_id: Annotated[str, Meta(pattern=r"^(-?[0-9]{1,20}|@[A-Za-z0-9_]{1,60})$")]


class PagerDutyChannel(_Channel, frozen=True, kw_only=True, tag_field="kind", tag="pagerduty"):
    """A service's integration of type Events API v2."""

    routing_key: Annotated[str, Meta(pattern=_KEY)]


class WebhookChannel(_Channel, frozen=True, kw_only=True, tag_field="kind", tag="webhook"):
    """Any HTTPS endpoint that checks Standard Webhooks signatures."""

    url: Annotated[str, Meta(pattern=_LINK)]
    secret: Annotated[str, Meta(max_length=120, description="whsec_ and the base64 of 24 to 64 bytes.")]


class EmailChannel(_Channel, frozen=True, kw_only=True, tag_field="kind", tag="email"):
    """One address."""

    address: Annotated[str, Meta(pattern=_ADDRESS)]


AnyChannel = (
    LinkChannel
    | DiscordChannel
    | TeamsChannel
    | TelegramChannel
    | PagerDutyChannel
    | WebhookChannel
    | EmailChannel
)


class PreviewOf(Payload, frozen=True, kw_only=True):
    """A rule to try, and the days to try it on."""

    rule: Rule
    begin: Instant
    end: Instant | None = None


@get("/rules", exception_handlers=ERRORS)
async def list_rules(request: HttpRequest, deps: Deps) -> dict[str, Any]:
    """List the platform's rules and the caller's own."""
    return {"rules": await records.list_rules(deps.pool, scope_of(caller_of(request, deps)))}


@put("/rules/{name:str}", status_code=200, exception_handlers=ERRORS)
async def save_rule(request: HttpRequest, deps: Deps, name: FromPath[str]) -> dict[str, str]:
    """Make or change a rule; a change ends its alerts."""
    caller = caller_of(request, deps)
    owner, rule_id = scope_of(caller), _own(caller, name)
    rule = _checked(await body_of(request, Rule), caller)
    if owner is not None and await records.count_rules(deps.pool, owner, rule_id) >= MOST_RULES:
        raise ApiError(409, "too_many", f"a user may have {MOST_RULES} rules")
    await store.save_rule(deps.pool, rule_id, owner, rule)
    return {"id": rule_id}


@delete("/rules/{name:str}", exception_handlers=ERRORS)
async def delete_rule(request: HttpRequest, deps: Deps, name: FromPath[str]) -> None:
    """Delete a rule; its alerts end with the next tick."""
    caller = caller_of(request, deps)
    found(await records.delete_rule(deps.pool, _own(caller, name), scope_of(caller)))


@post("/rules/preview", status_code=200, exception_handlers=ERRORS)
async def preview_rule(request: HttpRequest, deps: Deps) -> dict[str, Any]:
    """Tell when a rule would have fired."""
    caller = caller_of(request, deps)
    wanted = await body_of(request, PreviewOf)
    rule, end = _checked(wanted.rule, caller), wanted.end or deps.now()
    if not timedelta(0) < end - wanted.begin <= LONGEST:
        raise ApiError(422, "invalid", f"begin: before end, by at most {LONGEST.days} days")
    try:
        seen = await preview(
            deps.pool, rule, owner=scope_of(caller), begin=wanted.begin, end=end, usual=deps.usual_pause
        )
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        raise ApiError(409, "no_source", "query.metric: its source is not there") from None
    return {"stepSeconds": seen.step_seconds, "fired": len(seen.firings), "firings": seen.firings}


@get("/channels", exception_handlers=ERRORS)
async def list_channels(request: HttpRequest, deps: Deps) -> dict[str, Any]:
    """List the caller's channels; operators see all."""
    return {"channels": await records.list_channels(deps.pool, scope_of(caller_of(request, deps)))}


@put("/channels/{name:str}", status_code=200, exception_handlers=ERRORS)
async def save_channel(request: HttpRequest, deps: Deps, name: FromPath[str]) -> dict[str, str]:
    """Make or change a channel; one that was switched off is on again."""
    caller = caller_of(request, deps)
    wanted = await body_of(request, AnyChannel)  # pyright: ignore[reportArgumentType]
    channel = _stored(wanted, deps, caller, name)
    if not await store.save_channel(deps.pool, channel):
        raise ApiError(409, "other_kind", "there is a channel of another kind with this name")
    return {"id": channel.id}


@delete("/channels/{name:str}", exception_handlers=ERRORS)
async def disable_channel(request: HttpRequest, deps: Deps, name: FromPath[str]) -> None:
    """Switch a channel off and forget its secret."""
    caller = caller_of(request, deps)
    found(await records.disable_channel(deps.pool, _own(caller, name), scope_of(caller)))


@post("/channels/{name:str}/test", status_code=200, exception_handlers=ERRORS)
async def test_channel(request: HttpRequest, deps: Deps, name: FromPath[str]) -> dict[str, Any]:
    """Send a test message, once, and tell what became of it."""
    caller = caller_of(request, deps)
    channel = found(await store.find_channel(deps.pool, _own(caller, name)))
    try:
        await deps.courier(deps.now).test(channel)
    except ChannelError as error:
        return {"sent": False, "error": str(error)}
    return {"sent": True, "error": None}


def _own(caller: Caller, name: str) -> str:
    """Return the id behind a name: users' names have their owner in front, so none meets another's."""
    try:
        msgspec.convert(name, Id)
    except msgspec.ValidationError as error:
        raise ApiError(400, "invalid", f"name: {error}") from None
    return name if caller.operator else f"{caller.user_id}/{name}"


def _checked(rule: Rule, caller: Caller) -> Rule:
    try:
        rules.check(rule, owner=scope_of(caller))
    except rules.RuleInvalid as error:
        raise ApiError(422, "invalid", str(error)) from None
    if caller.operator:
        return rule
    channels = tuple(name if name == "in-app" else _own(caller, name) for name in rule.channels)
    escalation = rule.escalation and msgspec.structs.replace(
        rule.escalation, channels=tuple(_own(caller, name) for name in rule.escalation.channels)
    )
    return msgspec.structs.replace(rule, channels=channels, escalation=escalation)


def _stored(wanted: Any, deps: Deps, caller: Caller, name: str) -> store.Channel:
    try:
        ZoneInfo(wanted.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ApiError(422, "invalid", "timeZone: there is no such zone") from None
    if (wanted.quiet_from is None) != (wanted.quiet_until is None):
        raise ApiError(422, "invalid", "quietFrom and quietUntil go together")
    config, secret = _parts(wanted)
    try:
        encrypted = deps.vault.encrypt(secret) if secret else None
    except ConfigurationError as error:
        raise ApiError(409, "no_key", str(error)) from None
    return store.Channel(
        id=_own(caller, name),
        owner=scope_of(caller),
        kind=wanted.__struct_config__.tag,
        name=wanted.name,
        config=config,
        secret=encrypted,
        min_severity=SEVERITIES.index(wanted.min_severity) + 1,
        quiet_from=wanted.quiet_from,
        quiet_until=wanted.quiet_until,
        time_zone=wanted.time_zone,
        digest=wanted.digest_minutes,
        rate=wanted.messages_per_minute,
    )


def _parts(wanted: Any) -> tuple[dict[str, str], str | None]:
    """Split a channel into what may be shown and what is encrypted."""
    match wanted:
        case EmailChannel():
            return {"address": wanted.address}, None
        case PagerDutyChannel():
            return {}, wanted.routing_key
        case TelegramChannel():
            return {"chat_id": wanted.chat_id}, wanted.bot_token
        case WebhookChannel():
            try:
                key_of(wanted.secret)
            except ValueError as error:
                raise ApiError(422, "invalid", f"secret: {error}") from None
            return {"url": wanted.url}, wanted.secret
        case _:
            return {}, wanted.url


RULE_ROUTES = [
    list_rules,
    save_rule,
    delete_rule,
    preview_rule,
    list_channels,
    save_channel,
    disable_channel,
    test_channel,
]
