"""Check AWS Signature Version 4 of a request to S3, in the header or in a presigned address.

moto answers a wrong key and an expired link too, and such a link would first be noticed in production.
Source: "Authenticating Requests (AWS Signature Version 4)" in the Amazon S3 API reference. The body is not
hashed again: its declared hash is part of what is signed.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote

ALGORITHM = "AWS4-HMAC-SHA256"
CLOCK_SKEW = timedelta(minutes=15)
LONGEST_LINK = 604_800  # seconds; S3 signs for a week at most


class Refused(Exception):
    """The request is not signed by our key, or not any more; named as S3 names it."""

    def __init__(self, code: str, message: str, status: int = 403) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class Credentials:
    """The one key of this store."""

    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True, slots=True)
class Request:
    """What of a request is signed, as it came over the wire.

    Attributes:
        method: GET and so on.
        path: still percent-encoded.
        query: still percent-encoded, without the question mark.
        headers: by lower-case name.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Claim:
    """What the request says of its own signature."""

    credential: str
    date: str
    signed_headers: str
    signature: str
    payload_hash: str


def verify(request: Request, credentials: Credentials, now: datetime) -> None:
    """Let the request pass if it was signed with ``credentials`` and is neither too old nor from the future.

    Raises:
        Refused: saying why, in S3's words.
    """
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    if "X-Amz-Signature" in query:
        claim = _claim_of_link(query, now)
    elif "authorization" in request.headers:
        claim = _claim_of_header(request.headers, now)
    else:
        raise Refused("AccessDenied", "Access Denied: the request is not signed")
    access_key_id, _, scope = claim.credential.partition("/")
    if access_key_id != credentials.access_key_id:
        raise Refused(
            "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
        )
    expected = _signature(request, claim, scope, credentials.secret_access_key)
    if not hmac.compare_digest(expected, claim.signature):
        raise Refused("SignatureDoesNotMatch", "The request signature we calculated does not match yours.")


def _claim_of_link(query: Mapping[str, str], now: datetime) -> _Claim:
    try:
        lifetime = int(query["X-Amz-Expires"])
        claim = _Claim(
            credential=query["X-Amz-Credential"],
            date=query["X-Amz-Date"],
            signed_headers=query["X-Amz-SignedHeaders"],
            signature=query["X-Amz-Signature"],
            payload_hash="UNSIGNED-PAYLOAD",
        )
        signed_at = _instant(claim.date)
    except (KeyError, ValueError) as error:
        raise Refused("AuthorizationQueryParametersError", f"Malformed link: {error}", 400) from None
    if not 0 < lifetime <= LONGEST_LINK:
        raise Refused("AuthorizationQueryParametersError", "X-Amz-Expires must be 1 to 604800 seconds", 400)
    if signed_at > now + CLOCK_SKEW:
        raise Refused("AccessDenied", "Request is not yet valid")
    if now > signed_at + timedelta(seconds=lifetime):
        raise Refused("AccessDenied", "Request has expired")
    return claim


def _claim_of_header(headers: Mapping[str, str], now: datetime) -> _Claim:
    algorithm, _, rest = headers["authorization"].partition(" ")
    fields: dict[str, str] = {}
    for part in rest.split(","):
        name, _, value = part.strip().partition("=")
        fields[name] = value
    try:
        if algorithm != ALGORITHM:
            raise ValueError(f"{ALGORITHM} expected")
        claim = _Claim(
            credential=fields["Credential"],
            date=headers["x-amz-date"],
            signed_headers=fields["SignedHeaders"],
            signature=fields["Signature"],
            payload_hash=headers["x-amz-content-sha256"],
        )
        signed_at = _instant(claim.date)
    except (KeyError, ValueError) as error:
        raise Refused("AuthorizationHeaderMalformed", f"Malformed authorization: {error}", 400) from None
    if abs(now - signed_at) > CLOCK_SKEW:
        raise Refused("RequestTimeTooSkewed", "The request's time and the server's differ too much.")
    return claim


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _signature(request: Request, claim: _Claim, scope: str, secret: str) -> str:
    """Compute the signature that the owner of ``secret`` would have put on the request."""
    names = claim.signed_headers.split(";")
    if "host" not in names:
        raise Refused("AccessDenied", "There were headers present in the request which were not signed: host")
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names)
    canonical = "\n".join(
        (request.method, request.path, _canonical_query(request.query), headers, claim.signed_headers)
    )
    digest = hashlib.sha256(f"{canonical}\n{claim.payload_hash}".encode("latin-1")).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, "\n".join((ALGORITHM, claim.date, scope, digest)).encode(), "sha256").hex()


def _canonical_query(query: str) -> str:
    pairs = [
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(query, keep_blank_values=True)
        if name != "X-Amz-Signature"
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))
