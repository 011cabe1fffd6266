"""The equations that equality of two layers puts on their coefficients, lag by lag.

Two layers with one input agree exactly when their Markov parameters do: `M_A(i, j) = M_B(i, j)`.
At lag l that is an identity in the free signals of the tokens 0 ... l; its coefficients, in the
signals that are not free, must vanish.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

from ..derivation.derive import derive
from ..derivation.realize import Realization, realize, symbol
from ..errors import LanguageError, NotAffine, UnknownName
from ..language.evaluate import Sizes, shape_of
from ..language.layer import Layer, Signal
from ..language.tensor import Input, Tensor
from ..language.ties import parse_tie

HIGHEST = 4
Expression = Any
"""A SymPy expression; SymPy is imported only when one is made."""


@dataclass(frozen=True)
class Entry:
    """What a symbol stands for: an entry of a signal, at a time unless it is a constant."""

    signal: Signal
    index: tuple[int, ...]
    time: int | None


@dataclass(frozen=True)
class Expansion:
    """A coefficient of a power series in a free entry, others put to zero; of logarithms or not."""

    x: Expression
    zero: tuple[Expression, ...]
    order: int
    log: bool


@dataclass(frozen=True)
class Equation:
    """`value = 0`: the coefficient of a monomial in free entries, in one entry of the difference.

    row, column: the positions in y_lag and u_0. expansion: where a free entry is inside a function.
    """

    lag: int
    row: int
    column: int
    monomial: tuple[tuple[Expression, int], ...]
    value: Expression
    expansion: Expansion | None = None


@dataclass(frozen=True)
class System:
    """Two layers over common signals, of which some are free: the equations of their equality.

    bound: the names of the signals that conditions may tie; all others are free.
    """

    a: Layer
    b: Layer
    sizes: Sizes
    bound: tuple[str, ...]

    @cached_property
    def signals(self) -> dict[str, Signal]:
        """Tokens and constants of both layers."""
        return {s.name: s for x in (self.a, self.b) for s in x.signals if s.kind != "state"}

    def symbol(self, name: str, index: tuple[int, ...], time: int | None) -> Expression:
        """The symbol of an entry at a time; constants have none."""
        signal = self.signals[name]
        return symbol(self.a, signal, index, None if signal.kind == "constant" else time)

    def entries(self, times: Sequence[int]) -> dict[Expression, Entry]:
        """Every symbol of the signals at these times."""
        out = {}
        for s in self.signals.values():
            for index in product(*map(range, shape_of(s.dims, self.sizes))):
                for time in times if s.kind == "token" else [None]:
                    out[self.symbol(s.name, index, time)] = Entry(s, index, time)
        return out

    @cached_property
    def _realized(self) -> tuple[Realization, Realization]:
        return tuple(realize(derive(x), self.sizes) for x in (self.a, self.b))  # type: ignore[return-value]

    def require_linear(self) -> None:
        """Refuse layers without a common carried input, or whose output has a part without it."""
        if self.a.input_name != self.b.input_name or self.a.input_name is None:
            raise LanguageError(
                f"{self.a.name} carries {self.a.input_name or 'no input'}, {self.b.name} "
                f"{self.b.input_name or 'no input'} (@layer(carried=...) names it): "
                "conditions are derived for two layers with one carried input"
            )
        for x, made in zip((self.a, self.b), self._realized, strict=True):
            apart = any(not part.is_zero_matrix for part in made.remainder(0))
            if made.space.u is None or apart or x.start:
                raise NotAffine(
                    f"{x.name}: part of its output does not come from {x.input_name}, and its "
                    "Markov parameters do not tell that part"
                )

    def at_lag(self, lag: int) -> list[Equation]:
        """The coefficients of `M_A(lag, 0) - M_B(lag, 0)` in the free signals, equal ones once."""
        left, right = (x.markov(lag, 0) for x in self._realized)
        entries = self.entries(range(lag + 1))
        free = [x for x, e in entries.items() if e.signal.name not in self.bound]
        found: dict[Expression, Equation] = {}
        for row, column in product(range(left.rows), range(left.cols)):
            x, y = left[row, column], right[row, column]
            for expansion, cell in _polynomials(x, y, free):
                for monomial, c in _coefficients(cell, free):
                    if c != 0:
                        found.setdefault(c, Equation(lag, row, column, monomial, c, expansion))
        return list(found.values())


def _polynomials(
    left: Expression, right: Expression, free: list[Expression]
) -> Iterator[tuple[Expansion | None, Expression]]:
    """The difference, or where it is no polynomial in free entries, coefficients of its series."""
    import sympy

    difference = sympy.expand(left - right)
    opaque = tuple(s for s in free if difference.has(s) and not difference.is_polynomial(s))
    if not opaque:
        yield None, difference
        return
    top, bottom = sympy.fraction(sympy.together(difference))
    if top.is_polynomial(*opaque) and bottom.is_polynomial(*opaque):
        yield None, sympy.expand(top)
        return
    # Over one denominator 1 - 1 / (1 + e^x) is seen to be positive.
    left, right = (
        z.replace(lambda e: e.is_Add, lambda e: sympy.factor(sympy.together(e)))
        for z in (left, right)
    )
    alone = not any(difference.has(s) for s in free if s not in opaque)
    log = bool(alone and left.is_positive and right.is_positive)
    if log:
        difference = sympy.expand_log(sympy.log(left) - sympy.log(right), force=True)
    for x in opaque:
        zero = tuple(s for s in opaque if s != x)
        series = difference.subs(dict.fromkeys(zero, 0))
        for order in range(HIGHEST + 1):
            value = sympy.expand(series.subs(x, 0) / sympy.factorial(order))
            yield Expansion(x, zero, order, log), value
            series = sympy.diff(series, x)


def _coefficients(
    x: Expression, free: list[Expression]
) -> Iterator[tuple[tuple[tuple[Expression, int], ...], Expression]]:
    """Monomials of a polynomial in the free symbols, each with its coefficient; else NotAffine."""
    import sympy

    own = [s for s in free if x.has(s)]
    if not own:
        yield (), x
        return
    try:
        for powers, c in sympy.Poly(x, *own).terms():
            yield tuple((s, p) for s, p in zip(own, powers, strict=True) if p), c
    except sympy.PolynomialError:
        raise NotAffine(
            "the difference of the Markov parameters is no polynomial in "
            f"{', '.join(map(str, own))}"
        ) from None


def default_bound(a: Layer, b: Layer) -> tuple[str, ...]:
    """The signals that conditions tie unless others are named: weights, gates and steps."""
    names: dict[str, None] = {}
    for x in (a, b):
        for s in x.signals:
            free = s.domain.unit or str(s.domain) == "real"
            if s.kind == "constant" or (s.kind == "token" and not free):
                names[s.name] = None
    return tuple(names)


def require_known(bound: Sequence[str], a: Layer, b: Layer) -> None:
    """Refuse a name that is no token or constant of either layer."""
    known = {s.name for x in (a, b) for s in x.signals if s.kind != "state"}
    for name in bound:
        if name not in known:
            raise UnknownName(f"no signal {name!r} in {a.name} or {b.name}; known: {sorted(known)}")


def graph(x: Expression, names: dict[Expression, str]) -> Tensor:
    """An expression over entries as a graph over inputs of these names."""
    import sympy

    plain = {s: sympy.Symbol(f"x{i}_") for i, s in enumerate(names)}
    inputs = {str(plain[s]): Input(name, ()) for s, name in names.items()}
    return parse_tie(str(x.xreplace(plain)), inputs, call=f"the condition {x}")
