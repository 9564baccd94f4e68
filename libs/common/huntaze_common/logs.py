"""Structured logs: one JSON object a line on standard output."""

import logging
import re
import sys
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

# What must never be read in a log, wherever it came from: tokens, keys, signed links, passwords in URLs.
_SECRETS = re.compile(
    r"(Bearer\s+)[^\s\"']+"
    r"|(sig_)[A-Za-z0-9]+"
    r"|(X-Amz-Signature=|X-Amz-Credential=|qstash_token=)[^&\s\"']+"
    r"|(eyJ[A-Za-z0-9_-]{8})[A-Za-z0-9_.=-]+"
    r"|(://[^/\s:@]+:)[^@\s/]+(?=@)"
)


def redact(text: str) -> str:
    """Replace what looks like a secret with '***', keeping the part that tells what it was."""
    return _SECRETS.sub(lambda match: next(filter(None, match.groups()), "") + "***", text)


def configure(service: str, level: str) -> None:
    """Set up structlog for the process, and the standard library's loggers below it."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _add_service(service),
            _redact_all,
            structlog.processors.JSONRenderer(serializer=_encode),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=max(threshold, logging.WARNING), stream=sys.stdout, format="%(name)s: %(message)s"
    )


def _add_service(service: str) -> Any:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return add


def _redact_all(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {name: redact(value) if isinstance(value, str) else value for name, value in event.items()}


def _encode(event: Any, default: Any = None, **_options: Any) -> str:
    return msgspec.json.encode(event, enc_hook=default or repr).decode()
