"""Splitting the axes of a form into slots: the factors of a Kronecker product."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from ..index.atoms import Monomial

Axes = tuple[int, ...]
Slot = tuple[Axes, Axes]


def slots(products: Sequence[Monomial], rows: Axes, cols: Axes, dims: dict[int, str]) -> list[Slot]:
    """The finest slots, in the order of a Kronecker product, that no factor of a product crosses.

    A slot is a run of rows and a run of columns. A slot of rows alone stands before one of columns
    alone, beside the one of its size where there is one: their product is an outer product.
    """
    groups = [{axis} for axis in rows + cols]
    for product in products:
        linked: dict[int, set[int]] = {}
        for _, labels in product:
            group = set(labels)
            for label in labels:
                group |= linked.get(label, set())
            linked.update(dict.fromkeys(group, group))
        for group in linked.values():
            groups = _merged(groups, {x for x in group if x in rows or x in cols})
    place = {x: i for axes in (rows, cols) for i, x in enumerate(axes)}
    found = [_slot(group, rows, cols) for group in groups]
    while True:
        crossing = next((p for p in combinations(found, 2) if _cross(*p, place)), None)
        if crossing is None:
            return _ordered(found, place, dims)
        first, second = crossing
        both = {x for slot in crossing for axes in slot for x in axes}
        found = [s for s in found if s not in (first, second)] + [_slot(both, rows, cols)]


def _merged(groups: list[set[int]], link: set[int]) -> list[set[int]]:
    touching = [g for g in groups if g & link]
    return [g for g in groups if not g & link] + ([set().union(*touching)] if touching else [])


def _slot(group: set[int], rows: Axes, cols: Axes) -> Slot:
    return tuple(x for x in rows if x in group), tuple(x for x in cols if x in group)


def _cross(a: Slot, b: Slot, place: dict[int, int]) -> bool:
    """Whether two slots cannot stand one before the other."""
    orders = set()
    for here, there in zip(a, b, strict=True):
        if here and there:
            before = place[here[-1]] < place[there[0]]
            if not before and not place[there[-1]] < place[here[0]]:
                return True
            orders.add(before)
    return len(orders) > 1


def _ordered(found: list[Slot], place: dict[int, int], dims: dict[int, str]) -> list[Slot]:
    square = sorted((s for s in found if s[0] and s[1]), key=lambda s: place[s[0][0]])
    columns = sorted((s for s in found if not s[1]), key=lambda s: place[s[0][0]])
    lines = sorted((s for s in found if not s[0]), key=lambda s: place[s[1][0]])
    out: list[Slot] = []
    for end in [*square, None]:
        here = [s for s in columns if end is None or place[s[0][0]] < place[end[0][0]]]
        there = [s for s in lines if end is None or place[s[1][0]] < place[end[1][0]]]
        columns = [s for s in columns if s not in here]
        lines = [s for s in lines if s not in there]
        out += _paired(here, there, dims) + ([end] if end else [])
    return out


def _paired(columns: list[Slot], lines: list[Slot], dims: dict[int, str]) -> list[Slot]:
    """Columns and lines in one order, equal sizes side by side."""
    out: list[Slot] = []
    for column in columns:
        size = [dims[x] for x in column[0]]
        match = next((i for i, s in enumerate(lines) if [dims[x] for x in s[1]] == size), None)
        if match is None:
            out.append(column)
        else:
            # Lines passed over stand before the column, where nothing pairs with them.
            out += [*lines[:match], column, lines[match]]
            lines = lines[match + 1 :]
    return out + lines
