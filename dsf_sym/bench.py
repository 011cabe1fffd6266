"""`dsf bench symbolic`: how the search and the exact check grow, beside unrolling in SymPy.

Every figure is measured in the run that prints it, and none is printed before its result is known
to be right: the two layers are equal, and every method must say so.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .arithmetic.reconstruct import rational_rows
from .automata.automaton import Automaton
from .automata.closure import closure
from .certificates.certificate import header
from .certificates.checkers import recheck
from .language.layer import Layer
from .verdict import Question

SIZES = (2, 4, 8, 16, 32)
STEPS = 9


@dataclass(frozen=True)
class Row:
    """One size: seconds of the search and of the exact check, and the peak memory so far in MiB."""

    name: str
    states: int
    search: float
    check: float
    memory: float


@dataclass(frozen=True)
class Unrolled:
    """Seconds to show equality up to `steps` tokens, by SymPy's expand and simplify, and ours.

    None where the time limit ended it, or where a shorter length had passed it already. ours: the
    search and the exact check, which decide every length.
    """

    steps: int
    expand: float | None
    simplify: float | None
    ours: float

    @property
    def ratio(self) -> float | None:
        """How many times slower the cheaper of the two is; None when both ran out of time."""
        done = [x for x in (self.expand, self.simplify) if x is not None]
        return min(done) / self.ours if done else None


def _pairs() -> tuple[tuple[str, Layer, Layer, Callable[[int], dict[str, int]]], ...]:
    from . import bench_layers as pairs

    return (
        ("gated delta", pairs.factored, pairs.in_turn, lambda m: {"n": m, "d": m}),
        ("longest chain", pairs.by_vectors, pairs.by_entries, lambda m: {"n": m * m}),
    )


def symbolic(sizes: tuple[int, ...] = SIZES) -> Iterator[Row]:
    """The median search of three runs and one exact check, for two equal layers at m^2 states.

    sizes: the m. The longest chain is a constant diagonal layer with a scalar input, whose
    reachable space grows by one dimension a token.
    """
    for name, a, b, at in _pairs():
        for m in sizes:
            automaton = Automaton((a, b), at(m))
            times, found = [], None
            for seed in range(3 if m <= 16 else 1):
                began = time.perf_counter()
                found = closure(automaton, seed=seed)
                times.append(time.perf_counter() - began)
            if found is None or found.differ:
                raise AssertionError(f"{name} at {m * m} states: the search must find them equal")
            data = header("closed subspace", Question(a.name, b.name), a, b)
            data |= {"sizes": automaton.sizes, "basis": rational_rows(found.rows)}
            began = time.perf_counter()
            recheck(data)
            check = time.perf_counter() - began
            yield Row(name, m * m + 1, statistics.median(times), check, _peak())


def _peak() -> float:
    try:
        import resource
    except ImportError:
        return float("nan")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def unrolled(limit: float = 120.0) -> Iterator[Unrolled]:
    """Gated delta at 4 states: unroll both forms in SymPy and bring the difference to zero.

    Goes up to the 9 tokens that the theorem needs. Beside each length the whole decision for all
    lengths, measured in the same run. limit: seconds for each of the two.
    """
    _, a, b, at = _pairs()[0]
    alive = {"expand": True, "simplify": True}
    for steps in range(1, STEPS + 1):
        began = time.perf_counter()
        automaton = Automaton((a, b), at(2))
        data = header("closed subspace", Question(a.name, b.name), a, b)
        rows = closure(automaton, seed=steps).rows
        recheck(data | {"sizes": automaton.sizes, "basis": rational_rows(rows)})
        ours = time.perf_counter() - began
        seconds = {
            how: _unroll(steps, how, limit) if alive[how] else None
            for how in ("expand", "simplify")
        }
        alive = {how: x is not None for how, x in seconds.items()}
        yield Unrolled(steps, seconds["expand"], seconds["simplify"], ours)


def _unroll(steps: int, how: str, limit: float) -> float | None:
    """Seconds to bring y_{steps-1} - y'_{steps-1} to zero, or None past the limit."""
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_unroll_in_child, args=(steps, how, send))
    process.start()
    try:
        return float(receive.recv()) if receive.poll(limit) else None
    finally:
        process.terminate()
        process.join()


def _unroll_in_child(steps: int, how: str, send: Any) -> None:
    import sympy as sp

    began = time.perf_counter()
    one, other = sp.zeros(2, 2), sp.zeros(2, 2)
    for i in range(steps):
        k, v = sp.Matrix(sp.symbols(f"k{i}_:2")), sp.Matrix(sp.symbols(f"v{i}_:2"))
        q = sp.Matrix(sp.symbols(f"q{i}_:2"))
        alpha, beta = sp.symbols(f"alpha{i} beta{i}")
        one = alpha * (one - beta * k * (k.T * one)) + beta * k * v.T
        other = alpha * other
        other = other + beta * k * (v.T - k.T * other)
    difference = (q.T * one - q.T * other).applyfunc(getattr(sp, how))
    assert difference == sp.zeros(1, 2)
    send.send(time.perf_counter() - began)
