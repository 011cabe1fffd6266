"""Decays folded into what the state is written with and read by, within a block of tokens.

Where S_i = a_i S_{i-1} + w_i and no lane enters the gate a_i, the rescaled state S_i / A_i, with
A_i = a_1 ... a_i over the tokens of a block, is that of the token before plus w_i / A_i: one
product less for every entry of the state and token. A_i and A_{i-1} are signals of the rescaled
layer, one number or one for each row; what they multiply is an array of rows, formed once for a
token.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce

from ..language.domains import Domain, Interval
from ..language.graph import inputs, walk
from ..language.layer import Signal
from ..language.tensor import Add, Dims, Function, Input, Number, Product, Reindex, Tensor, add
from .c_family import letters_of, summed
from .opaque import merged
from .tiles import Factor, Tiles, tiles

Term = tuple[Tensor, ...]
"""A product of tensors, each over its own axes."""


@dataclass(frozen=True)
class Decay:
    """A gate, a factor of the rescaled step, and the names of A_i and of A_{i-1}."""

    gate: str
    after: str
    before: str
    dims: Dims


@dataclass(frozen=True)
class Folded:
    """The rescaled step, its decays, and which of them each state is divided by."""

    tiles: Tiles
    decays: tuple[Decay, ...]
    of_state: Mapping[str, Decay]


def folded(made: Tiles) -> Folded | None:
    """The step with its decays folded; None where rows are not apart or no state has such a decay.

    Without a decay the products are ordered alike: first what is an array of rows or of lanes.
    """
    if not made.split or made.rows is None:
        return None
    layer, axes = made.layer, (made.rows, made.lanes)
    reading = _Reading(frozenset(made.states), axes)
    gates: dict[str, Tensor] = {}
    writes: dict[str, list[Term]] = {}
    for name, new in made.step.items():
        split = _gate(name, reading.terms(new), reading)
        if split is None:
            return None
        gates[name], writes[name] = split
    whole = merged(gates.values(), {})
    distinct = dict.fromkeys(x for x in whole if not _is_one(x))
    if not distinct:
        return None
    decays = {
        x: Decay(f"gate{i + 1}", f"decay{i + 1}", f"decay_before{i + 1}", x.dims)
        for i, x in enumerate(distinct)
    }
    of_state = {n: decays[x] for n, x in zip(gates, whole, strict=True) if x in decays}
    taken = {s.name for s in layer.signals}
    if any({d.gate, d.after, d.before} & taken for d in decays.values()):
        return None
    known: dict[Tensor, Term] = {}
    for name, new in made.step.items():
        state = Input(name, made.dims(name))
        decay = of_state.get(name)
        below = (Function("inverse", Input(decay.after, decay.dims), decay.dims),) if decay else ()
        step = reading.joined([(state,), *((*term, *below) for term in writes[name])], state.dims)
        known[new] = (Input(decay.after, decay.dims), step) if decay else (step,)
        reading.replaced[name] = Input(decay.before, decay.dims) if decay else None
    reading.known = known
    sums = {
        name: reading.joined([reading.moved(t) for t in reading.terms(_inner(x))], x.dims)
        for name, x in made.sums.items()
    }
    values = {f.name: f.value for f in made.factors}
    (output,) = merged([made.output], sums)
    steps = [known[new][-1] for new in made.step.values()]
    # What the factors stand for is written out: they are formed anew, with the decays in them.
    *steps, output = merged([*steps, output], values)
    anything = Domain(Interval())
    signals = [Signal(n, d.dims, anything, "token") for d in decays.values() for n in _names(d)]
    own = replace(
        layer,
        signals=(*layer.signals, *signals),
        step=dict(zip(made.step, steps, strict=True)),
        output=output,
        matrices=(),
    )
    out = tiles(own)
    tokens = {s.name for s in layer.of_kind("token")}
    written = merged(decays, values)
    added = [
        Factor(d.gate, x, not inputs(x) & tokens)
        for d, x in zip(decays.values(), written, strict=True)
    ]
    out = replace(out, factors=(*out.factors, *added))
    return Folded(out, tuple(decays.values()), of_state) if out.split else None


def _names(decay: Decay) -> tuple[str, str]:
    return decay.after, decay.before


def _is_one(x: Tensor) -> bool:
    return isinstance(x, Number) and x.value == 1


def _inner(node: Tensor) -> Tensor:
    """What a sum over rows sums, with the axes of rows and lanes."""
    assert isinstance(node, Product | Reindex)
    size, more = letters_of(node), summed(node)
    dims = (*node.dims, *(size[c] for c in more))
    return replace(node, spec=node.spec + more, dims=dims)


def _gate(name: str, terms: Iterable[Term], reading: _Reading) -> tuple[Tensor, list[Term]] | None:
    """The gate of a state and what is written; None where another state or a lane enters it."""
    gate: list[Term] = []
    writes: list[Term] = []
    for term in terms:
        moving = [x for x in term if reading.moves(x)]
        if not moving:
            writes.append(term)
            continue
        others = tuple(x for x in term if x not in moving)
        lane = any(reading.axes[1] in x.dims for x in others)
        if len(moving) > 1 or not isinstance(moving[0], Input) or moving[0].name != name or lane:
            return None
        gate.append(others)
    if not gate or not writes:
        return None
    dims = tuple(a for a in reading.axes if any(a in x.dims for term in gate for x in term))
    return reading.joined(gate, dims), writes


@dataclass
class _Reading:
    """Expressions over rows and lanes, every axis of its own size, as sums of products.

    known: what nodes are replaced by. replaced: what a state before the token is multiplied by.
    """

    states: frozenset[str]
    axes: tuple[str, str]

    def __post_init__(self) -> None:
        self.known: dict[Tensor, Term] = {}
        self.replaced: dict[str, Tensor | None] = {}
        self._moving: dict[Tensor, bool] = {}

    def moves(self, x: Tensor) -> bool:
        """Whether it reads a state."""
        if x not in self._moving:
            for node in walk(x):
                own = isinstance(node, Input) and node.name in self.states
                self._moving[node] = own or any(self._moving[c] for c in node.children)
        return self._moving[x]

    def terms(self, x: Tensor) -> list[Term]:
        """The products whose sum it is; sums are multiplied out where they read a state."""
        if x in self.known or (not self.moves(x) and isinstance(x, Add)):
            return [(x,)]
        match x:
            case Number():
                return [(x,)] if x.value != 1 else [()]
            case Add(terms=terms):
                return [t for term in terms for t in self.terms(term)]
            case Product(left=left, right=right) if not summed(x):
                return [(*a, *b) for a in self.terms(left) for b in self.terms(right)]
            case Reindex(arg=arg) if not summed(x):
                return self.terms(arg)
        return [(x,)]

    def moved(self, term: Term) -> Term:
        """The term over rescaled states."""
        out: list[Tensor] = []
        for x in term:
            if x in self.known:
                out += self.known[x]
            elif isinstance(x, Input) and self.replaced.get(x.name) is not None:
                out += [self.replaced[x.name], x]  # type: ignore[list-item]
            else:
                out.append(x)
        return tuple(out)

    def joined(self, terms: Sequence[Term], dims: Dims) -> Tensor:
        """The sum of the products, each summed over the axes that `dims` lacks.

        Numbers and arrays of rows are multiplied first, then those of lanes, then what has both.
        """
        out: Tensor | None = None
        for term in terms:
            groups: dict[tuple[bool, bool], list[Tensor]] = {}
            for x in term:
                moving = self.moves(x)
                lane = self.axes[1] in x.dims
                groups.setdefault((moving, lane), []).append(x)
            left = groups.get((False, False), []) or groups.pop((False, True), [])
            rest = [*groups.get((False, True), []), *groups.get((True, False), [])]
            rest += groups.get((True, True), [])
            parts = [reduce(self._times, left)] if left else []
            if rest:
                parts.append(reduce(self._times, rest))
            if not parts:
                parts = [Number(Fraction(1))]
            made = self._over(parts, dims)
            out = made if out is None else add(out, made)
        assert out is not None
        return out

    def _letters(self, dims: Dims) -> str:
        return "".join("ab"[self.axes.index(d)] for d in dims)

    def _times(self, x: Tensor, y: Tensor) -> Tensor:
        dims = tuple(a for a in self.axes if a in x.dims or a in y.dims)
        if len(dims) == len(y.dims):
            dims = y.dims
        elif len(dims) == len(x.dims):
            dims = x.dims
        spec = f"{self._letters(x.dims)},{self._letters(y.dims)}->{self._letters(dims)}"
        return Product(spec, x, y, dims)

    def _summed(self, x: Tensor, others: Sequence[Tensor], dims: Dims) -> Tensor:
        """The factor summed over the axes that it alone has, and `dims` lacks."""
        kept = tuple(d for d in x.dims if d in dims or any(d in y.dims for y in others))
        if kept == x.dims:
            return x
        return Reindex(f"{self._letters(x.dims)}->{self._letters(kept)}", x, kept)

    def _over(self, parts: Sequence[Tensor], dims: Dims) -> Tensor:
        target = self._letters(dims)
        if len(parts) == 1:
            (x,) = parts
            return x if x.dims == dims else Reindex(f"{self._letters(x.dims)}->{target}", x, dims)
        x, y = (self._summed(p, [q for q in parts if q is not p], dims) for p in parts)
        have = set(x.dims) | set(y.dims)
        kept = tuple(d for d in dims if d in have)
        spec = f"{self._letters(x.dims)},{self._letters(y.dims)}->{self._letters(kept)}"
        out = Product(spec, x, y, kept)
        return out if kept == dims else Reindex(f"{self._letters(kept)}->{target}", out, dims)


__all__ = ["Decay", "Folded", "folded"]
