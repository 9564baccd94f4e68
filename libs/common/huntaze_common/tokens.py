"""Bearer tokens of the status API: who asks, and whether they may see everything."""

from dataclasses import dataclass
from datetime import datetime

import jwt

from huntaze_common.errors import ConfigurationError
from huntaze_common.secret import Secret

_SHORTEST_KEY = 32
OPERATOR = "operator"


class TokenRejected(Exception):
    """The request carries no valid token; the caller is not told why."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    user_id: str
    operator: bool
    """May see and change every user's jobs."""

    def may_see(self, owner: str | None) -> bool:
        """Tell whether the caller may know of a job of ``owner`` (None: the platform's own)."""
        return self.operator or (owner is not None and owner == self.user_id)


class TokenReader:
    """Reads the tokens that the web application makes: JWT, HS256, with `sub`, `exp` and maybe `scope`."""

    def __init__(self, key: Secret | None) -> None:
        """Take the shared key; without one, every token is refused.

        Raises:
            ConfigurationError: the key is too short to be safe.
        """
        if key is not None and len(key.reveal()) < _SHORTEST_KEY:
            raise ConfigurationError(f"STATUS_TOKEN_KEY must have {_SHORTEST_KEY} characters or more")
        self._key = key

    def read(self, authorization: str | None) -> Caller:
        """Return who the value of an Authorization header stands for.

        Raises:
            TokenRejected: it is missing, wrong or expired, or the API is closed.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if self._key is None or scheme.lower() != "bearer" or len(token) > 4096:
            raise TokenRejected
        try:
            claims = jwt.decode(
                token, self._key.reveal(), algorithms=["HS256"], options={"require": ["sub", "exp"]}
            )
        except jwt.InvalidTokenError:
            raise TokenRejected from None
        scope = claims.get("scope", "")
        return Caller(claims["sub"], isinstance(scope, str) and OPERATOR in scope.split())


def make_token(key: Secret, *, user_id: str, expires: datetime, operator: bool = False) -> str:
    """Make a token, as the web application does; for commands and tests."""
    claims = {"sub": user_id, "exp": expires, **({"scope": OPERATOR} if operator else {})}
    return jwt.encode(claims, key.reveal(), algorithm="HS256")
