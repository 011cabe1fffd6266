"""Check how many features a kernel needs at least, in any form `κ(q, k) = Σ_m φ_m(q) ψ_m(k)`.

With M features every table [κ(q_i, k_j)] has rank at most M, whatever factors of q or of k alone
multiply κ. So one table of N queries and keys with a determinant other than 0 gives M >= N. Along
a query of equal entries t and a key of equal entries x, a kernel g(t) h(x) exp(c t x), c not 0,
gives, at t = 1 .. N, a Vandermonde matrix in the distinct e^{c x_j}: then no M is enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from ...arithmetic.scalars import Balls, Irrational, Rationals
from ...arithmetic.sparse import Scalars, SparseAlgebra, from_flat
from ...automata.run import Comparable, Values
from ...errors import Rejected
from ...index.atoms import Atom, Form, atom_form, input_atom
from ...index.terms import FormAlgebra, contract
from ...language.domains import Interval
from ...language.evaluate import Sizes, evaluate, shape_of
from ...language.kernel import KernelLayer
from ...language.layer import Layer, Signal
from .tokens import at_sizes, read_inside, read_sizes

RAY = Interval(low=Fraction(0))


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """A table with a determinant that is not 0, or the shape of the kernel along two rays."""
    (layer,) = layers
    if not isinstance(layer, KernelLayer):
        raise Rejected(f"{layer.name} is no sum over the past")
    if "rays" in data:
        return along_rays(layer, data["rays"])
    sizes = read_sizes(data["sizes"])
    constants = read_inside([layer], "constant", data["constants"], sizes, "the constants")
    queries, keys = (
        [read_inside([layer], "token", t, sizes, f"point {i}") for i, t in enumerate(data[side])]
        for side in ("queries", "keys")
    )
    if len(queries) != len(keys) or not queries:
        raise Rejected("the table of queries and keys is not square")
    if not has_full_rank(layer, queries, keys, constants, sizes, int(data["bits"])):
        raise Rejected("the determinant of the table is not shown to differ from 0")
    of = f"{layer.name}{at_sizes(sizes)}"
    return f"no form of the kernel of {of} has fewer than {len(keys)} features"


def has_full_rank(
    layer: KernelLayer,
    queries: Sequence[Values],
    keys: Sequence[Values],
    constants: Values,
    sizes: Sizes,
    bits: int,
) -> bool:
    """Whether elimination finds a pivot other than 0 for every row, exactly or in balls."""
    try:
        exact: Comparable = Rationals()
        return _eliminates(kernel_table(layer, queries, keys, constants, sizes, exact), exact)
    except Irrational:
        balls = Balls(bits)
        with balls.precision():
            return _eliminates(kernel_table(layer, queries, keys, constants, sizes, balls), balls)


def kernel_table(
    layer: KernelLayer,
    queries: Sequence[Values],
    keys: Sequence[Values],
    constants: Values,
    sizes: Sizes,
    scalars: Scalars,
) -> list[list[Any]]:
    """The numbers κ(q_i, k_j), from all signals of each token."""
    algebra, zero = SparseAlgebra(scalars, sizes), scalars.number(Fraction(0))

    def arrays(signals: list[Signal], values: Values) -> dict[str, Any]:
        return {
            s.name: from_flat(shape_of(s.dims, sizes), [scalars.number(x) for x in values[s.name]])
            for s in signals
        }

    fixed = arrays(layer.of_kind("constant"), constants)
    rows = []
    for query in queries:
        row = []
        for key in keys:
            past = {**fixed, **arrays(layer.of_kind("token"), key)}
            entry = evaluate(list(layer.step.values()), past, algebra)
            now = {**fixed, **arrays(layer.of_kind("token"), query)}
            inputs = {**now, **dict(zip(layer.step, entry, strict=True))}
            (value,) = evaluate([layer.weight], inputs, algebra)
            row.append(value.entries.get((0,) * len(layer.weight.dims), zero))
        rows.append(row)
    return rows


def _eliminates(table: list[list[Any]], scalars: Comparable) -> bool:
    zero = scalars.number(Fraction(0))
    rows = [list(row) for row in table]
    while rows:
        pivot = next((row for row in rows if scalars.differ(row[0], zero)), None)
        if pivot is None:
            return False
        rows.remove(pivot)
        for i, row in enumerate(rows):
            factor = row[0] * scalars.function("inverse", pivot[0])
            rows[i] = [x - factor * p for x, p in zip(row[1:], pivot[1:], strict=True)]
    return True


def along_rays(layer: KernelLayer, rays: Mapping[str, Any]) -> str:
    """`κ = c' exp(Σ terms)` along q = t (1, .., 1), k = x (1, .., 1), with one term that has both.

    rays: the names of the query and the key, and one number for the entries of each other token.
    Raises Rejected where the kernel has another shape.
    """
    query, key = (layer.signal(str(rays[side])) for side in ("query", "key"))
    others = {str(n): Fraction(x) for n, x in rays["others"].items()}
    for s in (query, key):
        if s.kind != "token" or s.domain.unit or not RAY.within(s.domain.interval):
            raise Rejected(f"{s.name} does not take all positive values: {s.domain}")
    t, x = (input_atom(name, (), time=0) for name in ("t", "x"))
    now = _fixed(layer, {query.name: atom_form(t)}, others)
    past = _fixed(layer, {key.name: atom_form(x)}, others)
    entry = evaluate(list(layer.step.values()), past, FormAlgebra())
    inputs = {**now, **dict(zip(layer.step, entry, strict=True))}
    (form,) = evaluate([layer.weight], inputs, FormAlgebra())
    if len(form.terms) != 1:
        raise Rejected(f"along the rays the kernel is a sum of {len(form.terms)} products")
    ((monomial, _),) = form.terms.items()
    both = []
    for atom, labels in monomial:
        if atom.name != "exp" or atom.arg is None or labels:
            if not is_positive(atom, layer):
                raise Rejected(f"along the rays the kernel has the factor {atom.name}")
            continue
        for term, c in atom.arg.terms.items():
            powers = {a.name: [b for b, _ in term].count(a) for a in (t, x)}
            rest = [a for a, _ in term if a not in (t, x)]
            if not all(is_positive(a, layer) for a in rest):
                raise Rejected("along the rays an exponent has a factor of unknown sign")
            if powers["t"] and powers["x"]:
                both.append((powers["t"], powers["x"], c))
    if not both or any(p[:2] != (1, 1) or p[2] * both[0][2] <= 0 for p in both):
        raise Rejected("along the rays the exponent has no one term c t x, with c other than 0")
    return (
        f"no finite number of features gives the kernel of {layer.name}, at any size: along two "
        "rays its tables are Vandermonde matrices up to factors of rows and of columns"
    )


def _fixed(
    layer: KernelLayer, ray: Mapping[str, Form], others: Mapping[str, Fraction]
) -> dict[str, Form]:
    """Signals along a ray: every entry the given scalar, or the given number."""
    out = {}
    for s in layer.signals:
        if s.kind == "constant":
            out[s.name] = atom_form(input_atom(s.name, s.dims, kind="constant"))
        elif s.kind == "token":
            value = others.get(s.name, Fraction(1))
            if s.name not in ray and (s.domain.unit or value not in s.domain):
                raise Rejected(f"{s.name} = {value} is outside {s.domain}")
            scalar = ray.get(s.name, Form((), {(): value} if value else {}))
            letters = "abcdefgh"[: len(s.dims)]
            ones = Form(s.dims, {(): Fraction(1)})
            out[s.name] = contract([(scalar, ""), (ones, letters)], letters, s.dims)
    return out


def is_positive(atom: Atom, layer: Layer) -> bool:
    """Whether a factor is a positive number: a size, a positive weight, or a function of such."""
    if atom.kind == "size":
        return True
    if atom.kind == "constant":
        return layer.signal(atom.name).domain.interval.within(RAY)
    if atom.arg is None or any(a.kind == "token" for a in atom.arg.atoms()):
        return False
    inside = all(
        c > 0 and all(is_positive(a, layer) for a, _ in m) for m, c in atom.arg.terms.items()
    )
    return atom.name == "exp" or (atom.name in ("sqrt", "inverse") and inside)
