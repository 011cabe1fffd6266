"""What records say: means with intervals, and statements that are held against them by rules."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .records import Record

LEVEL = 0.95
MARGIN = 0.05
"""Accuracies that differ by less are called alike."""

Cell = tuple[str, int]
"""A layer and a state expansion."""
Runs = Mapping[Cell, Mapping[int, Record]]
"""The records of each cell by seed."""


@dataclass(frozen=True)
class Mean:
    """A mean with its 95 % interval, which is None for fewer than two values.

    The interval is the mean ± t s / √m, with the standard deviation s of m values and the quantile
    t of Student's distribution with m - 1 degrees of freedom.
    """

    value: float
    half: float | None
    count: int


@dataclass(frozen=True)
class Solves:
    """All runs of a cell end with the task solved; see `solved`."""

    cell: Cell


@dataclass(frozen=True)
class Higher:
    """The accuracy of one cell is higher than that of another."""

    cell: Cell
    other: Cell


@dataclass(frozen=True)
class Alike:
    """The accuracies of two cells differ by less than MARGIN."""

    cell: Cell
    other: Cell


@dataclass(frozen=True)
class Finding:
    """What the runs say of a statement: in words, and "yes", "no" or "cannot tell"."""

    found: str
    agree: str


def cells(records: Iterable[Record], seeds: Sequence[int]) -> dict[Cell, dict[int, Record]]:
    """The records of these seeds by layer and expansion, then by seed."""
    found: dict[Cell, dict[int, Record]] = {}
    for each in records:
        if each.config.seed in seeds:
            cell = (each.config.mixer.layer, each.config.sizes.expansion)
            found.setdefault(cell, {})[each.config.seed] = each
    return found


def solved(record: Record) -> bool:
    """Whether the run ended because its accuracy on validation sequences was enough."""
    return record.outcome.curve[-1].accuracy > record.config.enough


def mean(values: Sequence[float]) -> Mean:
    """The mean of at least one value."""
    count, half = len(values), None
    if count > 1:
        half = quantile(count - 1) * statistics.stdev(values) / math.sqrt(count)
    return Mean(statistics.fmean(values), half, count)


def quantile(freedom: int, level: float = LEVEL) -> float:
    """The t with P(|T| ≤ t) = level, for Student's T with some degrees of freedom.

    P(|T| > t) is the regularised incomplete beta function I_x(freedom/2, 1/2) at
    x = freedom / (freedom + t²).
    """
    import mpmath

    def excess(t: mpmath.mpf) -> mpmath.mpf:
        x, half = freedom / (freedom + t * t), mpmath.mpf(1) / 2
        return mpmath.betainc(freedom * half, half, 0, x, regularized=True) - (1 - level)

    return float(mpmath.findroot(excess, (0.5, 100), solver="ridder"))


def accuracies(runs: Runs, cell: Cell) -> Mean | None:
    """The mean accuracy of a cell on the test sequences, if there are runs."""
    made = runs.get(cell, {})
    return mean([each.outcome.accuracy for each in made.values()]) if made else None


def judge(statement: Solves | Higher | Alike, runs: Runs) -> Finding:
    """Hold a statement against the runs.

    Solves: yes if every run solved the task, no if fewer than half did. The other two look at the
    difference in accuracy of runs of the same seed, by its interval. Higher: yes if it lies above
    0, no if below. Alike: yes if it lies within ±MARGIN, no if beyond. Two cells that both solve
    the task in every run are not told apart by it, and no interval can be given for one seed.
    """
    if isinstance(statement, Solves):
        return _solves(list(runs.get(statement.cell, {}).values()))
    first, second = (runs.get(cell, {}) for cell in (statement.cell, statement.other))
    seeds = sorted(set(first) & set(second))
    if len(seeds) < 2:
        return Finding(f"{_seeds(len(seeds))} so far", "cannot tell")
    apart = mean([first[s].outcome.accuracy - second[s].outcome.accuracy for s in seeds])
    assert apart.half is not None
    low, high = apart.value - apart.half, apart.value + apart.half
    found = f"{apart.value:+.3f} ({low:+.3f} to {high:+.3f}), {_seeds(len(seeds))}"
    if all(solved(made[s]) for made in (first, second) for s in seeds):
        return Finding(f"{found}, both solve it", "cannot tell")
    if isinstance(statement, Higher):
        yes, no = low > 0, high < 0
    else:
        yes, no = -MARGIN < low and high < MARGIN, low > MARGIN or high < -MARGIN
    return Finding(found, "yes" if yes else "no" if no else "cannot tell")


def _solves(made: Sequence[Record]) -> Finding:
    count = sum(map(solved, made))
    if not made:
        return Finding("no runs so far", "cannot tell")
    answer = "yes" if count == len(made) else "no" if 2 * count < len(made) else "cannot tell"
    return Finding(f"{count} of {len(made)} runs solve it", answer)


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"
