"""Check an exact point on a branch of conditions: its relations hold, and two layers agree there.

At given tokens and weights the difference of the outputs is linear in the carried inputs u_j, see
`equations`. It vanishes for all of them where it does for each unit vector, which both definitions
are run on, as on all numbers that are not rational with functions for unknowns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

from ...arithmetic.poly import Frac, frac
from ...arithmetic.scalars import Irrational, Rationals
from ...arithmetic.sparse import Sparse, SparseAlgebra, from_flat
from ...arithmetic.universe import Universe
from ...automata.run import Values, count
from ...errors import Rejected
from ...index.atoms import ONE, Form, Monomial
from ...index.forms import entries, signal_atom
from ...language.evaluate import shape_of
from ...language.layer import Layer
from ...language.tensor import BRANCHING
from .given_tokens import LONGEST
from .operators import response
from .token_scalars import Equations, equations, key_of
from .tokens import at_sizes, read_sizes, read_values, require_inside

SENSE = "agreement at a point"


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The relations vanish at the point, which is inside the domains, and the outputs agree."""
    length, u = int(data["length"]), str(layers[0].input_name)
    if not 1 <= length <= LONGEST:
        raise Rejected(f"the number of tokens is 1 to {LONGEST}")
    if data["claim"]["lengths"] != length or data["claim"]["sense"] != SENSE:
        raise Rejected(f"what is proved is {SENSE} of {length} tokens")
    sizes = read_sizes(data["sizes"])
    tokens, constants = [read_values(t) for t in data["tokens"]], read_values(data["constants"])
    if len(tokens) != length:
        raise Rejected(f"{len(tokens)} tokens are not {length}")
    for layer in layers:
        for s in layer.signals:
            for i, token in enumerate(tokens if s.kind == "token" and s.name != u else ()):
                require_inside(s, token, sizes, f"token {i}")
            if s.kind == "constant":
                require_inside(s, constants, sizes, "the constants")
    system = equations(layers, length)
    algebra = SparseAlgebra(Numbers(), sizes)
    values = arrays(system, tokens, constants, algebra)
    relations = data["relations"]
    for rows in relations:
        system.read(rows)
    if not all(map(algebra.scalars.is_zero, at_point(system, relations, values, algebra))):
        raise Rejected("the relations of the branch do not hold at the point")
    a, b = layers
    for place in range(length * count(a.signal(u), sizes)):
        left, right = (
            response(x, tokens, place, u, constants, sizes, algebra.scalars) for x in layers
        )
        for i, (y, z) in enumerate(zip(left, right, strict=True)):
            if not all(algebra.scalars.is_zero(p - q) for p, q in zip(y, z, strict=True)):
                raise Rejected(f"the outputs y_{i} of {a.name} and {b.name} are not equal there")
    return f"{a.name} = {b.name} at a point of {length} tokens, for all inputs{at_sizes(sizes)}"


@dataclass
class Numbers(Universe):
    """A universe of numbers: functions are exact where they are rational, and else unknowns."""

    def function(self, name: str, x: Frac) -> Frac:
        """The value; Rejected where a branch of the function is open."""
        if not x.variables():
            try:
                return frac(Rationals().function(name, rational(x)))
            except Irrational:
                if name == "elu":
                    return self.exp(x) - frac(1)
        if name in BRANCHING:
            raise Rejected(f"{name}({self.show(x)}) has an unknown branch")
        if name == "inverse" and not self._has_no_zero(x):
            raise Rejected(f"{self.show(x)} may be zero")
        return super().function(name, x)

    def exp(self, x: Frac) -> Frac:
        """The exponential, of a number as an unknown: powers of a common root would be high."""
        if x.variables():
            return super().exp(x)
        c = rational(x)
        e = self.entry(f"exp({abs(c)})", constant=True, positive=True)
        return e if c > 0 else e.inverse() if c else frac(1)

    def _has_no_zero(self, x: Frac) -> bool:
        """Whether the numerator is a sum of positive terms, up to its sign."""
        signs = {c > 0 for c in x.num.terms.values()}
        return len(signs) == 1 and all(self.variables[v].positive for v in x.num.variables())


def rational(x: Frac) -> Fraction:
    """A number without functions; Irrational for another."""
    if x.variables():
        raise Irrational("a value is not rational")
    top, bottom = (Fraction(p.terms.get((), 0)) for p in (x.num, x.den))
    return top / bottom


def arrays(
    system: Equations, tokens: Sequence[Values], constants: Values, algebra: SparseAlgebra
) -> dict[str, Sparse]:
    """The signals at a point by the key of their atoms, one for each token."""
    found = {}
    for s in (s for layer in system.layers for s in layer.signals if s.kind != "state"):
        shape = shape_of(s.dims, algebra.sizes)
        for i, at in enumerate(tokens if s.kind == "token" else [constants]):
            if s.name in at:
                flat = [algebra.scalars.number(x) for x in at[s.name]]
                found[signal_atom(s, i).key] = from_flat(shape, flat)
    return found


def at_point(
    system: Equations,
    relations: Sequence[Sequence[Any]],
    values: Mapping[str, Sparse],
    algebra: SparseAlgebra,
) -> list[Any]:
    """The values of polynomials at a point, one after another, at each entry of the axes.

    relations: each as rows of a number and powers of unknowns by their keys.
    """
    axes = {
        label: size
        for m in system.unknowns
        for atom, labels in m
        for label, size in zip(labels, atom.dims, strict=True)
        if label >= 0
    }
    order, dims = sorted(axes), tuple(axes[x] for x in sorted(axes))

    def spread(m: Monomial) -> Sparse:
        renamed = ((a, tuple(order.index(x) if x >= 0 else x for x in ls)) for a, ls in m)
        return entries(Form(dims, {tuple(renamed): ONE}), values, algebra)

    read = {str(key) for rows in relations for _, powers in rows for key, _ in powers}
    known = {key_of(m): spread(m) for m in system.unknowns if key_of(m) in read}
    zero, number = algebra.scalars.number(Fraction(0)), algebra.scalars.number
    out = []
    for rows in relations:
        for index in product(*map(range, shape_of(dims, algebra.sizes))):
            total = zero
            for c, powers in rows:
                part = number(Fraction(c))
                for key, e in powers:
                    for _ in range(int(e)):
                        part = part * known[key].entries.get(index, zero)
                total = total + part
            out.append(total)
    return out
