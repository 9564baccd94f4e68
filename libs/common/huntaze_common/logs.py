"""Structured logs: one JSON object a line on standard output, from us and from every library alike."""

import logging
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

# What must never be read in a log, wherever it came from. Applied to whole lines of JSON, so that no field
# and no nesting is missed; hence no pattern may match beyond a quotation mark.
_SECRETS = re.compile(
    r"""(Bearer\s+)[^\s"'\\]+"""
    r"|(sig_)[A-Za-z0-9]+"
    r"|\b(AKIA|ASIA)[A-Z0-9]{16}"
    r"|\b(apify_api_|xox[a-z]-|sk-)[A-Za-z0-9-]{8,}"
    # JSON web tokens, and QStash's, which begins in the same way.
    r"|(eyJ[A-Za-z0-9_-]{8})[A-Za-z0-9_.=-]+"
    # Links that are secrets: signed ones, those with a password, and chat systems' webhooks.
    r"""|([A-Za-z_-]*(?:token|secret|password|signature|credential|api_?key)=)[^&\s"'\\]+"""
    r"""|(://[^/\s:@"]*:)[^@\s/"]+(?=@)"""
    r"""|(hooks\.slack\.com/services/|/api/webhooks/\d+/|/bot\d+:)[A-Za-z0-9:/_-]{16,}"""
    # Addresses of people; not those of hosts after a password, which the pattern above ends before.
    r"""|[A-Za-z0-9._%+-]+@(?=[A-Za-z0-9-]+\.[A-Za-z])""",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """Replace what looks like a secret or a person's address with '***', keeping what tells what it was."""
    return _SECRETS.sub(lambda match: next(filter(None, match.groups()), "") + "***", text)


MOST_KEPT = 100
"""Log lines that are kept of one run of a job."""
_LONGEST_KEPT = 2000
_kept: ContextVar[list[msgspec.Raw] | None] = ContextVar("kept_logs", default=None)


@contextmanager
def keeping() -> Generator[list[msgspec.Raw]]:
    """Also collect what is logged inside, as JSON objects with `at`, `event` ('log'), `level` and `text`."""
    lines: list[msgspec.Raw] = []
    token = _kept.set(lines)
    try:
        yield lines
    finally:
        _kept.reset(token)


def keep(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Collect an event if it is logged inside `keeping`; a processor that changes nothing."""
    lines = _kept.get()
    if lines is not None and len(lines) < MOST_KEPT:
        said = {name: value for name, value in event.items() if name not in _ALREADY_TOLD}
        more = " ".join(f"{name}={value}" for name, value in said.items())
        text = f"{event.get('event', '')} {more}".strip()[:_LONGEST_KEPT].replace("\x00", "")
        line = {"at": event.get("timestamp"), "event": "log", "level": event.get("level"), "text": text}
        lines.append(msgspec.Raw(redact(msgspec.json.encode(line).decode()).encode()))
    return event


_ALREADY_TOLD = {"event", "timestamp", "level", "service", "job_id", "trace_id", "message_id", "attempt"}


def configure(service: str, level: str) -> None:
    """Set up structlog for the process, and the standard library's loggers beside it."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    described: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _add_service(service),
        keep,
    ]
    renderer = structlog.processors.JSONRenderer(serializer=_encode)
    structlog.configure(
        processors=[*described, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *described],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[handler], force=True)
    logging.captureWarnings(True)


def _add_service(service: str) -> Processor:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return add


def _encode(event: Any, default: Any = None, **_options: Any) -> str:
    return redact(msgspec.json.encode(event, enc_hook=default or repr).decode())
