"""A shortest sequence of exact rational tokens on which two layers differ, made simple to read."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING

from ..automata.run import Values, count, outputs_on
from ..certificates.certificate import header
from ..certificates.checkers import recheck
from ..errors import DomainError, DsfError
from ..language.domains import Domain
from ..verdict import Verdict, Witness
from .pairing import Pair

if TYPE_CHECKING:
    from ..automata.automaton import Automaton
    from ..language.layer import Layer, Signal

ATTEMPTS = 60
MOST_ATTEMPTS = 4000
BITS = (64, 256)
VALUES_TRIED = 100
_SIMPLE = [Fraction(x) for x in ("0", "1", "-1", "1/2", "2", "-2", "1/3", "3", "-3", "1/4", "-1/2")]


def find_witness(
    automaton: Automaton, length: int, *, seed: int = 0, attempts: int | None = None
) -> tuple[Witness, int] | None:
    """A witness of the given length and the bits it needs, or None when no try confirms one.

    The layers' definitions are run on random simple tokens inside the domains; then every entry is
    replaced by a simpler one as long as the outputs still differ. attempts: by default more for
    layers with many letters, which are known for layers affine in their states only.
    """
    rng = random.Random(seed)
    if attempts is None:
        # One word of letters among many may be the only one that shows the difference.
        attempts = min(ATTEMPTS * len(automaton.letters()) ** length, MOST_ATTEMPTS)
        attempts = max(attempts, ATTEMPTS)
    for attempt in range(attempts):
        spread = 4 + attempt % ATTEMPTS
        tokens = [random_values(automaton, "token", rng, spread) for _ in range(length)]
        constants = random_values(automaton, "constant", rng, spread)
        for bits in BITS:
            if _differ(automaton, tokens, constants, bits):
                _simplify(automaton, tokens, constants, bits)
                return _witness(automaton, tokens, constants, bits), bits
    return None


def require_values(automaton: Automaton, longest: int, *, seed: int = 0) -> None:
    """Raise DomainError where a layer has no value on any of some random sequences of a length."""
    rng = random.Random(seed)
    for layer in automaton.layers:
        last = longest if layer.open_denominators else 0
        for length in range(1, last + 1):
            if not any(_has_value(automaton, layer, length, rng) for _ in range(VALUES_TRIED)):
                raise DomainError(
                    f"{layer.name} has no value after {length} token{'s' * (length > 1)}, on any "
                    f"of {VALUES_TRIED} random sequences: a denominator is zero, so that it equals "
                    "nothing"
                )


def _has_value(automaton: Automaton, layer: Layer, length: int, rng: random.Random) -> bool:
    tokens = [random_values(automaton, "token", rng, 9) for _ in range(length)]
    constants = random_values(automaton, "constant", rng, 9)
    try:
        ((*_, y),), scalars = outputs_on([layer], tokens, constants, automaton.sizes, BITS[0])
    except (ZeroDivisionError, DsfError):
        return False
    # What is no number does not differ from itself and one.
    return all(scalars.differ(x, x + scalars.number(Fraction(1))) for x in y)


def random_values(automaton: Automaton, kind: str, rng: random.Random, spread: int) -> Values:
    """Simple random rationals inside the domains, for every token or constant."""
    return {
        s.name: list(_point(s, automaton, rng, spread))
        for s in automaton.signals.values()
        if s.kind == kind
    }


def _point(s: Signal, automaton: Automaton, rng: random.Random, spread: int) -> Iterator[Fraction]:
    n = count(s, automaton.sizes)
    points = s.domain.points(n)
    if points is not None:
        yield from rng.choice(list(islice(points, MOST_ATTEMPTS)))
        return
    # A unit step jumps where its argument is zero: at zeros, at equal entries and at unit vectors.
    special = automaton.jumps and Fraction(0) in s.domain and rng.random() < 0.5
    if s.domain.unit:
        yield from _on_sphere(s.domain, n, rng, 0 if special else spread)
        return
    if special:
        yield from (rng.choice((_inside(s.domain, rng, spread), Fraction(0))) for _ in range(n))
        return
    for _ in range(n):
        yield _inside(s.domain, rng, spread)


def _on_sphere(domain: Domain, n: int, rng: random.Random, spread: int) -> list[Fraction]:
    """A point of the unit sphere with every entry in the interval; the last try if none has."""
    point: list[Fraction] = []
    for _ in range(100):
        point = _sphere([Fraction(rng.randint(-spread, spread), 2) for _ in range(n - 1)], rng)
        for signs in (point, [abs(x) for x in point], [-abs(x) for x in point]):
            if all(x in domain for x in signs):
                return signs
    return point


def _sphere(t: list[Fraction], rng: random.Random) -> list[Fraction]:
    """A rational point of the unit sphere by stereographic projection, its entries shuffled."""
    square = sum((x * x for x in t), start=Fraction(0))
    sign = rng.choice((1, -1))
    point = [2 * x / (1 + square) for x in t] + [sign * (1 - square) / (1 + square)]
    rng.shuffle(point)
    return point


def _inside(domain: Domain, rng: random.Random, spread: int) -> Fraction:
    low, high = domain.interval.low, domain.interval.high
    if low is not None and high is not None:
        steps = spread + 2
        return low + (high - low) * Fraction(rng.randint(1, steps - 1), steps)
    step = Fraction(rng.randint(1, spread), rng.choice((1, 1, 2)))
    if low is not None:
        return low + step
    if high is not None:
        return high - step
    return step * rng.choice((1, -1))


def _differ(automaton: Automaton, tokens: list[Values], constants: Values, bits: int) -> bool:
    try:
        (a, b), scalars = outputs_on(automaton.layers, tokens, constants, automaton.sizes, bits)
    except (ZeroDivisionError, DsfError):
        return False
    return any(scalars.differ(p, q) for p, q in zip(a[-1], b[-1], strict=True))


def _simplify(automaton: Automaton, tokens: list[Values], constants: Values, bits: int) -> None:
    """Replace entries in place by the first simple value that keeps the outputs apart."""
    for values in (*tokens, constants):
        for name, entries in values.items():
            s = automaton.signals[name]
            if s.domain.unit:
                _simplify_unit(automaton, tokens, constants, bits, entries, s.domain)
                continue
            for i, old in enumerate(entries):
                for simple in _SIMPLE:
                    if simple == old:
                        break
                    if simple in s.domain:
                        entries[i] = simple
                        if _differ(automaton, tokens, constants, bits):
                            break
                        entries[i] = old


def _simplify_unit(
    automaton: Automaton,
    tokens: list[Values],
    constants: Values,
    bits: int,
    entries: list[Fraction],
    domain: Domain,
) -> None:
    old = list(entries)
    for i in range(len(old)):
        entries[:] = [Fraction(int(i == j)) for j in range(len(old))]
        inside = all(x in domain for x in entries)
        if inside and _differ(automaton, tokens, constants, bits):
            return
    entries[:] = old


def _witness(automaton: Automaton, tokens: list[Values], constants: Values, bits: int) -> Witness:
    (a, b), scalars = outputs_on(automaton.layers, tokens, constants, automaton.sizes, bits)
    shown = [tuple(scalars.show(x) for x in y[-1]) for y in (a, b)]
    return Witness(tuple(tokens), constants, (shown[0], shown[1]))


def refuted(both: Pair, automaton: Automaton, found: tuple[Witness, int], said: str) -> Verdict:
    """The verdict of a witness, its certificate checked; said: "a shortest sequence,"."""
    witness, bits = found
    data = header("difference", both.question, both.a, both.b)
    data |= {
        "sizes": automaton.sizes,
        "tokens": [{n: [str(x) for x in xs] for n, xs in t.items()} for t in witness.tokens],
        "constants": {n: [str(x) for x in xs] for n, xs in witness.constants.items()},
        "bits": bits,
    }
    data["claim"]["lengths"] = witness.length
    recheck(data)
    return Verdict(
        both.question,
        "refuted",
        f"{said} {witness.length} token{'s' * (witness.length > 1)}"
        f"{',' * said.endswith(',')} on which the outputs differ",
        automaton.sizes,
        certificate=data,
        witness=witness,
    )
