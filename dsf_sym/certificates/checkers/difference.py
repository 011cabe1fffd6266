"""Check a sequence of exact rational tokens on which two layers give different outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...automata.run import outputs_on
from ...errors import Rejected
from ...language.layer import Layer
from .tokens import read_sequence, read_sizes


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """Tokens inside their domains, and outputs that are unequal rationals or disjoint balls."""
    a, b = layers
    sizes = read_sizes(data["sizes"])
    tokens, constants = read_sequence(layers, data, sizes)
    (left, right), scalars = outputs_on(layers, tokens, constants, sizes, int(data["bits"]))
    for i, (y, z) in enumerate(zip(left, right, strict=True)):
        for j, (p, q) in enumerate(zip(y, z, strict=True)):
            if scalars.differ(p, q):
                return (
                    f"{a.name} != {b.name}: y_{i}[{j}] is {scalars.show(p)} and {scalars.show(q)} "
                    f"on {len(tokens)} tokens"
                )
    raise Rejected(f"the outputs of {a.name} and {b.name} do not differ on these tokens")
