"""Check that no choice of weights and memoryless token maps makes a layer A into a layer B.

What holds for A at all of its tokens holds for whatever it is made into, and fails for B at exact
tokens. A property of the outputs needs no more. A property of the form needs B's form to be minimal
at the weights of the certificate: then B's form is a subquotient of A's, up to an affine change of
state, and the property has to pass to invariant subspaces, quotients and conjugates; with as many
states as B has, A's form is B's up to that change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...automata.automaton import Automaton
from ...automata.run import Values
from ...derivation.affine import affine_layer
from ...errors import Rejected
from ...language.evaluate import Sizes
from ...language.layer import Layer
from . import (
    every_output,
    every_transition,
    every_write,
    minimality,
    one_output,
    one_transition,
    one_write,
)
from .everywhere import Everywhere
from .exact import Exact, exact
from .tokens import read_sequence, read_sizes, read_values


@dataclass(frozen=True)
class OfForm:
    """A property of Λ, b and the readout: what holds for A, and what fails for B at `tokens`."""

    tokens: int
    holds: Callable[[Everywhere, int], str]
    fails: Callable[[Exact], str]


@dataclass(frozen=True)
class OfOutput:
    """A property of outputs on one or two tokens: what holds for A, and what fails for B."""

    tokens: int
    holds: Callable[[Layer, Sizes], str]
    fails: Callable[[Layer, Sizes, Sequence[Values], Values], str]


OF_FORM = {
    "identity transitions": OfForm(1, every_transition.is_identity, one_transition.not_identity),
    "constant transitions": OfForm(2, every_transition.is_constant, one_transition.not_constant),
    "scalar transitions": OfForm(1, every_transition.is_scalar, one_transition.not_scalar),
    "commuting transitions": OfForm(2, every_transition.commutes, one_transition.not_commuting),
    "transitions near the identity": OfForm(
        1, every_transition.is_near_identity, one_transition.far_from_identity
    ),
    "positive eigenvalues": OfForm(1, every_transition.is_positive, one_transition.not_positive),
    "no negative eigenvalues": OfForm(1, every_transition.is_not_negative, one_transition.negative),
    "eigenvalues below 1": OfForm(1, every_transition.is_below_one, one_transition.not_below_one),
    "eigenvalues up to 1": OfForm(1, every_transition.is_at_most_one, one_transition.above_one),
    "no write where nothing is forgotten": OfForm(
        1, every_write.writes_where_it_forgets, one_write.writes_at_identity
    ),
    "readout of the new state": OfForm(1, every_write.reads_new_state, one_write.reads_more),
    "readout of the old state": OfForm(12, every_write.reads_old_state, one_write.reads_otherwise),
    "constant readout": OfForm(3, every_write.reads_new_state_alike, one_write.reads_differently),
}
OF_OUTPUT = {
    "one direction": OfOutput(3, every_output.leaves_one_direction, one_output.several_directions),
    "averages": OfOutput(2, every_output.averages, one_output.beyond_both),
}
RANK = "rank of outputs"
KINDS = (RANK, *OF_FORM, *OF_OUTPUT)


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The property of A, B's table of outputs where it is about the form, and where B breaks it."""
    a, b = layers
    sizes = read_sizes(data["sizes"])
    kind = str(data["kind of obstruction"])
    if kind not in KINDS:
        raise Rejected(f"no obstruction is called {kind!r}")
    at_a, at_b = ({n: sizes[n] for n in x.sizes} for x in (a, b))
    if kind == RANK:
        states = every_output.is_small(a, at_a)
        minimality.require_rank(b, at_b, states + 2, data["table"])
        told = f"the state of {a.name} has {states} entries, and that of {b.name} needs more"
        return f"{a.name} does not contain {b.name}: {told}"
    tokens, constants = read_sequence([b], data, at_b)
    if kind in OF_OUTPUT:
        about = OF_OUTPUT[kind]
        _require_tokens(tokens, about.tokens)
        said, told = about.holds(a, at_a), about.fails(b, at_b, tokens, constants)
        return f"{a.name} does not contain {b.name}: {said}, {told}"
    for layer in layers:
        if affine_layer(layer).denominator is not None:
            raise Rejected(f"{layer.name} is a ratio, and {kind} are about affine readouts")
    states = Automaton((b,), at_b).width - 1
    minimality.require_rank(b, at_b, states + 1, data["table"])
    if read_values(data["table"]["constants"]) != constants:
        raise Rejected(f"{b.name} is shown to be minimal at other weights")
    of_form = OF_FORM[kind]
    _require_tokens(tokens, of_form.tokens)
    said = of_form.holds(Everywhere(a, at_a), states)
    told = of_form.fails(exact(Automaton((b,), at_b), tokens, constants))
    return f"{a.name} does not contain {b.name}: {said}, {told}"


def _require_tokens(tokens: Sequence[Values], count: int) -> None:
    if len(tokens) != count:
        raise Rejected(f"this obstruction needs {count} tokens, not {len(tokens)}")
