"""Branches: relu, elu and the unit step at a point whose signs are given, one letter a sector.

A letter answers questions "sign of ..." with -1 or 1, and with 0 where the layer has a unit step,
which jumps there. On the letter of 0 the argument is put to zero by solving for one entry; where it
cannot be solved the letter holds more points than it should, which can prove nothing false.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .poly import Frac, Monomial, Poly, common_factor, divided, frac
from .universe import Universe

Named = tuple[tuple[Fraction, tuple[tuple[str, int], ...]], ...]
"""A polynomial in entries by name: what an entry is on a letter."""

Letter = dict[str, Any]
"""Answers by question, -1, 0 or 1, and what entries are by name, as `Named`."""


def is_named(x: int | Named) -> bool:
    """Whether this part of a letter says what an entry is, and is no answer."""
    return isinstance(x, tuple)


def named(value: Fraction) -> Named:
    """A number as a polynomial in entries."""
    return ((value, ()),) if value else ()


class Fork(Exception):
    """A sign that a letter has yet to choose; `answers` are what each choice adds to the letter."""

    def __init__(self, question: str, answers: tuple[Letter, ...]) -> None:
        super().__init__(question)
        self.answers = answers


@dataclass(frozen=True)
class Branched:
    """The scalars of a universe on one letter.

    jumps: whether the layers have a unit step, so that a sign may also be 0.
    """

    universe: Universe
    letter: Mapping[str, Any]
    jumps: bool = False

    def number(self, value: Fraction) -> Frac:
        """A rational number as a scalar."""
        return self.universe.number(value)

    def is_zero(self, x: Frac) -> bool:
        """Whether x vanishes identically."""
        return self.universe.is_zero(x)

    def function(self, name: str, x: Frac) -> Frac:
        """A scalar function in terms of generators; Fork where a sign is missing."""
        if name == "elu":
            positive = self.function("relu", x)
            return positive + self.universe.exp(x - positive) - frac(1)
        if name == "relu":
            return x if self._sign(x, weak=True) > 0 else frac(0)
        if name == "step":
            return frac(1) if self._sign(x, weak=False) > 0 else frac(0)
        return self.universe.function(name, x)

    def _sign(self, x: Frac, *, weak: bool) -> int:
        """The sign of x, from those of its factors.

        weak: where x vanishes either sign will do, so that squares and roots ask nothing.
        """
        known = self.universe.variables
        square = Frac(x.num if x.den.is_one() else x.num * x.den)
        if self.universe.is_zero(square):
            return 0
        common = common_factor(square.num.terms)
        sign = 1
        for v, power in common:
            if weak and (power % 2 == 0 or known[v].positive):
                continue
            if not self.universe.certainly_positive(Frac(Poly({((v, 1),): 1}))):
                part = self._answer(Poly({((v, 1),): 1}), positive=known[v].positive)
                sign *= part**power
        return sign * self._rest(divided(square.num, common))

    def _rest(self, x: Poly) -> int:
        for sign in (1, -1):
            if self.universe.certainly_positive(Frac(x.scale(sign))):
                return sign
        # In the order of names, so that the question does not depend on the order of appearance.
        order = sorted(x.variables(), key=self.universe.name)
        terms = {tuple(sorted((order.index(v), e) for v, e in m)): c for m, c in x.terms.items()}
        lead = Fraction(min(terms.items())[1])
        return (1 if lead > 0 else -1) * self._answer(x.scale(1 / lead), positive=False)

    def _answer(self, x: Poly, *, positive: bool) -> int:
        order = sorted(x.variables(), key=self.universe.name)
        names = [self.universe.name(v) for v in order]
        terms = {tuple(sorted((order.index(v), e) for v, e in m)): c for m, c in x.terms.items()}
        question = f"sign of {Poly(terms).show(names.__getitem__)}"
        if question not in self.letter:
            answers = [1] if positive else [-1, 1]
            found: list[Letter] = [{question: a} for a in answers]
            if self.jumps:
                found.insert(len(found) - 1, {question: 0} | self._solved(x))
            raise Fork(question, tuple(found))
        return int(self.letter[question])

    def _solved(self, x: Poly) -> Letter:
        """What one entry of a token is where x is zero, or {} where x is not solved so."""
        known = self.universe.variables
        if any(known[v].kind != "entry" for v in x.variables()):
            return {}
        for v in sorted(x.variables(), key=lambda v: (known[v].positive, known[v].name)):
            lead = x.terms.get(((v, 1),))
            own = [m for m in x.terms if any(w == v for w, _ in m)]
            if known[v].constant or lead is None or len(own) > 1:
                continue
            rest = [(m, -Fraction(c) / Fraction(lead)) for m, c in x.terms.items() if m not in own]
            return {known[v].name: tuple((c, self._names(m)) for m, c in rest)}
        return {}

    def _names(self, m: Monomial) -> tuple[tuple[str, int], ...]:
        return tuple((self.universe.name(v), e) for v, e in m)
