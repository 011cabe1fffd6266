"""Layers side by side along the first axis of every state: one of them is a layer of its own.

The axis is found by structure, not by how the layer was made: no expression mixes entries along it.
Code for one of them is code for all, with the axis made part of that of the heads.
"""

from __future__ import annotations

from dataclasses import replace

from ..language.graph import walk
from ..language.layer import Layer
from ..language.tensor import Add, Concat, Function, Input, Product, Reindex, Tensor
from .opaque import with_children


class _Mixed(Exception):
    """An expression mixes entries along the axis."""


def one_of_many(layer: Layer) -> tuple[str, Layer] | None:
    """The size of the axis and the layer without it; None where there is no such axis.

    An output of one entry for each is none: what is left would be a layer of numbers.
    """
    states = layer.of_kind("state")
    size = states[0].dims[0] if states and states[0].dims else ""
    outputs = layer.output.dims
    if len(outputs) < 2 or any(
        dims[:1] != (size,) for dims in [outputs, *(s.dims for s in states)]
    ):
        return None
    own = {s.name for s in layer.signals if s.dims[:1] == (size,)}
    if any((state in own) != (start in own) for state, start in layer.start.items()):
        return None
    try:
        *step, output = _without(size, own, [*layer.step.values(), layer.output])
    except _Mixed:
        return None
    signals = [replace(s, dims=s.dims[1:]) if s.name in own else s for s in layer.signals]
    return size, replace(
        layer,
        signals=tuple(signals),
        step=dict(zip(layer.step, step, strict=True)),
        output=output,
        matrices=(),
        others=(),
    )


def _without(size: str, own: set[str], roots: list[Tensor]) -> list[Tensor]:
    """The expressions without the leading axis; every root must have it."""
    made: dict[Tensor, Tensor] = {}
    for node in walk(*roots):
        below = [made[child] for child in node.children]
        wide = [_lost(made[child], child) for child in node.children]
        made[node] = _node(node, below, wide, size, own)
        if size in made[node].dims:
            raise _Mixed
    if not all(_lost(made[root], root) for root in roots):
        raise _Mixed
    return [made[root] for root in roots]


def _lost(new: Tensor, old: Tensor) -> bool:
    return len(new.dims) < len(old.dims)


def _node(node: Tensor, below: list[Tensor], wide: list[bool], size: str, own: set[str]) -> Tensor:
    dims = node.dims[1:]
    match node:
        case Input(name=name) if name in own:
            return Input(name, dims)
        case Reindex(spec=spec) if not any(wide) and node.dims[:1] == (size,):
            source, _, target = spec.partition("->")
            if target[0] in source:
                raise _Mixed
            same = source == target[1:]
            return below[0] if same else Reindex(f"{source}->{target[1:]}", below[0], dims)
        case Product(spec=spec) if any(wide):
            return Product(_spec(spec, wide), below[0], below[1], dims)
        case Reindex(spec=spec) if any(wide):
            return Reindex(_spec(spec, wide), below[0], dims)
        case Add() if all(wide):
            return Add(tuple(below), dims)
        case Function(name=name) if all(wide):
            return Function(name, below[0], dims)
        case Concat(axis=axis) if all(wide) and axis:
            return Concat(tuple(below), axis - 1, dims)
    if any(wide):
        raise _Mixed
    return with_children(node, below) if below else node


def _spec(spec: str, wide: list[bool]) -> str:
    """The spec without the letter that leads the output and the operands that are `wide`."""
    inputs, _, target = spec.partition("->")
    operands = list(zip(inputs.split(","), wide, strict=True))
    letter, *others = {x[0] for x, has in operands if has}
    parts = [x[1:] if has else x for x, has in operands]
    if others or target[:1] != letter or any(letter in x for x in (*parts, target[1:])):
        raise _Mixed
    return f"{','.join(parts)}->{target[1:]}"
