"""Check a subspace of the product of two automata on which two ratios of readouts agree.

`x_* (x) x'_* in V`, `(J (x) J') V in V`, `(N (x) D' - D (x) N') V = 0` as identities in the token:
then N D' = D N' after every sequence, so the ratios agree wherever neither denominator is zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...arithmetic.poly import frac
from ...arithmetic.universe import Universe
from ...automata.automaton import Automaton, Branch, exact_action, start_vector
from ...automata.product import Frame
from ...errors import Rejected
from ...language.layer import Layer
from .linear import Space, read_row
from .tokens import read_sizes


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The three identities for the basis in the certificate, at its sizes."""
    sizes = read_sizes(data["sizes"])
    automaton = Automaton(tuple(layers), sizes)
    frame, universe = Frame(automaton), Universe()
    branches = [Branch(automaton, universe, letter) for letter in automaton.letters()]
    tokens = [frame.factors(exact_action(branch), frac(1)) for branch in branches]
    basis = [read_row(entries, universe, frame.width) for entries in data["basis"]]
    space = Space(basis, universe)
    for branch in branches:
        start = start_vector(automaton, branch.symbols, frac(1))
        space.require(frame.start(start), "x_* (x) x'_* in V")
    for row, vector in enumerate(basis):
        for factors in tokens:
            for output, value in frame.outputs(factors, vector).items():
                if not universe.is_zero(value):
                    raise Rejected(
                        f"N D' = D N' fails on basis vector {row}, output {output}: the difference "
                        f"is {universe.show(value)[:200]}"
                    )
            space.require(frame.step(factors, vector), f"(J (x) J') V in V on basis vector {row}")
    at = ", ".join(f"{k}={v}" for k, v in sizes.items())
    return f"{layers[0].name} = {layers[1].name} for all lengths at {at}, as ratios"
