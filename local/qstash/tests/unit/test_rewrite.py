"""The destination rewrite map."""

import pytest
from qstash_local.core.rewrite import parse_rewrites


@pytest.mark.parametrize(
    ("rules", "url", "target"),
    [
        ([], "https://a.example/x", "https://a.example/x"),
        (
            ["https://a.example=http://127.0.0.1:1"],
            "https://a.example/x//y?z=%20",
            "http://127.0.0.1:1/x//y?z=%20",
        ),
        (["https://a.example=http://127.0.0.1:1/base/"], "HTTPS://A.example/x", "http://127.0.0.1:1/base/x"),
        (["https://a.example=http://127.0.0.1:1"], "https://a.example:8443/x", "https://a.example:8443/x"),
        (["*=http://127.0.0.1:1/{host}"], "https://b.example/x", "http://127.0.0.1:1/b.example/x"),
        (["*=http://c:1", "https://a.example=http://d:2"], "https://a.example/x", "http://d:2/x"),
    ],
)
def test_only_the_origin_changes(rules, url, target):
    assert parse_rewrites(rules).target(url) == target


@pytest.mark.parametrize(
    "rule", ["", "x", "a=b", "https://a.example", "https://a.example/x=http://b", "*=ftp://b"]
)
def test_a_bad_rule_is_named(rule):
    with pytest.raises(ValueError, match="--rewrite"):
        parse_rewrites([rule])
