"""Coefficients that read the history: why they make the size of a state an empty question."""

from __future__ import annotations

from dataclasses import replace

from ..deciding.decide import compare
from ..errors import LanguageError
from ..language.functions import outer
from ..language.layer import Layer
from ..verdict import Verdict
from .settling import layer_of


def needs_no_state_with_history(layer: Layer | str, *, carried: str | None = None) -> Verdict:
    """Whether a skip whose D_i reads the history has the outputs of a layer, without any state.

    `D_i = y_i u_iᵀ / |u_i|²` with y_i the layer's own output, so that y_i = D_i u_i wherever u_i is
    not 0; shown for inputs of norm 1, which the question names as its domain. The layers that are
    compared are the layer, and its output behind that skip. Raises UnknownName, LanguageError for
    an input or output that is no vector.
    """
    made = layer_of(layer)
    u = carried or made.input_name
    call = f"needs_no_state_with_history({made.name})"
    if u is None:
        raise LanguageError(f"{call}: name its input, carried=...")
    signal = made.signal(u)
    if len(signal.dims) != 1 or len(made.output.dims) != 1:
        raise LanguageError(f"{call}: {signal} and the output are to be vectors")
    unit = made.with_signal(replace(signal, domain=replace(signal.domain, unit=True)))
    skip = outer(unit.output, signal.tensor) @ signal.tensor
    behind = replace(unit, name=f"{made.name} by a skip", output=skip, matrices=(), others=())
    return compare(made, behind)
