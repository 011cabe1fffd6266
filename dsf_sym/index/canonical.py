"""Canonical products: identities summed out, summed labels named in a canonical order."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from .atoms import Atom, Factor, Form, Monomial


def size_atom(name: str) -> Atom:
    """The atom of a size: a sum over an unused label."""
    return Atom(f"size<{name}>", "size", name)


def contract_deltas(factors: list[Factor], live: dict[int, str]) -> list[Factor] | None:
    """Sum out identities, injections and unit-norm pairs; None when the product is zero.

    Labels that are consumed leave `live`.
    """
    while True:
        for position, (atom, labels) in enumerate(factors):
            rest = factors[:position] + factors[position + 1 :]
            if atom.kind == "eye":
                i, j = labels
                if i == j:
                    factors = rest
                    break
                if min(i, j) < 0:
                    gone, stays = (i, j) if i < 0 else (j, i)
                    factors = [
                        (a, tuple(stays if ls == gone else ls for ls in old)) for a, old in rest
                    ]
                    live.pop(gone, None)
                    break
                low, high = sorted(labels)
                if labels != (low, high) or any(high in old for _, old in rest):
                    # Under an identity both labels name one entry: only the lower is written.
                    moved = [(a, tuple(low if ls == high else ls for ls in old)) for a, old in rest]
                    factors = [(atom, (low, high)), *moved]
                    break
            count = [label for _, ls in factors for label in ls]
            if atom.kind == "inject":
                joined, small = labels
                if joined < 0 and count.count(joined) == 1:
                    live.pop(joined, None)
                    factors = rest
                    break
                met = _meeting_injections(atom, labels, rest)
                if met is not None:
                    if met == "disjoint":
                        return None
                    factors = met
                    if not any(small in ls for _, ls in factors):
                        live.pop(small, None)
                    break
            if (
                atom.unit
                and labels[0] < 0
                and count.count(labels[0]) == 2
                and factors.count((atom, labels)) == 2
            ):
                rest.remove((atom, labels))
                live.pop(labels[0], None)
                factors = rest
                break
        else:
            return factors


def inject_atom(joined: str, at: str, small: str) -> Atom:
    """The parts of a joined axis after `at` ("0" or a sum of sizes), as a matrix of 0 and 1."""
    return Atom(f"inject<{joined},{at},{small}>", "inject", at, (joined, small))


def _meeting_injections(
    atom: Atom, labels: tuple[int, ...], rest: list[Factor]
) -> list[Factor] | Literal["disjoint"] | None:
    """The product with two injections made one: into the same axis, or one after the other.

    None where no two meet in a way that is known to simplify.
    """
    parts = atom.dims[0].split("+")
    begin = 0 if atom.name == "0" else len(atom.name.split("+"))
    end = begin + len(atom.dims[1].split("+"))
    joined, small = labels
    for i, (other, at) in enumerate(rest):
        if other.kind != "inject":
            continue
        first = 0 if other.name == "0" else len(other.name.split("+"))
        last = first + len(other.dims[1].split("+"))
        others = rest[:i] + rest[i + 1 :]
        if at[0] == joined:
            if last <= begin or end <= first:
                return "disjoint"
            if (first, last) == (begin, end):
                identity = Atom(f"eye<{atom.dims[1]}>", "eye", "I", (atom.dims[1],) * 2)
                return [*rest, (identity, (small, at[1]))]
            if first <= begin and end <= last:
                inner = "+".join(parts[first:begin]) or "0"
                made = inject_atom(other.dims[1], inner, atom.dims[1])
                return [*rest, (made, (at[1], small))]
        if at[0] == small and small < 0:
            used = sum(ls.count(small) for _, ls in rest)
            if used == 1:
                inner = "+".join(parts[: begin + first]) or "0"
                made = inject_atom(atom.dims[0], inner, other.dims[1])
                return [*others, (made, (joined, at[1]))]
    return None


def canonical(factors: Sequence[Factor]) -> Monomial:
    """The product with summed labels renamed -1, -2, ... in an order that no renaming changes."""
    free = sorted(f for f in factors if all(label >= 0 for label in f[1]))
    parts = sorted(_canonical_part(part, {}) for part in _connected(factors))
    out, used = list(free), 0
    for part in parts:
        out += [(a, tuple(ls - used if ls < 0 else ls for ls in labels)) for a, labels in part]
        used += len({ls for _, labels in part for ls in labels if ls < 0})
    return tuple(out)


def _connected(factors: Sequence[Factor]) -> list[list[Factor]]:
    """Groups of factors that share summed labels."""
    groups: list[tuple[set[int], list[Factor]]] = []
    for factor in factors:
        summed = {label for label in factor[1] if label < 0}
        if not summed:
            continue
        touching = [g for g in groups if g[0] & summed]
        groups = [g for g in groups if not g[0] & summed]
        merged = [f for g in touching for f in g[1]]
        groups.append((summed.union(*(g[0] for g in touching)), [*merged, factor]))
    return [g[1] for g in groups]


def _canonical_part(factors: list[Factor], fixed: dict[int, int]) -> list[Factor]:
    """The smallest renaming of one connected group, by refinement and, among ties, by trying each.

    fixed: labels already named, by their rank.
    """
    labels = {label for _, ls in factors for label in ls if label < 0}
    colour: dict[int, object] = {label: (1, fixed.get(label, -1)) for label in labels}
    rank: dict[int, int] = {}
    while True:
        described: dict[int, object] = {}
        for label in labels:
            seen = sorted(
                (
                    a.key,
                    place,
                    tuple(rank.get(o, 0) if o < 0 else o + 1000 for o in ls),
                    tuple(o == label for o in ls),
                )
                for a, ls in factors
                for place, here in enumerate(ls)
                if here == label
            )
            described[label] = (colour[label], rank.get(label, 0), seen)
        order = sorted({repr(d) for d in described.values()})
        new = {label: order.index(repr(described[label])) for label in labels}
        if len(order) == len(set(rank.values())) or len(order) == len(labels):
            rank = new
            break
        rank = new
    classes: dict[int, list[int]] = {}
    for label, r in rank.items():
        classes.setdefault(r, []).append(label)
    tied = next((classes[r] for r in sorted(classes) if len(classes[r]) > 1), None)
    if tied is None:
        name = {label: -1 - i for i, label in enumerate(sorted(labels, key=rank.__getitem__))}
        return sorted((a, tuple(name.get(ls, ls) for ls in old)) for a, old in factors)
    return min(_canonical_part(factors, {**fixed, label: len(fixed)}) for label in tied)


def is_free(monomial: Monomial) -> bool:
    """Whether nothing is summed over, so that functions may be applied factor by factor."""
    return all(label >= 0 for _, labels in monomial for label in labels)


def cancel_inverse(
    factors: list[Factor], at: int, denominator: Form, labels: tuple[int, ...]
) -> list[tuple[list[Factor], Fraction]] | None:
    """Lead / (c lead + rest) = (1 - rest / (c lead + rest)) / c, where the product has the lead."""
    lead = max(denominator.terms, key=lambda m: (len(m), m))
    if not lead or not is_free(lead):
        return None
    rest = list(factors)
    for atom, ls in lead:
        factor = (atom, tuple(labels[label] for label in ls))
        if factor not in rest:
            return None
        rest.remove(factor)
    c = denominator.terms[lead]
    inverse = factors[at]
    without = list(rest)
    without.remove(inverse)
    others = Form(denominator.dims, {m: x for m, x in denominator.terms.items() if m != lead})
    out = [(without, 1 / c)]
    return out + [(f, -x / c) for f, x in replaced_by(rest, others, labels)]


def replaced_by(
    rest: list[Factor], form: Form, labels: tuple[int, ...]
) -> list[tuple[list[Factor], Fraction]]:
    """The products of `rest` with every term of `form`, whose axes are put at `labels`."""
    lowest = min((label for _, ls in rest for label in ls), default=0)
    fresh = min(lowest, *labels, 0) - 1 if labels else min(lowest, 0) - 1
    out = []
    for monomial, c in form.terms.items():
        moved = [
            (a, tuple(labels[ls] if ls >= 0 else fresh + ls for ls in old)) for a, old in monomial
        ]
        out.append((rest + moved, c))
    return out
