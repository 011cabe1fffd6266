"""Numbers of features and of states as formulas in the sizes, for every size at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import prod

from ..deciding.minimal import Minimal, minimal
from ..derivation.costs import SizePolynomial, costs
from ..language.evaluate import Sizes
from ..language.layer import Layer, Signal
from ..language.spec import serialise
from ..language.tensor import Input
from ..language.ties import parse_tie
from ..verdict import Verdict
from .features import Kernel, kernel_of
from .realising import coordinates, rank
from .settling import Candidate, Data, layer_of, settle

MOST_TENSORS = 5
ORDERS = (("1", "-1", "0"), ("0", "1", "-1"), ("1/2", "1", "0"))


def feature_formula(kernel: Kernel, value: str) -> Verdict:
    """Whether `κ = Σ_p a_p (q·k)^p` takes this many features at every size, and no fewer.

    value: a formula in the size of q and k, as "(m + 2) * (m + 1) / 2". On all of R^m, or where
    both have norm 1. Refuted where the number is another. Raises UnknownName, and LanguageError for
    what is no kernel.
    """
    made = kernel_of(kernel)
    data = {"value": _formula(made, value, f"feature_formula({made.name}, {value})")}
    remains = "the kernel is not shown to be a power series in q·k"
    candidates: list[Candidate] = [
        ("proved", data | {"equal": True}),
        ("refuted", data | {"equal": False}),
    ]
    return settle(made, "feature formula", f"{value} features at every size", candidates, remains)


def smallest_state_formula(layer: Layer | str, value: str | None = None) -> Verdict:
    """Whether the smallest affine state has this many entries at every size.

    value: a formula in the sizes, as "n * d"; the entries of the layer's own state where left out.
    Shown by the output after one token with a single 1 in some signals and then another. Raises
    UnknownName, LanguageError.
    """
    made = layer_of(layer)
    own = own_entries(made)
    value = own if value is None else value
    formula = _formula(made, value, f"smallest_state_formula({made.name}, {value})")

    def candidates() -> Iterator[Candidate]:
        tokens = made.of_kind("token")
        tensors = [s for s in tokens if s.dims and not s.domain.unit]
        zero, free = Fraction(0), ("past", "future", "fixed")
        roles = [free if zero in s.domain else free[2:] for s in tensors]
        for order, chosen in product(ORDERS, product(*roles[:MOST_TENSORS])):
            role = dict(zip((s.name for s in tensors), chosen, strict=False))
            data: Data = {"value": formula}
            for time in ("past", "future"):
                data[time] = {
                    s.name: None if role.get(s.name) == time else _number(s, role, order)
                    for s in tokens
                }
            yield "proved", data | {"equal": True}
            if value != own:
                yield "refuted", data | {"equal": False}

    remains = f"no table of outputs of {value} pasts was found at every size"
    sense = f"the smallest state has {value} entries at every size"
    return settle(made, "state formula", sense, candidates(), remains)


def own_entries(layer: Layer) -> str:
    """The number of entries of a layer's own state, as a formula in its sizes: "n * d + n"."""
    shapes = (s.dims for s in layer.of_kind("state"))
    products = (" * ".join(f"({d})" if "+" in d else d for d in dims) or "1" for dims in shapes)
    return " + ".join(products) or "0"


@dataclass(frozen=True)
class StateFormula:
    """The smallest state over a grid of sizes, and a polynomial in the sizes through all of them.

    found: the proved smallest states. formula: None where no polynomial of the tried form fits.
    upper: whether the formula is the layer's own state, an upper bound at every size. The lower
    bound is proved at the sizes of the grid alone.
    """

    layer: str
    found: tuple[Minimal, ...]
    formula: SizePolynomial | None
    upper: bool

    def __str__(self) -> str:
        if self.formula is None:
            return "no formula"
        at = "; ".join(", ".join(f"{k}={v}" for k, v in m.sizes.items()) for m in self.found)
        above = "an upper bound at all sizes" if self.upper else "fitted"
        return f"{self.formula}: {above}, the smallest state at {at}"


def state_formula(layer: Layer | str, grid: Sequence[Sizes], *, seed: int = 0) -> StateFormula:
    """The smallest state at each of the sizes, and as a formula in them.

    The layer's own number of states where it is smallest at every point; else the product of two
    size names, or one, times a number that fits all points. Raises NotAffine, SizeError.
    """
    made = layer_of(layer)
    found = tuple(minimal(made, sizes, seed=seed) for sizes in grid)
    if any(m.status != "proved" for m in found):
        return StateFormula(made.name, found, None, upper=False)
    own = costs(made).state
    if all(own.at(m.sizes) == m.found for m in found):
        return StateFormula(made.name, found, own, upper=True)
    return StateFormula(made.name, found, _fitted(made, found), upper=False)


def _number(s: Signal, role: Mapping[str, str], order: Sequence[str]) -> str:
    """0 for what has a 1 at the other time, else the first number of an order in the domain."""
    tried = ("0",) if role.get(s.name) in ("past", "future") else order
    return next((x for x in tried if Fraction(x) in s.domain), "0")


def _formula(layer: Layer, value: str, call: str) -> object:
    graph = parse_tie(value, {n: Input(n, ()) for n in layer.sizes}, call=call)
    return serialise({"value": graph})


def _fitted(layer: Layer, found: Sequence[Minimal]) -> SizePolynomial | None:
    """The one polynomial of degree at most one in each size through all points, if any."""
    names = tuple(layer.sizes)
    powers: list[tuple[tuple[str, int], ...]] = [()]
    for name in names:
        powers += [(*p, (name, 1)) for p in powers]
    table = [
        [Fraction(prod(m.sizes[n] ** e for n, e in p)) for p in powers] + [Fraction(m.found)]
        for m in found
    ]
    plain = [row[:-1] for row in table]
    if rank(plain) < len(powers) or rank(table) != rank(plain):
        return None
    columns = [[row[j] for row in plain] for j in range(len(powers))]
    values = coordinates(columns, [row[-1] for row in table])
    if any(x.denominator != 1 for x in values):
        return None
    terms = {p: int(x) for p, x in zip(powers, values, strict=True) if x}
    return SizePolynomial(terms, names)
