"""Check the smallest affine state of a layer as a formula in its sizes, the entries of its own.

After one token with a 1 and else 0 in some signals, and then one with a 1 and else 0 in others, the
output is one product of them, up to factors other than 0. Where every axis of the past is one of
the future or of the output, the table of these pasts and futures is diagonal; the past 0 and the
constant future 1 add one to its rank. So an affine state has as many entries as there are such
pasts at least.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ...arithmetic.poly import Frac, frac
from ...errors import Rejected
from ...index.atoms import Form, atom_form, input_atom
from ...index.terms import FormAlgebra, contract
from ...language.evaluate import evaluate
from ...language.layer import Layer
from .kernel_rank import is_positive
from .minimality import require_affine
from .size_formulas import Sizes, entries, stated, unknown_sizes


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The claimed formula is that of the layer's own entries, and no affine state has fewer."""
    (layer,) = layers
    if layer.start:
        raise Rejected(f"the state of {layer.name} does not start from 0")
    require_affine(layer)
    universe, known = unknown_sizes(layer)
    own = frac(0)
    for s in layer.of_kind("state"):
        own = own + entries(s.dims, known)
    below = table_rank(layer, data, known)
    if not universe.is_zero(own - below):
        shown = universe.show(below)
        raise Rejected(f"the state has {universe.show(own)} entries, the table has rank {shown}")
    number = stated(universe, own, data, known)
    return f"the smallest affine state of {layer.name} has {number} entries at every size"


def table_rank(layer: Layer, data: Mapping[str, Any], known: Sizes) -> Frac:
    """The number of pasts with rows of their own: the product of the sizes of their axes."""
    states = {s.name: Form(s.dims, {}) for s in layer.of_kind("state")}
    fixed = {
        s.name: atom_form(input_atom(s.name, s.dims, kind="constant"))
        for s in layer.of_kind("constant")
    }
    y = Form(layer.output.dims, {})
    for time, values in enumerate((data["past"], data["future"])):
        tokens = {
            s.name: _token(layer, s.name, values[s.name], time) for s in layer.of_kind("token")
        }
        roots = [*layer.step.values(), layer.output]
        *new, y = evaluate(roots, {**fixed, **states, **tokens}, FormAlgebra())
        states = dict(zip(layer.step, new, strict=True))
    if len(y.terms) != 1:
        raise Rejected(f"the output of {layer.name} is a sum of {len(y.terms)} products")
    (monomial,) = y.terms
    sides: list[dict[int, str]] = [{}, {}]
    read: list[tuple[str, int | None]] = []
    for atom, labels in monomial:
        if atom.kind == "token":
            read.append((atom.name, atom.time))
            sides[atom.time or 0] |= dict(zip(labels, atom.dims, strict=True))
        elif not is_positive(atom, layer):
            raise Rejected(f"the factor {atom.name} is not shown to be other than 0")
    free = [{n for n, x in data[side].items() if x is None} for side in ("past", "future")]
    if len(set(read)) < len(read) or {n for n, t in read if not t} != free[0]:
        raise Rejected("a unit vector of the past is not read once")
    if all(layer.signal(n).domain.unit for n in free[0]):
        raise Rejected("no past has the output 0")
    past, future = sides
    if set(past) != set(future) | set(range(len(y.dims))):
        raise Rejected("the axes of past, and of future and output, do not pair")
    total = frac(1)
    for size in past.values():
        total = total * entries((size,), known)
    return total


def _token(layer: Layer, name: str, value: str | None, time: int) -> Form:
    """A number for every entry, or where there is none a 1 at any one place and else 0."""
    s = layer.signal(name)
    if value is None:
        if any(Fraction(x) not in s.domain for x in (0, 1)) or s.domain.values is not None:
            raise Rejected(f"{s} has no unit vectors")
        return atom_form(input_atom(name, s.dims, time=time))
    number = Fraction(value)
    if s.domain.unit or number not in s.domain:
        raise Rejected(f"{name} = {number} is outside {s.domain}")
    letters = "abcdefgh"[: len(s.dims)]
    scalar = Form((), {(): number} if number else {})
    return contract([(scalar, ""), (Form(s.dims, {(): Fraction(1)}), letters)], letters, s.dims)
