"""The same of a relation between every two tokens as `pairwise`, in index terms: for all sizes.

r is one scalar of two tokens, such as k_j · k_i. The difference of what they read is r K q u in
the free signals q and the input u, so r K = 0 where the outputs agree, and r² |K|² = 0. |K|² has no
zero but where a vector of r is zero, and r with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from ...errors import Rejected
from ...index.atoms import Atom, Form, Monomial, atom_form
from ...index.forms import coefficient, signal_atom
from ...index.normal import step_form
from ...index.terms import FormAlgebra, contract
from ...language.domains import Interval
from ...language.evaluate import evaluate
from ...language.graph import walk
from ...language.layer import Layer
from ...language.spec import deserialise
from ...language.tensor import Dims, Input, text
from .comparable import require_comparable
from .enclosure import Range, Ranges
from .token_scalars import apart, range_of

LETTERS = "abcdefghijklmnopqrstuvwxyz"
EARLIER = "past."


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """Both directions, for all sizes."""
    a, b = layers
    bound = [str(x) for x in data["bound"]]
    u = a.signal(require_comparable(layers, bound))
    signals = {s.name: s for layer in layers for s in layer.signals if s.kind != "state"}
    graph = deserialise(data["r"])["r"]
    forms = {EARLIER + n: atom_form(signal_atom(signals[n], 0)) for n in bound}
    forms |= {n: atom_form(signal_atom(signals[n], 1)) for n in bound}
    if any(n.name not in forms for n in walk(graph) if isinstance(n, Input)):
        raise Rejected(f"{text(graph)} reads what no relation may tie")
    (r,) = evaluate([graph], forms, FormAlgebra())
    first = [step_form(x, step_form(x).start, time=0) for x in layers]
    w = first[0].new
    if w != first[1].new or first[0].output != first[1].output:
        raise Rejected("B_A = B_B, and the same for the current input, fails")
    if any(coefficient(x, signal_atom(u, 0))[1].terms for x in (*w.values(), first[0].output)):
        raise Rejected("a layer adds to its state or output without an input")
    moved, kept = (_without_input(x, w, signal_atom(u, 1)) for x in layers)
    _require_multiple(kept, w, layers)
    for name in w:
        _divided(moved[name] - kept[name], r)
    difference = _divided(moved[""] - kept[""], r)
    free = [s for n, s in signals.items() if n not in bound and n != u.name and s.kind == "token"]
    found = coefficient(difference, signal_atom(u, 0))[0]
    _require_forced(found, [signal_atom(s, 1) for s in free], r, layers)
    return (
        f"{a.name} = {b.name} for all lengths and sizes iff {text(graph)} = 0 for every two "
        f"tokens, the earlier one called {EARLIER[:-1]}"
    )


def _without_input(layer: Layer, w: Mapping[str, Form], now: Atom) -> dict[str, Form]:
    """The states w after token 1, and what it reads of them under "", without its own input."""
    step, out = step_form(layer, w, time=1), {}
    for name, x in (*step.new.items(), ("", step.output)):
        # The coefficient of the input is free of the state: the layer is affine in both together.
        out[name] = coefficient(x, now)[1]
    return out


def _product(scalars: Sequence[Monomial], direction: Monomial, dims: Dims) -> Form:
    """Scalars times a product that has axes, labels renamed apart."""
    letters = LETTERS[: len(dims)]
    parts = [(Form((), {m: Fraction(1)}), "") for m in scalars]
    return contract([*parts, (Form(dims, {direction: Fraction(1)}), letters)], letters, dims)


def _times(scalar: Form, x: Form) -> Form:
    letters = LETTERS[: len(x.dims)]
    return contract([(scalar, ""), (x, letters)], letters, x.dims)


def _without(scalars: Sequence[Monomial], gone: Sequence[Monomial]) -> list[Monomial] | None:
    """The scalars without others, or None where one of these is not among them."""
    rest = list(scalars)
    for m in gone:
        if m not in rest:
            return None
        rest.remove(m)
    return rest


def _require_multiple(
    kept: Mapping[str, Form], w: Mapping[str, Form], layers: Sequence[Layer]
) -> None:
    """`Λ_B w = λ w` with λ > 0 on the domains."""
    written = [(n, x) for n, x in w.items() if x.terms]
    if not written:
        raise Rejected("the layers write nothing")
    name, x = written[0]
    ((monomial, c), *_) = sorted(x.terms.items())
    scalars, direction = apart(monomial)
    multiple = Form((), {})
    for other, e in kept[name].terms.items():
        own, along = apart(other)
        rest = _without(own, scalars)
        if along == direction and rest is not None:
            multiple = multiple + _product(rest, (), ()).times(e / c)
    for n, y in w.items():
        if kept[n] != _times(multiple, y):
            raise Rejected("Λ_B w is no multiple of w")
    if not _range(multiple, layers).within(Interval(low=Fraction(0))):
        raise Rejected("the multiple λ is not shown to be positive")


def _divided(x: Form, r: Form) -> Form:
    """The form q with `x = r q`, checked by multiplication."""
    out = Form(x.dims, {})
    (scalars, _), *others = [apart(m) for m in r.terms]
    for monomial, c in x.terms.items():
        own, direction = apart(monomial)
        rest = None if others else _without(own, scalars)
        if rest is not None:
            out = out + _product(rest, direction, x.dims).times(c)
    if _times(r, out) != x:
        raise Rejected("Λ_A w = Λ_B w and R_A w = R_B w fail where r = 0")
    return out


def _require_forced(found: Form, free: Sequence[Atom], r: Form, layers: Sequence[Layer]) -> None:
    """Some coefficient of free signals vanishes only where r does."""
    if any(atom.arg.atoms() & set(free) for atom in found.atoms() if atom.arg is not None):
        raise Rejected("r is not forced: a free signal is inside a function")
    for atom in free:
        part = coefficient(found, atom)[0]
        found = part if part.terms else found
    if found.atoms() & set(free) or not found.terms:
        raise Rejected("r is not forced: the difference is not linear in the free signals")
    letters = LETTERS[: len(found.dims)]
    square = contract([(found, letters), (found, letters)], "", ())
    vectors = {atom for m in r.terms for atom, _ in m}
    if len(square.terms) != 1:
        raise Rejected("r is not forced: the coefficients can vanish elsewhere")
    (monomial,) = square.terms
    for scalar in apart(monomial)[0]:
        alike = len(scalar) == 2 and scalar[0] == scalar[1] and scalar[0][0] in vectors
        own = _range(Form((), {scalar: Fraction(1)}), layers)
        if not alike and Fraction(0) in own:
            raise Rejected("r is not forced: the coefficients can vanish elsewhere")


def _range(x: Form, layers: Sequence[Layer]) -> Interval:
    domains = {s.name: s.domain.interval for layer in layers for s in layer.signals}
    total = Ranges().number(Fraction(0))
    for monomial, c in x.terms.items():
        part = Ranges().number(c)
        for scalar in apart(monomial)[0]:
            part = part * Range(range_of(scalar, domains))
        total = total + part
    return total.interval
