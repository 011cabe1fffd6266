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
    definition = _Definition(layer, constants, SparseAlgebra(scalars, sizes))
    if isinstance(layer, KernelLayer):
        known = [{**definition.fixed, **definition.signals("token", t)} for t in tokens]
        return _run_over_the_past(layer, known, definition.algebra)
    return definition.run(definition.start, tokens)[1]


def last_outputs(
    layer: Layer,
    past: Sequence[Values],
    futures: Sequence[Sequence[Values]],
    constants: Values,
    sizes: Sizes,
    scalars: Scalars,
) -> list[list[Any]]:
    """The last output of `run` on the past and each of the futures; the past is run once."""
    if isinstance(layer, KernelLayer):
        return [run(layer, [*past, *f], constants, sizes, scalars)[-1] for f in futures]
    definition = _Definition(layer, constants, SparseAlgebra(scalars, sizes))
    states, _ = definition.run(definition.start, past)
    return [definition.run(states, future)[1][-1] for future in futures]


class _Definition:
    """A layer's definition at weights, on the scalars of an algebra."""

    def __init__(self, layer: Layer, constants: Values, algebra: SparseAlgebra) -> None:
        self.layer, self.algebra = layer, algebra
        self.fixed = self.signals("constant", constants)

    def signals(self, kind: str, values: Values) -> dict[str, Sparse]:
        """The signals of a kind as arrays."""
        number, sizes = self.algebra.scalars.number, self.algebra.sizes
        return {
            s.name: from_flat(shape_of(s.dims, sizes), [number(x) for x in values[s.name]])
            for s in self.layer.of_kind(kind)
        }

    @property
    def start(self) -> dict[str, Sparse]:
        """The states before the first token."""
        return {
            s.name: self.fixed[self.layer.start[s.name]]
            if s.name in self.layer.start
            else Sparse(shape_of(s.dims, self.algebra.sizes), {})
            for s in self.layer.of_kind("state")
        }

    def run(
        self, states: dict[str, Sparse], tokens: Sequence[Values]
    ) -> tuple[dict[str, Sparse], list[list[Any]]]:
        """The states after the tokens, and the output at each of them."""
        layer = self.layer
        roots = [*layer.step.values(), layer.output]
        zero = self.algebra.scalars.number(Fraction(0))
        shape = shape_of(layer.output.dims, self.algebra.sizes)
        outputs = []
        for token in tokens:
            inputs = {**self.fixed, **states, **self.signals("token", token)}
            *new, y = evaluate(roots, inputs, self.algebra)
            states = dict(zip(layer.step, new, strict=True))
            outputs.append(Sparse(shape, y.entries).flat(zero))
        return states, outputs


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
