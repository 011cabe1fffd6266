"""Check the number of features of `κ = Σ_p a_p (q·k)^p` in m entries as a formula in m.

The monomials of degree p, C(m + p - 1, p) of them, are independent of each other and of those of
other degrees on any open set, so their numbers add up over the p with a_p != 0. On the sphere, with
every a_p > 0, degree p holds degree p - 2 as well, so that the highest even and the highest odd
degree remain.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import factorial
from typing import Any

from ...arithmetic.poly import Frac, frac
from ...errors import Rejected
from ...index.atoms import atom_form, input_atom
from ...index.terms import FormAlgebra
from ...language.domains import UNIT
from ...language.evaluate import evaluate
from ...language.kernel import KernelLayer
from ...language.layer import Layer
from .size_formulas import stated, unknown_sizes


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The claimed formula is the number of features at every size."""
    (layer,) = layers
    if not isinstance(layer, KernelLayer):
        raise Rejected(f"{layer.name} is no sum over the past")
    size, unit, powers = power_series(layer)
    universe, known = unknown_sizes(layer)
    degrees = [p for p, a in powers.items() if a]
    if unit:
        if any(powers[p] < 0 for p in degrees):
            raise Rejected("on the sphere coefficients of both signs may cancel")
        degrees = [max(p for p in degrees if p % 2 == i) for i in {p % 2 for p in degrees}]
    total = sum((_monomials(known[size], p) for p in degrees), start=frac(0))
    number = stated(universe, total, data, known)
    return f"the kernel of {layer.name} needs {number} features at every {size}, and no fewer"


def power_series(layer: KernelLayer) -> tuple[str, bool, dict[int, Fraction]]:
    """The size, whether q and k have norm 1, and the a_p of `κ = Σ_p a_p (q·k)^p`, or Rejected."""
    tokens = [s for s in layer.of_kind("token") if s.name != layer.input_name]
    if layer.of_kind("constant") or len(tokens) != 2 or tokens[0].dims != tokens[1].dims:
        raise Rejected(f"{layer.name} is no function of one query and one key of one size")
    if len(tokens[0].dims) != 1 or tokens[0].dims[0] not in layer.sizes or layer.kernel.dims:
        raise Rejected(f"{layer.name} is no function of two vectors of any size")
    for domain in (s.domain for s in tokens):
        low, high = domain.interval.low, domain.interval.high
        if domain.values is not None or (low is not None and low == high):
            raise Rejected(f"the tokens of {layer.name} fill no open set")
    now, past = (
        {s.name: atom_form(input_atom(s.name, s.dims, time=t)) for s in layer.of_kind("token")}
        for t in (1, 0)
    )
    entry = dict(
        zip(layer.step, evaluate([*layer.step.values()], past, FormAlgebra()), strict=True)
    )
    (kappa,) = evaluate([layer.kernel], {**now, **entry}, FormAlgebra())
    if len({(x.name, x.time) for x in kappa.atoms()}) > 2:
        raise Rejected(f"{layer.name} reads more than one vector of a token")
    powers: dict[int, Fraction] = {}
    for monomial, c in kappa.terms.items():
        pairs: dict[int, list[int | None]] = {}
        for atom, labels in monomial:
            if atom.kind != "token" or len(labels) != 1:
                raise Rejected(f"{layer.name} has the factor {atom.name}")
            pairs.setdefault(labels[0], []).append(atom.time)
        if any(sorted(x or 0 for x in times) != [0, 1] for times in pairs.values()):
            raise Rejected(f"{layer.name} is no function of q·k")
        powers[len(pairs)] = powers.get(len(pairs), Fraction(0)) + c
    if not any(powers.values()):
        raise Rejected(f"{layer.name} is 0")
    units = {s.domain.unit for s in tokens}
    if any(s.domain.unit and s.domain != UNIT for s in tokens):
        raise Rejected(f"the tokens of {layer.name} do not fill the sphere")
    if len(units) > 1:
        raise Rejected("one of query and key is of norm 1, and the other is not")
    return tokens[0].dims[0], units.pop(), powers


def _monomials(m: Frac, p: int) -> Frac:
    """C(m + p - 1, p)."""
    out = frac(Fraction(1, factorial(p)))
    for i in range(p):
        out = out * (m + frac(i))
    return out
