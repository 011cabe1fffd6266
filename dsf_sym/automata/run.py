"""Run a layer's definition over a sequence of tokens, on any scalars."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

from ..arithmetic.scalars import Balls, Irrational, Rationals
from ..arithmetic.sparse import Scalars, Sparse, SparseAlgebra, from_flat
from ..language.evaluate import Sizes, evaluate, shape_of
from ..language.kernel import KernelLayer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..language.layer import Layer, Signal

Values = dict[str, list[Fraction]]


class Comparable(Scalars, Protocol):
    """Scalars that can also be told apart and shown."""

    def differ(self, x: Any, y: Any) -> bool:
        """Whether the two are certainly different."""

    def show(self, x: Any) -> str:
        """Text."""


def run(
    layer: Layer, tokens: Sequence[Values], constants: Values, sizes: Sizes, scalars: Scalars
) -> list[list[Any]]:
    """The outputs y_0, y_1, ... of the definition, each row-major.

    tokens: for each step the signals, row-major exact rationals. constants: the weights. Signals
    that the layer does not have are ignored.
    """
    algebra = SparseAlgebra(scalars, sizes)

    def arrays(signals: list[Signal], values: Values) -> dict[str, Sparse]:
        return {
            s.name: from_flat(shape_of(s.dims, sizes), [scalars.number(x) for x in values[s.name]])
            for s in signals
        }

    fixed = arrays(layer.of_kind("constant"), constants)
    if isinstance(layer, KernelLayer):
        known = [{**fixed, **arrays(layer.of_kind("token"), token)} for token in tokens]
        return _run_over_the_past(layer, known, algebra)
    states = {
        s.name: fixed[layer.start[s.name]]
        if s.name in layer.start
        else Sparse(shape_of(s.dims, sizes), {})
        for s in layer.of_kind("state")
    }
    roots = [*layer.step.values(), layer.output]
    zero = scalars.number(Fraction(0))
    outputs = []
    for token in tokens:
        inputs = {**fixed, **states, **arrays(layer.of_kind("token"), token)}
        *new, y = evaluate(roots, inputs, algebra)
        states = dict(zip(layer.step, new, strict=True))
        shape = shape_of(layer.output.dims, sizes)
        outputs.append(Sparse(shape, y.entries).flat(zero))
    return outputs


def _run_over_the_past(
    layer: KernelLayer, tokens: Sequence[dict[str, Sparse]], algebra: SparseAlgebra
) -> list[list[Any]]:
    """The outputs of the definition by its sums over all tokens so far."""
    scalars, shape = algebra.scalars, shape_of(layer.output.dims, algebra.sizes)
    zero = scalars.number(Fraction(0))
    roots = [layer.output, layer.weight][: 1 + layer.normalised]
    past: list[dict[str, Sparse]] = []
    outputs = []
    for token in tokens:
        added = evaluate(list(layer.step.values()), token, algebra)
        past.append(dict(zip(layer.step, added, strict=True)))
        each = [evaluate(roots, {**token, **entry}, algebra) for entry in past]
        sums = [
            Sparse(shape, algebra.add(parts, layer.output.dims).entries).flat(zero)
            for parts in zip(*each, strict=True)
        ]
        y = sums[0]
        if layer.normalised:
            y = [n * scalars.function("inverse", w) for n, w in zip(*sums, strict=True)]
        outputs.append(y)
    return outputs


def outputs_on(
    layers: Sequence[Layer], tokens: Sequence[Values], constants: Values, sizes: Sizes, bits: int
) -> tuple[list[list[list[Any]]], Comparable]:
    """The outputs of several layers on one sequence: exactly where all are rational, else balls."""
    exact: Comparable = Rationals()
    try:
        return [run(x, tokens, constants, sizes, exact) for x in layers], exact
    except Irrational:
        balls = Balls(bits)
        with balls.precision():
            return [run(x, tokens, constants, sizes, balls) for x in layers], balls


def count(signal: Signal, sizes: Sizes) -> int:
    """The number of entries of a signal."""
    return prod(shape_of(signal.dims, sizes))
