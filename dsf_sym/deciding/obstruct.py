"""Search for an obstruction: a property of all that A can be made into, and B's tokens without it.

Everything found is verified by the checker. What is known of a layer is kept in a `Known` that the
caller may share among questions.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from itertools import product
from typing import Any, TypeVar

from ..automata.automaton import Automaton
from ..automata.run import Values
from ..certificates.certificate import header, layer_from_spec
from ..certificates.checkers import recheck
from ..certificates.checkers.everywhere import Everywhere, NoProperty
from ..certificates.checkers.exact import Exact, exact, joined
from ..certificates.checkers.obstruction import OF_FORM, OF_OUTPUT, RANK
from ..derivation.affine import affine_layer
from ..errors import DsfError, Rejected
from ..language.evaluate import Sizes
from ..language.layer import Layer, Signal
from ..verdict import Question, Verdict
from .tables import find_table
from .witness import random_values

SIMPLE_TOKENS, GENERAL_TOKENS, TABLE_TOKENS = 9, 9, 4
SIMPLE = tuple(Fraction(x) for x in ("0", "1", "-1", "2", "1/2"))
Key = tuple[object, ...]
Found = TypeVar("Found")


@dataclass
class Known:
    """What was found of layers at sizes, for questions asked with the same seed."""

    found: dict[Key, Any] = field(default_factory=dict)

    def get(self, key: Key, make: Callable[[], Found]) -> Found:
        """The value of a key, made at the first call."""
        if key not in self.found:
            self.found[key] = make()
        value: Found = self.found[key]
        return value


def find_obstruction(a: Layer, b: Layer, sizes: Sizes, seed: int, known: Known) -> Verdict | None:
    """A refutation of "every b is an a" at these sizes, or None."""
    for kind, data in _candidates(a, b, sizes, seed, known):
        question = Question(a.name, b.name, sense="contains")
        whole = header("obstruction", question, a, b)
        whole |= {"sizes": sizes, "kind of obstruction": kind, **data}
        try:
            said = recheck(whole)
        except (Rejected, ZeroDivisionError):
            continue
        return Verdict(question, "refuted", said, sizes, certificate=whole)
    return None


def _candidates(
    a: Layer, b: Layer, sizes: Sizes, seed: int, known: Known
) -> Iterator[tuple[str, dict[str, Any]]]:
    ours, theirs = (_drawn(x, sizes, seed, known) for x in (a, b))
    states = theirs.states
    weights = range(len(theirs.constants))

    def table(at: int, size: int) -> dict[str, Any] | None:
        return known.get((RANK, at, size, *theirs.key), lambda: theirs.table(at, size))

    affine = [affine_layer(x).denominator is None for x in (a, b)]
    if affine[0] and (not affine[1] or ours.states < states):
        for at in weights:
            found = table(at, ours.states + 2)
            if found is not None:
                yield RANK, {"table": found}
    for kind, at in product(OF_FORM if all(affine) else (), weights):
        if not _holds(ours, kind, states, known):
            continue
        tokens = _breaking(theirs, at, kind, known)
        found = None if tokens is None else table(at, states + 1)
        if found is not None:
            constants = _text(theirs.constants[at])
            yield kind, {"table": found, "constants": constants, "tokens": tokens}
    for kind, about in OF_OUTPUT.items():
        if _broken(ours, kind, known):
            continue
        layer = layer_from_spec(a.spec)
        if known.get((kind, *ours.key), partial(_has, about.holds, layer, ours.sizes)):
            for at in weights:
                tokens = _breaking(theirs, at, kind, known)
                if tokens is not None:
                    yield kind, {"constants": _text(theirs.constants[at]), "tokens": tokens}


def _drawn(layer: Layer, sizes: Sizes, seed: int, known: Known) -> _Draws:
    own = {n: sizes[n] for n in layer.sizes}
    key = ("draws", layer.hash, tuple(own.items()), seed)
    return known.get(key, lambda: _Draws(layer, own, seed))


def _breaking(
    drawn: _Draws, weights: int, kind: str, known: Known
) -> list[dict[str, list[str]]] | None:
    """Tokens at which a layer lacks a property."""
    search = drawn.breaking if kind in OF_FORM else drawn.beyond
    return known.get((kind, weights, *drawn.key), partial(search, weights, kind))


def _broken(drawn: _Draws, kind: str, known: Known) -> bool:
    """Whether drawn tokens show that a layer lacks a property: far cheaper than that it has it."""
    weights = range(len(drawn.constants))
    return any(_breaking(drawn, at, kind, known) is not None for at in weights)


def _holds(ours: _Draws, kind: str, states: int, known: Known) -> bool:
    """Whether all forms of A have a property, beside a layer with so many states."""
    # What fails on all of more states may hold on fewer.
    if ours.states >= states and _broken(ours, kind, known):
        return False
    everywhere = known.get(("everywhere", *ours.key), lambda: Everywhere(ours.layer, ours.sizes))
    holds = partial(_has, OF_FORM[kind].holds, everywhere, states)
    return known.get((kind, "of all", states, *ours.key), holds)


def _has(holds: Callable[..., object], *arguments: object) -> bool:
    try:
        holds(*arguments)
    except (NoProperty, DsfError):
        return False
    return True


class _Draws:
    """Weights and tokens of a layer to try: random, at closed ends of domains, and simple ones."""

    def __init__(self, layer: Layer, sizes: Sizes, seed: int) -> None:
        self.layer, self.sizes, rng = layer, sizes, random.Random(seed)
        self.key = (layer.hash, tuple(sizes.items()), seed)
        self.automaton = automaton = Automaton((layer,), sizes)
        self.states = automaton.width - 1
        self.forms: dict[tuple[int, int], Exact] = {}

        def draw(kind: str, mix: Callable[[Signal, Fraction], Fraction]) -> Values:
            values = random_values(automaton, kind, rng, 6)
            for s in automaton.signals.values():
                if s.kind == kind and not s.domain.unit:
                    values[s.name] = [mix(s, x) for x in values[s.name]]
                elif s.kind == kind:
                    values[s.name] = mix_unit(values[s.name])
            return values

        def mix_unit(x: list[Fraction]) -> list[Fraction]:
            return x if rng.random() < 0.5 else [Fraction(int(i == 0)) for i in range(len(x))]

        def at_end(s: Signal, x: Fraction) -> Fraction:
            end = _end(s)
            return x if end is None else end

        def simple(s: Signal, x: Fraction) -> Fraction:
            inside = [y for y in SIMPLE if y in s.domain]
            return rng.choice([x, at_end(s, x), *inside[:2], *inside])

        weights = [draw("constant", lambda s, x: x)]
        if any(_end(s) is not None for s in layer.of_kind("constant")):
            weights.append(draw("constant", at_end))
        self.constants = weights
        self.tokens = [draw("token", lambda s, x: x) for _ in range(TABLE_TOKENS)]
        self.tokens += [draw("token", at_end) for _ in range(2)]
        self.tokens += [draw("token", simple) for _ in range(SIMPLE_TOKENS)]
        # What needs many tokens at once needs most of them in general position.
        self.tokens += [draw("token", lambda s, x: x) for _ in range(GENERAL_TOKENS)]

    def table(self, weights: int, size: int) -> dict[str, Any] | None:
        """A nonsingular table of outputs at these weights."""
        tokens, constants = self.tokens[:TABLE_TOKENS], self.constants[weights]
        ratio = affine_layer(self.layer).denominator is not None
        forms = None if ratio else joined([self.at(weights, i) for i in range(TABLE_TOKENS)])
        return find_table(self.layer, self.sizes, size, tokens, constants, forms)

    def at(self, weights: int, token: int) -> Exact:
        """The form at one token, evaluated once."""
        if (weights, token) not in self.forms:
            found = exact(self.automaton, [self.tokens[token]], self.constants[weights])
            self.forms[weights, token] = found
        return self.forms[weights, token]

    def breaking(self, weights: int, kind: str) -> list[dict[str, list[str]]] | None:
        """Tokens at which a property of forms fails."""
        about = OF_FORM[kind]
        return self._first(
            about.tokens,
            lambda at: about.fails(joined([self.at(weights, i) for i in at])),
        )

    def beyond(self, weights: int, kind: str) -> list[dict[str, list[str]]] | None:
        """Tokens at which a property of outputs fails."""
        about, constants = OF_OUTPUT[kind], self.constants[weights]
        return self._first(
            about.tokens,
            lambda at: about.fails(self.layer, self.sizes, [self.tokens[i] for i in at], constants),
        )

    def _first(
        self, count: int, fails: Callable[[range], str]
    ) -> list[dict[str, list[str]]] | None:
        for first in range(len(self.tokens) - count + 1):
            at = range(first, first + count)
            try:
                fails(at)
            except (Rejected, ZeroDivisionError):
                continue
            return [_text(self.tokens[i]) for i in at]
        return None


def _end(s: Signal) -> Fraction | None:
    """A closed end of the signal's interval, the upper one first."""
    interval = s.domain.interval
    ends = (interval.high, interval.low)
    return next((end for end in ends if end is not None and end in s.domain), None)


def _text(values: Values) -> dict[str, list[str]]:
    return {name: [str(x) for x in xs] for name, xs in values.items()}
