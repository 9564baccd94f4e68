"""Verification of QStash's signatures: every reason to refuse, and agreement with the official receiver."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from huntaze_common.signature import SignatureRejected, SignatureVerifier
from huntaze_common.testing.signing import KEY, NEXT_KEY, sign
from hypothesis import given
from hypothesis import strategies as st
from qstash import Receiver
from qstash.errors import SignatureError

URL = "https://video.example.com/api/workers/video-processing"
BODY = b'{"type":"video-processing"}'
NOW = 1_800_000_000
OTHER_KEY = "sig_other_" + "o" * 32
VERIFIER = SignatureVerifier(KEY, NEXT_KEY, clock=lambda: NOW)


def token(**how: Any) -> bytes:
    return sign(BODY, URL, at=NOW, **how).encode()


def part(value: Any) -> bytes:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=")


def handmade(header: Any, claims: Any, *, key: str = KEY) -> bytes:
    """A token with a right signature over whatever it holds."""
    signed = part(header) + b"." + part(claims)
    return signed + b"." + part(hmac.digest(key.encode(), signed, "sha256"))


def refusal(value: bytes, body: bytes = BODY, url: str = URL) -> str:
    with pytest.raises(SignatureRejected) as rejected:
        VERIFIER.verify(value, body, url)
    return rejected.value.reason


@pytest.mark.parametrize(("key", "name"), [(KEY, "current"), (NEXT_KEY, "next")])
def test_both_keys_sign(key: str, name: str) -> None:
    signed = VERIFIER.verify(token(key=key), BODY, URL)
    assert (signed.key, signed.issued_at, signed.token_id) == (name, NOW, f"jwt_{NOW}")


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "upstash"}, "issuer"),
        ({"iss": ""}, "issuer"),
        ({"sub": URL + "/"}, "subject"),
        ({"sub": URL.replace("https", "http")}, "subject"),
        ({"sub": ""}, "subject"),
        ({"exp": NOW - 31}, "expired"),
        ({"nbf": NOW + 31}, "not_yet_valid"),
        ({"iat": NOW + 31}, "not_yet_valid"),
        ({"body": ""}, "body"),
        ({"body": base64.urlsafe_b64encode(hashlib.sha256(BODY + b" ").digest()).decode()}, "body"),
        ({"body": base64.b64encode(hashlib.sha256(BODY).digest()).decode() + "x"}, "body"),
        ({"exp": None}, "malformed"),
        ({"exp": "soon"}, "malformed"),
        ({"nbf": True}, "malformed"),
        ({"body": 7}, "malformed"),
    ],
)
def test_each_claim_is_checked(claims: dict[str, Any], reason: str) -> None:
    full = {**jwt.decode(token(), options={"verify_signature": False}), **claims}
    assert refusal(handmade({"alg": "HS256"}, full)) == reason


@pytest.mark.parametrize("claims", [{"exp": NOW - 29}, {"nbf": NOW + 29}, {"iat": NOW + 29}, {"jti": ""}])
def test_clocks_may_differ_by_half_a_minute(claims: dict[str, Any]) -> None:
    VERIFIER.verify(token(claims=claims), BODY, URL)


def test_padding_of_the_bodys_hash_does_not_matter() -> None:
    digest = base64.urlsafe_b64encode(hashlib.sha256(BODY).digest()).decode()
    for text in (digest, digest.rstrip("=")):
        VERIFIER.verify(token(claims={"body": text}), BODY, URL)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "missing"),
        (b"x", "malformed"),
        (b"a.b", "malformed"),
        (b"a.b.c.d", "malformed"),
        (b"..", "malformed"),
        (b"x" * 4097, "malformed"),
        (token(claims={"jti": "x" * 3000}), "malformed"),
        (b"\xff.\xfe.\xfd", "malformed"),
        (token(key=OTHER_KEY), "signature"),
        (token().rpartition(b".")[0] + b".", "signature"),
        (handmade({"alg": "none"}, {}), "algorithm"),
        (handmade({"alg": "HS512"}, {}), "algorithm"),
        (handmade({"alg": "hs256"}, {}), "algorithm"),
        (handmade({"alg": ["HS256"]}, {}), "malformed"),
        (handmade({}, {}), "malformed"),
        (handmade([], {}), "malformed"),
        (handmade(b"{", {}), "malformed"),
        (handmade({"alg": "HS256"}, []), "malformed"),
        (handmade({"alg": "HS256"}, b"\xff"), "malformed"),
        (handmade({"alg": "HS256"}, b"[" * 2000), "malformed"),
        (handmade(b'{"alg":"HS256","x":' + b"[" * 2000, {}), "malformed"),
    ],
)
def test_every_other_token_has_its_reason(value: bytes, reason: str) -> None:
    assert refusal(value) == reason


def test_another_body_or_endpoint_is_refused() -> None:
    assert refusal(token(), body=BODY + b" ") == "body"
    assert refusal(token(), body=b"") == "body"
    assert refusal(token(), url="https://video.example.com/callbacks/failure") == "subject"


def test_a_header_seen_before_is_not_believed_for_its_signature() -> None:
    """The last good header is remembered; that spares its decoding and nothing else."""
    VERIFIER.verify(token(), BODY, URL)
    assert refusal(token(key=OTHER_KEY)) == "signature"
    assert refusal(handmade({"alg": "none"}, {})) == "algorithm"
    VERIFIER.verify(token(), BODY, URL)


@given(st.binary(max_size=300))
def test_no_bytes_are_a_crash(value: bytes) -> None:
    with pytest.raises(SignatureRejected):
        VERIFIER.verify(value, BODY, URL)


@given(st.integers(0, len(token()) - 2), st.integers(1, 255))
def test_a_token_with_one_changed_byte_is_refused(position: int, change: int) -> None:
    """All but the last character, of which two bits mean nothing."""
    good = token()
    changed = good[:position] + bytes([good[position] ^ change]) + good[position + 1 :]
    assert refusal(changed) in {"signature", "malformed", "algorithm"}


@given(st.text(max_size=200), st.sampled_from([KEY, NEXT_KEY]), st.sampled_from([URL, "https://a.example/é"]))
def test_what_the_official_receiver_takes_is_taken(body: str, key: str, url: str) -> None:
    now = time.time()
    signature = sign(body.encode(), url, key=key, at=now)
    Receiver(KEY, NEXT_KEY).verify(signature=signature, body=body, url=url)
    SignatureVerifier(KEY, NEXT_KEY, clock=lambda: now).verify(signature.encode(), body.encode(), url)


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": OTHER_KEY},
        {"claims": {"iss": "someone"}},
        {"claims": {"sub": URL + "x"}},
        {"claims": {"exp": int(time.time()) - 1000}},
        {"claims": {"nbf": int(time.time()) + 1000}},
        {"claims": {"body": "x"}},
    ],
)
def test_what_the_official_receiver_refuses_is_refused(wrong: dict[str, Any]) -> None:
    signature = sign(BODY, URL, **wrong)
    with pytest.raises(SignatureError):
        Receiver(KEY, NEXT_KEY).verify(signature=signature, body=BODY.decode(), url=URL)
    with pytest.raises(SignatureRejected):
        SignatureVerifier(KEY, NEXT_KEY, clock=time.time).verify(signature.encode(), BODY, URL)


def test_binary_bodies_are_verified() -> None:
    """The official receiver takes text only."""
    body = bytes(range(256))
    VERIFIER.verify(sign(body, URL, at=NOW).encode(), body, URL)


def test_the_log_can_say_what_to_set_when_the_public_url_is_wrong() -> None:
    """Behind a proxy that nobody told us of, both addresses are what an operator needs."""
    with pytest.raises(SignatureRejected) as caught:
        VERIFIER.verify(token(), BODY, "http://10.0.0.7:8000/api/workers/video-processing")
    assert URL in caught.value.advice
    assert "http://10.0.0.7:8000" in caught.value.advice
    assert "set PUBLIC_BASE_URL" in caught.value.advice
