"""A step as linear part plus offset, split on the expression graph; what is not affine is named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from typing import TYPE_CHECKING

from ..errors import NotAffine
from ..language.functions import ones
from ..language.graph import reading, walk
from ..language.kernel import KernelLayer
from ..language.tensor import (
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
    multiply,
    text,
)

if TYPE_CHECKING:
    from ..language.layer import Layer


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
    """A layer as an affine step and readout: what the deciding procedures work on.

    denominator: for a ratio `y = output / denominator` of two affine readouts, the second; None
    where the readout is affine.
    """

    layer: Layer
    step: dict[str, Affine]
    output: Affine
    denominator: Affine | None = None

    @property
    def readouts(self) -> tuple[Affine, ...]:
        """The output, or the numerator and the denominator."""
        return (self.output,) if self.denominator is None else (self.output, self.denominator)


def common_readouts(parts: list[AffineLayer]) -> list[AffineLayer]:
    """The layers with an affine output over the denominator 1 where another one is a ratio."""
    if all(p.denominator is None for p in parts):
        return parts
    return [
        replace(p, denominator=Affine(None, ones(*p.layer.output.dims)))
        if p.denominator is None
        else p
        for p in parts
    ]


def affine_step(layer: Layer) -> dict[str, Affine]:
    """Split every state's step; raises NotAffine."""
    if isinstance(layer, KernelLayer):
        raise NotAffine(layer.obstacle)
    states = frozenset(layer.step)
    return {
        name: split(x, states, f"{layer.name}: the new {name}") for name, x in layer.step.items()
    }


def affine_layer(layer: Layer) -> AffineLayer:
    """Split every state's step and the output; raises NotAffine."""
    states, step = frozenset(layer.step), affine_step(layer)
    top, bottom = as_ratio(layer.output, states, layer.name)
    owner = f"{layer.name}: the output"
    return AffineLayer(
        layer,
        step,
        split(top, states, owner),
        None if bottom is None else split(bottom, states, f"{owner}'s denominator"),
    )


def as_ratio(root: Tensor, states: frozenset[str], owner: str) -> tuple[Tensor, Tensor | None]:
    """Numerator and denominator of an expression that divides by the state; None where it does not.

    Both have the shape of `root`. Raises NotAffine where two different denominators meet.
    """
    reads = reading(states, root)
    parts: dict[Tensor, tuple[Tensor, Tensor | None]] = {}
    for node in walk(root):
        if node not in reads or all(parts[child][1] is None for child in node.children):
            divides = isinstance(node, Function) and node.name == "inverse" and node in reads
            parts[node] = (ones(*node.dims), node.children[0]) if divides else (node, None)
            continue
        parts[node] = _ratio(node, parts, owner)
    return parts[root]


def _ratio(
    node: Tensor, parts: dict[Tensor, tuple[Tensor, Tensor | None]], owner: str
) -> tuple[Tensor, Tensor | None]:
    match node:
        case Product(spec=spec, left=left, right=right, dims=dims):
            inputs, _, output = spec.partition("->")
            bottoms = [
                Reindex(f"{letters}->{output}", bottom, dims) if letters != output else bottom
                for letters, child in zip(inputs.split(","), (left, right), strict=True)
                if (bottom := parts[child][1]) is not None and set(letters) <= set(output)
            ]
            count = len([c for c in (left, right) if parts[c][1] is not None])
            if len(bottoms) == count:
                both = Product(spec, parts[left][0], parts[right][0], dims)
                return both, bottoms[0] if count == 1 else multiply(*bottoms)
        case Add(terms=terms):
            below = [parts[t] for t in terms]
            shared = [d for _, d in below if d is not None]
            if all(_same(x, shared[0]) for x in shared):
                bottom = shared[0]
                over = [n if d is not None else multiply(n, bottom) for n, d in below]
                return reduce(add, over), bottom
        case Reindex(spec=spec, arg=arg, dims=dims):
            source, _, target = spec.partition("->")
            top, under = parts[arg]
            if under is not None and set(source) <= set(target):
                return Reindex(spec, top, dims), Reindex(spec, under, dims)
    raise NotAffine(
        f"{owner}: the output is not one ratio of affine readouts: {text(node)} combines "
        "different denominators, or sums over one"
    )


def _same(a: Tensor | None, b: Tensor | None) -> bool:
    """Whether two denominators are the same node, up to how it is repeated."""
    while isinstance(a, Reindex) and isinstance(b, Reindex):
        if (a.spec, a.dims) != (b.spec, b.dims):
            return False
        a, b = a.arg, b.arg
    return a is b
