"""Log lines of a process of its own: JSON, complete, and without the secrets that are put into them."""

import json
import subprocess
import sys
from typing import Any

import pytest
from huntaze_common.logs import redact
from hypothesis import given
from hypothesis import strategies as st

SECRETS = [
    "Authorization: Bearer canary.canary-canary",
    "sig_canary7kYjw48mhY7k",
    "AKIACANARY1234567890",
    "token apify_api_canaryCANARY12 refused",
    "xoxb-canary-1234567890",
    "sk-canary-1234567890",
    "eyJhbGciOiJIUzI1NiJ9.canary.canary",
    "eyJVc2VySUQiOiJcanarycanarycanary=",
    "GET /v2/publish?qstash_token=canary",
    "https://store.example/a?X-Amz-Credential=canary%2F1&X-Amz-Signature=canary&X-Amz-Security-Token=canary",
    "https://api.example/?api_key=canary&apikey=canary&x=1",
    "postgresql://huntaze_video:canary@db.example/huntaze",
    "redis://:canary@cache.example:6379",
    "https://hooks.slack.com/services/T000CANARY/B000CANARY/canarycanary",
    "https://discord.com/api/webhooks/123456/canarycanarycanary",
    "https://api.telegram.org/bot123456:canarycanarycanary/sendMessage",
    "mail to canary.canary+x@example.com failed",
]
PLAIN = [
    "https://video.example.com:443/api/workers/video-processing?limit=50",
    "job demo-video-1 is running in another delivery",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "eyJ",
    "robot123 says: 3 of 5 keys are used; disk-usage-by-path=80; /bottom-of-the-long-page",
    "videos/u1/clip-7/frames/0123456789abcdef0123456789abcdef.jpg",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_hidden(text: str) -> None:
    hidden = redact(text)
    assert "canary" not in hidden.lower()
    assert "***" in hidden


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_secret_stays(text: str) -> None:
    """A log in which ids and links are missing helps nobody."""
    assert redact(text) == text


@given(
    st.dictionaries(
        st.text(max_size=8), st.one_of(st.sampled_from(SECRETS), st.text(max_size=30)), max_size=5
    )
)
def test_hiding_keeps_json_json(fields: dict[str, str]) -> None:
    """Lines are hidden as a whole: no pattern may reach from one field into the next."""
    hidden = json.loads(redact(json.dumps(fields, ensure_ascii=False)))
    assert len(hidden) <= len(fields)
    assert "canary" not in json.dumps(hidden)


def lines(program: str, *, level: str = "info") -> list[dict[str, Any]]:
    """Run a program with logs configured, and return what it logged."""
    head = f"""
import logging, structlog, warnings
from huntaze_common import logs
logs.configure("video", {level!r})
SECRETS = {SECRETS!r}
log = structlog.get_logger()
"""
    done = subprocess.run([sys.executable, "-c", head + program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_line_tells_when_who_and_what() -> None:
    [line] = lines(
        "with structlog.contextvars.bound_contextvars(job_id='j'): log.info('delivery_done', seconds=0.5)"
    )
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "delivery_done",
        "level": "info",
        "service": "video",
        "job_id": "j",
        "seconds": 0.5,
    }


def test_no_secret_comes_through_any_door() -> None:
    """As event, as field, nested, as bytes, in exceptions, and through the loggers of libraries."""
    program = """
for secret in SECRETS:
    log.warning(secret)
    log.warning("e", field=secret, nested={"a": [secret]}, object=Exception(secret))
    logging.getLogger("library").error("failed: %s", secret)
    warnings.warn(secret)
    for logger in (log, logging.getLogger("library")):
        try:
            raise ValueError(secret)
        except ValueError:
            logger.exception("crashed")
"""
    found = lines(program)
    assert len(found) == 6 * len(SECRETS)
    assert "canary" not in json.dumps(found).lower()


def test_an_exception_keeps_its_traceback() -> None:
    [line] = lines("try: 1/0\nexcept ZeroDivisionError: log.exception('crashed')")
    assert "ZeroDivisionError: division by zero" in line["exception"]
    assert line["level"] == "error"


def test_libraries_log_in_the_same_form() -> None:
    [line] = lines(
        "logging.getLogger('asyncpg.pool').warning('lost %d', 3)\nlogging.getLogger('x').info('no')"
    )
    assert (line["event"], line["logger"], line["level"]) == ("lost 3", "asyncpg.pool", "warning")
    assert line["service"] == "video"


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_is_a_threshold(level: str, count: int) -> None:
    program = "log.debug('a'); log.info('b'); log.warning('c'); log.error('d')"
    assert len(lines(program, level=level)) == count
