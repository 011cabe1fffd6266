"""Check the least number M of features of a kernel, `κ(q, k) = Σ_m φ_m(q) ψ_m(k)`, at given sizes.

Upper: `κ = Σ_{a,b} G_{ab} Φ_a(q) Ψ_b(k)` has rank G features, from a factorisation of G. Lower: a
table [κ(q_i, k_j)] of M queries and keys with a determinant other than 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...arithmetic.scalars import Rationals
from ...errors import Rejected
from ...language.layer import Layer
from . import kernel_rank
from .coefficients import coefficients
from .minimality import full_rank
from .paired import kernel_of
from .tokens import read_sizes


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """Both bounds; the lower one by the checker of the kernel's rank."""
    layer, count = kernel_of(layers), int(data["count"])
    sizes = read_sizes(data["sizes"])
    if "rays" in data or count != len(data["keys"]):
        raise Rejected(f"the table of queries and keys is not {count} by {count}")
    kernel_rank.check(layers, data)
    found = full_rank(coefficients(layer, {}, sizes).table[2], Rationals())
    above = len(found[0]) if found is not None else 0
    if above > count:
        raise Rejected(f"the coefficients have rank {above}, the claim is {count} features")
    at = ", ".join(f"{k}={v}" for k, v in sizes.items())
    return f"the kernel of {layer.name} needs {count} features at {at}, and no fewer"
