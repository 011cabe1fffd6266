"""Weights and tokens to try: ends of domains, simple numbers and random rationals, with a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction

from ..automata.automaton import Automaton
from ..automata.run import Values
from ..deciding.witness import random_values
from ..language.evaluate import Sizes
from ..language.layer import Layer, Signal

TRIES = 60
SIMPLE = tuple(Fraction(x) for x in ("0", "1", "-1", "2", "1/2", "-2", "4", "1/100"))


def points(
    layer: Layer,
    sizes: Sizes,
    length: int,
    *,
    seed: int = 0,
    tries: int = TRIES,
    simple: bool = True,
) -> Iterator[tuple[Values, list[Values]]]:
    """Weights and `length` tokens inside their domains, from simple to random.

    simple: two of three tries mix in closed ends and simple numbers; else all are random.
    """
    return points_of(Automaton((layer,), sizes), length, seed=seed, tries=tries, simple=simple)


def points_of(
    automaton: Automaton, length: int, *, seed: int = 0, tries: int = TRIES, simple: bool = True
) -> Iterator[tuple[Values, list[Values]]]:
    """The points of layers over the same signals; see `points`."""
    rng = random.Random(seed)
    for attempt in range(tries):
        spread = (2 if simple else 9) + attempt // 4

        def draw(kind: str, spread: int = spread, mode: int = attempt % 3 * simple) -> Values:
            values = random_values(automaton, kind, rng, spread)
            for s in automaton.signals.values():
                if s.kind == kind and not s.domain.unit and s.domain.values is None and mode:
                    values[s.name] = [_simple(s, x, rng, mode == 1) for x in values[s.name]]
            return values

        yield draw("constant"), [draw("token") for _ in range(length)]


def _simple(s: Signal, x: Fraction, rng: random.Random, positive: bool) -> Fraction:
    """A closed end or a simple number; `positive`: none below 0, where functions are irrational."""
    interval = s.domain.interval
    ends = [end for end in (interval.low, interval.high) if end is not None and end in s.domain]
    pool = [*ends, *(y for y in SIMPLE if y in s.domain)]
    return rng.choice([y for y in pool if y >= 0 or not positive] or [x])


def text(values: Values) -> dict[str, list[str]]:
    """Exact rationals as text, for certificates."""
    return {name: [str(x) for x in xs] for name, xs in values.items()}
