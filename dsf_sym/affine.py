"""A step as linear part plus offset, split on the expression graph; what is not affine is named."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from .errors import NotAffine
from .tensor import (
    Add,
    Concat,
    Function,
    Input,
    Number,
    Product,
    Reindex,
    Tensor,
    add,
    broadcast,
    text,
    walk,
)

if TYPE_CHECKING:
    from .layer import Layer


@dataclass(frozen=True)
class Affine:
    """`linear + offset`; None stands for zero."""

    linear: Tensor | None
    offset: Tensor | None


def split(root: Tensor, states: frozenset[str], owner: str) -> Affine:
    """The parts of `root` that are linear in and free of the states.

    Raises NotAffine with the term that breaks it.
    """
    parts: dict[Tensor, Affine] = {}
    for node in walk(root):
        parts[node] = _split(node, parts, states, owner)
    return parts[root]


def _split(node: Tensor, parts: dict[Tensor, Affine], states: frozenset[str], owner: str) -> Affine:
    below = [parts[child] for child in node.children]
    if isinstance(node, Input) and node.name in states:
        return Affine(node, None)
    if all(part.linear is None for part in below):
        return Affine(None, node)
    match node:
        case Add():
            return Affine(_sum([p.linear for p in below]), _sum([p.offset for p in below]))
        case Product(spec=spec, left=left, right=right, dims=dims):
            a, b = below
            if a.linear is not None and b.linear is not None:
                raise NotAffine(
                    f"{owner} is not affine in its state: {text(node)} multiplies "
                    f"{text(left)} by {text(right)}, and both read the state"
                )

            def times(x: Tensor | None, y: Tensor | None) -> Tensor | None:
                return None if x is None or y is None else Product(spec, x, y, dims)

            linear = times(a.linear, b.offset) if b.linear is None else times(a.offset, b.linear)
            return Affine(linear, times(a.offset, b.offset))
        case Reindex(spec=spec, dims=dims):
            (a,) = below
            moved = [None if x is None else Reindex(spec, x, dims) for x in (a.linear, a.offset)]
            return Affine(*moved)
        case Concat(parts=pieces, axis=axis, dims=dims):

            def joined(xs: list[Tensor | None]) -> Tensor | None:
                if all(x is None for x in xs):
                    return None
                zeros = [broadcast(Number(Fraction(0)), p.dims) for p in pieces]
                filled = [z if x is None else x for x, z in zip(xs, zeros, strict=True)]
                return Concat(tuple(filled), axis, dims)

            return Affine(joined([p.linear for p in below]), joined([p.offset for p in below]))
        case Function(name="inverse", arg=arg):
            raise NotAffine(
                f"{owner} is not affine in its state: it divides by {text(arg)}, "
                "which reads the state"
            )
        case Function(name=name, arg=arg):
            raise NotAffine(
                f"{owner} is not affine in its state: {name}({text(arg)}) reads the state"
            )
    raise AssertionError(node)


def _sum(terms: list[Tensor | None]) -> Tensor | None:
    total: Tensor | None = None
    for term in terms:
        if term is not None:
            total = term if total is None else add(total, term)
    return total


@dataclass(frozen=True)
class AffineLayer:
    """A layer as an affine step and readout: what the deciding procedures work on."""

    layer: Layer
    step: dict[str, Affine]
    output: Affine


def affine_layer(layer: Layer) -> AffineLayer:
    """Split every state's step and the output; raises NotAffine."""
    states = frozenset(s.name for s in layer.of_kind("state"))
    step = {
        name: split(x, states, f"{layer.name}: the new {name}") for name, x in layer.step.items()
    }
    return AffineLayer(layer, step, split(layer.output, states, f"{layer.name}: the output"))
