"""The structure of one block of Λ: a diagonal, outer products and dense parts, with their axes.

A block over one state is read as `factor · (diagonal + Σ left rightᵀ + dense)`, where every part
acts on named axes and leaves the others alone.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from ..index.atoms import ONE, Factor, Form, Monomial, atom_form, combine
from ..index.forms import LETTERS, diagonal, diagonal_of, eye_atom, hadamard, one, text, zero
from ..index.terms import contract, function_form, normalise

if TYPE_CHECKING:
    from ..language.tensor import Dims

MERGED = 10


@dataclass(frozen=True)
class Outer:
    """`Σ_s left[·, s] right[·, s]` along the axes, the identity along the others.

    left and right have the state's dims, then `inner`; entries of axes that are not acted on are
    those of the row. inner: () for rank one, or the size summed over, which bounds the rank.
    """

    axes: tuple[int, ...]
    left: Form
    right: Form
    inner: Dims = ()


@dataclass(frozen=True)
class Dense:
    """A matrix along the axes, the identity along the others; its dims are the state's twice."""

    axes: tuple[int, ...]
    matrix: Form


@dataclass(frozen=True)
class Block:
    """One block of Λ: `diag(factor) (diag(diagonal) + Σ outers + Σ dense)`.

    factor: over the state's dims, on the `side` of what it multiplies. Raises nothing by itself;
    `check` compares it with Λ.
    """

    row: str
    column: str
    dims: Dims
    columns: Dims
    diagonal: Form
    outers: tuple[Outer, ...] = ()
    dense: tuple[Dense, ...] = ()
    factor: Form | None = None
    side: str = "left"

    @property
    def kind(self) -> str:
        """The structure in words, such as "scalar times identity plus rank one along n"."""
        if self.columns != self.dims:
            return "dense between states"
        parts = [self._diagonal_kind()] if self.diagonal or not self._acts else []
        if self.outers:
            parts.append(f"rank {self.rank_text} along {self._along(self.outers)}")
        if self.dense:
            parts.append(f"dense along {self._along(self.dense)}")
        return " plus ".join(parts)

    @property
    def scale(self) -> Form:
        """The diagonal part of Λ: the factor times the diagonal inside."""
        return self.diagonal if self.factor is None else hadamard(self.factor, self.diagonal)

    @property
    def diagonal_axes(self) -> tuple[str, ...]:
        """The axes along which the diagonal part varies; () for a multiple of the identity."""
        used = _used(self.scale)
        return tuple(size for i, size in enumerate(self.dims) if i in used)

    @property
    def rank(self) -> int:
        """The number of rank-one terms; `inner` sizes are not counted."""
        return sum(not x.inner for x in self.outers)

    @property
    def rank_text(self) -> str:
        """The rank in words: "one", "2", "r", "1 + r"."""
        words = [str(self.rank)] * (self.rank > 0) + [d for x in self.outers for d in x.inner]
        return "one" if words == ["1"] else " + ".join(words)

    @property
    def _acts(self) -> bool:
        return bool(self.outers or self.dense)

    def _along(self, parts: tuple[Outer, ...] | tuple[Dense, ...]) -> str:
        axes = sorted({axis for part in parts for axis in part.axes})
        return " and ".join(self.dims[a] for a in axes)

    def _diagonal_kind(self) -> str:
        axes = self.diagonal_axes
        if not self.scale:
            return "zero"
        if not axes:
            return "identity" if self.scale == one(self.dims) else "scalar times identity"
        if len(axes) == len(self.dims) > 1:
            return "diagonal entry by entry"
        return f"diagonal along {' and '.join(axes)}"

    def form(self) -> Form:
        """Λ's block rebuilt from its factors."""
        if self.columns != self.dims:
            return self.dense[0].matrix if self.dense else zero(self.dims + self.columns)
        total = diagonal(self.diagonal)
        for part in self.outers:
            total = total + _outer_form(part, self.dims)
        for matrix in self.dense:
            total = total + matrix.matrix
        return total if self.factor is None else _scaled(total, self.factor, self.side)

    def __str__(self) -> str:
        if self.columns != self.dims:
            return self.kind
        outers, dense = (self._along(x) for x in (self.outers, self.dense))
        words = []
        if self.diagonal or not self._acts:
            words.append(self._diagonal_text(self.diagonal))
        words += [f"rank {self.rank_text} along {outers}"] if self.outers else []
        words += [f"dense along {dense}"] if self.dense else []
        if self.factor is not None:
            factor = self._diagonal_text(self.factor).removesuffix(" * identity")
            pair = (factor, f"({' + '.join(words)})")
            words = [" * ".join(pair if self.side == "left" else pair[::-1])]
        out = " + ".join(words)
        # An axis that is the same everywhere is named once, at the end.
        varies = self.diagonal_axes if len(self.diagonal_axes) < max(len(self.dims), 2) else ()
        axes = {f" along {x}" for x in (outers, dense, " and ".join(varies)) if x}
        shared = axes.pop() if len(axes) == 1 else ""
        return out.replace(shared, "") + shared if shared else out

    def _diagonal_text(self, vector: Form) -> str:
        if vector == one(self.dims):
            return "identity"
        used = [size for i, size in enumerate(self.dims) if i in _used(vector)]
        if len(used) == len(self.dims) > 1:
            return f"diagonal({text(vector)}) entry by entry"
        if used:
            return f"diagonal({text(vector)}) along {' and '.join(used)}"
        words = text(vector)
        if not vector:
            return "zero"
        return f"{f'({words})' if len(vector.terms) > 1 else words} * identity"


def find_block(row: str, column: str, form: Form, dims: Dims) -> Block:
    """The structure of one block of Λ: from `column` to the state `row`, whose shape is `dims`.

    form: the block, over `dims` and then the axes of the other state.
    """
    columns = form.dims[len(dims) :]
    block = Block(row, column, dims, columns, zero(dims))
    if dims != columns:
        return replace(block, dense=(Dense(tuple(range(len(dims))), form),))
    flat = {m: c for m, c in form.terms.items() if diagonal_of(Form(form.dims, {m: c}))}
    vector = diagonal_of(Form(form.dims, flat)) or zero(dims)
    rest = Form(form.dims, {m: c for m, c in form.terms.items() if m not in flat})
    if vector and rest and vector != one(dims):
        inverse = function_form("inverse", vector)
        known = form.atoms()
        for side in ("left", "right"):
            inside = _scaled(rest, inverse, side)
            if inside.atoms() <= known and _scaled(inside, vector, side) == rest:
                factored = replace(block, diagonal=one(dims), factor=vector, side=side)
                return _with_parts(factored, inside)
    return _with_parts(replace(block, diagonal=vector), rest)


def _with_parts(block: Block, rest: Form) -> Block:
    """The block with outer products and dense parts for the terms that are not diagonal."""
    n = len(block.dims)
    terms: dict[tuple[tuple[int, ...], Dims], list[tuple[Monomial, Monomial, Fraction]]] = {}
    dense: dict[tuple[int, ...], dict[Monomial, Fraction]] = {}
    for monomial, c in rest.terms.items():
        kept = [f for f in monomial if not _is_identity(f, block.dims)]
        gone = [f[1][0] for f in monomial if _is_identity(f, block.dims)]
        axes = tuple(a for a in range(n) if a not in gone)
        halves = _halves(kept, axes, block.dims)
        if halves is None:
            dense.setdefault(axes, {})[monomial] = c
        else:
            left, right, inner = halves
            terms.setdefault((axes, inner), []).append((left, right, c))
    outers = []
    for (axes, inner), group in terms.items():
        dims = block.dims + inner
        # A sum inside a rank-r term is not a sum of terms with a common side: kept apart.
        pairs = _merge(group, dims) if not inner else [_pair(*term, dims) for term in group]
        outers += [Outer(axes, left, right, inner) for left, right in pairs]
    matrices = [Dense(axes, Form(rest.dims, m)) for axes, m in dense.items()]
    return replace(block, outers=tuple(outers), dense=tuple(matrices))


def _is_identity(factor: Factor, dims: Dims) -> bool:
    atom, labels = factor
    return atom.kind == "eye" and labels[0] < len(dims) and labels[1] == labels[0] + len(dims)


def _halves(
    factors: list[Factor], axes: tuple[int, ...], dims: Dims
) -> tuple[Monomial, Monomial, Dims] | None:
    """The factors at the rows and at the columns, or None where they cannot be parted.

    They may be joined by one summed label, whose size is then `inner`.
    """
    n = len(dims)
    rows, columns = set(axes), {n + a for a in axes}
    size = {
        label: d
        for atom, labels in factors
        for label, d in zip(labels, atom.dims, strict=True)
        if label < 0
    }
    for cut in (None, *size):
        left, right = _part(factors, rows, columns, cut)
        if left is None or right is None:
            continue
        if cut is None:
            inner: Dims = ()
        elif size[cut] in [dims[a] for a in axes]:
            continue
        else:
            inner = (size[cut],)
        new = {} if cut is None else {cut: n}
        moved = _move(left, new), _move(right, {n + a: a for a in axes} | new)
        if moved[0] is not None and moved[1] is not None:
            return moved[0], moved[1], inner
    return None


def _part(
    factors: list[Factor], rows: set[int], columns: set[int], cut: int | None
) -> tuple[list[Factor] | None, list[Factor] | None]:
    """Factors grouped by shared summed labels other than `cut`: those at rows, and the others."""
    groups: list[tuple[set[int], list[Factor]]] = []
    for factor in factors:
        labels = set(factor[1])
        joined = {label for label in labels if label < 0 and label != cut}
        touching = [g for g in groups if g[0] & joined]
        groups = [g for g in groups if not g[0] & joined]
        merged = [f for g in touching for f in g[1]]
        groups.append((labels.union(*(g[0] for g in touching)), [*merged, factor]))
    left: list[Factor] = []
    right: list[Factor] = []
    for labels, group in groups:
        if labels & rows and labels & columns:
            return None, None
        (left if labels & rows else right).extend(group)
    return left, right


def _move(factors: list[Factor], new: dict[int, int]) -> Monomial | None:
    """The product at other labels, or None where it is no single term there."""
    moved = [(a, tuple(new.get(label, label) for label in labels)) for a, labels in factors]
    terms = normalise(moved, {})
    return next(iter(terms)) if list(terms.values()) == [ONE] else None


def _pair(left: Monomial, right: Monomial, c: Fraction, dims: Dims) -> tuple[Form, Form]:
    return Form(dims, {left: ONE}), Form(dims, {right: c})


def _merge(terms: list[tuple[Monomial, Monomial, Fraction]], dims: Dims) -> list[tuple[Form, Form]]:
    """The fewest outer products with these terms: each gathers the terms of one left or one right.

    Gathered by lefts only where there are more than `MERGED` of them.
    """
    lefts = list(dict.fromkeys(left for left, _, _ in terms))
    chosen = tuple(lefts)
    if len(lefts) <= MERGED:
        choices = (pick for r in range(len(lefts) + 1) for pick in itertools.combinations(lefts, r))
        chosen = min(
            choices,
            key=lambda pick: (
                len(pick) + len({right for left, right, _ in terms if left not in pick}),
                -len(pick),
            ),
        )
    gathered: dict[tuple[bool, Monomial], list[tuple[Monomial, Fraction]]] = {}
    for left, right, c in terms:
        by_left = left in chosen
        key = (by_left, left if by_left else right)
        gathered.setdefault(key, []).append((right if by_left else left, c))
    out = []
    for (by_left, shared), others in gathered.items():
        single = Form(dims, {shared: ONE})
        total = combine([(Form(dims, {m: ONE}), c) for m, c in others], dims)
        out.append((single, total) if by_left else (total, single))
    return out


def _outer_form(part: Outer, dims: Dims) -> Form:
    n = len(dims)
    rows, columns = LETTERS[:n], LETTERS[n : 2 * n]
    at_right = "".join(columns[a] if a in part.axes else rows[a] for a in range(n))
    summed = LETTERS[2 * n : 2 * n + len(part.inner)]
    operands = [(part.left, rows + summed), (part.right, at_right + summed)]
    for a in range(n):
        if a not in part.axes:
            operands.append((atom_form(eye_atom(dims[a])), rows[a] + columns[a]))
    return contract(operands, rows + columns, dims * 2)


def _scaled(matrix: Form, vector: Form, side: str) -> Form:
    """The matrix with its rows (side left) or columns (right) multiplied by a vector's entries."""
    n = len(vector.dims)
    rows, columns = LETTERS[:n], LETTERS[n : 2 * n]
    at = rows if side == "left" else columns
    return contract([(matrix, rows + columns), (vector, at)], rows + columns, matrix.dims)


def _used(vector: Form) -> set[int]:
    return {label for m in vector.terms for _, labels in m for label in labels if label >= 0}
