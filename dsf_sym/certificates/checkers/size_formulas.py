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
    """What is said of the claimed formula: that it is the number, or that it is another."""
    graph = deserialise(data["value"])["value"]
    inputs = {name: Sparse((), {(): x}) for name, x in known.items()}
    (value,) = evaluate([graph], inputs, SparseAlgebra(universe, {}))
    same = universe.is_zero(found - value.entries.get((), frac(0)))
    if same != bool(data["equal"]):
        raise Rejected(f"the number is {universe.show(found)}")
    return f"{universe.show(found)}{', as claimed,' if same else ', not as claimed,'}"
