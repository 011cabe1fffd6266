"""Check the mean of a layer's output over a signal `w ~ N(0, I)`, for all sizes.

In each term the exponents add up to `w·b + r`, with b and r free of w. Completing the square,
`w·b - |w|²/2 = |b|²/2 - |w - b|²/2`: under that weight w is N(b, I), so

    E [w_{l1} .. w_{lp} e^{w·b + r}] = e^{|b|²/2 + r} Σ Π δ_{lm} Π b_l,

summed over all ways to choose pairs (l, m) among the factors, the others single (Isserlis). Many
directions are one signal with more axes; products of two of them bring identities into |b|².
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from ...arithmetic.scalars import Balls
from ...arithmetic.sparse import SparseAlgebra, from_flat
from ...errors import Rejected
from ...index.atoms import ONE, Atom, Form, Monomial, atom_form, combine
from ...index.forms import (
    LETTERS,
    coefficient,
    entries,
    eye_atom,
    hadamard,
    reads,
    signal_atom,
    signal_forms,
    text,
)
from ...index.terms import FormAlgebra, contract, function_form
from ...language.domains import REAL
from ...language.evaluate import evaluate, shape_of
from ...language.layer import Layer
from .tokens import read_sizes, read_values, require_inside

MOST_FACTORS = 8
Operand = tuple[Form, str]


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The mean of the first layer's output is that of the second, or differs from it at a token."""
    estimate, stated = layers
    over = str(data["over"])
    for layer in layers:
        if layer.step:
            raise Rejected(f"{layer.name} has a state")
    if over in {s.name for s in stated.signals}:
        raise Rejected(f"{stated.name} reads {over}, over which the mean is taken")
    mean = mean_of(estimate, over)
    if "token" in data:
        return _differ(estimate, stated, mean, over, data)
    (wanted,) = evaluate([stated.output], signal_forms(stated), FormAlgebra())
    if (mean - wanted).terms:
        raise Rejected(
            f"the mean of {estimate.name} is {text(mean)}, not the normal form of {stated.name}"
        )
    return f"over {over} ~ N(0, I) the mean of {estimate.name} is {stated.name}"


def mean_of(layer: Layer, over: str) -> Form:
    """The mean of the output in index terms; Rejected where a term is no Gaussian moment."""
    signal = layer.signal(over)
    if signal.kind != "token" or signal.domain != REAL:
        raise Rejected(f"{layer.name}: {over} does not take all real values")
    (form,) = evaluate([layer.output], signal_forms(layer), FormAlgebra())
    w = signal_atom(signal)
    return combine([(_mean(m, form, w), c) for m, c in form.terms.items()], form.dims)


def _mean(monomial: Monomial, form: Form, w: Atom) -> Form:
    """The mean of one product of atoms."""
    names = {label: LETTERS[i] for i, label in enumerate(range(len(form.dims)))}
    size: dict[str, str] = dict(zip(names.values(), form.dims, strict=True))
    powers: list[str] = []
    exponents: list[Operand] = []
    others: list[Operand] = []
    for atom, at in monomial:
        for label in at:
            names.setdefault(label, LETTERS[len(names)])
        letters = "".join(names[ls] for ls in at)
        size.update(zip(letters, atom.dims, strict=True))
        if atom == w:
            powers.append(letters)
        elif atom.arg is None or not reads(atom.arg, w):
            others.append((atom_form(atom), letters))
        elif atom.name == "exp":
            exponents.append((atom.arg, letters))
        else:
            raise Rejected(f"{w.name} is read by {atom.name}")
    if len(powers) > MOST_FACTORS:
        raise Rejected(f"more than {MOST_FACTORS} factors {w.name}")
    own = "".join(sorted({x for _, letters in exponents for x in letters}))
    dims = tuple(size[x] for x in own)
    exponent = combine([(contract([x], own, dims), ONE) for x in exponents], dims)
    b, rest = coefficient(exponent, w)
    if reads(b, w) or reads(rest, w):
        raise Rejected(f"an exponent is not linear in {w.name}")
    both = own + LETTERS[len(names) : len(names) + len(w.dims)]
    square = contract([(b, both), (b, both)], own, dims)
    factor = _exp(rest + square.times(Fraction(1, 2)))
    target = "".join(names[i] for i in range(len(form.dims)))
    sums = [
        (contract([(factor, own), *others, *moment], target, form.dims), ONE)
        for moment in _moments(powers, (b, own), w)
    ]
    return combine(sums, form.dims)


def _exp(exponent: Form) -> Form:
    """The exponential of every entry, with `e^{δ x} = 1 + δ (e^x - 1)` for identities δ."""
    one = Form(exponent.dims, {(): ONE})
    out = one
    for monomial, c in exponent.terms.items():
        deltas = tuple(f for f in monomial if f[0].kind == "eye" and min(f[1]) >= 0)
        rest = tuple(f for f in monomial if f not in deltas)
        power = function_form("exp", Form(exponent.dims, {rest: c}))
        if deltas:
            power = one + hadamard(Form(exponent.dims, {deltas: ONE}), power - one)
        out = hadamard(out, power)
    return out


def _moments(powers: Sequence[str], b: Operand, w: Atom) -> Iterator[list[Operand]]:
    """The products whose sum is the mean of `w_{l1} .. w_{lp}` for w of mean b."""
    if not powers:
        yield []
        return
    first, *rest = powers
    for tail in _moments(rest, b, w):
        yield [(b[0], b[1] + first), *tail]
    for i, other in enumerate(rest):
        pairs = zip(first, other, w.dims, strict=True)
        deltas = [(atom_form(eye_atom(size)), x + y) for x, y, size in pairs]
        for tail in _moments(rest[:i] + rest[i + 1 :], b, w):
            yield [*deltas, *tail]


def _differ(estimate: Layer, stated: Layer, mean: Form, over: str, data: Mapping[str, Any]) -> str:
    """The two means at exact values, in balls that do not meet."""
    sizes = read_sizes(data["sizes"])
    token = read_values(data["token"])
    signals = {s.name: s for layer in (estimate, stated) for s in layer.signals if s.name != over}
    for s in signals.values():
        require_inside(s, token, sizes, "the token")
    balls = Balls(int(data["bits"]))
    with balls.precision():
        algebra = SparseAlgebra(balls, sizes)
        inputs = {
            s.name: from_flat(shape_of(s.dims, sizes), [balls.number(x) for x in token[s.name]])
            for s in signals.values()
        }
        known = {signal_atom(s).key: inputs[s.name] for s in signals.values()}
        found = entries(mean, known, algebra)
        (wanted,) = evaluate([stated.output], inputs, algebra)
        zero = balls.number(Fraction(0))
        for i in found.indices():
            x, y = (part.entries.get(i, zero) for part in (found, wanted))
            if balls.differ(x, y):
                return (
                    f"the mean of {estimate.name} over {over} ~ N(0, I) is {balls.show(x)} where "
                    f"{stated.name} is {balls.show(y)}"
                )
    raise Rejected(f"the mean of {estimate.name} is not shown to differ from {stated.name}")
