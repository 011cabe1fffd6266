"""The functions that a step is written with, beside the operators of `Tensor`."""

from __future__ import annotations

from fractions import Fraction

from ..errors import ShapeError
from .tensor import (
    LABELS,
    Concat,
    Dims,
    Eye,
    Number,
    Product,
    Reindex,
    Tensor,
    apply,
    axis_of,
    broadcast,
    lift,
    shape_text,
    text,
)


def outer(a: object, b: object) -> Tensor:
    """The outer product: `outer(k, v)[i, j] = k[i] v[j]`."""
    a, b = lift(a), lift(b)
    la, lb = LABELS[: len(a.dims)], LABELS[len(a.dims) : len(a.dims) + len(b.dims)]
    return Product(f"{la},{lb}->{la}{lb}", a, b, a.dims + b.dims)


def scale(v: object, x: object, axis: str | int | None = None) -> Tensor:
    """Multiply `x` by the vector `v` along one axis: `Diag(v) x` when the axis is the first.

    axis: a size name of `x` or a position; by default the only axis of `x` that has `v`'s size.
    Raises ShapeError where `v` is no vector, or `x` has no one axis of its size.
    """
    v, x = lift(v), lift(x)
    if len(v.dims) != 1:
        raise ShapeError(f"scale: {text(v)}: {shape_text(v.dims)} is not a vector")
    at = axis_of(x, v.dims[0] if axis is None else axis, "scale")
    if x.dims[at] != v.dims[0]:
        raise ShapeError(
            f"scale: {text(v)} has size {v.dims[0]}, axis {at} of {text(x)}: "
            f"{shape_text(x.dims)} has size {x.dims[at]}"
        )
    labels = LABELS[: len(x.dims)]
    return Product(f"{labels[at]},{labels}->{labels}", v, x, x.dims)


def sum(x: object, *axes: str) -> Tensor:
    """Sum over the named axes, or over all of them: `sum(x, "n")`."""
    return lift(x).sum(*axes)


def repeat(x: Tensor, dims: Dims) -> Tensor:
    """A tensor repeated along the axes of `dims` that it lacks; ShapeError for one of others."""
    labels = dict(zip(dims, LABELS, strict=False))
    if not set(x.dims) <= set(dims) or len(labels) < len(dims) > len(x.dims) > 0:
        raise ShapeError(f"{text(x)}: {shape_text(x.dims)} does not repeat to {shape_text(dims)}")
    spec = f"{''.join(labels[d] for d in x.dims)}->{LABELS[: len(dims)]}"
    return x if x.dims == dims else Reindex(spec, x, dims)


def einsum(spec: str, *operands: object) -> Tensor:
    """Einstein summation: `einsum("ij,j->i", M, x)`; one lower-case letter an axis.

    A repeated letter within one operand takes its diagonal; letters absent from the output are
    summed. Every letter stands for one size name. Raises ShapeError where letters do not fit.
    """
    tensors = [lift(x) for x in operands]
    inputs, arrow, output = spec.replace(" ", "").partition("->")
    labels = inputs.split(",")
    call = f"einsum({spec!r}, {', '.join(text(t) for t in tensors)})"
    if not arrow or len(labels) != len(tensors):
        raise ShapeError(f'{call}: write one group of letters an operand and "->" the output')
    size: dict[str, str] = {}
    for group, tensor in zip(labels, tensors, strict=True):
        if len(group) != len(tensor.dims) or not set(group) <= set(LABELS):
            raise ShapeError(
                f"{call}: {group!r} does not name the axes of {text(tensor)}: "
                f"{shape_text(tensor.dims)} with one lower-case letter each"
            )
        for letter, dim in zip(group, tensor.dims, strict=True):
            if size.setdefault(letter, dim) != dim:
                raise ShapeError(f"{call}: {letter!r} is both {size[letter]} and {dim}")
    if len(set(output)) < len(output) or not set(output) <= set(size):
        raise ShapeError(f"{call}: the output {output!r} must name letters of the operands once")
    out, have = tensors[0], labels[0]
    for i, (group, tensor) in enumerate(zip(labels[1:], tensors[1:], strict=True), 1):
        later = set(output).union(*labels[i + 1 :])
        keep = "".join(c for c in dict.fromkeys(have + group) if c in later)
        keep = output if i == len(tensors) - 1 else keep
        out = Product(f"{have},{group}->{keep}", out, tensor, tuple(size[c] for c in keep))
        have = keep
    if have == output:
        return out
    return Reindex(f"{have}->{output}", out, tuple(size[c] for c in output))


def diag(v: object) -> Tensor:
    """The diagonal matrix of a vector; ShapeError for anything else."""
    v = lift(v)
    if len(v.dims) != 1:
        raise ShapeError(f"diag: {text(v)}: {shape_text(v.dims)} is not a vector")
    return Product("a,ab->ab", v, Eye(v.dims * 2), v.dims * 2)


def eye(size: str) -> Tensor:
    """The identity matrix of a named size."""
    return Eye((size, size))


def ones(*dims: str) -> Tensor:
    """The tensor of ones with the named sizes."""
    return broadcast(Number(Fraction(1)), dims)


def concat(*parts: object, axis: int = 0) -> Tensor:
    """Join tensors along one axis, sizes n and m to "n+m"; ShapeError where others differ."""
    tensors = tuple(lift(p) for p in parts)
    shapes = [t.dims for t in tensors]
    rest = {s[:axis] + s[axis + 1 :] for s in shapes}
    if not tensors or len(rest) != 1 or any(not 0 <= axis < len(s) for s in shapes):
        listing = ", ".join(f"{text(t)}: {shape_text(t.dims)}" for t in tensors)
        raise ShapeError(f"concat along axis {axis}: {listing} differ in another axis")
    joined = "+".join(s[axis] for s in shapes)
    dims = (*shapes[0][:axis], joined, *shapes[0][axis + 1 :])
    return tensors[0] if len(tensors) == 1 else Concat(tensors, axis, dims)


def exp(x: object) -> Tensor:
    """The exponential of every entry."""
    return apply("exp", x)


def log(x: object) -> Tensor:
    """The natural logarithm of every entry, which must be positive."""
    return apply("log", x)


def sigmoid(x: object) -> Tensor:
    """The logistic function `1 / (1 + exp(-x))`."""
    return apply("sigmoid", x)


def tanh(x: object) -> Tensor:
    """The hyperbolic tangent."""
    return apply("tanh", x)


def softplus(x: object) -> Tensor:
    """`log(1 + exp(x))`."""
    return apply("softplus", x)


def sqrt(x: object) -> Tensor:
    """The square root of every entry, which must not be negative."""
    return apply("sqrt", x)


def cos(x: object) -> Tensor:
    """The cosine of every entry, an angle in radians."""
    return apply("cos", x)


def sin(x: object) -> Tensor:
    """The sine of every entry, an angle in radians."""
    return apply("sin", x)


def step(x: object) -> Tensor:
    """The unit step: 1 where `x > 0`, else 0; 0 at 0."""
    return apply("step", x)


def relu(x: object) -> Tensor:
    """`max(x, 0)`."""
    return apply("relu", x)


def elu(x: object) -> Tensor:
    """`x` where it is positive, else `exp(x) - 1`."""
    return apply("elu", x)


def maximum(a: object, b: object) -> Tensor:
    """The larger of two tensors of one shape, entry by entry."""
    a, b = lift(a), lift(b)
    return b + relu(a - b)


def minimum(a: object, b: object) -> Tensor:
    """The smaller of two tensors of one shape, entry by entry."""
    a, b = lift(a), lift(b)
    return a - relu(a - b)


def where(x: object, a: object, b: object) -> Tensor:
    """`a` where `x > 0`, else `b`, entry by entry: `b + step(x) (a - b)`.

    x: a condition as a tensor, `x - y` for "x > y". Shapes meet as in `+` and `*`. Both a and b are
    computed everywhere: where one is undefined, so is the whole.
    """
    a, b = lift(a), lift(b)
    return b + step(x) * (a - b)
