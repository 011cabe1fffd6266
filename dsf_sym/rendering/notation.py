"""Matrix notation as a tree: what is printed for a form, and what the tree means as a form.

Every node is a linear map from its column axes to its row axes, so a vector has no columns, its
transpose no rows and a scalar neither. `expand` gives the form back, with dims rows + columns: what
is read into a tree is checked against the form it came from before it is printed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

from ..index.atoms import ONE, Atom, Form, atom_form, combine, number_form
from ..index.terms import FormAlgebra, contract, function_form
from ..language.tensor import Dims

Shape = tuple[Dims, Dims]
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Number:
    """A rational number."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Symbol:
    """A signal, a size, or the injection of a part into a joined axis."""

    atom: Atom


@dataclass(frozen=True, slots=True)
class Zero:
    """The zero map."""

    rows: Dims
    cols: Dims


@dataclass(frozen=True, slots=True)
class Ones:
    """The map whose entries are all one."""

    rows: Dims
    cols: Dims


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of one size."""

    size: str


@dataclass(frozen=True, slots=True)
class Apply:
    """A scalar function of every entry."""

    name: str
    arg: Node


@dataclass(frozen=True, slots=True)
class Transpose:
    """Rows and columns exchanged."""

    arg: Node


@dataclass(frozen=True, slots=True)
class Compose:
    """The product of maps, the last applied first: `M N`, `k k^T`, `k^T q`."""

    factors: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Kron:
    """The Kronecker product: rows after rows, columns after columns."""

    factors: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Times:
    """Scalars times a map; the scalars alone where `body` is None."""

    scalars: tuple[Node, ...]
    body: Node | None = None


@dataclass(frozen=True, slots=True)
class Power:
    """A scalar to a power."""

    base: Node
    exponent: int


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum of maps of one shape."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Hadamard:
    """A product entry by entry; every factor lies along the named positions of rows + columns."""

    parts: tuple[tuple[Node, tuple[int, ...]], ...]
    rows: Dims
    cols: Dims


@dataclass(frozen=True, slots=True)
class Diag:
    """The diagonal map with the entries of `arg`, over the rows and columns of `arg` alike."""

    arg: Node


@dataclass(frozen=True, slots=True)
class Trace:
    """The trace of a square matrix."""

    arg: Node


@dataclass(frozen=True, slots=True)
class Flat:
    """A matrix read as one vector, its columns counted as further rows."""

    arg: Node


@dataclass(frozen=True, slots=True)
class Block:
    """A matrix of blocks, None for a zero block; no heights make a row, no widths a column."""

    grid: tuple[tuple[Node | None, ...], ...]
    heights: Dims
    widths: Dims


@dataclass(frozen=True, slots=True)
class Entries:
    """A form for which there is no matrix notation; its first `rows` axes are rows."""

    form: Form
    rows: int


Node = (
    Number
    | Symbol
    | Zero
    | Ones
    | Identity
    | Apply
    | Transpose
    | Compose
    | Kron
    | Times
    | Power
    | Sum
    | Hadamard
    | Diag
    | Trace
    | Flat
    | Block
    | Entries
)


def natural(dims: Dims) -> Shape:
    """The shape of a tensor: a column, a matrix, or for more axes one long column."""
    return (dims[:1], dims[1:]) if len(dims) == 2 else (dims, ())


def shape(node: Node) -> Shape:
    """The row sizes and the column sizes of a node."""
    match node:
        case Number() | Trace() | Power():
            return (), ()
        case Symbol(atom=atom):
            return natural(atom.dims)
        case Zero(rows=rows, cols=cols) | Ones(rows=rows, cols=cols):
            return rows, cols
        case Hadamard(rows=rows, cols=cols):
            return rows, cols
        case Block(heights=heights, widths=widths):
            return _joined(heights), _joined(widths)
        case Identity(size=size):
            return (size,), (size,)
        case Apply(arg=arg):
            return shape(arg)
        case Transpose(arg=arg):
            rows, cols = shape(arg)
            return cols, rows
        case Compose(factors=factors):
            return shape(factors[0])[0], shape(factors[-1])[1]
        case Kron(factors=factors):
            shapes = [shape(f) for f in factors]
            return sum((r for r, _ in shapes), ()), sum((c for _, c in shapes), ())
        case Times(body=body):
            return ((), ()) if body is None else shape(body)
        case Sum(terms=terms):
            return shape(terms[0])
        case Diag(arg=arg):
            rows, cols = shape(arg)
            return rows + cols, rows + cols
        case Flat(arg=arg):
            rows, cols = shape(arg)
            return rows + cols, ()
        case Entries(form=form, rows=split):
            return form.dims[:split], form.dims[split:]


def expand(node: Node) -> Form:
    """The form that a tree stands for, with dims rows + columns."""
    rows, cols = shape(node)
    dims = rows + cols
    match node:
        case Number(value=value):
            return number_form(value)
        case Symbol(atom=atom):
            return atom_form(atom)
        case Zero():
            return Form(dims, {})
        case Ones():
            return Form(dims, {(): ONE})
        case Identity():
            return FormAlgebra().eye(dims)
        case Apply(name=name, arg=arg):
            return function_form(name, expand(arg))
        case Transpose(arg=arg):
            letters = _LETTERS[: len(dims)]
            turned = letters[len(cols) :] + letters[: len(cols)]
            return contract([(expand(arg), letters)], turned, dims)
        case Compose(factors=factors):
            return _folded(factors, _composed)
        case Kron(factors=factors):
            return _folded(factors, _kron)
        case Times(scalars=scalars, body=body):
            parts = [(expand(s), "") for s in scalars]
            letters = _LETTERS[: len(dims)]
            return contract(parts + ([(expand(body), letters)] if body else []), letters, dims)
        case Power(base=base, exponent=exponent):
            return contract([(expand(base), "")] * exponent, "", ())
        case Sum(terms=terms):
            return combine([(expand(t), ONE) for t in terms], dims)
        case Hadamard(parts=placed):
            letters = _LETTERS[: len(dims)]
            where = [(expand(p), "".join(letters[i] for i in at)) for p, at in placed]
            return contract(where, letters, dims)
        case Diag(arg=arg):
            return _diagonal(expand(arg))
        case Trace(arg=arg):
            return contract([(expand(arg), "aa")], "", ())
        case Flat(arg=arg):
            return Form(dims, expand(arg).terms)
        case Block():
            return _blocks(node)
        case Entries(form=form):
            return form


def _joined(parts: Dims) -> Dims:
    return ("+".join(parts),) if parts else ()


_Map = tuple[Form, int]


def _folded(factors: tuple[Node, ...], join: Callable[[_Map, _Map], _Map]) -> Form:
    return reduce(join, [(expand(f), len(shape(f)[0])) for f in factors])[0]


def _composed(left: _Map, right: _Map) -> _Map:
    (a, rows), (b, inner) = left, right
    dims = a.dims[:rows] + b.dims[inner:]
    if a.dims[rows:] != b.dims[:inner]:
        raise ValueError(f"{a.dims[rows:]} cannot meet {b.dims[:inner]}")
    la = _LETTERS[: len(a.dims)]
    lb = la[rows:] + _LETTERS[len(la) : len(la) + len(b.dims) - inner]
    return contract([(a, la), (b, lb)], la[:rows] + lb[inner:], dims), rows


def _kron(left: _Map, right: _Map) -> _Map:
    (a, i), (b, j) = left, right
    la = _LETTERS[: len(a.dims)]
    lb = _LETTERS[len(la) : len(la) + len(b.dims)]
    dims = a.dims[:i] + b.dims[:j] + a.dims[i:] + b.dims[j:]
    return contract([(a, la), (b, lb)], la[:i] + lb[:j] + la[i:] + lb[j:], dims), i + j


def _diagonal(form: Form) -> Form:
    n = len(form.dims)
    a, b = _LETTERS[:n], _LETTERS[n : 2 * n]
    eyes = [(FormAlgebra().eye((d, d)), x + y) for d, x, y in zip(form.dims, a, b, strict=True)]
    return contract([(form, a), *eyes], a + b, form.dims * 2)


def _blocks(block: Block) -> Form:
    rows, cols = shape(block)
    algebra = FormAlgebra()
    lines = []
    for i, line in enumerate(block.grid):
        height = block.heights[i : i + 1]
        forms = [
            Form(height + block.widths[j : j + 1], {}) if node is None else expand(node)
            for j, node in enumerate(line)
        ]
        across = len(forms) > 1
        lines.append(algebra.concat(forms, len(height), height + cols) if across else forms[0])
    return algebra.concat(lines, 0, rows + cols) if len(lines) > 1 else lines[0]
