"""Verify that a request comes from our QStash, over the raw bytes of its body.

QStash signs a JWT (JWS compact, HS256) with the current signing key. Written by hand and not with a JWT
library because this is the cost of every request, good or hostile: see bench/verification.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec

_MAX_TOKEN = 4096
_ISSUER = "Upstash"

type_of_reason = Literal[
    "missing", "malformed", "algorithm", "signature", "issuer", "subject", "expired", "not_yet_valid", "body"
]


class SignatureRejected(Exception):
    """The request was not signed by our QStash for this endpoint; reason and advice are for our logs only."""

    def __init__(self, reason: type_of_reason, advice: str = "") -> None:
        """Keep the reason and what an operator should look at; the caller is never told."""
        super().__init__(reason)
        self.reason = reason
        self.advice = advice or _ADVICE.get(reason, "")


_ADVICE = {
    "signature": "neither key signed it: set QSTASH_CURRENT_SIGNING_KEY and QSTASH_NEXT_SIGNING_KEY to the"
    " account's present pair (huntaze keys status)",
    "body": "the body was changed on its way: nothing in front may parse it and write it again",
    "expired": "held back for more than five minutes, or this machine's clock is ahead",
    "not_yet_valid": "this machine's clock is behind",
}


class _Header(msgspec.Struct):
    alg: str
    typ: str = "JWT"


class _Claims(msgspec.Struct):
    iss: str
    sub: str
    exp: float
    nbf: float
    body: str
    iat: float
    jti: str = ""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a good signature vouches for."""

    issued_at: float
    """When this attempt was signed, in seconds since the epoch."""
    token_id: str
    key: Literal["current", "next"]


class SignatureVerifier:
    """Check QStash's token against both signing keys, the public URL and the body."""

    def __init__(
        self, current_key: str, next_key: str, *, clock: Callable[[], float], leeway: float = 30.0
    ) -> None:
        """Take the keys as QStash gives them (`sig_…`), and how many seconds two clocks may differ."""
        self._keys: tuple[tuple[Literal["current", "next"], bytes], ...] = (
            ("current", current_key.encode()),
            ("next", next_key.encode()),
        )
        self._clock = clock
        self._leeway = leeway
        self._header_decoder = msgspec.json.Decoder(_Header)
        self._claims_decoder = msgspec.json.Decoder(_Claims)
        # Tokens of one sender carry one header: remember the last good one instead of decoding it again.
        self._good_header = b""

    def verify(self, token: bytes, body: bytes, url: str) -> Signed:
        """Return what the signature vouches for.

        Args:
            token: the value of the `Upstash-Signature` header.
            body: the request's body exactly as it came.
            url: the public URL of this endpoint, as the sender had to address it.

        Raises:
            SignatureRejected: with the first check that failed.
        """
        if not token:
            raise SignatureRejected("missing")
        if len(token) > _MAX_TOKEN or token.count(b".") != 2:
            raise SignatureRejected("malformed")
        signed, _, signature = token.rpartition(b".")
        header, _, claims_part = signed.partition(b".")
        if header != self._good_header:
            self._check_header(header)
        key = self._matching_key(signed, _decode_base64(signature))
        claims = self._decode_claims(claims_part)
        self._check_claims(claims, body, url)
        return Signed(issued_at=claims.iat, token_id=claims.jti, key=key)

    def _check_header(self, header: bytes) -> None:
        try:
            algorithm = self._header_decoder.decode(_decode_base64(header)).alg
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise SignatureRejected("malformed") from None
        if algorithm != "HS256":
            raise SignatureRejected("algorithm")
        self._good_header = header

    def _matching_key(self, signed: bytes, signature: bytes) -> Literal["current", "next"]:
        for name, key in self._keys:
            if hmac.compare_digest(hmac.digest(key, signed, "sha256"), signature):
                return name
        raise SignatureRejected("signature")

    def _decode_claims(self, part: bytes) -> _Claims:
        try:
            return self._claims_decoder.decode(_decode_base64(part))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise SignatureRejected("malformed") from None

    def _check_claims(self, claims: _Claims, body: bytes, url: str) -> None:
        now = self._clock()
        if claims.iss != _ISSUER:
            raise SignatureRejected("issuer")
        if claims.sub != url:
            raise SignatureRejected("subject", _wrong_url(claims.sub, url))
        if claims.exp < now - self._leeway:
            raise SignatureRejected("expired")
        if claims.nbf > now + self._leeway or claims.iat > now + self._leeway:
            raise SignatureRejected("not_yet_valid")
        digest = urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=")
        if not hmac.compare_digest(digest, claims.body.encode().rstrip(b"=")):
            raise SignatureRejected("body")


def _wrong_url(signed: str, ours: str) -> str:
    """Say what to set when a good signature is for another URL, as behind a proxy that nobody told us of."""
    return (
        f"signed for {signed[:300]} but PUBLIC_BASE_URL makes this endpoint {ours}:"
        " set PUBLIC_BASE_URL to the URL that QStash was given, the outer one behind a proxy"
    )


def _decode_base64(text: bytes) -> bytes:
    try:
        # Padding beyond what is needed is ignored, so three always suffice.
        return urlsafe_b64decode(text + b"===")
    except (Base64Error, ValueError):
        raise SignatureRejected("malformed") from None
