"""Scalars with functions: entries are variables, each independent exp or log a generator.

Functions are brought to exponentials, logarithms and square roots; an exponent is split into its
terms, exp(a + b) = exp(a) exp(b), and each remaining exp, log or sqrt becomes one new variable.
Treating generators as unknowns is sound for identities; a difference between them is a candidate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from .poly import ONE, Frac, Monomial, Poly, constant, frac, variable

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Mapping

PRIME = (1 << 61) - 1


@dataclass(frozen=True)
class Variable:
    """One unknown: kind is entry, sign, exp, log or sqrt; constants are drawn once for a sequence.

    square: for sign and sqrt, the polynomial whose root this is.
    """

    name: str
    kind: str
    constant: bool
    positive: bool
    square: Poly | None = None
    exponent: Frac | None = None


class Fork(Exception):
    """The sign of an argument of relu that a letter has yet to choose."""

    def __init__(self, question: str) -> None:
        super().__init__(question)
        self.question = question


@dataclass(frozen=True)
class Branched:
    """The scalars of a universe on one letter, which says the sign of every argument of relu."""

    universe: Universe
    letter: Mapping[str, int]

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
        if name != "relu":
            return self.universe.function(name, x)
        sign, questions = self.universe.sign_of(x)
        for question in questions:
            if question not in self.letter:
                raise Fork(question)
            sign *= self.letter[question]
        return x if sign > 0 else frac(0)


@dataclass
class Universe:
    """The variables of one comparison, handed out in order of appearance."""

    variables: list[Variable] = field(default_factory=list)
    _index: dict[tuple[object, ...], int] = field(default_factory=dict)

    def entry(self, name: str, *, constant: bool, positive: bool) -> Frac:
        """The variable of one entry of a signal, as a scalar."""
        return Frac(
            variable(self._intern(("entry", name), Variable(name, "entry", constant, positive)))
        )

    def sign(self, name: str) -> Frac:
        """A constant that is 1 or -1: a root of 1."""
        new = Variable(name, "sign", True, False, square=ONE)
        return Frac(variable(self._intern(("entry", name), new)))

    def _intern(self, key: tuple[object, ...], new: Variable) -> int:
        if key not in self._index:
            self._index[key] = len(self.variables)
            self.variables.append(new)
        return self._index[key]

    def name(self, v: int) -> str:
        """The variable's name in messages and certificates."""
        return self.variables[v].name

    def show(self, x: Frac) -> str:
        """A scalar as text."""
        top = x.num.show(self.name)
        return top if x.den.is_one() else f"({top}) / ({x.den.show(self.name)})"

    # The ring that sparse arrays compute in.

    def number(self, value: Fraction) -> Frac:
        """A rational number as a scalar."""
        return frac(value.numerator if value.denominator == 1 else value)

    def is_zero(self, x: Frac) -> bool:
        """Whether x vanishes identically, squares of roots replaced by their radicands."""
        return not x.num or not self.reduce(x.num)

    def function(self, name: str, x: Frac) -> Frac:
        """A scalar function in terms of generators."""
        one = frac(1)
        if name == "inverse":
            return x.inverse()
        if name == "exp":
            return self.exp(x)
        if name == "log":
            return self.log(x)
        if name == "sqrt":
            return self.sqrt(x)
        if name == "softplus":
            return self.log(one + self.exp(x))
        if name == "sigmoid":
            e = self.exp(x)
            return e * (one + e).inverse()
        if name == "tanh":
            e = self.exp(x + x)
            return (e - one) * (e + one).inverse()
        raise AssertionError(name)

    def sign_of(self, x: Frac) -> tuple[int, tuple[str, ...]]:
        """The sign of x as a number times the answers to questions "sign of ...", one a factor.

        Factors whose coefficients and variables tell their sign ask nothing.
        """
        square = x.num if x.den.is_one() else x.num * x.den
        if not square:
            return 1, ()
        common = _common(square.terms)
        rest = _divide(square, common)
        questions = [
            f"sign of {self.name(v)}"
            for v, power in common
            if power % 2 and not self.variables[v].positive
        ]
        if self._positive(rest) or self._positive(-rest):
            return (1 if self._positive(rest) else -1), tuple(questions)
        # In the order of names, so that the question does not depend on the order of appearance.
        order = {v: i for i, v in enumerate(sorted(rest.variables(), key=self.name))}
        named = {tuple(sorted((order[v], e) for v, e in m)): c for m, c in rest.terms.items()}
        lead = Fraction(min(named.items())[1])
        names = sorted(map(self.name, order))
        questions.append(f"sign of {Poly(named).scale(1 / lead).show(names.__getitem__)}")
        return (1 if lead > 0 else -1), tuple(questions)

    # Functions.

    def exp(self, x: Frac) -> Frac:
        """exp, one factor for each term of the exponent."""
        out = frac(1)
        for m, c in x.num.terms.items():
            out = out * self._exp_term(m, Fraction(c), x.den)
        return out

    def _exp_term(self, m: Monomial, c: Fraction, den: Poly) -> Frac:
        if den.is_one() and len(m) == 1 and m[0][1] == 1 and c.denominator == 1:
            base = self.variables[m[0][0]]
            if base.kind == "log" and base.exponent is not None:
                return _power(base.exponent, int(c))
        term = Frac(Poly({m: Fraction(1, c.denominator)}), den)
        new = Variable(f"exp({self.show(term)})", "exp", self._constant(term), True, exponent=term)
        v = self._intern(("exp", m, c.denominator, den), new)
        return _power(Frac(variable(v)), c.numerator)

    def log(self, x: Frac) -> Frac:
        """log, split over quotients and products whose parts are positive by their signs."""
        if not (self._positive(x.num) and self._positive(x.den)):
            return self._log_atom(x)
        return self._log_poly(x.num) - self._log_poly(x.den)

    def _log_poly(self, x: Poly) -> Frac:
        common = _common(x.terms)
        content = min((abs(Fraction(c)) for c in x.terms.values()), default=Fraction(1))
        total = frac(0) if content == 1 else self._log_atom(frac(content))
        for v, power in common:
            known = self.variables[v]
            one = known.exponent if known.kind == "exp" else None
            log_v = one if one is not None else self._log_atom(Frac(variable(v)))
            total = total + log_v * frac(power)
        rest = _divide(x, common).scale(1 / content)
        return total if rest.is_one() else total + self._log_atom(Frac(rest))

    def _log_atom(self, x: Frac) -> Frac:
        new = Variable(f"log({self.show(x)})", "log", self._constant(x), False, exponent=x)
        return Frac(variable(self._intern(("log", x.num, x.den), new)))

    def sqrt(self, x: Frac) -> Frac:
        """Sqrt of num/den as sqrt(num den)/den where den is positive; squares come out."""
        if not x.num:
            return x
        if not x.den.is_one() and self._positive(x.den):
            return self.sqrt(Frac(x.num * x.den)) * Frac(ONE, x.den)
        if len(x.num.terms) == 1 and x.den.is_one():
            ((m, c),) = x.num.terms.items()
            root = _rational_root(Fraction(c))
            if root is not None and all(e % 2 == 0 and self.variables[v].positive for v, e in m):
                return Frac(Poly({tuple((v, e // 2) for v, e in m): root}))
        if not x.den.is_one():
            # sqrt(a / b) = sqrt(a b) / |b|, and b may be negative.
            size = self.sqrt(Frac(x.den * x.den))
            return self.sqrt(Frac(x.num * x.den)) * size.inverse()
        new = Variable(f"sqrt({self.show(x)})", "sqrt", self._constant(x), True, square=x.num)
        return Frac(variable(self._intern(("sqrt", x.num), new)))

    def certainly_positive(self, x: Frac) -> bool:
        """Whether the signs of coefficients and variables show that x is positive.

        A root counts where its radicand is certainly positive: the root of 0 is 0.
        """
        radicands = [self.variables[v].square for v in x.variables()]
        return (
            bool(x.num)
            and self._positive(x.num)
            and self._positive(x.den)
            and all(r is None or self.certainly_positive(Frac(r)) for r in radicands)
        )

    def _constant(self, x: Frac) -> bool:
        return all(self.variables[v].constant for v in x.variables())

    def _positive(self, x: Poly) -> bool:
        return all(c > 0 for c in x.terms.values()) and all(
            self.variables[v].positive for v in x.variables()
        )

    def reduce(self, x: Poly) -> Poly:
        """The polynomial with every square of a root replaced by its radicand."""
        roots = [v for v in self.below(x.variables()) if self.variables[v].square is not None]
        for v in sorted(roots, reverse=True):
            square = self.variables[v].square
            assert square is not None
            out = Poly({})
            for m, c in x.terms.items():
                power = dict(m).get(v, 0)
                rest = tuple((w, e) for w, e in m if w != v)
                if power % 2:
                    rest = tuple(sorted((*rest, (v, 1))))
                part = Poly({rest: c})
                for _ in range(power // 2):
                    part = part * square
                out = out + part
            x = out
        return x

    # Random points modulo the prime.

    def draw(self, rng: random.Random, fixed: dict[int, int], order: list[int]) -> dict[int, int]:
        """Values modulo PRIME of the variables in `order`; those of `fixed` stay, roots are roots.

        order: from `below`. A root that the field lacks, as that of 3, is drawn like any unknown:
        what holds for every value holds for the root.
        """
        bits, known = rng.getrandbits, self.variables
        values = {v: fixed[v] if v in fixed else bits(61) % PRIME for v in order}
        roots = [v for v in order if known[v].square is not None and v not in fixed]
        for _ in range(200):
            without = next((v for v in roots if not self._root(v, values)), None)
            if without is None:
                return values
            # New values below this root move the roots before it too: take all of them again.
            for w in self.below([without]):
                if w not in fixed and known[w].square is None:
                    values[w] = bits(61) % PRIME
        return values

    def _root(self, v: int, values: dict[int, int]) -> bool:
        """Put the root v in `values`; False when other values of the radicand may have one."""
        square = self.variables[v].square
        assert square is not None
        x = square.at(values, PRIME)
        root = pow(x, (PRIME + 1) // 4, PRIME)
        if root * root % PRIME == x:
            values[v] = root
            return True
        return not square.variables()

    def below(self, wanted: Iterable[int]) -> list[int]:
        """The variables and those that their roots are roots of, in order of appearance."""
        found: set[int] = set()
        stack = list(wanted)
        while stack:
            v = stack.pop()
            if v not in found:
                found.add(v)
                square = self.variables[v].square
                stack.extend(square.variables() if square is not None else ())
        return sorted(found)


def _power(x: Frac, n: int) -> Frac:
    base = x if n >= 0 else x.inverse()
    out = frac(1)
    for _ in range(abs(n)):
        out = out * base
    return out


def _common(terms: Iterable[Monomial]) -> Monomial:
    lowest: dict[int, int] | None = None
    for m in terms:
        powers = dict(m)
        lowest = (
            powers
            if lowest is None
            else {v: min(e, powers[v]) for v, e in lowest.items() if v in powers}
        )
    return tuple(sorted((lowest or {}).items()))


def _divide(x: Poly, m: Monomial) -> Poly:
    gone = dict(m)
    return Poly(
        {
            tuple((v, e - gone.get(v, 0)) for v, e in n if e > gone.get(v, 0)): c
            for n, c in x.terms.items()
        }
    )


def _rational_root(x: Fraction) -> Fraction | None:
    from math import isqrt

    if x < 0:
        return None
    top, bottom = isqrt(x.numerator), isqrt(x.denominator)
    return Fraction(top, bottom) if top**2 == x.numerator and bottom**2 == x.denominator else None


__all__ = ["PRIME", "Universe", "Variable", "constant"]
