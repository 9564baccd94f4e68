"""The gate of the object store, against the signer that everybody uses: botocore's own."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode, urlsplit

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from huntaze_local.objectstore.signature import Credentials, Refused, Request, verify
from hypothesis import given
from hypothesis import strategies as st

KEY = Credentials("key-id", "a-secret-of-some-length")
HOST = "127.0.0.1:9000"


def signed(
    method: str, path: str, headers: Mapping[str, str], *, secret: str = KEY.secret_access_key
) -> Request:
    """Sign a request in its header, as boto3 does, at the present time."""
    request = botocore.awsrequest.AWSRequest(
        method, f"http://{HOST}{path}", headers={"Host": HOST, **headers}
    )
    credentials = botocore.credentials.Credentials(KEY.access_key_id, secret)
    botocore.auth.S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
    return as_received(request)


def link(path: str, expires: int = 60) -> Request:
    """Make a presigned link, valid from now on."""
    request = botocore.awsrequest.AWSRequest("GET", f"http://{HOST}{path}", headers={"Host": HOST})
    credentials = botocore.credentials.Credentials(KEY.access_key_id, KEY.secret_access_key)
    botocore.auth.S3SigV4QueryAuth(credentials, "s3", "us-east-1", expires).add_auth(request)
    return as_received(request)


def as_received(request: botocore.awsrequest.AWSRequest) -> Request:
    parts = urlsplit(request.url)
    headers = {"host": HOST, **{name.lower(): value for name, value in request.headers.items()}}
    return Request(request.method, parts.path, parts.query, headers)


def changed(request: Request, **changes: object) -> Request:
    fields = {name: getattr(request, name) for name in ("method", "path", "query", "headers")}
    return Request(**(fields | changes))


@given(
    st.text(min_size=1, max_size=40), st.dictionaries(st.text("abcxyz-", min_size=1), st.text(max_size=10))
)
def test_what_botocore_signs_passes(key: str, query: dict[str, str]) -> None:
    """Any key, any parameters: both sides must write them the same way."""
    parameters = urlencode(query, errors="replace", quote_via=quote)
    path = f"/bucket/{quote(key, safe='/-_.~', errors='replace')}?{parameters}"
    verify(signed("PUT", path, {"X-Amz-Meta-A": "two  spaces "}), KEY, datetime.now(UTC))
    verify(link(path), KEY, datetime.now(UTC))


@pytest.mark.parametrize(
    "tamper",
    [
        {"method": "DELETE"},
        {"path": "/bucket/other"},
        {"query": "acl"},
        {"headers": {"x-amz-content-sha256": "0" * 64}},
        {"headers": {"host": "elsewhere:9000"}},
        {"headers": {"x-amz-date": f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}", "x-amz-meta-a": "changed"}},
    ],
    ids=str,
)
def test_a_changed_request_is_refused(tamper: dict[str, object]) -> None:
    """Everything that decides what happens is signed."""
    request = signed("GET", "/bucket/key?versions", {"X-Amz-Meta-A": "1"})
    verify(request, KEY, datetime.now(UTC))
    headers = {**request.headers, **tamper.get("headers", {})}  # type: ignore[dict-item]
    with pytest.raises(Refused) as refusal:
        verify(changed(request, **(tamper | {"headers": headers})), KEY, datetime.now(UTC))
    assert refusal.value.code == "SignatureDoesNotMatch"


def test_a_link_ends_when_it_says() -> None:
    """moto serves it for ever; S3 does not."""
    request, now = link("/bucket/key", expires=60), datetime.now(UTC)
    verify(request, KEY, now + timedelta(seconds=59))
    with pytest.raises(Refused, match="expired"):
        verify(request, KEY, now + timedelta(seconds=62))


def test_a_link_for_longer_than_a_week_is_refused() -> None:
    """S3 refuses to sign for longer; it would be noticed in production only."""
    with pytest.raises(Refused, match="1 to 604800"):
        verify(link("/bucket/key", expires=604_801), KEY, datetime.now(UTC))


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (Request("GET", "/bucket/key", "", {"host": HOST}), "AccessDenied"),
        (signed("GET", "/bucket/key", {}, secret="another secret"), "SignatureDoesNotMatch"),
        (
            Request("GET", "/b/k", "", {"host": HOST, "authorization": "Basic abc"}),
            "AuthorizationHeaderMalformed",
        ),
        (Request("GET", "/b/k", "X-Amz-Signature=1", {"host": HOST}), "AuthorizationQueryParametersError"),
        (
            Request("GET", "/b/k", "", {"host": HOST, "authorization": "AWS4-HMAC-SHA256 ,,=,"}),
            "AuthorizationHeaderMalformed",
        ),
    ],
)
def test_who_does_not_sign_is_refused(request_: Request, code: str) -> None:
    """The codes are S3's own, so that clients say the right thing."""
    with pytest.raises(Refused) as refusal:
        verify(request_, KEY, datetime.now(UTC))
    assert refusal.value.code == code


def test_an_old_request_can_not_be_replayed() -> None:
    """A quarter of an hour, as on S3."""
    request = signed("GET", "/bucket/key", {})
    with pytest.raises(Refused) as refusal:
        verify(request, KEY, datetime.now(UTC) + timedelta(minutes=16))
    assert refusal.value.code == "RequestTimeTooSkewed"
