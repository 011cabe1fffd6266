"""The `convolution` schedule of a transition that is constant in time, entry by entry.

With powers of the matrix Λ of an entry,

    h_i = Λ^{i+1} h_{-1} + Σ_{j <= i} Λ^{i-j} b_j,

a convolution, which Fourier transforms turn into products.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..derivation.derive import StateSpace
from ..derivation.structure import Structure
from ..index.forms import one
from ..language.layer import Layer
from ..language.tensor import Tensor
from . import ir
from .coupled import Coupled, coupled, scan
from .factors import NoSchedule

CHUNK = 256


def constant(space: StateSpace, found: Structure) -> Coupled:
    """The factors of a memory of a constant Λ, diagonal in every block; raises NoSchedule."""
    if not found.constant_in_time:
        raise NoSchedule("Λ is not constant in time")
    made = coupled(space, found)
    if all(a == b and x.scale == one(made.dims) for (a, b), x in found.blocks.items()):
        raise NoSchedule("Λ is the identity: a sum over time needs no transform")
    return made


def convolution(layer: Layer, parts: Coupled, opaque: Mapping[str, Tensor]) -> ir.Function:
    """Powers of the transition convolved with what the tokens add, chunk after chunk."""
    made = scan(layer, parts, opaque, ir.Convolution)
    return replace(
        made,
        schedule="convolution",
        doc="All states of a chunk at once: what is added, convolved with the powers of Λ.",
        chunk=CHUNK,
    )
