"""Bounds of the eigenvalues of Λ for all sizes, from its factors and the domains of its signals.

A block `diag(f) M`, `M = diag(g) + left rightᵀ`, is rebuilt from its factors and compared with Λ.
With f and g constant along the axes of the outer product its eigenvalues are f g and
f (g + right·left). For a symmetric M they lie between those of g shifted by right·left (Weyl), and
those of diag(f) M, f >= 0, are a value of f times an eigenvalue of M (Ostrowski).
"""

from __future__ import annotations

from fractions import Fraction
from functools import reduce

from ...derivation.affine import split
from ...derivation.blocks import Block, find_block
from ...errors import DomainError, Rejected
from ...index.atoms import Form, input_atom
from ...index.forms import (
    LETTERS,
    coefficient,
    diagonal,
    diagonal_of,
    hadamard,
    one,
    reads,
    transpose,
    zero,
)
from ...index.normal import step_form
from ...index.terms import contract
from ...language.domains import Interval
from ...language.functions import ones
from ...language.layer import Layer
from ...language.ranges import ranges
from ...language.spec import rebuild
from .enclosure import Range
from .entries import bounds

ZERO = Fraction(0)


def eigenvalues(layer: Layer) -> Interval:
    """An interval that holds every eigenvalue of Λ, at every size, for all tokens and weights.

    Raises Rejected where Λ is not of that form, or where one part of it has no bounds.
    """
    spans = _spans(layer)
    return hull(list(spans.values()))


def norm(layer: Layer) -> Fraction | None:
    """A bound on the spectral norm of Λ, None for none; Rejected where Λ is no such matrix.

    A diagonal or symmetric block has the norm of its largest eigenvalue, and one times diag(f) at
    most that of f times it: the bounds of `eigenvalues` are then bounds of the norm.
    """
    found = hull(list(_spans(layer, normal=True).values()))
    return None if found.low is None or found.high is None else max(-found.low, found.high)


def blocks_of(layer: Layer) -> dict[tuple[str, str], Form]:
    """Λ from each state to each, where it is not zero, at every size."""
    step = step_form(layer)
    atoms = {s.name: input_atom(s.name, s.dims, kind="state") for s in layer.of_kind("state")}
    found: dict[tuple[str, str], Form] = {}
    for row, form in step.new.items():
        for column, atom in atoms.items():
            part, form = coefficient(form, atom)
            if part:
                found[row, column] = part
        if any(reads(form, atom) for atom in atoms.values()):
            raise Rejected(f"{layer.name}: the new {row} is not affine in the states")
    return found


def require_diagonal(layer: Layer) -> None:
    """Rejected unless Λ is diagonal at every size."""
    for (row, column), form in blocks_of(layer).items():
        if row != column or diagonal_of(form) is None:
            raise Rejected(f"{layer.name}: Λ from {column} to {row} is not diagonal")


def require_identity(layer: Layer) -> None:
    """Rejected unless Λ is the identity at every size."""
    found = blocks_of(layer)
    wanted = {(s.name, s.name): diagonal(one(s.dims)) for s in layer.of_kind("state")}
    if found != wanted:
        raise Rejected(f"{layer.name}: Λ is not the identity")


def _spans(layer: Layer, *, normal: bool = False) -> dict[str, Interval]:
    """Bounds by state; `normal`: of blocks that are diagonal or symmetric, up to a factor."""
    found = blocks_of(layer)
    _require_triangular(layer, set(found))
    if normal and any(row != column for row, column in found):
        raise Rejected(f"{layer.name}: a state enters another's step")
    return {
        s.name: _of_block(
            layer, s.name, found.get((s.name, s.name), zero(s.dims + s.dims)), normal=normal
        )
        for s in layer.of_kind("state")
    }


def hull(parts: list[Interval]) -> Interval:
    """The smallest interval that holds all of them."""
    out = parts[0]
    for x in parts[1:]:
        ends = [(y.low, y.low_open) for y in (out, x)]
        low, low_open = min(ends, key=lambda e: (e[0] is not None, e[0] or ZERO, e[1]))
        tops = [(y.high, y.high_open) for y in (out, x)]
        high, high_open = max(tops, key=lambda e: (e[0] is None, e[0] or ZERO, not e[1]))
        out = Interval(low, high, low_open, high_open)
    return out


def _require_triangular(layer: Layer, pairs: set[tuple[str, str]]) -> None:
    left, done = list(layer.step), set()
    while left:
        ready = [r for r in left if all(c == r or c in done for x, c in pairs if x == r)]
        if not ready:
            raise Rejected(f"{layer.name}: {', '.join(left)} enter each other's step")
        done |= set(ready)
        left = [x for x in left if x not in done]


def _of_block(layer: Layer, name: str, form: Form, *, normal: bool) -> Interval:
    dims = layer.signal(name).dims
    block = find_block(name, name, form, dims)
    if block.form() != form:
        raise Rejected(f"{layer.name}: the factors of Λ for {name} do not rebuild it")
    if block.dense or len(block.outers) > 1 or any(x.inner for x in block.outers):
        raise Rejected(f"{layer.name}: Λ of {name} is {block.kind}")
    if not block.outers:
        return _of_diagonal(layer, name, form)
    if normal and not _symmetric(block):
        raise Rejected(f"{layer.name}: Λ of {name} is not symmetric up to a factor")
    inside = _of_inner(layer, block)
    if block.factor is None:
        return inside.interval
    factor = bounds(block.factor, layer)
    axes = {axis for x in block.outers for axis in x.axes}
    if axes & _axes(block.factor):
        half = Interval(low=ZERO, low_open=False)
        if not factor.interval.within(half) or not _symmetric(block):
            raise Rejected(f"{layer.name}: Λ of {name} is no symmetric matrix times a positive one")
    return (factor * inside).interval


def _of_diagonal(layer: Layer, name: str, form: Form) -> Interval:
    """The entries of a diagonal: the new state where it starts from ones, without what is added.

    The graph keeps products of sums apart, whose signs are lost where they are multiplied out.
    """
    found = []
    vector = diagonal_of(form)
    linear = split(layer.step[name], frozenset({name}), layer.name).linear
    if vector is None:
        raise Rejected(f"{layer.name}: Λ of {name} is not diagonal")
    try:
        found.append(bounds(vector, layer).interval)
    except Rejected:
        pass
    if linear is not None:
        (image,) = rebuild([linear], {name: ones(*layer.signal(name).dims)})
        try:
            found.append(ranges([image], layer.domains)[image])
        except DomainError:
            pass
    if not found:
        raise Rejected(f"{layer.name}: no bounds of the diagonal Λ of {name} are known")
    return reduce(Interval.meet, found)


def _of_inner(layer: Layer, block: Block) -> Range:
    """The eigenvalues of `diag(g) + left rightᵀ`."""
    own = bounds(block.diagonal, layer)
    (outer,) = block.outers
    letters = LETTERS[: len(block.dims)]
    kept = "".join(x for i, x in enumerate(letters) if i not in outer.axes)
    dims = tuple(d for i, d in enumerate(block.dims) if i not in outer.axes)
    shift = contract([(hadamard(outer.left, outer.right), letters)], kept, dims)
    moved = own + bounds(shift, layer)
    if set(outer.axes) & _axes(block.diagonal) and not _symmetric(block):
        raise Rejected(f"{layer.name}: Λ of {block.row} is neither symmetric nor g + left rightᵀ")
    return Range(hull([own.interval, moved.interval]))


def _symmetric(block: Block) -> bool:
    """Whether the block without its factor is its own transpose."""
    plain = Block(block.row, block.column, block.dims, block.columns, block.diagonal, block.outers)
    form = plain.form()
    return transpose(form, len(block.dims)) == form


def _axes(form: Form) -> set[int]:
    return {x for m in form.terms for _, labels in m for x in labels if x >= 0}
