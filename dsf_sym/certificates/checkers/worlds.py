"""The arrays in which step maps are checked: index terms, and exact entries at concrete sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from ...arithmetic.branches import Branched, Fork, Letter
from ...arithmetic.sparse import Sparse, SparseAlgebra
from ...arithmetic.universe import Universe
from ...automata.automaton import MOST_LETTERS, Automaton
from ...errors import Rejected
from ...index.atoms import Form, atom_form, input_atom
from ...index.terms import FormAlgebra
from ...language.evaluate import Algebra, Sizes, shape_of
from ...language.layer import Layer, Signal
from ...language.tensor import Function

Values = dict[str, Any]


@dataclass(frozen=True)
class World:
    """Arrays of one interpretation: tokens now and last, states of the source, and the starts."""

    algebra: Algebra[Any]
    now: Values
    last: Values
    state: Values
    start: Callable[[Layer], Values]


class _Forms(FormAlgebra):
    """Index terms, in which 1 / 0 is refused."""

    def function(self, node: Function, arg: Form) -> Form:
        if node.name == "inverse" and not arg.terms:
            raise ZeroDivisionError
        return super().function(node, arg)


def forms_world(source: Layer, target: Layer) -> World:
    """Index terms: what holds there holds at every size."""

    def form(s: Signal, time: int | None) -> Form:
        return atom_form(input_atom(s.name, s.dims, kind=s.kind, unit=s.domain.unit, time=time))

    signals = [s for layer in (source, target) for s in layer.signals if s.kind != "state"]
    now, last = (
        {s.name: form(s, time if s.kind == "token" else None) for s in signals} for time in (1, 0)
    )
    state = {s.name: form(s, None) for s in source.of_kind("state")}

    def start(layer: Layer) -> Values:
        return {
            s.name: now[layer.start[s.name]] if s.name in layer.start else Form(s.dims, {})
            for s in layer.of_kind("state")
        }

    return World(_Forms(), now, last, state, start)


def on_flags(world: World, source: Layer, target: Layer) -> Iterator[World]:
    """The world for every choice of the numbers of the token that have finitely many values."""
    flags = {
        s.name: s.domain.values
        for layer in (source, target)
        for s in layer.of_kind("token")
        if s.domain.values is not None and not s.dims
    }
    for chosen in product(*flags.values()):
        numbers = {n: Form((), {(): x} if x else {}) for n, x in zip(flags, chosen, strict=True)}
        yield replace(world, now={**world.now, **numbers})


def in_branches(
    source: Layer,
    target: Layer,
    sizes: Sizes,
    visit: Callable[[World, Universe], None],
    *,
    jumps: bool,
) -> None:
    """Visit exact symbols once for every sign that `visit` asks for; Rejected past the limit.

    jumps: whether a unit step is evaluated, so that a sign may also be 0.
    """
    waiting, done = _symbols(source, target, sizes).choices(poles=jumps), 0
    while waiting:
        letter, universe = waiting.pop(), Universe()
        try:
            world = entries_world(source, target, sizes, letter, universe, jumps=jumps)
            visit(world, universe)
            done += 1
        except Fork as fork:
            waiting += [letter | answer for answer in fork.answers]
        if done + len(waiting) > MOST_LETTERS:
            raise Rejected(f"the identities branch in more than {MOST_LETTERS} ways")


def entries_world(
    source: Layer,
    target: Layer,
    sizes: Sizes,
    letter: Letter,
    universe: Universe,
    *,
    jumps: bool = False,
) -> World:
    """Exact symbols on one letter; a state is positive where that is proved after a token."""
    symbols = _symbols(source, target, sizes).symbols(universe, letter)

    def start(layer: Layer) -> Values:
        return {
            s.name: symbols[layer.start[s.name]]
            if s.name in layer.start
            else Sparse(shape_of(s.dims, sizes), {})
            for s in layer.of_kind("state")
        }

    return World(
        SparseAlgebra(Branched(universe, letter, jumps), sizes),
        symbols,
        {name: symbols.get(f"last.{name}", x) for name, x in symbols.items()},
        {s.name: symbols[f"x.{s.name}"] for s in source.of_kind("state")},
        start,
    )


def _symbols(source: Layer, target: Layer, sizes: Sizes) -> Automaton:
    """Every signal, each token once more as the last one, and the states, as signals."""
    bounds = source.state_domains(source.open_denominators, moved=True)
    known = {s.name: s for x in (source, target) for s in x.signals if s.kind != "state"}
    last = [replace(s, name=f"last.{s.name}") for s in known.values() if s.kind == "token"]
    states = [
        replace(s, name=f"x.{s.name}", kind="token", domain=bounds[s.name])
        for s in source.of_kind("state")
    ]
    return Automaton((replace(source, signals=(*known.values(), *last, *states)),), sizes)
