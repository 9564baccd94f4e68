"""The shared vocabulary refuses what would break a header, a key or a line."""

import msgspec
import pytest
from huntaze_contracts.base import HttpsUrl, Id, Key, Line


@pytest.mark.parametrize(
    ("kind", "text"), [(Id, "a.b-1"), (Line, "Ein Titel"), (Key, "a/b.jpg"), (HttpsUrl, "https://a.b/c")]
)
def test_a_line_break_at_the_end_is_refused(kind: type[str], text: str) -> None:
    """Python's `$` also matches before a last line break; JavaScript's does not."""
    assert msgspec.convert(text, kind) == text
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text + "\n", kind)
