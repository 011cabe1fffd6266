"""Whether every layer of one kind is a special case of another: containment.

A contains B when for all weights of B there are weights of A, and a memoryless map from B's token
to A's, inside the domains, such that the outputs agree for all lengths. Proved by maps found among
the expressions of B itself, refuted by an obstruction on B's minimal form, else undecided.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain, islice

from ..automata.automaton import Automaton
from ..automata.closure import check_memory
from ..derivation.affine import affine_layer
from ..errors import DsfError
from ..index.atoms import Form
from ..language.domains import Domain, Interval
from ..language.evaluate import Sizes
from ..language.layer import Layer, Signal
from ..language.ranges import outside
from ..language.spec import rebuild
from ..language.tensor import Number, Tensor, broadcast, text
from ..verdict import Question, Verdict
from .decide import compare, complete_sizes
from .intertwine import candidate_maps
from .obstruct import Known, find_obstruction
from .solve import MOST_TERMS, solutions
from .written import written

MOST_MAPS = 8
LONGEST = 60


def contains(
    a: Layer,
    b: Layer,
    *,
    sizes: Sizes | None = None,
    seed: int = 0,
    known: Known | None = None,
) -> Verdict:
    """Whether every `b` is an `a`, at the level of free signals.

    A proof holds for all sizes and gives the maps, as ties of a's signals; a refutation is at the
    given sizes (2 where not given). Raises NotAffine, SizeError.
    """
    began = time.perf_counter()
    for layer in (a, b):
        affine_layer(layer)
    at = complete_sizes([a, b], sizes)
    verdict = _by_maps(a, b, at, seed)
    if verdict is None:
        for x in (a, b):
            check_memory(Automaton((x,), {n: at[n] for n in x.sizes}))
        verdict = find_obstruction(a, b, at, seed, known or Known())
    if verdict is not None and verdict.status == "refuted":
        verdict = _in_closure(verdict, a, b, at, seed)
    if verdict is None:
        verdict = Verdict(
            Question(a.name, b.name, sense="contains"),
            "undecided",
            "no map was found among the expressions of the smaller layer",
            at,
            remains="a map of its tokens to those of the larger one (the search ends after "
            f"{MOST_TERMS} rewritten terms), or an obstruction to all maps",
        )
    return replace(verdict, seconds=time.perf_counter() - began)


def _by_maps(a: Layer, b: Layer, sizes: Sizes, seed: int) -> Verdict | None:
    """A proof by maps that solve the equations of the two steps."""
    own = {s.name for s in b.signals}
    single = frozenset(name for name, size in sizes.items() if size == 1)
    every = [_maps(a, b, frozenset()), *([_maps(a, b, single)] if single else [])]
    for maps in islice(chain(*every), MOST_MAPS):
        if a.name == b.name and any(n in own and text(x) != n for n, x in maps.items()):
            # A tie on "f.k" would tie both layers, and B is not to be restricted.
            continue
        given = [f"{a.name}.{name} = {text(value)}" for name, value in maps.items()]
        try:
            verdict = compare(a, b, given=given, sizes=sizes, seed=seed)
        except DsfError:
            continue
        if verdict.certificate is not None and not _forced(verdict):
            verdict.certificate["claim"]["sense"] = "contains"
            question = replace(verdict.question, sense="contains")
            return replace(verdict, question=question)
    return None


def _in_closure(refuted: Verdict, a: Layer, b: Layer, sizes: Sizes, seed: int) -> Verdict:
    """The refutation, saying so where the ends of intervals alone are to blame.

    B with its closed ends left out may be contained, or B in A with its open ends put in: then B
    is a limit of what A can be made into, as steps are continuous.
    """
    if any(Automaton((x,), {n: sizes[n] for n in x.sizes}).jumps for x in (a, b)):
        return refuted
    changes: list[tuple[list[Signal], Callable[[list[Signal]], Verdict | None]]] = [
        (_at_ends(b, True), lambda new: _by_maps(a, _with(b, new), sizes, seed)),
        (_at_ends(a, False), lambda new: _by_maps(_with(a, new), b, sizes, seed)),
    ]
    for (signals, ask), owner in zip(changes, (b, a), strict=True):
        verdict = ask(signals) if signals else None
        if verdict is None:
            continue
        for s in list(signals):
            fewer = [x for x in signals if x is not s]
            found = ask(fewer) if fewer else None
            signals, verdict = (signals, verdict) if found is None else (fewer, found)
        within = ", ".join(f"{owner.name}.{s.name} in {s.domain}" for s in signals)
        condition = f"in the closure: {within}, {', '.join(verdict.question.given)}"
        proof = f"{refuted.proof}; its closure does, by {within}"
        return replace(refuted, proof=proof, conditions=(condition,))
    return refuted


def _at_ends(layer: Layer, is_open: bool) -> list[Signal]:
    """The signals whose intervals change when their finite ends are all open, or all closed."""
    found = []
    for s in layer.signals:
        x = s.domain.interval
        new = Interval(x.low, x.high, x.low is None or is_open, x.high is None or is_open)
        if s.kind != "state" and not s.domain.unit and s.domain.values is None and new != x:
            found.append(replace(s, domain=Domain(new)))
    return found


def _with(layer: Layer, signals: list[Signal]) -> Layer:
    for s in signals:
        layer = layer.with_signal(s)
    return layer


def _forced(verdict: Verdict) -> bool:
    """Whether the verdict is no, or yes only on a part or under ties beyond the maps and sizes."""
    if verdict.question.domains:
        return True
    return verdict.status not in ("proved", "conditional") or any(
        ": size " not in condition for condition in verdict.conditions
    )


def _maps(a: Layer, b: Layer, single: frozenset[str]) -> Iterator[dict[str, Tensor]]:
    """Values of a's signals over b's that make the two steps equal, where some sizes are 1."""
    values: dict[tuple[str, Form], Tensor | None] = {}

    def value(s: Signal, form: Form) -> Tensor | None:
        if (s.name, form) not in values:
            values[s.name, form] = _value(s, form, b, single)
        return values[s.name, form]

    for states in candidate_maps(b, a):
        for found in solutions(a, b, states, lambda s, form: value(s, form) is not None, single):
            maps = {}
            for s in a.signals:
                if s.kind != "state":
                    chosen = value(s, found[s.name]) if s.name in found else _any(s)
                    if chosen is not None:
                        maps[s.name] = chosen
            if len(maps) == len(a.signals) - len(a.step):
                yield maps


def _any(s: Signal) -> Tensor | None:
    """A value of a signal that does not matter."""
    inside = [x for x in (0, 1, -1) if Fraction(x) in s.domain]
    return Number(Fraction(inside[0])) if inside and not s.domain.unit else None


def _value(s: Signal, form: Form, b: Layer, single: frozenset[str]) -> Tensor | None:
    """A form as the value of a signal of A: a tie that stays in its domain, or None."""
    if s.kind == "constant" and any(x.kind == "token" for x in form.atoms()):
        return None
    found = written(form)
    if found is not None and single:
        # A vector with one entry is written as the sum of its entries.
        thin = {x.name: x.tensor.sum() for x in b.signals if x.dims and set(x.dims) <= single}
        found = broadcast(rebuild([found], thin)[0], s.dims)
        if found.dims != s.dims:
            return None
    if found is None or len(text(found)) > LONGEST or "einsum" in text(found):
        return None
    try:
        return None if outside(found, s.domain, b.domains) else found
    except DsfError:
        return None
