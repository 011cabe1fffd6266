"""Check both bounds on the smallest state of a layer.

Upper: V holds the start and is closed under every token, and O holds the outputs and the constant
and is closed under every token on V, so V modulo the kernel of O is a state of dimension
rank O - 1. Lower: a table T[past, future] of outputs, with the constant 1 as one future, that is
nonsingular: an affine state of dimension m gives tables of rank at most m + 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from ...arithmetic.poly import Frac, frac
from ...arithmetic.scalars import Balls, Irrational, Rationals
from ...arithmetic.universe import Universe
from ...automata.automaton import Automaton, Branch, exact_action, start_vector
from ...automata.run import Values, last_outputs
from ...derivation.affine import affine_layer
from ...errors import NotAffine, Rejected
from ...language.evaluate import Sizes
from ...language.layer import Layer
from .linear import Space, read_row
from .tokens import read_inside, read_sizes

Future = tuple[Sequence[Values], int] | None


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """Both bounds at the certificate's sizes."""
    (layer,) = layers
    require_affine(layer)
    sizes = read_sizes(data["sizes"])
    automaton = Automaton((layer,), sizes)
    claimed = int(data["state"])
    reduction = data["reduction"]
    reached = automaton.width - 1 if reduction is None else _reduced(automaton, reduction)
    if reached != claimed:
        raise Rejected(f"the reduction has {reached} states, the claim is {claimed}")
    require_rank(layer, sizes, claimed + 1, data["table"])
    at = ", ".join(f"{k}={v}" for k, v in sizes.items())
    return f"the smallest state of {layer.name} at {at} has {claimed} entries"


def require_affine(layer: Layer) -> None:
    """Rejected unless the step and the output are affine in the state."""
    try:
        ratio = affine_layer(layer).denominator is not None
    except NotAffine as error:
        raise Rejected(f"{layer.name} is not affine in its state: {error}") from None
    if ratio:
        raise Rejected(f"{layer.name} is a ratio; these bounds are about affine readouts")


def _reduced(automaton: Automaton, reduction: Mapping[str, Any]) -> int:
    """The number of states of the reduction, its identities checked."""
    universe = Universe()
    branches = [Branch(automaton, universe, letter) for letter in automaton.letters()]
    actions = [exact_action(branch) for branch in branches]
    rows = [read_row(r, universe, automaton.width) for r in reduction["reachable"]]
    reach = Space(rows, universe)
    functionals = [read_row(r, universe, len(rows)) for r in reduction["observable"]]
    shown = Space(functionals, universe)
    for branch in branches:
        reach.require(start_vector(automaton, branch.symbols, frac(1)), "x_* in V")
    last = automaton.width - 1
    shown.require({i: row[last] for i, row in enumerate(rows) if last in row}, "1 in O")
    for action in actions:
        moved, outputs = [], []
        for i, row in enumerate(rows):
            after = action.step(row)
            reach.require(after, f"J(s) V in V on basis vector {i}")
            moved.append([after.get(p, frac(0)) for p in reach.pivots])
            outputs.append(action.outputs(row)[0][0].entries)
        for at in {index for entries in outputs for index in entries}:
            shown.require(
                {i: e[at] for i, e in enumerate(outputs) if at in e}, f"r(s) in O for output {at}"
            )
        for j, functional in enumerate(functionals):
            image = {i: _apply(functional, x) for i, x in enumerate(moved)}
            shown.require(image, f"O J(s) in O on functional {j}")
    return len(functionals) - 1


def _apply(functional: Mapping[int, Frac], x: Sequence[Frac]) -> Frac:
    return sum((c * x[i] for i, c in functional.items()), start=frac(0))


def require_rank(layer: Layer, sizes: Sizes, size: int, table: Mapping[str, Any]) -> None:
    """Rejected unless the table of outputs is certainly nonsingular.

    Then no affine state of fewer than `size - 1` entries, over functions of the current token, has
    these outputs, whatever the layer's own form is.
    """

    def read(tokens: Sequence[Mapping[str, Any]]) -> list[Values]:
        return [read_inside([layer], "token", t, sizes, "a token of the table") for t in tokens]

    constants = read_inside([layer], "constant", table["constants"], sizes, "the constants")
    pasts = [read(past) for past in table["pasts"]]
    futures: list[Future] = [
        None if f is None else (read(f["tokens"]), int(f["output"])) for f in table["futures"]
    ]
    if len(pasts) != size or len(futures) != size:
        raise Rejected(f"the table of outputs must be {size} by {size}")
    if any(f is not None and not f[0] for f in futures):
        raise Rejected("a future has no token: its output is read from the past's last token")
    try:
        scalars: Any = Rationals()
        rows = [hankel_row(layer, sizes, constants, p, futures, scalars) for p in pasts]
        found = full_rank(rows, scalars)
    except Irrational:
        scalars = Balls(int(table["bits"]))
        with scalars.precision():
            rows = [hankel_row(layer, sizes, constants, p, futures, scalars) for p in pasts]
            found = full_rank(rows, scalars)
    if found is None or len(found[0]) < size:
        raise Rejected(f"the table of outputs is not nonsingular: rank {size} is not certain")


def hankel_row(
    layer: Layer,
    sizes: Sizes,
    constants: Values,
    past: Sequence[Values],
    futures: Sequence[Future],
    scalars: Any,
) -> list[Any]:
    """One row of the table: what each future shows after this past; 1 for the constant future."""
    one = scalars.number(Fraction(1))
    asked = {id(f[0]): f[0] for f in futures if f is not None}
    shown = last_outputs(layer, past, list(asked.values()), constants, sizes, scalars)
    last = dict(zip(asked, shown, strict=True))
    return [one if f is None else last[id(f[0])][f[1]] for f in futures]


def full_rank(table: Sequence[Sequence[Any]], scalars: Any) -> tuple[list[int], list[int]] | None:
    """Rows and columns of a square part that elimination shows to be nonsingular, a large one.

    Pivots are entries that are certainly not zero; over balls an uncertain entry is never one.
    """
    work = [list(row) for row in table]
    zero = scalars.number(Fraction(0))
    rows: list[int] = []
    columns: list[int] = []
    free = list(range(len(work)))
    for column in range(len(work[0]) if work else 0):
        pivot = next((i for i in free if scalars.differ(work[i][column], zero)), None)
        if pivot is None:
            continue
        rows.append(pivot)
        columns.append(column)
        free.remove(pivot)
        for i in free:
            factor = work[i][column] / work[pivot][column]
            work[i] = [x - factor * y for x, y in zip(work[i], work[pivot], strict=True)]
    return (rows, columns) if rows else None
