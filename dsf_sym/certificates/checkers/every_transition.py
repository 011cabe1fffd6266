"""What holds for every transition Λ of a layer, as identities and signs: one function each.

Each returns the property in words, or raises NoProperty.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations, product

from ...arithmetic.poly import Frac, frac
from ...language.domains import Interval
from .everywhere import Everywhere, Form, Matrix, NoProperty, blocks, plus, renamed, times
from .linear import cancels
from .signs import Signs

LARGEST_BLOCK = 4
LONGEST_ENTRY = 60


def commutes(a: Everywhere, states: int) -> str:
    """`Λ(s) Λ(s') = Λ(s') Λ(s)` for all tokens."""
    entries = [x for form in a.forms for x in form.transition.values()]
    if any(len(x.num.terms) > LONGEST_ENTRY for x in entries):
        raise NoProperty(f"{a.layer.name}: its transitions are too long to multiply")
    for x in a.forms:
        for y in a.forms_of(renamed(a.layer, "'")):
            difference: Matrix = {}
            for p, q, sign in ((x, y, 1), (y, x, -1)):
                for (i, j), c in p.transition.items():
                    for (k, m), e in q.transition.items():
                        if j == k:
                            term = times(c, times(e, frac(sign)))
                            difference[i, m] = plus(difference.get((i, m), frac(0)), term)
            if any(not a.universe.is_zero(v) for v in difference.values()):
                raise NoProperty(f"{a.layer.name}: its transitions do not all commute")
    return f"all transitions of {a.layer.name} commute"


def is_scalar(a: Everywhere, states: int) -> str:
    """`Λ(s) = λ(s) I`."""
    for x in a.forms:
        first = x.transition.get((0, 0), frac(0))
        for i, j in product(range(a.states), repeat=2):
            if _off(a, x, i, j, first if i == j else frac(0)):
                raise NoProperty(f"{a.layer.name}: its transitions are no multiples of I")
    return f"every transition of {a.layer.name} is a multiple of the identity"


def is_identity(a: Everywhere, states: int) -> str:
    """`Λ(s) = I`."""
    for x in a.forms:
        for i, j in product(range(a.states), repeat=2):
            if _off(a, x, i, j, frac(int(i == j))):
                raise NoProperty(f"{a.layer.name}: its transitions are not the identity")
    return f"every transition of {a.layer.name} is the identity"


def is_constant(a: Everywhere, states: int) -> str:
    """Λ depends on weights alone."""
    known, first = a.universe.variables, a.forms[0].transition
    for x in a.forms:
        for i, j in product(range(a.states), repeat=2):
            reads = x.transition.get((i, j), frac(0)).variables()
            alike = not _off(a, x, i, j, first.get((i, j), frac(0)))
            if not alike or not all(known[v].constant for v in reads):
                raise NoProperty(f"{a.layer.name}: its transitions change with the token")
    return f"the transition of {a.layer.name} is the same for every token"


def is_near_identity(a: Everywhere, states: int) -> str:
    """`rank(Λ(s) - I)` is below the number of states of B."""
    rank = max(sum(_rank(a, block) for block in _shifted(a, x)) for x in a.forms)
    if rank >= states:
        raise NoProperty(f"{a.layer.name}: Λ - I has rank {rank}")
    return f"Λ - I has rank {rank} at most in {a.layer.name}"


def is_positive(a: Everywhere, states: int) -> str:
    """`det(Λ(s) + t I) > 0` for all t >= 0."""
    _require_signs(a, 1, closed=True)
    return f"every real eigenvalue of a transition of {a.layer.name} is positive"


def is_not_negative(a: Everywhere, states: int) -> str:
    """`det(Λ(s) + t I) > 0` for all t > 0."""
    _require_signs(a, 1, closed=False)
    return f"no transition of {a.layer.name} has a negative eigenvalue"


def is_below_one(a: Everywhere, states: int) -> str:
    """`det((1 + t) I - Λ(s)) > 0` for all t >= 0."""
    _require_signs(a, -1, closed=True)
    return f"every real eigenvalue of a transition of {a.layer.name} is below 1"


def is_at_most_one(a: Everywhere, states: int) -> str:
    """`det((1 + t) I - Λ(s)) > 0` for all t > 0."""
    _require_signs(a, -1, closed=False)
    return f"every real eigenvalue of a transition of {a.layer.name} is at most 1"


def _require_signs(a: Everywhere, sign: int, *, closed: bool) -> None:
    """`det(t I + Λ)`, or `det((1 + t) I - Λ)` for sign -1, is positive: block by block."""
    # No signal has this name: it is no identifier.
    name = "t >= 0" if closed else "t > 0"
    t = a.universe.entry(name, constant=True, positive=not closed)
    half = Interval(low=Fraction(0), low_open=not closed)
    for x in a.forms:
        t_signs = Signs(a.universe, {**x.signs.intervals, name: half})
        shift = t if sign > 0 else t + frac(1)
        for block in blocks(x.transition, a.states):
            matrix = [
                [
                    (x.transition.get((i, j), frac(0)) * frac(sign))
                    + (shift if i == j else frac(0))
                    for j in block
                ]
                for i in block
            ]
            if len(block) > LARGEST_BLOCK or not t_signs.positive(determinant(matrix)):
                raise NoProperty(f"{a.layer.name}: its eigenvalues are not shown to stay there")


def determinant(matrix: list[list[Frac]]) -> Frac:
    """By permutations: for the small blocks of a transition."""
    total = frac(0)
    for order in permutations(range(len(matrix))):
        swaps = sum(order[i] > order[j] for j in range(len(order)) for i in range(j))
        term = frac((-1) ** swaps)
        for i, j in enumerate(order):
            term = times(term, matrix[i][j])
            if not term:
                break
        total = plus(total, term)
    return total


def _shifted(a: Everywhere, x: Form) -> list[list[list[Frac]]]:
    """The blocks of Λ - I."""
    return [
        [[x.transition.get((i, j), frac(0)) - frac(int(i == j)) for j in block] for i in block]
        for block in blocks(x.transition, a.states)
    ]


def _rank(a: Everywhere, matrix: list[list[Frac]]) -> int:
    """The rank over all tokens at once, by elimination: no token has a larger one."""
    work, rank = [list(row) for row in matrix], 0
    for column in range(len(matrix)):
        found = [r for r in work if not a.universe.is_zero(r[column])]
        if not found:
            continue
        pivot = next((r for r in found if cancels(r[column].num, a.universe)), None)
        if pivot is None:
            raise NoProperty(
                f"{a.layer.name}: Λ - I may have a larger rank where a root is special"
            )
        work.remove(pivot)
        rank += 1
        inverse = pivot[column].inverse()
        work = [
            [
                plus(x, times(times(row[column], inverse), -p))
                for x, p in zip(row, pivot, strict=True)
            ]
            for row in work
        ]
    return rank


def _off(a: Everywhere, form: Form, i: int, j: int, wanted: Frac) -> bool:
    return not a.universe.is_zero(form.transition.get((i, j), frac(0)) - wanted)
