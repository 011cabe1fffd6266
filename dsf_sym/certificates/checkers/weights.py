"""Check the algebraic decay of a normalised sum over the past, from bounds of its kernel.

Where `y_i = Σ_{j≤i} κ_ij v_j / η_i`, `η_i = Σ_{j≤i} κ_ij` and m <= κ <= M with m > 0, the i + 1
terms give m (i+1) <= η_i <= M (i+1), so that

    r (j+1)/(i+1) <= η_j / η_i <= (j+1)/(i+1) / r,    r / (i+1) <= κ_ij / η_i <= 1 / (r (i+1))

with r = m / M: the transition of the normalised state and the sensitivity of y_i to v_j.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ...arithmetic.sparse import Sparse, SparseAlgebra
from ...derivation.affine import affine_layer, as_ratio, split
from ...errors import Rejected
from ...language.domains import Interval
from ...language.evaluate import Sizes, evaluate
from ...language.kernel import KernelLayer
from ...language.layer import Layer
from . import every_transition
from .enclosure import Range, Ranges, whole_domains
from .everywhere import Everywhere
from .tokens import at_sizes, read_sizes


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The claimed ratio r > 0 is at most m / M on the domains of the signals, at the sizes."""
    (layer,) = layers
    sizes = read_sizes(data["sizes"])
    ratio = Fraction(data["ratio"])
    if not 0 < ratio <= kernel_ratio(layer, sizes):
        raise Rejected(f"the kernel of {layer.name} is not shown to vary by less than 1/{ratio}")
    return (
        f"the weights of {layer.name} decay algebraically: r (j+1)/(i+1) <= η_j/η_i <= "
        f"(j+1)/(i+1)/r with r = {ratio}{at_sizes(sizes)}"
    )


def kernel_ratio(layer: Layer, sizes: Sizes) -> Fraction:
    """The ratio m / M, rounded downwards; Rejected where κ is not positive and bounded."""
    found = _kernel(layer, sizes)
    if any(x.low is None or x.low <= 0 or x.high is None for x in found):
        raise Rejected(f"{layer.name}: κ lies in {', '.join(map(str, found))}")
    low = min(x.low for x in found if x.low is not None)
    high = max(x.high for x in found if x.high is not None)
    return low / high


def _kernel(layer: Layer, sizes: Sizes) -> list[Interval]:
    """Where κ of two tokens lies, entry by entry, and κ of a token with itself."""
    ring = Ranges()
    algebra, zero = SparseAlgebra(ring, sizes), ring.number(Fraction(0))
    fixed = {s.name for s in layer.of_kind("constant")}

    def tokens(weights: Mapping[str, Sparse]) -> dict[str, Sparse]:
        return {n: weights.get(n, x) for n, x in whole_domains(layer, sizes).items()}

    now = whole_domains(layer, sizes)
    past = tokens({n: x for n, x in now.items() if n in fixed})
    if isinstance(layer, KernelLayer):
        if not layer.normalised:
            raise Rejected(f"{layer.name} is not divided by its sum")
        entry = dict(
            zip(layer.step, evaluate(list(layer.step.values()), past, algebra), strict=True)
        )
        (weight,) = evaluate([layer.weight], {**now, **entry}, algebra)
        return [_interval(x) for x in weight.flat(zero)]
    names = frozenset(layer.step)
    _, bottom = as_ratio(layer.output, names, layer.name)
    if bottom is None or layer.start:
        raise Rejected(f"{layer.name} is not divided by a sum that starts at 0")
    affine = affine_layer(layer)
    parts = split(bottom, names, layer.name)
    if parts.linear is None or parts.offset is None:
        raise Rejected(f"the denominator of {layer.name} is no sum over the past and the token")
    every_transition.is_identity(Everywhere(layer, sizes), 0)
    writes = {name: x.offset for name, x in affine.step.items()}
    if any(x is None for x in writes.values()):
        raise Rejected(f"a state of {layer.name} is never written")
    roots = [x for x in writes.values() if x is not None]
    written = dict(zip(writes, evaluate(roots, past, algebra), strict=True))
    (later,) = evaluate([parts.linear], {**now, **written}, algebra)
    (own,) = evaluate([parts.offset], now, algebra)
    return [_interval(x) for y in (later, own) for x in y.flat(zero)]


def _interval(x: Range) -> Interval:
    return x.interval
