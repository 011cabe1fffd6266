"""Bounds of an output without a state on a bounded domain, part by part.

On each part f lies in its natural interval and, by the mean value theorem, in f(c) + f'(X) (X - c).
"""

from __future__ import annotations

from fractions import Fraction

from ...arithmetic.sparse import SparseAlgebra, from_flat
from ...errors import LanguageError, Rejected, ShapeError
from ...language.domains import Interval
from ...language.evaluate import Sizes, evaluate, shape_of
from ...language.gradient import gradient
from ...language.layer import Layer, Signal
from ...language.tensor import Tensor
from .enclosure import Range, Ranges

MOST_PARTS = 1000


def hold_on_parts(layer: Layer, inside: Interval, sizes: Sizes) -> int:
    """The number of parts on each of which the output is inside; Rejected beyond 1000.

    The widest side of a box is halved until interval arithmetic tells.
    """
    signals = [s for s in layer.signals if s.kind != "state"]
    if any(s.domain.unit or s.domain.values is not None for s in signals):
        raise Rejected(f"{layer.name}: its signals do not fill a box")
    names = [(s, i) for s in signals for i in range(len(_flat(s.dims, sizes)))]
    whole = [s.domain.interval for s, _ in names]
    if any(x.low is None or x.high is None for x in whole):
        raise Rejected(f"{layer.name}: the domain is not bounded")
    roots = [layer.output, *_slopes(layer, signals)]
    algebra, waiting, seen = SparseAlgebra(Ranges(), sizes), [whole], 0

    def values(box: list[Interval], roots: list[Tensor]) -> list[list[Interval]]:
        rows: dict[str, list[Range]] = {s.name: [] for s in signals}
        for (s, _), part in zip(names, box, strict=True):
            rows[s.name].append(Range(part))
        inputs = {s.name: from_flat(shape_of(s.dims, sizes), rows[s.name]) for s in signals}
        zero = algebra.scalars.number(Fraction(0))
        found = evaluate(roots, inputs, algebra)
        return [[cell.interval for cell in x.flat(zero)] for x in found]

    while waiting:
        box, seen = waiting.pop(), seen + 1
        if seen > MOST_PARTS:
            raise Rejected(f"{layer.name}: {MOST_PARTS} parts of the domain do not tell")
        found, *slopes = values(box, roots)
        if slopes:
            (at_middle,) = values([_only(_middle(x)) for x in box], roots[:1])[0]
            found = [found[0].meet(_by_slopes(at_middle, [x for g in slopes for x in g], box))]
        if not all(x.within(inside) for x in found):
            waiting += _halves(box)
    return seen


def _slopes(layer: Layer, signals: list[Signal]) -> list[Tensor]:
    """The derivatives of a scalar output, where it has them."""
    try:
        return [gradient(layer.output, s.tensor) for s in signals]
    except (LanguageError, ShapeError):
        return []


def _by_slopes(middle: Interval, slopes: list[Interval], box: list[Interval]) -> Interval:
    """`f(c) + Σ f'(X) (X - c)`, which holds f on the box X by the mean value theorem."""
    total = Range(middle)
    for slope, x in zip(slopes, box, strict=True):
        total += Range(slope) * (Range(x) + Range(_only(-_middle(x))))
    return total.interval


def _only(x: Fraction) -> Interval:
    return Interval(x, x, False, False)


def _middle(x: Interval) -> Fraction:
    assert x.low is not None and x.high is not None
    return (x.low + x.high) / 2


def _flat(dims: tuple[str, ...], sizes: Sizes) -> range:
    total = 1
    for size in shape_of(dims, sizes):
        total *= size
    return range(total)


def _halves(box: list[Interval]) -> list[list[Interval]]:
    def width(i: int) -> Fraction:
        low, high = box[i].low, box[i].high
        assert low is not None and high is not None
        return high - low

    at = max(range(len(box)), key=width)
    x, middle = box[at], _middle(box[at])
    parts = [
        Interval(x.low, middle, x.low_open, False),
        Interval(middle, x.high, False, x.high_open),
    ]
    return [[*box[:at], part, *box[at + 1 :]] for part in parts]
