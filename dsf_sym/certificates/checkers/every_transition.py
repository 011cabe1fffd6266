"""What holds for every transition Λ of a layer, as identities in the token: one function each.

Each returns the property in words, or raises NoProperty.
"""

from __future__ import annotations

from dataclasses import replace

from ...arithmetic.poly import Frac, frac
from ...arithmetic.universe import Universe
from ...automata.automaton import Automaton, Branch, exact_action
from ...errors import Rejected
from ...language.evaluate import Sizes
from ...language.layer import Layer
from ...language.spec import rebuild


class NoProperty(Rejected):
    """The property does not hold for all transitions of A, whatever B does."""


Transition = dict[tuple[int, int], Frac]


def _symbolic(a: Layer, sizes: Sizes, universe: Universe) -> list[Transition]:
    """Λ at a symbolic token, for every letter."""
    automaton = Automaton((a,), sizes)
    branches = [Branch(automaton, universe, letter) for letter in automaton.letters()]
    return [
        {
            (i, j): x
            for j in range(automaton.width - 1)
            for i, x in action.step({j: frac(1)}).items()
        }
        for action in map(exact_action, branches)
    ]


def _renamed(a: Layer) -> Layer:
    """The layer with a second set of tokens."""
    tokens = a.of_kind("token")
    new = {s.name: replace(s, name=f"{s.name}'") for s in tokens}
    roots = rebuild([*a.step.values(), a.output], {name: s.tensor for name, s in new.items()})
    return replace(
        a,
        signals=tuple(new.get(s.name, s) for s in a.signals),
        step=dict(zip(a.step, roots[:-1], strict=True)),
        output=roots[-1],
    )


def commutes(a: Layer, sizes: Sizes, states: int) -> str:
    """`Λ(s) Λ(s') = Λ(s') Λ(s)` for all tokens."""
    universe = Universe()
    for x in _symbolic(a, sizes, universe):
        for y in _symbolic(_renamed(a), sizes, universe):
            difference: dict[tuple[int, int], Frac] = {}
            for p, q, sign in ((x, y, 1), (y, x, -1)):
                for (i, j), c in p.items():
                    for (k, m), e in q.items():
                        if j == k:
                            term = c * e if sign > 0 else -(c * e)
                            at = (i, m)
                            difference[at] = difference[at] + term if at in difference else term
            if any(not universe.is_zero(v) for v in difference.values()):
                raise NoProperty(f"{a.name}: its transitions do not all commute")
    return f"all transitions of {a.name} commute"


def is_scalar(a: Layer, sizes: Sizes, states: int) -> str:
    """`Λ(s) = λ(s) I`."""
    universe = Universe()
    width = Automaton((a,), sizes).width - 1
    for x in _symbolic(a, sizes, universe):
        for i in range(width):
            for j in range(width):
                entry = x.get((i, j), frac(0)) - (x.get((0, 0), frac(0)) if i == j else frac(0))
                if not universe.is_zero(entry):
                    raise NoProperty(f"{a.name}: its transitions are not multiples of the identity")
    return f"every transition of {a.name} is a multiple of the identity"


def is_identity(a: Layer, sizes: Sizes, states: int) -> str:
    """`Λ(s) = I`."""
    universe = Universe()
    width = Automaton((a,), sizes).width - 1
    for x in _symbolic(a, sizes, universe):
        for i, j in {*x, *((i, i) for i in range(width))}:
            if not universe.is_zero(x.get((i, j), frac(0)) - frac(int(i == j))):
                raise NoProperty(f"{a.name}: its transitions are not the identity")
    return f"every transition of {a.name} is the identity"


def is_constant(a: Layer, sizes: Sizes, states: int) -> str:
    """Λ depends on weights alone."""
    universe = Universe()
    found = _symbolic(a, sizes, universe)
    if len(found) > 1 or any(
        not universe.variables[v].constant for x in found[0].values() for v in x.variables()
    ):
        raise NoProperty(f"{a.name}: its transitions change with the token")
    return f"the transition of {a.name} is the same for every token"


def is_positive(a: Layer, sizes: Sizes, states: int) -> str:
    """Λ is diagonal with positive entries."""
    universe = Universe()
    width = Automaton((a,), sizes).width - 1
    for x in _symbolic(a, sizes, universe):
        # An entry that is absent is zero: every one of the diagonal has to be there.
        for i, j in {*x, *((i, i) for i in range(width))}:
            if i != j or not universe.certainly_positive(x.get((i, j), frac(0))):
                raise NoProperty(f"{a.name}: its transitions are not positive diagonal matrices")
    return f"every eigenvalue of a transition of {a.name} is positive"


def is_small(a: Layer, sizes: Sizes, states: int) -> str:
    """The state has fewer entries than `states`."""
    own = Automaton((a,), sizes).width - 1
    if own >= states:
        raise NoProperty(f"{a.name}: its state has {own} entries, enough for {states}")
    return f"the state of {a.name} has {own} entries"
