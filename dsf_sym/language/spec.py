"""The expression graph as plain data, and graphs rebuilt from data or with inputs replaced."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ..errors import CertificateError
from .graph import walk
from .tensor import (
    FUNCTIONS,
    Add,
    Concat,
    Dims,
    Eye,
    Function,
    Input,
    Number,
    Product,
    Reindex,
    Tensor,
    add,
    multiply,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .domains import Domain


def serialise(roots: Mapping[str, Tensor]) -> dict[str, Any]:
    """Nodes in evaluation order, equal nodes written once, and the roots as positions."""
    nodes: list[list[Any]] = []
    at: dict[Tensor, int] = {}
    seen: dict[str, int] = {}
    for node in walk(*roots.values()):
        row = _row(node, [at[child] for child in node.children])
        key = repr(row)
        if key not in seen:
            seen[key] = len(nodes)
            nodes.append(row)
        at[node] = seen[key]
    return {"nodes": nodes, "roots": {name: at[root] for name, root in roots.items()}}


def _row(node: Tensor, below: list[int]) -> list[Any]:
    match node:
        case Input(name=name):
            return ["input", list(node.dims), name]
        case Number(value=value):
            return ["number", [], str(value)]
        case Eye():
            return ["eye", list(node.dims)]
        case Product(spec=spec):
            return ["product", list(node.dims), spec, *below]
        case Reindex(spec=spec):
            return ["reindex", list(node.dims), spec, *below]
        case Function(name=name):
            return ["function", list(node.dims), name, *below]
        case Concat(axis=axis):
            return ["concat", list(node.dims), axis, *below]
        case _:
            return ["add", list(node.dims), *below]


def signal_row(name: str, dims: Dims, kind: str, domain: Domain) -> dict[str, Any]:
    """A signal as plain data."""
    ends = domain.interval
    values = {} if domain.values is None else {"values": [*map(str, domain.values)]}
    return {
        "name": name,
        "dims": list(dims),
        "kind": kind,
        "low": None if ends.low is None else str(ends.low),
        "high": None if ends.high is None else str(ends.high),
        "low_open": ends.low_open,
        "high_open": ends.high_open,
        "unit": domain.unit,
        **values,
    }


def deserialise(data: Mapping[str, Any]) -> dict[str, Tensor]:
    """The graph of `serialise`; CertificateError when the data is not one."""
    made: list[Tensor] = []
    try:
        for kind, dims, *rest in data["nodes"]:
            made.append(_node(kind, tuple(map(str, dims)), rest, made))
            if not _fits(made[-1]):
                raise ValueError(f"the sizes of node {len(made) - 1}, a {kind}, do not fit")
        return {str(name): made[at] for name, at in data["roots"].items()}
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise CertificateError(f"the expression graph cannot be read: {error}") from None


def _fits(node: Tensor) -> bool:
    """Whether a node's sizes are those that its operands give: what the builders make sure of."""
    dims = node.dims
    match node:
        case Eye():
            return len(dims) == 2 and dims[0] == dims[1]
        case Number():
            return not dims
        case Add() | Function():
            return all(child.dims == dims for child in node.children)
        case Product(spec=spec) | Reindex(spec=spec):
            inputs, _, output = spec.partition("->")
            groups = inputs.split(",")
            new = isinstance(node, Reindex)
            size = dict(zip(output, dims, strict=True)) if new else {}
            for group, child in zip(groups, node.children, strict=True):
                if len(group) != len(child.dims):
                    return False
                for letter, dim in zip(group, child.dims, strict=True):
                    if size.setdefault(letter, dim) != dim:
                        return False
            return len(set(output)) == len(output) and tuple(size[c] for c in output) == dims
        case Concat(parts=parts, axis=axis):
            shapes = [part.dims for part in parts]
            rest = {s[:axis] + s[axis + 1 :] for s in [*shapes, dims]}
            joined = "+".join(s[axis] for s in shapes)
            return len(rest) == 1 and 0 <= axis < len(dims) and joined == dims[axis]
    return True


def _node(kind: str, dims: tuple[str, ...], rest: list[Any], made: list[Tensor]) -> Tensor:
    match kind, rest:
        case "input", [str(name)]:
            return Input(name, dims)
        case "number", [str(value)]:
            return Number(Fraction(value))
        case "eye", []:
            return Eye(dims)
        case "add", [_, *_]:
            return Add(tuple(made[i] for i in rest), dims)
        case "product", [str(spec), int(i), int(j)]:
            return Product(spec, made[i], made[j], dims)
        case "reindex", [str(spec), int(i)]:
            return Reindex(spec, made[i], dims)
        case "function", [str(name), int(i)] if name in FUNCTIONS:
            return Function(name, made[i], dims)
        case "concat", [int(axis), *parts]:
            return Concat(tuple(made[i] for i in parts), axis, dims)
    raise ValueError(f"unknown node {[kind, *rest]}")


def rebuild(
    roots: Sequence[Tensor],
    values: Mapping[str, Tensor],
    nodes: Mapping[Tensor, Tensor] | None = None,
) -> list[Tensor]:
    """The graph with `nodes` and named inputs replaced; unchanged parts stay the same objects."""
    new: dict[Tensor, Tensor] = dict(nodes or {})
    for node in walk(*roots, known=new):
        below = [new[child] for child in node.children]
        if isinstance(node, Input):
            new[node] = values.get(node.name, node)
        elif all(a is b for a, b in zip(below, node.children, strict=True)):
            new[node] = node
        else:
            new[node] = _with_children(node, below)
    return [new[root] for root in roots]


def rename_sizes(roots: Sequence[Tensor], rename: Mapping[str, str]) -> list[Tensor]:
    """The graph with other size names."""
    new: dict[Tensor, Tensor] = {}
    for node in walk(*roots):
        dims = tuple("+".join(rename.get(p, p) for p in d.split("+")) for d in node.dims)
        below = [new[child] for child in node.children]
        match node:
            case Add():
                new[node] = Add(tuple(below), dims)
            case Product():
                new[node] = replace(node, left=below[0], right=below[1], dims=dims)
            case Reindex() | Function():
                new[node] = replace(node, arg=below[0], dims=dims)
            case Concat():
                new[node] = replace(node, parts=tuple(below), dims=dims)
            case Input() | Number() | Eye():
                new[node] = replace(node, dims=dims)
    return [new[root] for root in roots]


def _with_children(node: Tensor, below: list[Tensor]) -> Tensor:
    match node:
        case Add():
            total = below[0]
            for term in below[1:]:
                total = add(total, term)
            return total
        case Product(spec=spec, dims=dims):
            inputs, _, output = spec.partition("->")
            left, _, right = inputs.partition(",")
            if output in (left, right) and (left in ("", output)) and (right in ("", output)):
                return multiply(below[0], below[1])
            return Product(spec, below[0], below[1], dims)
        case Reindex(spec=spec, dims=dims):
            return Reindex(spec, below[0], dims)
        case Function(name=name, dims=dims):
            return Function(name, below[0], dims)
        case Concat(axis=axis, dims=dims):
            return Concat(tuple(below), axis, dims)
    raise AssertionError(node)
