"""State-free parts of a layer as signals of their own: gates and feature maps stay as written.

The forms in which structure is found rewrite functions (`exp(a + b)` becomes a product,
`softplus(-x)` a difference): right in algebra, harmful in floating point. With each part that
reads no state taken as one signal, only its products with the state are rewritten, and its own
expression is printed as the layer's author wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from ..language.domains import Domain
from ..language.graph import inputs, reading, walk
from ..language.layer import Layer, Signal
from ..language.ranges import ranges
from ..language.spec import deserialise, rebuild, serialise
from ..language.tensor import Add, Concat, Eye, Function, Input, Number, Product, Reindex, Tensor

RATIONAL = ("inverse", "relu", "step")
"""Functions whose values at rational numbers are rational."""


@dataclass(frozen=True)
class Core:
    """A layer over opaque signals, and the expression of each over the layer's own signals."""

    layer: Layer
    parts: Mapping[str, Tensor]


def shared(layer: Layer) -> Layer:
    """The layer with equal expressions made one node."""
    roots = {**layer.step, "(output)": layer.output}
    merged = deserialise(serialise(roots))
    return replace(layer, step={n: merged[n] for n in layer.step}, output=merged["(output)"])


def core(layer: Layer) -> Core:
    """The layer with state-free functions, and sums and joins of vectors, as signals.

    A sum of matrices is left as it is: it may be the identity plus an outer product.
    """
    return _abstract(layer, lambda x: isinstance(x, Function) or _small(x))


def free_gates(layer: Layer) -> Layer:
    """The layer with every function that is not rational replaced by a free signal.

    What it computes is rational in its signals, so code for it can be run on exact numbers.
    """
    made = _abstract(layer, lambda x: isinstance(x, Function) and x.name not in RATIONAL)
    return made.layer if made.parts else layer


def _small(x: Tensor) -> bool:
    return isinstance(x, Add | Concat) and len(x.dims) <= 1


def _abstract(layer: Layer, wanted: Callable[[Tensor], bool]) -> Core:
    layer = shared(layer)
    roots = [*layer.step.values(), layer.output]
    kinds = {s.name: s.kind for s in layer.signals}
    reads = reading(layer.step, *roots)
    varying = reading({s.name for s in layer.of_kind("token")}, *roots)
    chosen = topmost(roots, lambda x: x not in reads and wanted(x))
    bounds = ranges(list(chosen), layer.domains) if chosen else {}
    names: dict[Tensor, Tensor] = {}
    parts: dict[str, Tensor] = {}
    signals: list[Signal] = []
    for node in chosen:
        name = _name(node, {*kinds, *parts})
        kind = "token" if node in varying else "constant"
        signals.append(Signal(name, node.dims, Domain(bounds[node]), kind))
        names[node] = Input(name, node.dims)
        parts[name] = node
    new = substituted(roots, names)
    # A start is read before the first token, not by the step.
    used = inputs(*new) | {s.name for s in layer.of_kind("state")} | set(layer.start.values())
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


def topmost(roots: list[Tensor], wanted: Callable[[Tensor], bool]) -> list[Tensor]:
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


def merged(roots: Iterable[Tensor], opaque: Mapping[str, Tensor]) -> list[Tensor]:
    """The expressions with opaque signals written out, equal parts made one node."""
    inlined = rebuild(list(roots), opaque)
    shared_nodes = deserialise(serialise({str(i): x for i, x in enumerate(inlined)}))
    return [shared_nodes[str(i)] for i in range(len(inlined))]


def substituted(roots: list[Tensor], values: Mapping[Tensor, Tensor]) -> list[Tensor]:
    """The expressions with nodes replaced."""
    made: dict[Tensor, Tensor] = dict(values)
    for node in walk(*roots, known=made):
        below = [made[child] for child in node.children]
        same = all(a is b for a, b in zip(below, node.children, strict=True))
        made[node] = node if same else with_children(node, below)
    return [made[root] for root in roots]


def named_parts(
    lets: Iterable[tuple[str, Tensor]], prefix: str, *, reuse: bool = True, first: int = 0
) -> list[tuple[str, Tensor]]:
    """The assignments with parts that occur more than once given names of their own first.

    Named are also sums of products deep inside an expression. reuse: what an assignment holds is
    read from its variable by those that follow. first: how many numbers of new names are taken.
    """
    todo = list(lets)
    deep = {
        node
        for _, x in todo
        for child in x.children
        for node in walk(*child.children)
        if isinstance(node, Product)
        and not set(node.spec[: node.spec.index("-")]) <= {*node.spec[node.spec.index(">") :], ","}
    }
    uses: dict[Tensor, int] = {}
    for node in walk(*(x for _, x in todo)):
        for child in node.children:
            uses[child] = uses.get(child, 0) + 1
    for _, x in todo:
        uses[x] = uses.get(x, 0) + 1
    out: list[tuple[str, Tensor]] = []
    made: dict[Tensor, Tensor] = {}
    for name, root in todo:
        for node in walk(root, known=made):
            if (node is root and reuse) or _is_plain(node):
                continue
            if uses[node] < 2 and node not in deep:
                continue
            (value,) = substituted([node], made)
            first += 1
            variable = f"{prefix}{first}"
            out.append((variable, value))
            made[node] = Input(variable, node.dims)
        (value,) = substituted([root], made)
        out.append((name, value))
        if reuse and not _is_plain(root):
            made[root] = Input(name, root.dims)
    return out


def _is_plain(node: Tensor) -> bool:
    """Whether naming the node would save nothing."""
    if isinstance(node, Reindex) and node.spec.startswith("->"):
        return _is_plain(node.arg)
    return isinstance(node, Input | Number | Eye)


def logarithm(decay: Tensor) -> Tensor | None:
    """The log of a decay that is written as an exponential, or None."""
    return decay.arg if isinstance(decay, Function) and decay.name == "exp" else None
