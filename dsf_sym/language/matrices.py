"""Λ, B, C, D as a source prints them: a second, independent statement of a layer."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import LanguageError, ShapeError
from .graph import walk
from .spec import rebuild
from .tensor import Dims, Input, Number, Tensor, broadcast, lift, shape_text, text

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
    call: str,
    source: str,
    axes: tuple[Dims, Dims, Dims],
) -> Matrices:
    """The matrices that `build` returns for the inputs its arguments name.

    inputs: the signals the matrices may read. axes: those of the state, of u and of y.
    Raises LanguageError for another signal or number of matrices, ShapeError for another shape.
    """
    arguments = list(inspect.signature(build).parameters)
    for name in arguments:
        if name not in inputs:
            raise LanguageError(
                f"{call}: the matrices cannot read {name!r}; they are functions of "
                f"{', '.join(inputs)}, not of the state or the input u"
            )
    built = build(**{name: inputs[name] for name in arguments})
    if not isinstance(built, tuple) or len(built) != len(NAMES):
        raise LanguageError(f"{call}: the function must return {', '.join(NAMES)}")
    state, u, y = axes
    shapes = (state + state, state + u, y + state, y + u)
    made = []
    for name, value, dims in zip(NAMES, built, shapes, strict=True):
        matrix = lift(value)
        if isinstance(matrix, Number) and matrix.value == 0:
            matrix = broadcast(matrix, dims)
        if matrix.dims != dims:
            raise ShapeError(
                f"{call}: {name} is {shape_text(matrix.dims)} and must be {shape_text(dims)}: "
                f"{text(matrix)}"
            )
        read = {node.name for node in walk(matrix) if isinstance(node, Input)}
        if not read <= set(arguments):
            missing = ", ".join(sorted(read - set(arguments)))
            raise LanguageError(f"{call}: {name} reads {missing}, which is no argument")
        made.append(matrix)
    return Matrices(source, *made)
