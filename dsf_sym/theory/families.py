"""Functions of one number for every degree or every exponent at once: their signs and zeros."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

from ..certificates.checkers import families, powers
from ..certificates.checkers.enclosure import interval
from ..errors import LanguageError, Rejected
from ..language.layer import Layer
from ..verdict import Verdict
from .settling import Candidate, layer_of, settle

MOST_STEPS = 5
WHOLE = range(-4, 5)
KINDS = ("exp", "taylor", "power", "sign")


def sign_at_every_degree(
    layer: Layer | str,
    reads: Mapping[str, tuple[str, int]],
    *,
    degrees: str = "all",
    strict: bool = False,
    slope: bool = False,
) -> Verdict:
    """Whether a function of x and the degree P is not negative for all x > 0 and every P.

    layer: a polynomial in numbers. reads: what each is: ("exp", k) for e^{kx}, ("taylor", ±1) for
    T_P(±x) = Σ_{p≤P} (±x)^p / p!, ("power", a) for x^{P+a} / (P+a)!, ("sign", 1) for (-1)^P.
    degrees: "all", "even" or "odd". strict: positive. slope: of its derivative in x. Proved by
    derivatives, refuted by a degree and a point. Raises UnknownName, LanguageError.
    """
    made = layer_of(layer)
    call = f"sign_at_every_degree({made.name})"
    if degrees not in ("all", "even", "odd"):
        raise LanguageError(f"{call}: degrees={degrees!r} is none of all, even, odd")
    unread = [s.name for s in made.signals if s.name not in reads]
    unknown = [f"{name}: {x[0]}" for name, x in reads.items() if x[0] not in KINDS]
    if unread or unknown:
        raise LanguageError(
            f"{call}: say what is {', '.join(unread + unknown)}; {', '.join(KINDS)}"
        )
    parities = ["even", "odd"] if degrees == "all" else [degrees]
    data = {"reads": {n: list(x) for n, x in reads.items()}, "strict": strict, "slope": slope}

    def candidates() -> Iterator[Candidate]:
        for steps in _ways(made, reads, parities, slope):
            yield "proved", data | {"degrees": parities, "steps": steps}
        for degree, i in product(range(5), range(1, 25)):
            if ("even", "odd")[degree % 2] in parities:
                yield "refuted", data | {"degree": degree, "point": str(Fraction(i, 4))}

    said = "slope " * slope + ("positive" if strict else "not negative")
    remains = "neither a chain of derivatives nor a degree and a point were found"
    return settle(made, "sign at every degree", f"{said} for x > 0", candidates(), remains)


def _ways(
    layer: Layer, reads: Mapping[str, Sequence[Any]], parities: Sequence[str], slope: bool
) -> Iterator[list[object]]:
    """Chains of steps after which no coefficient is negative, at all parities."""
    try:
        start = [families.function(layer, reads, p, slope=slope) for p in parities]
    except Rejected:
        return
    front: list[tuple[list[object], list[families.Function]]] = [([], start)]
    for _ in range(MOST_STEPS + 1):
        further = []
        for steps, fs in front:
            if all(families.is_not_negative(f) for f in fs):
                yield steps
            rates = sorted(({-rate for f in fs for rate, _, _ in f} | {1, -1}) - {0})
            # A factor after a factor is one factor.
            more = [] if steps and isinstance(steps[-1], int) else rates
            for step in ("over", "derive", *more):
                try:
                    moved = [families.after(f, step, p) for f, p in zip(fs, parities, strict=True)]
                except Rejected:
                    continue
                further.append(([*steps, step], moved))
        front = further


def zeros_of_powers(
    layer: Layer | str,
    bases: Mapping[str, str],
    are: Sequence[str],
    *,
    inside: str = "(-inf, inf)",
) -> Verdict:
    """Whether a function of a real exponent a is 0 at these whole numbers of an interval alone.

    layer: a polynomial in numbers. bases: the b of what each is, b^a. Shown where the zeros found
    are as many, by their orders, as the rule of signs allows: all there are. Refuted where they are
    others. Raises UnknownName, LanguageError.
    """
    made = layer_of(layer)
    unread = [s.name for s in made.signals if s.name not in bases]
    call = f"zeros_of_powers({made.name})"
    if unread:
        raise LanguageError(f"{call}: say the base of {', '.join(unread)}")
    try:
        known, wanted = {n: Fraction(b) for n, b in bases.items()}, {int(a) for a in are}
        f, where = powers.exponential_sum(made, known), interval(inside)
    except (ValueError, ZeroDivisionError, Rejected) as error:
        raise LanguageError(
            f"{call}: {error}; it takes a polynomial, positive rational bases, whole zeros and an "
            "interval"
        ) from None

    def candidates() -> Iterator[Candidate]:
        zeros = [a for a in WHOLE for _ in range(powers.order_of_zero(f, a))]
        found = {a for a in zeros if Fraction(a) in where}
        status = "proved" if found == wanted else "refuted"
        yield status, {"bases": dict(bases), "zeros": zeros, "inside": inside}

    remains = "zeros at other than whole numbers may be left"
    return settle(made, "zeros of powers", f"0 at {', '.join(are)} alone", candidates(), remains)
