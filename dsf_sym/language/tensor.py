"""Tensors with named sizes: the expression graph that every interpretation of a layer evaluates.

A tensor has one size name an axis. Nothing broadcasts by position: a scalar meets any tensor, equal
shapes meet entry by entry, and everything else names its axes (`outer`, `scale`, `einsum`, `@`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ..errors import DomainError, LanguageError, ShapeError
from .symbol import Symbol

LABELS = "abcdefghijklmnopqrstuvwxyz"
ANALYTIC = ("exp", "log", "sigmoid", "tanh", "softplus", "sqrt", "cos", "sin", "inverse")
BRANCHING = ("step", "relu", "elu")
"""The functions that have one formula below 0 and another above."""
FUNCTIONS = (*ANALYTIC, *BRANCHING)

Dims = tuple[str, ...]


class Tensor(Symbol):
    """A node of the expression graph; `dims` are its size names, one for each axis."""

    __slots__ = ("dims",)
    dims: Dims

    @property
    def children(self) -> tuple[Tensor, ...]:
        """The nodes this one is computed from."""
        return ()

    @property
    def T(self) -> Tensor:
        """The transpose: axes in reverse order."""
        axes = LABELS[: len(self.dims)]
        return self if len(axes) < 2 else Reindex(f"{axes}->{axes[::-1]}", self, self.dims[::-1])

    def sum(self, *axes: str) -> Tensor:
        """Sum over the named axes, or over all of them."""
        every = range(len(self.dims))
        gone = {axis_of(self, axis, "sum") for axis in axes} if axes else set(every)
        kept = [i for i in every if i not in gone]
        spec = f"{LABELS[: len(self.dims)]}->{''.join(LABELS[i] for i in kept)}"
        return Reindex(spec, self, tuple(self.dims[i] for i in kept)) if gone else self

    def __add__(self, other: object) -> Tensor:
        return NotImplemented if _defers(other) else add(self, lift(other))

    def __radd__(self, other: object) -> Tensor:
        return add(lift(other), self)

    def __neg__(self) -> Tensor:
        return multiply(Number(Fraction(-1)), self)

    def __sub__(self, other: object) -> Tensor:
        return NotImplemented if _defers(other) else add(self, -lift(other))

    def __rsub__(self, other: object) -> Tensor:
        return add(lift(other), -self)

    def __mul__(self, other: object) -> Tensor:
        return NotImplemented if _defers(other) else multiply(self, lift(other))

    def __rmul__(self, other: object) -> Tensor:
        return multiply(lift(other), self)

    def __truediv__(self, other: object) -> Tensor:
        return NotImplemented if _defers(other) else divide(self, lift(other))

    def __rtruediv__(self, other: object) -> Tensor:
        return divide(lift(other), self)

    def __matmul__(self, other: object) -> Tensor:
        return NotImplemented if _defers(other) else matmul(self, lift(other))

    def __rmatmul__(self, other: object) -> Tensor:
        return matmul(lift(other), self)

    def __pow__(self, power: object) -> Tensor:
        return raised(self, lift(power))

    def __rpow__(self, base: object) -> Tensor:
        return raised(lift(base), self)

    def __abs__(self) -> Tensor:
        return 2 * apply("relu", self) - self

    def __repr__(self) -> str:
        return f"<{text(self)}: {shape_text(self.dims)}>"


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Input(Tensor):
    """A signal, constant or state, by name."""

    name: str
    dims: Dims = ()


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Number(Tensor):
    """An exact rational number."""

    value: Fraction
    dims: Dims = ()


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Eye(Tensor):
    """The identity matrix of one size."""

    dims: Dims


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Add(Tensor):
    """A sum of tensors of one shape."""

    terms: tuple[Tensor, ...]
    dims: Dims

    @property
    def children(self) -> tuple[Tensor, ...]:
        """The summands."""
        return self.terms


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Product(Tensor):
    """Two tensors multiplied, labels absent from the output summed: `spec` reads "ab,bc->ac"."""

    spec: str
    left: Tensor
    right: Tensor
    dims: Dims

    @property
    def children(self) -> tuple[Tensor, ...]:
        """The factors."""
        return (self.left, self.right)


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Reindex(Tensor):
    """Axes permuted, summed, taken along a diagonal or repeated: `spec` reads "ab->ba"."""

    spec: str
    arg: Tensor
    dims: Dims

    @property
    def children(self) -> tuple[Tensor, ...]:
        """The tensor whose axes change."""
        return (self.arg,)


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Function(Tensor):
    """A scalar function applied to every entry."""

    name: str
    arg: Tensor
    dims: Dims

    @property
    def children(self) -> tuple[Tensor, ...]:
        """The argument."""
        return (self.arg,)


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Concat(Tensor):
    """Tensors joined along one axis, whose size name is the sum of theirs: "n+m"."""

    parts: tuple[Tensor, ...]
    axis: int
    dims: Dims

    @property
    def children(self) -> tuple[Tensor, ...]:
        """The parts, in order."""
        return self.parts


def lift(x: object) -> Tensor:
    """A tensor as it is, a number as an exact rational (floats by their decimal digits).

    Raises LanguageError for anything else.
    """
    if isinstance(x, Tensor):
        return x
    if isinstance(x, bool) or not isinstance(x, int | float | Fraction):
        if isinstance(x, complex) or "complex" in str(getattr(x, "dtype", "")):
            raise LanguageError(
                f"{x!r} is complex, and tensors are real: write dsf_sym.Complex(re, im), a pair of "
                "real tensors"
            )
        raise LanguageError(f"{x!r} ({type(x).__name__}) is neither a tensor nor a number")
    try:
        return Number(Fraction(float.__repr__(x)) if isinstance(x, float) else Fraction(x))
    except ValueError:
        raise LanguageError(f"{x!r} is not a finite number") from None


def _defers(x: object) -> bool:
    """Whether this is a pair of tensors, whose own operators take over."""
    return getattr(x, "outranks_tensors", False) is True


def add(a: Tensor, b: Tensor) -> Tensor:
    """The sum of two tensors of one shape, or with a scalar; ShapeError for other shapes."""
    if a.dims != b.dims:
        if a.dims and b.dims:
            raise ShapeError(
                f"cannot add {text(a)}: {shape_text(a.dims)} and {text(b)}: {shape_text(b.dims)}"
            )
        a, b = broadcast(a, b.dims or a.dims), broadcast(b, a.dims or b.dims)
    if _is_number(a, 0):
        return b
    if _is_number(b, 0):
        return a
    if isinstance(a, Number) and isinstance(b, Number):
        return Number(a.value + b.value)
    # Sums are not flattened: in `h + D * v` the new state h stays a node of its own.
    return Add((a, b), a.dims)


def broadcast(x: Tensor, dims: Dims) -> Tensor:
    """A scalar repeated along every axis of `dims`; any other tensor unchanged."""
    return Reindex(f"->{LABELS[: len(dims)]}", x, dims) if dims and not x.dims else x


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """The product entry by entry of tensors of one shape, or with a scalar; else ShapeError."""
    if isinstance(a, Number) and isinstance(b, Number):
        return Number(a.value * b.value)
    if _is_number(a, 1) and a.dims in ((), b.dims):
        return b
    if _is_number(b, 1) and b.dims in ((), a.dims):
        return a
    if a.dims and b.dims and a.dims != b.dims:
        matrix, vector = (a, b) if len(a.dims) > len(b.dims) else (b, a)
        named = [axis for axis in vector.dims if axis in matrix.dims]
        hint = (
            f"to multiply along a named axis write "
            f"scale({text(vector)}, {text(matrix)}, axis={named[0]!r})"
            if len(vector.dims) == 1 and named
            else "use einsum to say which axes meet"
        )
        raise ShapeError(
            f"cannot multiply {text(a)}: {shape_text(a.dims)} and {text(b)}: "
            f"{shape_text(b.dims)} entry by entry; {hint}"
        )
    la, lb = LABELS[: len(a.dims)], LABELS[: len(b.dims)]
    return Product(f"{la},{lb}->{la or lb}", a, b, a.dims or b.dims)


def divide(a: Tensor, b: Tensor) -> Tensor:
    """The quotient entry by entry; the denominator's domain is checked when the layer is made."""
    if isinstance(b, Number):
        if b.value == 0:
            raise DomainError(f"{text(a)} / 0: division by zero")
        return multiply(a, Number(1 / b.value))
    return multiply(a, Function("inverse", b, b.dims))


def raised(x: Tensor, power: Tensor) -> Tensor:
    """`x ** power`: products for a whole power, roots for a half, else `exp(power * log(x))`.

    Of another power x must be positive, which is checked when the layer is made.
    """
    half = isinstance(power, Number) and power.value.denominator == 2
    if not isinstance(power, Number) or power.value.denominator > 2:
        return apply("exp", multiply(power, apply("log", x)))
    if power.value == 0:
        return broadcast(Number(Fraction(1)), x.dims)
    base = apply("sqrt", x) if half else x
    out: Tensor = Number(Fraction(1))
    for _ in range(abs(power.value.numerator)):
        out = multiply(out, base)
    return out if power.value > 0 else divide(Number(Fraction(1)), out)


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """`a @ b`: the last axis of `a` against the first of `b`; ShapeError where sizes differ."""
    if not a.dims or not b.dims or a.dims[-1] != b.dims[0]:
        vectors = len(a.dims) == len(b.dims) == 1
        raise ShapeError(
            f"cannot contract {text(a)}: {shape_text(a.dims)} with {text(b)}: "
            f"{shape_text(b.dims)}: the last size of the first must be the first size of the second"
            + (f"; the matrix of their products is outer({text(a)}, {text(b)})" if vectors else "")
        )
    n = len(a.dims)
    la, lb = LABELS[:n], LABELS[n - 1 : n - 1 + len(b.dims)]
    return Product(f"{la},{lb}->{la[:-1]}{lb[1:]}", a, b, a.dims[:-1] + b.dims[1:])


def apply(name: str, x: object) -> Tensor:
    """The scalar function `name` applied to every entry of `x`."""
    x = lift(x)
    return Function(name, x, x.dims)


def shape_text(dims: Dims) -> str:
    """A shape for messages: "scalar" or "[n, d]"."""
    return f"[{', '.join(dims)}]" if dims else "scalar"


def text(x: Tensor) -> str:
    """The expression as a person would type it, shortened in the middle when long."""
    out = _text(x, 0)
    return out if len(out) <= 72 else f"{out[:34]} ... {out[-33:]}"


def _text(x: Tensor, tight: int) -> str:
    if isinstance(x, Input):
        return x.name
    if isinstance(x, Number):
        return str(x.value) if x.value >= 0 and x.value.denominator == 1 else f"({x.value})"
    if isinstance(x, Eye):
        return f"eye({x.dims[0]})"
    if isinstance(x, Add):
        out = _text(x.terms[0], 1)
        for term in x.terms[1:]:
            part = _text(term, 1)
            out += f" - {part[1:]}" if part.startswith("-") else f" + {part}"
        return f"({out})" if tight > 1 else out
    if isinstance(x, Function):
        name = "1/" if x.name == "inverse" else x.name
        return f"{name}({_text(x.arg, 0)})"
    if isinstance(x, Concat):
        return f"concat({', '.join(_text(p, 0) for p in x.parts)})"
    if isinstance(x, Reindex):
        source, _, target = x.spec.partition("->")
        if not source:
            return _text(x.arg, tight)
        if sorted(source) == sorted(target):
            return f"{_text(x.arg, 3)}.T" if len(source) == 2 else f"einsum({x.spec})"
        if set(source) <= set(target):
            return f"einsum({x.spec!r}, {_text(x.arg, 0)})"
        one = isinstance(x.arg, Reindex) and _is_number(x.arg, 1)
        ones = f"ones({', '.join(map(repr, x.arg.dims))})"
        return f"sum({ones if one else _text(x.arg, 0)})"
    assert isinstance(x, Product)
    a, b, c = *x.spec.split("->")[0].split(","), x.spec.split("->")[1]
    if isinstance(x.right, Eye) and x.spec == "a,ab->ab":
        return f"diag({_text(x.left, 0)})"
    if _is_number(x.left, -1):
        return f"-{_text(x.right, 2)}"
    if c == a[:-1] + b[1:] and a[-1:] == b[:1] and len({*a, *b}) == len(c) + 1:
        out = f"{_text(x.left, 2)} @ {_text(x.right, 3)}"
        return f"({out})" if tight > 1 else out
    if a and b and c == a + b:
        return f"outer({_text(x.left, 0)}, {_text(x.right, 0)})"
    if a and a == b and not c:
        return f"sum({_text(x.left, 2)} * {_text(x.right, 2)})"
    if c in (a, b) and (not a or not b or a == b):
        right = x.right
        if isinstance(right, Function) and right.name == "inverse":
            out = f"{_text(x.left, 2)} / {_text(right.arg, 3)}"
        else:
            out = f"{_text(x.left, 2)} * {_text(right, 2)}"
        return f"({out})" if tight > 2 else out
    if len(a) == 1 and a in b and b == c:
        return f"scale({_text(x.left, 0)}, {_text(x.right, 0)})"
    return f"einsum({x.spec!r}, {_text(x.left, 0)}, {_text(x.right, 0)})"


def _is_number(x: Tensor, value: int) -> bool:
    if isinstance(x, Reindex) and x.spec.startswith("->"):
        x = x.arg
    return isinstance(x, Number) and x.value == value


def axis_of(x: Tensor, axis: str | int, call: str) -> int:
    """The position of an axis given by size name or position; `call` names the caller."""
    if isinstance(axis, int):
        if not 0 <= axis < len(x.dims):
            raise ShapeError(f"{call}: {text(x)}: {shape_text(x.dims)} has no axis {axis}")
        return axis
    found = [i for i, dim in enumerate(x.dims) if dim == axis]
    if len(found) == 1:
        return found[0]
    problem = "has no axis" if not found else "has more than one axis"
    raise ShapeError(
        f"{call}: {text(x)}: {shape_text(x.dims)} {problem} of size {axis}"
        + ("; give its position, axis=0 or 1" if found else "")
    )
