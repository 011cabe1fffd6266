"""Index terms: the normal form in which identities hold for all sizes at once.

A form is a sum of terms; a term is a rational coefficient times a product of atoms with labels. A
label 0, 1, ... is an axis of the form; a negative label is summed over. Terms are canonical up to
renaming of the summed labels, so equal forms are equal dictionaries. Unequal ones refute nothing.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..language.tensor import Dims, Function

ONE = Fraction(1)


@dataclass(frozen=True, slots=True, order=True)
class Atom:
    """A named tensor, a function of a form, the identity, an injection of a concat, or a size.

    Identified by `key` alone. `time` marks the token an input belongs to when steps are unrolled.
    """

    key: str
    kind: str = field(compare=False)
    name: str = field(compare=False)
    dims: Dims = field(default=(), compare=False)
    unit: bool = field(default=False, compare=False)
    time: int | None = field(default=None, compare=False)
    arg: Form | None = field(default=None, compare=False)


Factor = tuple[Atom, tuple[int, ...]]
Monomial = tuple[Factor, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """A tensor in normal form: `terms` maps canonical monomials to non-zero coefficients."""

    dims: Dims
    terms: dict[Monomial, Fraction]

    @property
    def key(self) -> str:
        """Text that is equal for equal forms."""
        return " + ".join(
            f"{c}*" + ".".join(f"{a.key}{list(ls)}" for a, ls in m)
            for m, c in sorted(self.terms.items())
        )

    def __hash__(self) -> int:
        return hash((self.dims, frozenset(self.terms.items())))

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __add__(self, other: Form) -> Form:
        return combine([(self, ONE), (other, ONE)], self.dims)

    def __sub__(self, other: Form) -> Form:
        return combine([(self, ONE), (other, -ONE)], self.dims)

    def times(self, c: Fraction) -> Form:
        """Every coefficient multiplied by `c`."""
        return Form(self.dims, {m: x * c for m, x in self.terms.items()} if c else {})

    def atoms(self) -> set[Atom]:
        """Every atom, those inside functions included."""
        found: set[Atom] = set()
        for monomial in self.terms:
            for atom, _ in monomial:
                found.add(atom)
                if atom.arg is not None:
                    found |= atom.arg.atoms()
        return found


def input_atom(
    name: str, dims: Dims, *, kind: str = "token", unit: bool = False, time: int | None = None
) -> Atom:
    """The atom of a signal; `kind` is token, constant or state.

    A state of one layer may share its name with a signal of another: their keys differ.
    """
    own = f"{name}(old)" if kind == "state" else name
    key = own if time is None else f"{own}@{time}"
    return Atom(key, kind, name, dims, unit=unit and len(dims) == 1, time=time)


def atom_form(atom: Atom) -> Form:
    """The form that is one atom."""
    return Form(atom.dims, {((atom, tuple(range(len(atom.dims)))),): ONE})


def number_form(value: Fraction) -> Form:
    """The form of a rational number."""
    return Form((), {(): value} if value else {})


def combine(parts: Iterable[tuple[Form, Fraction]], dims: Dims) -> Form:
    """A linear combination of forms of one shape."""
    total: dict[Monomial, Fraction] = {}
    for form, c in parts:
        for monomial, x in form.terms.items():
            total[monomial] = total.get(monomial, Fraction(0)) + c * x
    return Form(dims, {m: x for m, x in total.items() if x})


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
            inject = _inject_atom(dims[axis], at, small)
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


def _free(monomial: Monomial) -> bool:
    """Whether nothing is summed over, so that functions may be applied factor by factor."""
    return all(label >= 0 for _, labels in monomial for label in labels)


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


def _inverse(arg: Form) -> Form:
    if len(arg.terms) == 1:
        ((monomial, c),) = arg.terms.items()
        if _free(monomial):
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
    kept = _contract_deltas(list(factors), live)
    if kept is None:
        return {}
    used = {label for _, labels in kept for label in labels}
    products: list[tuple[list[Factor], Fraction]] = [(kept, ONE)]
    for label in [label for label in live if label < 0 and label not in used]:
        products = [
            (f, c * int(part)) if part.isdigit() else ([*f, (_size(part), ())], c)
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


def _size(name: str) -> Atom:
    return Atom(f"size<{name}>", "size", name)


def _contract_deltas(factors: list[Factor], live: dict[int, str]) -> list[Factor] | None:
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


def _inject_atom(joined: str, at: str, small: str) -> Atom:
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
                made = _inject_atom(other.dims[1], inner, atom.dims[1])
                return [*rest, (made, (at[1], small))]
        if at[0] == small and small < 0:
            used = sum(ls.count(small) for _, ls in rest)
            if used == 1:
                inner = "+".join(parts[: begin + first]) or "0"
                made = _inject_atom(atom.dims[0], inner, other.dims[1])
                return [*others, (made, (joined, at[1]))]
    return None


def _rewrite(factors: list[Factor]) -> list[tuple[list[Factor], Fraction]] | None:
    """One rewriting of a product of functions into a sum of products, or None when none applies."""
    functions = [(i, a, ls) for i, (a, ls) in enumerate(factors) if a.kind == "function"]
    for i, atom, labels in functions:
        assert atom.arg is not None
        if atom.name == "inverse":
            found = _cancel_inverse(factors, i, atom.arg, labels)
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
                return _replace(rest, product, labels)
    return None


def _function_product(a: Atom, b: Atom) -> Form | None:
    """The product of two functions at the same labels, where it has a simpler form."""
    assert a.arg is not None and b.arg is not None
    if a.name == b.name == "sqrt" and a == b:
        return a.arg
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


def _cancel_inverse(
    factors: list[Factor], at: int, denominator: Form, labels: tuple[int, ...]
) -> list[tuple[list[Factor], Fraction]] | None:
    """Lead / (c lead + rest) = (1 - rest / (c lead + rest)) / c, where the product has the lead."""
    lead = max(denominator.terms, key=lambda m: (len(m), m))
    if not lead or not _free(lead):
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
    return out + [(f, -x / c) for f, x in _replace(rest, others, labels)]


def _replace(
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
