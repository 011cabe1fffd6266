"""Products of transitions over many tokens, from generated code of a layer's linear part.

The end of a part of a sequence is affine in its start: `end = Φ start + e`, where Φ is the product
of the part's transitions and `e` the end from a start of zero. Φ is found by running the linear
part of the step from starts that span the axes which Λ mixes; along the other axes it is diagonal.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Any

import torch
from torch import Tensor

from dsf_sym import Layer
from dsf_sym.codegen.tiles import summed_sizes
from dsf_sym.derivation.affine import affine_step
from dsf_sym.derivation.derive import derive, systems
from dsf_sym.errors import NotAffine
from dsf_sym.index.atoms import Form
from dsf_sym.language.evaluate import extent
from dsf_sym.language.graph import walk
from dsf_sym.language.tensor import Input, Number, broadcast

from ..contract import ContractViolation, one_or_all, parts_of
from .job import flushed, spans

AXES = "abcdefg"
MIXED = "pqrstuv"


@dataclass(frozen=True)
class Linear:
    """The linear part of a layer's step, and along which axes it mixes entries.

    layer: `h_i = Λ_i h_{i-1}`; code needs an output, which is a token. systems: states that Λ
    couples, together. mixed: for each state the axes along which Λ mixes entries. free: the sizes
    that Λ does not depend on, and along which nothing is mixed. read: the signals that Λ reads.
    """

    layer: Layer
    systems: tuple[tuple[str, ...], ...]
    mixed: Mapping[str, tuple[int, ...]]
    free: tuple[str, ...]
    read: frozenset[str]

    def dims(self, state: str) -> tuple[str, ...]:
        """The axes of a state."""
        return self.layer.signal(state).dims

    def probes(
        self, sizes: Mapping[str, int]
    ) -> tuple[tuple[tuple[str, tuple[int, ...]], ...], ...]:
        """For each system its starts: a state, and where along the mixed axes it is 1."""
        found = []
        for system in self.systems:
            ranges = {
                s: [range(extent(self.dims(s)[a], sizes)) for a in self.mixed[s]] for s in system
            }
            found.append(tuple((s, at) for s in system for at in itertools.product(*ranges[s])))
        return tuple(found)


@cache
def linear(layer: Layer) -> Linear:
    """The linear part of a layer's step; ContractViolation where the step is not affine."""
    try:
        parts = affine_step(layer)
    except NotAffine as error:
        raise ContractViolation(
            f"run({layer.name}, variant='associative'): {error}; use variant='relay'"
        ) from None
    states = layer.of_kind("state")
    step = {}
    for s in states:
        kept = parts[s.name].linear
        step[s.name] = broadcast(Number(Fraction(0)), s.dims) if kept is None else kept
    made = replace(
        layer,
        name=f"{layer.name}_linear",
        step=step,
        output=layer[layer.input_name or layer.of_kind("token")[0].name],
        start={},
        carried=None,
        matrices=(),
        others=(),
    )
    space = derive(replace(made, output=made[states[0].name]))
    groups = systems([s.name for s in states], space.Lam)
    mixed = {}
    for system in groups:
        shapes = {layer.signal(s).dims for s in system}
        for s in system:
            every = tuple(range(len(layer.signal(s).dims)))
            blocks = [space.Lam[key] for key in space.Lam if key[0] in system]
            alike = len(shapes) == 1
            mixed[s] = tuple(a for a in every if not alike or any(_mixes(x, a) for x in blocks))
    names = frozenset(s.name for s in states)
    nodes = walk(*step.values())
    read = {x.name: x for x in nodes if isinstance(x, Input) and x.name not in names}
    bound = {d for x in read.values() for d in x.dims}
    bound |= {d for x in nodes for d in summed_sizes(x)}
    bound |= {layer.signal(s).dims[a] for s in names for a in mixed[s]}
    bound |= {p for s in layer.signals for d in s.dims if "+" in d for p in d.split("+")}
    free = tuple(d for d in layer.sizes if d not in bound)
    return Linear(made, tuple(groups), mixed, free, frozenset(read))


def _mixes(block: Form, axis: int) -> bool:
    """Whether a block of Λ between states of one shape has entries off the diagonal of an axis."""
    pair = {axis, axis + len(block.dims) // 2}
    return any(
        not any(atom.kind == "eye" and set(labels) == pair for atom, labels in monomial)
        for monomial in block.terms
    )


@dataclass(frozen=True)
class Product:
    """Φ by its columns: `columns[state]` [K, B, H, ...], the ends of the starts in `probes`.

    Along the sizes of `linear.free` the columns have length 1.
    """

    linear: Linear
    sizes: Mapping[str, int]
    columns: Mapping[str, Tensor]

    def __call__(self, *start: Tensor) -> tuple[Tensor, ...]:
        """Φ times states, in the layer's order."""
        names = [s.name for s in self.linear.layer.of_kind("state")]
        given = dict(zip(names, start, strict=True))
        out = {}
        for system, probes in zip(self.linear.systems, self.linear.probes(self.sizes), strict=True):
            for row in system:
                total, first = None, 0
                for state in system:
                    count = sum(s == state for s, _ in probes)
                    part = self._part(row, state, self.columns[row][first : first + count], given)
                    total = part if total is None else total + part
                    first += count
                out[row] = total
        return tuple(out[n] for n in names)

    def _part(self, row: str, state: str, columns: Tensor, given: Mapping[str, Tensor]) -> Tensor:
        """What one state adds to the new value of another."""
        dims, mixed = self.linear.dims(state), self.linear.mixed[state]
        lengths = [extent(dims[a], self.sizes) for a in mixed]
        letters = "".join(MIXED[a] if a in mixed else AXES[a] for a in range(len(dims)))
        to = AXES[: len(self.linear.dims(row))]
        at = "".join(MIXED[a] for a in mixed)
        cut = columns.reshape(*lengths, *columns.shape[1:])
        return torch.einsum(f"{at}BH{to},BH{letters}->BH{to}", cut, given[state])

    def transposed(self, *end: Tensor) -> tuple[Tensor, ...]:
        """Φᵀ times adjoints of the end: the derivative of Φ times a start."""
        start = [torch.zeros_like(x, requires_grad=True) for x in end]
        with torch.enable_grad():
            return torch.autograd.grad(self(*start), start, end)


Run = Callable[..., tuple[Any, Any]]


def product(
    layer: Layer, run: Run, signals: Mapping[str, Tensor], sizes: Mapping[str, int], span: int
) -> Product:
    """The product of the transitions of a part's tokens.

    Parameters
    ----------
    run
        Runs a layer on signals from a state: `numeric.run` with its options bound.
    signals
        Tokens [B, H, L, ...] and constants [H, ...].
    sizes
        The sizes that they have, B, H and L included.
    span
        So many tokens are run first. Once Φ is zero it stays so, and the rest is not run; what is
        below the smallest normal number is zero.
    """
    plan = linear(layer)
    states = plan.layer.of_kind("state")
    count = max(map(len, plan.probes(sizes)))
    # Columns lie side by side along a free axis if there is one: in a batch each copies the tokens.
    aside = next((d for d in plan.free if all(d in s.dims for s in states)), None)
    columns = _starts(plan, sizes, next(iter(signals.values())), count)
    at = 0
    for length in spans(sizes["L"], span):
        some = {
            n: x[:, :, at : at + length] if _is_token(layer, n) else x for n, x in signals.items()
        }
        at += length
        given = _beside(plan, some, sizes, aside, count)
        start = tuple(_packed(x, s.dims, aside) for s, x in zip(states, columns, strict=True))
        _, end = run(plan.layer, state=one_or_all(start), **given)
        columns = [
            flushed(_unpacked(x, s.dims, aside, count))
            for s, x in zip(states, parts_of(end), strict=True)
        ]
        if not any(bool(x.any()) for x in columns):
            break
    return Product(plan, dict(sizes), {s.name: x for s, x in zip(states, columns, strict=True)})


def _is_token(layer: Layer, name: str) -> bool:
    return layer.signal(name).kind == "token"


def _starts(plan: Linear, sizes: Mapping[str, int], some: Tensor, count: int) -> list[Tensor]:
    """The columns of the identity, [K, B, H, ...] for every state."""
    small = {**sizes, **dict.fromkeys(plan.free, 1)}
    kind = torch.float32 if some.itemsize < 4 else some.dtype
    made = {}
    for s in plan.layer.of_kind("state"):
        shape = (extent(d, small) for d in s.dims)
        made[s.name] = some.new_zeros((count, sizes["B"], sizes["H"], *shape), dtype=kind)
    for probes in plan.probes(sizes):
        for k, (name, at) in enumerate(probes):
            where: list[Any] = [slice(None)] * (2 + len(plan.dims(name)))
            for axis, i in zip(plan.mixed[name], at, strict=True):
                where[2 + axis] = i
            made[name][(k, *where)] = 1
    return list(made.values())


def _beside(
    plan: Linear, signals: Mapping[str, Tensor], sizes: Mapping[str, int], aside: str | None, K: int
) -> dict[str, Tensor]:
    """The signals for K columns at once; what Λ does not read is zero."""
    small = {**sizes, **dict.fromkeys(plan.free, 1)}
    copies = K if aside is None else 1
    if aside is not None:
        small[aside] = K
    given = {}
    for name, x in signals.items():
        s = plan.layer.signal(name)
        shape = [*x.shape[: x.ndim - len(s.dims)], *(extent(d, small) for d in s.dims)]
        if name not in plan.read:
            x = x.new_zeros(()).expand(shape)
        given[name] = x.repeat(copies, *[1] * (x.ndim - 1)) if s.kind == "token" else x
    return given


def _packed(columns: Tensor, dims: tuple[str, ...], aside: str | None) -> Tensor:
    """Columns [K, B, H, ...] in one batch, or along the axis `aside`."""
    if aside is None:
        return columns.flatten(0, 1)
    return columns.transpose(0, 3 + dims.index(aside)).squeeze(0)


def _unpacked(states: Tensor, dims: tuple[str, ...], aside: str | None, count: int) -> Tensor:
    """Columns [K, B, H, ...] again."""
    if aside is None:
        return states.unflatten(0, (count, -1))
    return states.unsqueeze(0).transpose(0, 3 + dims.index(aside))


__all__ = ["Linear", "Product", "linear", "product"]
