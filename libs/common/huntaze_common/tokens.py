"""Who asks the status API: bearer tokens that the web app makes for its users.

A token is a JWT (HS256) with ``sub``, the user's id, and ``exp``; ``scope`` may hold the word ``operator``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt

from huntaze_common.errors import ConfigurationError

_MAX_TOKEN = 4096
_SHORTEST_KEY = 32
"""Bytes; RFC 7518 3.2 asks for a key as long as the hash."""
_USER_ID = re.compile(r"[A-Za-z0-9_.\-]{1,128}")
_OPTIONS: Any = {"require": ["exp", "sub"], "verify_exp": False, "verify_nbf": False, "verify_iat": False}


class Unauthorized(Exception):
    """No good token came; the caller is not told what is wrong with it."""

    def __init__(self) -> None:
        """Say always the same."""
        super().__init__("a valid bearer token is needed")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    user_id: str
    operator: bool = False
    """Sees and changes everybody's jobs."""

    def may_see(self, user_id: str | None) -> bool:
        """Say whether a job of ``user_id`` is this caller's affair."""
        return self.operator or user_id == self.user_id


class TokenReader:
    """Reads the tokens that one key signed."""

    def __init__(self, key: str, *, clock: Callable[[], float], leeway: float = 30.0) -> None:
        """Take the key, and how many seconds two clocks may differ.

        Raises:
            ConfigurationError: the key is too short to be one.
        """
        if len(key.encode()) < _SHORTEST_KEY:
            raise ConfigurationError(f"STATUS_TOKEN_KEY needs {_SHORTEST_KEY} characters or more")
        self._key = key
        self._clock = clock
        self._leeway = leeway

    def read(self, authorization: str | None) -> Caller:
        """Return who an Authorization header stands for.

        Raises:
            Unauthorized: nobody.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not 0 < len(token) <= _MAX_TOKEN:
            raise Unauthorized
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"], options=_OPTIONS)
        except (jwt.InvalidTokenError, RecursionError, UnicodeError):
            raise Unauthorized from None
        return self._caller(claims)

    def _caller(self, claims: dict[str, Any]) -> Caller:
        # The library's clock cannot be set, hence the times are compared here.
        now, user_id, scope = self._clock(), claims["sub"], claims.get("scope", "")
        expires, begins = claims["exp"], claims.get("nbf", 0)
        if not all(isinstance(time, int | float) for time in (expires, begins)):
            raise Unauthorized
        if not begins - self._leeway <= now < expires + self._leeway:
            raise Unauthorized
        if not isinstance(user_id, str) or not _USER_ID.fullmatch(user_id) or not isinstance(scope, str):
            raise Unauthorized
        return Caller(user_id, operator="operator" in scope.split())
