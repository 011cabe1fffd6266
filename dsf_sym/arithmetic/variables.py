"""The unknowns that entries and functions become, and random points of them modulo a prime."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from .poly import Frac, Poly

if TYPE_CHECKING:
    import random
    from collections.abc import Collection, Iterable, Sequence

PRIME = (1 << 61) - 1


@dataclass(frozen=True)
class Variable:
    """One unknown: kind is entry, exp, cos, sin, log or sqrt; constants are drawn once.

    square: for sqrt and sin, the polynomial whose root this is. exponent: for exp, cos and sin
    the argument, for log what it is the log of, for root x/d where this is x^(1/d). equals: what
    this is in a finer generator that came later. choices: the values of a constant, () for any;
    then square is what replaces its power of that number.
    """

    name: str
    kind: str
    constant: bool
    positive: bool
    square: Poly | None = None
    exponent: Frac | None = None
    equals: Poly | None = None
    choices: tuple[Fraction, ...] = ()

    @property
    def is_tied(self) -> bool:
        """Whether the value follows from, or is tied to, those of other variables."""
        return self.square is not None or self.equals is not None

    @property
    def relation(self) -> tuple[int, Poly] | None:
        """The power of this variable that a polynomial of lower degree replaces."""
        return None if self.square is None else (len(self.choices) or 2, self.square)


def draw(
    known: Sequence[Variable], rng: random.Random, fixed: dict[int, int], order: list[int]
) -> dict[int, int]:
    """Values modulo PRIME of the variables in `order`; those of `fixed` stay, roots are roots.

    order: from `below`. A root that the field lacks, as that of 3, is drawn like any unknown:
    what holds for every value holds for the root.
    """
    bits = rng.getrandbits
    values = {v: fixed[v] if v in fixed else bits(61) % PRIME for v in order}
    # Finer generators come later than what they are a part of.
    tied = [v for v in reversed(order) if known[v].is_tied and v not in fixed]
    roots = [v for v in reversed(tied) if known[v].kind == "sqrt"]
    _settle(known, rng, values.keys(), tied, values)
    for _ in range(200):
        without = next((v for v in roots if not _root(known[v], v, values)), None)
        if without is None:
            break
        # New values below this root move the roots before it too: take all of them again.
        fresh = [v for v in below(known, [without]) if v not in fixed]
        for v in fresh:
            if known[v].square is None:
                values[v] = bits(61) % PRIME
        _settle(known, rng, fresh, tied, values)
    return values


def _settle(
    known: Sequence[Variable],
    rng: random.Random,
    fresh: Collection[int],
    tied: list[int],
    values: dict[int, int],
) -> None:
    """Put variables with new values on the circle or on their choices, and coarse ones on fine.

    fresh: the variables with new values. A point of the circle is taken from its slope.
    """
    for v in tied:
        own = known[v]
        if own.equals is not None:
            values[v] = own.equals.at(values, PRIME)
        elif own.choices and v in fresh:
            x = rng.choice(own.choices)
            values[v] = x.numerator * pow(x.denominator, -1, PRIME) % PRIME
        elif own.kind == "sin" and own.square is not None:
            (cosine,) = own.square.variables()
            if v in fresh or cosine in fresh:
                t = rng.getrandbits(61) % PRIME
                norm = pow(1 + t * t, -1, PRIME)
                values[cosine], values[v] = (1 - t * t) * norm % PRIME, 2 * t * norm % PRIME


def _root(own: Variable, v: int, values: dict[int, int]) -> bool:
    """Put the root v in `values`; False when other values of the radicand may have one."""
    square = own.square
    assert square is not None
    x = square.at(values, PRIME)
    root = pow(x, (PRIME + 1) // 4, PRIME)
    if root * root % PRIME == x:
        values[v] = root
        return True
    return not square.variables()


def below(known: Sequence[Variable], wanted: Iterable[int]) -> list[int]:
    """The variables and those that they are roots or powers of, in order of appearance."""
    found: set[int] = set()
    stack = list(wanted)
    while stack:
        v = stack.pop()
        if v not in found:
            found.add(v)
            for other in (known[v].square, known[v].equals):
                stack.extend(other.variables() if other is not None else ())
    return sorted(found)
