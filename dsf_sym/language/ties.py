"""The language of ties: text such as `k = 1 - alpha`, read by a parser of its own, never evaluated.

Expressions have + - * / @ **, parentheses, numbers, signal names and the functions of the step
language. Anything else is refused with the place where reading stopped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from typing import TYPE_CHECKING

from ..errors import LanguageError, UnknownName
from . import functions as f
from . import tensor as t
from .graph import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|([A-Za-z_][A-Za-z_0-9]*)|(\*\*|[-+*/@(),]))")
_UNARY: dict[str, Callable[[object], t.Tensor]] = {
    "exp": f.exp,
    "log": f.log,
    "sigmoid": f.sigmoid,
    "tanh": f.tanh,
    "softplus": f.softplus,
    "sqrt": f.sqrt,
    "cos": f.cos,
    "sin": f.sin,
    "step": f.step,
    "relu": f.relu,
    "elu": f.elu,
    "diag": f.diag,
    "sum": f.sum,
}
_BINARY: dict[str, Callable[[object, object], t.Tensor]] = {
    "outer": f.outer,
    "scale": f.scale,
    "maximum": f.maximum,
    "minimum": f.minimum,
}
LONGEST = 2000
HIGHEST = 200


def parse_tie(source: str, names: Mapping[str, t.Tensor], *, call: str) -> t.Tensor:
    """The tensor that `source` writes over the named signals.

    call: what the user typed, for messages. Raises LanguageError and UnknownName.
    """
    if len(source) > LONGEST:
        raise LanguageError(f"{call[:60]}...: a tie has at most {LONGEST} characters")
    return _Reader(_tokens(source, call), names, source, call).whole()


def _tokens(source: str, call: str) -> list[tuple[str, int]]:
    out, at = [], 0
    source = source.rstrip()
    while at < len(source):
        found = _TOKEN.match(source, at)
        if found is None:
            raise LanguageError(_stopped(source, at, call, "this is not part of an expression"))
        out.append((found.group().strip(), found.end() - len(found.group().lstrip())))
        at = found.end()
    return [*out, ("", len(source))]


def _stopped(source: str, at: int, call: str, why: str) -> str:
    return f"{call}: {why}\n  {source}\n  {' ' * at}^"


@dataclass
class _Reader:
    tokens: list[tuple[str, int]]
    names: Mapping[str, t.Tensor]
    source: str
    call: str
    at: int = 0
    depth: int = 0

    def whole(self) -> t.Tensor:
        value = self.sum()
        if self.tokens[self.at][0]:
            raise self.error("an operator was expected here")
        return value

    def error(self, why: str) -> LanguageError:
        return LanguageError(_stopped(self.source, self.tokens[self.at][1], self.call, why))

    def take(self, *wanted: str) -> str:
        token = self.tokens[self.at][0]
        if token and token in wanted:
            self.at += 1
            return token
        return ""

    def sum(self) -> t.Tensor:
        self.depth += 1
        if self.depth > 50:
            raise self.error("too many nested parentheses")
        value = -self.product() if self.take("-") else self.product()
        while sign := self.take("+", "-"):
            value = value + self.product() if sign == "+" else value - self.product()
        self.depth -= 1
        return value

    def product(self) -> t.Tensor:
        value = self.power()
        while sign := self.take("*", "/", "@"):
            right = self.power()
            value = (
                value * right if sign == "*" else value / right if sign == "/" else value @ right
            )
        return value

    def power(self) -> t.Tensor:
        base = self.atom()
        if not self.take("**"):
            return base
        sign = -1 if self.take("-") else 1
        token = self.tokens[self.at][0]
        if not token.isdigit() or len(token) > 2:
            raise self.error("a power is a whole number below 100")
        if _degree(base) * int(token) > HIGHEST:
            raise self.error(f"powers of powers come to {HIGHEST} at most")
        self.at += 1
        return base ** (sign * int(token))

    def atom(self) -> t.Tensor:
        token = self.tokens[self.at][0]
        if self.take("("):
            value = self.sum()
            self.close()
            return value
        if self.take("-"):
            self.depth += 1
            if self.depth > 50:
                raise self.error("too many signs in a row")
            value = -self.power()
            self.depth -= 1
            return value
        if token[:1].isdigit():
            self.at += 1
            return t.Number(Fraction(token))
        if not token[:1].isidentifier():
            raise self.error("a number, a signal or a function was expected here")
        if self.tokens[self.at + 1][0] == "(":
            return self.application(token)
        if token not in self.names:
            near = get_close_matches(token, list(self.names), n=3, cutoff=0.4)
            raise UnknownName(
                f"{self.call}: no signal {token!r}; "
                + (f"did you mean {' or '.join(near)}?" if near else f"known: {_list(self.names)}")
            )
        self.at += 1
        return self.names[token]

    def application(self, name: str) -> t.Tensor:
        if name not in _UNARY and name not in _BINARY:
            raise self.error(f"no function {name!r}; known: {', '.join([*_UNARY, *_BINARY])}")
        self.at += 2
        first = self.sum()
        if name in _UNARY:
            self.close()
            return _UNARY[name](first)
        if not self.take(","):
            raise self.error(f"{name} takes two arguments")
        second = self.sum()
        self.close()
        return _BINARY[name](first, second)

    def close(self) -> None:
        if not self.take(")"):
            raise self.error('")" was expected here')


def _degree(x: t.Tensor) -> int:
    """The number of factors when every product below is written out; long numbers count more."""
    degree: dict[t.Tensor, int] = {}
    for node in walk(x):
        below = [degree[child] for child in node.children]
        if isinstance(node, t.Number):
            below = [1 + (node.value.numerator * node.value.denominator).bit_length() // 64]
        degree[node] = sum(below) if isinstance(node, t.Product) else max(below, default=1)
    return degree[x]


def _list(names: Mapping[str, t.Tensor]) -> str:
    return ", ".join(names) or "none"
