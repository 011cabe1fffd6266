"""Bounds of expressions on the domains of their signals, by interval arithmetic.

Used to refuse division by what can be zero, log of what can be negative, and ties that leave a
signal's domain. Bounds are proved; a bound that is too wide refuses, never accepts.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from ..errors import DomainError
from .domains import Domain, Interval, finite
from .graph import reading, walk
from .tensor import Add, Concat, Eye, Function, Input, Number, Product, Reindex, Tensor, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

ZERO, ONE = Fraction(0), Fraction(1)
_REAL = Interval()
_NOT_NEGATIVE = Interval(low=ZERO, low_open=False)
_POSITIVE = Interval(low=ZERO)
_NEEDS = {
    "log": (
        _POSITIVE,
        "log needs a positive argument, and so does the power x ** p = exp(p * log(x))",
    ),
    "sqrt": (_NOT_NEGATIVE, "sqrt needs an argument that is not negative"),
}


def ranges(
    roots: Iterable[Tensor],
    domains: Mapping[str, Domain],
    assumed: Iterable[Tensor] = (),
) -> dict[Tensor, Interval]:
    """An interval for every node below `roots` that holds all its entries.

    assumed: denominators that are taken not to be zero. Raises DomainError where another
    denominator can be zero or a function is undefined.
    """
    found: dict[Tensor, Interval] = {}
    not_zero = set(assumed)
    for node in walk(*roots):
        if isinstance(node, Function) and node.name == "inverse" and node.arg in not_zero:
            found[node] = _REAL
        else:
            found[node] = _range(node, found, domains)
    return found


def invariant(
    step: Mapping[str, Tensor],
    start: Mapping[str, Interval],
    domains: Mapping[str, Domain],
    assumed: Iterable[Tensor] = (),
) -> dict[str, Interval]:
    """Intervals of the states that hold the start and that every step maps into themselves.

    A bound that a step passes is widened to 0 or given up, so this ends after a few rounds.
    assumed: as for `ranges`.
    """
    bounds = dict(start)
    while True:
        found = ranges(step.values(), {**domains, **_states(bounds)}, assumed)
        wider = {name: _widen(bounds[name], found[x]) for name, x in step.items()}
        if wider == bounds:
            return bounds
        bounds = wider


def reached(
    step: Mapping[str, Tensor],
    start: Mapping[str, Interval],
    domains: Mapping[str, Domain],
    assumed: Iterable[Tensor] = (),
    *,
    moved: bool = False,
) -> dict[str, Domain]:
    """The domains, and those of the states: an invariant, with `moved` after the first token."""
    if moved:
        found = ranges(step.values(), {**domains, **_states(start)}, assumed)
        start = {name: found[x] for name, x in step.items()}
    return {**domains, **_states(invariant(step, start, domains, assumed))}


def _states(bounds: Mapping[str, Interval]) -> dict[str, Domain]:
    return {name: Domain(x) for name, x in bounds.items()}


def undefined_where(
    roots: Iterable[Tensor],
    states: frozenset[str],
    domains: Callable[[Sequence[Tensor]], Mapping[str, Domain]],
) -> tuple[Tensor, ...]:
    """The denominators below `roots` that read a state and are not shown to exclude zero.

    domains: of all signals and states, where the given denominators are not zero. Raises
    DomainError where an operation on signals alone is undefined.
    """
    roots = list(roots)
    reads = reading(states, *roots)
    assumed: list[Tensor] = []
    while True:
        try:
            ranges(roots, domains(assumed), assumed)
            return tuple(assumed)
        except DomainError as error:
            if not isinstance(error.culprit, Tensor) or error.culprit not in reads:
                raise
            assumed.append(error.culprit)


def outside(value: Tensor, domain: Domain, domains: Mapping[str, Domain]) -> str:
    """Why an expression over signals may leave a domain, in words, or "" when it cannot."""
    own = domains.get(value.name) if isinstance(value, Input) else None
    if domain.unit and not (own is not None and own.unit):
        return "has unit norm, and the tie is not known to"
    if domain.values is not None:
        bare = value.arg if isinstance(value, Reindex) else value
        own = finite(bare.value) if isinstance(bare, Number) else own
        if own is None or own.meet(domain) != own:
            return f"must lie in {domain}: tie it to such a number, or to a signal that does"
    bounds = ranges([value], domains)[value]
    if not bounds.within(domain.interval):
        return f"must lie in {domain.interval}, the tie lies in {bounds}"
    return ""


def _widen(old: Interval, new: Interval) -> Interval:
    joined = _hull([old, new])
    low, high = joined.low, joined.high
    low_open, high_open = joined.low_open, joined.high_open
    if (low, low_open) != (old.low, old.low_open):
        low, low_open = (
            (ZERO, False) if low is not None and low >= 0 and old.low != 0 else (None, True)
        )
    if (high, high_open) != (old.high, old.high_open):
        zero = high is not None and high <= 0 and old.high != 0
        high, high_open = (ZERO, False) if zero else (None, True)
    return Interval(low, high, low_open, high_open)


def _range(
    node: Tensor, found: Mapping[Tensor, Interval], domains: Mapping[str, Domain]
) -> Interval:
    match node:
        case Input(name=name, dims=dims):
            domain = domains.get(name, Domain())
            unit = Interval(-ONE, ONE, False, False)
            return domain.interval.meet(unit) if domain.unit and dims else domain.interval
        case Number(value=value):
            return Interval(value, value, False, False)
        case Eye():
            return Interval(ZERO, ONE, False, False)
        case Add(terms=terms):
            total = found[terms[0]]
            for term in terms[1:]:
                total = _add(total, found[term])
            return total
        case Product(spec=spec, left=left, right=right):
            if left is right and spec == "a,a->" and _is_unit(left, domains):
                return Interval(ONE, ONE, False, False)
            square = left is right and len(set(spec.split("->")[0].split(","))) == 1
            out = _square(found[left]) if square else _times(found[left], found[right])
            summed = set(spec.split("->")[0]) - set(spec.split("->")[1]) - {","}
            return _summed(out) if summed else out
        case Reindex(spec=spec, arg=arg):
            source, _, target = spec.partition("->")
            return _summed(found[arg]) if set(source) - set(target) else found[arg]
        case Concat(parts=parts):
            return _hull([found[part] for part in parts])
        case Function(name=name, arg=arg):
            return _function(name, arg, found[arg])
    raise AssertionError(node)


def _is_unit(x: Tensor, domains: Mapping[str, Domain]) -> bool:
    return isinstance(x, Input) and domains.get(x.name, Domain()).unit


def _function(name: str, arg: Tensor, x: Interval) -> Interval:
    if name == "inverse":
        if ZERO in x:
            raise DomainError(
                f"division by {text(arg)}, which can be zero: it lies in {x}. Give its signals a "
                "domain that excludes zero (Positive, Gate), or bound it away from zero",
                arg,
            )
        return _inverse(x)
    if name in _NEEDS and not x.within(_NEEDS[name][0]):
        raise DomainError(f"{name}({text(arg)}): {_NEEDS[name][1]}, and it lies in {x}")
    if name == "exp":
        low = ZERO if x.low is None or x.low < 0 else ONE
        high = None if x.high is None or x.high > 0 else ONE
        at_low, at_high = x.low == 0 and not x.low_open, x.high == 0 and not x.high_open
        return Interval(low, high, not at_low, not at_high)
    if name == "log":
        sure_low, sure_high = (None if end is None else end - 1 for end in (x.low, x.high))
        return Interval(
            ZERO if sure_low is not None and sure_low >= 0 else None,
            ZERO if sure_high is not None and sure_high <= 0 else None,
            sure_low != 0 or x.low_open,
            sure_high != 0 or x.high_open,
        )
    if name == "sigmoid":
        return Interval(ZERO, ONE)
    if name in ("cos", "sin"):
        return Interval(-ONE, ONE, False, False)
    if name == "step":
        below = ONE if x.within(_POSITIVE) else ZERO
        return Interval(below, ZERO if x.high is not None and x.high <= 0 else ONE, False, False)
    if name == "tanh":
        return Interval(-ONE, ONE)
    if name == "softplus":
        return Interval(low=ZERO)
    if name == "elu":
        low, low_open = (x.low, x.low_open) if x.low is not None and x.low >= 0 else (-ONE, True)
        high, high_open = (x.high, x.high_open) if x.high is None or x.high > 0 else (ZERO, False)
        return Interval(low, high, low_open, high_open)
    if name == "relu":
        floor = Interval(ZERO, ZERO, False, False)
        return x if x.low is not None and x.low >= 0 else _hull([floor, x.meet(_NOT_NEGATIVE)])
    if name == "sqrt":
        ends = Interval(
            _root(x.low),
            _root(x.high),
            x.low_open or _root(x.low) is None,
            x.high_open or _root(x.high) is None,
        )
        positive = x.low_open or (x.low is not None and x.low > 0)
        return ends.meet(Interval(low=ZERO, low_open=positive))
    return _REAL


def _root(x: Fraction | None) -> Fraction | None:
    if x is None or x < 0:
        return None
    top, bottom = math.isqrt(x.numerator), math.isqrt(x.denominator)
    return Fraction(top, bottom) if top**2 == x.numerator and bottom**2 == x.denominator else None


def _add(a: Interval, b: Interval) -> Interval:
    low = None if a.low is None or b.low is None else a.low + b.low
    high = None if a.high is None or b.high is None else a.high + b.high
    return Interval(low, high, a.low_open or b.low_open, a.high_open or b.high_open)


def _times(a: Interval, b: Interval) -> Interval:
    ends = [_end_times(x, y) for x in _ends(a) for y in _ends(b)]
    low = min(ends, key=lambda e: (e[0], e[1]))
    high = max(ends, key=lambda e: (e[0], not e[1]))
    return Interval(
        None if isinstance(low[0], float) else low[0],
        None if isinstance(high[0], float) else high[0],
        low[1],
        high[1],
    )


def _ends(x: Interval) -> list[tuple[Fraction | float, bool]]:
    low = (-math.inf, True) if x.low is None else (x.low, x.low_open)
    high = (math.inf, True) if x.high is None else (x.high, x.high_open)
    return [low, high]


def _end_times(
    a: tuple[Fraction | float, bool], b: tuple[Fraction | float, bool]
) -> tuple[Fraction | float, bool]:
    for x, y in ((a, b), (b, a)):
        if x[0] == 0:
            # A closed zero reaches 0 with any factor; an open one only approaches it.
            return (ZERO, x[1] and (y[1] or y[0] != 0))
    if isinstance(a[0], float) or isinstance(b[0], float):
        return (math.inf if (a[0] > 0) == (b[0] > 0) else -math.inf, True)
    return (a[0] * b[0], a[1] or b[1])


def _square(x: Interval) -> Interval:
    product = _times(x, x)
    return product.meet(Interval(low=ZERO, low_open=ZERO not in x))


def _summed(x: Interval) -> Interval:
    """A sum of an unknown number (at least one) of entries: only signs survive."""
    low = x.low if x.low is not None and x.low >= 0 else None
    high = x.high if x.high is not None and x.high <= 0 else None
    return Interval(low, high, x.low_open or low is None, x.high_open or high is None)


def _hull(parts: list[Interval]) -> Interval:
    low = min((_ends(p)[0] for p in parts), key=lambda e: (e[0], e[1]))
    high = max((_ends(p)[1] for p in parts), key=lambda e: (e[0], not e[1]))
    return Interval(
        None if isinstance(low[0], float) else low[0],
        None if isinstance(high[0], float) else high[0],
        low[1],
        high[1],
    )


def _inverse(x: Interval) -> Interval:
    """1/x of an interval on one side of 0: the ends change places, and 0 becomes infinite."""
    low, low_open = _inverse_end(x.high, x.high_open)
    high, high_open = _inverse_end(x.low, x.low_open)
    return Interval(low, high, low_open, high_open)


def _inverse_end(x: Fraction | None, x_open: bool) -> tuple[Fraction | None, bool]:
    if x is None:
        return ZERO, True
    return (1 / x, x_open) if x else (None, True)
