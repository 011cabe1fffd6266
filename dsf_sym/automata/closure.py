"""The smallest subspace that holds the start and is closed under every token: the search.

Runs modulo a prime near 2^61. Rounds of random trajectories from random points of the space found
so far; a round that adds nothing means closed, but for a probability of (degree / 2^61). The result
is evidence, never a proof: a certificate is checked exactly elsewhere.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..arithmetic.span import Span
from ..errors import SizeError
from .automaton import Automaton
from .modular import Engine, engine

WIDE = 8
BYTES_PER_ENTRY = 160
MEMORY = Path("/proc/meminfo")


@dataclass(frozen=True)
class Closure:
    """What a search found: the space, and whether the layers' outputs differ on it."""

    rows: list[dict[int, int]]
    differ: bool


def closure(automaton: Automaton, *, seed: int = 0, fast: bool | None = None) -> Closure:
    """The reachable space of the automaton, stopped early when outputs differ.

    Raises SizeError before starting when the space would not fit in memory.
    """
    check_memory(automaton)
    found = [_closure(automaton, seed, fast, signs) for signs in automaton.signs()]
    different = next((x for x in found if x.differ), None)
    if different is not None or len(found) == 1:
        return different or found[0]
    # Constants of finitely many values: one subspace for all, which the checker must accept.
    space = Span(automaton.width) if fast is None else Span(automaton.width, fast)
    for x in found:
        space.extend([[row.get(i, 0) for i in range(automaton.width)] for row in x.rows])
    return Closure(space.rows(), False)


def _closure(
    automaton: Automaton, seed: int, fast: bool | None, signs: dict[str, Fraction]
) -> Closure:
    machine = engine(automaton, seed, fast=fast, signs=signs)
    space = Span(automaton.width) if fast is None else Span(automaton.width, fast)
    rng = random.Random(seed + 1)
    space.extend([machine.start()])
    letters = len(automaton.letters())
    wide = amount = WIDE * letters
    while True:
        xs = [space.random(rng) for _ in range(wide)]
        rows, differ = machine.run(xs, -(-amount // wide))
        if any(differ):
            return Closure(space.rows(), True)
        growth = space.extend(rows)
        if not growth:
            return Closure(space.rows(), False)
        # A layer that adds less than it was asked for has a long chain (or is nearly closed): one
        # trajectory is enough. Two equal layers fill half the joint space: do not overshoot it.
        # With several letters every round takes each from random points, not along one trajectory.
        if letters > 1:
            continue
        wide, amount = (wide, 2 * amount) if growth == len(rows) else (1, WIDE)
        left = (automaton.width + 1) // 2 - space.rank
        if 0 <= left <= amount + WIDE:
            amount = max(left, WIDE)


def first_difference(automaton: Automaton, longest: int, *, seed: int = 0) -> int | None:
    """The length of the shortest sequence on which the outputs differ, at most `longest`.

    A random sequence modulo the prime shows the first possible difference but for a probability
    below (degree / 2^61).
    """
    found = [_first(automaton, longest, seed, signs) for signs in automaton.signs()]
    return min((length for length in found if length is not None), default=None)


def _first(automaton: Automaton, longest: int, seed: int, signs: dict[str, Fraction]) -> int | None:
    machine = engine(automaton, seed, signs=signs)
    if len(automaton.letters()) > 1:
        return _first_over_letters(automaton, machine, longest, seed)
    # Which root a square root is modulo the prime is left to chance: one token may not show it.
    wide = WIDE if "sqrt" in automaton.functions else 1
    xs, done, block = [machine.start()] * wide, 0, 2
    while done < longest:
        rows, differ = machine.run(xs, min(block, longest - done))
        if any(differ):
            return done + differ.index(True) + 1
        xs, done, block = rows[-wide:], done + len(differ), 2 * block
    return None


def _first_over_letters(
    automaton: Automaton, machine: Engine, longest: int, seed: int
) -> int | None:
    """The same where a token is one of several letters: one sequence tries one word of them only.

    Goes by the span of what i tokens reach, saturated before the next token.
    """
    rng, wide = random.Random(seed), WIDE * len(automaton.letters())
    here = Span(automaton.width)
    here.extend([machine.start()])
    for length in range(1, longest + 1):
        after = Span(automaton.width)
        grown = True
        while grown:
            rows, differ = machine.run([here.random(rng) for _ in range(wide)], 1)
            if any(differ):
                return length
            grown = bool(after.extend(rows))
        here = after
    return None


def check_memory(automaton: Automaton) -> None:
    """Refuse a decision that needs more memory than there is, saying how much."""
    need = automaton.width**2 * BYTES_PER_ENTRY
    have = _memory()
    if have is not None and need > have:
        sizes = ", ".join(f"{k}={v}" for k, v in automaton.sizes.items())
        raise SizeError(
            f"deciding {' and '.join(x.name for x in automaton.layers)} at {sizes} needs a space "
            f"of dimension {automaton.width}, about {need / 2**30:.1f} GiB, and this machine has "
            f"{have / 2**30:.1f} GiB free; take smaller sizes (--sizes)"
        )


def _memory() -> int | None:
    """Bytes that can be had; None where the system does not tell."""
    try:
        lines = MEMORY.read_text().splitlines()
        return next(int(x.split()[1]) * 1024 for x in lines if x.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        pass
    # Pages that hold copies of files do not count as free here, though they are given up at need.
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


__all__ = ["Closure", "Engine", "check_memory", "closure", "first_difference"]
