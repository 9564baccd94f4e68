"""Reading a publish request: the `Upstash-*` headers (or query parameters) become one message."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from qstash_local.core.durations import parse_duration
from qstash_local.core.errors import Refused, invalid, over_limit
from qstash_local.core.flow import parse_flow
from qstash_local.core.headers import add_header, canonical
from qstash_local.core.message import Callback, Flow, HeaderMap, Message, Redaction, destination_url, is_name
from qstash_local.core.plans import Plan
from qstash_local.core.retry_delay import evaluate

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")
_FORWARD = "upstash-forward-"


@dataclass(frozen=True, slots=True)
class Deduplication:
    """How a publisher asked for duplicates to be recognised."""

    id: str | None = None
    by_content: bool = False

    def key(self, message: Message, body: bytes) -> str | None:
        """Return what equal messages share; each endpoint of a URL group counts for itself."""
        if self.id is not None:
            return f"id:{self.id}:{message.url if message.topic else ''}"
        if not self.by_content:
            return None
        digest = hashlib.sha256()
        parts = [
            message.url,
            *(f"{name}:{value}" for name in sorted(message.header) for value in message.header[name]),
        ]
        for part in parts:
            digest.update(part.encode() + b"\0")
        digest.update(body)
        return f"content:{digest.hexdigest()}"


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """A publish request as read: a message whose destination is still open."""

    message: Message
    deduplication: Deduplication
    cron: str | None
    schedule_id: str | None


class Options:
    """The configuration of one request, by header name in lower case; the last value of a name counts."""

    def __init__(self, values: Mapping[str, str], plan: Plan) -> None:
        self._values = values
        self._plan = plan

    def text(self, name: str) -> str | None:
        """Return an option's text, or None where it is absent or empty."""
        value = self._values.get(name, "").strip()
        return value or None

    def flag(self, name: str) -> bool:
        """Return a boolean option, spelled as Go's ParseBool takes it."""
        value = self.text(name)
        if value is None or value in _FALSE:
            return False
        if value not in _TRUE:
            raise invalid(f"invalid {canonical(name)} header: {value[:64]!r} is not a boolean")
        return True

    def duration_ms(self, name: str) -> int | None:
        """Return a duration option in milliseconds."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return parse_duration(value)
        except ValueError as error:
            raise invalid(f"invalid {canonical(name)} header: {error}") from None

    def method(self, name: str) -> str:
        """Return the HTTP method to deliver with."""
        method = (self.text(name) or "POST").upper()
        if method not in _METHODS:
            raise invalid(
                f"invalid {canonical(name)} header: {method[:32]!r} is not one of {', '.join(_METHODS)}"
            )
        return method

    def retries(self, name: str) -> int | None:
        """Return the number of retries after the first attempt."""
        value = self.text(name)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit() and len(value) <= 9):
            raise invalid(
                f"invalid {canonical(name)} header: {value[:32]!r} is not a whole number of retries"
            )
        if int(value) > self._plan.retries:
            raise over_limit(
                f"{canonical(name)} of {value} exceeds the maximum of {self._plan.retries} retries"
            )
        return int(value)

    def retry_delay(self, name: str) -> str | None:
        """Return an expression for the wait before retries, once it has been seen to be valid."""
        value = self.text(name)
        if value is None:
            return None
        try:
            evaluate(value, 0)
        except ValueError as error:
            raise invalid(f"invalid {canonical(name)} header: {error}") from None
        return value

    def delay_ms(self, name: str) -> int:
        """Return a delay, checked against the plan."""
        delay = self.duration_ms(name) or 0
        self._check_delay(delay)
        return delay

    def not_before_ms(self, now_ms: int) -> int | None:
        """Return the absolute instant before which nothing may be delivered."""
        value = self.text("upstash-not-before")
        if value is None:
            return None
        if not (value.isascii() and value.isdigit() and len(value) <= 12):
            raise invalid("invalid Upstash-Not-Before header: expected a unix timestamp in seconds")
        self._check_delay(int(value) * 1000 - now_ms)
        return int(value) * 1000

    def timeout_ms(self, name: str) -> int | None:
        """Return the time limit of one attempt; it can only shorten the plan's."""
        timeout = self.duration_ms(name)
        if timeout is None:
            return None
        if timeout == 0:
            raise invalid(f"invalid {canonical(name)} header: a timeout must be longer than 0")
        return min(timeout, self._plan.timeout_ms)

    def _check_delay(self, delay_ms: int) -> None:
        limit = self._plan.delay_ms
        if limit is not None and delay_ms > limit:
            raise over_limit(f"the delay exceeds the maximum of {limit // 1000} seconds")
        if delay_ms > 100 * 365 * 86_400_000:
            raise invalid("the delay exceeds 100 years")

    def labels(self) -> list[str]:
        """Return the labels of a comma separated list."""
        return [label.strip() for label in (self.text("upstash-label") or "").split(",") if label.strip()]

    def flow(self) -> Flow | None:
        """Return the flow control that the request asks for."""
        key, value = self.text("upstash-flow-control-key"), self.text("upstash-flow-control-value")
        if key is None and value is None:
            return None
        if key is None:
            raise invalid("Upstash-Flow-Control-Value needs Upstash-Flow-Control-Key")
        if value is None:
            raise invalid("Upstash-Flow-Control-Key needs Upstash-Flow-Control-Value")
        return parse_flow(key, value)

    def redaction(self) -> Redaction | None:
        """Return which fields the API must not show."""
        value = self.text("upstash-redact-fields")
        if value is None:
            return None
        body, all_headers, names = False, False, list[str]()
        for field in (part.strip() for part in value.split(",")):
            kind, bracket, name = field.partition("[")
            if field == "body":
                body = True
            elif field in ("header", "headers"):
                all_headers = True
            elif kind in ("header", "headers") and bracket and name.endswith("]"):
                names.append(canonical(name[:-1].strip()))
            else:
                raise invalid(
                    f"invalid Upstash-Redact-Fields header: {field[:64]!r} is none of body, header, header[X]"
                )
        return Redaction(body=body, all_headers=all_headers, headers=names)

    def callback(self, prefix: str) -> Callback | None:
        """Return the callback whose options start with ``prefix``."""
        url = self.text(prefix)
        if url is None:
            return None
        header: HeaderMap = {}
        for name, value in self._values.items():
            if name.startswith(f"{prefix}-forward-"):
                add_header(header, name.removeprefix(f"{prefix}-forward-"), value)
        try:
            target = destination_url(url)
        except Refused as refusal:
            raise invalid(f"invalid {canonical(prefix)} header: {refusal.message}") from None
        return Callback(
            url=target,
            method=self.method(f"{prefix}-method"),
            header=header,
            retries=self.retries(f"{prefix}-retries"),
            retry_delay=self.retry_delay(f"{prefix}-retry-delay"),
            timeout_ms=self.timeout_ms(f"{prefix}-timeout"),
            delay_ms=self.delay_ms(f"{prefix}-delay"),
        )


def forwarded_headers(headers: Iterable[tuple[str, str]], *, everything: bool) -> HeaderMap:
    """Return what crosses to the destination: Content-Type, prefixed headers, in webhook mode all."""
    forwarded: HeaderMap = {}
    for name, value in headers:
        if name.startswith(_FORWARD):
            add_header(forwarded, name.removeprefix(_FORWARD), value)
        elif name == "content-type" or (everything and not name.startswith("upstash-")):
            add_header(forwarded, name, value)
    return forwarded


def parse_publish(
    headers: list[tuple[str, str]], query: Mapping[str, str], plan: Plan, now_ms: int
) -> PublishRequest:
    """Read a publish request.

    Args:
        headers: name (lower case) and value of each header, in order.
        query: configuration given as query parameters; a header of the same name wins.
        plan: the limits that apply.
        now_ms: the present instant, against which absolute times are checked.

    Raises:
        Refused: naming the header that is wrong.
    """
    values = {**query, **{name: value for name, value in headers if name.startswith("upstash-")}}
    options = Options(values, plan)
    deduplication = Deduplication(
        options.text("upstash-deduplication-id"), options.flag("upstash-content-based-deduplication")
    )
    if deduplication.id is not None and ":" in deduplication.id:
        raise invalid("DeduplicationId cannot contain ':'")
    retries, not_before = options.retries("upstash-retries"), options.not_before_ms(now_ms)
    prefixed = [(name, value) for name, value in query.items() if name.startswith(_FORWARD)]
    message = Message(
        url="",
        method=options.method("upstash-method"),
        header=forwarded_headers([*headers, *prefixed], everything=options.flag("upstash-header-forward")),
        retries=3 if retries is None else retries,
        retry_delay=options.retry_delay("upstash-retry-delay"),
        timeout_ms=options.timeout_ms("upstash-timeout"),
        delay_ms=0 if not_before is not None else options.delay_ms("upstash-delay"),
        not_before=not_before,
        callback=options.callback("upstash-callback"),
        failure_callback=options.callback("upstash-failure-callback"),
        labels=options.labels(),
        flow=options.flow(),
        redact=options.redaction(),
        queue=queue_name(options.text("upstash-queue-name")),
    )
    return PublishRequest(
        message, deduplication, options.text("upstash-cron"), options.text("upstash-schedule-id")
    )


def queue_name(text: str | None) -> str | None:
    """Return the name of a queue, or None.

    Raises:
        Refused: the name has characters that a name cannot have.
    """
    if text is not None and not is_name(text):
        raise invalid(f"invalid queue name {text[:64]!r}: use letters, digits, '_', '-' and '.'")
    return text
