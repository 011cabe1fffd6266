"""Terms of a form as the reading of notation takes them apart: scalars, and factors with axes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import gcd

from ..index.atoms import ONE, Atom, Factor, Form, Monomial, atom_form
from ..index.canonical import canonical
from ..index.terms import substitute
from .slots import Axes

LEFT, RIGHT, BOTH = range(3)
End = tuple[int, Atom, int]


@dataclass(frozen=True)
class Term:
    """A coefficient, scalars (products in which every label is summed), and the other factors."""

    c: Fraction
    scalars: tuple[Monomial, ...]
    parts: Monomial


def ordered(form: Form) -> list[tuple[Monomial, Fraction]]:
    """The terms of a form, those that hold a state first, then short ones."""
    return sorted(form.terms.items(), key=lambda mc: term_key(term_of(mc[1], list(mc[0]))))


def with_tanh(form: Form) -> Form:
    """The form in tanh(x) = 2 σ(2 x) - 1, of which the normal form knows only σ, where shorter."""
    sigmoids = {a for m in form.terms for a, _ in m if a.name == "sigmoid" and a.arg is not None}
    for atom in sorted(sigmoids):
        assert atom.arg is not None
        arg = atom.arg.times(Fraction(1, 2))
        tanh = Atom(f"tanh{{{arg.key}}}", "function", "tanh", atom.dims, arg=arg)
        ones = Form(atom.dims, {(): ONE})
        sigmoid = (atom_form(tanh) + ones).times(Fraction(1, 2))
        other = substitute(form, {atom: sigmoid})
        if len(other.terms) < len(form.terms):
            form = other
    return form


def term_of(c: Fraction, factors: list[Factor]) -> Term:
    """A product of factors, those without axes taken apart."""
    scalars, parts = [], []
    for group in joined(factors):
        if any(x >= 0 for _, ls in group for x in ls):
            parts += group
        else:
            scalars.append(canonical(group))
    return Term(c, tuple(sorted(scalars, key=scalar_key)), canonical(parts))


def reads_state(term: Term) -> bool:
    """Whether a state is among the factors."""
    return any(a.kind == "state" for s in (*term.scalars, term.parts) for a, _ in s)


def joined(factors: Iterable[Factor]) -> list[list[Factor]]:
    """Groups of factors that share labels, free or summed."""
    groups: list[tuple[set[int], list[Factor]]] = []
    for factor in factors:
        labels = set(factor[1])
        touching = [g for g in groups if g[0] & labels]
        groups = [g for g in groups if not g[0] & labels]
        merged = [f for g in touching for f in g[1]]
        groups.append((labels.union(*(g[0] for g in touching)), [*merged, factor]))
    return [g[1] for g in groups]


def scalar_key(scalar: Monomial) -> tuple[object, ...]:
    """The order of scalars: sizes, signals, functions, then inner products; by name."""
    kinds = {"size": 0, "function": 2}
    named = [(a.name, -1 if a.time is None else a.time, a.key) for a, _ in scalar]
    return (len(scalar) > 1, kinds.get(scalar[0][0].kind, 1), named, [ls for _, ls in scalar])


def term_key(term: Term) -> tuple[object, ...]:
    """The order of terms: those that hold a state first, short ones next, then by time."""
    atoms = [f for s in (*term.scalars, term.parts) for f in s if f[0].kind != "eye"]
    times = sorted(a.time for a, _ in atoms if a.time is not None)
    return (
        not reads_state(term),
        len(atoms),
        times,
        term.parts,
        [scalar_key(s) for s in term.scalars],
    )


def content(
    terms: list[Term], *, canonical_key: bool = False
) -> tuple[Fraction, tuple[Monomial, ...], list[Term]]:
    """The common coefficient and scalars of terms, and the terms without them, in order.

    With `canonical_key` proportional sums leave the same terms; otherwise the coefficient is what a
    person would write in front: a sign or factor that all terms share.
    """
    common = reduce(lambda a, b: a & b, (Counter(t.scalars) for t in terms))
    rest = []
    for term in sorted(terms, key=term_key):
        kept = (Counter(term.scalars) - common).elements()
        rest.append(Term(term.c, tuple(sorted(kept, key=scalar_key)), term.parts))
    rest.sort(key=term_key)
    c = rest[0].c if canonical_key else _common(rest)
    scalars = tuple(sorted(common.elements(), key=scalar_key))
    return c, scalars, [Term(t.c / c, t.scalars, t.parts) for t in rest]


def _common(terms: list[Term]) -> Fraction:
    values = {abs(t.c) for t in terms}
    whole = all(x.denominator == 1 for x in values)
    size = Fraction(reduce(gcd, (x.numerator for x in values))) if whole else Fraction(1)
    if len(values) == 1:
        (size,) = values
    gates = not any(t.parts or any(len(s) > 1 or s[0][0].arg for s in t.scalars) for t in terms)
    if gates and not terms[0].scalars:
        # Of single letters, 1 - a is what one writes, not a - 1.
        return size if terms[0].c > 0 else -size
    return -size if all(t.c < 0 for t in terms) else size


def has_eye(parts: Monomial, a: int, b: int) -> bool:
    """Whether an identity joins two axes."""
    return any(atom.kind == "eye" and set(ls) == {a, b} for atom, ls in parts)


def is_diagonal(parts: Monomial, rows: Axes, cols: Axes) -> bool:
    """Whether identities join every row with its column."""
    return len(rows) == len(cols) and all(
        has_eye(parts, r, c) for r, c in zip(rows, cols, strict=True)
    )


def stripped(term: Term, rows: Axes, cols: Axes) -> Term:
    """A diagonal term without its identities, columns renamed to rows."""
    pairs = dict(zip(cols, rows, strict=True))
    kept = [
        (a, tuple(pairs.get(x, x) for x in ls))
        for a, ls in term.parts
        if not (a.kind == "eye" and any(set(ls) == {r, c} for c, r in pairs.items()))
    ]
    return Term(term.c, term.scalars, canonical(kept))


def column_part(term: Term, rows: Axes, cols: Axes) -> Monomial:
    """The factors at the row that do not reach the column."""
    groups = [
        g
        for g in joined(term.parts)
        if any(rows[0] in ls for _, ls in g) and not any(cols[0] in ls for _, ls in g)
    ]
    return canonical([f for g in groups for f in g])


def ends_of(term: Term, rows: Axes, cols: Axes) -> set[End]:
    """What can be taken out at the row or the column: (side, atom, place of its label)."""
    found: set[End] = set()
    diagonal = bool(cols) and is_diagonal(term.parts, rows, cols)
    for side, axes in ((LEFT, rows), (RIGHT, cols)):
        for atom, labels in term.parts:
            if atom.kind in ("eye", "inject") or not axes:
                continue
            alone = sum(axes[0] in ls for _, ls in term.parts) == 1
            if len(labels) == 1 and (labels == axes or (diagonal and labels[0] in rows + cols)):
                found.add((side, atom, 0))
            elif len(labels) == 2 and len(cols) == 1 and set(labels) == {*rows, *cols}:
                found.add((BOTH, atom, labels.index(rows[0])))
            if len(labels) == 2 and len(set(labels)) == 2 and axes[0] in labels and alone:
                found.add((side, atom, labels.index(axes[0])))
    return found


def without(term: Term, end: End, rows: Axes, cols: Axes, new: int = 0) -> Term:
    """The term with an end taken out; a matrix leaves its other label at the axis `new`."""
    side, atom, at = end
    axis = (cols if side == RIGHT else rows)[0]
    if len(atom.dims) == 2 and side != BOTH:
        return opened(term, (atom, at), axis, new)
    here = [f for f in term.parts if f[0] == atom and set(f[1]) <= {*rows, *cols}]
    gone = next((f for f in here if f[1][at] == axis), here[0])
    kept = list(term.parts)
    kept.remove(gone)
    return Term(term.c, term.scalars, canonical(kept))


def opened(term: Term, end: tuple[Atom, int], axis: int, new: int) -> Term:
    """The term without the matrix that ends at `axis`; its other label becomes the axis `new`."""
    atom, at = end
    gone = next(f for f in term.parts if f[0] == atom and f[1][at] == axis)
    other = gone[1][1 - at]
    kept = list(term.parts)
    kept.remove(gone)
    if other >= 0:
        size = atom.dims[1 - at]
        kept.append((Atom(f"eye<{size}>", "eye", "I", (size, size)), (other, new)))
        return Term(term.c, term.scalars, canonical(kept))
    moved = [(a, tuple(new if x == other else x for x in ls)) for a, ls in kept]
    return Term(term.c, term.scalars, canonical(moved))
