"""Write a form over signals as a person would: products, quotients and functions, no index letters.

What comes out can be read back as a tie; None where a form has no such way of writing.
"""

from __future__ import annotations

from fractions import Fraction

from ..index.atoms import Atom, Form, Monomial
from ..language import tensor as t
from ..language.functions import outer
from ..language.tensor import Tensor

Placed = tuple[Tensor, tuple[int, ...]]


def written(form: Form) -> Tensor | None:
    """The form as a tensor; factors that all terms have come last: `(1 - f) * v`."""
    if not form:
        return t.broadcast(t.Number(Fraction(0)), form.dims)
    common = _common(form)
    rest = {tuple(_without(m, common)): c for m, c in form.terms.items()}
    total: Tensor | None = None
    for monomial, c in sorted(rest.items(), key=lambda item: (item[1] < 0, len(item[0]), item[0])):
        part = _product(monomial, form.dims, abs(c))
        if part is None:
            return None
        if total is None:
            total = part if c > 0 else -part
        else:
            total = total + part if c > 0 else total - part
    assert total is not None
    if not common:
        return t.broadcast(total, form.dims)
    last = _product(common, form.dims, Fraction(1))
    if last is None:
        return None
    if rest.keys() == {()}:
        c = rest[()]
        return t.broadcast(last if c == 1 else t.multiply(t.Number(c), last), form.dims)
    if total.dims and last.dims and total.dims != last.dims:
        return None
    return t.broadcast(t.multiply(total, last), form.dims)


def _common(form: Form) -> Monomial:
    first, *others = form.terms
    kept = list(first)
    for m in others:
        rest = list(m)
        both = []
        for f in kept:
            if f in rest:
                rest.remove(f)
                both.append(f)
        kept = both
    summed = {label for _, labels in kept for label in labels if label < 0}
    # A label that is summed belongs together: what shares one with the rest is not taken out.
    return tuple(kept) if not summed or len(form.terms) == 1 else ()


def _without(m: Monomial, common: Monomial) -> list[tuple[Atom, tuple[int, ...]]]:
    rest = list(m)
    for f in common:
        rest.remove(f)
    return rest


def _product(monomial: Monomial, dims: tuple[str, ...], c: Fraction) -> Tensor | None:
    """The product of the factors, functions first, with quotients for inverses."""
    above: list[Placed] = []
    below: list[Placed] = []
    for atom, labels in sorted(monomial, key=lambda f: (f[0].arg is None, f[0].name, f[1])):
        inverse = atom.name == "inverse" and atom.arg is not None
        node = written(atom.arg) if inverse and atom.arg is not None else _node(atom)
        if node is None:
            return None
        (below if inverse else above).append((node, labels))
    above = _summed(above)
    if any(label < 0 for _, labels in [*above, *below] for label in labels):
        return None
    axes = tuple(range(len(dims)))
    top, bottom = _entrywise(above, axes), _entrywise(below, axes)
    if top is None or bottom is None:
        return None
    number = t.Number(c)
    value = number if not above else top if c == 1 else t.multiply(number, top)
    if not below:
        return value
    if value.dims and bottom.dims and value.dims != bottom.dims:
        return None
    return value / bottom


def _summed(factors: list[Placed]) -> list[Placed]:
    """Two vectors that share a summed label as their inner product."""
    out = list(factors)
    for label in {ls for _, labels in factors for ls in labels if ls < 0}:
        met = [f for f in out if f[1] == (label,)]
        if len(met) == 2 and sum(labels.count(label) for _, labels in out) == 2:
            out = [f for f in out if f not in met]
            out.insert(0, (met[0][0] @ met[1][0], ()))
    return out


def _entrywise(factors: list[Placed], axes: tuple[int, ...]) -> Tensor | None:
    """The product of scalars and of tensors over all axes; of others where there is a way."""
    total: Tensor = t.Number(Fraction(1))
    whole = [f for f in factors if f[1] in ((), axes)]
    for node, _ in whole:
        total = t.multiply(total, node)
    vectors = [f for f in factors if f not in whole]
    if not vectors:
        return total
    if len(axes) != 2 or any(len(labels) != 1 for _, labels in vectors):
        return None
    sides: list[Tensor] = []
    for axis in axes:
        side: Tensor | None = None
        for node, labels in vectors:
            if labels == (axis,):
                side = node if side is None else t.multiply(side, node)
        if side is None:
            return None
        sides.append(side)
    return t.multiply(total, outer(*sides))


def _node(atom: Atom) -> Tensor | None:
    if atom.kind in ("size", "inject", "eye", "state"):
        return None
    if atom.arg is None:
        return t.Input(atom.name, atom.dims)
    arg = written(atom.arg)
    return None if arg is None else t.apply(atom.name, arg)
