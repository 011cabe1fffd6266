"""A layer's C++ file with its header."""

from __future__ import annotations

import hashlib
import textwrap
from pathlib import Path

from ..errors import LanguageError, NotAffine
from ..language.kernel import KernelLayer
from ..language.layer import Layer
from .cpp_printer import cpp
from .files import generator_hash
from .printing import shape_line


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
    if isinstance(layer, KernelLayer):
        raise NotAffine(f"no C++ is generated: {layer.obstacle}")
    if not layer.of_kind("token"):
        raise LanguageError(f"{layer.name} reads no token: there is nothing to run over")
    body, kind = cpp(layer, [n for n in layer.sizes if n.isidentifier()])
    source = Path(layer.source)
    own = source.parent.name == "derivations"
    written = f"derivations/{source.name}" if own else source.name
    command = f"dsf generate {layer.name if own else f'{written}:{layer.name}'} --print cpp"
    lines = [
        f"Generated C++17 code of {layer.title or layer.name}; do not edit.",
        "",
        f"Made by `{command}` from {written}.",
        f"Kernel: {kind}.",
        "",
        *(shape_line(s) for s in layer.signals if s.kind != "state"),
        *(f"state, in and out: {shape_line(s)}" for s in layer.of_kind("state")),
        f"returns y: [{', '.join(['B', 'H', 'L', *layer.output.dims])}], and the state after the "
        "last token",
        "",
        "Requires GCC or Clang with OpenMP, and -DREAL=float -DREAL_BITS=32 or -DREAL=double "
        "-DREAL_BITS=64.",
        "",
        f"spec {layer.hash}",
        f"generator {generator_hash()}",
        f"body {hashlib.sha256(body.encode()).hexdigest()}",
    ]
    wrapped = [
        part
        for line in lines
        for part in textwrap.wrap(line, 96, subsequent_indent="  ", break_on_hyphens=False) or [""]
    ]
    return "".join(f"// {line}".rstrip() + "\n" for line in wrapped) + "\n" + body
