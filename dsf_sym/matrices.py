"""Λ, B, C, D as a source prints them: the second, independent statement of a layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import LanguageError, ShapeError
from .spec import rebuild
from .tensor import Dims, Input, Number, Tensor, broadcast, lift, shape_text, text, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAMES = ("Lam", "B", "C", "D")


@dataclass(frozen=True, eq=False)
class Matrices:
    """`h_i = Lam h_{i-1} + B u_i` and `y_i = C h_i + D u_i`, over the signals of a layer.

    Lam has the axes of the state twice, B those of the state then of u, C those of y then of the
    state, D those of y then of u.
    """

    source: str
    Lam: Tensor
    B: Tensor
    C: Tensor
    D: Tensor

    def given(self, values: Mapping[str, Tensor]) -> Matrices:
        """The matrices with signals replaced by tensors of their shape."""
        return Matrices(self.source, *rebuild([self.Lam, self.B, self.C, self.D], values))


def read_matrices(
    build: Callable[..., object],
    inputs: Mapping[str, Input],
    *,
    source: str,
    owner: str,
    axes: tuple[Dims, Dims, Dims],
) -> Matrices:
    """The matrices that `build` returns for the inputs its arguments name.

    inputs: the signals the matrices may read. axes: those of the state, of u and of y.
    Raises LanguageError for another signal or number of matrices, ShapeError for another shape.
    """
    code = build.__code__  # type: ignore[attr-defined]
    arguments = code.co_varnames[: code.co_argcount]
    for name in arguments:
        if name not in inputs:
            raise LanguageError(
                f"{owner}, as printed in {source}: {name!r} is no signal that matrices can read; "
                f"these are {', '.join(inputs)} (not the state, and not the input u)"
            )
    built = build(**{name: inputs[name] for name in arguments})
    if not isinstance(built, tuple) or len(built) != len(NAMES):
        raise LanguageError(f"{owner}, as printed in {source}: return Lam, B, C, D")
    state, u, y = axes
    shapes = (state + state, state + u, y + state, y + u)
    made = []
    for name, value, dims in zip(NAMES, built, shapes, strict=True):
        tensor = lift(value)
        if isinstance(tensor, Number) and tensor.value == 0:
            tensor = broadcast(tensor, dims)
        if tensor.dims != dims:
            raise ShapeError(
                f"{owner}, as printed in {source}: {name} = {text(tensor)} is "
                f"{shape_text(tensor.dims)}; it must be {shape_text(dims)}"
            )
        known = {inputs[name] for name in arguments}
        for node in walk(tensor):
            if isinstance(node, Input) and node not in known:
                raise LanguageError(
                    f"{owner}, as printed in {source}: {name} reads {node.name}, which is no "
                    "argument of the function that returns it"
                )
        made.append(tensor)
    return Matrices(source, *made)
