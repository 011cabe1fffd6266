"""Scalars with functions: entries are variables, each independent exp, angle or log a generator.

Functions are brought to exponentials, circle points, logarithms and square roots; an exponent or an
angle is split into its terms, exp(a + b) = exp(a) exp(b), and each remaining exp, log or sqrt
becomes one new variable, each angle two with cos² + sin² = 1. Of exp(x) and exp(x/2) the finer is
the generator, and the other its power. Treating generators as unknowns is sound for identities; a
difference between them is a candidate.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING

from .poly import (
    ONE,
    Frac,
    Monomial,
    Poly,
    common_factor,
    constant,
    divided,
    frac,
    power,
    rational_root,
    variable,
)
from .variables import PRIME, Variable, below, draw

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable

HIGHEST_POWER = 64


@dataclass
class Universe:
    """The variables of one comparison, handed out in order of appearance."""

    variables: list[Variable] = field(default_factory=list)
    _index: dict[tuple[object, ...], int] = field(default_factory=dict)
    _finest: dict[tuple[object, ...], tuple[int, tuple[int, ...]]] = field(default_factory=dict)

    def entry(self, name: str, *, constant: bool, positive: bool) -> Frac:
        """The variable of one entry of a signal, as a scalar."""
        return Frac(
            variable(self._intern(("entry", name), Variable(name, "entry", constant, positive)))
        )

    def choice(self, name: str, values: tuple[Fraction, ...]) -> Frac:
        """A constant that is one of finitely many values."""
        if len(values) == 1:
            return frac(values[0])
        new = Variable(name, "entry", True, all(x > 0 for x in values), choices=values)
        x = variable(self._intern(("entry", name), new))
        product, highest = ONE, ONE
        for value in values:
            product, highest = product * (x - constant(value)), highest * x
        (v,) = x.variables()
        self.variables[v] = replace(new, square=highest - product)
        return Frac(x)

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
        if name in ("cos", "sin"):
            return self.turn(x)[name == "sin"]
        if name == "softplus":
            return self.log(one + self.exp(x))
        if name == "sigmoid":
            e = self.exp(x)
            return e * (one + e).inverse()
        if name == "tanh":
            e = self.exp(x + x)
            return (e - one) * (e + one).inverse()
        raise AssertionError(name)

    # Functions.

    def exp(self, x: Frac) -> Frac:
        """exp, one factor for each term of the exponent."""
        out = frac(1)
        for m, c in x.num.terms.items():
            out = out * self._exp_term(m, Fraction(c), x.den)
        return out

    def _exp_term(self, m: Monomial, c: Fraction, den: Poly) -> Frac:
        if den.is_one() and len(m) == 1 and m[0][1] == 1:
            base = self.variables[m[0][0]]
            if base.kind == "log" and base.exponent is not None:
                return self._positive_power(base.exponent, m, c)
        return self._exp_generator(m, c, den)

    def _exp_generator(self, m: Monomial, c: Fraction, den: Poly) -> Frac:
        def new(d: int) -> tuple[int, ...]:
            term = Frac(Poly({m: Fraction(1, d)}), den)
            name = f"exp({self.show(term)})"
            made = Variable(name, "exp", self._constant(term), True, exponent=term)
            return (self._intern(("exp", m, d, den), made),)

        (v,), times = self._finest_of(("exp", m, den), c.denominator, new)
        return power(Frac(variable(v)), c.numerator * times)

    def _positive_power(self, x: Frac, log_x: Monomial, c: Fraction) -> Frac:
        """x^c for a positive x: through roots of a variable, and through sqrt for halves."""
        v = x.variable()
        if c.denominator == 1:
            return power(x, int(c))
        if v is not None and self._has_roots(v):
            return self._root_power(v, c)
        if c.denominator % 2 == 0:
            root = self.sqrt(x)
            return (
                self._positive_power(root, log_x, 2 * c)
                if c.denominator == 2
                else (self.exp(self.log(root) * frac(2 * c)))
            )
        return self._exp_generator(log_x, c, ONE)

    def _has_roots(self, v: int) -> bool:
        return self.variables[v].positive and self.variables[v].kind in ("entry", "exp", "root")

    def _root_power(self, v: int, c: Fraction) -> Frac:
        """The power of a positive variable, as one of the finest root of it that is known."""
        own = self.variables[v]
        if own.kind == "exp" and own.exponent is not None:
            return self.exp(own.exponent * frac(c))
        if own.kind == "root" and own.exponent is not None:
            ((((v, _),), part),) = own.exponent.num.terms.items()
            c = c * part
        base = self.variables[v]

        def new(d: int) -> tuple[int, ...]:
            part = Frac(Poly({((v, 1),): Fraction(1, d)}))
            name = f"sqrt({base.name})" if d == 2 else f"{base.name}^(1/{d})"
            made = Variable(name, "root", base.constant, True, exponent=part)
            return (self._intern(("root", v, d), made),)

        self._finest.setdefault(("root", v), (1, (v,)))
        (root,), times = self._finest_of(("root", v), c.denominator, new)
        return power(Frac(variable(root)), c.numerator * times)

    def turn(self, x: Frac) -> tuple[Frac, Frac]:
        """The point (cos x, sin x) of the circle: one rotation for each term of the angle."""
        out = frac(1), frac(0)
        for m, c in x.num.terms.items():
            out = self._rotated(out, self._turn_term(m, Fraction(c), x.den))
        return out

    def _turn_term(self, m: Monomial, c: Fraction, den: Poly) -> tuple[Frac, Frac]:
        # A high multiple has too many terms to write out: it is an angle of its own.
        unit = abs(c) if abs(c.numerator) > HIGHEST_POWER else Fraction(1)
        c = c / unit

        def new(d: int) -> tuple[int, ...]:
            angle = Frac(Poly({m: unit / d}), den)
            shown, fixed = self.show(angle), self._constant(angle)
            cosine = Variable(f"cos({shown})", "cos", fixed, False, exponent=angle)
            v = self._intern(("cos", m, den, unit / d), cosine)
            square = ONE - variable(v) * variable(v)
            sine = Variable(f"sin({shown})", "sin", fixed, False, square=square, exponent=angle)
            return v, self._intern(("sin", m, den, unit / d), sine)

        (v, w), times = self._finest_of(("angle", m, den, unit), c.denominator, new)
        return self._multiple((Frac(variable(v)), Frac(variable(w))), c.numerator * times)

    def _multiple(self, point: tuple[Frac, Frac], n: int) -> tuple[Frac, Frac]:
        out, turn = (frac(1), frac(0)), (point[0], point[1] if n >= 0 else -point[1])
        for _ in range(abs(n)):
            out = self._rotated(out, turn)
        return out

    def _rotated(self, p: tuple[Frac, Frac], q: tuple[Frac, Frac]) -> tuple[Frac, Frac]:
        x, y = p[0] * q[0] - p[1] * q[1], p[1] * q[0] + p[0] * q[1]
        return Frac(self.reduce(x.num), x.den), Frac(self.reduce(y.num), y.den)

    def _finest_of(
        self, key: tuple[object, ...], d: int, new: Callable[[int], tuple[int, ...]]
    ) -> tuple[tuple[int, ...], int]:
        """The finest generators known of a family, and how many of them make up a d-th part.

        new: the generators of a d-th part. Coarser ones are written in the finer from now on.
        """
        size, made = self._finest.get(key, (d, ()))
        finest = lcm(size, d)
        if finest // min(size, d) > HIGHEST_POWER:
            return self._finest_of((*key, d), d, new)
        if finest != size or not made:
            finer = new(finest)
            points = tuple(Frac(variable(v)) for v in finer)
            if len(made) == 2:
                points = self._multiple((points[0], points[1]), finest // size)
            elif made:
                points = (power(points[0], finest // size),)
            for v, point in zip(made, points, strict=False):
                self.variables[v] = replace(self.variables[v], equals=point.num)
            self._finest[key] = finest, finer
        return self._finest[key][1], finest // d

    def log(self, x: Frac) -> Frac:
        """log, split over quotients and products whose parts are positive by their signs."""
        if not (self._positive(x.num) and self._positive(x.den)):
            return self._log_atom(x)
        return self._log_poly(x.num) - self._log_poly(x.den)

    def _log_poly(self, x: Poly) -> Frac:
        common = common_factor(x.terms)
        content = min((abs(Fraction(c)) for c in x.terms.values()), default=Fraction(1))
        total = frac(0) if content == 1 else self._log_atom(frac(content))
        for v, e in common:
            known = self.variables[v]
            log_v = self._log_atom(Frac(variable(v)))
            if known.kind == "exp" and known.exponent is not None:
                log_v = known.exponent
            elif known.kind == "root" and known.exponent is not None:
                ((((w, _),), part),) = known.exponent.num.terms.items()
                log_v = self._log_atom(Frac(variable(w))) * frac(part)
            total = total + log_v * frac(e)
        rest = divided(x, common).scale(1 / content)
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
            root = rational_root(Fraction(c))
            if root is not None and all(e % 2 == 0 and self.variables[v].positive for v, e in m):
                return Frac(Poly({tuple((v, e // 2) for v, e in m): root}))
            if root is not None and all(self._has_roots(v) for v, _ in m):
                out = frac(root)
                for v, e in m:
                    out = out * self._root_power(v, Fraction(e, 2))
                return out
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
        def sign(m: Monomial) -> tuple[bool, bool]:
            known = [(self.variables[v].positive, e % 2 == 0) for v, e in m]
            return all(p for p, _ in known), all(p or even for p, even in known)

        signs = [sign(m) for m, c in x.terms.items() if c > 0]
        whole = len(signs) == len(x.terms) and all(weak for _, weak in signs)
        return whole and (not signs or any(strict for strict, _ in signs))

    def reduce(self, x: Poly) -> Poly:
        """The polynomial in the finest generators, with every high power of a root replaced."""
        while True:
            order = sorted(x.variables(), reverse=True)
            v = next((v for v in order if self._reducible(v, x)), None)
            if v is None:
                return x
            x = self._replaced(x, v)

    def _reducible(self, v: int, x: Poly) -> bool:
        known = self.variables[v]
        if known.equals is not None:
            return True
        if known.relation is None:
            return False
        return any(dict(m).get(v, 0) >= known.relation[0] for m in x.terms)

    def _replaced(self, x: Poly, v: int) -> Poly:
        known, out = self.variables[v], Poly({})
        degree, by = (1, known.equals) if known.equals is not None else known.relation or (1, ONE)
        for m, c in x.terms.items():
            times, kept = divmod(dict(m).get(v, 0), degree)
            rest = tuple((w, e) for w, e in m if w != v)
            part = Poly({tuple(sorted((*rest, (v, kept)))) if kept else rest: c})
            for _ in range(times):
                part = part * by
            out = out + part
        return out

    def draw(self, rng: random.Random, fixed: dict[int, int], order: list[int]) -> dict[int, int]:
        """Values modulo PRIME of the variables in `order`, from `below`; those of `fixed` stay."""
        return draw(self.variables, rng, fixed, order)

    def below(self, wanted: Iterable[int]) -> list[int]:
        """The variables and those that they are roots or powers of, in order of appearance."""
        return below(self.variables, wanted)


__all__ = ["PRIME", "Universe", "Variable", "constant"]
