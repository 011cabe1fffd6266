"""Forms without their axes of one entry: a size name that is 1 is no axis."""

from __future__ import annotations

from dataclasses import replace

from ..index.atoms import Atom, Factor, Form, atom_form
from ..index.forms import LETTERS, one, zero
from ..index.terms import contract, function_form


def thinned(x: Atom, single: frozenset[str]) -> Atom:
    """The atom without its axes of one entry."""
    dims = tuple(d for d in x.dims if d not in single)
    return replace(x, dims=dims, unit=x.unit and bool(dims))


def without(form: Form, single: frozenset[str]) -> Form:
    """The form without its axes of one entry; the square of a unit vector with one entry is 1."""
    if not single:
        return form
    kept = [i for i, d in enumerate(form.dims) if d not in single]
    names = {old: LETTERS[new] for new, old in enumerate(kept)}
    dims = tuple(form.dims[i] for i in kept)
    total = zero(dims)
    for m, c in form.terms.items():
        operands: list[tuple[Form, str]] = []
        inner = dict(names)
        signs: list[Factor] = []
        for atom, labels in m:
            left = [ls for ls, d in zip(labels, atom.dims, strict=True) if d not in single]
            for label in left:
                inner.setdefault(label, LETTERS[len(inner)])
            if atom.kind == "eye" and not left:
                continue
            thin = thinned(atom, single)
            if atom.unit and not left:
                if (thin, ()) in signs:
                    signs.remove((thin, ()))
                else:
                    signs.append((thin, ()))
                continue
            part = atom_form(thin)
            if atom.arg is not None:
                part = function_form(atom.name, without(atom.arg, single))
            operands.append((part, "".join(inner[label] for label in left)))
        operands += [(atom_form(x), "") for x, _ in signs]
        target = LETTERS[: len(dims)]
        part = contract([(one(dims).times(c), target), *operands], target, dims)
        total = total + part
    return total
