"""What fails for the writes and readouts of a layer at exact tokens: one function each.

Each returns the failure in words, or raises Rejected where the property may hold at these tokens.
"""

from __future__ import annotations

from fractions import Fraction

from ...errors import Rejected
from .exact import Exact, multiple_of_identity, nonsingular
from .minimality import full_rank


def writes_at_identity(b: Exact) -> str:
    """Λ at a token is I and b is not 0."""
    (x,), scalars = b.require(1)
    zero, size = scalars.number(Fraction(0)), len(x.write)
    one = multiple_of_identity(scalars.number(Fraction(1)), size)
    exact = all(
        scalars.is_zero(c - e)
        for p, q in zip(x.transition, one, strict=True)
        for c, e in zip(p, q, strict=True)
    )
    if not exact or not any(scalars.differ(c, zero) for c in x.write):
        raise Rejected(f"{b.layer.name}'s transition is not I, or nothing is written, here")
    return f"and {b.layer.name} does at a token"


def reads_more(b: Exact) -> str:
    """A readout row (r, e) at a token is no combination of the rows of (Λ, b)."""
    return _reads_more(b, 1)


def reads_differently(b: Exact) -> str:
    """No one row c has `c (Λ, b) = (r, e)` at all of the tokens."""
    return _reads_more(b, len(b.forms))


def _reads_more(b: Exact, count: int) -> str:
    forms, scalars = b.require(count)
    if b.layer.start:
        raise Rejected(f"the state of {b.layer.name} does not start at zero")
    rows = [
        [c for x in forms for c in (*x.transition[i], x.write[i])]
        for i in range(len(forms[0].write))
    ]
    for at in range(len(forms[0].readout)):
        if nonsingular([*rows, [c for x in forms for c in x.readout[at]]], scalars):
            return f"and that of {b.layer.name} is not"
    raise Rejected(f"{b.layer.name}'s output may be read so at these tokens")


def reads_otherwise(b: Exact) -> str:
    """No constant matrix U has `r(s) U b(s) = e(s)` at all of the tokens."""
    forms, scalars = b.require(len(b.forms))
    if b.layer.start:
        raise Rejected(f"the state of {b.layer.name} does not start at zero")
    rows = [
        [*(r * c for r in row[:-1] for c in x.write), row[-1]] for x in forms for row in x.readout
    ]
    found = full_rank(rows, scalars)
    if found is None or len(found[1]) < len(rows[0]):
        raise Rejected(f"{b.layer.name}'s output may be read so at these tokens")
    return f"and no matrix does so for {b.layer.name}"
