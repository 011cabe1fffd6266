"""Check the number of states that softmax attention needs at every length, as a formula in L.

The operator of L tokens is blocks of one number each times a fixed map of rank r. The most pairs of
an input and a later output at a cut give the lower bound, and each input kept once the upper one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import Rejected
from ...language.graph import walk
from ...language.kernel import KernelLayer
from ...language.layer import Layer
from ...language.tensor import Input, Product
from .kernel_rank import along_rays
from .operators import require_linear


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The claimed ⌊(L + add) / parts⌋ r is both bounds at every L."""
    (layer,) = layers
    carried = str(data["carried"])
    if not isinstance(layer, KernelLayer):
        raise Rejected(f"{layer.name} is no sum over the past")
    require_linear(layer, carried)
    require_blocks(layer, carried)
    along_rays(layer, data["rays"])
    skip, causal = (bool(data[name]) for name in ("skip", "causal"))
    claimed = int(data["parts"]), int(data["add"])
    if claimed != (found := formula(skip=skip, causal=causal)):
        raise Rejected(f"the formula is {shown(*found)}, not {shown(*claimed)}")
    free = "any D" if skip else "D = 0"
    known = ", with coefficients of the tokens so far" if causal else ""
    return (
        f"at every length L >= 2 the operator of {layer.name} needs {shown(*found)} r states, "
        f"{free}{known}, and no more, r the rank of the map from {carried} to the values"
    )


def formula(*, skip: bool, causal: bool) -> tuple[int, int]:
    """The parts and the add of the most pairs of an input and a later output at a cut.

    After t of L inputs there are L - t outputs, and one more without a skip.
    """
    return (1, -1) if causal else (2, int(not skip))


def shown(parts: int, add: int) -> str:
    """⌊(L + add) / parts⌋ in words."""
    top = f"L {'+' if add > 0 else '-'} {abs(add)}" if add else "L"
    return f"({top})" if parts == 1 else f"⌊({top}) / {parts}⌋" if add else f"⌊L / {parts}⌋"


def require_blocks(layer: KernelLayer, carried: str) -> None:
    """Rejected unless what an entry contributes is a number times a fixed map of the input."""
    root = layer.output
    if not (
        isinstance(root, Product)
        and isinstance(root.right, Input)
        and root.right.name == layer.value
        and not root.left.dims
    ):
        raise Rejected(f"{layer.name} does not weigh its values with one number each")
    weights = {s.name for s in layer.of_kind("constant")}
    reads = {n.name for n in walk(layer.step[layer.value]) if isinstance(n, Input)}
    if carried not in reads or reads - weights - {carried}:
        raise Rejected(f"the values of {layer.name} are no fixed map of {carried}")
