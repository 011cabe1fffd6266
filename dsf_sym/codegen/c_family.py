"""Expressions as C: numbers, functions, sizes, and one entry of a tensor at given indices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from ..language.tensor import (
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
)

RESERVED = frozenset(
    "alignas alignof and asm auto bool break case catch char class const continue default delete "
    "do double else enum explicit export extern false float for friend goto if inline int long "
    "mutable namespace new not operator or private protected public register return short signed "
    "sizeof static struct switch template this throw true try typedef typename union unsigned "
    "using virtual void volatile while xor T V W I REAL BYTES INLINE".split()
)


def identifier(name: str) -> str:
    """A signal's or size's name as a member of a C struct."""
    return f"{name}_" if name in RESERVED else name


def size(dim: str) -> str:
    """The value of a size: a name, a whole number, or a sum of them."""
    parts = [p if p.isdigit() else f"size.{identifier(p)}" for p in dim.split("+")]
    return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"


def count(dims: Dims) -> str:
    """The number of entries of a shape."""
    return " * ".join(map(size, dims)) or "1"


def number(value: Fraction) -> str:
    """A rational number of the signals' type."""
    top, bottom = value.numerator, value.denominator
    return f"T({top})" if bottom == 1 else f"(T({top}) / T({bottom}))"


def applied(name: str, x: str) -> str:
    """A scalar function of a number or a vector."""
    return f"(T(1) / ({x}))" if name == "inverse" else f"{name}_({x})"


def linear(dims: Dims, index: Sequence[str]) -> str:
    """The position of an entry in a row-major array."""
    out = ""
    for dim, at in zip(dims, index, strict=True):
        out = f"({out}) * {size(dim)} + {at}" if out else at
    return out or "0"


Place = Callable[[Input, Sequence[str]], str]
"""The text of one entry of an input."""


def entry(node: Tensor, index: Sequence[str], place: Place) -> str:
    """One entry of an expression without sums, at the indices of its axes."""
    match node:
        case Input():
            return place(node, index)
        case Number(value=value):
            return number(value)
        case Eye():
            return f"T({index[0]} == {index[1]})"
        case Add(terms=terms):
            return f"({' + '.join(entry(x, index, place) for x in terms)})"
        case Function(name=name, arg=arg):
            return applied(name, entry(arg, index, place))
        case Product(spec=spec, left=left, right=right):
            inputs, _, output = spec.partition("->")
            at = dict(zip(output, index, strict=True))
            parts = [
                entry(x, [at[c] for c in letters], place)
                for letters, x in zip(inputs.split(","), (left, right), strict=True)
            ]
            return f"({' * '.join(parts)})"
        case Reindex(spec=spec, arg=arg):
            source, _, output = spec.partition("->")
            at = dict(zip(output, index, strict=True))
            return entry(arg, [at[c] for c in source], place)
        case Concat(parts=joined, axis=axis):
            return _joined(joined, axis, list(index), place)
    raise AssertionError(node)


def _joined(parts: Sequence[Tensor], axis: int, index: list[str], place: Place) -> str:
    """The entry of the part in which the index along the joined axis lies."""
    first, rest = parts[0], parts[1:]
    shown = entry(first, index, place)
    if not rest:
        return shown
    length = size(first.dims[axis])
    after = [*index[:axis], f"({index[axis]} - {length})", *index[axis + 1 :]]
    return f"({index[axis]} < {length} ? {shown} : {_joined(rest, axis, after, place)})"


def summed(node: Tensor) -> str:
    """The letters over which a node sums."""
    if not isinstance(node, Product | Reindex):
        return ""
    inputs, _, output = node.spec.partition("->")
    return "".join(c for c in dict.fromkeys(inputs) if c not in output and c != ",")


def letters_of(node: Product | Reindex) -> Mapping[str, str]:
    """The size of each letter."""
    inputs, _, output = node.spec.partition("->")
    out = dict(zip(output, node.dims, strict=True))
    for group, child in zip(inputs.split(","), node.children, strict=True):
        out |= dict(zip(group, child.dims, strict=True))
    return out
