"""Formulas in the sizes of a layer, each size an unknown, and what is claimed of them."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ...arithmetic.poly import Frac, frac
from ...arithmetic.sparse import Sparse, SparseAlgebra
from ...arithmetic.universe import Universe
from ...errors import Rejected
from ...language.evaluate import evaluate
from ...language.layer import Layer
from ...language.spec import deserialise

Sizes = Mapping[str, Frac]


def unknown_sizes(layer: Layer) -> tuple[Universe, dict[str, Frac]]:
    """The sizes of a layer by name, as unknowns."""
    universe = Universe()
    return universe, {n: universe.entry(n, constant=True, positive=True) for n in layer.sizes}


def entries(dims: tuple[str, ...], known: Sizes) -> Frac:
    """The number of entries of a shape."""
    total = frac(1)
    for dim in dims:
        parts = [frac(Fraction(p)) if p.isdigit() else known[p] for p in dim.split("+")]
        total = total * sum(parts, start=frac(0))
    return total


def stated(universe: Universe, found: Frac, data: Mapping[str, Any], known: Sizes) -> str:
    """The number, and where the claimed formula is another, that it is not that."""
    graph = deserialise(data["value"])["value"]
    inputs = {name: Sparse((), {(): x}) for name, x in known.items()}
    (value,) = evaluate([graph], inputs, SparseAlgebra(universe, {}))
    claimed = value.entries.get((), frac(0))
    same = universe.is_zero(found - claimed)
    sizes = {v for x in known.values() for v in x.variables()}
    if not same and not claimed.variables() <= sizes:
        # Roots and logarithms that are not known to depend on each other may.
        raise Rejected(f"{universe.show(claimed)} is no ratio of polynomials in the sizes")
    if same != bool(data["equal"]):
        raise Rejected(f"the number is {universe.show(found)}")
    return universe.show(found) + ("" if same else f", not {universe.show(claimed)},")
