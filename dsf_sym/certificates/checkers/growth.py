"""Check that a factor that is carried along is bounded exactly where a sum over the tokens is.

With y_i = r(x_{i-1}, s_i) and x_i = f(x_{i-1}, s_i), as identities for all sizes,

    r(x_{-1}, s_0) = e^{ρ(s_0)}        r(f(x, s), s') = r(x, s) e^{ρ(s')}

so y_i = exp(Σ_{j <= i} ρ(s_j)). Where ρ is not negative y never falls: y <= M exactly where the
sums are at most log M.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ...errors import Rejected
from ...index.atoms import Form, atom_form
from ...index.forms import hadamard, signal_atom
from ...index.normal import step_form
from ...index.terms import FormAlgebra
from ...language.domains import Interval
from ...language.evaluate import evaluate
from ...language.graph import walk
from ...language.layer import Layer
from ...language.ranges import ranges
from ...language.spec import deserialise
from ...language.tensor import Input, Tensor, apply, text


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The two identities, and that no token makes the sum smaller."""
    (layer,) = layers
    summand = deserialise(data["sum"])["sum"]
    declared = {s.name: s for s in layer.signals if s.kind != "state"}
    if layer.output.dims or summand.dims:
        raise Rejected(f"the output of {layer.name} or the summand is no number")
    if any(n.name not in declared for n in walk(summand) if isinstance(n, Input)):
        raise Rejected(f"the summand {text(summand)} reads what is no token or weight")
    found = ranges([summand], layer.domains)[summand]
    if not found.within(Interval(low=Fraction(0), low_open=False)):
        raise Rejected(f"the summand {text(summand)} is shown to lie in {found}")
    first = step_form(layer, step_form(layer).start, time=0)
    if first.output != _factor(layer, summand, 0):
        raise Rejected("the first output is not e to the summand")
    one = step_form(layer, time=0)
    other = step_form(layer, one.new, time=1)
    if other.output != hadamard(one.output, _factor(layer, summand, 1)):
        raise Rejected("an output is not the last one times e to the summand")
    shown = text(summand)
    return (
        f"the output of {layer.name} is e to the sum of {shown} over the tokens so far, and is "
        "bounded exactly where that sum is"
    )


def _factor(layer: Layer, summand: Tensor, time: int) -> Form:
    """The exponential of the summand at the token of a time."""
    forms = {s.name: atom_form(signal_atom(s, time)) for s in layer.signals if s.kind != "state"}
    (made,) = evaluate([apply("exp", summand)], forms, FormAlgebra())
    return made
