"""Check facts of one real variable: a sign by derivatives, and a root by a change of sign.

An exponential polynomial `f(x) = Σ_k P_k(x) e^{kx}` is positive for x > 0 if f(0) >= 0 and f' is
positive there; or if f times some e^{mx} is, m whole; or if no coefficient of it is negative and
one is positive.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ...arithmetic.scalars import Balls
from ...automata.run import run
from ...errors import Rejected
from ...language.graph import walk
from ...language.layer import Layer
from ...language.tensor import Function

Terms = dict[int, list[Fraction]]


def check_sign(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """F > 0 for all x > 0, by the steps "derive" and "times e^{mx}" of the certificate."""
    if layers:
        raise Rejected("the certificate is about a function of one variable, not a layer")
    f = read(data["terms"])
    shown = text(f)
    if "point" in data:
        return _negative_at(f, Fraction(data["point"]))
    for step in data["steps"]:
        if step == "derive":
            if sum((p[0] for p in f.values() if p), start=Fraction(0)) < 0:
                raise Rejected("the function is negative at 0")
            f = derivative(f)
        else:
            f = {k + int(step): p for k, p in f.items()}
    coefficients = [c for p in f.values() for c in p]
    if not any(coefficients) or any(c < 0 for c in coefficients):
        raise Rejected("the last function is not shown to be positive by its coefficients")
    return f"{shown} > 0 for all x > 0"


def _negative_at(f: Terms, x: Fraction) -> str:
    balls = Balls(128)
    if x <= 0:
        raise Rejected(f"{x} is not positive")
    with balls.precision():
        zero = balls.number(Fraction(0))
        total = zero
        for k, p in f.items():
            value = sum((c * x**i for i, c in enumerate(p)), start=Fraction(0))
            total = total + balls.number(value) * balls.function("exp", balls.number(k * x))
        if not (balls.differ(total, zero) and total < zero):
            raise Rejected(f"the function is not shown to be negative at {x}")
    return f"{text(f)} < 0 at x = {x}"


def read(terms: Mapping[str, Any]) -> Terms:
    """The polynomials P_k by k, coefficients of 1, x, x², ... first to last."""
    return {int(k): [Fraction(c) for c in p] for k, p in terms.items()}


def derivative(f: Terms) -> Terms:
    """Σ (P_k' + k P_k) e^{kx}."""
    out: Terms = {}
    for k, p in f.items():
        lower = [*(c * i for i, c in enumerate(p) if i), Fraction(0)]
        out[k] = [a + k * b for a, b in zip(lower, p, strict=True)] if p else []
    return out


def text(f: Terms) -> str:
    """The function in words."""
    parts = [
        f"({c})" + (f" x^{i}" if i else "") + (f" e^({k} x)" if k else "")
        for k, p in sorted(f.items())
        for i, c in enumerate(p)
        if c
    ]
    return " + ".join(parts) or "0"


def check_root(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """A function of one token, without a state, has opposite signs at two points, so a root."""
    (layer,) = layers
    if layer.step or len(layer.signals) != 1 or layer.signals[0].dims or layer.output.dims:
        raise Rejected(f"{layer.name} is no function of one number")
    jumps = [x.name for x in walk(layer.output) if isinstance(x, Function)]
    if set(jumps) & {"step", "inverse", "log", "sqrt"}:
        raise Rejected(f"{layer.name} is not shown to be continuous")
    (token,) = layer.signals
    if token.kind != "token" or token.domain.unit or token.domain.values is not None:
        raise Rejected(f"{token} does not range over an interval")
    low, high = (Fraction(x) for x in data["between"])
    if not low < high or low not in token.domain or high not in token.domain:
        raise Rejected(f"{token.name} does not lie between {low} and {high}")
    balls: Balls = Balls(int(data.get("bits", 128)))
    signs = []
    with balls.precision():
        zero = balls.number(Fraction(0))
        for x in (low, high):
            ((y,),) = run(layer, [{token.name: [x]}], {}, {}, balls)
            if not balls.differ(y, zero):
                raise Rejected(f"the sign at {x} is not certain")
            signs.append(bool(y > zero))
    if signs[0] == signs[1]:
        raise Rejected(f"{layer.name} has one sign at {low} and {high}")
    return f"{layer.name} has a root between {low} and {high}"
