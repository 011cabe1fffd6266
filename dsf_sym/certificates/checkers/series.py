"""Check to which order in a signal two layers agree: their steps as power series, exactly.

The signal, say Δ, is put to ε Δ in both. The new states are then series in ε. Below the order the
coefficients agree as fractions in the entries of everything else; at it they differ at one point,
in balls that do not meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ...arithmetic.poly import frac
from ...arithmetic.scalars import Balls
from ...arithmetic.sparse import Sparse, SparseAlgebra, from_flat
from ...arithmetic.universe import Universe
from ...automata.automaton import entry_name
from ...automata.run import count
from ...errors import Rejected
from ...language.domains import POSITIVE
from ...language.evaluate import Sizes, evaluate, shape_of
from ...language.graph import walk
from ...language.layer import Layer, Signal
from ...language.spec import deserialise
from ...language.tensor import Function
from .power_series import SeriesRing
from .tokens import at_sizes, read_sizes, read_values, require_inside

HIGHEST = 12
EXPANDED = {"inverse", "exp", "cos", "sin", "log", "sqrt", "sigmoid", "softplus", "tanh"}


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The steps agree below the order, and differ at it, by the claimed term where one is given."""
    a, b = layers
    sizes = read_sizes(data["sizes"])
    order, small = int(data["order"]), str(data["in"])
    if not 0 <= order <= HIGHEST or any(x.signal(small).kind == "state" for x in layers):
        raise Rejected(f"the order is between 0 and {HIGHEST}, in a token or weight")
    roots = [y for x in layers for y in x.step.values()]
    called = {x.name for x in walk(*roots) if isinstance(x, Function)}
    if called - EXPANDED:
        raise Rejected(f"{', '.join(sorted(called - EXPANDED))} has no power series")
    universe = Universe()
    symbols = _symbols(layers, sizes, universe)
    gaps = step_gaps(layers, symbols, SeriesRing(universe, order), small, sizes)
    for name, gap in gaps.items():
        for x in gap.entries.values():
            if not all(universe.is_zero(v) for v in x.terms[:order]):
                raise Rejected(f"the new {name} differs below order {order}")
    if "term" in data:
        _require_term(gaps, data["term"], symbols, universe, order, sizes)
    shown = _difference(layers, data, small, order, sizes)
    steps = f"the steps of {a.name} and {b.name}{at_sizes(sizes)}"
    return f"{steps} differ at order {order} in {small}: {shown}"


def step_gaps(
    layers: list[Layer], values: Mapping[str, Sparse], ring: SeriesRing, small: str, sizes: Sizes
) -> dict[str, Sparse]:
    """The new states of the first layer less those of the second, by name, as series in ε."""
    a, b = layers
    names = list(a.step)
    if {n: a.signal(n).dims for n in names} != {n: b.signal(n).dims for n in b.step}:
        raise Rejected("the layers have different states")
    known = {
        name: x.map(ring.times_small if name == small else ring.constant)
        for name, x in values.items()
    }
    algebra = SparseAlgebra(ring, sizes)
    found = [evaluate([x.step[name] for name in names], known, algebra) for x in layers]
    zero = ring.number(Fraction(0))
    return {
        name: Sparse(
            x.shape, {i: x.entries.get(i, zero) - y.entries.get(i, zero) for i in x.indices()}
        )
        for name, x, y in zip(names, *found, strict=True)
    }


def _require_term(
    gaps: Mapping[str, Sparse],
    claimed: Any,
    symbols: Mapping[str, Sparse],
    universe: Universe,
    order: int,
    sizes: Sizes,
) -> None:
    """The coefficients at the order are the claimed ones, state by state."""
    terms = deserialise(claimed)
    made = evaluate(list(terms.values()), symbols, SparseAlgebra(universe, sizes))
    values = dict(zip(terms, made, strict=True))
    for name, gap in gaps.items():
        for index, x in gap.entries.items():
            wanted = values[name].entries.get(index, frac(0)) if name in values else frac(0)
            if not universe.is_zero(x.terms[order] - wanted):
                raise Rejected(f"the term of order {order} is {universe.show(x.terms[order])}")


def _difference(
    layers: list[Layer], data: Mapping[str, Any], small: str, order: int, sizes: Sizes
) -> str:
    """A coefficient at the order that is not 0 at the point of the certificate."""
    point = read_values(data["point"])
    balls = Balls(int(data["bits"]))
    with balls.precision():
        values = {}
        for s in _signals(layers).values():
            if s.kind == "state":
                if len(point[s.name]) != count(s, sizes):
                    raise Rejected(f"the point: {s.name} needs {count(s, sizes)} entries")
            else:
                require_inside(s, point, sizes, "the point")
            values[s.name] = from_flat(
                shape_of(s.dims, sizes), [balls.number(x) for x in point[s.name]]
            )
        zero = balls.number(Fraction(0))
        for name, gap in step_gaps(layers, values, SeriesRing(balls, order), small, sizes).items():
            for x in gap.entries.values():
                if balls.differ(x.terms[order], zero):
                    return f"the new {name} by {balls.show(x.terms[order])} at a point"
    raise Rejected(f"the steps are not shown to differ at order {order}")


def _signals(layers: list[Layer]) -> dict[str, Signal]:
    return {s.name: s for layer in layers for s in layer.signals}


def _symbols(layers: list[Layer], sizes: Sizes, universe: Universe) -> dict[str, Sparse]:
    """A variable for every entry of every signal and state."""
    out = {}
    for s in _signals(layers).values():
        shape = shape_of(s.dims, sizes)
        positive = s.kind != "state" and s.domain.interval.within(POSITIVE.interval)
        whole = Sparse(shape, {})
        out[s.name] = Sparse(
            shape,
            {
                i: universe.entry(
                    entry_name(s.name, i), constant=s.kind == "constant", positive=positive
                )
                for i in whole.indices()
            },
        )
    return out
