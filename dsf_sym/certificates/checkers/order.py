"""Check whether the output depends on the order of the tokens before the last one.

It does not where any two tokens can change places, `f(f(h, s), s') = f(f(h, s'), s)` as an identity
of index terms, at every size; two orders of the same tokens with different outputs refute it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...automata.run import outputs_on
from ...errors import Rejected
from ...index.normal import step_form
from ...language.kernel import KernelLayer
from ...language.layer import Layer
from .tokens import read_inside, read_sizes


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The last output is the same in every order of the tokens before it, or differs in one."""
    (layer,) = layers
    if "tokens" in data:
        order = [int(i) for i in data["order"]]
        tokens = list(data["tokens"])
        if sorted(order) != list(range(len(tokens) - 1)):
            raise Rejected("the order is not one of the tokens before the last")
        moved = [tokens[i] for i in order] + tokens[-1:]
        (y, scalars), (z, others) = (_last_output(layer, data, x) for x in (tokens, moved))
        if type(scalars) is not type(others):
            raise Rejected("the two orders are not run on the same numbers")
        for i, (p, q) in enumerate(zip(y, z, strict=True)):
            if scalars.differ(p, q):
                return (
                    f"y[{i}] of {layer.name} is {scalars.show(p)}, and {scalars.show(q)} with the "
                    f"tokens before the last in the order {', '.join(map(str, order))}"
                )
        raise Rejected(f"the outputs of {layer.name} do not differ in the two orders")
    if isinstance(layer, KernelLayer):
        return f"{layer.name} is a sum over the past, so that its order is of no matter"
    ways = []
    for first, second in ((1, 2), (2, 1)):
        ways.append(step_form(layer, step_form(layer, time=first).new, time=second).new)
    for name in layer.step:
        if ways[0][name].terms != ways[1][name].terms:
            raise Rejected(f"two tokens may not change places in the step of {name}")
    return f"the output of {layer.name} does not depend on the order of the tokens before the last"


def _last_output(
    layer: Layer, data: Mapping[str, Any], raw: Sequence[Mapping[str, Any]]
) -> tuple[list[Any], Any]:
    sizes = read_sizes(data["sizes"])
    constants = read_inside([layer], "constant", data["constants"], sizes, "the constants")
    tokens = [read_inside([layer], "token", t, sizes, f"token {i}") for i, t in enumerate(raw)]
    (found,), scalars = outputs_on([layer], tokens, constants, sizes, int(data.get("bits", 256)))
    return found[-1], scalars
