"""A layer repeated along a new leading size: heads, groups, layers side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import DomainError, LanguageError
from .graph import walk
from .layer import Layer, Signal, validate
from .matrices import Matrices
from .tensor import (
    LABELS,
    Add,
    Concat,
    Dims,
    Eye,
    Function,
    Input,
    Product,
    Reindex,
    Tensor,
    broadcast,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


def heads(
    layer: Layer, size: str, *, shared: Collection[str] = (), name: str | None = None
) -> Layer:
    """The layer with `size` heads side by side, `y_i[h] = layer(s_i[h])`.

    Every token, state, weight and the output get `size` as their first axis, but for the signals in
    `shared`, which all heads read: `heads(linear_attention, "h", shared=("k", "v"))` has grouped
    queries. A state may be shared as well where no head's own signal enters its step. The double
    entry is repeated along with the step.

    Raises
    ------
    LanguageError
        `size` is no new name, or a shared state (or the start of a state) differs between heads.
    DomainError
        A vector of unit norm would get an axis.
    UnknownName
        `shared` names no signal.
    """
    call = f"heads({layer.name}, {size!r})"
    _check(layer, size, set(shared), call)
    own = frozenset(s.name for s in layer.signals if s.name not in shared)
    repeat = _Repeat(size, own)
    *step, output = repeat.rewrite([*layer.step.values(), layer.output])
    steps = dict(zip(layer.step, step, strict=True))
    for state, value in steps.items():
        if state in own:
            steps[state] = repeat.spread(value, layer.step[state].dims)
        elif value.dims != layer.step[state].dims:
            source = next(
                n.name for n in walk(layer.step[state]) if isinstance(n, Input) and n.name in own
            )
            raise LanguageError(
                f"{call}: the state {state} is shared, and its step reads {source}, of which every "
                f"head has its own; share {source} too, or leave {state} out of shared"
            )
    made = replace(
        layer,
        name=name or call,
        title=f"{layer.title}, multi-head",
        signals=tuple(repeat.signal(s) for s in layer.signals),
        step=steps,
        output=repeat.spread(output, layer.output.dims),
        matrices=tuple(_matrices(layer, printed, repeat) for printed in layer.matrices),
        others=tuple((where, heads(x, size, shared=shared)) for where, x in layer.others),
    )
    validate(made)
    return made


def repeated(roots: Sequence[Tensor], size: str, own: Collection[str]) -> list[Tensor]:
    """The expressions with the leading axis `size`, along which the inputs `own` vary."""
    repeat = _Repeat(size, frozenset(own))
    new = repeat.rewrite(roots)
    return [repeat.spread(x, old.dims) for x, old in zip(new, roots, strict=True)]


def _check(layer: Layer, size: str, shared: set[str], call: str) -> None:
    if not size.isidentifier() or size in layer.sizes:
        why = "the layer has that size already" if size in layer.sizes else "that is no name"
        raise LanguageError(f"{call}: {why}; give the heads a new size, such as 'h'")
    for each in sorted(shared):
        layer.signal(each)
    for state, start in layer.start.items():
        if (state in shared) != (start in shared):
            raise LanguageError(
                f"{call}: {state} starts from {start}; share both of them, or neither"
            )
    for signal in layer.signals:
        if signal.domain.unit and signal.name not in shared:
            raise DomainError(
                f"{call}: {signal.name} has unit norm, which is known of one vector a token only; "
                f"share it, or declare it as Vec and divide by its norm in the step"
            )


@dataclass(frozen=True)
class _Repeat:
    """The rewriting of a graph: what reads an input of `own` gets the leading axis `size`."""

    size: str
    own: frozenset[str]

    def signal(self, s: Signal) -> Signal:
        return replace(s, dims=(self.size, *s.dims)) if s.name in self.own else s

    def spread(self, new: Tensor, dims: Dims) -> Tensor:
        """A rewritten tensor, which had `dims`, with the leading axis even if all heads agree."""
        if new.dims != dims:
            return new
        if not dims:
            return broadcast(new, (self.size,))
        letters = LABELS[: len(dims)]
        head = LABELS[len(dims)]
        return Reindex(f"{letters}->{head}{letters}", new, (self.size, *dims))

    def rewrite(self, roots: Sequence[Tensor]) -> list[Tensor]:
        new: dict[Tensor, Tensor] = {}
        for node in walk(*roots):
            below = [new[child] for child in node.children]
            same = all(a is b for a, b in zip(below, node.children, strict=True))
            if isinstance(node, Input) and node.name in self.own:
                new[node] = Input(node.name, (self.size, *node.dims))
            elif same:
                new[node] = node
            else:
                new[node] = self._node(node, below)
        return [new[root] for root in roots]

    def _node(self, node: Tensor, below: list[Tensor]) -> Tensor:
        dims = (self.size, *node.dims)
        wide = [x.dims != old.dims for x, old in zip(below, node.children, strict=True)]
        match node:
            case Add() | Concat():
                spread = [self.spread(x, c.dims) for x, c in zip(below, node.children, strict=True)]
                parts = tuple(spread)
                return (
                    Add(parts, dims)
                    if isinstance(node, Add)
                    else Concat(parts, node.axis + 1, dims)
                )
            case Product(spec=spec):
                return Product(_with_head(spec, wide), below[0], below[1], dims)
            case Reindex(spec=spec):
                return Reindex(_with_head(spec, wide), below[0], dims)
            case Function(name=name):
                return Function(name, below[0], dims)
        raise AssertionError(node)


def _with_head(spec: str, wide: Sequence[bool]) -> str:
    """The spec with one new letter first in the output and in the operands that are `wide`.

    Letters are in the order of the alphabet, as the builders of the language write them.
    """
    inputs, _, output = spec.partition("->")
    head = "*"
    groups = [head * w + g for g, w in zip(inputs.split(","), wide, strict=True)]
    groups.append(head + output)
    letters = dict(zip(dict.fromkeys("".join(groups)), LABELS, strict=False))
    *operands, result = ("".join(letters[c] for c in group) for group in groups)
    return f"{','.join(operands)}->{result}"


def _matrices(layer: Layer, printed: Matrices, repeat: _Repeat) -> Matrices:
    """Λ, B, C, D of all heads: a matrix between two axes of heads is the identity along them."""
    (state,) = layer.step
    assert layer.input_name is not None
    inner = {state: len(layer.signal(state).dims), "u": len(layer.signal(layer.input_name).dims)}
    headed = {state: state in repeat.own, "u": layer.input_name in repeat.own}
    before = (printed.Lam, printed.B, printed.C, printed.D)
    columns = (state, "u", state, "u")
    rows = (headed[state], headed[state], True, True)
    made = []
    for old, new, row, column in zip(before, repeat.rewrite(before), rows, columns, strict=True):
        made.append(_block(repeat, old, new, row, headed[column], len(old.dims) - inner[column]))
    return Matrices(f"{printed.source}, for every head", *made)


def _block(repeat: _Repeat, old: Tensor, new: Tensor, row: bool, column: bool, rows: int) -> Tensor:
    """One matrix with the axis of heads where its rows and its columns have it."""
    if not row:
        return new
    if not column:
        return repeat.spread(new, old.dims)
    letters = LABELS[: len(old.dims)]
    first, second = LABELS[len(old.dims)], LABELS[len(old.dims) + 1]
    if new.dims != old.dims:
        spec = f"{first}{letters},{first}{second}->{first}{letters[:rows]}{second}{letters[rows:]}"
    else:
        spec = f"{letters},{first}{second}->{first}{letters[:rows]}{second}{letters[rows:]}"
    dims = (repeat.size, *old.dims[:rows], repeat.size, *old.dims[rows:])
    return Product(spec, new, Eye((repeat.size, repeat.size)), dims)
