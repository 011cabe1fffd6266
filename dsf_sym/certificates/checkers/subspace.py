"""Check a subspace V that contains the start, is closed under every token and reads out as zero.

With x = (h; h'; 1): x_* in V, J(s) V in V and r(s) x = r'(s) x on V, as identities in the token s.
That is the induction over the length: every reachable x lies in V, so the outputs agree for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...arithmetic.poly import frac
from ...arithmetic.sparse import Sparse
from ...arithmetic.universe import Universe
from ...automata.automaton import Automaton, Branch, exact_action, start_vector
from ...errors import Rejected
from ...language.layer import Layer
from .linear import Space, read_row
from .tokens import read_sizes


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The three identities for the basis in the certificate, at its sizes."""
    sizes = read_sizes(data["sizes"])
    automaton = Automaton(tuple(layers), sizes)
    universe = Universe()
    branches = [Branch(automaton, universe, letter) for letter in automaton.letters()]
    actions = [exact_action(branch) for branch in branches]
    basis = [read_row(entries, universe, automaton.width) for entries in data["basis"]]
    space = Space(basis, universe)
    for branch in branches:
        space.require(start_vector(automaton, branch.symbols, frac(1)), "x_* in V")
    for row, vector in enumerate(basis):
        for action in actions:
            for left, right in zip(*action.outputs(vector), strict=True):
                _same(left, right, row, universe)
            space.require(action.step(vector), f"J(s) V in V on basis vector {row}")
    at = f" at {', '.join(f'{k}={v}' for k, v in sizes.items())}" if sizes else ""
    return f"{layers[0].name} = {layers[1].name} for all lengths{at}"


def _same(left: Sparse, right: Sparse, row: int, universe: Universe) -> None:
    for index in left.entries.keys() | right.entries.keys():
        zero = left.entries.get(index, frac(0)) - right.entries.get(index, frac(0))
        if not universe.is_zero(zero):
            raise Rejected(
                f"r(s) x = r'(s) x fails on basis vector {row}, output {list(index)}: "
                f"the difference is {universe.show(zero)[:200]}"
            )
