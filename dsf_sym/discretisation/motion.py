"""How the states of `x' = A x + b` move: which of them are coupled, and by what kind of A.

A is read off by linearity for all sizes at once. Kinds that a rule can use: entry by entry (one
real state), entry by entry on a pair of states that rotate into each other (a complex number each),
and either of them plus an outer product of rank one.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from ..derivation.blocks import Block, Outer, find_block
from ..derivation.derive import derive, systems
from ..index.atoms import Form
from ..index.forms import expression, hadamard, zero
from ..language.pairs import Complex
from ..language.tensor import LABELS, Reindex, Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..language.layer import Layer

Entry = Tensor | Complex


@dataclass(frozen=True)
class Low:
    """`left (rightᵀ x)` along `axes`: the part of rank one, of x and its partner together.

    product: the entries of left times those of right, as they meet in `rightᵀ diag(e) left`: for a
    pair `conj(right) left`.
    """

    axes: tuple[int, ...]
    left: Entry
    right: Entry
    product: Entry


@dataclass(frozen=True)
class Motion:
    """`x' = a ⊙ x + low x` of one state, or of two that are one complex number an entry.

    a: None where A is zero.
    """

    states: tuple[str, ...]
    a: Entry | None
    low: Low | None = None


@dataclass(frozen=True)
class Unknown:
    """States whose A has no structure that a rule can use, and what it is, in words."""

    states: tuple[str, ...]
    what: str


def motions(rates: Layer) -> list[Motion | Unknown]:
    """The groups of coupled states of `x' = rates.step`, each with its A; raises NotAffine."""
    lam = derive(rates).Lam
    return [_motion(group, lam, rates) for group in systems(list(rates.step), lam)]


def _motion(
    group: tuple[str, ...], lam: Mapping[tuple[str, str], Form], rates: Layer
) -> Motion | Unknown:
    shapes = {rates.signal(s).dims for s in group}
    if len(group) > 2 or len(shapes) > 1:
        return Unknown(group, f"{len(group)} states that enter each other's step")
    (dims,) = shapes
    blocks = {
        (r, c): find_block(r, c, lam.get((r, c), zero(dims + dims)), dims)
        for r in group
        for c in group
    }
    if any(b.dense for b in blocks.values()):
        return Unknown(group, next(b.kind for b in blocks.values() if b.dense))
    parts = [blocks[group[0], group[0]].scale]
    if len(group) == 2:
        x, y = group
        parts.append(blocks[y, x].scale)
        turned = blocks[x, y].scale.times(Fraction(-1))
        if blocks[y, y].scale != parts[0] or turned != parts[1]:
            return Unknown(group, f"a coupling of {x} and {y} that is no rotation")
    a = _entry(parts)
    if a is None:
        return Unknown(group, "an A that holds a size or parts of a joined axis")
    moving = a if any(parts) else None
    if not any(b.outers for b in blocks.values()):
        return Motion(group, moving)
    low = _rank_one(group, blocks)
    if low is None:
        kinds = " and ".join(sorted({b.kind for b in blocks.values()}))
        return Unknown(group, f"{kinds}: not a diagonal plus one outer product")
    return Motion(group, moving, low)


def _rank_one(group: tuple[str, ...], blocks: Mapping[tuple[str, str], Block]) -> Low | None:
    """The outer product that all the blocks are parts of, or None."""
    parts: dict[tuple[str, str], Outer] = {}
    for key, block in blocks.items():
        if len(block.outers) > 1 or any(outer.inner for outer in block.outers):
            return None
        for outer in block.outers:
            if block.factor is not None and block.side == "left":
                outer = replace(outer, left=hadamard(block.factor, outer.left))
            elif block.factor is not None:
                outer = replace(outer, right=hadamard(block.factor, outer.right))
            parts[key] = outer
    (above, beside), pivot = next(iter(parts.items()))
    none = Outer(pivot.axes, zero(pivot.left.dims), zero(pivot.left.dims))
    left = [parts.get((row, beside), none).left for row in group]
    right = [parts.get((above, column), none).right for column in group]
    for (i, row), (j, column) in itertools.product(enumerate(group), repeat=2):
        part = parts.get((row, column))
        both = Outer(pivot.axes, left[i], right[j]) if left[i] and right[j] else None
        if part != both:
            return None
    if len(group) == 1:
        product = [hadamard(left[0], right[0])]
    else:
        (f, g), (p, q) = left, right
        product = [hadamard(f, p) + hadamard(g, q), hadamard(g, p) - hadamard(f, q)]
    made = _entry(left), _entry(right), _entry(product)
    if made[0] is None or made[1] is None or made[2] is None:
        return None
    return Low(pivot.axes, made[0], made[1], made[2])


def _entry(parts: list[Form]) -> Entry | None:
    """Forms as one tensor, or as the real and imaginary part of one; None where they cannot be."""
    tensors = [_tensor(form) for form in parts]
    if len(tensors) == 1:
        return tensors[0]
    re, im = tensors
    return None if re is None or im is None else Complex(re, im)


def _tensor(form: Form) -> Tensor | None:
    """The form over the axes that it depends on, repeated along the others."""
    used = sorted({x for m in form.terms for _, labels in m for x in labels if x >= 0})
    place = {axis: i for i, axis in enumerate(used)}
    terms = {
        tuple(sorted((a, tuple(place.get(x, x) for x in labels)) for a, labels in m)): c
        for m, c in form.terms.items()
    }
    small = expression(Form(tuple(form.dims[a] for a in used), terms))
    if small is None or len(used) == len(form.dims):
        return small
    source = "".join(LABELS[a] for a in used)
    return Reindex(f"{source}->{LABELS[: len(form.dims)]}", small, form.dims)
