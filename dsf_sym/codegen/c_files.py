"""The header of a layer's file in C++ or CUDA C, and which layers have one."""

from __future__ import annotations

import hashlib
import textwrap

from ..errors import LanguageError, NotAffine
from ..language.kernel import KernelLayer
from ..language.layer import Layer
from .files import generator_hash, made_by, output_shape
from .printing import shape_line


def refuse_stateless(layer: Layer, language: str) -> None:
    """NotAffine for a sum over the past, LanguageError for a layer that reads no token."""
    if isinstance(layer, KernelLayer):
        raise NotAffine(f"no {language} is generated: {layer.obstacle}")
    if not layer.of_kind("token"):
        raise LanguageError(f"{layer.name} reads no token: there is nothing to run over")


def sizes_of(layer: Layer) -> tuple[str, ...]:
    """The names of a layer's sizes."""
    return tuple(n for n in layer.sizes if n.isidentifier())


def comment(layer: Layer, language: str, target: str, kind: str, body: str, needs: str = "") -> str:
    """What made the file and from what, its kernel, shapes, requirements, and the three hashes."""
    lines = [
        f"Generated {language} code of {layer.title or layer.name}; do not edit.",
        "",
        made_by(layer, f"--print {target}"),
        f"Kernel: {kind}.",
        "",
        *(shape_line(s) for s in layer.signals if s.kind != "state"),
        *(f"state, in and out: {shape_line(s)}" for s in layer.of_kind("state")),
        f"returns y: {output_shape(layer)}, and the state after the last token",
        "",
        *([needs, ""] if needs else []),
        f"spec {layer.hash}",
        f"generator {generator_hash()}",
        f"body {hashlib.sha256(body.encode()).hexdigest()}",
    ]
    wrapped = [
        part
        for line in lines
        for part in textwrap.wrap(line, 96, subsequent_indent="  ", break_on_hyphens=False) or [""]
    ]
    return "".join(f"// {line}".rstrip() + "\n" for line in wrapped) + "\n"


__all__ = ["comment", "refuse_stateless", "sizes_of"]
