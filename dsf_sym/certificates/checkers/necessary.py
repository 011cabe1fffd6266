"""Check that equal outputs force relations between weights and tokens: the "only if" of conditions.

Each relation comes from one coefficient of the difference of two Markov parameters, which vanishes
where the layers agree for all values of the free signals. With the earlier relations put in, the
coefficient, or the logarithm of the quotient of its two terms, is `slope · x + rest` in the entry x
or in log x, its slope has no zero on the domain, and the stated value of x is the one zero. What is
found at a place of a window of tokens holds at that place of every window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...arithmetic.poly import Frac, Poly, frac
from ...automata.automaton import entry_name
from ...errors import Rejected
from ...language.evaluate import Sizes
from ...language.layer import Layer
from ...language.spec import deserialise
from ...language.tensor import Tensor, text
from .window import Index, Window, require_at_rest, require_comparable


@dataclass(frozen=True)
class Known:
    """`entry = value` of the token `time` of every window of lag + 1 tokens.

    older: the value reads the token after it; else the token itself.
    """

    name: str
    index: Index
    older: bool
    value: Tensor
    lag: int
    time: int

    @staticmethod
    def read(row: Mapping[str, Any], bound: list[str]) -> Known:
        """A relation as data."""
        name, older = str(row["signal"]), bool(row["older"])
        lag, time = int(row["lag"]), int(row["time"])
        if name not in bound:
            raise Rejected(f"{name} is free, and no relation may tie it")
        if not 0 <= time <= lag - older:
            raise Rejected(f"there is no token {time} at lag {lag}")
        value = deserialise(row["value"])["value"]
        if value.dims:
            raise Rejected(f"the value of {name} is no scalar")
        return Known(name, tuple(map(int, row["index"])), older, value, lag, time)

    def times(self, lag: int) -> range:
        """Where it holds in a window of another lag."""
        return range(self.time, lag - self.lag + self.time + 1)

    def __str__(self) -> str:
        """The relation, and at which tokens it holds."""
        place = f"of the {'last' if self.time else 'first'} of {self.lag + 1} tokens"
        before = " before" if self.older else ""
        said = f"{entry_name(self.name, self.index)}{before} = {text(self.value)}"
        return said if self.older or not self.lag else f"{said} {place}"


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """Every step of the derivation, in order."""
    sizes: Sizes = {str(k): int(v) for k, v in data["sizes"].items()}
    bound = [str(x) for x in data["bound"]]
    require_comparable(layers, bound)
    # Then a window that follows tokens without an input is like the first one.
    require_at_rest(Window(layers, sizes, bound, 1))
    known: list[Known] = []
    for at, row in enumerate(data["steps"]):
        relation = Known.read(row, bound)
        try:
            _Derivation(Window(layers, sizes, bound, relation.lag + 1), known).require(
                row, relation
            )
        except Rejected as error:
            raise Rejected(f"step {at}, {relation}: {error}") from None
        known.append(relation)
    at_sizes = ", ".join(f"{k}={v}" for k, v in sizes.items())
    if "never" in data:
        row = data["never"]
        _Derivation(Window(layers, sizes, bound, int(row["lag"]) + 1), known).contradict(row)
        return f"{layers[0].name} and {layers[1].name} are equal at {at_sizes} for no {bound}"
    if not known:
        raise Rejected("no relation is derived")
    shown = "; ".join(map(str, known))
    return f"{layers[0].name} = {layers[1].name} at {at_sizes} only if {shown}"


class _Derivation:
    """One window of tokens, with the relations known so far put in."""

    def __init__(self, window: Window, known: list[Known]) -> None:
        self.window, self.universe = window, window.universe
        lag = window.length - 1
        # A relation reads no entry that an earlier one replaced, so the last one goes first.
        now = [k for k in reversed(known) if not k.older]
        for relation in [*now, *(k for k in known if k.older), *now]:
            for t in reversed(relation.times(lag)):
                value = self._value(relation, t)
                window.tokens[t][relation.name].entries[relation.index] = value

    def require(self, row: Mapping[str, Any], relation: Known) -> None:
        """The coefficient that the row names vanishes exactly where the relation holds."""
        constant = self.window.signals[relation.name].kind == "constant"
        x = self.window.own[relation.name, relation.index, None if constant else relation.time]
        value = self._value(relation, relation.time)
        coefficient = self._coefficient(row)
        if not any(self._forces(y, x, value) for y in self._readings(coefficient)):
            raise Rejected("the coefficient does not force it")

    def contradict(self, row: Mapping[str, Any]) -> None:
        """The coefficient that the row names has no zero on the domain."""
        coefficient = Frac(self._coefficient(row))
        if not any(self.universe.certainly_positive(x) for x in (coefficient, -coefficient)):
            raise Rejected("the last coefficient is not shown to have no zero")

    def _value(self, relation: Known, time: int) -> Frac:
        """The value of a relation; of a constant it reads constants."""
        signals = self.window.signals
        constant = signals[relation.name].kind == "constant"
        names = [n for n, s in signals.items() if s.kind == "constant" or not constant]
        at = 0 if constant else time + relation.older
        return self.window.value(relation.value, self.window.entries(at, names))

    def _coefficient(self, row: Mapping[str, Any]) -> Poly:
        """A monomial's coefficient in an entry of the difference of the two responses."""
        impulse, output = (tuple(map(int, row[key])) for key in ("input", "output"))
        left, right = (
            self.window.response(x, impulse).entries.get(output, frac(0))
            for x in self.window.layers
        )
        wanted = {(str(n), tuple(map(int, i)), t): int(p) for n, i, t, p in row["monomial"]}
        at = {v: key for key, x in self.window.own.items() for v in x.variables()}
        for monomial, coefficient in self.window.coefficients(left - right).items():
            if {at[v]: e for v, e in monomial} == wanted:
                return coefficient
        return Poly({})

    def _readings(self, coefficient: Poly) -> Iterator[Frac]:
        """The coefficient, and for `p - q` with positive terms log p - log q, zero where it is."""
        yield Frac(coefficient)
        if len(coefficient.terms) == 2:
            parts = [Frac(Poly({m: c})) for m, c in coefficient.terms.items()]
            for p, q in (parts, parts[::-1]):
                if self.universe.certainly_positive(p) and self.universe.certainly_positive(-q):
                    yield self.universe.log(p) - self.universe.log(-q)

    def _forces(self, y: Frac, x: Frac, value: Frac) -> bool:
        """Whether y vanishes exactly where `x = value`."""
        certain = self.universe.certainly_positive
        candidates = [(x, value)]
        if certain(x) and certain(value):
            candidates.append((self.universe.log(x), self.universe.log(value)))
        for unknown, zero in candidates:
            sign = next((s for s in (1, -1) if (unknown * frac(s)).variable() is not None), 0)
            if not sign:
                continue
            (v,) = unknown.variables()
            slope, rest = _linear(y.num, v)
            others = slope.variables() | rest.variables() | y.den.variables()
            if not slope or any(v in self.window.reads(u) for u in others):
                continue
            steep = any(certain(Frac(s)) for s in (slope, -slope))
            root = Frac(slope) * zero * frac(sign) + Frac(rest)
            if steep and self.universe.is_zero(root):
                return True
        return False


def _linear(x: Poly, v: int) -> tuple[Poly, Poly]:
    """`x = slope · v + rest`; slope 0 where v enters otherwise."""
    slope, rest = Poly({}), Poly({})
    for m, c in x.terms.items():
        power = dict(m).get(v, 0)
        if power > 1:
            return Poly({}), x
        part = Poly({tuple((w, e) for w, e in m if w != v): c})
        slope, rest = (slope + part, rest) if power else (slope, rest + part)
    return slope, rest
