"""Check whether an input of unit covariance keeps the state at unit covariance.

For u of mean 0 and covariance I that is independent of the other signals and of the past, the
covariance P of the state goes to `Λ P Λᵀ + B Bᵀ`: it stays I where `Λ Λᵀ + B Bᵀ = I` at all tokens.
A finite distribution of tokens with u of mean 0 and covariance I, on which the other signals may
depend, refutes it where a state of mean 0 and covariance I has another covariance after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import Any

from ...arithmetic.poly import Frac, frac
from ...arithmetic.sparse import Sparse, SparseAlgebra
from ...arithmetic.universe import Universe
from ...automata.automaton import Action, Automaton, Branch
from ...errors import Rejected
from ...language.evaluate import Sizes, shape_of
from ...language.layer import Layer
from .exact import exact
from .tokens import at_sizes, read_inside, read_sizes


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The identity at a symbolic token, or a distribution of tokens that breaks the unit matrix."""
    (layer,) = layers
    sizes = read_sizes(data["sizes"])
    carried = str(data["carried"])
    if layer.signal(carried).kind != "token" or not layer.step:
        raise Rejected(f"{layer.name} has no state or no input {carried}")
    if "tokens" in data:
        return _refuted(layer, sizes, carried, data)
    bare = replace(layer, output=layer[next(iter(layer.step))], matrices=(), others=())
    automaton, universe = Automaton((bare,), sizes), Universe()
    for letter in automaton.letters():
        _require_identity(Branch(automaton, universe, letter), carried)
    return (
        f"the covariance of the state of {layer.name}{at_sizes(sizes)} stays I, for {carried} of "
        "mean 0 and covariance I that is independent of the other signals and of the past"
    )


def _require_identity(branch: Branch, carried: str) -> None:
    automaton, universe = branch.automaton, branch.universe
    n = automaton.width - 1
    shape = shape_of(automaton.signals[carried].dims, automaton.sizes)
    places = list(product(*map(range, shape)))
    algebra = SparseAlgebra(universe, automaton.sizes)

    def columns(u: Sparse) -> tuple[list[dict[int, Frac]], dict[int, Frac]]:
        action = Action(automaton, algebra, {**branch.symbols, carried: u}, {})
        write = {i: x for i, x in action.step({n: frac(1)}).items() if i != n}
        return [action.step({j: frac(1)}) for j in range(n)], write

    lam, write = columns(branch.symbols[carried])
    still, rest = columns(Sparse(shape, {}))
    units = [columns(Sparse(shape, {place: frac(1)}))[1] for place in places]
    for i in range(n):
        for j in range(n):
            if not universe.is_zero(lam[j].get(i, frac(0)) - still[j].get(i, frac(0))):
                raise Rejected(f"the transition reads {carried}")
        linear = sum(
            (
                branch.symbols[carried].entries.get(p, frac(0)) * b.get(i, frac(0))
                for p, b in zip(places, units, strict=True)
            ),
            start=frac(0),
        )
        if rest.get(i) or not universe.is_zero(write.get(i, frac(0)) - linear):
            raise Rejected(f"what is written is not linear in {carried}")
    vectors = [*lam, *units]
    for i, j in product(range(n), repeat=2):
        total = frac(-1) if i == j else frac(0)
        for x in vectors:
            total = total + x.get(i, frac(0)) * x.get(j, frac(0))
        if not universe.is_zero(total):
            raise Rejected(f"Λ Λᵀ + B Bᵀ - I is {universe.show(total)[:200]} at {i}, {j}")


def _refuted(layer: Layer, sizes: Sizes, carried: str, data: Mapping[str, Any]) -> str:
    constants = read_inside([layer], "constant", data["constants"], sizes, "the constants")
    tokens = [
        read_inside([layer], "token", t, sizes, f"token {i}") for i, t in enumerate(data["tokens"])
    ]
    shares = [Fraction(p) for p in data["shares"]]
    if len(shares) != len(tokens) or any(p <= 0 for p in shares) or sum(shares) != 1:
        raise Rejected("the shares of the tokens are no distribution")
    us = [t[carried] for t in tokens]
    size = range(len(us[0]))
    if any(sum(p * u[i] for p, u in zip(shares, us, strict=True)) for i in size):
        raise Rejected(f"the mean of {carried} is not 0")
    for i, j in product(size, size):
        if sum(p * u[i] * u[j] for p, u in zip(shares, us, strict=True)) != (i == j):
            raise Rejected(f"the covariance of {carried} is not I")
    others = [{name: x for name, x in t.items() if name != carried} for t in tokens]
    depends = any(x != others[0] for x in others)
    if depends and not data["dependent"]:
        raise Rejected(f"the other signals depend on {carried}")
    bare = replace(layer, output=layer[next(iter(layer.step))], matrices=(), others=())
    forms, scalars = exact(Automaton((bare,), sizes), tokens, constants).require(len(tokens))
    n = range(len(forms[0].write))
    means = [
        sum(
            (x.write[i] * scalars.number(p) for x, p in zip(forms, shares, strict=True)),
            start=scalars.number(Fraction(0)),
        )
        for i in n
    ]
    for i, j in product(n, n):
        moments = [
            sum((x.transition[i][k] * x.transition[j][k] for k in n), start=x.write[i] * x.write[j])
            for x in forms
        ]
        total = -(means[i] * means[j])
        for p, m in zip(shares, moments, strict=True):
            total = total + m * scalars.number(p)
        if scalars.differ(total, scalars.number(Fraction(i == j))):
            return (
                f"the covariance of the state of {layer.name} goes from I to {scalars.show(total)} "
                f"at {i}, {j}, the other signals {'' if depends else 'not '}depending on "
                f"{carried}"
            )
    raise Rejected("the covariance of the state stays I")
