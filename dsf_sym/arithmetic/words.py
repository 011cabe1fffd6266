"""Arithmetic modulo 2^61 - 1 on NumPy words, and the interpretation of a layer over it.

Every array has a leading batch axis, of length one where it does not vary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..language.evaluate import Sizes, shape_of
from .universe import PRIME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from ..language.tensor import Dims, Function

Words = np.ndarray[Any, np.dtype[np.uint64]]

_P = np.uint64(PRIME)
_LOW31, _LOW30, _LOW32 = (np.uint64((1 << b) - 1) for b in (31, 30, 32))
_B1, _B29, _B30, _B31, _B32, _B61 = (np.uint64(b) for b in (1, 29, 30, 31, 32, 61))


def fold(x: Words) -> Words:
    """Reduce words below 2^64 into [0, PRIME)."""
    x = (x & _P) + (x >> _B61)
    return np.where(x >= _P, x - _P, x)


def mul(a: Words, b: Words) -> Words:
    """The product modulo PRIME of words below PRIME, by 31-bit halves: 2^61 = 1."""
    a1, a0, b1, b0 = a >> _B31, a & _LOW31, b >> _B31, b & _LOW31
    middle = a1 * b0 + a0 * b1
    total = ((a1 * b1) << _B1) + (middle >> _B30) + ((middle & _LOW30) << _B31)
    return fold(total + a0 * b0)


def total(x: Words, axes: tuple[int, ...]) -> Words:
    """The sum over axes modulo PRIME; halves are summed apart so that nothing overflows."""
    if not axes:
        return x
    high = fold((x >> _B32).sum(axis=axes, dtype=np.uint64))
    low = fold((x & _LOW32).sum(axis=axes, dtype=np.uint64))
    shifted = ((high & ((_B1 << _B29) - _B1)) << _B32) + (high >> _B29)
    return fold(fold(shifted) + low)


def residue(x: Fraction) -> int:
    """A rational number modulo PRIME."""
    return x.numerator * pow(x.denominator, -1, PRIME) % PRIME


@dataclass(frozen=True)
class WordAlgebra:
    """The interpretation over batches of words; functions are given, never computed."""

    sizes: Sizes

    def number(self, value: Fraction) -> Words:
        """A scalar."""
        return np.array([residue(value)], dtype=np.uint64)

    def eye(self, dims: Dims) -> Words:
        """The identity matrix."""
        return np.eye(shape_of(dims, self.sizes)[0], dtype=np.uint64)[None]

    def add(self, terms: Sequence[Words], dims: Dims) -> Words:
        """Entry by entry."""
        out = terms[0]
        for term in terms[1:]:
            out = out + term
            out = np.where(out >= _P, out - _P, out)
        return out

    def product(self, spec: str, left: Words, right: Words, dims: Dims) -> Words:
        """Multiply over the union of letters, then sum those that are not in the output."""
        inputs, _, output = spec.partition("->")
        la, _, lb = inputs.partition(",")
        left, la = _diagonal(left, la)
        right, lb = _diagonal(right, lb)
        order = output + "".join(c for c in dict.fromkeys(la + lb) if c not in output)
        joint = mul(_aligned(left, la, order), _aligned(right, lb, order))
        return total(joint, tuple(range(1 + len(output), 1 + len(order))))

    def reindex(self, spec: str, arg: Words, dims: Dims) -> Words:
        """Permute, sum, take a diagonal or repeat."""
        source, _, output = spec.partition("->")
        arg, source = _diagonal(arg, source)
        order = output + "".join(c for c in source if c not in output)
        aligned = _aligned(arg, source, order)
        summed = total(aligned, tuple(range(1 + len(output), 1 + len(order))))
        return np.broadcast_to(summed, (summed.shape[0], *shape_of(dims, self.sizes)))

    def function(self, node: Function, arg: Words) -> Words:
        """Not reached: every function is a generator drawn beforehand."""
        raise AssertionError(f"{node!r} has no value modulo a prime")

    def concat(self, parts: Sequence[Words], axis: int, dims: Dims) -> Words:
        """Join along one axis."""
        batch = max(p.shape[0] for p in parts)
        full = [np.broadcast_to(p, (batch, *p.shape[1:])) for p in parts]
        return np.concatenate(full, axis=axis + 1)


def _diagonal(x: Words, letters: str) -> tuple[Words, str]:
    unique = "".join(dict.fromkeys(letters))
    if unique == letters:
        return x, letters
    index = {c: i + 1 for i, c in enumerate(unique)}
    where = [index[c] for c in letters]
    return np.einsum(x, [0, *where], [0, *index.values()]), unique


def _aligned(x: Words, letters: str, order: str) -> Words:
    """Axes permuted into `order`, with length one for letters that are absent."""
    present = [c for c in order if c in letters]
    x = x.transpose(0, *(1 + letters.index(c) for c in present))
    return x[(slice(None), *(slice(None) if c in letters else None for c in order))]
