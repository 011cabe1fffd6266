"""Exact points on the branches of conditions, and one beside them, where the layers differ.

From a random point the relations are solved for one signal of one token after another, as equations
that are affine in its entries; a step that leaves as many of them open as before is not taken. The
checker of agreements verifies what is found.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import chain
from typing import Any

from ..arithmetic.sparse import SparseAlgebra
from ..automata.automaton import Automaton
from ..automata.run import Values
from ..certificates.certificate import header
from ..certificates.checkers import recheck
from ..certificates.checkers.agreement import SENSE, Numbers, arrays, at_point, rational
from ..certificates.checkers.token_scalars import Equations, key_of
from ..deciding.decide import complete_sizes
from ..deciding.pairing import Pair
from ..deciding.witness import find_witness, random_values, refuted
from ..errors import DsfError
from ..index.atoms import ONE, Atom, Form
from ..index.forms import signal_atom
from ..verdict import Verdict
from .branches import Point
from .points import points_of, text
from .realising import coordinates, independent

TRIES, STEPS, SPREAD = 6, 8, 3
Relations = Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Branches:
    """The branches of two layers on a number of tokens.

    relations: for each the polynomials that vanish on it, as data.
    """

    both: Pair
    system: Equations
    length: int
    relations: Sequence[Relations]

    def point_on(self, which: int) -> Point | None:
        """A checked point on a branch, on no other and without zeros where one is found, or None.

        At sizes of 2, and then of up to the number of tokens: orthogonal keys need the room.
        """
        others = [x for i, x in enumerate(self.relations) if i != which]
        best, kept = (False, False), None
        for size in range(2, max(self.length, 2) + 1):
            for place in self._places(which, size):
                worth = (not any(map(place.on, others)), not place.vanishes)
                if kept is None or worth > best:
                    kept = self._checked(which, place, alone=worth[0]) or kept
                    best = worth
                if kept is not None and all(best):
                    return kept
        return kept

    def beside(self) -> Verdict | None:
        """Refuted, with tokens and inputs on which the outputs differ; None where none is found."""
        automaton = self._automaton(2)
        for length in range(1, self.length + 1):
            found = find_witness(automaton, length)
            if found is not None:
                return refuted(self.both, automaton, found, "a shortest sequence,")
        return None

    def _automaton(self, size: int) -> Automaton:
        layers = (self.both.a, self.both.b)
        names = {name for layer in layers for name in layer.sizes}
        return Automaton(layers, complete_sizes(list(layers), dict.fromkeys(names, size)))

    def _places(self, which: int, size: int) -> Iterator[_Place]:
        automaton, rng, wanted = self._automaton(size), random.Random(size), self.relations[which]
        drawn = (self._drawn(automaton, rng) for _ in range(TRIES))
        simple = points_of(automaton, self.length, seed=size, tries=TRIES)
        for constants, tokens in chain(drawn, simple):
            place: _Place | None = _Place(self.system, automaton, (*tokens, constants))
            try:
                for _ in range(STEPS):
                    if place is None or place.on(wanted):
                        break
                    place = place.nearer(wanted, rng)
                if place is not None and place.on(wanted):
                    yield place
            except (DsfError, ZeroDivisionError):
                continue

    def _drawn(self, automaton: Automaton, rng: random.Random) -> tuple[Values, list[Values]]:
        """A point of small numbers without zeros, where a domain has others."""
        constants = random_values(automaton, "constant", rng, SPREAD)
        return constants, [
            random_values(automaton, "token", rng, SPREAD) for _ in range(self.length)
        ]

    def _checked(self, which: int, place: _Place, *, alone: bool) -> Point | None:
        both, u = self.both, self.both.a.input_name
        *tokens, constants = place.values
        own = tuple({name: xs for name, xs in t.items() if name != u} for t in tokens)
        sizes = place.automaton.sizes
        data = header("agreement at a point", replace(both.question, sense=SENSE), both.a, both.b)
        data |= {"length": self.length, "sizes": sizes, "relations": self.relations[which]}
        data |= {"tokens": [text(t) for t in own], "constants": text(constants)}
        data["claim"]["lengths"] = self.length
        try:
            recheck(data)
        except DsfError:
            return None
        return Point(sizes, own, constants, alone, data)


@dataclass(frozen=True, eq=False)
class _Place:
    """Exact values of the tokens, and last of the weights."""

    system: Equations
    automaton: Automaton
    values: tuple[Values, ...]

    def on(self, relations: Relations) -> bool:
        """Whether the relations hold."""
        return self.still_open(relations) == 0

    @property
    def vanishes(self) -> bool:
        """Whether a signal is zero altogether, with which much agrees."""
        return any(not any(xs) for values in self.values for xs in values.values())

    def still_open(self, relations: Relations) -> int:
        """How many of the relations do not hold, entry by entry."""
        zero = self._algebra.scalars.is_zero
        return sum(not zero(x) for x in self._at(relations))

    def nearer(self, relations: Relations, rng: random.Random) -> _Place | None:
        """The place with one signal moved to where more of the relations hold."""
        signals, before = self.automaton.signals, self.still_open(relations)
        read = self._read(relations)
        movable = [
            (i, s.name)
            for i, values in enumerate(self.values)
            for s in map(signals.__getitem__, values)
            if signal_atom(s, i) in read and not s.domain.unit and s.domain.values is None
        ]
        for i, name in rng.sample(movable, len(movable)):
            try:
                moved = self._solved(relations, i, name)
                inside = all(x in signals[name].domain for x in moved.values[i][name])
                if inside and moved.still_open(relations) < before:
                    return moved
            except (DsfError, ZeroDivisionError):
                continue
        return None

    def _read(self, relations: Relations) -> set[Atom]:
        """The signals that the relations read, inside functions too."""
        keys = {str(key) for rows in relations for _, powers in rows for key, _ in powers}
        forms = [Form((), {m: ONE}) for m in self.system.unknowns if key_of(m) in keys]
        return set().union(*(form.atoms() for form in forms))

    @cached_property
    def _algebra(self) -> SparseAlgebra:
        return SparseAlgebra(Numbers(), self.automaton.sizes)

    def _at(self, relations: Relations) -> list[Any]:
        *tokens, constants = self.values
        known = arrays(self.system, tokens, constants, self._algebra)
        return at_point(self.system, relations, known, self._algebra)

    def _solved(self, relations: Relations, i: int, name: str) -> _Place:
        """The place where the relations hold, were they affine in the entries of one signal."""
        entries = self.values[i][name]
        here = list(map(rational, self._at(relations)))
        columns = []
        for j in range(len(entries)):
            beside = self._with(i, name, [x + (j == k) for k, x in enumerate(entries)])
            there = map(rational, beside._at(relations))
            columns.append([y - x for x, y in zip(here, there, strict=True)])
        # Relations that do not read the signal stay as they are.
        rows = [at for at, row in enumerate(zip(*columns, strict=True)) if any(row)]
        chosen = independent([[c[at] for at in rows] for c in columns]) if rows else []
        steps = coordinates(
            [[columns[j][at] for at in rows] for j in chosen], [-here[at] for at in rows]
        )
        by = dict(zip(chosen, steps, strict=True))
        return self._with(i, name, [x + by.get(k, 0) for k, x in enumerate(entries)])

    def _with(self, i: int, name: str, entries: list[Fraction]) -> _Place:
        values = {**self.values[i], name: entries}
        return replace(self, values=(*self.values[:i], values, *self.values[i + 1 :]))
