"""A layer's C++ file with its header."""

from __future__ import annotations

from ...language.layer import Layer
from ..c_files import comment, refuse_stateless, sizes_of
from .printer import cpp

NEEDS = (
    "Requires GCC or Clang with OpenMP, and -DREAL=float -DREAL_BITS=32 or -DREAL=double "
    "-DREAL_BITS=64."
)


def generate_cpp(layer: Layer) -> str:
    """The text of a C++ file with the forward and backward kernels of a layer.

    Along an axis that Λ does not mix, the state is computed in vectors; a step that has no such
    axis becomes a plain loop over tokens, and the header says why.

    Raises
    ------
    NotAffine
        The layer is a sum over the past, which has no state of a fixed size.
    LanguageError
        The layer reads no token.
    """
    refuse_stateless(layer, "C++")
    body, kind = cpp(layer, sizes_of(layer))
    return comment(layer, "C++17", "cpp", kind, body, NEEDS) + body
