"""Check that two layers agree exactly where a relation holds between every two of their tokens.

w = B(s_j) u is what a token s_j writes. If, with the relation r(s_j, s_i) = 0 for all j < i,

    B_A(s_j) = B_B(s_j),   Λ_B(s_i) w = λ w,   Λ_A(s_i) w = Λ_B(s_i) w,   R_A(s_i) w = R_B(s_i) w,

and the layers add the same for the current input, then by induction both states are the same
multiple of w and the outputs agree. Conversely, let c_m r be the coefficients of the free signals
in R_A w - R_B w. They vanish where the outputs agree, and r lies in the ideal of the c_m, so r
vanishes; λ > 0 makes that hold for tokens at any distance.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from typing import Any

from ...arithmetic.poly import Frac, Poly, frac
from ...arithmetic.sparse import Sparse
from ...errors import Rejected
from ...language.evaluate import shape_of
from ...language.layer import Layer
from ...language.spec import deserialise
from ...language.tensor import text
from . import pairwise_forms
from .comparable import require_at_rest, require_comparable, require_linear
from .linear import cancels
from .tokens import read_sizes
from .window import Window, entries_of

EARLIER = "past."


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """Both directions, at the certificate's sizes or for all."""
    if data["claim"]["sense"] != "iff":
        raise Rejected(f"both directions are proved, and the sense is {data['claim']['sense']}")
    require_linear(layers)
    if "sizes" not in data:
        return pairwise_forms.check(layers, data)
    sizes = read_sizes(data["sizes"])
    a, b = layers
    bound = [str(x) for x in data["bound"]]
    name = require_comparable(layers, bound)
    if [s.dims for s in a.of_kind("state")] != [s.dims for s in b.of_kind("state")]:
        raise Rejected("the states of the two layers differ in shape")
    window = Window(layers, sizes, bound, 2)
    graph = deserialise(data["r"])["r"]
    made = window.value(graph, {**window.entries(0, bound, EARLIER), **window.entries(1, bound)})
    if not made.den.is_one() or not made.num:
        raise Rejected("r is no polynomial, or is zero")
    r = made.num
    nothing = Sparse(shape_of(a.signal(name).dims, sizes), {})
    require_at_rest(window)
    coefficients: list[Poly] = []
    for p in product(*map(range, nothing.shape)):
        u = Sparse(nothing.shape, {p: frac(1)})
        left, right = (window.step(x, 0, window.rest(x), u) for x in layers)
        for x, y in zip(left, right, strict=True):
            if any(not window.universe.is_zero(d) for d in entries_of(x, y)):
                raise Rejected("B_A = B_B, and the same for the current input, fails")
        w = left[:-1]
        moved, kept = (_moved(window, x, w, nothing) for x in layers)
        _require_multiple(window, kept[:-1], w)
        for x, y in zip(moved, kept, strict=True):
            if any(_divided(d.num, r) is None for d in entries_of(x, y)):
                raise Rejected("Λ_A w = Λ_B w and R_A w = R_B w fail where r = 0")
        for d in entries_of(moved[-1], kept[-1]):
            coefficients += window.coefficients(d).values()
    _require_forced(r, coefficients)
    at = ", ".join(f"{k}={v}" for k, v in sizes.items())
    return (
        f"{a.name} = {b.name} for all lengths at {at} iff {text(graph)} = 0 for every two tokens, "
        f"the earlier one called {EARLIER[:-1]}"
    )


def _moved(window: Window, layer: Layer, w: list[Sparse], u: Sparse) -> list[Sparse]:
    """What the later token makes of a state."""
    return window.step(layer, 1, dict(zip(layer.step, w, strict=True)), u)


def _require_multiple(window: Window, kept: list[Sparse], w: list[Sparse]) -> None:
    """`Λ_B w = λ w` with λ > 0 on the domains."""
    pairs = [
        (k.entries.get(i, frac(0)), x.entries.get(i, frac(0)))
        for k, x in zip(kept, w, strict=True)
        for i in k.entries.keys() | x.entries.keys()
    ]
    universe = window.universe
    seen = ((k, x) for k, x in pairs if not universe.is_zero(x) and cancels(x.num, universe))
    first = next(seen, None)
    if first is None or any(
        not window.universe.is_zero(k * first[1] - x * first[0]) for k, x in pairs
    ):
        raise Rejected("Λ_B w is no multiple of w")
    top, bottom = first[0].num * first[1].den, first[1].num * first[0].den
    quotient = _divided(top, bottom)
    if quotient is None or not window.universe.certainly_positive(Frac(quotient)):
        raise Rejected("the multiple λ is not shown to be positive")


def _require_forced(r: Poly, coefficients: list[Poly]) -> None:
    """Each coefficient is c r, and r lies in the ideal of the c."""
    import sympy

    found = [_divided(x, r) for x in coefficients]
    cofactors = [_sympy(x) for x in found if x is not None]
    if len(cofactors) < len(found):
        raise Rejected("a coefficient is no multiple of r")
    wanted = _sympy(r)
    gens = sorted({s for x in [wanted, *cofactors] for s in x.free_symbols}, key=str)
    if not cofactors or not sympy.groebner(cofactors, *gens, order="grevlex").contains(wanted):
        raise Rejected("r is not forced: the coefficients can vanish elsewhere")


def _divided(x: Poly, y: Poly) -> Poly | None:
    """The polynomial q with `x = q y`, checked by multiplication; None where there is none."""
    import sympy

    if not x:
        return x
    top, bottom = _sympy(x), _sympy(y)
    gens = sorted(top.free_symbols | bottom.free_symbols, key=str)
    if not gens:
        return x.scale(Fraction(1) / y.terms[()])
    quotient = Poly({})
    for powers, c in sympy.Poly(sympy.div(top, bottom, *gens)[0], *gens).terms():
        m = tuple(sorted((int(s.name[1:]), e) for s, e in zip(gens, powers, strict=True) if e))
        quotient = quotient + Poly({m: Fraction(int(c.p), int(c.q))} if c else {})
    return quotient if not (quotient * y - x) else None


def _sympy(x: Poly) -> Any:
    import sympy

    return sympy.Add(
        *(
            sympy.Rational(c) * sympy.Mul(*(sympy.Symbol(f"v{v}") ** e for v, e in m))
            for m, c in x.terms.items()
        )
    )
