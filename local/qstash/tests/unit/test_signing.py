"""The claims of a signature."""

import hashlib
from base64 import urlsafe_b64encode

import jwt
from hypothesis import given
from hypothesis import strategies as st
from qstash_local.core.signing import sign

KEY = "sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r"


@given(st.binary(max_size=200), st.text(min_size=1, max_size=50))
def test_the_claims_are_those_of_the_reference(body, url):
    token = sign(KEY, url, body, 1_700_000_000_999)
    claims = jwt.decode(token, KEY, algorithms=["HS256"], options={"verify_exp": False})

    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    assert claims.pop("jti").startswith("jwt_")
    assert claims == {
        "iss": "Upstash",
        "sub": url,
        "iat": 1_700_000_000,
        "exp": 1_700_000_300,
        "nbf": 0,
        "body": urlsafe_b64encode(hashlib.sha256(body).digest()).decode(),
    }
