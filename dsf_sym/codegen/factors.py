"""The factors from which fast schedules are built, read off Λ, B, C, D and the structure found.

An outer-product memory has a state of keys by values and a step

    S_i = diag(a_i) S_{i-1} + l_i (r_iᵀ S_{i-1}) + c_i v_iᵀ,    y_i = gate_i ⊙ (S_iᵀ q_i) + skip_i,

with a_i a number or one for each key. An elementwise memory has `h_i = a_i ⊙ h_{i-1} + b_i`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ..derivation.blocks import Block
from ..derivation.derive import StateSpace
from ..derivation.structure import Structure
from ..index.atoms import Atom, Factor, Form, Monomial, atom_form
from ..index.forms import LETTERS, compose, expression, hadamard, one, signal_atom
from ..index.terms import contract
from ..language.tensor import Dims, Number, Product, Reindex, Tensor, add, broadcast, multiply

ONE = Fraction(1)


class NoSchedule(Exception):
    """Why a layer has no code of some schedule, in words."""


@dataclass(frozen=True)
class Correction:
    """The rank-one part of Λ: `left (readᵀ S)`, `left` None where it is the memory's own column.

    read then holds the scalar by which the two differ, and rates what varies along the values:
    `left (rates ⊙ readᵀ S)`.
    """

    read: Tensor
    left: Tensor | None
    rates: Tensor | None = None


@dataclass(frozen=True)
class Memory:
    """The factors of an outer-product memory; keys and values are the state's axes."""

    state: str
    keys: tuple[int, ...]
    values: tuple[int, ...]
    dims: Dims
    decay: Tensor | None
    decay_keys: bool
    column: Tensor
    value: Tensor
    correction: Correction | None
    row: Tensor
    old: bool
    gate: Tensor | None
    skip: Tensor | None

    @property
    def key_dims(self) -> Dims:
        """The sizes of the key axes."""
        return tuple(self.dims[a] for a in self.keys)

    @property
    def value_dims(self) -> Dims:
        """The sizes of the value axes."""
        return tuple(self.dims[a] for a in self.values)


@dataclass(frozen=True)
class Elementwise:
    """The factors of a diagonal memory; `readout` is the output over the state's name.

    old: the readout is of the state before the token.
    """

    state: str
    dims: Dims
    decay: Tensor
    term: Tensor
    readout: Tensor
    old: bool


def elementwise(space: StateSpace, found: Structure) -> Elementwise:
    """The factors of a memory whose Λ is diagonal; raises NoSchedule."""
    name, block = _block(space, found)
    if block.outers or block.dense:
        raise NoSchedule(f"Λ is {found.kind}: products of it are no longer of that structure")
    state = space.state(name)
    n = len(state.dims)
    # C = R Λ⁻¹ would divide by decays; the old state is at hand.
    old = space.reads_old
    read = (space.R if old else space.C) or {}
    total = skip_form(space, old)
    if name in read:
        total = total + compose(read[name], atom_form(signal_atom(state)), n)
    return Elementwise(
        state=name,
        dims=state.dims,
        decay=form_expression(block.scale, "Λ"),
        term=form_expression(space.offset[name], "b"),
        readout=form_expression(total, "the output"),
        old=old,
    )


def memory(space: StateSpace, found: Structure) -> Memory:
    """The factors of an outer-product memory; raises NoSchedule."""
    name, block = _block(space, found)
    if block.dense:
        raise NoSchedule(f"Λ is {found.kind}: a dense part has no decay ratios")
    old = space.reads_old
    read = (space.R if old else space.C) or {}
    if name not in read:
        raise NoSchedule("the output does not read the state")
    dims = block.dims
    row, gate, values = _readout(read[name], len(space.y_dims), dims)
    keys = tuple(a for a in range(len(dims)) if a not in values)
    decay = block.scale
    varies = {label for m in decay.terms for _, ls in m for label in ls}
    if varies & set(values):
        raise NoSchedule(f"Λ is {found.kind}: the decay varies along the values")
    column, value = _write(space.offset[name], keys, values)
    correction, column, value = _correction(block, keys, values, column, value)
    return Memory(
        state=name,
        keys=keys,
        values=values,
        dims=dims,
        decay=None if decay == one(dims) else _decay(decay, keys, bool(varies)),
        decay_keys=bool(varies),
        column=form_expression(column, "the key"),
        value=form_expression(value, "the value"),
        correction=correction,
        row=form_expression(row, "the readout"),
        old=old,
        gate=None if gate == one(gate.dims) else form_expression(gate, "the readout"),
        skip=form_expression(skip_form(space, old), "the skip") if skip_form(space, old) else None,
    )


def _block(space: StateSpace, found: Structure) -> tuple[str, Block]:
    if space.denominator is not None:
        raise NoSchedule("the output is a ratio of two readouts")
    if len(space.states) != 1:
        names = " and ".join(s.name for s in space.states)
        raise NoSchedule(f"the states {names} are of one system: one reads another")
    name = space.states[0].name
    if (name, name) not in found.blocks:
        raise NoSchedule("Λ is zero: nothing is carried")
    return name, found.blocks[name, name]


def form_expression(form: Form, what: str) -> Tensor:
    """The form as products of factors, scalars first: nothing is larger than it must be.

    Raises NoSchedule where `what` it is has no such expression.
    """
    total: Tensor | None = None
    for monomial, c in sorted(form.terms.items()):
        groups: dict[tuple[int, ...], Tensor] = {}
        for labels, factors in sorted(_groups(monomial), key=lambda g: (len(g[0]), sorted(g[0]))):
            axes = tuple(sorted(labels))
            made = _factor(factors, axes, form.dims)
            if made is None:
                raise NoSchedule(f"{what} holds a size or parts of a joined axis")
            groups[axes] = multiply(groups[axes], made) if axes in groups else made
        scaled = multiply(Number(c), _times(groups, form.dims))
        total = scaled if total is None else add(total, scaled)
    return broadcast(Number(Fraction(0)), form.dims) if total is None else total


def _factor(factors: list[Factor], axes: tuple[int, ...], dims: Dims) -> Tensor | None:
    """Factors that are summed together, over the axes they keep."""
    place = {axis: i for i, axis in enumerate(axes)}
    moved = tuple(sorted((a, tuple(place.get(x, x) for x in ls)) for a, ls in factors))
    return expression(Form(tuple(dims[a] for a in axes), {moved: ONE}))


def _times(groups: dict[tuple[int, ...], Tensor], dims: Dims) -> Tensor:
    """The product of tensors over axes, repeated along the axes that none of them has."""
    parts = list(groups.items())
    have: tuple[int, ...] = ()
    out: Tensor = Number(ONE)
    if parts:
        have, out = parts.pop(0)
    for axes, x in parts:
        both = tuple(sorted({*have, *axes}))
        la, lb, lo = ("".join(LETTERS[a] for a in g) for g in (have, axes, both))
        size = dict(zip(la, out.dims, strict=True)) | dict(zip(lb, x.dims, strict=True))
        out = Product(f"{la},{lb}->{lo}", out, x, tuple(size[c] for c in lo))
        have = both
    if len(have) == len(dims):
        return out
    return Reindex(f"{''.join(LETTERS[a] for a in have)}->{LETTERS[: len(dims)]}", out, dims)


def _decay(form: Form, keys: tuple[int, ...], varies: bool) -> Tensor:
    return form_expression(_at(form, keys if varies else ()), "Λ")


def skip_form(space: StateSpace, old: bool) -> Form:
    """What the output adds to the state's readout."""
    through, rest = (space.E, space.free_old) if old else (space.D, space.free_output)
    assert through is not None and rest is not None
    if space.u is None:
        return through + rest
    return compose(through, atom_form(signal_atom(space.u)), len(space.u.dims)) + rest


def _at(form: Form, axes: tuple[int, ...]) -> Form:
    """The form over some of its axes only; it must be constant along the others."""
    new = {axis: i for i, axis in enumerate(axes)}
    terms = {
        tuple(sorted((a, tuple(new.get(ls, ls) for ls in labels)) for a, labels in m)): c
        for m, c in form.terms.items()
    }
    return Form(tuple(form.dims[a] for a in axes), terms)


def _groups(monomial: Monomial) -> list[tuple[set[int], list[Factor]]]:
    """Factors that share summed labels, with the labels that stay."""
    groups: list[tuple[set[int], list[Factor]]] = []
    for factor in monomial:
        labels = set(factor[1])
        summed = {x for x in labels if x < 0}
        touching = [g for g in groups if g[0] & summed]
        groups = [g for g in groups if not g[0] & summed]
        merged = [f for g in touching for f in g[1]]
        groups.append((labels.union(*(g[0] for g in touching)), [*merged, factor]))
    return [({x for x in labels if x >= 0}, group) for labels, group in groups]


def _part(monomial: Monomial, first: set[int], second: set[int]) -> tuple[Monomial, Monomial]:
    """The factors at `first` (scalars too) and at `second`; raises NoSchedule for others."""
    left: list[Factor] = []
    right: list[Factor] = []
    for labels, group in _groups(monomial):
        if labels and labels <= second:
            right += group
        elif labels <= first:
            left += group
        else:
            raise NoSchedule("a factor reads keys and values together")
    return tuple(sorted(left)), tuple(sorted(right))


def _readout(read: Form, outputs: int, dims: Dims) -> tuple[Form, Form, tuple[int, ...]]:
    """The row over all state axes, the gate over the outputs, and the value axes in their order."""
    pairs: set[tuple[int, ...]] = set()
    rows: dict[Monomial, Fraction] = {}
    gates: set[Monomial] = set()
    for monomial, c in read.terms.items():
        link = {ls[0]: ls[1] for a, ls in monomial if a.kind == "eye" and ls[0] < outputs <= ls[1]}
        if sorted(link) != list(range(outputs)):
            raise NoSchedule("the output has an axis that is none of the state's")
        pairs.add(tuple(link[i] - outputs for i in range(outputs)))
        rest = tuple(f for f in monomial if not _links(f, outputs))
        places = {outputs + a for a in range(len(dims))}
        left, right = _part(rest, places, set(range(outputs)))
        moved = [(a, tuple(x - outputs if x >= 0 else x for x in ls)) for a, ls in left]
        rows[tuple(sorted(moved))] = c
        gates.add(right)
    if len(pairs) != 1 or len(gates) != 1:
        raise NoSchedule("the output is a sum of readouts of different kinds")
    (values,) = pairs
    (gate,) = gates
    y_dims = read.dims[:outputs]
    row = Form(dims, rows)
    keys = tuple(a for a in range(len(dims)) if a not in values)
    return _at(row, keys), Form(y_dims, {gate: ONE}), values


def _links(factor: Factor, outputs: int) -> bool:
    atom, labels = factor
    return atom.kind == "eye" and labels[0] < outputs <= labels[1]


def _write(form: Form, keys: tuple[int, ...], values: tuple[int, ...]) -> tuple[Form, Form]:
    """The write as an outer product: a form over the keys and one over the values."""
    if not form:
        raise NoSchedule("nothing is written")
    parts = [(_part(m, set(keys), set(values)), c) for m, c in form.terms.items()]
    left: dict[Monomial, Fraction] = {}
    right: dict[Monomial, Fraction] = {}
    if len({b for (_, b), _ in parts}) == 1:
        for (a, b), c in parts:
            left[a], right[b] = c, ONE
    elif len({a for (a, _), _ in parts}) == 1:
        for (a, b), c in parts:
            left[a], right[b] = ONE, c
    else:
        raise NoSchedule(f"the write is a sum of {len(parts)} outer products")
    return _at(Form(form.dims, left), keys), _at(Form(form.dims, right), values)


def _correction(
    block: Block, keys: tuple[int, ...], values: tuple[int, ...], column: Form, value: Form
) -> tuple[Correction | None, Form, Form]:
    """The rank-one part; where its column is the key times a scalar, both share the bare key."""
    if not block.outers:
        return None, column, value
    if block.rank != 1 or len(block.outers) != 1:
        raise NoSchedule(f"Λ has rank {block.rank_text} beside its diagonal")
    (outer,) = block.outers
    if outer.axes != tuple(sorted(keys)):
        raise NoSchedule("Λ's outer product acts on axes that are not the keys")
    left, right = outer.left, outer.right
    if block.factor is not None:
        if block.side == "left":
            left = hadamard(block.factor, left)
        else:
            right = hadamard(block.factor, right)
    rates: Tensor | None = None
    sides = []
    for side in (left, right):
        if _axes(side) <= set(keys):
            sides.append(_at(side, keys))
            continue
        along, varies = _write(side, keys, values)
        sides.append(along)
        made = form_expression(varies, "Λ")
        rates = made if rates is None else multiply(rates, made)
    left, right = sides
    ours, theirs = _scalar_part(column), _scalar_part(left)
    if ours is None or theirs is None or ours[1] != theirs[1]:
        if rates is not None:
            raise NoSchedule("Λ's outer product varies along the values beside another column")
        return Correction(form_expression(right, "Λ"), form_expression(left, "Λ")), column, value
    read = _scaled(right, theirs[0])
    return Correction(form_expression(read, "Λ"), None, rates), ours[1], _scaled(value, ours[0])


def _axes(form: Form) -> set[int]:
    """The axes along which a form varies."""
    return {label for m in form.terms for _, labels in m for label in labels if label >= 0}


def _scalar_part(form: Form) -> tuple[Form, Form] | None:
    """A form of one term as a scalar times what depends on its axes."""
    if len(form.terms) != 1:
        return None
    ((monomial, c),) = form.terms.items()
    scalars: list[tuple[Atom, tuple[int, ...]]] = []
    others: list[tuple[Atom, tuple[int, ...]]] = []
    for labels, group in _groups(monomial):
        (others if labels else scalars).extend(group)
    return Form((), {tuple(sorted(scalars)): c}), Form(form.dims, {tuple(sorted(others)): ONE})


def _scaled(form: Form, scalar: Form) -> Form:
    letters = LETTERS[: len(form.dims)]
    return contract([(scalar, ""), (form, letters)], letters, form.dims)
