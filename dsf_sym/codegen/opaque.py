"""State-free parts of a layer as signals of their own: gates and feature maps stay as written.

The forms in which structure is found rewrite functions (`exp(a + b)` becomes a product, `softplus(-x)`
a difference): right in algebra, harmful in floating point. With each part that reads no state taken
as one signal, only its products with the state are rewritten, and its own expression is printed as
the layer's author wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ..domains import Domain
from ..layer import Layer, Signal
from ..ranges import ranges
from ..sharing import share_sums
from ..spec import deserialise, rebuild, serialise
from ..tensor import Add, Concat, Function, Input, Product, Reindex, Tensor, walk


@dataclass(frozen=True)
class Core:
    """A layer over opaque signals, and the expression of each over the layer's own signals."""

    layer: Layer
    parts: Mapping[str, Tensor]


def shared(layer: Layer) -> Layer:
    """The layer with equal expressions made one node, and sums found again in longer sums."""
    roots = {**layer.step, "(output)": layer.output}
    merged = deserialise(serialise(roots))
    *steps, output = share_sums([*(merged[name] for name in layer.step), merged["(output)"]])
    return replace(layer, step=dict(zip(layer.step, steps, strict=True)), output=output)


def core(layer: Layer) -> Core:
    """The layer with its state-free functions, and sums of scalars and vectors, as signals.

    A sum of matrices is left as it is: it may be the identity plus an outer product.
    """
    return _abstract(layer, lambda x: isinstance(x, Function) or _small_sum(x))


def free_gates(layer: Layer) -> Layer:
    """The layer with every function that is not rational replaced by a free signal.

    What it computes is rational in its signals, so code for it can be run on exact numbers.
    """
    made = _abstract(layer, lambda x: isinstance(x, Function) and x.name != "inverse")
    return made.layer if made.parts else layer


def _small_sum(x: Tensor) -> bool:
    return isinstance(x, Add) and len(x.dims) <= 1


def _abstract(layer: Layer, wanted: Callable[[Tensor], bool]) -> Core:
    layer = shared(layer)
    roots = [*layer.step.values(), layer.output]
    kinds = {s.name: s.kind for s in layer.signals}
    free: dict[Tensor, bool] = {}
    varying: dict[Tensor, bool] = {}
    for node in walk(*roots):
        own = kinds[node.name] if isinstance(node, Input) else ""
        free[node] = own != "state" and all(free[c] for c in node.children)
        varying[node] = own == "token" or any(varying[c] for c in node.children)
    chosen = _topmost(roots, lambda x: free[x] and wanted(x))
    bounds = ranges(list(chosen), layer.domains) if chosen else {}
    names: dict[Tensor, Tensor] = {}
    parts: dict[str, Tensor] = {}
    signals: list[Signal] = []
    for node in chosen:
        name = _name(node, {*kinds, *parts})
        kind = "token" if varying[node] else "constant"
        signals.append(Signal(name, node.dims, Domain(bounds[node]), kind))
        names[node] = Input(name, node.dims)
        parts[name] = node
    new = _replaced(roots, names)
    used = {n.name for n in walk(*new) if isinstance(n, Input)}
    # A start is read before the first token, not by the step.
    used |= {s.name for s in layer.of_kind("state")} | set(layer.start.values())
    kept = [s for s in layer.signals if s.name in used] + signals
    made = replace(
        layer,
        signals=tuple(kept),
        step=dict(zip(layer.step, new[:-1], strict=True)),
        output=new[-1],
        carried=layer.carried if layer.carried in used else None,
        matrices=(),
    )
    return Core(made, parts)


def _topmost(roots: list[Tensor], wanted: Callable[[Tensor], bool]) -> list[Tensor]:
    """The wanted nodes that are reached from the roots without passing through another."""
    reached: dict[Tensor, None] = {}
    found: dict[Tensor, None] = {}
    stack = list(reversed(roots))
    while stack:
        node = stack.pop()
        if node in reached:
            continue
        reached[node] = None
        if wanted(node):
            found[node] = None
        else:
            stack.extend(reversed(node.children))
    return list(found)


def _replaced(roots: list[Tensor], names: Mapping[Tensor, Tensor]) -> list[Tensor]:
    # `rebuild` replaces inputs by name: nodes to replace are first cut off below.
    made: dict[Tensor, Tensor] = {}
    for node in walk(*roots):
        if node in names:
            made[node] = names[node]
        elif all(made[c] is c for c in node.children):
            made[node] = node
        else:
            made[node] = with_children(node, [made[c] for c in node.children])
    return [made[root] for root in roots]


def with_children(node: Tensor, below: list[Tensor]) -> Tensor:
    """The node over other operands of the same shapes."""
    match node:
        case Add():
            return replace(node, terms=tuple(below))
        case Product():
            return replace(node, left=below[0], right=below[1])
        case Reindex() | Function():
            return replace(node, arg=below[0])
        case Concat():
            return replace(node, parts=tuple(below))
    raise AssertionError(node)


def _name(node: Tensor, taken: set[str]) -> str:
    base = node.name if isinstance(node, Function) else "sum"
    base = {"exp": "exponential", "inverse": "reciprocal", "log": "logarithm"}.get(base, base)
    number = 1
    while f"{base}_{number}" in taken:
        number += 1
    return f"{base}_{number}"
