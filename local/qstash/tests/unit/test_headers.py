"""Header names and values on their way to a destination."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qstash_local.core.errors import Refused
from qstash_local.core.headers import add_header, canonical

TOKENS = st.text(alphabet="abcXYZ019-_!#$%&'*+.^`|~", min_size=1, max_size=30)


@given(TOKENS)
def test_spelling_depends_on_letters_only(name):
    """Clients send names in any case; the API shows one spelling."""
    assert canonical(name) == canonical(name.lower()) == canonical(name.upper()) == canonical(canonical(name))
    assert canonical(name).lower() == name.lower()


@pytest.mark.parametrize(
    ("name", "spelled"),
    [("test-header", "Test-Header"), ("DNT", "Dnt"), ("x-b3-traceID", "X-B3-Traceid"), ("ä", "ä")],
)
def test_known_spellings(name, spelled):
    assert canonical(name) == spelled


@given(st.text(max_size=20), st.text(max_size=20))
def test_nothing_that_could_split_a_request_gets_through(name, value):
    header: dict[str, list[str]] = {}
    try:
        add_header(header, name, value)
    except Refused:
        return
    for spelled, values in header.items():
        assert not set(spelled) & set(" :\r\n\0")
        assert not any(set(each) & set("\r\n\0") for each in values)


@pytest.mark.parametrize("name", ["host", "Content-Length", "TRANSFER-ENCODING", "connection", "Expect"])
def test_what_belongs_to_a_connection_stays_there(name):
    header: dict[str, list[str]] = {}
    add_header(header, name, "1")
    assert header == {}
