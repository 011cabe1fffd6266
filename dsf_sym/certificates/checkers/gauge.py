"""Check that a change of basis that moves with the token keeps a layer and changes its spectrum.

The step map proves the two layers equal; at exact tokens the traces of Λ of one state, and so its
eigenvalues, differ. What the layers share is the operator: C_i B_i + D_i and all C_i Λ_i ... B_j.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ...arithmetic.scalars import Balls
from ...errors import Rejected
from ...language.evaluate import Sizes
from ...language.layer import Layer
from . import step_map
from .tokens import read_values, require_inside
from .transitions import at_tokens


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The step map, and two transitions of a state at the same tokens with different traces."""
    said = step_map.check(layers, data)
    sizes: Sizes = {str(k): int(v) for k, v in data["sizes of tokens"].items()}
    tokens = [read_values(t) for t in data["tokens"]]
    constants, of = read_values(data["constants"]), str(data["of"])
    traces = []
    balls = Balls(256)
    with balls.precision():
        for layer in layers:
            for s in layer.of_kind("constant"):
                require_inside(s, constants, sizes, "the constants")
            for s in layer.of_kind("token"):
                for i, token in enumerate(tokens):
                    require_inside(s, token, sizes, f"token {i}")
            found = at_tokens(layer, of, sizes, tokens, constants, 1).forms[0].transition
            total = balls.number(Fraction(0))
            for i, row in enumerate(found):
                x = row[i]
                total = total + (balls.number(x) if isinstance(x, Fraction) else x)
            traces.append(total)
        if not balls.differ(traces[0], traces[1]):
            raise Rejected(f"the traces of Λ of {of} are not shown to differ")
        shown = " and ".join(balls.show(x) for x in traces)
    return f"{said}; the traces of Λ of {of} are {shown} at one token"
