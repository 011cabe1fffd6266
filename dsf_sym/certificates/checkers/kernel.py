"""Check that two sums over the past are equal, by an identity of their kernels at free tokens.

With c(i, j) what token j contributes to y_i and w(i, j) its weight, `c = c'` gives equal sums over
j; `c(i, j) w'(i, l) = c'(i, j) w(i, l)` gives equal sums over j and l, so equal ratios of sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import Rejected
from ...language.kernel import KernelLayer, crossed
from ...language.layer import Layer
from . import intertwiner, subspace

IDENTITIES = {"intertwiner": intertwiner.check, "closed subspace": subspace.check}


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The identity, made anew from the two definitions: in index terms, or at concrete sizes."""
    a, b = layers
    if not (isinstance(a, KernelLayer) and isinstance(b, KernelLayer)):
        raise Rejected("this certificate is about two sums over the past")
    if a.normalised != b.normalised:
        raise Rejected("one sum is divided by its weights and the other is not")
    if data["identity"] not in IDENTITIES:
        raise Rejected(f"no identity of kernels is shown by {data['identity']!r}")
    told = IDENTITIES[data["identity"]](list(crossed(a, b)), data)
    identity = "κ(q, k) κ'(q, k') = κ'(q, k) κ(q, k')" if a.normalised else "κ(q, k) = κ'(q, k)"
    return f"{told}, from {identity}"
