"""Bearer tokens: good ones, and every way to be none."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from huntaze_common.errors import ConfigurationError
from huntaze_common.secret import Secret
from huntaze_common.tokens import Caller, TokenReader, TokenRejected, make_token
from hypothesis import given
from hypothesis import strategies as st

KEY = "k" * 32
NOW = 1_800_000_000.0
READER = TokenReader(Secret(KEY), clock=lambda: NOW)


def bearer(key: str = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    content = {"sub": "user-1", "exp": NOW + 60, **claims}
    return "Bearer " + jwt.encode(
        {k: v for k, v in content.items() if v is not None}, key, algorithm=algorithm
    )


def unchecked(header: dict[str, Any], claims: Any) -> str:
    """A token without signature, for what no library would write."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims)
    ]
    return "Bearer " + ".".join([*parts, ""])


def test_a_good_token_names_its_user() -> None:
    assert READER.read(bearer()) == Caller("user-1", operator=False)
    assert READER.read(bearer().replace("Bearer", "bearer")) == Caller("user-1")


@pytest.mark.parametrize(
    ("scope", "operator"),
    [("operator", True), ("jobs operator", True), ("", False), ("operators", False), (["operator"], False)],
)
def test_the_scope_makes_an_operator(scope: object, operator: bool) -> None:
    assert READER.read(bearer(scope=scope)).operator is operator


@pytest.mark.parametrize("times", [{"exp": NOW + 1}, {"nbf": NOW + 29}, {"iat": NOW + 1000}])
def test_a_clock_may_be_a_little_ahead(times: dict[str, float]) -> None:
    READER.read(bearer(**times))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer a.b.c",
        "Bearer " + "x" * 5000,
        "Bearer é.é.é",
        bearer(key="other-key-that-is-long-enough-to-use"),
        bearer(key=KEY * 2, algorithm="HS512"),
        bearer(key=KEY * 2, algorithm="HS384"),
        unchecked({"alg": "none"}, {"sub": "user-1", "exp": NOW + 60}),
        "Bearer " + base64.urlsafe_b64encode(b"[" * 3000).decode() + ".e30.",
        unchecked({"alg": "HS256"}, {"sub": "user-1", "exp": NOW + 60}),
        bearer(exp=NOW),
        bearer(exp=None),
        bearer(exp="tomorrow"),
        bearer(nbf=NOW + 31),
        bearer(sub=None),
        bearer(sub=""),
        bearer(sub="a b"),
        bearer(sub="x" * 129),
        bearer().replace(".", " ."),
        bearer() + "x",
    ],
)
def test_everything_else_is_nobody(header: str | None) -> None:
    with pytest.raises(TokenRejected, match=r"^$"):
        READER.read(header)


@given(st.text())
def test_no_text_is_anything_but_refused(text: str) -> None:
    for header in (text, "Bearer " + text):
        with pytest.raises(TokenRejected):
            READER.read(header)


@pytest.mark.parametrize("changed", range(0, len(bearer()) - 7, 3))
def test_a_token_with_one_other_character_is_refused(changed: int) -> None:
    token = bearer().removeprefix("Bearer ")
    other = "A" if token[changed] != "A" else "B"
    with pytest.raises(TokenRejected):
        READER.read("Bearer " + token[:changed] + other + token[changed + 1 :])


def test_without_a_key_the_api_is_closed() -> None:
    with pytest.raises(TokenRejected):
        TokenReader(None).read(bearer())


def test_a_token_that_we_made_is_read() -> None:
    expires = datetime.fromtimestamp(NOW + 60, UTC)
    token = make_token(Secret(KEY), user_id="user-2", expires=expires, operator=True)
    assert READER.read(f"Bearer {token}") == Caller("user-2", operator=True)


def test_a_key_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="STATUS_TOKEN_KEY"):
        TokenReader(Secret("short"))


def test_users_see_their_own_jobs_and_operators_all() -> None:
    assert Caller("a").may_see("a")
    assert not Caller("a").may_see("b")
    assert not Caller("a").may_see(None)
    assert not Caller("").may_see(None)
    assert Caller("a", operator=True).may_see(None)
