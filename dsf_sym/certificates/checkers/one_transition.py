"""What fails for a transition Λ of a layer at exact tokens: one function each.

Each returns the failure in words, or raises Rejected where the property may hold at these tokens.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ...arithmetic.scalars import Balls, Irrational, Rationals
from ...arithmetic.sparse import SparseAlgebra, from_flat
from ...automata.automaton import Action, Automaton
from ...automata.run import Values
from ...errors import Rejected
from ...language.evaluate import Sizes, shape_of
from ...language.layer import Layer

Matrix = list[list[Any]]


def transitions_at(
    b: Layer, sizes: Sizes, tokens: list[Values], constants: Values
) -> tuple[list[Matrix], Any]:
    """Λ at exact tokens, all in rationals or, where functions need them, balls; and the scalars."""
    automaton = Automaton((b,), sizes)
    n = automaton.width - 1
    for scalars in (Rationals(), Balls(256)):
        one, zero = scalars.number(Fraction(1)), scalars.number(Fraction(0))
        found = []
        try:
            for token in tokens:
                inputs = {
                    s.name: from_flat(
                        shape_of(s.dims, sizes),
                        [scalars.number(x) for x in (token | constants)[s.name]],
                    )
                    for s in automaton.signals.values()
                }
                action = Action(automaton, SparseAlgebra(scalars, sizes), inputs, {})
                columns = [action.step({j: one}) for j in range(n)]
                found.append([[columns[j].get(i, zero) for j in range(n)] for i in range(n)])
        except Irrational:
            continue
        return found, scalars
    raise AssertionError(b.name)


def _times(x: Matrix, y: Matrix) -> Matrix:
    return [
        [sum((a * y[k][j] for k, a in enumerate(row)), start=row[0] * 0) for j in range(len(y[0]))]
        for row in x
    ]


def not_commuting(b: Layer, sizes: Sizes, tokens: list[Values], constants: Values) -> str:
    """Λ at two tokens, in both orders."""
    (x, y), scalars = transitions_at(b, sizes, tokens[:2], constants)
    left, right = _times(x, y), _times(y, x)
    for p, q in zip(left, right, strict=True):
        if any(scalars.differ(c, e) for c, e in zip(p, q, strict=True)):
            return f"and two of {b.name}'s do not"
    raise Rejected(f"{b.name}'s transitions commute at these tokens")


def not_identity(b: Layer, sizes: Sizes, tokens: list[Values], constants: Values) -> str:
    """Λ at a token is not I."""
    (x,), scalars = transitions_at(b, sizes, tokens[:1], constants)
    zero, one = (scalars.number(Fraction(c)) for c in (0, 1))
    for i, row in enumerate(x):
        if any(scalars.differ(c, one if i == j else zero) for j, c in enumerate(row)):
            return f"and one of {b.name}'s is not"
    raise Rejected(f"{b.name}'s transition is the identity at this token")


def not_constant(b: Layer, sizes: Sizes, tokens: list[Values], constants: Values) -> str:
    """Λ differs between two tokens."""
    (x, y), scalars = transitions_at(b, sizes, tokens[:2], constants)
    for p, q in zip(x, y, strict=True):
        if any(scalars.differ(c, e) for c, e in zip(p, q, strict=True)):
            return f"and that of {b.name} is not"
    raise Rejected(f"{b.name}'s transitions are equal at these tokens")


def not_scalar(b: Layer, sizes: Sizes, tokens: list[Values], constants: Values) -> str:
    """Λ at a token has an entry off its first multiple of I."""
    (x,), scalars = transitions_at(b, sizes, tokens[:1], constants)
    if not x:
        raise Rejected(f"{b.name} has no state")
    zero = x[0][0] * 0
    for i, row in enumerate(x):
        for j, c in enumerate(row):
            if scalars.differ(c, x[0][0] if i == j else zero):
                return f"and one of {b.name}'s is not"
    raise Rejected(f"{b.name}'s transition is a multiple of the identity at this token")


def negative_determinant(b: Layer, sizes: Sizes, tokens: list[Values], constants: Values) -> str:
    """Λ at a token has a determinant that is not positive."""
    (x,), scalars = transitions_at(b, sizes, tokens[:1], constants)
    if not isinstance(scalars, Rationals):
        raise Rejected(f"{b.name}'s transition is not rational at this token")
    sign, work = 1, [list(row) for row in x]
    for column in range(len(work)):
        pivot = next((i for i in range(column, len(work)) if work[i][column]), None)
        if pivot is None:
            return f"and one of {b.name}'s is zero"
        if pivot != column:
            work[pivot], work[column] = work[column], work[pivot]
            sign = -sign
        sign = sign if work[column][column] > 0 else -sign
        for i in range(column + 1, len(work)):
            c = work[i][column] / work[column][column]
            work[i] = [p - c * q for p, q in zip(work[i], work[column], strict=True)]
    if sign > 0:
        raise Rejected(f"{b.name}'s transition has a positive determinant at this token")
    return f"and one of {b.name}'s is negative, because its determinant is"


def needs_more(b: Layer, sizes: Sizes, tokens: list[Values], constants: Values) -> str:
    """Minimality is checked beside this."""
    return f"and no state of {b.name} is as small"
