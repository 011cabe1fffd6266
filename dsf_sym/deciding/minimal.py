"""The smallest state that computes a layer's map, with a certificate for both bounds.

Minimal state = dimension of the affine hull of the reachable states, modulo what no future shows.
Upper bound: a reachable subspace V and functionals O on it, closed under every token. Lower bound:
pasts and futures whose table of outputs, with a column of ones, is nonsingular.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from ..arithmetic.scalars import Balls, Irrational, Rationals
from ..arithmetic.span import Span
from ..automata.automaton import Automaton
from ..automata.closure import closure
from ..automata.modular import engine
from ..automata.run import Values
from ..certificates.certificate import header
from ..certificates.checkers import recheck
from ..certificates.checkers.minimality import Future, full_rank, hankel_row
from ..derivation.affine import affine_layer
from ..errors import NotAffine, Rejected
from ..language.evaluate import Sizes
from ..language.layer import Layer
from ..verdict import Question
from .constants import basis_over_constants
from .decide import complete_sizes, rational_rows
from .witness import random_values

LARGEST_TABLE = 40
BITS = 256
Row = dict[int, int]


@dataclass(frozen=True)
class Minimal:
    """What is known of the smallest state at given sizes, over the reals and generic weights.

    state: entries of the layer's own state. found: the minimal number that the search gives. lower,
    upper: what the certificate proves; equal to `found` when it is proved.
    """

    layer: str
    sizes: Sizes
    state: int
    found: int
    lower: int
    upper: int
    certificate: dict[str, Any] | None

    @property
    def status(self) -> str:
        """Whether both bounds are proved: proved or undecided."""
        return "proved" if self.lower == self.upper else "undecided"


def minimal(layer: Layer, sizes: Sizes | None = None, *, seed: int = 0) -> Minimal:
    """The smallest state of any affine layer over functions of the current token with this output.

    sizes: values of the size names, 2 where not given. Raises NotAffine, SizeError.
    """
    if affine_layer(layer).denominator is not None:
        raise NotAffine(
            f"minimal({layer.name}): the output divides by the state; a smallest state is derived "
            "for affine readouts only"
        )
    at = complete_sizes([layer], sizes)
    automaton = Automaton((layer,), at)
    reachable = closure(automaton, seed=seed).rows
    functionals = _observable(automaton, reachable, seed)
    state, found = automaton.width - 1, len(functionals) - 1
    data = header("minimality", Question(layer.name, "", sense="minimal state"), layer, None)
    data |= {"sizes": at, "state": found}
    upper, lower = state, 0
    reduced = _reduction(automaton, reachable, functionals, seed)
    for attempt in (reduced, None):
        data["reduction"] = attempt
        table = _table(layer, at, len(functionals), seed)
        if table is None or (attempt is None and found < state):
            continue
        data["table"] = table
        try:
            recheck(data)
        except Rejected:
            continue
        upper = lower = found
        break
    proved = data if lower == upper else None
    return Minimal(layer.name, at, state, found, lower, upper, proved)


def _observable(automaton: Automaton, reachable: list[Row], seed: int) -> list[Row]:
    """Functionals on the reachable space that futures show, the constant one included, reduced."""
    machine = engine(automaton, seed)
    dense = [[row.get(i, 0) for i in range(automaton.width)] for row in reachable]
    space = Span(len(dense))
    space.extend([[row[-1] for row in dense]])
    while space.extend(machine.observe(dense, max(4, space.rank))):
        pass
    return space.rows()


def _reduction(
    automaton: Automaton, reachable: list[Row], functionals: list[Row], seed: int
) -> dict[str, Any] | None:
    """The reachable basis, over the constants where it moves with them, and its functionals."""
    basis = rational_rows(reachable) or basis_over_constants(automaton, len(reachable), seed=seed)
    shown = rational_rows(functionals)
    return None if basis is None or shown is None else {"reachable": basis, "observable": shown}


def _table(layer: Layer, sizes: Sizes, size: int, seed: int) -> dict[str, Any] | None:
    """Pasts and futures whose table of outputs is nonsingular; None when no try finds one."""
    if size > LARGEST_TABLE:
        return None
    rng = random.Random(seed)
    for length in _lengths(size):
        constants = _tokens(layer, sizes, rng, 1, "constant")[0]
        pasts = [_tokens(layer, sizes, rng, length, "token") for _ in range(2 * size)]
        entries = prod((layer.output.dims and Automaton((layer,), sizes).output_shape) or (1,))
        futures: list[Future] = [None]
        for _ in range(2 * size):
            future = _tokens(layer, sizes, rng, length, "token")
            futures += [(future, j) for j in range(entries)]
        chosen = _choose(layer, sizes, constants, pasts, futures, size)
        if chosen is not None:
            rows, columns = chosen
            return {
                "constants": _text(constants),
                "pasts": [[_text(t) for t in pasts[i]] for i in rows],
                "futures": [
                    None if f is None else {"tokens": [_text(t) for t in f[0]], "output": f[1]}
                    for f in (futures[j] for j in columns)
                ],
                "bits": BITS,
            }
    return None


def _lengths(size: int) -> Iterator[int]:
    length = 1
    while length < 2 * size:
        yield length
        length *= 2
    yield 2 * size


def _tokens(layer: Layer, sizes: Sizes, rng: random.Random, length: int, kind: str) -> list[Values]:
    automaton = Automaton((layer,), sizes)
    return [random_values(automaton, kind, rng, 6) for _ in range(length)]


def _choose(
    layer: Layer,
    sizes: Sizes,
    constants: Values,
    pasts: list[list[Values]],
    futures: list[Future],
    size: int,
) -> tuple[list[int], list[int]] | None:
    """Rows and columns of a nonsingular square part of the whole table."""
    try:
        scalars: Any = Rationals()
        table = [hankel_row(layer, sizes, constants, p, futures, scalars) for p in pasts]
    except Irrational:
        scalars = Balls(BITS)
        with scalars.precision():
            table = [hankel_row(layer, sizes, constants, p, futures, scalars) for p in pasts]
    found = full_rank(table, scalars)
    return found if found is not None and len(found[0]) >= size else None


def _text(values: Values) -> dict[str, list[str]]:
    return {name: [str(x) for x in xs] for name, xs in values.items()}
