"""Check that no affine state of N entries gives a layer's outputs: a table that is nonsingular.

With `h_i = Λ h_{i-1} + b` and `y_i = C h_i + e` over functions of the current token, the output
after a past and a future is a product of N + 1 numbers of the past and N + 1 of the future, so a
table of them, with the constant 1 as one future, has rank N + 1 at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import Rejected
from ...language.layer import Layer
from .minimality import require_rank
from .tokens import read_sizes


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """A nonsingular table of N + 2 pasts and futures at the sizes."""
    (layer,) = layers
    sizes = read_sizes(data["sizes"])
    states, table = int(data["states"]), data["table"]
    if states < 0:
        raise Rejected(f"a state of {states} entries is none")
    require_rank(layer, sizes, states + 2, table)
    at = ", ".join(f"{k}={v}" for k, v in sizes.items())
    return (
        f"no affine state of {states} entries over functions of the current token has the outputs "
        f"of {layer.name}{' at ' * bool(at)}{at}"
    )
