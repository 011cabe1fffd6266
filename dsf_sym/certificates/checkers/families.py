"""Check signs, for x > 0 and every degree P, of functions made of T_P(x) = Σ_{p≤P} x^p / p!.

A function is a sum of products `c e^{kx} g(x)` with g one of 1, T_P(±x) and x^{P+a} / (P+a)!, which
is 0 for P + a < 0. Derivatives are of that kind again, as T_P' = T_P - x^P / P!. F >= 0 for x > 0
if F(0) >= 0 and F' >= 0; if F times some e^{mx}, or F over one x^{P+a} / (P+a)! that all its terms
have, is not negative; or if no coefficient is negative and no T_P(-x) is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import factorial
from typing import Any

from ...arithmetic.scalars import Balls
from ...arithmetic.sparse import Sparse, SparseAlgebra
from ...arithmetic.universe import Universe
from ...errors import Rejected
from ...language.evaluate import evaluate
from ...language.layer import Layer

PARITIES = {"even": 0, "odd": 1}
ONE, TAYLOR, POWER = "one", "taylor", "power"
Key = tuple[int, str, int]
"""The rate k, the kind of g, and ±1 of T_P(±x) or the a of x^{P+a} / (P+a)!."""
Function = dict[Key, Fraction]


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The function of the layer, its signals read as given, is not negative at all degrees."""
    (layer,) = layers
    reads, strict = dict(data["reads"]), bool(data["strict"])
    shown = f"the slope of {layer.name}" if data["slope"] else layer.name
    known = ", ".join(f"{s.name} = {_text(*reads[s.name])}" for s in layer.signals)
    if "point" in data:
        degree, x = int(data["degree"]), Fraction(data["point"])
        parity = "odd" if degree % 2 else "even"
        f = function(layer, reads, parity, slope=bool(data["slope"]))
        return f"{_negative_at(f, degree, x, strict, shown)}, with {known}"
    degrees = [str(x) for x in data["degrees"]]
    if not degrees or set(degrees) - set(PARITIES):
        raise Rejected(f"degrees are even or odd, not {degrees}")
    for parity in degrees:
        f, positive = function(layer, reads, parity, slope=bool(data["slope"])), False
        for step in data["steps"]:
            if step == "derive":
                positive = positive or all(x > 0 for x in at_zero(f, parity))
            f = after(f, step, parity)
        if not is_not_negative(f):
            raise Rejected("the last function is not shown to be not negative")
        if strict and not (positive or is_positive(f)):
            raise Rejected("the function is not shown to be other than 0")
    which = "every degree P" if len(degrees) > 1 else f"every {degrees[0]} degree P"
    return f"{shown} {'>' if strict else '>='} 0 for all x > 0 and {which}, with {known}"


def _text(kind: str, value: Any) -> str:
    """What a signal stands for, in words."""
    number = int(value)
    return {
        "exp": f"e^({number} x)",
        "sign": "(-1)^P" if number % 2 else "1",
        TAYLOR: f"T_P({'-' * (number < 0)}x)",
        POWER: f"x^(P + {number}) / (P + {number})!",
    }[kind]


def function(
    layer: Layer, reads: Mapping[str, Sequence[Any]], parity: str, *, slope: bool
) -> Function:
    """A polynomial in signals or its derivative, as terms; Rejected for another kind of product."""
    f: Function = {}
    for monomial, c in polynomial(layer).items():
        rate, kind, number = 0, ONE, 0
        for name, power in monomial:
            own, value = str(reads[name][0]), int(reads[name][1])
            if own == "exp":
                rate += value * power
            elif own == "sign":
                c = -c if PARITIES[parity] * power * value % 2 else c
            elif kind == ONE and power == 1 and (own == POWER or (own, abs(value)) == (TAYLOR, 1)):
                kind, number = own, value
            else:
                raise Rejected(f"{layer.name}: {name} = {own}({value}) in another product")
        _add(f, (rate, kind, number), c)
    return derivative(f, parity) if slope else f


def polynomial(layer: Layer) -> dict[tuple[tuple[str, int], ...], Fraction]:
    """The coefficients, by monomial, of a layer without a state: a polynomial in numbers."""
    if layer.step or layer.output.dims or any(s.dims for s in layer.signals):
        raise Rejected(f"{layer.name} is no function of numbers alone")
    universe = Universe()
    inputs = {
        s.name: Sparse((), {(): universe.entry(s.name, constant=False, positive=False)})
        for s in layer.signals
    }
    (made,) = evaluate([layer.output], inputs, SparseAlgebra(universe, {}))
    value = made.entries.get(())
    names = {s.name for s in layer.signals}
    if (
        value is None
        or value.den.variables()
        or {universe.name(v) for v in value.variables()} - names
    ):
        raise Rejected(f"{layer.name} is no polynomial in its signals, or is 0")
    scale = Fraction(value.den.terms[()])
    return {
        tuple((universe.name(v), e) for v, e in m): Fraction(c) / scale
        for m, c in value.num.terms.items()
    }


def after(f: Function, step: Any, parity: str) -> Function:
    """The function whose sign is that of f, or whose sign tells it; Rejected if the step does not.

    step: "derive", "over" for a division by x^{P+a} / (P+a)!, or the m of a factor e^{mx}.
    """
    if step == "derive":
        if any(x < 0 for x in at_zero(f, parity)):
            raise Rejected("the function may be negative at 0")
        return derivative(f, parity)
    if step == "over":
        kinds = {key[1:] for key in f}
        if len(kinds) != 1 or next(iter(kinds))[0] != POWER or next(iter(kinds))[1] < 0:
            raise Rejected("the terms have no power of x in common that is positive at all degrees")
        return {(rate, ONE, 0): c for (rate, _, _), c in f.items()}
    return {(rate + int(step), kind, number): c for (rate, kind, number), c in f.items()}


def derivative(f: Function, parity: str) -> Function:
    """F', by T_P(±x)' = ±(T_P(±x) - (±1)^P x^P / P!)."""
    out: Function = {}
    for (rate, kind, number), c in f.items():
        _add(out, (rate, kind, number), c * rate)
        if kind == TAYLOR:
            _add(out, (rate, kind, number), c * number)
            _add(out, (rate, POWER, 0), -c * number * number ** PARITIES[parity])
        if kind == POWER:
            _add(out, (rate, POWER, number - 1), c)
    return out


def _add(f: Function, key: Key, c: Fraction) -> None:
    f[key] = f.get(key, Fraction(0)) + c
    if not f[key]:
        del f[key]


def at_zero(f: Function, parity: str) -> list[Fraction]:
    """The values at 0: of all degrees but those with a power P + a = 0, and of these."""
    common = sum((c for (_, kind, _), c in f.items() if kind != POWER), start=Fraction(0))
    shifts = {a for _, kind, a in f if kind == POWER and a <= 0 and -a % 2 == PARITIES[parity]}
    return [common] + [
        common + sum(c for (_, kind, a), c in f.items() if (kind, a) == (POWER, shift))
        for shift in shifts
    ]


def is_not_negative(f: Function) -> bool:
    """Whether no coefficient is negative, and no T_P(-x) is left."""
    return all(c > 0 and (kind, number) != (TAYLOR, -1) for (_, kind, number), c in f.items())


def is_positive(f: Function) -> bool:
    """Whether besides one of its terms is positive at every degree."""
    return is_not_negative(f) and any(kind != POWER or number >= 0 for _, kind, number in f)


def _negative_at(f: Function, degree: int, x: Fraction, strict: bool, shown: str) -> str:
    if degree < 0 or x <= 0:
        raise Rejected(f"degree {degree} and x = {x} are not those of the claim")
    balls = Balls(192)
    with balls.precision():
        total = zero = balls.number(Fraction(0))
        for (rate, kind, number), c in f.items():
            g = Fraction(1)
            if kind == TAYLOR:
                g = sum((number * x) ** p / factorial(p) for p in range(degree + 1)) + Fraction(0)
            if kind == POWER:
                top = degree + number
                g = x**top / factorial(top) if top >= 0 else Fraction(0)
            total = total + balls.number(c * g) * balls.function("exp", balls.number(rate * x))
        below = total < zero or (strict and balls.is_zero(total))
    if not below:
        raise Rejected(f"{shown} is not shown to be negative at x = {x}, P = {degree}")
    return f"{shown} is not {'positive' if strict else '>= 0'} at x = {x}, P = {degree}"
