"""Runs of generated code over some tokens, whose adjoints are asked for later."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..native import Arguments, Kernel

Adjoints = Sequence[Tensor | None]
"""None stands for zero."""
Gradients = list[Tensor | None]


@dataclass(frozen=True)
class Seeds:
    """The adjoints of what a run gave: of its outputs, None for zero, and of its ends.

    into: where the adjoints of its inputs may be written, None for nowhere. again: they will be
    asked for once more.
    """

    y: Tensor | None
    ends: Adjoints
    into: Adjoints = ()
    again: bool = False


@dataclass(frozen=True)
class Turn(ABC):
    """One run: its outputs, and the states after its last token."""

    y: Tensor
    ends: tuple[Tensor, ...]

    @abstractmethod
    def adjoints(self, seeds: Seeds) -> tuple[Gradients, Gradients]:
        """The adjoints of the inputs and of the start."""


@dataclass(frozen=True)
class Compiled(Turn):
    """A call of a kernel, and what its backward pass needs."""

    kernel: Kernel
    given: Arguments
    kept: Any

    def adjoints(self, seeds: Seeds) -> tuple[Gradients, Gradients]:
        """By the adjoint kernel."""
        if seeds.y is None and all(x is None for x in seeds.ends):
            return [None] * len(self.given.inputs), [None] * len(self.given.state or ())
        y = torch.zeros_like(self.y) if seeds.y is None else seeds.y
        found, begins = self.kernel.backward(self.given, self.kept, y, seeds.ends, into=seeds.into)
        return list(found), list(begins) if self.given.state else []


@dataclass(frozen=True)
class Traced(Turn):
    """A run in torch's autograd: its leaves (`count` inputs, then the start if it was given)."""

    leaves: Sequence[Tensor]
    count: int

    def adjoints(self, seeds: Seeds) -> tuple[Gradients, Gradients]:
        """By the graph."""
        pairs = zip((self.y, *self.ends), (seeds.y, *seeds.ends), strict=True)
        seeded = [(x, seed) for x, seed in pairs if seed is not None and x.requires_grad]
        found: Gradients = [None] * len(self.leaves)
        if seeded:
            roots, own = zip(*seeded, strict=True)
            kept = {"retain_graph": seeds.again, "allow_unused": True}
            found = list(torch.autograd.grad(roots, self.leaves, own, **kept))
        return found[: self.count], found[self.count :]


def total(a: Adjoints, b: Adjoints) -> Gradients:
    """Sums of adjoints."""
    pairs = zip(a, b, strict=True)
    return [x if y is None else y if x is None else x + y for x, y in pairs]


__all__ = ["Adjoints", "Compiled", "Gradients", "Seeds", "Traced", "Turn", "total"]
