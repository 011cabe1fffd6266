"""Check that every entry of a layer's output lies in an interval, or that a sequence leaves it.

Four ways to be sure: interval arithmetic over whole domains and an invariant of the states, for all
sizes and lengths; signs of coefficients, for an output without a state; Sturm's count of the real
roots, for a polynomial in one number; and interval arithmetic on the parts of a bounded domain.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import prod
from typing import Any

from ...arithmetic.poly import Frac, frac
from ...arithmetic.scalars import Balls
from ...automata.run import outputs_on
from ...errors import Rejected
from ...language.domains import Interval
from ...language.evaluate import Sizes, shape_of
from ...language.kernel import KernelLayer
from ...language.layer import Layer
from ...language.ranges import ranges
from ...language.tensor import Input, Product
from .enclosure import interval
from .everywhere import Everywhere, Form
from .parts import hold_on_parts
from .sturm import roots_between
from .tokens import read_sequence, read_sizes


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The interval holds all outputs by the method that is named, or misses one at the tokens."""
    (layer,) = layers
    inside, method = interval(str(data["inside"])), str(data["method"])
    if method == "ranges":
        return _by_ranges(layer, inside)
    sizes = read_sizes(data["sizes"])
    if method == "tokens":
        return _left(layer, inside, sizes, data)
    if layer.step:
        raise Rejected(f"{layer.name} has a state; {method} is about outputs without one")
    if method == "parts":
        seen = hold_on_parts(layer, inside, sizes)
        return f"{_said(layer, inside)}, on each of {seen} parts of the domain"
    if method not in ("signs", "roots"):
        raise Rejected(f"no method {method!r}")
    for form in Everywhere(layer, sizes).forms:
        # An entry that is 0 has no place in the readout.
        for place in range(prod(shape_of(layer.output.dims, sizes))):
            value = form.readout.get((place, 0), frac(0))
            for side, end, is_open in _sides(inside):
                shifted = value * frac(side) - frac(side * end)
                (_by_signs if method == "signs" else _by_roots)(layer, form, shifted, is_open)
    return _said(layer, inside)


def _said(layer: Layer, inside: Interval) -> str:
    return f"the output of {layer.name} always lies in {inside}"


def _sides(x: Interval) -> list[tuple[int, Fraction, bool]]:
    """`side * (value - end)` is positive, or not negative where the end is closed."""
    ends = ((1, x.low, x.low_open), (-1, x.high, x.high_open))
    return [(side, end, is_open) for side, end, is_open in ends if end is not None]


def _by_ranges(layer: Layer, inside: Interval) -> str:
    if isinstance(layer, KernelLayer):
        return _by_means(layer, inside)
    domains = layer.state_domains(layer.open_denominators)
    found = ranges([layer.output], domains, layer.open_denominators)[layer.output]
    if not found.within(inside):
        raise Rejected(f"the output of {layer.name} is shown to lie in {found}")
    return _said(layer, inside)


def _by_means(layer: KernelLayer, inside: Interval) -> str:
    """A mean with weights of one sign lies where the values do."""
    value, factor = layer.step[layer.value], layer.output
    if isinstance(factor, Product):
        factor = factor.right
    if not (layer.normalised and isinstance(factor, Input) and factor.name == layer.value):
        raise Rejected(f"{layer.name} is no mean of values")
    if layer.open_denominators:
        raise Rejected(f"{layer.name}: its weights are not shown to have one sign")
    if not ranges([value], layer.domains)[value].within(inside):
        raise Rejected(f"{layer.name}: its values are not shown to lie in {inside}")
    return f"the output of {layer.name} is a mean of values in {inside}"


def _by_signs(layer: Layer, form: Form, x: Frac, is_open: bool) -> None:
    if not (form.signs.positive(x) if is_open else form.signs.not_negative(x)):
        raise Rejected(f"{layer.name}: the signs of the coefficients do not tell")


def _by_roots(layer: Layer, form: Form, x: Frac, is_open: bool) -> None:
    """A polynomial in one unknown without a root in its interval, and positive at a point of it."""
    universe = form.signs.universe
    unknowns = universe.below(x.variables())
    if len(unknowns) != 1 or universe.variables[unknowns[0]].kind != "entry" or x.den.variables():
        raise Rejected(f"{layer.name}: the output is no polynomial in one number")
    (v,) = unknowns
    own = form.signs.intervals.get(universe.variables[v].name, Interval())
    powers: dict[int, Fraction] = {}
    for monomial, c in x.num.terms.items():
        powers[sum(e for _, e in monomial)] = Fraction(c) / Fraction(x.den.terms[()])
    polynomial = [powers.get(i, Fraction(0)) for i in range(max(powers) + 1)]
    at = _point(own)
    value = sum(c * at**i for i, c in enumerate(polynomial))
    if value <= 0 or roots_between(polynomial, own.low, own.high):
        raise Rejected(f"{layer.name}: the polynomial {polynomial} is not positive on {own}")


def _point(x: Interval) -> Fraction:
    if x.low is not None and x.high is not None:
        return (x.low + x.high) / 2
    return x.low + 1 if x.low is not None else x.high - 1 if x.high is not None else Fraction(0)


def _left(layer: Layer, inside: Interval, sizes: Sizes, data: Mapping[str, Any]) -> str:
    """The last output has an entry that certainly lies outside."""
    tokens, constants = read_sequence([layer], data, sizes)
    bits = int(data["bits"])
    (outputs,), scalars = outputs_on([layer], tokens, constants, sizes, bits)
    for i, value in enumerate(outputs[-1]):
        low, high = (value, value) if isinstance(value, Fraction) else Balls(bits).ends(value)
        if Interval(low, high, False, False).meet(inside).is_empty():
            shown = scalars.show(value)
            return f"the output {i} of {layer.name} is {shown}, outside {inside}"
    raise Rejected(f"the output of {layer.name} is not shown to leave {inside}")
