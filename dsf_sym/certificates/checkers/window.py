"""A few tokens in exact symbols, and the coefficients of the Markov parameters of two layers there.

Shared by the checkers of conditions: free signals have values that fill an open set, so where two
layers agree for all of them every coefficient of the difference vanishes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import product

from ...arithmetic.poly import Frac, Poly, frac
from ...arithmetic.sparse import Sparse, SparseAlgebra
from ...arithmetic.universe import Universe
from ...automata.automaton import entry_name
from ...errors import Rejected
from ...language.domains import NEGATIVE, POSITIVE
from ...language.evaluate import Sizes, evaluate, shape_of
from ...language.graph import walk
from ...language.layer import Layer, Signal
from ...language.tensor import Input, Tensor
from .power_series import Series, SeriesRing

Index = tuple[int, ...]
Entry = tuple[str, Index, int | None]
Values = dict[str, Sparse]


@dataclass
class Window:
    """Consecutive tokens; each entry of a signal is a variable, of a constant the same at all.

    own: the variable of an entry as a scalar, by name, index and time, None for a constant.
    """

    layers: Sequence[Layer]
    sizes: Sizes
    bound: Sequence[str]
    length: int
    universe: Universe = field(default_factory=Universe)
    own: dict[Entry, Frac] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.signals = {s.name: s for x in self.layers for s in x.signals if s.kind != "state"}
        arrays: dict[tuple[str, int | None], Sparse] = {}
        for s in self.signals.values():
            for t in [None] if s.kind == "constant" else range(self.length):
                arrays[s.name, t] = self._array(s, t)
        self.tokens: list[Values] = [
            {name: array for (name, at), array in arrays.items() if at in (None, t)}
            for t in range(self.length)
        ]
        self.free = {
            v for at, x in self.own.items() if at[0] not in self.bound for v in x.variables()
        }

    def _array(self, s: Signal, time: int | None) -> Sparse:
        negative = s.domain.interval.within(NEGATIVE.interval)
        positive = negative or s.domain.interval.within(POSITIVE.interval)
        entries = {}
        for i in product(*map(range, shape_of(s.dims, self.sizes))):
            name = entry_name(s.name, i) + ("" if time is None else f"@{time}")
            v = self.universe.entry(name, constant=time is None, positive=positive)
            entries[i] = self.own[s.name, i, time] = -v if negative else v
        return Sparse(shape_of(s.dims, self.sizes), entries)

    @property
    def algebra(self) -> SparseAlgebra:
        """Arrays of exact scalars."""
        return SparseAlgebra(self.universe, self.sizes)

    def entries(self, time: int, names: Iterable[str], prefix: str = "") -> Values:
        """The entries of signals at a time, as scalars named `Delta[0]`."""
        return {
            prefix + entry_name(name, i): Sparse((), {(): x})
            for name in names
            for i, x in self.tokens[time][name].entries.items()
        }

    def value(self, graph: Tensor, inputs: Values) -> Frac:
        """A scalar expression over named entries."""
        for node in walk(graph):
            if isinstance(node, Input) and node.name not in inputs:
                raise Rejected(f"{node.name} is no entry that a relation may read")
        (made,) = evaluate([graph], inputs, self.algebra)
        value: Frac = made.entries.get((), frac(0))
        return value

    def rest(self, layer: Layer) -> Values:
        """The zero state."""
        return {s.name: Sparse(shape_of(s.dims, self.sizes), {}) for s in layer.of_kind("state")}

    def step(self, layer: Layer, time: int, state: Values, u: Sparse) -> list[Sparse]:
        """The new states and the output at a time, with an input put in."""
        return _step(layer, self.tokens[time], state, u, self.algebra)

    def response(self, layer: Layer, impulse: Index) -> Sparse:
        """The last output after a unit input at time 0."""
        return self._response(layer, impulse, self.tokens, self.algebra)

    def expanded(
        self, layer: Layer, impulse: Index, at: Entry, zero: list[Entry], order: int
    ) -> Sparse:
        """The same as power series in one free entry, others put to zero."""
        ring = SeriesRing(self.universe, order)
        gone = {v for key in (at, *zero) for v in self.own[key].variables()}
        if not gone <= self.free:
            raise Rejected("only free entries are expanded in or put to zero")
        for name in {at[0], *(key[0] for key in zero)}:
            own = self.signals[name].domain.interval
            # On the domain the outputs agree, and by continuity where it ends, but not beyond.
            if Fraction(0) not in replace(own, low_open=False, high_open=False):
                raise Rejected(f"{name} lies in {own}, and is put to zero")
        (small,) = self.own[at].variables()

        def series(x: Frac) -> Series:
            if x.variable() == small:
                return ring.times_small(frac(1))
            if x.variable() in gone:
                return ring.constant(frac(0))
            if any(self.reads(v) & gone for v in x.variables()):
                raise Rejected("a relation reads an entry that is expanded in")
            return ring.constant(x)

        tokens = [{n: x.map(series) for n, x in token.items()} for token in self.tokens]
        return self._response(layer, impulse, tokens, SparseAlgebra(ring, self.sizes))

    def _response(
        self, layer: Layer, impulse: Index, tokens: list[Values], algebra: SparseAlgebra
    ) -> Sparse:
        shape = shape_of(layer.signal(str(layer.input_name)).dims, self.sizes)
        if impulse not in product(*map(range, shape)):
            raise Rejected(f"the input has no entry {list(impulse)}")
        state = self.rest(layer)
        for t, token in enumerate(tokens):
            one = algebra.scalars.number(Fraction(1))
            u = Sparse(shape, {impulse: one} if t == 0 else {})
            *new, y = _step(layer, token, state, u, algebra)
            state = dict(zip(layer.step, new, strict=True))
        return y

    def coefficients(self, x: Frac) -> dict[tuple[tuple[int, int], ...], Poly]:
        """The numerator by monomials of free variables, which no function reads."""
        hidden = {v for v in x.variables() if v not in self.free and self.reads(v) & self.free}
        if hidden:
            raise Rejected("a free signal is inside a function")
        found: dict[tuple[tuple[int, int], ...], Poly] = {}
        for m, c in self.universe.reduce(x.num).terms.items():
            key = tuple((v, e) for v, e in m if v in self.free)
            rest = tuple((v, e) for v, e in m if v not in self.free)
            found[key] = found.get(key, Poly({})) + Poly({rest: c})
        return found

    def reads(self, v: int) -> set[int]:
        """A variable and all that it is a function of."""
        found: set[int] = set()
        stack = [v]
        while stack:
            here = stack.pop()
            if here in found:
                continue
            found.add(here)
            known = self.universe.variables[here]
            stack += [] if known.exponent is None else known.exponent.variables()
            stack += [] if known.square is None else known.square.variables()
        return found


def _step(
    layer: Layer, token: Values, state: Values, u: Sparse, algebra: SparseAlgebra
) -> list[Sparse]:
    inputs = {**token, **state, str(layer.input_name): u}
    return evaluate([*layer.step.values(), layer.output], inputs, algebra)


def entries_of(x: Sparse, y: Sparse) -> list[Frac]:
    """The differences of two arrays, entry by entry."""
    keys = x.entries.keys() | y.entries.keys()
    return [x.entries.get(i, frac(0)) - y.entries.get(i, frac(0)) for i in sorted(keys)]
