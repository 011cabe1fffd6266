"""Tools over index-term forms: coefficients, times, values at concrete sizes, expressions, text.

Used by derivation, structure and realization; nothing here knows what a state-space form is.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from ..arithmetic.sparse import Scalar, Sparse, SparseAlgebra
from ..language import tensor as t
from ..language.evaluate import extent, shape_of
from ..language.functions import einsum, ones
from .atoms import ONE, Atom, Factor, Form, Monomial, atom_form, input_atom
from .terms import contract, normalise, substitute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..language.layer import Layer, Signal
    from ..language.tensor import Dims, Tensor

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def signal_atom(signal: Signal, time: int | None = None) -> Atom:
    """The atom of a signal; only tokens and states carry a time."""
    timed = None if signal.kind == "constant" else time
    return input_atom(
        signal.name, signal.dims, kind=signal.kind, unit=signal.domain.unit, time=timed
    )


def signal_forms(layer: Layer) -> dict[str, Form]:
    """Every signal of a layer as a form, by name: the inputs of `evaluate` with `FormAlgebra`."""
    return {s.name: atom_form(signal_atom(s)) for s in layer.signals}


def eye_atom(size: str) -> Atom:
    """The identity of one size, as `FormAlgebra.eye` makes it."""
    return Atom(f"eye<{size}>", "eye", "I", (size, size))


def zero(dims: Dims) -> Form:
    """The zero form of a shape."""
    return Form(dims, {})


def one(dims: Dims) -> Form:
    """The form of ones of a shape."""
    return Form(dims, {(): ONE})


def reads(form: Form, atom: Atom) -> bool:
    """Whether the atom occurs in the form, inside functions too."""
    return atom in form.atoms()


def coefficient(form: Form, atom: Atom) -> tuple[Form, Form]:
    """Split `form = coefficient · atom + rest`, all axes of the atom summed.

    The coefficient has dims `form.dims + atom.dims`; terms that hold the atom more than once or
    inside a function stay in the rest.
    """
    linear: dict[Monomial, Fraction] = {}
    rest: dict[Monomial, Fraction] = {}
    for monomial, c in form.terms.items():
        others = [f for f in monomial if f[0] != atom]
        inside = any(a.arg is not None and reads(a.arg, atom) for a, _ in others)
        if len(others) != len(monomial) - 1 or inside:
            rest[monomial] = c
            continue
        ((_, labels),) = [f for f in monomial if f[0] == atom]
        for m, x in normalise(_open(others, labels, atom.dims, len(form.dims)), {}).items():
            linear[m] = linear.get(m, Fraction(0)) + c * x
    dims = form.dims + atom.dims
    return Form(dims, {m: c for m, c in linear.items() if c}), Form(form.dims, rest)


def _open(others: list[Factor], labels: tuple[int, ...], dims: Dims, first: int) -> list[Factor]:
    """The factors left when a tensor at `labels` is taken out and its axes become free."""
    rename: dict[int, int] = {}
    identities: list[Factor] = []
    for new, (label, size) in enumerate(zip(labels, dims, strict=True), first):
        if label < 0 and label not in rename:
            rename[label] = new
        else:
            identities.append((eye_atom(size), (rename.get(label, label), new)))
    moved = [(a, tuple(rename.get(ls, ls) for ls in old)) for a, old in others]
    return moved + identities


def compose(left: Form, right: Form, inner: int) -> Form:
    """The product over the last `inner` axes of the left form and the first of the right."""
    n = len(left.dims)
    la = LETTERS[:n]
    lb = LETTERS[n - inner : n - inner + len(right.dims)]
    dims = left.dims[: n - inner] + right.dims[inner:]
    return contract([(left, la), (right, lb)], la[: n - inner] + lb[inner:], dims)


def hadamard(a: Form, b: Form) -> Form:
    """The product entry by entry of two forms of one shape."""
    letters = LETTERS[: len(a.dims)]
    return contract([(a, letters), (b, letters)], letters, a.dims)


def transpose(matrix: Form, rows: int) -> Form:
    """The matrix with its first `rows` axes and the others exchanged."""
    letters = LETTERS[: len(matrix.dims)]
    dims = matrix.dims[rows:] + matrix.dims[:rows]
    return contract([(matrix, letters)], letters[rows:] + letters[:rows], dims)


def diagonal(vector: Form) -> Form:
    """The diagonal matrix, over the axes of `vector` twice, with the entries of `vector`."""
    n = len(vector.dims)
    rows, columns = LETTERS[:n], LETTERS[n : 2 * n]
    parts = [(vector, rows)]
    for i, size in enumerate(vector.dims):
        parts.append((atom_form(eye_atom(size)), rows[i] + columns[i]))
    return contract(parts, rows + columns, vector.dims * 2)


def diagonal_of(matrix: Form) -> Form | None:
    """The vector whose diagonal matrix this is, or None when a term is not diagonal."""
    n = len(matrix.dims) // 2
    if matrix.dims[:n] != matrix.dims[n:]:
        return None
    identities = {(eye_atom(size), (i, n + i)) for i, size in enumerate(matrix.dims[:n])}
    out: dict[Monomial, Fraction] = {}
    for monomial, c in matrix.terms.items():
        rest = tuple(f for f in monomial if f not in identities)
        if len(rest) != len(monomial) - n or any(ls >= n for _, labels in rest for ls in labels):
            return None
        out[rest] = c
    return Form(matrix.dims[:n], out)


def at_time(form: Form, time: int) -> Form:
    """The form with every token marked as the token of one time."""
    tokens = [a for a in form.atoms() if a.kind == "token"]
    values = {
        a: atom_form(input_atom(a.name, a.dims, kind=a.kind, unit=a.unit, time=time))
        for a in tokens
    }
    return substitute(form, values) if values else form


def entries(form: Form, values: Mapping[str, Sparse], algebra: SparseAlgebra) -> Sparse:
    """The form at concrete sizes over the ring of `algebra`; `values` by the key of each atom."""
    known: dict[Atom, Sparse] = {}
    parts = [_term(m, c, form.dims, values, algebra, known) for m, c in form.terms.items()]
    if not parts:
        return Sparse(shape_of(form.dims, algebra.sizes), {})
    return algebra.add(parts, form.dims)


def _term(
    monomial: Monomial,
    c: Fraction,
    dims: Dims,
    values: Mapping[str, Sparse],
    algebra: SparseAlgebra,
    known: dict[Atom, Sparse],
) -> Sparse:
    target = "".join(_letter(i) for i in range(len(dims)))
    groups = ["".join(map(_letter, labels)) for _, labels in monomial]
    size = dict(zip(target, dims, strict=True))
    out, have = algebra.number(c), ""
    for i, (atom, _) in enumerate(monomial):
        size.update(zip(groups[i], atom.dims, strict=True))
        later = set(target).union(*groups[i + 1 :])
        keep = "".join(x for x in dict.fromkeys(have + groups[i]) if x in later)
        if atom not in known:
            known[atom] = _atom(atom, values, algebra)
        spec = f"{have},{groups[i]}->{keep}"
        out = algebra.product(spec, out, known[atom], tuple(size[x] for x in keep))
        have = keep
    return algebra.reindex(f"{have}->{target}", out, dims)


def _letter(label: int) -> str:
    return chr(0x100 + label) if label >= 0 else chr(0x1000 - label)


def _atom(atom: Atom, values: Mapping[str, Sparse], algebra: SparseAlgebra) -> Sparse:
    if atom.kind == "eye":
        return algebra.eye(atom.dims)
    if atom.kind == "size":
        return algebra.number(Fraction(extent(atom.name, algebra.sizes)))
    if atom.kind == "inject":
        shape = shape_of(atom.dims, algebra.sizes)
        first = extent(atom.name, algebra.sizes)
        unit: Scalar = algebra.scalars.number(ONE)
        return Sparse(shape, {(first + i, i): unit for i in range(shape[1])})
    if atom.arg is None:
        return values[atom.key]
    arg = entries(atom.arg, values, algebra)
    node = t.Function(atom.name, t.Number(ONE), atom.dims)
    return algebra.function(node, arg)


def expression(form: Form) -> Tensor | None:
    """The form as an expression graph, or None where it holds sizes or parts of a concat."""
    made: dict[Atom, Tensor | None] = {}
    total: Tensor = t.broadcast(t.Number(Fraction(0)), form.dims)
    for monomial, c in sorted(form.terms.items()):
        names = {label: LETTERS[i] for i, label in enumerate(_labels(form.dims, monomial))}
        operands: list[Tensor] = []
        for atom, _ in monomial:
            if atom not in made:
                made[atom] = _node(atom)
            node = made[atom]
            if node is None:
                return None
            operands.append(node)
        groups = ["".join(names[ls] for ls in labels) for _, labels in monomial]
        used = {ls for _, labels in monomial for ls in labels}
        for i, size in enumerate(form.dims):
            if i not in used:
                operands.append(ones(size))
                groups.append(names[i])
        target = "".join(names[i] for i in range(len(form.dims)))
        product = einsum(f"{','.join(groups)}->{target}", *operands) if operands else t.lift(1)
        total = t.add(total, t.multiply(t.Number(c), product))
    return total


def _labels(dims: Dims, monomial: Monomial) -> list[int]:
    return list(
        dict.fromkeys([*range(len(dims)), *(ls for _, labels in monomial for ls in labels)])
    )


def _node(atom: Atom) -> Tensor | None:
    if atom.kind in ("size", "inject"):
        return None
    if atom.kind == "eye":
        return t.Eye(atom.dims)
    if atom.arg is None:
        return t.Input(atom.name, atom.dims)
    arg = expression(atom.arg)
    return None if arg is None else t.apply(atom.name, arg)


def text(form: Form) -> str:
    """The form in plain words for messages: names side by side, indices left out."""
    if not form:
        return "0"
    out = ""
    for monomial, c in sorted(form.terms.items(), key=lambda item: (len(item[0]), item[0])):
        words = [_word(atom) for atom, _ in monomial if atom.kind not in ("eye", "inject")]
        if abs(c) != 1 or not words:
            words.insert(0, str(abs(c)))
        sign = ("-" if c < 0 else "") if not out else (" - " if c < 0 else " + ")
        out += sign + " ".join(words)
    return out


def _word(atom: Atom) -> str:
    if atom.arg is None:
        return atom.name
    return f"{'1/' if atom.name == 'inverse' else atom.name}({text(atom.arg)})"
