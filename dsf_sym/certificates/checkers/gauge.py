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
from ...language.layer import Layer
from . import step_map
from .tokens import read_sequence, read_sizes
from .transitions import at_tokens


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The step map, and two transitions of a state at the same tokens with different traces."""
    said = step_map.check(layers, data)
    sizes = read_sizes(data["sizes of tokens"])
    tokens, constants = read_sequence(layers, data, sizes)
    of = str(data["of"])
    traces = []
    balls = Balls(256)
    with balls.precision():
        for layer in layers:
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
