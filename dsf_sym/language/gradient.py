"""The gradient of a scalar expression in one of its inputs, as an expression of the same language.

Reverse accumulation over the graph: each node hands its adjoint to what it is computed from.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction

from ..errors import LanguageError, ShapeError
from .functions import cos, exp, relu, sigmoid, sin, step
from .graph import walk
from .tensor import (
    Add,
    Function,
    Input,
    Number,
    Product,
    Reindex,
    Tensor,
    add,
    broadcast,
    divide,
    multiply,
    text,
)


def gradient(root: Tensor, at: Input) -> Tensor:
    """`∂ root / ∂ at`, of the shape of `at`.

    Raises ShapeError where `root` is no scalar, LanguageError where a function has no derivative.
    """
    if root.dims:
        raise ShapeError(f"the gradient of {text(root)} is asked for, which is no scalar")
    return pull(root, at, Number(Fraction(1)))


def pull(root: Tensor, at: Input, adjoint: Tensor) -> Tensor:
    """`Σ adjoint · ∂ root / ∂ at`: the transposed derivative, applied."""
    return adjoints({root: adjoint}, [at.name], kinks=False).get(at.name, _zero(at))


def adjoints(
    seeds: Mapping[Tensor, Tensor], names: Collection[str], *, kinks: bool
) -> dict[str, Tensor]:
    """`Σ adjoint · ∂ root / ∂ x` over the roots, for each input x of a name; absent where none is.

    seeds: the adjoint of each root. kinks: take `relu`, `elu` and `step`, whose derivative at 0 is
    then that from below; LanguageError where a function has no derivative.
    """
    reads: set[Tensor] = set()
    nodes = walk(*seeds)
    for node in nodes:
        if any(child in reads for child in node.children) or _is(node, names):
            reads.add(node)
    found: dict[Tensor, Tensor] = dict(seeds)
    total: dict[str, Tensor] = {}
    for node in reversed(nodes):
        if node not in found or node not in reads:
            continue
        if isinstance(node, Input) and node.name in names:
            have = total.get(node.name)
            total[node.name] = found[node] if have is None else add(have, found[node])
            continue
        for child, part in _below(node, found[node], kinks):
            if child in reads:
                found[child] = add(found[child], part) if child in found else part
    return total


def _zero(at: Input) -> Tensor:
    return broadcast(Number(Fraction(0)), at.dims)


def _is(node: Tensor, names: Collection[str]) -> bool:
    return isinstance(node, Input) and node.name in names


def _below(node: Tensor, adjoint: Tensor, kinks: bool) -> list[tuple[Tensor, Tensor]]:
    """What a node adds to the adjoints of its arguments."""
    match node:
        case Add(terms=terms):
            return [(term, adjoint) for term in terms]
        case Product(spec=spec, left=left, right=right):
            inputs, _, output = spec.partition("->")
            a, b = inputs.split(",")
            return [
                (left, _contract(output, adjoint, b, right, a, left)),
                (right, _contract(output, adjoint, a, left, b, right)),
            ]
        case Reindex(spec=spec, arg=arg):
            source, _, target = spec.partition("->")
            return [(arg, _spread(adjoint, target, source, arg))]
        case Function(arg=arg):
            return [(arg, multiply(adjoint, _derivative(node, kinks)))]
    raise LanguageError(f"no gradient is derived through {text(node)}")


def _contract(
    have: str, adjoint: Tensor, other: str, factor: Tensor, wanted: str, child: Tensor
) -> Tensor:
    """`Σ adjoint · factor` with the axes of the child, summed over the others."""
    size = dict(zip(have, adjoint.dims, strict=True)) | dict(zip(other, factor.dims, strict=True))
    kept = "".join(c for c in dict.fromkeys(wanted) if c in size)
    both = Product(f"{have},{other}->{kept}", adjoint, factor, tuple(size[c] for c in kept))
    return _spread(both, kept, wanted, child)


def _spread(x: Tensor, have: str, wanted: str, child: Tensor) -> Tensor:
    """A tensor with axes `have` as one with axes `wanted`: summed, permuted, repeated."""
    if len(set(wanted)) < len(wanted):
        raise LanguageError(f"no gradient is derived through a diagonal of {text(child)}")
    return x if have == wanted else Reindex(f"{have}->{wanted}", x, child.dims)


def _derivative(node: Function, kinks: bool) -> Tensor:
    """The derivative of a scalar function at its argument."""
    one = Number(Fraction(1))
    match node.name:
        case "exp":
            return node
        case "log":
            return divide(one, node.arg)
        case "inverse":
            return -multiply(node, node)
        case "sqrt":
            return divide(one, 2 * node)
        case "sigmoid":
            return multiply(node, one - node)
        case "tanh":
            return one - multiply(node, node)
        case "softplus":
            return sigmoid(node.arg)
        case "cos":
            return -sin(node.arg)
        case "sin":
            return cos(node.arg)
        case "relu" if kinks:
            return step(node.arg)
        case "elu" if kinks:
            return exp(-relu(-node.arg))
        case "step" if kinks:
            return broadcast(Number(Fraction(0)), node.dims)
    raise LanguageError(f"no gradient is derived through {text(node)}: {node.name} has a kink")
