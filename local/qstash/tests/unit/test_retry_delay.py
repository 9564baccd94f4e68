"""The expressions of Upstash-Retry-Delay, against values computed beside the text."""

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qstash_local.core.retry_delay import evaluate

DAY_MS = 86_400_000
RETRIED = 3

numbers = st.one_of(
    st.integers(0, 10**6).map(lambda n: (str(n), float(n))),
    st.floats(0, 10**6, allow_nan=False).map(lambda x: (f"{x:.3f}", float(f"{x:.3f}"))),
    st.just(("retried", float(RETRIED))),
)


def combined(inner):
    """Build larger expressions, each with its value, from smaller ones."""
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda p: (f"({p[0][0]} + {p[1][0]})", p[0][1] + p[1][1])),
        pairs.map(lambda p: (f"({p[0][0]}-{p[1][0]})", p[0][1] - p[1][1])),
        pairs.map(lambda p: (f"({p[0][0]} *{p[1][0]})", p[0][1] * p[1][1])),
        pairs.map(lambda p: (f"min({p[0][0]},{p[1][0]})", min(p[0][1], p[1][1]))),
        pairs.map(lambda p: (f"max( {p[0][0]} , {p[1][0]} )", max(p[0][1], p[1][1]))),
        inner.map(lambda e: (f"abs({e[0]})", abs(e[1]))),
        inner.map(lambda e: (f"floor({e[0]})", math.floor(e[1]))),
        inner.map(lambda e: (f"ceil({e[0]})", math.ceil(e[1]))),
        inner.map(lambda e: (f"-({e[0]})", -e[1])),
        inner.map(lambda e: (f"sqrt(abs({e[0]}))", math.sqrt(abs(e[1])))),
    )


@given(st.recursive(numbers, combined, max_leaves=8))
def test_an_expression_means_what_arithmetic_says(expression):
    text, value = expression
    assert evaluate(text, RETRIED) == max(0, min(DAY_MS, round(value)))


@given(st.lists(st.integers(1, 9), min_size=2, max_size=12), st.data())
def test_products_bind_tighter_than_sums_from_left_to_right(operands, data):
    """Python's own grammar is the second opinion: no parentheses here."""
    text = "9999"
    for operand in operands:
        text += data.draw(st.sampled_from("+-*/")) + str(operand)
    assert evaluate(text, 0) == max(0, min(DAY_MS, round(eval(text))))


@pytest.mark.parametrize(
    ("text", "retried", "milliseconds"),
    [
        ("1000", 0, 1000),
        ("1000 * (1 + retried)", 2, 3000),
        ("pow(2, retried) * 1000", 5, 32_000),
        ("max(1000, pow(2, retried) * 100)", 1, 1000),
        ("7000 * retried", 0, 0),
        ("exp(2.5 * (retried+1)) * 1000", 0, 12_182),
        ("round(2.5)", 0, 3),
        ("1000. + .5*10", 0, 1005),
        ("--1000", 0, 1000),
        ("-1", 0, 0),
        ("0/0", 0, 0),
        ("1/0", 0, DAY_MS),
        ("sqrt(-1)", 0, 0),
        ("pow(10, 10000)", 0, DAY_MS),
        ("exp(exp(exp(9)))", 0, DAY_MS),
        ("floor(1/0)", 0, DAY_MS),
        ("999999999999", 0, DAY_MS),
    ],
)
def test_known_values(text, retried, milliseconds):
    assert evaluate(text, retried) == milliseconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "()",
        "1 2",
        "1 +",
        "retries",
        "pow(2)",
        "pow(1,2,3)",
        "sin(1)",
        "(1,2)",
        "1,2",
        "((1)",
        "1)",
        "0x10",
        "__import__('os').system('true')",
        "1;2",
        "1e3",
        "a.b",
        "[1]",
        "1" * 600,
        "(" * 100 + "1" + ")" * 100,
        "ｒetried",
        "٣",
    ],
)
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(ValueError):
        evaluate(text, 0)


@given(st.text(alphabet="0123456789.+-*/(), retidpowmaxe", max_size=60))
def test_no_text_breaks_the_parser(text):
    """Whatever is typed, there is a wait from 0 to a day or a ValueError."""
    with suppress(ValueError):
        assert 0 <= evaluate(text, 1) <= DAY_MS
