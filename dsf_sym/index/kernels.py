"""Sums over the past in index terms: what a token contributes, and the outputs by definition."""

from __future__ import annotations

from collections.abc import Iterator

from ..language.evaluate import evaluate
from ..language.kernel import KernelLayer
from .atoms import ONE, Form, atom_form, combine, input_atom
from .forms import hadamard, signal_atom
from .terms import FormAlgebra, function_form


def contribution(layer: KernelLayer, now: int, then: int) -> tuple[Form, Form]:
    """What the token of time `then` adds at time `now` to the weighed sum, and to its normaliser.

    Both have the shape of the output, for all sizes.
    """

    def at(time: int) -> dict[str, Form]:
        return {s.name: atom_form(signal_atom(s, time)) for s in layer.signals if s.kind != "state"}

    added = evaluate(list(layer.step.values()), at(then), FormAlgebra())
    inputs = {**at(now), **dict(zip(layer.step, added, strict=True))}
    weighed, weight = evaluate([layer.output, layer.weight], inputs, FormAlgebra())
    return weighed, weight


def past_outputs(layer: KernelLayer, length: int) -> Iterator[Form]:
    """The outputs y_0, y_1, ... by the definition, tokens labelled by their time."""
    dims = layer.output.dims
    for now in range(length):
        terms = [contribution(layer, now, then) for then in range(now + 1)]
        y, weight = (
            combine([(form, ONE) for form in forms], dims) for forms in zip(*terms, strict=True)
        )
        yield hadamard(y, function_form("inverse", weight)) if layer.normalised else y


def kernel_form(layer: KernelLayer) -> Form:
    """The kernel κ(q_i, k_j) over the signals of a token and the entries of the cache."""
    inputs = {
        s.name: atom_form(
            input_atom(s.name, s.dims, kind="constant" if s.kind == "state" else s.kind)
        )
        for s in layer.signals
    }
    (form,) = evaluate([layer.kernel], inputs, FormAlgebra())
    return form
