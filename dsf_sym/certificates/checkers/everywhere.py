"""A layer at symbolic tokens: Λ and b of `h_i = Λ h_{i-1} + b`, and the signs of its unknowns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import prod

from ...arithmetic.branches import Letter
from ...arithmetic.poly import Frac, Poly, frac
from ...arithmetic.universe import Universe
from ...automata.automaton import Action, Automaton, Branch, entry_name, exact_action
from ...errors import Rejected
from ...language.domains import Interval
from ...language.evaluate import Sizes, shape_of
from ...language.layer import Layer
from ...language.spec import rebuild
from .signs import Signs

Matrix = dict[tuple[int, int], Frac]
MOST_TERMS = 600


class NoProperty(Rejected):
    """The property does not hold for all tokens of A, whatever B does."""


def times(x: Frac, y: Frac) -> Frac:
    """The product; NoProperty where it would be too long to write out."""
    _bound([x.top, y.top])
    return x * y


def plus(x: Frac, y: Frac) -> Frac:
    """The sum; NoProperty where it would be too long to write out."""
    _, left, right = x.over(y)
    for z, powers in ((x, left), (y, right)):
        _bound([z.top, *(f for f, e in powers.items() for _ in range(e))])
    return x + y


def _bound(factors: list[Poly]) -> None:
    if prod(len(f.terms) for f in factors) > MOST_TERMS:
        raise NoProperty(f"an identity of more than {MOST_TERMS} terms is not written out")


@dataclass(frozen=True, eq=False)
class Form:
    """Λ, b and the readout (r, e) at a symbolic token of one letter, and their unknowns' signs."""

    action: Action
    signs: Signs

    @cached_property
    def transition(self) -> Matrix:
        """The matrix Λ."""
        columns = [self.action.step({j: frac(1)}) for j in range(self._last)]
        return {(i, j): x for j, column in enumerate(columns) for i, x in column.items()}

    @cached_property
    def write(self) -> dict[int, Frac]:
        """The offset b."""
        after = self.action.step({self._last: frac(1)})
        return {i: x for i, x in after.items() if i != self._last}

    @cached_property
    def readout(self) -> Matrix:
        """r, and e as its last column."""
        places = list(product(*map(range, self.action.automaton.output_shape)))
        shown = [self.action.outputs({j: frac(1)})[0][0] for j in range(self._last + 1)]
        return {(places.index(i), j): x for j, y in enumerate(shown) for i, x in y.entries.items()}

    @property
    def _last(self) -> int:
        return self.action.automaton.width - 1


@dataclass(frozen=True, eq=False)
class Everywhere:
    """A layer with an affine readout at symbolic tokens, each part computed once."""

    layer: Layer
    sizes: Sizes

    @cached_property
    def universe(self) -> Universe:
        """The unknowns."""
        return Universe()

    @cached_property
    def states(self) -> int:
        """The entries of the state."""
        return Automaton((self.layer,), self.sizes).width - 1

    @cached_property
    def forms(self) -> list[Form]:
        """One for each letter."""
        return self.forms_of(self.layer)

    def forms_of(self, layer: Layer) -> list[Form]:
        """The same for this layer with other names of its tokens."""
        automaton = Automaton((layer,), self.sizes)
        intervals = intervals_of(layer, self.sizes)
        found = []
        # What is positive all around the pole of a sphere may be 0 at it.
        for letter in automaton.letters(poles=True):
            branch = Branch(automaton, self.universe, letter)
            action = exact_action(branch)
            found.append(Form(action, Signs(self.universe, on_letter(intervals, letter))))
        return found


def blocks(entries: Iterable[tuple[int, int]], size: int) -> list[list[int]]:
    """The coordinates in groups that no entry joins."""
    groups = [{i} for i in range(size)]
    for pair in entries:
        met = [g for g in groups if g & set(pair)]
        groups = [g for g in groups if not g & set(pair)] + [set().union(*met)]
    return sorted(sorted(g) for g in groups)


def intervals_of(layer: Layer, sizes: Sizes) -> dict[str, Interval]:
    """Where each entry of a token or weight lies, by its name."""
    return {
        entry_name(s.name, i): s.domain.interval
        for s in layer.signals
        if s.kind != "state"
        for i in product(*map(range, shape_of(s.dims, sizes)))
    }


def on_letter(intervals: dict[str, Interval], letter: Letter) -> dict[str, Interval]:
    """The intervals with the signs that a letter gives to entries: where 0 is, it may stay."""
    zero = Fraction(0)
    halves = {1: Interval(low=zero, low_open=False), -1: Interval(high=zero, high_open=False)}
    return {
        name: x.meet(halves[letter[f"sign of {name}"]])
        if letter.get(f"sign of {name}") in halves
        else x
        for name, x in intervals.items()
    }


def renamed(a: Layer, mark: str) -> Layer:
    """The layer with a further set of tokens, their names marked."""
    new = {s.name: replace(s, name=s.name + mark) for s in a.of_kind("token")}
    roots = rebuild([*a.step.values(), a.output], {name: s.tensor for name, s in new.items()})
    return replace(
        a,
        signals=tuple(new.get(s.name, s) for s in a.signals),
        step=dict(zip(a.step, roots[:-1], strict=True)),
        output=roots[-1],
    )
