"""Layers whose Markov parameters tell whether they agree, over signals that fill open sets."""

from __future__ import annotations

from collections.abc import Sequence

from ...arithmetic.sparse import Sparse
from ...derivation.affine import split
from ...errors import NotAffine, Rejected
from ...language.domains import REAL
from ...language.evaluate import shape_of
from ...language.graph import walk
from ...language.layer import Layer, Signal
from ...language.tensor import BRANCHING, Function
from .window import Window, entries_of


def require_comparable(layers: Sequence[Layer], bound: Sequence[str]) -> str:
    """The common input of two layers that start from zero; free signals must fill open sets."""
    inputs = {layer.input_name for layer in layers}
    if len(inputs) > 1 or None in inputs:
        raise Rejected("the layers have no common input")
    (name,) = inputs
    for layer in layers:
        if layer.start:
            raise Rejected(f"{layer.name} does not start from zero")
        graphs = [*layer.step.values(), layer.output]
        if any(isinstance(n, Function) and n.name in BRANCHING for n in walk(*graphs)):
            raise Rejected(f"{layer.name} branches, and its outputs are no polynomials")
        if layer.signal(str(name)).domain != REAL:
            raise Rejected(f"the input {name} does not range over the reals")
        for s in layer.signals:
            if s.kind != "state" and s.name not in bound:
                _require_open(s)
    if name in bound:
        raise Rejected(f"the input {name} is not free")
    return str(name)


def _require_open(s: Signal) -> None:
    """Refuse a free signal whose values fill no open set: polynomials could vanish on them."""
    interval = s.domain.interval
    point = interval.low is not None and interval.low == interval.high
    if s.domain.unit or s.domain.values or point:
        raise Rejected(f"{s.name} is free, and its values, {s.domain}, fill no open set")


def require_at_rest(window: Window) -> None:
    """Refuse layers that add to their state or output without an input."""
    for layer in window.layers:
        nothing = Sparse(shape_of(layer.signal(str(layer.input_name)).dims, window.sizes), {})
        found = window.step(layer, window.length - 1, window.rest(layer), nothing)
        if any(entries_of(x, Sparse((), {})) for x in found):
            raise Rejected(f"{layer.name} adds to its state or output without an input")


def require_linear(layers: Sequence[Layer]) -> None:
    """Refuse layers not affine in states and input together: contributions would not add up."""
    for layer in layers:
        moved = frozenset((*layer.step, str(layer.input_name)))
        for name, x in (*layer.step.items(), ("the output", layer.output)):
            try:
                split(x, moved, name)
            except NotAffine as error:
                raise Rejected(f"{layer.name}, states and input together: {error}") from None
