"""Layers at concrete sizes as one weighted automaton: x = (h_1; h_2; ...; 1), tokens as letters.

`J(s) x` and the outputs are evaluated from the expression graph, exactly over fractions of
polynomials (`Exact`) or at random points modulo a prime (`Modular`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import islice, product
from math import prod
from typing import Any

from ..arithmetic.branches import Branched, Fork, Letter, Named, is_named, named
from ..arithmetic.poly import Frac, frac, power
from ..arithmetic.sparse import Sparse, SparseAlgebra, from_flat
from ..arithmetic.universe import Universe
from ..derivation.affine import Affine, AffineLayer, affine_layer, common_readouts
from ..errors import DomainError, SizeError
from ..language.domains import POSITIVE
from ..language.evaluate import Sizes, evaluate, shape_of
from ..language.graph import reading, walk
from ..language.layer import Layer, Signal
from ..language.tensor import Function, Tensor

MOST_LETTERS = 1024
Vector = dict[int, Any]


@dataclass(frozen=True)
class Slot:
    """Where a state of a layer sits in the joint vector."""

    layer: int
    name: str
    shape: tuple[int, ...]
    offset: int


@dataclass(frozen=True)
class Automaton:
    """One or more layers over the same tokens; the last coordinate of the state is always 1."""

    layers: tuple[Layer, ...]
    sizes: Sizes

    @cached_property
    def parts(self) -> list[AffineLayer]:
        """Each layer split into linear parts and offsets; beside a ratio every output is one."""
        return common_readouts([affine_layer(layer) for layer in self.layers])

    @cached_property
    def signals(self) -> dict[str, Signal]:
        """Tokens and constants of all layers by name."""
        return {s.name: s for layer in self.layers for s in layer.signals if s.kind != "state"}

    @cached_property
    def slots(self) -> list[Slot]:
        """The states in the order of the joint vector, row-major."""
        out, offset = [], 0
        for i, layer in enumerate(self.layers):
            for state in layer.of_kind("state"):
                shape = shape_of(state.dims, self.sizes)
                out.append(Slot(i, state.name, shape, offset))
                offset += prod(shape)
        return out

    @property
    def width(self) -> int:
        """The dimension of the joint vector, its constant coordinate included."""
        return 1 + sum(prod(slot.shape) for slot in self.slots)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the output, the same for all layers."""
        return shape_of(self.layers[0].output.dims, self.sizes)

    @cached_property
    def jumps(self) -> bool:
        """Whether a layer has a unit step, which jumps where its argument is zero."""
        return "step" in self.functions

    @cached_property
    def functions(self) -> set[str]:
        """The names of the functions that the layers apply."""
        roots = [x for layer in self.layers for x in (*layer.step.values(), layer.output)]
        return {n.name for n in walk(*roots) if isinstance(n, Function)}

    @cached_property
    def _letters(self) -> list[Letter]:
        return self.letters(poles=self.jumps)

    def letters(self, *, poles: bool | None = None) -> list[Letter]:
        """The branches of a token: a unit vector of size 1 is +1 or -1, relu is x or 0.

        poles: see `choices`; by default where a unit step could tell them from points nearby.
        """
        if poles is None:
            return self._letters
        out: list[Letter] = []
        open_ones = self.choices(poles=poles)[::-1]
        while open_ones:
            letter = open_ones.pop()
            try:
                Branch(self, Universe(), letter).functions  # noqa: B018
                out.append(letter)
            except Fork as fork:
                open_ones += [letter | answer for answer in fork.answers]
            except ZeroDivisionError:
                # Where 1 + x is 0 no token has a value of 1 / (1 + x): there is no such letter.
                if not any(answer == 0 for answer in letter.values()):
                    raise
            if len(out) + len(open_ones) > MOST_LETTERS:
                raise self._too_many("token")
        return out

    def choices(self, *, poles: bool) -> list[Letter]:
        """The letters before any sign is asked for: tokens that have finitely many values.

        poles: the one point of each sphere that its parameters leave out is a letter too. What is
        continuous needs none.
        """
        found: list[Letter] = [{k: named(x) for k, x in c.items()} for c in self._choices("token")]
        for s in self.signals.values():
            shape = shape_of(s.dims, self.sizes)
            if poles and _is_sphere(s, prod(shape)) and all(x in s.domain for x in _pole(shape)):
                found = [{**c, **at} for c in found for at in ({}, {_pole_of(s): 1})]
        return found

    def signs(self) -> list[dict[str, Fraction]]:
        """The values of constants that have finitely many, by entry: they stay, so no letters."""
        return self._choices("constant")

    def _choices(self, kind: str) -> list[dict[str, Fraction]]:
        """Every choice of the entries that have finitely many values; DomainError for none."""
        found: list[dict[str, Fraction]] = [{}]
        for s in self.signals.values():
            shape = shape_of(s.dims, self.sizes)
            points = s.domain.points(prod(shape)) if s.kind == kind else None
            if s.domain.is_empty(prod(shape)):
                raise DomainError(
                    f"{' and '.join(x.name for x in self.layers)}: no value of {s} exists at "
                    f"{', '.join(f'{k}={v}' for k, v in self.sizes.items())}, so every comparison "
                    "would hold vacuously"
                )
            if points is None:
                continue
            names = [entry_name(s.name, i) for i in product(*map(range, shape))]
            own = list(islice(points, MOST_LETTERS + 1))
            if len(own) * len(found) > MOST_LETTERS:
                raise self._too_many(kind)
            found = [f | dict(zip(names, x, strict=True)) for f in found for x in own]
        return found

    def _too_many(self, kind: str) -> SizeError:
        names = " and ".join(x.name for x in self.layers)
        sizes = ", ".join(f"{k}={v}" for k, v in self.sizes.items())
        what = (
            f"branch in more than {MOST_LETTERS} ways a token (relu, elu, max, abs, where and "
            "flags of each entry)"
            if kind == "token"
            else f"have more than {MOST_LETTERS} choices of their constants (flags of each entry)"
        )
        return SizeError(f"{names} at {sizes} {what}; take smaller sizes")

    def symbols(self, universe: Universe, letter: Letter) -> dict[str, Sparse]:
        """Every signal with a variable for each entry; unit vectors by stereographic projection."""
        known: dict[str, Frac] = {}
        for s in self.signals.values():
            for name in self._unknowns(s):
                count = prod(shape_of(s.dims, self.sizes))
                values = s.domain.choices(count)
                fixed = s.kind == "constant"
                if values is not None and fixed:
                    known[name] = universe.choice(name, values)
                elif name not in letter:
                    positive = s.domain.interval.within(POSITIVE.interval)
                    known[name] = universe.entry(name, constant=fixed, positive=positive)
        for name in reversed([name for name, x in letter.items() if is_named(x)]):
            # What was solved for last is read by what was solved for before.
            known[name] = _value(letter[name], known)
        return {
            s.name: from_flat(shape, [frac(int(x)) for x in _pole(shape)])
            if _pole_of(s) in letter
            else self._symbol(s, known)
            for s in self.signals.values()
            for shape in [shape_of(s.dims, self.sizes)]
        }

    def _unknowns(self, s: Signal) -> list[str]:
        """The entries of a signal by name, or the parameters of a unit vector."""
        shape = shape_of(s.dims, self.sizes)
        if _is_sphere(s, prod(shape)):
            return [f"{s.name}<{i}>" for i in range(shape[0] - 1)]
        return [entry_name(s.name, i) for i in product(*map(range, shape))]

    def _symbol(self, s: Signal, known: dict[str, Frac]) -> Sparse:
        shape = shape_of(s.dims, self.sizes)
        values = [known[name] for name in self._unknowns(s)]
        if _is_sphere(s, prod(shape)):
            values = _on_sphere(values)
        return from_flat(shape, values)


def _is_sphere(s: Signal, count: int) -> bool:
    return s.domain.unit and s.domain.choices(count) is None


def _pole_of(s: Signal) -> str:
    """What a letter calls the pole of a unit vector."""
    return f"pole of {s.name}"


def _pole(shape: tuple[int, ...]) -> list[Fraction]:
    """The point of the sphere that no finite parameters give."""
    return [Fraction(0)] * (prod(shape) - 1) + [Fraction(-1)]


def _value(x: Named, known: dict[str, Frac]) -> Frac:
    total = frac(0)
    for c, powers in x:
        term = frac(c)
        for name, e in powers:
            term = term * power(known[name], e)
        total = total + term
    return total


def entry_name(name: str, index: Sequence[int]) -> str:
    """The name of an entry in certificates and messages: `k[0]`, or the name of a scalar."""
    return f"{name}[{','.join(map(str, index))}]" if index else name


def _on_sphere(t: list[Frac]) -> list[Frac]:
    """The point of the unit sphere with these parameters: stereographic projection."""
    square = sum((x * x for x in t), start=frac(0))
    norm = (frac(1) + square).inverse()
    return [*((x + x) * norm for x in t), (frac(1) - square) * norm]


@dataclass(frozen=True)
class Branch:
    """The automaton on one letter: exact symbols of all signals and of every function node."""

    automaton: Automaton
    universe: Universe
    letter: Letter

    @cached_property
    def symbols(self) -> dict[str, Sparse]:
        """The signals."""
        return self.automaton.symbols(self.universe, self.letter)

    @cached_property
    def functions(self) -> dict[Tensor, Sparse]:
        """The exact value of every function node, in generators."""
        roots = [root for part in self.automaton.parts for root in roots_of(part)]
        nodes = [n for n in walk(*roots) if isinstance(n, Function)]
        scalars = Branched(self.universe, self.letter, self.automaton.jumps)
        algebra = SparseAlgebra(scalars, self.automaton.sizes)
        return dict(zip(nodes, evaluate(nodes, self.symbols, algebra), strict=True))

    @cached_property
    def variables(self) -> list[int]:
        """The variables of tokens, constants and generators."""
        arrays = [*self.symbols.values(), *self.functions.values()]
        return sorted({v for a in arrays for x in a.entries.values() for v in x.variables()})


def roots_of(part: AffineLayer) -> list[Tensor]:
    """The linear parts and offsets of a layer's states and output."""
    affines = [*part.step.values(), *part.readouts]
    return [x for a in affines for x in (a.linear, a.offset) if x is not None]


class Action:
    """`J(s)` and the readouts at one token, over any array algebra with sparse tables.

    inputs: the signals; known: nodes that already have values.
    """

    def __init__(
        self,
        automaton: Automaton,
        algebra: SparseAlgebra,
        inputs: dict[str, Sparse],
        known: dict[Tensor, Sparse],
    ) -> None:
        self.automaton, self.algebra, self.inputs = automaton, algebra, inputs
        free = state_free(automaton)
        self.known = dict(zip(free, evaluate(free, inputs, algebra, known), strict=True))

    def _layer_values(
        self, i: int, x: Vector, which: Callable[[AffineLayer], list[Affine]]
    ) -> list[Sparse]:
        part = self.automaton.parts[i]
        states = {}
        for slot in self.automaton.slots:
            if slot.layer == i:
                size = prod(slot.shape)
                here = {k - slot.offset: v for k, v in x.items() if 0 <= k - slot.offset < size}
                states[slot.name] = Sparse(
                    slot.shape, {unflat_index(k, slot.shape): v for k, v in here.items()}
                )
        affines = which(part)
        linear = [a.linear for a in affines if a.linear is not None]
        values = iter(evaluate(linear, states, self.algebra, self.known))
        weight = x.get(self.automaton.width - 1)
        out = []
        for a in affines:
            total = next(values) if a.linear is not None else None
            if a.offset is not None and weight is not None:
                offset = self.known[a.offset].map(lambda y: y * weight)
                total = offset if total is None else self.algebra.add([total, offset], ())
            out.append(total if total is not None else Sparse((), {}))
        return out

    def step(self, x: Vector) -> Vector:
        """J(s) x."""
        out: Vector = {}
        for i, part in enumerate(self.automaton.parts):
            names = list(part.step)
            values = self._layer_values(i, x, lambda p: list(p.step.values()))
            for slot in self.automaton.slots:
                if slot.layer == i:
                    value = values[names.index(slot.name)]
                    for index, entry in value.entries.items():
                        out[slot.offset + flat_index(index, slot.shape)] = entry
        last = self.automaton.width - 1
        if last in x:
            out[last] = x[last]
        return out

    def outputs(self, x: Vector) -> list[list[Sparse]]:
        """The readouts of each layer from the old state x: output, or numerator and denominator."""
        return [
            self._layer_values(i, x, lambda p: list(p.readouts))
            for i in range(len(self.automaton.layers))
        ]


def flat_index(index: tuple[int, ...], shape: tuple[int, ...]) -> int:
    """The row-major position of an index."""
    at = 0
    for i, n in zip(index, shape, strict=True):
        at = at * n + i
    return at


def unflat_index(at: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The index at a row-major position."""
    index = []
    for n in reversed(shape):
        at, i = divmod(at, n)
        index.append(i)
    return tuple(reversed(index))


def state_free(automaton: Automaton) -> list[Tensor]:
    """The nodes that depend on the token alone, arguments first."""
    free: list[Tensor] = []
    for part in automaton.parts:
        roots = roots_of(part)
        moving = reading({s.name for s in part.layer.of_kind("state")}, *roots)
        free += [node for node in walk(*roots) if node not in moving]
    return free


def exact_action(branch: Branch) -> Action:
    """The automaton on a symbolic token: entries are fractions of polynomials."""
    algebra = SparseAlgebra(branch.universe, branch.automaton.sizes)
    return Action(branch.automaton, algebra, branch.symbols, branch.functions)


def start_vector(automaton: Automaton, constants: dict[str, Sparse], one: Any) -> Vector:
    """The joint start: each state's constant, or zero, and 1; a start is always a constant."""
    out: Vector = {automaton.width - 1: one}
    for slot in automaton.slots:
        first = automaton.layers[slot.layer].start.get(slot.name)
        if first is not None:
            for index, entry in constants[first].entries.items():
                out[slot.offset + flat_index(index, slot.shape)] = entry
    return out
