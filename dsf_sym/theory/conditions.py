"""Under which conditions two layers are equal: found lag by lag, then proved for all lengths.

"If": the relations are put into the layers, and equality is decided as ever, by an intertwiner, a
closed subspace or a step map in which the last token is what its successor says. "Only if": each
relation is forced by a coefficient of a Markov parameter that must vanish, see `necessary`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..automata.automaton import entry_name, unflat_index
from ..certificates.certificate import header
from ..certificates.checkers import recheck
from ..deciding.decide import complete_sizes, decide
from ..deciding.pairing import Pair, Ties, pair
from ..errors import DsfError, LanguageError, Rejected
from ..language.evaluate import Sizes, shape_of
from ..language.layer import Layer
from ..language.spec import serialise
from ..language.tensor import Tensor
from ..verdict import Verdict
from .branches import Branch, Conditions
from .equations import Equation, Expression, System, default_bound, graph, require_known
from .gauges import ratio_maps
from .given_tokens import conditions_on
from .growth import growth
from .reading import Reading, pair_form, pair_graph, pair_text
from .solving import Solution, Step, solve_lag

LAGS = 3
MOST_SHOWN, LONGEST_SHOWN = 8, 400


def conditions(
    a: Layer,
    b: Layer,
    *,
    given: Ties = (),
    on: Sequence[str] = (),
    length: int | None = None,
    sizes: Sizes | None = None,
    seed: int = 0,
) -> Conditions:
    """The relations between weights and tokens under which two layers are equal.

    given: ties, see `compare`. on: the signals that may be tied, by default weights, gates and
    steps. length: ask about sequences of that many tokens, all of them given but the carried input.
    Raises UnknownName, ShapeError, NotAffine, LanguageError for layers it is not made for.
    """
    began = time.perf_counter()
    both = pair(a, b, given)
    if length is not None:
        if on:
            raise LanguageError(
                f"conditions(on={', '.join(on)}, length={length}): on a number of tokens every "
                "signal may be tied; leave on out"
            )
        return replace(conditions_on(both, length), seconds=time.perf_counter() - began)
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
    seconds = time.perf_counter() - began
    return Conditions(
        *names, system.bound, branches, never, bridges=both.question.bridges, seconds=seconds
    )


def _branch(both: Pair, solution: Solution, seed: int) -> Branch:
    system = solution.system
    reading = Reading(system, solution)
    if reading.relations is None:
        reading = replace(reading, single=True)
    left = _shown(solution.left)
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
            return _pairwise(both, tied, solution, reading)
        verdict = decide(tied, system.sizes, history=reading.history, seed=seed)
        maps = ratio_maps(tied, system.sizes) if reading.history else iter(())
        while verdict.status == "undecided" and (made := next(maps, None)) is not None:
            verdict = decide(tied, system.sizes, history=reading.history, maps=[made], seed=seed)
        if verdict.certificate is not None:
            verdict = replace(verdict, certificate=_under(verdict.certificate, reading))
    except DsfError as error:
        return Branch(reading.relations, _undecided(both, system, str(error)), None)
    forced = _necessary(both, solution)
    entries = system.entries([0])
    late = {
        entries[s.symbol].signal.name
        for s in solution.steps
        if s.time > 0 and entries[s.symbol].signal.kind == "token"
    }
    solved = tuple(y for x in reading.recurrences for y in x.solved)
    grown = tuple(y for x in reading.recurrences if (y := growth(x, system.signals)) is not None)
    return Branch(reading.relations, verdict, forced, (), solved, grown, tuple(sorted(late)))


def _shown(left: tuple[Expression, ...]) -> tuple[str, ...]:
    """Equations to go on with, the simplest first, without those too long to read."""
    said = sorted((f"{x} = 0" for x in left), key=lambda x: (len(x), x))
    short = [x for x in said[:MOST_SHOWN] if len(x) <= LONGEST_SHOWN] or said[:1]
    more = len(said) - len(short)
    return (*short, f"and {more} longer") if more else tuple(short)


def _under(data: dict[str, Any], reading: Reading) -> dict[str, Any]:
    """The certificate with the conditions on weights and single tokens in its claim."""
    return {**data, "claim": {**data["claim"], "relations": reading.as_data}}


def _pairwise(both: Pair, tied: Pair, solution: Solution, reading: Reading) -> Branch:
    """The branch of one relation between every two tokens, both directions in one certificate.

    The other relations are put into `tied`; "only if" needs them forced too.
    """
    system, (r, *more) = solution.system, solution.pairs
    said = pair_text(system, r)
    relations = (*(reading.relations or ()), said)
    proof = f"what a token writes meets every later token in {said}"
    data = header("pairwise", replace(tied.question, sense="iff"), tied.a, tied.b)
    kept = {s.name for layer in (tied.a, tied.b) for s in layer.signals}
    bound = [name for name in system.bound if name in kept]
    data["bound"] = bound
    for_all, at = pair_form(system, r), {"sizes": system.sizes}
    tried = [] if for_all is None else [{"r": serialise({"r": for_all})}]
    tried.append({"r": serialise({"r": pair_graph(system, r)}), **at})
    remains, proved = "more than one relation between tokens", None
    for proof_of in tried if not (more or solution.before) else ():
        try:
            recheck({**data, **proof_of})
            proved = {**data, **proof_of}
            break
        except Rejected as error:
            remains = str(error)
    if proved is None:
        return Branch(relations, _undecided(tied, system, remains), None)
    data = proved
    data = _under(data, reading)
    holds = (*both.question.bridges, *relations)
    question = replace(tied.question, sense="iff", bridges=holds)
    verdict = Verdict(
        question, "conditional", proof, data.get("sizes"), certificate=data, conditions=holds
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
    sense = "only if" if solution.never is None else "never"
    data = header("necessary", replace(both.question, sense=sense), both.a, both.b)
    data |= {"sizes": system.sizes, "bound": list(system.bound)}
    data["steps"] = [_step(system, step) for step in solution.steps]
    if solution.never is not None:
        outside = solution.outside
        place = _place(system, solution.never) if outside is None else _step(system, outside)
        data["never"] = place
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

    def entry(x: Expression) -> list[Any]:
        return [times[x].signal.name, list(times[x].index), times[x].time]

    expansion = equation.expansion
    expanded = (
        {}
        if expansion is None
        else {
            "in": entry(expansion.x),
            "zero": [entry(x) for x in expansion.zero],
            "order": expansion.order,
            "log": expansion.log,
        }
    )
    return {
        **expanded,
        "lag": equation.lag,
        "output": list(unflat_index(equation.row, y)),
        "input": list(unflat_index(equation.column, u)),
        "monomial": [[*entry(x), power] for x, power in equation.monomial],
    }


def _scalar(system: System, step: Step) -> Tensor:
    """A value over entries by name, `Delta[0]`, of the token that it reads."""
    entries = system.entries([1 if step.older else 0])
    return graph(step.value, {x: entry_name(e.signal.name, e.index) for x, e in entries.items()})
