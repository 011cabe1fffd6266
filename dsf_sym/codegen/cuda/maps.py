"""What a token does to each entry of a state that no other entry enters, as maps that compose.

One token takes the states h of an entry to Λ h + b, with Λ a number or a small matrix, and such
maps compose to maps of the same kind:

    (Λ₂, b₂) ∘ (Λ₁, b₁) = (Λ₂ Λ₁, Λ₂ b₁ + b₂).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from ...derivation.derive import derive
from ...derivation.structure import structure
from ...errors import DsfError
from ...language.layer import Layer, Signal
from ...language.spec import rebuild
from ...language.tensor import (
    LABELS,
    Dims,
    Input,
    Number,
    Product,
    Reindex,
    Tensor,
    add,
    multiply,
)
from ..c_family import summed
from ..combine import readouts
from ..coupled import coupled
from ..factors import NoSchedule
from ..opaque import core, merged
from ..tiles import Tiles, tiles

ZERO = Number(Fraction(0))
Pair = tuple[str, str]


@dataclass(frozen=True)
class Maps:
    """What one token does to the states of an entry, and how such maps compose.

    order: the axes. factors: Λ's entry from a state to a state, absent where it is zero. terms: b
    of each state. products: the register of each entry of a product of Λs that may not be zero;
    registers: their axes. output: over states, `new_S` for the new S.
    """

    states: Mapping[str, Dims]
    order: Dims
    factors: Mapping[Pair, Tensor]
    terms: Mapping[str, Tensor]
    products: Mapping[Pair, str]
    registers: Mapping[str, Dims]
    output: Tensor

    def composed(
        self, later: Mapping[Pair, Tensor], terms: Mapping[str, Tensor], before: str
    ) -> dict[str, Tensor]:
        """The registers of a map after the one in the registers with `before` in their names."""
        out: dict[str, Tensor] = {}
        for (row, column), name in self.products.items():
            parts = [
                self.times(later[row, k], Input(before + self.products[k, column], dims))
                for k in self.states
                if (row, k) in later and (k, column) in self.products
                for dims in (self.registers[self.products[k, column]],)
            ]
            out[name] = self.total(parts, self.registers[name])
        sums = {n: Input(f"{before}sum_{n}", dims) for n, dims in self.states.items()}
        return out | {f"sum_{n}": x for n, x in self.applied(later, terms, sums).items()}

    def applied(
        self,
        later: Mapping[Pair, Tensor],
        terms: Mapping[str, Tensor],
        states: Mapping[str, Tensor],
    ) -> dict[str, Tensor]:
        """The states that a map makes of states."""
        return {
            row: self.total(
                [
                    *(self.times(later[row, k], x) for k, x in states.items() if (row, k) in later),
                    terms[row],
                ],
                dims,
            )
            for row, dims in self.states.items()
        }

    def own(self) -> tuple[dict[Pair, Tensor], dict[str, Tensor]]:
        """The map that is in the registers."""
        later: dict[Pair, Tensor] = {
            pair: Input(name, self.registers[name]) for pair, name in self.products.items()
        }
        return later, {n: Input(f"sum_{n}", dims) for n, dims in self.states.items()}

    def at_first(self, name: str) -> int:
        """What a register of the map of no token holds."""
        return int(name in {self.products[n, n] for n in self.states})

    def times(self, a: Tensor, b: Tensor) -> Tensor:
        """The product entry by entry, over the axes of both."""
        if a.dims == b.dims or not a.dims or not b.dims:
            return multiply(a, b)
        dims = tuple(x for x in self.order if x in a.dims or x in b.dims)
        la, lb, lo = (self.letters(x) for x in (a.dims, b.dims, dims))
        return Product(f"{la},{lb}->{lo}", a, b, dims)

    def total(self, parts: Sequence[Tensor], dims: Dims) -> Tensor:
        """The sum, over these axes."""
        out: Tensor = Reindex(f"->{self.letters(dims)}", ZERO, dims) if dims else ZERO
        for x in parts:
            same = x.dims == dims
            spread = Reindex(f"{self.letters(x.dims)}->{self.letters(dims)}", x, dims)
            out = add(out, x if same else spread)
        return out

    def letters(self, dims: Dims) -> str:
        """A letter for each axis."""
        return "".join(LABELS[self.order.index(x)] for x in dims)


@dataclass(frozen=True)
class Scanned:
    """A layer's step and its maps over one list of factors.

    steps: the registers of the map of the tokens so far, after one more. after: the output, where
    it mixes lanes and is formed when the states of all tokens are there; `new_S` for the new S.
    """

    tiles: Tiles
    maps: Maps
    steps: Mapping[str, Tensor]
    after: Tensor | None


def scanned(layer: Layer) -> Scanned:
    """The maps of a layer's tokens as rows and lanes; NoSchedule says why there are none."""
    try:
        maps = _maps(layer)
    except DsfError as error:
        raise NoSchedule(str(error)) from None
    own = {n: Input(n, dims) for n, dims in maps.states.items()}
    step = maps.applied(maps.factors, maps.terms, own)
    running = maps.composed(maps.factors, maps.terms, "")
    taken = {s.name for s in layer.signals} & {*running}
    if taken:
        raise NoSchedule(f"the signals {', '.join(sorted(taken))} are called like registers")
    first = layer.of_kind("state")[0]
    extra = tuple(Signal(n, x.dims, first.domain, "state") for n, x in running.items())
    joint = replace(
        layer,
        signals=(*layer.signals, *extra),
        step={**step, **running},
        carried=None,
        matrices=(),
    )

    def made(output: Tensor) -> Tiles:
        return tiles(replace(joint, output=output))

    new = {f"new_{n}": x for n, x in step.items()}
    after = None
    try:
        found = made(rebuild([maps.output], new)[0])
    except NoSchedule as why:
        if any(len(dims) != 1 or dims != first.dims for dims in maps.states.values()):
            raise
        found, after = made(own[first.name]), maps.output
        if found.rows is not None:
            raise NoSchedule(str(why)) from None
        # The entries of a state with one axis are the rows of a single lane.
        found = replace(found, rows=found.lanes, lanes="1")
    kept = {n: found.step[n] for n in maps.states}
    whole = replace(found, layer=layer, states=tuple(kept), step=kept)
    return Scanned(whole, maps, {n: found.step[n] for n in running}, after)


def _maps(layer: Layer) -> Maps:
    """Λ, b and the readouts of a layer whose Λ is diagonal in every block; NoSchedule."""
    made = readouts(layer)
    factors: dict[Pair, Tensor] = {}
    terms: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}
    for name, part in made.layers:
        inside = core(part)
        space = derive(inside.layer)
        system = coupled(space, structure(space))
        pairs = [
            (row, column)
            for row, entries in zip(system.states, system.factors, strict=True)
            for column, x in zip(system.states, entries, strict=True)
            if x is not None
        ]
        held = [x for entries in system.factors for x in entries if x is not None]
        roots = merged([*held, *system.terms, system.readout], inside.parts)
        factors |= dict(zip(pairs, map(_thin, roots), strict=False))
        terms |= dict(zip(system.states, roots[len(pairs) :], strict=False))
        new = {} if system.old else {n: Input(f"new_{n}", system.dims) for n in system.states}
        outputs[name] = rebuild([roots[-1]], new)[0]
    (output,) = rebuild([made.output], outputs)
    states = {s.name: s.dims for s in layer.of_kind("state")}
    if {*terms} != {*states}:
        raise NoSchedule("a state is read by no output")
    if any(len({*dims}) < len(dims) for dims in states.values()):
        raise NoSchedule("a state has one size twice")
    order = tuple(dict.fromkeys(x for dims in sorted(states.values(), key=len)[::-1] for x in dims))
    shared = merged([*factors.values(), *terms.values(), output], {})
    factors = dict(zip(factors, shared, strict=False))
    terms = dict(zip(terms, shared[len(factors) :], strict=False))
    products, registers = _products(states, order, factors)
    return Maps(states, order, factors, terms, products, registers, shared[-1])


def _thin(x: Tensor) -> Tensor:
    """What is repeated along further axes, without them."""
    while isinstance(x, Reindex) and not summed(x) and len(x.arg.dims) < len(x.dims):
        x = x.arg
    return x


def _products(
    states: Mapping[str, Dims], order: Dims, factors: Mapping[Pair, Tensor]
) -> tuple[dict[Pair, str], dict[str, Dims]]:
    """The registers of the entries of a product of Λs, one for states with the same Λ."""
    axes: dict[Pair, frozenset[str]] = {(n, n): frozenset() for n in states}
    while True:
        found = dict(axes)
        for (row, k), x in factors.items():
            for column in states:
                if (k, column) in axes:
                    known = found.get((row, column), frozenset())
                    found[row, column] = known | {*x.dims} | axes[k, column]
        if found == axes:
            break
        axes = found
    alone = {n for n in states if not any(n in pair and pair != (n, n) for pair in axes)}
    products: dict[Pair, str] = {}
    registers: dict[str, Dims] = {}
    of_factor: dict[Tensor | None, str] = {}
    for pair, dims in axes.items():
        name = f"product{len(registers) + 1}"
        if pair[0] in alone:
            name = of_factor.setdefault(factors.get(pair), name)
        products[pair] = name
        registers[name] = tuple(x for x in order if x in dims)
    return products, registers


__all__ = ["Maps", "Scanned", "scanned"]
