"""What holds for the outputs of a layer on every sequence of one or two tokens.

Each returns the property in words, or raises NoProperty. These are about outputs alone, so they
hold for whatever the layer is made into by weights and maps of tokens.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product

from ...arithmetic.poly import Frac, frac
from ...arithmetic.sparse import Sparse, SparseAlgebra
from ...arithmetic.universe import Universe
from ...automata.automaton import Action, Automaton, Branch, exact_action, start_vector, state_free
from ...derivation.affine import affine_layer
from ...errors import DomainError
from ...language.domains import Interval
from ...language.evaluate import Sizes, shape_of
from ...language.layer import Layer
from ...language.ranges import ranges
from ...language.tensor import Add, Function, Input, Tensor
from .everywhere import NoProperty, intervals_of, plus, renamed, times
from .signs import Signs

MOST_WORDS = 16
ABOVE_ZERO = Interval(low=Fraction(0))


def is_small(a: Layer, sizes: Sizes) -> int:
    """The number of states of a layer with an affine readout: tables have rank 1 more at most."""
    if affine_layer(a).denominator is not None:
        raise NoProperty(f"{a.name} is a ratio: its state does not bound the rank of its outputs")
    return Automaton((a,), sizes).width - 1


def leaves_one_direction(a: Layer, sizes: Sizes) -> str:
    """`y(s_0, s) - y(s)` is, for one s_0 and every s, a multiple of one vector."""
    if affine_layer(a).denominator is not None:
        raise NoProperty(f"{a.name} is a ratio")
    universe = Universe()
    automata = [Automaton((renamed(a, mark),), sizes) for mark in ("", "'", "''")]
    words = list(product(*(automaton.letters() for automaton in automata)))
    if len(words) > MOST_WORDS:
        raise NoProperty(f"{a.name}: a token branches in too many ways")
    for word in words:
        branches = [Branch(x, universe, y) for x, y in zip(automata, word, strict=True)]
        first, *later = [exact_action(branch) for branch in branches]
        if len(words) == 1 and _reads_alike(later[0], universe):
            continue
        start = start_vector(automata[0], branches[0].symbols, frac(1))
        left = first.step(start)
        for at, x in start.items():
            left[at] = left.get(at, frac(0)) - x
        p, q = (action.outputs(left)[0][0].entries for action in later)
        for i, j in combinations(sorted({*p, *q}), 2):
            minor = plus(
                times(p.get(i, frac(0)), q.get(j, frac(0))),
                times(p.get(j, frac(0)), -q.get(i, frac(0))),
            )
            if not universe.is_zero(minor):
                raise NoProperty(f"{a.name}: what a token leaves is read in several directions")
    return f"what one token leaves is read by all others of {a.name} in one direction"


def _reads_alike(action: Action, universe: Universe) -> bool:
    """Whether what multiplies the old state in the output depends on weights alone."""
    known = universe.variables
    columns = [action.outputs({j: frac(1)})[0][0] for j in range(action.automaton.width - 1)]
    entries = [x for column in columns for x in column.entries.values()]
    return all(known[v].constant for x in entries for v in x.variables())


def averages(a: Layer, sizes: Sizes) -> str:
    """`y(s_0, s_1)` lies, entry by entry, between `y(s_0)` and `y(s_1)`.

    For `y = N / D`: `N(s_0, s_1) - N(s_1) = W y(s_0)` with `W = D(s_0, s_1) - D(s_1) >= 0`, and
    D > 0. Functions of the token are unknowns of their own, in their ranges.
    """
    if affine_layer(a).denominator is None:
        raise NoProperty(f"{a.name} is no ratio")
    universe = Universe()
    intervals: dict[str, Interval] = {}
    first, later = (_relaxed(x, sizes, universe, intervals) for x in (renamed(a, "'"), a))
    signs = Signs(universe, intervals)
    start = start_vector(later.automaton, later.inputs, frac(1))
    (n0, d0), (n1, d1) = (action.outputs(start)[0] for action in (first, later))
    n01, d01 = later.outputs(first.step(start))[0]
    for i in product(*map(range, later.automaton.output_shape)):
        weight = plus(_entry(d01, i), -_entry(d1, i))
        known = signs.not_negative(weight) and all(signs.positive(_entry(x, i)) for x in (d0, d1))
        left = times(plus(_entry(n01, i), -_entry(n1, i)), _entry(d0, i))
        gap = plus(left, times(-weight, _entry(n0, i)))
        if not known or not universe.is_zero(gap):
            raise NoProperty(f"{a.name}: its output is not shown to be an average")
    return f"the output of {a.name} on two tokens lies between those on each of them"


def _entry(x: Sparse, i: tuple[int, ...]) -> Frac:
    found = x.entries.get(i if x.shape else ())
    return frac(0) if found is None else found


def _relaxed(a: Layer, sizes: Sizes, universe: Universe, intervals: dict[str, Interval]) -> Action:
    """The step where functions of the token, and positive sums of them, are unknowns."""
    automaton = Automaton((a,), sizes)
    constants = {s.name for s in a.of_kind("constant")}
    known: dict[Tensor, Sparse] = {}
    reads: dict[Tensor, set[str]] = {}
    functional: set[Tensor] = set()
    for at, node in enumerate(state_free(automaton)):
        own = {node.name} if isinstance(node, Input) else set()
        reads[node] = own.union(*(reads[c] for c in node.children))
        if not isinstance(node, Function) and not functional.intersection(node.children):
            continue
        functional.add(node)
        try:
            interval = ranges([node], a.domains)[node]
        except DomainError:
            interval = Interval()
        positive = interval.within(ABOVE_ZERO)
        if not isinstance(node, Function) and not (positive and isinstance(node, Add)):
            continue
        constant = reads[node] <= constants
        entries = {}
        for i in product(*map(range, shape_of(node.dims, sizes))):
            # No signal has this name: it is no identifier. Weights are the same at every token.
            owner = "" if constant else " of " + min(reads[node] - constants)
            name = f"node {at}{owner} at {i}"
            intervals[name] = interval
            entries[i] = universe.entry(name, constant=constant, positive=positive)
        known[node] = Sparse(shape_of(node.dims, sizes), entries)
    intervals |= intervals_of(a, sizes)
    return Action(automaton, SparseAlgebra(universe, sizes), automaton.symbols(universe, {}), known)
