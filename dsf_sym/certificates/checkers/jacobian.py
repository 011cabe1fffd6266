"""Check the smallest continuous state of a layer: `h_i = f(h_{i-1}, s_i)`, `y_i = g(h_{i-1}, s_i)`.

Later outputs are functions of h after the past. Where their derivative by the past's tokens has
rank r, they tell apart all points of some r-dimensional ball of pasts, so that h does; a continuous
map that tells such points apart leads into r dimensions at least (invariance of domain). The layer
itself, where its step and output have no jumps, is such a form, with the entries of its state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ...arithmetic.scalars import Balls, Irrational, Rationals
from ...automata.run import Values, count, run
from ...errors import Rejected
from ...language.evaluate import Sizes
from ...language.graph import walk
from ...language.layer import Layer
from ...language.tensor import BRANCHING, Function
from .minimality import full_rank
from .tokens import read_inside, read_sizes


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The derivative has as many independent rows as the state of the layer has entries."""
    (layer,) = layers
    sizes = read_sizes(data["sizes"])

    def read(tokens: Sequence[Mapping[str, Any]]) -> list[Values]:
        return [read_inside([layer], "token", t, sizes, "a token") for t in tokens]

    constants = read_inside([layer], "constant", data["constants"], sizes, "the constants")
    past, futures = read(data["past"]), [read(future) for future in data["futures"]]
    graphs = (*layer.step.values(), layer.output)
    if any(isinstance(n, Function) and n.name == "step" for n in walk(*graphs)):
        raise Rejected(f"the step or the output of {layer.name} jumps, and is no continuous map")
    for s in layer.of_kind("token"):
        for t in past:
            _require_interior(layer, s.name, t)
    if not past or not futures or any(not f for f in futures):
        raise Rejected("there are to be a past and futures of at least one token")
    states = sum(count(s, sizes) for s in layer.of_kind("state"))
    try:
        base: Any = Rationals()
        rank = _rank(layer, past, futures, constants, sizes, base)
    except Irrational:
        base = Balls(int(data["bits"]))
        with base.precision():
            rank = _rank(layer, past, futures, constants, sizes, base)
    if rank < states:
        raise Rejected(f"the derivative is shown to have rank {rank}, the state has {states}")
    at = ", ".join(f"{k}={v}" for k, v in sizes.items())
    return (
        f"the smallest continuous state of {layer.name}{' at ' * bool(at)}{at} has {rank} entries"
    )


def _require_interior(layer: Layer, name: str, token: Values) -> None:
    domain = layer.signal(name).domain
    ends = (domain.interval.low, domain.interval.high)
    if domain.unit or domain.values is not None or any(x in ends for x in token[name]):
        raise Rejected(f"{name} of the past does not lie inside an interval of its values")


def _rank(
    layer: Layer,
    past: Sequence[Values],
    futures: Sequence[Sequence[Values]],
    constants: Values,
    sizes: Sizes,
    base: Any,
) -> int:
    scalars = Duals(base)
    one = base.number(Fraction(1))
    rows: list[list[Any]] = []
    for at, token in enumerate(past):
        for name in (s.name for s in layer.of_kind("token")):
            for entry, x in enumerate(token[name]):
                moved: list[dict[str, list[Any]]] = [dict(t) for t in past]
                moved[at][name] = list(token[name])
                moved[at][name][entry] = Dual(base.number(x), one)
                row: list[Any] = []
                for future in futures:
                    shown = run(layer, [*moved, *future], constants, sizes, scalars)
                    row += [y.slope for outputs in shown[len(past) :] for y in outputs]
                rows.append(row)
    found = full_rank(rows, base)
    return 0 if found is None else len(found[0])


@dataclass(frozen=True)
class Dual:
    """A value and its derivative."""

    value: Any
    slope: Any

    def __add__(self, other: Dual) -> Dual:
        return Dual(self.value + other.value, self.slope + other.slope)

    def __sub__(self, other: Dual) -> Dual:
        return Dual(self.value - other.value, self.slope - other.slope)

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.slope)

    def __mul__(self, other: Dual) -> Dual:
        slope = self.slope * other.value + self.value * other.slope
        return Dual(self.value * other.value, slope)


@dataclass(frozen=True)
class Duals:
    """Values with derivatives, over scalars."""

    base: Any

    def number(self, value: Any) -> Dual:
        """A rational number, or a dual one already."""
        if isinstance(value, Dual):
            return value
        return Dual(self.base.number(value), self.base.number(Fraction(0)))

    def is_zero(self, x: Dual) -> bool:
        """Whether the value and its derivative are 0."""
        return bool(self.base.is_zero(x.value) and self.base.is_zero(x.slope))

    def function(self, name: str, x: Dual) -> Dual:
        """A function with its derivative; Rejected where it may have none."""
        base = self.base
        y = base.function(name, x.value)
        one, zero = base.number(Fraction(1)), base.number(Fraction(0))
        if name in BRANCHING:
            if not base.differ(x.value, zero):
                raise Rejected(f"{name} has no derivative at 0")
            positive = bool(x.value > zero)
            left = y + one if name == "elu" else zero
            slope = zero if name == "step" else one if positive else left
        elif name == "inverse":
            slope = -y * y
        elif name == "exp":
            slope = y
        elif name == "log":
            slope = base.function("inverse", x.value)
        elif name == "sqrt":
            slope = base.function("inverse", y + y)
        elif name == "sigmoid":
            slope = y * (one - y)
        elif name == "tanh":
            slope = one - y * y
        elif name == "softplus":
            slope = base.function("sigmoid", x.value)
        elif name in ("cos", "sin"):
            turned = base.function("sin" if name == "cos" else "cos", x.value)
            slope = -turned if name == "cos" else turned
        else:
            raise Rejected(f"no derivative of {name} is known")
        return Dual(y, slope * x.slope)
