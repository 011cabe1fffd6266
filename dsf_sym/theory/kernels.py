"""Kernels as claims: whether a finite number of features is enough."""

from __future__ import annotations

from dataclasses import replace

from ..deciding.separability import separability
from ..language.evaluate import Sizes
from ..language.kernel import KernelLayer
from ..language.layer import Layer
from ..verdict import Question, Verdict
from .settling import layer_of


def finitely_many_features(kernel: Layer | str, *, sizes: Sizes | None = None) -> Verdict:
    """Whether `κ(q, k) = Σ_m φ_m(q) ψ_m(k)` with finitely many terms; see `separability`.

    Refuted with tables of every size that are nonsingular. A layer that has a finite state is not
    asked about here: its form is proved by `equal`. Raises SizeError.
    """
    layer = layer_of(kernel)
    question = Question(layer.name, "", sense="finitely many features")
    if not isinstance(layer, KernelLayer):
        return Verdict(question, "undecided", "", None, remains="this layer is no kernel")
    found = separability(layer, sizes)
    status = "refuted" if found.infinite else "undecided"
    verdict = Verdict(question, status, str(found), None, certificate=found.certificate)
    return verdict if found.infinite else replace(verdict, remains="no features were found")
