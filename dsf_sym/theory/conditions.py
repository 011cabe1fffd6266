"""Under which conditions two layers are equal: found lag by lag, then proved for all lengths.

"If": the relations are put into the layers, and equality is decided as ever, by an intertwiner, a
closed subspace or a step map in which the last token is what its successor says. "Only if": each
relation is forced by a coefficient of a Markov parameter that must vanish, see `necessary`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..automata.automaton import entry_name, unflat_index
from ..certificates.certificate import header
from ..certificates.checkers import recheck
from ..deciding.decide import complete_sizes, decide
from ..deciding.pairing import Pair, Ties, pair
from ..errors import DsfError, Rejected
from ..language.evaluate import Sizes, shape_of
from ..language.layer import Layer
from ..language.spec import serialise
from ..language.tensor import Tensor
from ..verdict import Verdict
from .equations import Equation, System, default_bound, require_known
from .reading import Reading, graph, pair_graph, pair_text
from .solving import Solution, Step, solve_lag

LAGS = 3


@dataclass(frozen=True)
class Branch:
    """One way for the layers to be equal.

    relations: in words, each at every token. verdict: proved or conditional where the layers are
    equal under them, for all lengths; undecided otherwise. necessary: the certificate that equality
    forces the relations, at its sizes, or None. left: equations that no rule solved. solved: what a
    relation between two tokens says of the later one. late: signals whose value at the first token
    is not forced.
    """

    relations: tuple[str, ...]
    verdict: Verdict
    necessary: dict[str, Any] | None
    left: tuple[str, ...] = ()
    solved: tuple[str, ...] = ()
    late: tuple[str, ...] = ()

    @property
    def sense(self) -> str:
        """Which directions are proved: "iff", "if", or "" for none."""
        if self.verdict.status not in ("proved", "conditional"):
            return ""
        return "iff" if self.necessary is not None or not self.relations else "if"

    @property
    def forced_at(self) -> str:
        """Where equality is shown to force the relations: at which sizes, after which token."""
        sizes = {} if self.necessary is None else self.necessary["sizes"]
        said = ", ".join(f"{k}={v}" for k, v in sizes.items())
        return f"{said}; {', '.join(self.late)} after the first token" if self.late else said


@dataclass(frozen=True)
class Conditions:
    """What is known of when `a` equals `b`.

    bound: the signals that conditions may tie; the others are free, and the statement is about all
    their values. branches: the ways to be equal. never: where there is none, the certificate that
    the equations contradict each other.
    """

    a: str
    b: str
    bound: tuple[str, ...]
    branches: tuple[Branch, ...]
    never: dict[str, Any] | None = None
    seconds: float = 0.0

    @property
    def status(self) -> str:
        """proved: equal as they are; conditional; refuted: never equal; or undecided."""
        if not self.branches:
            return "undecided" if self.never is None else "refuted"
        if any(not x.sense for x in self.branches):
            return "undecided"
        return "conditional" if all(x.relations for x in self.branches) else "proved"


def conditions(
    a: Layer,
    b: Layer,
    *,
    given: Ties = (),
    on: Sequence[str] = (),
    sizes: Sizes | None = None,
    seed: int = 0,
) -> Conditions:
    """The relations between weights and tokens under which two layers are equal.

    given: ties, see `compare`. on: the signals that may be tied, by default weights, gates and
    steps. Raises UnknownName, ShapeError, NotAffine, LanguageError for layers it is not made for.
    """
    began = time.perf_counter()
    both = pair(a, b, given)
    require_known(on, both.a, both.b)
    at = complete_sizes([both.a, both.b], sizes)
    system = System(both.a, both.b, at, tuple(on) or default_bound(both.a, both.b))
    system.require_linear()
    solutions = [Solution(system)]
    for lag in range(LAGS):
        solutions = [
            y for x in solutions for y in ([x] if x.left or x.never else solve_lag(x, lag))
        ]
    found = [_branch(both, x, seed) for x in solutions if x.never is None]
    branches = tuple({frozenset(x.relations): x for x in found}.values())
    names = (both.question.a, both.question.b)
    never = None if branches else _necessary(both, solutions[0])
    return Conditions(*names, system.bound, branches, never, time.perf_counter() - began)


def _branch(both: Pair, solution: Solution, seed: int) -> Branch:
    system = solution.system
    reading = Reading(system, solution)
    left = tuple(f"{x} = 0" for x in solution.left)
    if reading.relations is None:
        shown = tuple(f"{x} = {value}" for x, value in (*solution.now, *solution.before))
        verdict = _undecided(both, system, "the relations between entries have no common form")
        return Branch(shown, verdict, None, left)
    if left:
        verdict = _undecided(both, system, f"equations that no rule solves: {'; '.join(left)}")
        return Branch(reading.relations, verdict, None, left)
    try:
        tied = reading.tied(both)
        if solution.pairs:
            return _pairwise(both, tied, solution, reading.relations)
        verdict = decide(tied, system.sizes, history=reading.history, seed=seed)
    except DsfError as error:
        return Branch(reading.relations, _undecided(both, system, str(error)), None)
    forced = _necessary(both, solution)
    entries = system.entries([0])
    late = {
        entries[s.symbol].signal.name
        for s in solution.steps
        if s.time > 0 and entries[s.symbol].signal.kind == "token"
    }
    return Branch(
        reading.relations, verdict, forced, solved=reading.solved, late=tuple(sorted(late))
    )


def _pairwise(both: Pair, tied: Pair, solution: Solution, relations: tuple[str, ...]) -> Branch:
    """The branch of one relation between every two tokens, both directions in one certificate.

    relations: the others, which are put into `tied`; "only if" needs them forced too.
    """
    system, (r, *more) = solution.system, solution.pairs
    said = pair_text(system, r)
    relations = (*relations, said)
    proof = f"what a token writes meets every later token in {said}"
    data = header("pairwise", tied.question, tied.a, tied.b)
    kept = {s.name for layer in (tied.a, tied.b) for s in layer.signals}
    bound = [name for name in system.bound if name in kept]
    data |= {"sizes": system.sizes, "bound": bound}
    data["r"] = serialise({"r": pair_graph(system, r)})
    try:
        if more or solution.before:
            raise Rejected("more than one relation between tokens")
        recheck(data)
    except Rejected as error:
        return Branch(relations, _undecided(tied, system, str(error)), None)
    question = replace(tied.question, bridges=relations)
    verdict = Verdict(
        question, "conditional", proof, system.sizes, certificate=data, conditions=relations
    )
    forced = not solution.steps or _necessary(both, solution) is not None
    return Branch(relations, verdict, data if forced else None)


def _undecided(both: Pair, system: System, remains: str) -> Verdict:
    proof = "the Markov parameters were compared lag by lag"
    return Verdict(both.question, "undecided", proof, system.sizes, remains=remains)


def _necessary(both: Pair, solution: Solution) -> dict[str, Any] | None:
    """The checked certificate that equality forces the relations, or cannot be; or None."""
    if not solution.forced or not (solution.steps or solution.never):
        return None
    system = solution.system
    data = header("necessary", both.question, both.a, both.b)
    data |= {"sizes": system.sizes, "bound": list(system.bound)}
    data["steps"] = [_step(system, step) for step in solution.steps]
    if solution.never is not None:
        data["never"] = _place(system, solution.never)
    try:
        recheck(data)
    except Rejected:
        return None
    return data


def _step(system: System, step: Step) -> dict[str, Any]:
    entry = system.entries(range(step.equation.lag + 1))[step.symbol]
    return {
        **_place(system, step.equation),
        "signal": entry.signal.name,
        "index": list(entry.index),
        "time": step.time,
        "older": step.older,
        "value": serialise({"value": _scalar(system, step)}),
    }


def _place(system: System, equation: Equation) -> dict[str, Any]:
    """Which coefficient an equation is."""
    times = system.entries(range(equation.lag + 1))
    y, u = (
        shape_of(d, system.sizes)
        for d in (system.a.output.dims, system.a.signal(str(system.a.input_name)).dims)
    )
    return {
        "lag": equation.lag,
        "output": list(unflat_index(equation.row, y)),
        "input": list(unflat_index(equation.column, u)),
        "monomial": [
            [times[x].signal.name, list(times[x].index), times[x].time, power]
            for x, power in equation.monomial
        ],
    }


def _scalar(system: System, step: Step) -> Tensor:
    """A value over entries by name, `Delta[0]`, of the token that it reads."""
    entries = system.entries([1 if step.older else 0])
    return graph(step.value, {x: entry_name(e.signal.name, e.index) for x, e in entries.items()})
