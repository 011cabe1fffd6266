"""Check that no choice of weights and memoryless token maps makes a layer A into a layer B.

B's own form is minimal at the weights of its certificate, so any A with the same output has B's
form as a subquotient, up to an affine change of state: what holds for all transitions Λ of A, and
passes to invariant subspaces, quotients and conjugates, must hold for B's. It fails for B at exact
tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...automata.automaton import Automaton
from ...automata.run import Values
from ...derivation.affine import affine_layer
from ...errors import Rejected
from ...language.evaluate import Sizes
from ...language.layer import Layer
from . import every_transition as every
from . import minimality
from . import one_transition as one
from .tokens import read_values, require_inside


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The property of all of A's transitions, B's minimality, and B's tokens that break it."""
    a, b = layers
    sizes: Sizes = {str(k): int(v) for k, v in data["sizes"].items()}
    kind, proof = str(data["kind of obstruction"]), data["minimal"]
    if kind not in KINDS:
        raise Rejected(f"no obstruction is called {kind!r}")
    holds, broken = KINDS[kind]
    at_b = {n: sizes[n] for n in b.sizes}
    at_a = {n: sizes[n] for n in a.sizes}
    if {str(k): int(v) for k, v in proof["sizes"].items()} != at_b:
        raise Rejected("the minimality is proved at other sizes")
    if list(proof["hashes"]) != [b.hash] or proof["kind"] != "minimality":
        raise Rejected(f"the minimality is that of another layer, not of {b.name}")
    if affine_layer(a).denominator is not None:
        raise Rejected(f"{a.name} is a ratio; the obstructions are about affine readouts")
    minimality.check([b], proof)
    states = Automaton((b,), at_b).width - 1
    if int(proof["state"]) != states:
        raise Rejected(f"the form of {b.name} is not minimal, so its transitions prove nothing")
    said = holds(a, at_a, states)
    constants = read_values(proof["table"]["constants"])
    tokens = [read_values(t) for t in data["tokens"]]
    for s in b.of_kind("token"):
        for i, token in enumerate(tokens):
            require_inside(s, token, at_b, f"token {i}")
    told = broken(b, at_b, tokens, constants)
    return f"{a.name} does not contain {b.name}: {said}, {told}"


KINDS: dict[
    str,
    tuple[
        Callable[[Layer, Sizes, int], str],
        Callable[[Layer, Sizes, list[Values], Values], str],
    ],
] = {
    "smaller state": (every.is_small, one.needs_more),
    "identity transitions": (every.is_identity, one.not_identity),
    "constant transitions": (every.is_constant, one.not_constant),
    "scalar transitions": (every.is_scalar, one.not_scalar),
    "commuting transitions": (every.commutes, one.not_commuting),
    "positive eigenvalues": (every.is_positive, one.negative_determinant),
}
