"""A step as rows and lanes: which axis the vectors lie along, and what a token is read as.

Along the lanes Λ couples nothing, so every lane is computed by itself; along the rows it may. What
reads no state is taken as a factor: an array of numbers, of rows or of lanes for every token, or a
matrix of rows by lanes that is constant in time. What is left is arithmetic on one row and lane,
and sums over rows.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from ..language.gradient import adjoints
from ..language.graph import inputs, reading, walk
from ..language.layer import Layer
from ..language.tensor import Concat, Dims, Eye, Input, Product, Reindex, Tensor, add
from .c_family import letters_of, summed
from .factors import NoSchedule
from .opaque import merged, shared, substituted, topmost


@dataclass(frozen=True)
class Factor:
    """An array that the step reads: `value` over the signals; `constant` where no token enters."""

    name: str
    value: Tensor
    constant: bool

    @property
    def dims(self) -> Dims:
        """Its axes: rows and lanes, as far as it has them."""
        return self.value.dims

    @property
    def direct(self) -> str | None:
        """The signal that it is, if it is one."""
        return self.value.name if isinstance(self.value, Input) else None


@dataclass(frozen=True)
class Tiles:
    """A layer's step over factors.

    rows: a size, or None where no state has a second axis. step: the new states over states and
    factors. sums: sums over rows that the output reads; output: over sums and factors where
    `split`, else over the states too. split: no state reads a sum over rows, so that rows may be
    computed apart from each other.
    """

    layer: Layer
    lanes: str
    rows: str | None
    states: tuple[str, ...]
    factors: tuple[Factor, ...]
    step: Mapping[str, Tensor]
    sums: Mapping[str, Tensor]
    output: Tensor
    split: bool

    def dims(self, name: str) -> Dims:
        """The axes of a state."""
        return self.layer.signal(name).dims


def tiles(layer: Layer) -> Tiles:
    """The step of a layer as rows and lanes; NoSchedule says why it is none."""
    layer = shared(layer)
    names = [s.name for s in layer.of_kind("state")]
    roots = [*layer.step.values(), layer.output]
    reads = reading(names, *roots)
    moving = [x for x in walk(*roots) if x in reads]
    lanes = _lanes(layer, moving)
    rows = _rows(moving, lanes)
    factors = _factors(layer, roots, reads, lanes, rows)
    inside = substituted(roots, {x: Input(name, x.dims) for name, x in factors.items()})
    inside = merged(inside, {})
    tokens = {s.name for s in layer.of_kind("token")}
    made = tuple(Factor(name, x, not inputs(x) & tokens) for name, x in factors.items())
    for node in walk(*inside):
        _check(node, lanes, rows)
    step, output = dict(zip(layer.step, inside[:-1], strict=True)), inside[-1]
    full = rows is not None and all(rows in layer.signal(n).dims for n in names)
    free = full and not any(rows in summed_sizes(x) for new in step.values() for x in walk(new))
    sums: dict[str, Tensor] = {}
    if free and rows is not None:
        found = top_sums(output, rows)
        sums = {f"sum{i + 1}": x for i, x in enumerate(found)}
        (rest,) = substituted([output], {x: Input(n, x.dims) for n, x in sums.items()})
        deep = any(rows in summed_sizes(x) for s in found for c in s.children for x in walk(c))
        if deep or inputs(rest) & set(names) or any(rows in x.dims for x in walk(rest)):
            free, sums = False, {}
        else:
            output = rest
    return Tiles(
        layer=layer,
        lanes=lanes,
        rows=rows,
        states=tuple(names),
        factors=made,
        step=step,
        sums=sums,
        output=output,
        split=free,
    )


def summed_sizes(node: Tensor) -> set[str]:
    """The sizes of the axes over which a node sums."""
    if not isinstance(node, Product | Reindex):
        return set()
    size = letters_of(node)
    return {size[c] for c in summed(node)}


def _lanes(layer: Layer, moving: Sequence[Tensor]) -> str:
    """The size along which nothing that reads a state is summed, and that the output has."""
    coupled = {dim for x in moving for dim in summed_sizes(x)}
    if len(layer.output.dims) != 1:
        raise NoSchedule(f"its output has {len(layer.output.dims)} axes, not one")
    (lane,) = layer.output.dims
    if lane in coupled or not lane.isidentifier():
        raise NoSchedule(f"its state or output is mixed along {lane}: there are no lanes")
    if not any(lane in s.dims for s in layer.of_kind("state")):
        raise NoSchedule(f"no state has the output's axis {lane}")
    return lane


def _rows(moving: Sequence[Tensor], lanes: str) -> str | None:
    """The other size of what reads a state, or None."""
    for x in moving:
        if len(set(x.dims)) < len(x.dims) or len(x.dims) > 2:
            raise NoSchedule(f"what reads the state has the axes {', '.join(x.dims)}")
    others = sorted({dim for x in moving for dim in x.dims} - {lanes})
    if len(others) > 1:
        raise NoSchedule(f"there are {len(others)} axes beside {lanes}: {', '.join(others)}")
    rows = others[0] if others else None
    if rows is not None and not rows.isidentifier():
        raise NoSchedule(f"the axis {rows} is joined of parts")
    return rows


def _factors(
    layer: Layer,
    roots: list[Tensor],
    reads: Container[Tensor],
    lanes: str,
    rows: str | None,
) -> dict[str, Tensor]:
    """The topmost parts without a state that are no matrix of rows by lanes for every token."""
    tokens = {s.name for s in layer.of_kind("token")}
    found: dict[Tensor, str] = {}
    seen: set[Tensor] = set()
    stack = list(reversed(roots))
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        whole = len(node.dims) > 1
        spread = isinstance(node, Reindex) and not summed(node) and not isinstance(node.arg, Input)
        bare = not inputs(node)
        if node in reads or bare or spread or (whole and inputs(node) & tokens):
            stack.extend(reversed(node.children))
        elif isinstance(node, Reindex) and not summed(node):
            stack.append(node.arg)
        elif set(node.dims) <= {lanes, rows}:
            found[node] = node.name if isinstance(node, Input) else f"factor{len(found) + 1}"
        else:
            raise NoSchedule(f"it reads an array of the axes {', '.join(node.dims)}")
    return {name: x for x, name in found.items()}


def _check(node: Tensor, lanes: str, rows: str | None) -> None:
    if isinstance(node, Eye | Concat):
        raise NoSchedule("it reads an identity matrix or joined vectors beside the state")
    if not set(node.dims) <= {lanes, rows} or len(set(node.dims)) < len(node.dims):
        raise NoSchedule(f"it reads an array of the axes {', '.join(node.dims)}")
    if lanes in summed_sizes(node):
        raise NoSchedule(f"what is added to the state is summed along {lanes}")


def top_sums(root: Tensor, rows: str) -> list[Tensor]:
    """The sums over rows that are reached without passing through another."""
    return topmost([root], lambda x: rows in summed_sizes(x))


@dataclass(frozen=True)
class Reverse:
    """The adjoint recurrence of one token, over the states before and after it.

    `adjoint_S` stands for the adjoint of the new S, `new_S` for the new S, `adjoint_y` for the
    output's, `adjoint_sum1` for that of a sum. states, factors: their adjoints; absent ones are
    zero.
    from_output: what the output adds to the adjoints of sums and factors by itself; {} where not
    split.
    """

    states: Mapping[str, Tensor]
    factors: Mapping[str, Tensor]
    from_output: Mapping[str, Tensor]


def adjoint(name: str, dims: Dims) -> Input:
    """What stands for the adjoint of a variable."""
    return Input(f"adjoint_{name}", dims)


def seeded(pairs: Sequence[tuple[Tensor, Tensor]]) -> dict[Tensor, Tensor]:
    """The adjoint of each root; a root that is there twice has the sum."""
    out: dict[Tensor, Tensor] = {}
    for root, seed in pairs:
        out[root] = add(out[root], seed) if root in out else seed
    return out


def reverse(made: Tiles) -> Reverse:
    """λ_{i-1} = Λ_iᵀ λ_i + Cᵀ ȳ_i and what it gives the factors, by the transposed derivative."""
    names = [*made.states, *(f.name for f in made.factors)]
    steps = [(x, adjoint(n, x.dims)) for n, x in made.step.items()]
    y = (made.output, adjoint("y", made.output.dims))
    first: dict[str, Tensor] = {}
    if made.split:
        own = [*names, *made.sums]
        first = adjoints(seeded([y]), own, kinks=True)
        steps += [(x, adjoint(n, x.dims)) for n, x in made.sums.items() if n in first]
    else:
        steps.append(y)
    found = adjoints(seeded(steps), names, kinks=True)
    # The new states are at hand: what forms them is not computed again.
    known = {x: Input(f"new_{n}", x.dims) for n, x in made.step.items() if x.children}
    ready = substituted(list(found.values()), known)
    found = dict(zip(found, merged(ready, {}), strict=True))
    first = dict(zip(first, merged(first.values(), {}), strict=True))
    return Reverse(
        {n: x for n, x in found.items() if n in made.states},
        {n: x for n, x in found.items() if n not in made.states},
        first,
    )


__all__ = ["Factor", "Reverse", "Tiles", "adjoint", "reverse", "seeded", "tiles", "top_sums"]
