"""Reading matrix notation off a form: what is common is taken out, the rest is split by axes.

The axes fall into slots, the smallest groups of row and column axes that no factor of any term
joins; a term is a Kronecker product over them. Common scalars and common slots are factored out,
and inside a slot common matrices at either end and products of the kind (I + u w^T)(...).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from fractions import Fraction

from ..index.atoms import ONE, Atom, Form, Monomial
from ..index.canonical import canonical
from ..index.terms import contract, normalise
from .assemble import add, compose, hadamard, kron, times, transposed
from .network import network
from .notation import (
    Apply,
    Block,
    Diag,
    Entries,
    Flat,
    Identity,
    Node,
    Number,
    Ones,
    Symbol,
    Zero,
    expand,
    natural,
)
from .products import (
    BOTH,
    LEFT,
    Term,
    column_part,
    content,
    ends_of,
    has_eye,
    is_diagonal,
    joined,
    opened,
    reads_state,
    stripped,
    term_key,
    term_of,
    with_tanh,
    without,
)
from .slots import Axes, Slot, slots


def recognise(form: Form, rows: int, *, entrywise: bool = False) -> Node:
    """The tree of notation for a form whose first `rows` axes are rows, the others columns.

    The tree expands to the form: where no notation is known, or what was read does not expand back,
    it is `Entries`. entrywise: the form is the argument of a function of every entry.
    """
    read = (_read(told, rows, entrywise) for told in dict.fromkeys((with_tanh(form), form)))
    return next((node for node in read if expand(node) == form), Entries(form, rows))


def _read(form: Form, rows: int, entrywise: bool) -> Node:
    axes = tuple(range(len(form.dims)))
    reader = _Reader(dict(enumerate(form.dims)), entrywise)
    terms = [term_of(c, list(m)) for m, c in form.terms.items()]
    return reader.read(terms, axes[:rows], axes[rows:])


@dataclass
class _Reader:
    dims: dict[int, str]
    entrywise: bool

    def sizes(self, axes: Axes) -> tuple[str, ...]:
        return tuple(self.dims[x] for x in axes)

    def form(self, terms: Iterable[Term], axes: Axes) -> Form:
        """The form of terms over the axes in that order."""
        rename = {x: i for i, x in enumerate(axes)}
        total: dict[Monomial, Fraction] = {}
        for term in terms:
            factors, low = [], 0
            for group in (*term.scalars, term.parts):
                moved = [(a, tuple(rename.get(x, x + low) for x in ls)) for a, ls in group]
                low = min([low, *(x for _, ls in moved for x in ls)])
                factors += moved
            for m, c in normalise(factors, {}).items():
                total[m] = total.get(m, Fraction(0)) + c * term.c
        return Form(self.sizes(axes), {m: c for m, c in total.items() if c})

    def atom(self, atom: Atom) -> Node:
        if atom.arg is None:
            return Symbol(atom)
        return Apply(atom.name, recognise(atom.arg, len(natural(atom.dims)[0]), entrywise=True))

    def scalar(self, monomial: Monomial) -> Node | None:
        if len(monomial) == 1 and not monomial[0][1]:
            return self.atom(monomial[0][0])
        return network(list(monomial), None, None, self.dims, self.entrywise, self.atom)

    def scaled(self, c: Fraction, scalars: Iterable[Monomial], body: Node | None) -> Node:
        found: list[Node] = [Number(c)]
        for monomial in scalars:
            node = self.scalar(monomial)
            found.append(node or Entries(self.form([Term(ONE, (monomial,), ())], ()), 0))
        return times(found, body)

    def read(self, terms: Iterable[Term], rows: Axes, cols: Axes) -> Node:
        """The notation of a sum of terms over these axes."""
        terms = sorted(terms, key=term_key)
        if not terms:
            return Zero(self.sizes(rows), self.sizes(cols))
        c, scalars, rest = content(terms)
        if not rows + cols:
            if len(rest) == 1:
                return self.scaled(c, scalars, None)
            inner = add(self.scaled(t.c, t.scalars, None) for t in rest)
            return self.scaled(c, scalars, inner)
        parts = slots([t.parts for t in rest], rows, cols, self.dims)
        body = self.slot(rest, *parts[0]) if len(parts) == 1 else self.product(rest, parts)
        return self.scaled(c, scalars, body)

    def product(self, terms: list[Term], over: list[Slot]) -> Node:
        """A sum of Kronecker products, grouped by what stands in the last or in the first slot."""
        options = [self.grouped(terms, over, side) for side in (-1, 0)]
        side, groups = min(zip((-1, 0), options, strict=True), key=lambda o: len(o[1]))
        rest = over[:-1] if side else over[1:]
        rows, cols = (sum((s[i] for s in rest), ()) for i in (0, 1))
        found = []
        for found_rest, found_here in groups:
            others, here = list(found_rest), found_here
            if len(here) == 1:
                others = [Term(t.c * here[0].c, t.scalars, t.parts) for t in others]
                here = [Term(ONE, here[0].scalars, here[0].parts)]
            pair = self.read(others, rows, cols), self.read(here, *over[side])
            found.append(kron(*pair) if side else kron(*reversed(pair)))
        return add(found)

    def grouped(
        self, terms: list[Term], over: list[Slot], side: int
    ) -> list[tuple[tuple[Term, ...], list[Term]]]:
        """Pairs (sum over the other slots, sum in this slot) whose products add up to the terms."""
        axes = set(over[side][0] + over[side][1])
        by_part: dict[Monomial, list[Term]] = {}
        for term in terms:
            here = [g for g in joined(term.parts) if axes & {x for _, ls in g for x in ls}]
            part = canonical([f for g in here for f in g])
            other = canonical([f for g in joined(term.parts) if g not in here for f in g])
            by_part.setdefault(part, []).append(Term(term.c, term.scalars, other))
        merged: dict[tuple[Term, ...], list[Term]] = {}
        for part, others in by_part.items():
            c, scalars, rest = content(others, canonical_key=True)
            merged.setdefault(tuple(rest), []).append(Term(c, scalars, part))
        return list(merged.items())

    def slot(self, terms: list[Term], rows: Axes, cols: Axes) -> Node:
        """A sum of terms whose axes cannot be split, with nothing left in common."""
        if not rows:
            return transposed(self.slot(terms, cols, ()))
        by_part: dict[Monomial, list[Term]] = {}
        for term in terms:
            by_part.setdefault(term.parts, []).append(Term(term.c, term.scalars, ()))
        if len(by_part) == 1:
            ((part, scalars),) = by_part.items()
            return times([self.read(scalars, (), ())], self.one(part, rows, cols))
        found = self.diagonal(terms, rows, cols)
        if found is None and cols and len(rows + cols) > 2:
            found = self.tall_or_wide(terms, rows, cols)
        elif found is None and len(rows) == 1:
            found = (
                self.blocks(terms, rows, cols)
                or self.ends(terms, rows, cols)
                or self.reflections(terms, rows, cols)
            )
        return found or self.polynomials(by_part, rows, cols) or self.classes(terms, rows, cols)

    def diagonal(self, terms: list[Term], rows: Axes, cols: Axes) -> Node | None:
        """Diag of a sum, where every term is diagonal."""
        if not cols or not all(is_diagonal(t.parts, rows, cols) for t in terms):
            return None
        moved = [stripped(t, rows, cols) for t in terms]
        if not any(t.parts for t in moved):
            return kron(self.read(moved, (), ()), *(Identity(d) for d in self.sizes(rows)))
        return Diag(self.tensor(moved, rows))

    def tensor(self, terms: Iterable[Term], axes: Axes) -> Node:
        """A tensor of numbers, read entry by entry."""
        split = 1 if len(axes) == 2 else len(axes)
        return _Reader(self.dims, True).read(terms, axes[:split], axes[split:])

    def polynomials(
        self, by_part: dict[Monomial, list[Term]], rows: Axes, cols: Axes
    ) -> Node | None:
        """Parts that share a sum of scalars: (1 - alpha)(I - k k^T)."""
        merged: dict[tuple[Term, ...], list[Term]] = {}
        for part, poly in by_part.items():
            c, scalars, rest = content(sorted(poly, key=term_key), canonical_key=True)
            merged.setdefault(tuple(rest), []).append(Term(c, scalars, part))
        if not any(len(poly) > 1 and len(here) > 1 for poly, here in merged.items()):
            return None
        found = []
        for shared, here in merged.items():
            scale, group = list(shared), here
            if len(here) == 1:
                scale = [Term(t.c * here[0].c, t.scalars, ()) for t in shared]
                group = [Term(ONE, here[0].scalars, here[0].parts)]
            found.append(times([self.read(scale, (), ())], self.read(group, rows, cols)))
        return add(found)

    def classes(self, terms: list[Term], rows: Axes, cols: Axes) -> Node:
        """A sum of sums of terms of one kind each."""
        small = len(rows) == 1 and len(cols) <= 1
        # What multiplies the state is shown apart from what does not.
        ends = [
            {(reads_state(t), end) for end in ends_of(t, rows, cols)} if small else set()
            for t in terms
        ]
        count = Counter(e for found in ends for e in found if len(e[1][1].dims) == 2 or not cols)
        first = {e: i for i, found in reversed(list(enumerate(ends))) for e in found}
        kinds: dict[Hashable, list[Term]] = {}
        for term, found in zip(terms, ends, strict=True):
            shared = sorted(
                (e for e in found if count[e] > 1), key=lambda e: (-count[e], first[e], -e[1][0], e)
            )
            kind: Hashable = term.parts
            if cols and is_diagonal(term.parts, rows, cols):
                kind = "diagonal" if stripped(term, rows, cols).parts else "identity"
            elif shared:
                kind = shared[0]
            elif small and self.blocks([term], rows, cols):
                kind = "block"
            elif len(slots([term.parts], rows, cols, self.dims)) > 1:
                kind = "separable"
            kinds.setdefault(kind, []).append(term)
        if len(kinds) == 1:
            # Each can be split, but not all in one way.
            kinds = {t.parts: [u for u in terms if u.parts == t.parts] for t in terms}
        return add(self.read(group, rows, cols) for group in kinds.values())

    def ends(self, terms: list[Term], rows: Axes, cols: Axes) -> Node | None:
        """A common matrix, or common entries of a diagonal, at the columns or at the rows."""
        shared = set.intersection(*(ends_of(t, rows, cols) for t in terms))
        if not shared:
            return None
        end = max(shared)
        side, atom, at = end
        node = self.atom(atom)
        if len(atom.dims) == 1 or side == BOTH:
            inside = _Reader(self.dims, self.entrywise or side == BOTH)
            inner = inside.read([without(t, end, rows, cols) for t in terms], rows, cols)
            size = self.sizes(rows), self.sizes(cols)
            whole = tuple(range(len(rows + cols)))
            if side == BOTH:
                node = node if at == 0 else transposed(node)
                return hadamard([(node, whole), (inner, whole)], *size)
            if not cols or (self.entrywise and size[0] != size[1]):
                return hadamard([(node, (side,) if cols else (0,)), (inner, whole)], *size)
            return compose(Diag(node), inner) if side == LEFT else compose(inner, Diag(node))
        new = max(self.dims) + 1
        self.dims[new] = atom.dims[1 - at]
        rest = [without(t, end, rows, cols, new) for t in terms]
        if side == LEFT:
            inner = self.read(rest, (new,), cols)
            return compose(node if at == 0 else transposed(node), inner)
        return compose(self.read(rest, rows, (new,)), node if at == 1 else transposed(node))

    def reflections(self, terms: list[Term], rows: Axes, cols: Axes) -> Node | None:
        """(I + u w^T) times the terms that do not begin with u."""
        if not cols or self.dims[rows[0]] != self.dims[cols[0]] or not 3 < len(terms) <= 32:
            return None
        axes = rows + cols
        whole = self.form(terms, axes)
        for column in dict.fromkeys(column_part(t, rows, cols) for t in terms):
            inside = [t for t in terms if column and column_part(t, rows, cols) == column]
            rest = [t for t in terms if t not in inside]
            right = self.form(rest, axes)
            for term in inside if len(rest) > 1 else ():
                left = self.form([term], axes)
                if right + contract([(left, "ab"), (right, "bc")], "ac", whole.dims) == whole:
                    factor = add([Identity(self.dims[rows[0]]), self.read([term], rows, cols)])
                    return compose(factor, self.read(rest, rows, cols))
        return None

    def blocks(self, terms: list[Term], rows: Axes, cols: Axes) -> Node | None:
        """A matrix of blocks, where every term lies in one part of a joined axis."""
        down = self.pieces(terms, rows)
        across = self.pieces(terms, cols) if cols else None
        if down is None and across is None:
            return None
        grid = []
        heights = tuple(p.dims[1] for p in down) if down else self.sizes(rows)
        widths = tuple(p.dims[1] for p in across) if across else self.sizes(cols)
        for high in down or (None,):
            line = []
            for wide in across or (None,):
                here, new_rows = self.piece(terms, high, rows)
                here, new_cols = self.piece(here, wide, cols)
                line.append(self.read(here, new_rows, new_cols) if here else None)
            grid.append(tuple(line))
        return Block(tuple(grid), heights, widths)

    def pieces(self, terms: list[Term], axes: Axes) -> list[Atom] | None:
        """The injections along an axis in order, absent ones filled in; None without them."""
        (axis,) = axes
        found: dict[str, Atom] = {}
        for term in terms:
            here = [a for a, ls in term.parts if a.kind == "inject" and ls[0] == axis]
            if len(here) != 1 or sum(ls.count(axis) for _, ls in term.parts) > 1:
                return None
            found[here[0].name] = here[0]
        joined = self.dims[axis]
        names, out, offset = joined.split("+"), [], "0"
        while names:
            size = found[offset].dims[1] if offset in found else names[0]
            count = len(size.split("+"))
            out.append(Atom(f"inject<{joined},{offset},{size}>", "inject", offset, (joined, size)))
            names = names[count:]
            offset = size if offset == "0" else f"{offset}+{size}"
        return out if set(found.values()) <= set(out) else None

    def piece(self, terms: list[Term], inject: Atom | None, axes: Axes) -> tuple[list[Term], Axes]:
        """The terms in one part of a joined axis, over the axis of that part."""
        if inject is None:
            return terms, axes
        new = max(self.dims) + 1
        self.dims[new] = inject.dims[1]
        out = []
        for term in terms:
            if any(a == inject and ls[0] == axes[0] for a, ls in term.parts):
                out.append(opened(term, (inject, 0), axes[0], new))
        return out, (new,)

    def one(self, parts: Monomial, rows: Axes, cols: Axes) -> Node:
        """The notation of one product over one slot."""
        if not parts:
            return Ones(self.sizes(rows), self.sizes(cols))
        plain = Term(ONE, (), parts)
        found: Node | None
        if len(rows) == 1 and len(cols) <= 1:
            col = cols[0] if cols else None
            found = self.blocks([plain], rows, cols) or network(
                list(parts), rows[0], col, self.dims, self.entrywise, self.atom
            )
        elif not cols:
            found = self.long(parts, rows)
        elif is_diagonal(parts, rows, cols):
            found = Diag(self.tensor([stripped(plain, rows, cols)], rows))
        else:
            found = self.tall_or_wide([plain], rows, cols)
        return found or Entries(self.form([plain], rows + cols), len(rows))

    def long(self, parts: Monomial, rows: Axes) -> Node | None:
        """A tensor of two axes or more as one column."""
        if len(rows) == 2:
            found = network(list(parts), rows[0], rows[1], self.dims, self.entrywise, self.atom)
            return found and Flat(found)
        sizes = self.sizes(rows)
        clear = len(set(sizes)) == len(sizes) or len(parts) == 1
        clear = clear and any(len(ls) == len(rows) for _, ls in parts)
        if not clear or any(a.kind == "eye" or len(set(ls)) < len(ls) for a, ls in parts):
            return None
        if any(x < 0 for _, ls in parts for x in ls):
            return None
        placed = [(self.atom(a), tuple(rows.index(x) for x in ls)) for a, ls in parts]
        return hadamard(placed, sizes, ())

    def tall_or_wide(self, terms: list[Term], rows: Axes, cols: Axes) -> Node | None:
        tall = self.tall(terms, rows, cols)
        wide = self.tall(terms, cols, rows) if tall is None else None
        return wide and transposed(wide) if tall is None else tall

    def tall(self, terms: list[Term], rows: Axes, cols: Axes) -> Node | None:
        """Diag(T)(I ⊗ k): every column axis is one of the row axes, the others carry vectors."""
        parts = terms[0].parts
        pairs = {r: c for r, c in itertools.product(rows, cols) if has_eye(parts, r, c)}
        matched = tuple(r for r in rows if r in pairs)
        if tuple(pairs[r] for r in matched) != cols:
            return None
        if not all(has_eye(t.parts, r, c) for t in terms for r, c in pairs.items()):
            return None
        rest = [stripped(t, matched, cols) for t in terms]
        common = [f for f in rest[0].parts if all(f in t.parts for t in rest)]
        vectors = [f for f in common if len(f[1]) == 1 and f[1][0] in rows and f[1][0] not in pairs]
        inner = [
            Term(t.c, t.scalars, canonical([f for f in t.parts if f not in vectors])) for t in rest
        ]
        factors = [
            Identity(self.dims[r])
            if r in pairs
            else self.one(canonical([f for f in vectors if f[1] == (r,)]), (r,), ())
            for r in rows
        ]
        return compose(Diag(self.tensor(inner, rows)), kron(*factors))
