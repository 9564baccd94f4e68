"""Bearer tokens of the status API: who asks, and whether they may see everything."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt

from huntaze_common.errors import ConfigurationError
from huntaze_common.secret import Secret

OPERATOR = "operator"
LEEWAY = 30.0
"""Seconds by which the web application's clock may be ahead of ours when it makes a token."""

_SHORTEST_KEY = 32
_MAX_TOKEN = 4096
_USER_ID = re.compile(r"[A-Za-z0-9_.\-]{1,128}")
# The library's clock cannot be set, hence the times are compared below.
_OPTIONS: Any = {"require": ["sub", "exp"], "verify_exp": False, "verify_nbf": False, "verify_iat": False}


class TokenRejected(Exception):
    """The request carries no valid token; the caller is not told why."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    user_id: str
    operator: bool = False
    """May see and change every user's jobs."""

    def may_see(self, owner: str | None) -> bool:
        """Tell whether the caller may know of a job of ``owner`` (None: the platform's own)."""
        return self.operator or (owner is not None and owner == self.user_id)


class TokenReader:
    """Reads the tokens that the web application makes: JWT, HS256, with `sub`, `exp` and maybe `scope`."""

    def __init__(self, key: Secret | None, *, clock: Callable[[], float] = time.time) -> None:
        """Take the shared key; without one, every token is refused.

        Raises:
            ConfigurationError: the key is too short to be safe.
        """
        if key is not None and len(key.reveal().encode()) < _SHORTEST_KEY:
            raise ConfigurationError(f"STATUS_TOKEN_KEY must have {_SHORTEST_KEY} characters or more")
        self._key = key
        self._clock = clock

    def read(self, authorization: str | None) -> Caller:
        """Return who the value of an Authorization header stands for.

        Raises:
            TokenRejected: it is missing, wrong or expired, or the API is closed.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if self._key is None or scheme.lower() != "bearer" or len(token) > _MAX_TOKEN:
            raise TokenRejected
        try:
            claims = jwt.decode(token, self._key.reveal(), algorithms=["HS256"], options=_OPTIONS)
        except jwt.InvalidTokenError:
            raise TokenRejected from None
        return self._caller(claims)

    def _caller(self, claims: dict[str, Any]) -> Caller:
        user_id, scope = claims["sub"], claims.get("scope", "")
        expires, begins = claims["exp"], claims.get("nbf", 0)
        if not all(isinstance(value, int | float) for value in (expires, begins)):
            raise TokenRejected
        if not begins - LEEWAY <= self._clock() < expires:
            raise TokenRejected
        if not _USER_ID.fullmatch(user_id):
            raise TokenRejected
        return Caller(user_id, isinstance(scope, str) and OPERATOR in scope.split())


def make_token(key: Secret, *, user_id: str, expires: datetime, operator: bool = False) -> str:
    """Make a token, as the web application does; for commands and tests."""
    claims = {"sub": user_id, "exp": expires, **({"scope": OPERATOR} if operator else {})}
    return jwt.encode(claims, key.reveal(), algorithm="HS256")
