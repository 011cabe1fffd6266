"""Bounds of the entries of index terms on the domains of their signals, at every size."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from ...index.atoms import Atom, Form
from ...language.domains import Interval
from ...language.layer import Layer
from .enclosure import Range, Ranges

ZERO, ONE = Fraction(0), Fraction(1)
RING = Ranges()


def bounds(form: Form, layer: Layer) -> Range:
    """An interval that holds every entry of a form, at every size."""
    total = RING.number(ZERO)
    for monomial, c in form.terms.items():
        term = RING.number(Fraction(c))
        for (atom, _), power in Counter(monomial).items():
            term = term * _power(_of_atom(atom, layer), power)
        if any(x < 0 for _, labels in monomial for x in labels):
            term = _summed(term)
        total = total + term
    return total


def _power(x: Range, power: int) -> Range:
    out = RING.number(ONE) if power % 2 == 0 else x
    for _ in range(power // 2):
        out = out * (x * x)
    return out


def _summed(x: Range) -> Range:
    """A sum of an unknown number (at least one) of entries: only signs survive."""
    own = x.interval
    low = own.low if own.low is not None and own.low >= 0 else None
    high = own.high if own.high is not None and own.high <= 0 else None
    low_open, high_open = own.low_open or low is None, own.high_open or high is None
    return Range(Interval(low, high, low_open, high_open))


def _of_atom(atom: Atom, layer: Layer) -> Range:
    if atom.kind == "size":
        return Range(Interval(low=ONE, low_open=False))
    if atom.kind in ("eye", "inject"):
        return Range(Interval(ZERO, ONE, False, False))
    if atom.arg is not None:
        return RING.function(atom.name, bounds(atom.arg, layer))
    domain = layer.signal(atom.name).domain
    if domain.unit:
        return Range(domain.interval.meet(Interval(-ONE, ONE, False, False)))
    return Range(domain.interval)
