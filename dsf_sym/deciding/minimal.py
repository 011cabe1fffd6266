"""The smallest state that computes a layer's map, with a certificate for both bounds.

Minimal state = dimension of the affine hull of the reachable states, modulo what no future shows.
Upper bound: a reachable subspace V and functionals O on it, closed under every token. Lower bound:
pasts and futures whose table of outputs, with a column of ones, is nonsingular.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from ..arithmetic.reconstruct import rational_rows
from ..arithmetic.span import Span
from ..automata.automaton import Automaton
from ..automata.closure import closure
from ..automata.modular import engine
from ..certificates.certificate import header
from ..certificates.checkers import recheck
from ..derivation.affine import affine_layer
from ..errors import NotAffine, Rejected
from ..language.evaluate import Sizes
from ..language.layer import Layer
from ..verdict import Question
from .constants import basis_over_constants
from .decide import complete_sizes
from .tables import find_table
from .witness import random_values

TOKENS = (3, 6, 12)
Row = dict[int, int]


@dataclass(frozen=True)
class Minimal:
    """What is known of the smallest state at given sizes, over the reals and generic weights.

    state: entries of the layer's own state. found: the minimal number that the search gives. lower,
    upper: what the certificate proves; equal to `found` when it is proved.
    """

    layer: str
    sizes: Sizes
    state: int
    found: int
    lower: int
    upper: int
    certificate: dict[str, Any] | None

    @property
    def status(self) -> str:
        """Whether both bounds are proved: proved or undecided."""
        return "proved" if self.lower == self.upper else "undecided"


def minimal(layer: Layer, sizes: Sizes | None = None, *, seed: int = 0) -> Minimal:
    """The smallest state of any affine layer over functions of the current token with this output.

    sizes: values of the size names, 2 where not given. Raises NotAffine, SizeError.
    """
    if affine_layer(layer).denominator is not None:
        raise NotAffine(
            f"minimal({layer.name}): the output divides by the state; a smallest state is derived "
            "for affine readouts only"
        )
    at = complete_sizes([layer], sizes)
    automaton = Automaton((layer,), at)
    reachable = closure(automaton, seed=seed).rows
    functionals = _observable(automaton, reachable, seed)
    state, found = automaton.width - 1, len(functionals) - 1
    data = header("minimality", Question(layer.name, "", sense="minimal state"), layer, None)
    data |= {"sizes": at, "state": found}
    upper, lower = state, 0
    reduced = _reduction(automaton, reachable, functionals, seed)
    for attempt in (reduced, None):
        data["reduction"] = attempt
        table = _table(layer, at, len(functionals), seed)
        if table is None or (attempt is None and found < state):
            continue
        data["table"] = table
        try:
            recheck(data)
        except Rejected:
            continue
        upper = lower = found
        break
    proved = data if lower == upper else None
    return Minimal(layer.name, at, state, found, lower, upper, proved)


def _observable(automaton: Automaton, reachable: list[Row], seed: int) -> list[Row]:
    """Functionals on the reachable space that futures show, the constant one included, reduced."""
    machine = engine(automaton, seed)
    dense = [[row.get(i, 0) for i in range(automaton.width)] for row in reachable]
    space = Span(len(dense))
    space.extend([[row[-1] for row in dense]])
    while space.extend(machine.observe(dense, max(4, space.rank))):
        pass
    return space.rows()


def _reduction(
    automaton: Automaton, reachable: list[Row], functionals: list[Row], seed: int
) -> dict[str, Any] | None:
    """The reachable basis, over the constants where it moves with them, and its functionals."""
    basis = rational_rows(reachable) or basis_over_constants(automaton, len(reachable), seed=seed)
    shown = rational_rows(functionals)
    return None if basis is None or shown is None else {"reachable": basis, "observable": shown}


def _table(layer: Layer, sizes: Sizes, size: int, seed: int) -> dict[str, Any] | None:
    """Pasts and futures whose table of outputs is nonsingular; None when no try finds one."""
    automaton, rng = Automaton((layer,), sizes), random.Random(seed)
    for count in TOKENS:
        constants = random_values(automaton, "constant", rng, 6)
        tokens = [random_values(automaton, "token", rng, 6) for _ in range(count)]
        found = find_table(layer, sizes, size, tokens, constants)
        if found is not None:
            return found
    return None
