"""Settings from an environment: all mistakes at once, each named, and never a value."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from huntaze_common.errors import ConfigurationError
from huntaze_common.secret import Secret
from huntaze_common.settings import (
    PUBLIC_DEVELOPMENT_KEYS,
    ObjectStoreSettings,
    WorkerSettings,
    from_environment,
    parse_worker_urls,
    refuse_public_keys,
)
from hypothesis import given
from hypothesis import strategies as st

GOOD = {
    "PUBLIC_BASE_URL": "https://video.example.com",
    "DATABASE_URL": "postgresql://video:canary@db/huntaze",
    "QSTASH_TOKEN": "canary-token",
    "QSTASH_CURRENT_SIGNING_KEY": "sig_canary_current",
    "QSTASH_NEXT_SIGNING_KEY": "sig_canary_next",
}


def problems(**changes: str) -> str:
    with pytest.raises(ConfigurationError) as wrong:
        from_environment(WorkerSettings, {**GOOD, **changes})
    return str(wrong.value)


def test_the_smallest_environment_is_enough() -> None:
    settings = from_environment(WorkerSettings, {**GOOD, "UNRELATED": "x"})
    assert (settings.environment, settings.port, settings.log_level) == ("production", 8000, "info")
    assert settings.qstash_token.reveal() == "canary-token"
    assert settings.status_token_key is None


def test_texts_become_what_they_mean() -> None:
    settings = from_environment(
        WorkerSettings, {**GOOD, "PORT": "81", "SHUTDOWN_GRACE": "2.5", "ENVIRONMENT": "development"}
    )
    assert (settings.port, settings.shutdown_grace, settings.environment) == (81, 2.5, "development")


def test_everything_that_is_missing_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as wrong:
        from_environment(ObjectStoreSettings, {"QSTASH_TOKEN": "", "PORT": "x"})
    missing = [
        "PUBLIC_BASE_URL",
        "DATABASE_URL",
        "QSTASH_TOKEN",
        "QSTASH_CURRENT_SIGNING_KEY",
        "QSTASH_NEXT_SIGNING_KEY",
        "S3_BUCKET",
    ]
    for name in missing:
        assert f"{name} is missing" in str(wrong.value)
    assert "PORT is wrong" in str(wrong.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "canary"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "8.5"),
        ("PUBLIC_BASE_URL", "canary"),
        ("PUBLIC_BASE_URL", "ftp://canary"),
        ("PUBLIC_BASE_URL", "https://canary?x"),
        ("ENVIRONMENT", "canary"),
        ("LOG_LEVEL", "canary"),
        ("DATABASE_POOL_SIZE", "1"),
        ("SHUTDOWN_GRACE", "0"),
        ("SHUTDOWN_GRACE", "canary"),
        ("SHUTDOWN_GRACE", "nan"),
        ("LEASE_SECONDS", "inf"),
    ],
)
def test_a_wrong_value_is_named_and_not_shown(name: str, value: str) -> None:
    told = problems(**{name: value})
    assert told.startswith(f"{name} is wrong: ")
    assert "canary" not in told


def test_a_choice_tells_what_there_is_to_choose() -> None:
    assert problems(LOG_LEVEL="loud") == "LOG_LEVEL is wrong: expected one of debug, info, warning, error"


def test_an_empty_value_is_no_value() -> None:
    assert from_environment(WorkerSettings, {**GOOD, "PORT": ""}).port == 8000


def test_a_file_holds_a_secret(tmp_path: Path) -> None:
    """As container platforms hand secrets over; the variable itself wins."""
    (tmp_path / "token").write_text("from-file\n")
    environment = {**GOOD, "QSTASH_TOKEN": "", "QSTASH_TOKEN_FILE": str(tmp_path / "token")}
    assert from_environment(WorkerSettings, environment).qstash_token.reveal() == "from-file"
    environment["QSTASH_TOKEN"] = "direct"
    assert from_environment(WorkerSettings, environment).qstash_token.reveal() == "direct"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for file in (tmp_path / "none", tmp_path, tmp_path / "binary"):
        assert "QSTASH_TOKEN_FILE cannot be read" in problems(QSTASH_TOKEN="", QSTASH_TOKEN_FILE=str(file))


def test_no_secret_shows_itself() -> None:
    settings = from_environment(
        ObjectStoreSettings, {**GOOD, "S3_BUCKET": "b", "AWS_SECRET_ACCESS_KEY": "canary"}
    )
    shown = f"{settings} {settings!r} {settings.bucket} {msgspec.structs.asdict(settings)}"
    assert "canary" not in shown
    assert "***" in shown


def test_settings_are_for_ever() -> None:
    settings: Any = from_environment(WorkerSettings, GOOD)
    with pytest.raises(AttributeError):
        settings.port = 1


@pytest.mark.parametrize("key", sorted(PUBLIC_DEVELOPMENT_KEYS))
@pytest.mark.parametrize("which", ["QSTASH_CURRENT_SIGNING_KEY", "QSTASH_NEXT_SIGNING_KEY"])
def test_production_refuses_keys_that_everyone_knows(key: str, which: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        refuse_public_keys(from_environment(WorkerSettings, {**GOOD, which: key}))
    assert key not in str(refused.value)
    refuse_public_keys(from_environment(WorkerSettings, {**GOOD, which: key, "ENVIRONMENT": "development"}))


def test_workers_are_found_by_name() -> None:
    text = " alert-checker=https://a.example/ , data-processing=http://127.0.0.1:8003,"
    assert parse_worker_urls(text) == {
        "alert-checker": "https://a.example",
        "data-processing": "http://127.0.0.1:8003",
    }
    assert parse_worker_urls("") == {}


@pytest.mark.parametrize("text", ["alert-checker", "alert-checker=a.example", "a=https://a,b", "=ftp://x"])
def test_a_list_of_workers_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="WORKER_URLS"):
        parse_worker_urls(text)


@given(st.text())
def test_a_secret_is_itself_and_silent(text: str) -> None:
    secret = Secret(text)
    assert secret.reveal() == text
    assert secret == Secret(text)
    assert hash(secret) == hash(Secret(text))
    assert (repr(secret), str(secret), f"{secret}") == ("Secret('***')",) * 3
