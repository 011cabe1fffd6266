"""Putting trees of notation together: scalars in front, transposes inwards, columns beside rows.

Each function returns a tree that expands to what its name says of its arguments; which of the equal
trees it returns is a matter of looks.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..index.atoms import ONE
from ..language.tensor import Dims
from .notation import (
    Apply,
    Block,
    Compose,
    Diag,
    Hadamard,
    Identity,
    Kron,
    Node,
    Number,
    Ones,
    Power,
    Sum,
    Symbol,
    Times,
    Trace,
    Transpose,
    Zero,
    expand,
    shape,
)


def times(scalars: Iterable[Node], body: Node | None = None) -> Node:
    """Scalars times a map: numbers multiplied, exponentials joined, repeats as powers."""
    value, exponents = ONE, []
    powers: dict[Node, int] = {}
    scalars = list(scalars)
    if isinstance(body, Times):
        scalars += body.scalars
        body = body.body
    if body is not None and shape(body) == ((), ()):
        scalars.append(body)
        body = None
    for scalar in _opened(scalars):
        match scalar:
            case Number(value=x):
                value *= x
            case Apply(name="exp", arg=arg):
                exponents.append(arg)
            case Power(base=base, exponent=n):
                powers[base] = powers.get(base, 0) + n
            case _:
                powers[scalar] = powers.get(scalar, 0) + 1
    found: list[Node] = [Power(x, n) if n > 1 else x for x, n in powers.items()]
    if exponents:
        found.append(Apply("exp", add(exponents)))
    found.sort(key=_place)
    if value != 1 or not (found or body):
        found.insert(0, Number(value))
    if body is None:
        return found[0] if len(found) == 1 else Times(tuple(found))
    return Times(tuple(found), body) if found else body


def _place(scalar: Node) -> int:
    """Single letters stand before functions, these before inner products and sums."""
    if isinstance(scalar, Power):
        scalar = scalar.base
    kinds = (Symbol, Apply, Compose)
    return next((i for i, kind in enumerate(kinds) if isinstance(scalar, kind)), len(kinds))


def _opened(scalars: Iterable[Node]) -> list[Node]:
    out: list[Node] = []
    for scalar in scalars:
        if isinstance(scalar, Times):
            out += _opened([*scalar.scalars, *([scalar.body] if scalar.body else [])])
        else:
            out.append(scalar)
    return out


def add(terms: Iterable[Node]) -> Node:
    """A sum of maps of one shape, nested sums opened."""
    flat = [t for term in terms for t in (term.terms if isinstance(term, Sum) else (term,))]
    return flat[0] if len(flat) == 1 else Sum(tuple(flat))


def compose(*nodes: Node) -> Node:
    """The product of maps, scalars in front."""
    scalars, factors = _hoisted(nodes, Compose)
    kept = [f for f in factors if not isinstance(f, Identity)] or factors[:1]
    if not kept:
        return times(scalars)
    if len(kept) == 2 and all(isinstance(f, Ones) for f in kept) and not shape(kept[0])[1]:
        return times(scalars, Ones(shape(kept[0])[0], shape(kept[1])[1]))
    return times(scalars, kept[0] if len(kept) == 1 else Compose(tuple(kept)))


def kron(*nodes: Node) -> Node:
    """The Kronecker product, a column beside a row written as their outer product."""
    scalars, factors = _hoisted(nodes, Kron)
    merged: list[Node] = []
    for factor in factors:
        if shape(factor) == ((), ()):
            scalars.append(factor)
        elif merged and not shape(merged[-1])[1] and not shape(factor)[0]:
            merged[-1] = compose(merged[-1], factor)
        else:
            merged.append(factor)
    if not merged:
        return times(scalars)
    return times(scalars, merged[0] if len(merged) == 1 else Kron(tuple(merged)))


def _hoisted(
    nodes: Iterable[Node], kind: type[Compose] | type[Kron]
) -> tuple[list[Node], list[Node]]:
    scalars: list[Node] = []
    factors: list[Node] = []
    for node in nodes:
        body: Node | None = node
        if isinstance(node, Times):
            scalars += node.scalars
            body = node.body
        elif isinstance(node, Number):
            scalars.append(node)
            body = None
        if isinstance(body, kind):
            factors += body.factors
        elif body is not None:
            factors.append(body)
    return scalars, factors


def transposed(node: Node) -> Node:
    """The transpose, moved inwards to single factors."""
    match node:
        case Transpose(arg=arg):
            return arg
        case Number() | Identity() | Diag() | Trace() | Power():
            return node
        case Zero(rows=rows, cols=cols):
            return Zero(cols, rows)
        case Ones(rows=rows, cols=cols):
            return Ones(cols, rows)
        case Times(scalars=scalars, body=body):
            return Times(scalars, None if body is None else transposed(body))
        case Compose(factors=factors):
            return Compose(tuple(transposed(f) for f in reversed(factors)))
        case Kron(factors=factors):
            return kron(*(transposed(f) for f in factors))
        case Sum(terms=terms):
            return Sum(tuple(transposed(t) for t in terms))
        case Block(grid=grid, heights=heights, widths=widths):
            turned = zip(*grid, strict=True)
            lines = tuple(tuple(x and transposed(x) for x in line) for line in turned)
            return Block(lines, widths, heights)
    return node if shape(node) == ((), ()) else Transpose(node)


def hadamard(parts: Iterable[tuple[Node, tuple[int, ...]]], rows: Dims, cols: Dims) -> Node:
    """The product entry by entry, exponentials along the same axes joined."""
    exponents: dict[tuple[int, ...], list[Node]] = {}
    scalars: list[Node] = []
    kept: list[tuple[Node, tuple[int, ...]]] = []
    for node, at in _spread(parts):
        if isinstance(node, Number):
            scalars.append(node)
        elif isinstance(node, Times) and node.body is None:
            scalars += node.scalars
        elif isinstance(node, Apply) and node.name == "exp":
            exponents.setdefault(at, []).append(node.arg)
        elif not isinstance(node, Ones):
            kept.append((node, at))
    kept += [(Apply("exp", add(args)), at) for at, args in exponents.items()]
    if rows and cols:
        kept = _outer(kept, rows, cols)
    kept.sort(key=lambda part: (_reads_state(part[0]), _is_inverse(part[0])))
    whole = tuple(range(len(rows + cols)))
    if not kept:
        return times(scalars, Ones(rows, cols))
    if len(kept) == 1 and kept[0][1] == whole and shape(kept[0][0]) == (rows, cols):
        return times(scalars, kept[0][0])
    return times(scalars, Hadamard(tuple(kept), rows, cols))


def _outer(
    parts: list[tuple[Node, tuple[int, ...]]], rows: Dims, cols: Dims
) -> list[tuple[Node, tuple[int, ...]]]:
    """Columns along the one axis and along the other as one outer product."""
    left, right = ([p for p in parts if p[1] == (i,)] for i in (0, 1))
    if not left or not right:
        return parts
    column = hadamard([(node, (0,)) for node, _ in left], rows, ())
    line = transposed(hadamard([(node, (0,)) for node, _ in right], cols, ()))
    return [(compose(column, line), (0, 1)), *(p for p in parts if len(p[1]) > 1)]


def _spread(
    parts: Iterable[tuple[Node, tuple[int, ...]]],
) -> list[tuple[Node, tuple[int, ...]]]:
    """The parts with nested products opened; scalars lie along no axis."""
    out: list[tuple[Node, tuple[int, ...]]] = []
    for node, at in parts:
        if isinstance(node, Times) and node.body is not None:
            out += [(Times(node.scalars), ()), *_spread([(node.body, at)])]
        elif isinstance(node, Hadamard):
            out += _spread((n, tuple(at[i] for i in inner)) for n, inner in node.parts)
        else:
            out.append((node, at))
    return out


def _is_inverse(node: Node) -> bool:
    return isinstance(node, Apply) and node.name == "inverse"


def _reads_state(node: Node) -> bool:
    return any(atom.kind == "state" for atom in expand(node).atoms())
