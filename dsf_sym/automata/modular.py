"""The automaton at random tokens modulo 2^61 - 1: trajectories for the search.

`IntegerEngine` needs Python alone; `WordEngine` does the same on NumPy words. Both draw the same
tokens from the same seed, so they give the same rows.
"""

from __future__ import annotations

import importlib.util
import random
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

from ..arithmetic.sparse import Sparse, SparseAlgebra
from ..arithmetic.universe import PRIME, Universe
from ..language.evaluate import evaluate
from ..language.graph import walk
from ..language.tensor import Tensor
from .automaton import (
    Action,
    Automaton,
    Branch,
    roots_of,
    start_vector,
    state_free,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

HAVE_NUMPY = importlib.util.find_spec("numpy") is not None
BATCH = 256

Row = list[int]


class Engine(Protocol):
    """Trajectories of one automaton with its constants drawn once."""

    def start(self) -> Row:
        """The start vector x_*."""

    def run(self, xs: list[Row], steps: int) -> tuple[list[Row], list[bool]]:
        """From each of `xs`, the vectors after each of `steps` random tokens.

        Beside them, for each step, whether the outputs of the layers differed anywhere.
        """

    def observe(self, xs: list[Row], steps: int) -> list[Row]:
        """The first layer's outputs along one random sequence, as functionals of `xs`.

        One row for each step and output entry, one column for each vector.
        """


@dataclass
class Draws:
    """Random points for the tokens and constants of an automaton, from one seed.

    signs: the values of constants that have finitely many, by entry; drawn where absent.
    """

    automaton: Automaton
    seed: int
    signs: dict[str, Fraction] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.universe = universe = Universe()
        self.rng = random.Random(self.seed)
        self.branches = [Branch(self.automaton, universe, x) for x in self.automaton.letters()]
        used = [b.variables for b in self.branches]
        self.orders = [universe.below(vs) for vs in used]
        fixed = sorted(
            {v for order in self.orders for v in order if universe.variables[v].constant}
        )
        names, number = {v: universe.name(v) for v in fixed}, ResidueScalars().number
        given = {v: number(self.signs[n]).value for v, n in names.items() if n in self.signs}
        self.fixed = universe.draw(self.rng, given, fixed)
        self._deck: list[int] = []

    def token(self) -> tuple[int, dict[int, int]]:
        """A letter and the values of its variables; letters come in random order, each as often."""
        at = 0
        if len(self.branches) > 1:
            if not self._deck:
                self._deck = list(range(len(self.branches)))
                self.rng.shuffle(self._deck)
            at = self._deck.pop()
        return at, self.universe.draw(self.rng, self.fixed, self.orders[at])

    def start(self) -> Row:
        """The start vector x_*."""
        names = {s.name for s in self.automaton.signals.values() if s.kind == "constant"}
        symbols = self.branches[0].symbols
        constants = {n: symbols[n].map(lambda x: Residue(x.at(self.fixed, PRIME))) for n in names}
        x = start_vector(self.automaton, constants, Residue(1))
        return [x[i].value if i in x else 0 for i in range(self.automaton.width)]


@dataclass(frozen=True, slots=True)
class Residue:
    """An integer modulo PRIME."""

    value: int

    def __add__(self, other: Residue) -> Residue:
        return Residue((self.value + other.value) % PRIME)

    def __mul__(self, other: Residue) -> Residue:
        return Residue(self.value * other.value % PRIME)

    def __neg__(self) -> Residue:
        return Residue(-self.value % PRIME)


class ResidueScalars:
    """The ring of residues for sparse arrays."""

    def number(self, value: Fraction) -> Residue:
        """A rational number."""
        return Residue(value.numerator * pow(value.denominator, -1, PRIME) % PRIME)

    def is_zero(self, x: Residue) -> bool:
        """Whether x is 0."""
        return not x.value

    def function(self, name: str, x: Residue) -> Residue:
        """Not reached: every function is a generator drawn beforehand."""
        raise AssertionError(name)


@dataclass
class IntegerEngine:
    """Trajectories in pure Python."""

    draws: Draws

    def start(self) -> Row:
        """The start vector x_*."""
        return self.draws.start()

    def run(self, xs: list[Row], steps: int) -> tuple[list[Row], list[bool]]:
        """See `Engine.run`."""
        rows: list[Row] = []
        differ = []
        for _ in range(steps):
            moved = [self.move(self.token(), x) for x in xs]
            xs = [after for after, _ in moved]
            rows += xs
            differ.append(any(o != outputs[0] for _, outputs in moved for o in outputs[1:]))
        return rows, differ

    def observe(self, xs: list[Row], steps: int) -> list[Row]:
        """See `Engine.observe`."""
        rows: list[Row] = []
        for _ in range(steps):
            action = self.token()
            moved = [self.move(action, x) for x in xs]
            xs = [after for after, _ in moved]
            rows += [list(column) for column in zip(*(o[0] for _, o in moved), strict=True)]
        return rows

    def token(self) -> Action:
        """The action of one random token."""
        automaton = self.draws.automaton
        at, values = self.draws.token()

        def point(a: Sparse) -> Sparse:
            return a.map(lambda y: Residue(y.at(values, PRIME)))

        branch = self.draws.branches[at]
        inputs = {n: point(a) for n, a in branch.symbols.items()}
        known = {n: point(a) for n, a in branch.functions.items()}
        return Action(automaton, SparseAlgebra(ResidueScalars(), automaton.sizes), inputs, known)

    def move(self, action: Action, x: Row) -> tuple[Row, list[Row]]:
        """The vector after a token, and each layer's readouts on it."""
        automaton = self.draws.automaton
        vector = {i: Residue(v) for i, v in enumerate(x) if v}
        new = action.step(vector)
        after = [new[i].value if i in new else 0 for i in range(automaton.width)]
        shape = automaton.output_shape
        outputs = [
            [y.value for o in readouts for y in Sparse(shape, o.entries).flat(Residue(0))]
            for readouts in action.outputs(vector)
        ]
        return after, outputs


@dataclass
class WordEngine:
    """Trajectories on NumPy words; what reads tokens alone is computed for all steps at once."""

    draws: Draws

    def start(self) -> Row:
        """The start vector x_*."""
        return self.draws.start()

    @cached_property
    def _needed(self) -> list[set[Tensor]]:
        """For each layer the state-free nodes that its state-reading nodes and offsets use."""
        free = set(state_free(self.draws.automaton))
        needed = []
        for part in self.draws.automaton.parts:
            roots = roots_of(part)
            used = {c for n in walk(*roots) if n not in free for c in n.children if c in free}
            needed.append(used | {r for r in roots if r in free})
        return needed

    def run(self, xs: list[Row], steps: int) -> tuple[list[Row], list[bool]]:
        """See `Engine.run`."""
        rows: list[Row] = []
        differ: list[bool] = []
        while len(differ) < steps:
            now = min(max(1, BATCH // len(xs)), steps - len(differ))
            for state, outputs in self._run(xs, now, len(xs)):
                rows += state.tolist()
                differ.append(
                    any(
                        bool((x != y).any())
                        for other in outputs[1:]
                        for x, y in zip(outputs[0], other, strict=True)
                    )
                )
            xs = rows[-len(xs) :]
        return rows, differ

    def observe(self, xs: list[Row], steps: int) -> list[Row]:
        """See `Engine.observe`."""
        import numpy as np

        rows: list[Row] = []
        size = prod(self.draws.automaton.output_shape)
        for _, outputs in self._run(xs, steps, 1):
            shape = (len(xs), *self.draws.automaton.output_shape)
            rows += np.broadcast_to(outputs[0][0], shape).reshape(len(xs), size).T.tolist()
        return rows

    def _run(self, xs: list[Row], steps: int, tokens: int) -> Iterator[tuple[Any, list[list[Any]]]]:
        """The states and outputs after each step; `tokens` a step, one each or one for all."""
        import numpy as np

        from ..arithmetic.words import WordAlgebra

        algebra = WordAlgebra(self.draws.automaton.sizes)
        known = self._token_values(steps * tokens, algebra)
        state = np.array(xs, dtype=np.uint64)
        for t in range(steps):
            here = slice(t * tokens, (t + 1) * tokens)
            after, outputs = state.copy(), []
            for i in range(len(self.draws.automaton.parts)):
                at = {n: known[n][here] if len(known[n]) > 1 else known[n] for n in self._needed[i]}
                outputs.append(self._layer(i, state, at, after, algebra))
            state = after
            yield state, outputs

    def _layer(self, i: int, state: Any, known: dict[Tensor, Any], after: Any, algebra: Any) -> Any:
        """Write layer i's new states into `after`; its readouts."""
        import numpy as np

        from ..arithmetic.words import mul

        part = self.draws.automaton.parts[i]
        slots = [slot for slot in self.draws.automaton.slots if slot.layer == i]
        spans = [slice(s.offset, s.offset + prod(s.shape)) for s in slots]
        here = {
            slot.name: state[:, span].reshape(len(state), *slot.shape)
            for slot, span in zip(slots, spans, strict=True)
        }
        affines = [*(part.step[slot.name] for slot in slots), *part.readouts]
        linear = [a.linear for a in affines if a.linear is not None]
        values = iter(evaluate(linear, here, algebra, known))
        results = []
        for a in affines:
            total = next(values) if a.linear is not None else None
            if a.offset is not None:
                offset = known[a.offset]
                weight = state[:, -1].reshape(-1, *(1,) * (offset.ndim - 1))
                offset = mul(offset, weight)
                total = offset if total is None else algebra.add([total, offset], ())
            results.append(np.zeros((1,), dtype=np.uint64) if total is None else total)
        for slot, span, value in zip(slots, spans, results, strict=False):
            after[:, span] = np.broadcast_to(value, (len(state), *slot.shape)).reshape(
                len(state), -1
            )
        return results[len(slots) :]

    def _token_values(self, count: int, algebra: Any) -> dict[Tensor, Any]:
        """The state-free nodes at `count` random tokens, one batch."""
        import numpy as np

        draws = self.draws
        tokens = [draws.token() for _ in range(count)]
        by_letter = [
            [t for t, (at, _) in enumerate(tokens) if at == b] for b in range(len(draws.branches))
        ]
        points = [
            np.array([list(tokens[t][1].values()) for t in ts], dtype=np.uint64) for ts in by_letter
        ]

        def batch(arrays: list[Sparse]) -> Any:
            shape = arrays[0].shape
            out = np.zeros((count, prod(shape)), dtype=np.uint64)
            for array, order, ts, values in zip(
                arrays, draws.orders, by_letter, points, strict=True
            ):
                if not ts:
                    continue
                column = {v: c for c, v in enumerate(order)}
                for place, i in enumerate(array.indices()):
                    entry = array.entries.get(i)
                    v = None if entry is None else entry.variable()
                    if v is not None:
                        out[ts, place] = values[:, column[v]]
                    elif entry is not None:
                        out[ts, place] = [entry.at(tokens[t][1], PRIME) for t in ts]
            return out.reshape(count, *shape)

        first, branches = draws.branches[0], draws.branches
        inputs = {name: batch([b.symbols[name] for b in branches]) for name in first.symbols}
        functions = {node: batch([b.functions[node] for b in branches]) for node in first.functions}
        free = state_free(draws.automaton)
        return dict(zip(free, evaluate(free, inputs, algebra, functions), strict=True))


def engine(
    automaton: Automaton,
    seed: int,
    *,
    fast: bool | None = None,
    signs: dict[str, Fraction] | None = None,
) -> Engine:
    """The engine to use; `fast` chooses words (NumPy) or pure Python, by default what is there."""
    draws = Draws(automaton, seed, signs or {})
    return WordEngine(draws) if (HAVE_NUMPY if fast is None else fast) else IntegerEngine(draws)
