"""What a URL's text may look like, for one hundred and more that were made to be misread."""

import pytest
from huntaze_common.links import LinkRules, RefusalReason, UrlRefused
from hypothesis import example, given
from hypothesis import strategies as st

RULES = LinkRules()

REFUSED: dict[RefusalReason, str] = {
    # Ways to write 127.0.0.1 and 169.254.169.254 that some resolver, browser or parser understands.
    "host": """
https://127.1/ https://127.0.1/ https://0x7f000001/ https://0x7f.1/ https://0x7f.0.0.1/
https://2130706433/ https://017700000001/ https://127.0.0.1./ https://127.0.0.1%00/ https://0/
https://00000000/ https://3232235521/ https://0xa9fea9fe/ https://2852039166/ https://%31%32%37.0.0.1/
https://127%2e0.0.1/ https://[fe80::1%25lo]/ https://[::ffff:127.0.0.1%250]/ https://xn--.example/
https://[::1%25lo]/ https://127.0.0.1.1/ https://1.1/ https://1e9/ https://localhost/ https://LOCALHOST/
https://localhost./ https://a.localhost/ https://ip6-localhost/ https://localhost.localdomain/
https://metadata/ https://metadata.google.internal/ https://a.internal/
https://kubernetes.default.svc.cluster.local/ https://router.local/ https://1.0.0.127.in-addr.arpa/
https://a..example/ https://.example/ https://example./ https://-a.example/ https://a-.example/
https://example.1/ https://example.0x7f/ https:///x https:public.example https:/public.example/ https://
https://a*b.example/ https://a%20b.example/ https://a,b.example/ https://a;b.example/ https://$a.example/""",
    "syntax": """
https://127.0.0.256/ https://0177.0.0.1/ https://0177.0.0.01/ https://127.0.0.01/ https://１２７.０.０.１/
https://①②⑦.⓪.⓪.①/ https://[::1 https://[127.0.0.1]/ https://[g::1]/ https://public.example:x/
https://public.example\\@127.0.0.1/ https:\\\\public.example/ https://[::1].example/""",
    "scheme": """
http://public.example/ HTTP://public.example/ ftp://public.example/ file:///etc/passwd
gopher://public.example/ dict://public.example/ ldap://public.example/ data:,x javascript:1 unix:/tmp/x
ws://public.example/ https+unix://public.example/ jar:https://public.example!/ //public.example/
public.example /etc/passwd""",
    "credentials": """
https://user@public.example/ https://user:pass@public.example/ https://:@public.example/
https://public.example:443@127.0.0.1/ https://public.example%2F@127.0.0.1/ https://%40@public.example/""",
    "port": """
https://public.example:22/ https://public.example:-1/ https://public.example:+1/
https://public.example:80/ https://public.example:0/ https://public.example:8443/
https://public.example:65536/ https://public.example:6379/ https://public.example:4430/
https://1.1.1.1:25/""",
}
_ALLOWED = """
https://public.example/ HTTPS://Public.Example/ https://public.example:443/a?b=c https://a-b.c_d.example/
https://1.1.1.1/ https://[2606:4700::1111]/ https://faß.example/ https://xn--fa-hia.example/
https://public.example https://public.example:/ https://public.example/@user
https://public.example/?u=https://127.0.0.1 https://127.0.0.1.public.example/
https://public.example#@127.0.0.1 https://public.example?@127.0.0.1
"""
ALLOWED = _ALLOWED.split()


@pytest.mark.parametrize(
    ("reason", "url"), [(why, url) for why, urls in REFUSED.items() for url in urls.split()]
)
def test_what_could_be_misread_is_refused(reason: str, url: str) -> None:
    with pytest.raises(UrlRefused) as refused:
        RULES.check(url)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    "url",
    [
        "",
        " https://a.example",
        "https://a.example ",
        "https://a.example/\r\nx",
        "https://a.example/\t",
        "https://a\x00.example",
        "https://a b.example",
        "https://a.example/\u00a0",
        "https://a.example/" + "x" * 5000,
    ],
)
def test_blanks_controls_and_great_length_are_refused(url: str) -> None:
    with pytest.raises(UrlRefused, match=r"syntax|scheme"):
        RULES.check(url)


@pytest.mark.parametrize("url", ["https://" + "a" * 64 + ".example/", "https://" + "a." * 124 + "example/"])
def test_hosts_longer_than_a_name_can_be_are_refused(url: str) -> None:
    with pytest.raises(UrlRefused, match="host"):
        RULES.check(url)


@pytest.mark.parametrize("url", ALLOWED)
def test_plain_links_are_allowed(url: str) -> None:
    RULES.check(url)


@given(st.text(max_size=60), st.sampled_from(["", "https://", "https://[", "https://a.example", "https://1"]))
@example("\udcff", "https://")
def test_any_text_is_refused_or_has_a_plain_host(text: str, start: str) -> None:
    """No text makes the check fail in another way, and what passes is read alike by everyone."""
    try:
        checked = RULES.check(start + text)
    except UrlRefused:
        return
    assert checked.scheme == "https"
    assert set(checked.raw_host) <= set(b"abcdefghijklmnopqrstuvwxyz0123456789._-:")
    assert RULES.check(str(checked)) == checked


def test_only_known_hosts_where_they_are_known() -> None:
    rules = LinkRules(hosts={"hooks.example.com"}, ports=(443, 8443))
    rules.check("https://hooks.example.com:8443/x")
    for url in (
        "https://public.example/",
        "https://hooks.example.com.public.example/",
        "https://x.hooks.example.com/",
    ):
        with pytest.raises(UrlRefused, match="host"):
            rules.check(url)


@pytest.mark.parametrize(
    "url", ["http://localhost:9000/x", "http://127.0.0.1:1/", "https://public.example:8443/"]
)
def test_development_allows_plain_http_and_any_port(url: str) -> None:
    LinkRules(development=True).check(url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://localhost/",
        "http://user@localhost/",
        "http://2130706433/",
        "http://metadata.google.internal/",
        "http://127.1:80/",
    ],
)
def test_development_allows_nothing_else(url: str) -> None:
    with pytest.raises(UrlRefused):
        LinkRules(development=True).check(url)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://public.example/", "scheme"),
        ("//127.1/x", "host"),
        ("https://u@public.example/", "credentials"),
        ("https://public.example:22/", "port"),
        ("/\\127.0.0.1", "syntax"),
        ("", "syntax"),
        ("https://[", "host"),
        ("javascript:1", "scheme"),
    ],
)
def test_a_redirect_is_checked_like_a_link(location: str, reason: str) -> None:
    with pytest.raises(UrlRefused) as refused:
        RULES.redirect(RULES.check("https://public.example/a/b"), location)
    assert refused.value.reason == reason


def test_a_redirect_never_gives_up_encryption() -> None:
    """In development too: a session that began encrypted stays so."""
    rules = LinkRules(development=True)
    with pytest.raises(UrlRefused, match="downgrade"):
        rules.redirect(rules.check("https://public.example/"), "http://public.example/")


def test_a_relative_redirect_stays_on_its_host() -> None:
    assert (
        str(RULES.redirect(RULES.check("https://public.example/a/b"), "../c?d"))
        == "https://public.example/c?d"
    )
