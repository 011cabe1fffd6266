"""Properties of transitions: what holds for all tokens, and what fails at exact ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ...arithmetic.poly import Frac, frac
from ...errors import Rejected
from ...language.domains import Interval
from ...language.layer import Layer
from . import discs, every_transition, factors, one_transition
from .discs import Claim, exact_blocks, matrix_blocks
from .enclosure import interval, sides
from .everywhere import Everywhere, Form, NoProperty
from .exact import Exact
from .signs import Signs


@dataclass(frozen=True)
class Property:
    """Says the property in words or raises Rejected: for all sizes, at sizes, failing at tokens.

    tokens: how many a failure needs. everywhere: None where there is no proof for all sizes.
    """

    tokens: int
    holds: Callable[[Everywhere, Claim], str]
    fails: Callable[[Exact, Claim], str]
    everywhere: Callable[[Layer, Claim], str] | None = None


def _in_interval(layer: Layer, data: Claim) -> str:
    wanted, found = interval(str(data["within"])), factors.eigenvalues(layer)
    if not found.within(wanted):
        raise NoProperty(f"{layer.name}: the eigenvalues are shown to lie in {found}")
    return f"every eigenvalue of a transition of {layer.name} lies in {found}"


def _in_interval_at(a: Everywhere, data: Claim) -> str:
    """`det(side (Λ - end I) + t I) > 0` for all t > 0, with t = 0 where the end is open."""
    wanted = interval(str(data["within"]))
    for side, end, is_open in sides(wanted):
        name = "t >= 0" if is_open else "t > 0"
        t = a.universe.entry(name, constant=True, positive=not is_open)
        half = Interval(low=Fraction(0), low_open=not is_open)
        for form in a.forms:
            signs = Signs(a.universe, {**form.signs.intervals, name: half})
            for matrix in matrix_blocks(a, form):
                shifted = [
                    [x * frac(side) + (t - frac(side * end) if i == j else frac(0)) for j, x in r]
                    for i, r in enumerate(map(list, map(enumerate, matrix)))
                ]
                if not signs.positive(every_transition.determinant(shifted)):
                    raise NoProperty(f"{a.layer.name}: eigenvalues beyond {end} are not excluded")
    if not all(_is_real(a, form, m) for form in a.forms for m in matrix_blocks(a, form)):
        raise NoProperty(f"{a.layer.name}: its eigenvalues are not shown to be real")
    return f"every eigenvalue of a transition of {a.layer.name} lies in {wanted}"


def _is_real(a: Everywhere, form: Form, matrix: Sequence[Sequence[Frac]]) -> bool:
    """Whether a block is symmetric, or has two rows and off its diagonal a product of one sign."""
    size = range(len(matrix))
    if all(a.universe.is_zero(matrix[i][j] - matrix[j][i]) for i in size for j in range(i)):
        return True
    return len(matrix) == 2 and form.signs.not_negative(matrix[0][1] * matrix[1][0])


def _out_of_interval(b: Exact, data: Claim) -> str:
    """A real eigenvalue beyond an end: the determinant there has the sign that it has not far out.

    Where it is 0 the end itself is one.
    """
    (x,), scalars = b.require(1)
    wanted = interval(str(data["within"]))
    zero = scalars.number(Fraction(0))
    for block in exact_blocks(x.transition, scalars):
        for side, end, is_open in sides(wanted):
            at = scalars.number(end)
            shifted = [
                [(v - at if i == j else v) * side for j, v in enumerate(row)]
                for i, row in enumerate(block)
            ]
            value = _determinant(shifted)
            gone = scalars.is_zero(value) and is_open
            if gone or (scalars.differ(value, zero) and value < zero):
                how = f"is {end}" if gone else f"is {'below' if side > 0 else 'above'} {end}"
                return f"an eigenvalue of a transition of {b.layer.name} {how}"
        if len(block) == 2:
            (p, q), (r, s) = block
            apart = (p - s) * (p - s) + q * r * 4
            if scalars.differ(apart, zero) and apart < zero:
                return f"an eigenvalue of a transition of {b.layer.name} is not real"
    raise Rejected(f"{b.layer.name}: no eigenvalue is shown to leave {wanted} at this token")


def _determinant(matrix: Sequence[Sequence[Any]]) -> Any:
    """By the first row, for the small blocks of a transition."""
    if len(matrix) == 1:
        return matrix[0][0]
    total = None
    for j, x in enumerate(matrix[0]):
        minor = [[v for k, v in enumerate(row) if k != j] for row in matrix[1:]]
        term = x * _determinant(minor) * (-1 if j % 2 else 1)
        total = term if total is None else total + term
    return total


def _is_diagonal(a: Everywhere, data: Claim) -> str:
    for form in a.forms:
        if any(i != j and not a.universe.is_zero(x) for (i, j), x in form.transition.items()):
            raise NoProperty(f"{a.layer.name}: its transitions are not all diagonal")
    return f"every transition of {a.layer.name} is diagonal: a sum of heads of one state each"


def _not_diagonal(b: Exact, data: Claim) -> str:
    (x,), scalars = b.require(1)
    zero = scalars.number(Fraction(0))
    for i, row in enumerate(x.transition):
        if any(i != j and scalars.differ(v, zero) for j, v in enumerate(row)):
            return f"a transition of {b.layer.name} is not diagonal"
    raise Rejected(f"{b.layer.name}: the transition is diagonal at this token")


def _diagonal(layer: Layer, data: Claim) -> str:
    factors.require_diagonal(layer)
    return f"every transition of {layer.name} is diagonal: a sum of heads of one state each"


def _identity(layer: Layer, data: Claim) -> str:
    factors.require_identity(layer)
    return f"every transition of {layer.name} is the identity"


def _named(
    holds: Callable[[Everywhere, int], str],
    fails: Callable[[Exact], str],
    tokens: int = 1,
    everywhere: Callable[[Layer, Claim], str] | None = None,
) -> Property:
    def fail(b: Exact, data: Claim) -> str:
        return fails(b).removeprefix("and ")

    return Property(tokens, lambda a, data: holds(a, a.states), fail, everywhere)


PROPERTIES = {
    "eigenvalues": Property(1, _in_interval_at, _out_of_interval, _in_interval),
    "radius": Property(1, discs.in_disc, discs.out_of_disc),
    "norm": Property(1, discs.norm_at, discs.out_of_disc, discs.norm),
    "diagonal": Property(1, _is_diagonal, _not_diagonal, _diagonal),
    "identity": _named(
        every_transition.is_identity, one_transition.not_identity, everywhere=_identity
    ),
    "scalar": _named(every_transition.is_scalar, one_transition.not_scalar),
    "constant": _named(every_transition.is_constant, one_transition.not_constant, 2),
    "commuting": _named(every_transition.commutes, one_transition.not_commuting, 2),
}
