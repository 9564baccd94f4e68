"""Who gets in, and where a form may lead."""

from urllib.parse import urljoin, urlsplit

import pytest
from huntaze_common.errors import ConfigurationError
from huntaze_common.secret import Secret
from huntaze_console.access import FREE_GUESSES, Password, Throttle
from huntaze_console.pages import own_path
from hypothesis import example, given
from hypothesis import strategies as st

HERE = "https://console.example/login"


@given(st.text(max_size=40) | st.from_regex(r"[/\\\t\n\r.:@a-z]{1,12}", fullmatch=True))
@example("//evil.example")
@example("/\\evil.example")
@example("/\t/evil.example")
@example("/\n/evil.example")
def test_a_form_leads_to_our_own_pages_only(path: str) -> None:
    # Browsers leave tabs and line ends out, and read a backslash as a slash.
    read = "".join(each for each in own_path(path) if each not in "\t\n\r").replace("\\", "/")

    assert urlsplit(urljoin(HERE, read)).netloc == "console.example"


def test_a_path_of_ours_is_kept() -> None:
    assert own_path("/jobs?state=failed&q=ä") == "/jobs?state=failed&q=ä"


def test_waits_double_and_end() -> None:
    now = [1000.0]
    throttle = Throttle(lambda: now[0])
    for _ in range(FREE_GUESSES - 1):
        throttle.failed("a")
    assert throttle.wait("a") == 0

    waits: list[float] = []
    for _ in range(10):
        throttle.failed("a")
        waits.append(throttle.wait("a"))
    assert waits[:3] == [10, 20, 40]
    assert max(waits) == waits[-1] == 900
    assert throttle.wait("b") == 0
    now[0] += 900
    assert throttle.wait("a") == 0
    throttle.succeeded("a")
    throttle.failed("a")
    assert throttle.wait("a") == 0


def test_another_password_makes_other_keys() -> None:
    first, second = Password(Secret("correct horse battery")), Password(Secret("correct horse batters"))

    assert first.matches("correct horse battery")
    assert not first.matches("correct horse batters")
    assert first.key(b"session") != second.key(b"session")
    assert first.key(b"session") != first.key(b"guess")


def test_a_short_password_is_refused_by_its_setting() -> None:
    with pytest.raises(ConfigurationError, match="CONSOLE_PASSWORD"):
        Password(Secret("fifteen letters"))
