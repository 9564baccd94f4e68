"""Sign requests as QStash does, with a JWT library and not with our own verifier's code."""

import hashlib
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import jwt

KEY = "sig_current_" + "k" * 32
NEXT_KEY = "sig_next_" + "n" * 32


def sign(
    body: bytes, url: str, *, key: str = KEY, at: float | None = None, claims: Mapping[str, Any] | None = None
) -> str:
    """Return the token for a body that is delivered to ``url``, signed ``at`` seconds since the epoch.

    ``claims`` replaces single claims, for tokens that must be refused.
    """
    now = int(time.time() if at is None else at)
    content: dict[str, Any] = {
        "iss": "Upstash",
        "sub": url,
        "iat": now,
        "exp": now + 300,
        "nbf": 0,
        "jti": f"jwt_{now}",
        "body": urlsafe_b64encode(hashlib.sha256(body).digest()).decode(),
    }
    return jwt.encode({**content, **(claims or {})}, key, algorithm="HS256")


def signed_headers(
    body: bytes, url: str, *, message_id: str = "msg_test", retried: int = 0, **how: Any
) -> dict[str, str]:
    """Return the headers of a delivery; ``how`` goes to `sign`."""
    return {
        "content-type": "application/json",
        "upstash-signature": sign(body, url, **how),
        "upstash-message-id": message_id,
        "upstash-retried": str(retried),
    }
