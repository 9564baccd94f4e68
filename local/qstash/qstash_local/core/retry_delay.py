"""`Upstash-Retry-Delay`: arithmetic over the number of retries so far, by a small recursive-descent parser.

    sum      = product (("+" | "-") product)*
    product  = factor (("*" | "/") factor)*
    factor   = ("+" | "-")* (number | "retried" | name "(" sum ("," sum)* ")" | "(" sum ")")

The expression is computed while it is read: texts are short, and nothing has to be kept between retries.
"""

import math
import re
from collections.abc import Callable

_LONGEST = 512
_DEEPEST = 24
_MAX_MS = 86_400_000
_TOKEN = re.compile(r"\s*(?:([0-9]+(?:\.[0-9]*)?|\.[0-9]+)|([A-Za-z]+)|([-+*/(),]))")


def _power(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan


def _exp(exponent: float) -> float:
    try:
        return math.exp(exponent)
    except OverflowError:
        return math.inf


def _sqrt(number: float) -> float:
    return math.sqrt(number) if number >= 0 else math.nan


def _round(number: float) -> float:
    # Half away from zero, as in Go; Python's own rounds half to even.
    return math.copysign(math.floor(abs(number) + 0.5), number) if math.isfinite(number) else number


def _floor(number: float) -> float:
    return float(math.floor(number)) if math.isfinite(number) else number


def _ceil(number: float) -> float:
    return float(math.ceil(number)) if math.isfinite(number) else number


def _quotient(dividend: float, divisor: float) -> float:
    if divisor:
        return dividend / divisor
    return math.nan if not dividend or math.isnan(dividend) else math.copysign(math.inf, dividend)


def _least(one: float, other: float) -> float:
    return min(one, other)


def _greatest(one: float, other: float) -> float:
    return max(one, other)


_FUNCTIONS: dict[str, tuple[int, Callable[..., float]]] = {
    "pow": (2, _power),
    "exp": (1, _exp),
    "sqrt": (1, _sqrt),
    "abs": (1, math.fabs),
    "floor": (1, _floor),
    "ceil": (1, _ceil),
    "round": (1, _round),
    "min": (2, _least),
    "max": (2, _greatest),
}


class _Reader:
    """One pass over one expression."""

    def __init__(self, text: str, retried: int) -> None:
        self._tokens = _tokens(text)
        self._position = 0
        self._retried = float(retried)
        self._depth = 0

    def whole(self) -> float:
        value = self._sum()
        if self._position < len(self._tokens):
            raise ValueError(f"unexpected {self._tokens[self._position]!r}")
        return value

    def _take(self, *wanted: str) -> str | None:
        if self._position < len(self._tokens) and self._tokens[self._position] in wanted:
            self._position += 1
            return self._tokens[self._position - 1]
        return None

    def _expect(self, token: str) -> None:
        if self._take(token) is None:
            raise ValueError(f"{token!r} is missing")

    def _sum(self) -> float:
        value = self._product()
        while sign := self._take("+", "-"):
            term = self._product()
            value = value + term if sign == "+" else value - term
        return value

    def _product(self) -> float:
        value = self._factor()
        while operator := self._take("*", "/"):
            factor = self._factor()
            value = value * factor if operator == "*" else _quotient(value, factor)
        return value

    def _factor(self) -> float:
        sign = 1.0
        while operator := self._take("+", "-"):
            sign = -sign if operator == "-" else sign
        return sign * self._operand()

    def _operand(self) -> float:
        if self._position >= len(self._tokens):
            raise ValueError("the expression ends too early")
        token = self._tokens[self._position]
        self._position += 1
        if token == "(":  # noqa: S105
            return self._group()
        if token[0].isdigit() or token[0] == ".":
            return float(token)
        if token == "retried":  # noqa: S105
            return self._retried
        if token not in _FUNCTIONS:
            raise ValueError(f"{token!r} is neither a number, 'retried' nor a known function")
        self._expect("(")
        arity, function = _FUNCTIONS[token]
        arguments = self._nested()
        if len(arguments) != arity:
            raise ValueError(f"{token} takes {arity} argument(s)")
        return function(*arguments)

    def _group(self) -> float:
        values = self._nested()
        if len(values) != 1:
            raise ValueError("a comma outside a function")
        return values[0]

    def _nested(self) -> list[float]:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ValueError(f"more than {_DEEPEST} nested parentheses")
        values = [self._sum()]
        while self._take(","):
            values.append(self._sum())
        self._expect(")")
        self._depth -= 1
        return values


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"unexpected character {text[position:].strip()[:1]!r}")
        tokens.append(match[0].strip())
        position = match.end()
    return tokens


def evaluate(expression: str, retried: int) -> int:
    """Return the wait in milliseconds before the retry after ``retried`` earlier ones, from 0 to one day.

    Raises:
        ValueError: the expression is not valid; the text says where.
    """
    if len(expression) > _LONGEST:
        raise ValueError(f"more than {_LONGEST} characters")
    value = _Reader(expression, retried).whole()
    if math.isnan(value) or value <= 0:
        return 0
    return _MAX_MS if value >= _MAX_MS else round(value)
