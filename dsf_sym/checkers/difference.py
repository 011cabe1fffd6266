"""Check a sequence of exact rational tokens on which two layers give different outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from ..errors import Rejected
from ..evaluate import Sizes
from ..layer import Layer, Signal
from ..run import Values, count, outputs_on


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """Tokens inside their domains, and outputs that are unequal rationals or disjoint balls."""
    a, b = layers
    sizes: Sizes = {str(k): int(v) for k, v in data["sizes"].items()}
    tokens = [_values(t) for t in data["tokens"]]
    constants = _values(data["constants"])
    for layer in layers:
        for s in layer.signals:
            if s.kind == "constant":
                require_inside(s, constants, sizes, "the constants")
            elif s.kind == "token":
                for i, token in enumerate(tokens):
                    require_inside(s, token, sizes, f"token {i}")
    (left, right), scalars = outputs_on(layers, tokens, constants, sizes, int(data["bits"]))
    for i, (y, z) in enumerate(zip(left, right, strict=True)):
        for j, (p, q) in enumerate(zip(y, z, strict=True)):
            if scalars.differ(p, q):
                return (
                    f"{a.name} != {b.name}: y_{i}[{j}] is {scalars.show(p)} and {scalars.show(q)} "
                    f"on {len(tokens)} tokens"
                )
    raise Rejected(f"the outputs of {a.name} and {b.name} do not differ on these tokens")


def _values(raw: Mapping[str, Sequence[str]]) -> Values:
    return {str(name): [Fraction(x) for x in xs] for name, xs in raw.items()}


def require_inside(s: Signal, values: Values, sizes: Sizes, where: str) -> None:
    """Raise Rejected unless the values of a signal fill its shape and lie in its domain."""
    if s.name not in values or len(values[s.name]) != count(s, sizes):
        raise Rejected(f"{where}: {s.name} needs {count(s, sizes)} entries")
    outside = [x for x in values[s.name] if x not in s.domain.interval]
    if outside:
        raise Rejected(f"{where}: {s.name} = {outside[0]} is outside {s.domain}")
    if s.domain.unit and sum(x * x for x in values[s.name]) != 1:
        raise Rejected(f"{where}: {s.name} does not have norm 1")
