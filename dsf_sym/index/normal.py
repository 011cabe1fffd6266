"""A layer's step in index terms: one walk of the graph, sizes left symbols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import NotAffine
from ..language.evaluate import evaluate
from ..language.kernel import KernelLayer
from ..language.layer import Layer
from ..language.tensor import Dims
from .atoms import Form, atom_form, input_atom
from .terms import FormAlgebra, contract


@dataclass(frozen=True)
class Step:
    """The states, their new values, their start and the output, as forms."""

    states: dict[str, Form]
    new: dict[str, Form]
    start: dict[str, Form]
    output: Form


def step_form(
    layer: Layer, states: Mapping[str, Form] | None = None, *, time: int | None = None
) -> Step:
    """The step with states taken as atoms, or as given; `time` labels the tokens.

    Raises NotAffine for a sum over the past, which has no step.
    """
    if isinstance(layer, KernelLayer):
        raise NotAffine(layer.obstacle)
    forms = {
        s.name: atom_form(
            input_atom(
                s.name,
                s.dims,
                kind=s.kind,
                unit=s.domain.unit,
                time=time if s.kind == "token" else None,
            )
        )
        for s in layer.signals
    }
    own = {s.name: forms[s.name] for s in layer.of_kind("state")}
    forms.update(states or {})
    *new, output = evaluate([*layer.step.values(), layer.output], forms, FormAlgebra())
    start = {
        s.name: forms[layer.start[s.name]] if s.name in layer.start else Form(s.dims, {})
        for s in layer.of_kind("state")
    }
    return Step(
        states=dict(states or own),
        new=dict(zip(layer.step, new, strict=True)),
        start=start,
        output=output,
    )


def contract_axes(x: Form, spec: str, dims: Dims) -> Form:
    """A form with its axes permuted."""
    source, _, target = spec.partition("->")
    return contract([(x, source)], target, dims)
