"""The JWT over each delivery: HS256 with the whole signing key as secret (docs: features/security)."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode

from qstash_local.core.ids import token_id

_LIFETIME_SECONDS = 300


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


_HEADER = _base64url(b'{"alg":"HS256","typ":"JWT"}')


def sign(key: str, url: str, body: bytes, now_ms: int) -> str:
    """Return the value of ``Upstash-Signature`` for one attempt.

    Args:
        key: the current signing key, used as UTF-8 bytes with its ``sig_``.
        url: the destination as it was published, whatever host is really called.
        body: the exact bytes that are sent.
        now_ms: the instant of signing.
    """
    issued = now_ms // 1000
    claims = {
        "iss": "Upstash",
        "sub": url,
        "exp": issued + _LIFETIME_SECONDS,
        "nbf": 0,
        "iat": issued,
        "jti": token_id(),
        "body": urlsafe_b64encode(hashlib.sha256(body).digest()).decode(),
    }
    signed = f"{_HEADER}.{_base64url(json.dumps(claims, separators=(',', ':')).encode())}"
    return f"{signed}.{_base64url(hmac.digest(key.encode(), signed.encode(), 'sha256'))}"
