"""Signed requests that do nothing: they show whether a service takes what QStash would send.

The body is an empty object, signed as QStash signs. A service that accepts the signature finds no job in it
and answers 489; one that does not answers 401 before it looks.
"""

import base64
import hashlib
import uuid
from typing import Literal

import httpx
import jwt
from huntaze_common.secret import Secret

BODY = b"{}"
Verdict = Literal["accepted", "refused", "unreachable", "no worker"]


def signed_headers(url: str, key: Secret, *, at: float, body: bytes = BODY) -> dict[str, str]:
    """Sign as QStash does: a JWT over the URL and the body's SHA-256, good for five minutes from ``at``."""
    claims = {
        "iss": "Upstash",
        "sub": url,
        "iat": int(at),
        "nbf": 0,
        "exp": int(at) + 300,
        "jti": f"jwt_{uuid.uuid4().hex}",
        "body": base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode(),
    }
    token = jwt.encode(claims, key.reveal().encode(), algorithm="HS256")
    return {"upstash-signature": token, "content-type": "application/json"}


def probe(client: httpx.Client, url: str, key: Secret, *, at: float) -> tuple[Verdict, str]:
    """Send one probe to a worker's endpoint; the text says what came back."""
    try:
        answer = client.post(url, content=BODY, headers=signed_headers(url, key, at=at))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return "unreachable", type(error).__name__
    match answer.status_code:
        case 489:
            return "accepted", "signature accepted"
        case 401:
            return "refused", "signature refused"
        case status:
            return "no worker", f"answered {status}"
