"""Index terms: the normal form in which identities hold for all sizes at once.

A form is a sum of terms; a term is a rational coefficient times a product of atoms with labels. A
label 0, 1, ... is an axis of the form; a negative label is summed over. Terms are canonical up to
renaming of the summed labels, so equal forms are equal dictionaries. Unequal ones refute nothing.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import TYPE_CHECKING

from ..errors import DomainError
from .atoms import ONE, Atom, Factor, Form, Monomial, atom_form, combine, number_form
from .canonical import (
    cancel_inverse,
    canonical,
    contract_deltas,
    inject_atom,
    is_free,
    replaced_by,
    size_atom,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..language.tensor import Dims, Function

HIGHEST_MULTIPLE = 16


class FormAlgebra:
    """The interpretation of a layer in index terms; sizes stay symbols."""

    def number(self, value: Fraction) -> Form:
        """A scalar."""
        return number_form(value)

    def eye(self, dims: Dims) -> Form:
        """The identity matrix."""
        return atom_form(Atom(f"eye<{dims[0]}>", "eye", "I", dims))

    def add(self, terms: Sequence[Form], dims: Dims) -> Form:
        """The sum."""
        return combine([(t, ONE) for t in terms], dims)

    def product(self, spec: str, left: Form, right: Form, dims: Dims) -> Form:
        """Multiply term by term, summed labels renamed apart."""
        inputs, _, output = spec.partition("->")
        la, _, lb = inputs.partition(",")
        return contract([(left, la), (right, lb)], output, dims)

    def reindex(self, spec: str, arg: Form, dims: Dims) -> Form:
        """Relabel."""
        source, _, output = spec.partition("->")
        return contract([(arg, source)], output, dims)

    def function(self, node: Function, arg: Form) -> Form:
        """The function's normal form."""
        return function_form(node.name, arg)

    def concat(self, parts: Sequence[Form], axis: int, dims: Dims) -> Form:
        """Each part injected into the joined axis."""
        total = Form(dims, {})
        offset: list[str] = []
        for part in parts:
            small = part.dims[axis]
            at = "+".join(offset) or "0"
            inject = inject_atom(dims[axis], at, small)
            letters = "bcdefghijk"[: len(part.dims)]
            target = letters[:axis] + "a" + letters[axis + 1 :]
            spec = [(atom_form(inject), "a" + letters[axis]), (part, letters)]
            total = total + contract(spec, target, dims)
            offset.append(small)
        return total


def contract(operands: Sequence[tuple[Form, str]], output: str, dims: Dims) -> Form:
    """Einstein summation of forms; letters absent from `output` are summed over."""
    size: dict[str, str] = {}
    for form, letters in operands:
        size.update(zip(letters, form.dims, strict=True))
    axis = {letter: i for i, letter in enumerate(output)}
    names = {c: axis[c] if c in axis else -1 - i for i, c in enumerate(size)}
    summed = {names[c]: size[c] for c in size if c not in axis}
    total: dict[Monomial, Fraction] = {}
    for choice in itertools.product(*(form.terms.items() for form, _ in operands)):
        coefficient, factors, fresh = ONE, [], -1 - len(size)
        for (monomial, c), (_, letters) in zip(choice, operands, strict=True):
            coefficient *= c
            rename = {i: names[letter] for i, letter in enumerate(letters)}
            for atom, labels in monomial:
                for label in labels:
                    if label not in rename:
                        rename[label] = fresh
                        fresh -= 1
                factors.append((atom, tuple(rename[label] for label in labels)))
        for m, c in normalise(factors, summed).items():
            total[m] = total.get(m, Fraction(0)) + coefficient * c
    return Form(dims, {m: c for m, c in total.items() if c})


def substitute(form: Form, values: Mapping[Atom, Form]) -> Form:
    """The form with input atoms replaced by forms of their shape, inside functions too."""
    parts = []
    for monomial, c in form.terms.items():
        operands: list[tuple[Form, str]] = []
        letter: dict[int, str] = {}
        names = iter("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
        for label in range(len(form.dims)):
            letter[label] = next(names)
        for atom, labels in monomial:
            for label in labels:
                if label not in letter:
                    letter[label] = next(names)
            if atom in values:
                value = values[atom]
            elif atom.arg is not None:
                value = function_form(atom.name, substitute(atom.arg, values))
            else:
                value = atom_form(atom)
            operands.append((value, "".join(letter[label] for label in labels)))
        target = "".join(letter[i] for i in range(len(form.dims)))
        parts.append((contract(operands, target, form.dims), c))
    return combine(parts, form.dims)


def function_form(name: str, arg: Form) -> Form:
    """The normal form of a scalar function of every entry of `arg`.

    tanh through sigmoid; sigmoid and softplus at arguments of canonical sign; exp split into one
    factor a term; log, sqrt and inverse of a product taken apart where that is always valid.
    """
    if name == "tanh":
        two = function_form("sigmoid", arg.times(Fraction(2)))
        return combine([(two, Fraction(2)), (_ones(arg.dims), -ONE)], arg.dims)
    if name == "sigmoid" and _negative(arg):
        return _ones(arg.dims) - function_form("sigmoid", arg.times(-ONE))
    if name == "softplus" and _negative(arg):
        return function_form("softplus", arg.times(-ONE)) + arg
    if name == "relu" and arg.terms:
        c = min(arg.terms.items())[1]
        unit = _opaque("relu", arg.times(1 / c))
        return unit.times(c) if c > 0 else unit.times(-c) + arg
    if name in ("cos", "sin"):
        return _turn(arg)[name == "sin"]
    if name == "step" and arg.terms:
        return _opaque("step", arg.times(1 / abs(min(arg.terms.items())[1])))
    if name == "exp":
        return _exp(arg)
    if name == "inverse":
        return _inverse(arg)
    if name == "log" and len(arg.terms) == 1:
        ((monomial, c),) = arg.terms.items()
        if c == 1 and _is_exp(monomial):
            parts = [(_spread(atom, labels, arg.dims), ONE) for atom, labels in monomial]
            return combine(parts, arg.dims)
    return _opaque(name, arg)


def _is_exp(monomial: Monomial) -> bool:
    """Whether this is a product of exponentials, entry by entry: a sum of them is none."""
    return all(a.name == "exp" and a.arg and min(ls, default=0) >= 0 for a, ls in monomial)


def _spread(atom: Atom, labels: tuple[int, ...], dims: Dims) -> Form:
    """The argument of a function atom as a form over all of `dims`."""
    assert atom.arg is not None
    letters = "abcdefghijklmnopqrstuvwxyz"
    source = "".join(letters[label] for label in labels)
    return contract([(atom.arg, source)], letters[: len(dims)], dims)


def _ones(dims: Dims) -> Form:
    return Form(dims, {(): ONE})


def _negative(arg: Form) -> bool:
    return bool(arg.terms) and min(arg.terms.items())[1] < 0


def _opaque(name: str, arg: Form) -> Form:
    """A function atom that carries only the axes its argument depends on."""
    used = sorted({label for m in arg.terms for _, ls in m for label in ls if label >= 0})
    letters = "abcdefghijklmnopqrstuvwxyz"
    reduced = arg
    if len(used) < len(arg.dims):
        reduced = Form(
            tuple(arg.dims[i] for i in used),
            _relabel(arg.terms, {old: new for new, old in enumerate(used)}),
        )
    atom = Atom(f"{name}{{{reduced.key}}}", "function", name, reduced.dims, arg=reduced)
    if not reduced.atoms():
        constant = _at_rational(name, reduced)
        if constant is not None:
            return Form(arg.dims, {(): constant} if constant else {})
    spec = "".join(letters[i] for i in used)
    return contract([(atom_form(atom), spec)], letters[: len(arg.dims)], arg.dims)


def _relabel(terms: dict[Monomial, Fraction], new: dict[int, int]) -> dict[Monomial, Fraction]:
    return {
        tuple(sorted((a, tuple(new.get(i, i) for i in ls)) for a, ls in m)): c
        for m, c in terms.items()
    }


def _at_rational(name: str, arg: Form) -> Fraction | None:
    value = arg.terms.get((), Fraction(0))
    exact: dict[tuple[str, Fraction | int], Fraction] = {
        ("exp", 0): ONE,
        ("log", 1): Fraction(0),
        ("sigmoid", 0): Fraction(1, 2),
    }
    exact |= {("sqrt", 0): Fraction(0), ("sqrt", 1): ONE}
    exact |= {("cos", 0): ONE, ("sin", 0): Fraction(0)}
    if name == "step":
        return Fraction(value > 0)
    return exact.get((name, value))


def _exp(arg: Form) -> Form:
    out = _ones(arg.dims)
    for monomial, c in arg.terms.items():
        out = _hadamard(out, _exp_term(monomial, c, arg.dims))
    return out


def _exp_term(monomial: Monomial, c: Fraction, dims: Dims) -> Form:
    term = Form(dims, {monomial: ONE})
    if not c:
        return _ones(dims)
    if len(monomial) == 1 and c.denominator == 1 and min(monomial[0][1], default=0) >= 0:
        atom, labels = monomial[0]
        base = None
        if atom.name == "log" and atom.arg is not None:
            base = _spread(atom, labels, dims)
        if atom.name == "softplus" and atom.arg is not None:
            base = _ones(dims) + _exp(_spread(atom, labels, dims))
        if base is not None:
            factor = base if c > 0 else _inverse(base)
            out = factor
            for _ in range(abs(int(c)) - 1):
                out = _hadamard(out, factor)
            return out
    return _opaque("exp", term.times(c))


def _turn(angle: Form) -> tuple[Form, Form]:
    """The cosine and sine of every entry, by the angle sum: one rotation a term of the angle."""
    x, y = _ones(angle.dims), Form(angle.dims, {})
    for monomial, c in angle.terms.items():
        part = Form(angle.dims, {monomial: ONE / c.denominator})
        times = abs(c.numerator)
        if times > HIGHEST_MULTIPLE:
            part, times = part.times(Fraction(times)), 1
        cosine, sine = _opaque("cos", part), _opaque("sin", part)
        sine = sine if c > 0 else sine.times(-ONE)
        for _ in range(times):
            x, y = (
                _hadamard(x, cosine) - _hadamard(y, sine),
                _hadamard(y, cosine) + _hadamard(x, sine),
            )
    return x, y


def _inverse(arg: Form) -> Form:
    if not arg.terms:
        raise DomainError("division by an expression that is zero for every value of its signals")
    if len(arg.terms) == 1:
        ((monomial, c),) = arg.terms.items()
        if is_free(monomial):
            out = Form(arg.dims, {(): 1 / c})
            for atom, labels in monomial:
                letters = "abcdefghijklmnopqrstuvwxyz"
                spec = "".join(letters[i] for i in labels)
                one = _inverse_atom(atom)
                whole = contract([(one, spec)], letters[: len(arg.dims)], arg.dims)
                out = _hadamard(out, whole)
            return out
        return _opaque("inverse", arg.times(1 / c)).times(1 / c)
    logistic = _logistic(arg)
    if logistic is not None:
        return logistic
    c = min(arg.terms.items())[1] if arg.terms else ONE
    return _opaque("inverse", arg.times(1 / c)).times(1 / c)


def _logistic(arg: Form) -> Form | None:
    """The inverse of 1 + exp(x) is sigmoid(-x)."""
    if len(arg.terms) != 2 or arg.terms.get(()) != 1:
        return None
    ((monomial, c),) = [(m, c) for m, c in arg.terms.items() if m]
    if c != 1 or not _is_exp(monomial):
        return None
    exponent = combine([(_spread(a, ls, arg.dims), ONE) for a, ls in monomial], arg.dims)
    return function_form("sigmoid", exponent.times(-ONE))


def _inverse_atom(atom: Atom) -> Form:
    if atom.name == "exp" and atom.arg is not None:
        return function_form("exp", atom.arg.times(-ONE))
    if atom.name == "inverse" and atom.arg is not None:
        return atom.arg
    return _opaque("inverse", atom_form(atom))


def _hadamard(a: Form, b: Form) -> Form:
    letters = "abcdefghijklmnopqrstuvwxyz"[: len(a.dims)]
    return contract([(a, letters), (b, letters)], letters, a.dims)


def normalise(factors: Sequence[Factor], summed: Mapping[int, str]) -> dict[Monomial, Fraction]:
    """The canonical terms of one product; negative labels and those of `summed` are summed."""
    live = dict(summed)
    for atom, labels in factors:
        live.update((ls, d) for ls, d in zip(labels, atom.dims, strict=True) if ls < 0)
    kept = contract_deltas(list(factors), live)
    if kept is None:
        return {}
    used = {label for _, labels in kept for label in labels}
    products: list[tuple[list[Factor], Fraction]] = [(kept, ONE)]
    for label in [label for label in live if label < 0 and label not in used]:
        products = [
            (f, c * int(part)) if part.isdigit() else ([*f, (size_atom(part), ())], c)
            for f, c in products
            for part in live[label].split("+")
        ]
    total: dict[Monomial, Fraction] = {}
    for product, c in products:
        rewritten = _rewrite(product)
        if rewritten is None:
            m = canonical(product)
            total[m] = total.get(m, Fraction(0)) + c
            continue
        over = {
            label: dim
            for atom, labels in product
            for label, dim in zip(labels, atom.dims, strict=True)
            if label < 0
        }
        for rest, x in rewritten:
            for m, y in normalise(rest, over).items():
                total[m] = total.get(m, Fraction(0)) + c * x * y
    return total


def _rewrite(factors: list[Factor]) -> list[tuple[list[Factor], Fraction]] | None:
    """One rewriting of a product of functions into a sum of products, or None when none applies."""
    functions = [(i, a, ls) for i, (a, ls) in enumerate(factors) if a.kind == "function"]
    for i, atom, labels in functions:
        assert atom.arg is not None
        if atom.name == "inverse":
            found = cancel_inverse(factors, i, atom.arg, labels)
            if found is not None:
                return found
        for j, other, at in functions:
            if j <= i and other.name == atom.name:
                continue
            assert other.arg is not None
            if i == j or labels != at:
                continue
            rest = [f for k, f in enumerate(factors) if k not in (i, j)]
            product = _function_product(atom, other)
            if product is not None:
                return replaced_by(rest, product, labels)
    return None


def _function_product(a: Atom, b: Atom) -> Form | None:
    """The product of two functions at the same labels, where it has a simpler form."""
    assert a.arg is not None and b.arg is not None
    if a.name == b.name == "sqrt" and a == b:
        return a.arg
    if a.name == b.name == "step" and a == b:
        return atom_form(a)
    if a.name == b.name == "sin" and a == b:
        cosine = _opaque("cos", a.arg)
        return _ones(a.dims) - _hadamard(cosine, cosine)
    if a.name != "exp" or len(a.arg.terms) != 1 or len(b.arg.terms) != 1:
        return None
    ((m, c),), ((n, e),) = a.arg.terms.items(), b.arg.terms.items()
    if m != n:
        return None
    if b.name == "exp":
        return _exp_term(m, c + e, a.dims)
    if b.name == "sigmoid" and c / e == -1:
        return _ones(a.dims) - atom_form(b)
    if b.name == "sigmoid" and (c / e).denominator == 1 and c / e >= 1:
        lower = _exp_term(m, c - e, a.dims)
        return _hadamard(lower, _exp_term(m, e, a.dims) - atom_form(b))
    return None
