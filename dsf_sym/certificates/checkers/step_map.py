"""Check step maps: T takes the states of one layer to those of another and commutes with the steps.

With f, r the step and output of the one and f', r' of the other, as identities in the state x, the
token s and the token before it:

    f'(T(x), s) = T(f(x, s))        r'(T(x), s) = r(x, s)

and on the first token, from the starts, `f'(x'_{-1}, s) = T(f(x_{-1}, s))`, `r'(x'_{-1}, s) =
r(x_{-1}, s)`. By induction x'_i = T(x_i) and the outputs agree, wherever both layers and T have
values. T also reads the token that made x. Two layers that map onto a third are equal. Under a
history, signals of the last token are given by the current one, and equality is claimed only there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...arithmetic.poly import frac
from ...arithmetic.universe import Universe
from ...errors import DomainError, Rejected
from ...language.evaluate import Sizes, evaluate
from ...language.graph import walk
from ...language.kernel import KernelLayer
from ...language.layer import Layer
from ...language.ranges import undefined_where
from ...language.spec import deserialise
from ...language.tensor import Function, Input, Tensor, text
from ..certificate import layer_from_spec, require_common_signals, where
from .tokens import read_sizes
from .worlds import Values, World, forms_world, in_branches, on_flags


@dataclass(frozen=True)
class StepMap:
    """T from the states of `source`, the constants and the last token to the states of `target`."""

    source: Layer
    target: Layer
    image: Mapping[str, Tensor]

    @property
    def jumps(self) -> bool:
        """Whether a layer or T has a unit step."""
        graphs = [x for layer in (self.source, self.target) for x in layer.step.values()]
        nodes = walk(*graphs, self.source.output, self.target.output, *self.image.values())
        return any(isinstance(x, Function) and x.name == "step" for x in nodes)

    def conditions(self) -> tuple[str, ...]:
        """The denominators of T that are not shown to exclude zero after the first token."""
        names = frozenset(s.name for x in (self.source, self.target) for s in x.signals)

        def domains(assumed: Any) -> Any:
            own = self.source.open_denominators
            return self.target.domains | self.source.state_domains([*own, *assumed], moved=True)

        found = undefined_where(self.image.values(), names, domains)
        return tuple(f"{text(x)} != 0" for x in found)


def conditions(layers: list[Layer], data: Mapping[str, Any]) -> tuple[str, ...]:
    """Where the layers between and the maps have values."""
    maps = read_maps(layers, data)
    third = [m.target for m in maps if m.target not in layers]
    past = read_history(layers, data)
    said = [f"{name} before = {text(x)}" for name, x in past.items()]
    return (*said, *where(*third), *(c for m in maps for c in m.conditions()))


def read_history(layers: list[Layer], data: Mapping[str, Any]) -> dict[str, Tensor]:
    """Signals of the last token as expressions in the current one and the constants."""
    past = deserialise(data["history"]) if "history" in data else {}
    kinds = {s.name: s for layer in layers for s in layer.signals}
    for name, x in past.items():
        reads = [n.name for n in walk(x) if isinstance(n, Input)]
        if any(n not in kinds or kinds[n].kind == "state" for n in reads):
            raise Rejected(f"the history of {name} reads what is no token or constant")
        if name not in kinds or kinds[name].kind != "token" or kinds[name].dims != x.dims:
            raise Rejected(f"the history gives {name}, which is no token of that shape")
    return past


def last_token(world: World, past: Mapping[str, Tensor]) -> Values:
    """The last token, with the signals that the history gives in place."""
    values = evaluate(list(past.values()), world.now, world.algebra)
    return {**world.last, **dict(zip(past, values, strict=True))}


def read_maps(layers: list[Layer], data: Mapping[str, Any]) -> list[StepMap]:
    """One map between the two layers, or one from each onto a third; Rejected otherwise."""
    known = [*layers, *([layer_from_spec(data["third"])] if "third" in data else [])]
    ends = sorted((int(row["from"]), int(row["to"])) for row in data["maps"])
    if ends not in ([(0, 1)], [(1, 0)], [(0, 2), (1, 2)]) or (len(known) == 3) != (len(ends) == 2):
        raise Rejected("T must map one layer onto the other, or both onto a third")
    if any(isinstance(layer, KernelLayer) for layer in known):
        raise Rejected("a step map is between layers with a finite state")
    require_common_signals(known)
    if len({x.output.dims for x in known}) > 1:
        raise Rejected("the outputs have different shapes")
    maps = []
    for row in data["maps"]:
        source, target = known[int(row["from"])], known[int(row["to"])]
        made = StepMap(source, target, deserialise(row))
        _require_fit(made, known)
        try:
            made.conditions()
        except DomainError as error:
            raise Rejected(f"T has no value: {error}") from None
        maps.append(made)
    return maps


def _require_fit(m: StepMap, known: list[Layer]) -> None:
    """Each target state of its own shape, from states of the source, tokens and constants."""
    dims = {s.name: s.dims for x in known for s in x.signals if s.kind != "state"}
    dims |= {s.name: s.dims for s in m.source.of_kind("state")}
    wanted = {s.name: s.dims for s in m.target.of_kind("state")}
    if {name: x.dims for name, x in m.image.items()} != wanted:
        raise Rejected(f"T must give each state of {m.target.name} in its shape")
    for node in walk(*m.image.values()):
        if isinstance(node, Input) and dims.get(node.name) != node.dims:
            raise Rejected(f"T reads {node.name}, which is no state of {m.source.name} or token")


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The identities, for all sizes by normal forms, or at the certificate's sizes exactly."""
    sizes = read_sizes(data["sizes"]) if "sizes" in data else None
    past = read_history(layers, data)
    for m in read_maps(layers, data):
        for first in (True, False):
            if sizes is None:
                _check_forms(m, past, first)
            else:
                _check_entries(m, past, first, sizes)
    at = "all sizes" if sizes is None else ", ".join(f"{k}={v}" for k, v in sizes.items())
    return f"{layers[0].name} = {layers[1].name} for all lengths at {at}, by a step map"


def identities(
    m: StepMap, world: World, past: Mapping[str, Tensor], *, first: bool
) -> Iterator[tuple[str, Any, Any]]:
    """Name, left and right side of each identity, on the first token or after it."""

    def step(layer: Layer, x: Values) -> tuple[Values, Any]:
        roots = [*layer.step.values(), layer.output]
        *new, y = evaluate(roots, {**world.now, **x}, world.algebra)
        return dict(zip(layer.step, new, strict=True)), y

    def image(tokens: Values, x: Values) -> Values:
        values = evaluate(list(m.image.values()), {**tokens, **x}, world.algebra)
        return dict(zip(m.image, values, strict=True))

    before = world.start(m.source) if first else world.state
    new, y = step(m.source, before)
    reached = world.start(m.target) if first else image(last_token(world, past), before)
    mapped, z = step(m.target, reached)
    after, at = image(world.now, new), "on the first token" if first else ""
    yield f"r'(T(x), s) = r(x, s) {at}".rstrip(), z, y
    for name, value in after.items():
        yield f"f'(T(x), s) = T(f(x, s)) for {name} {at}".rstrip(), mapped[name], value


def _check_forms(m: StepMap, past: Mapping[str, Tensor], first: bool) -> None:
    try:
        for world in on_flags(forms_world(m.source, m.target), m.source, m.target):
            for name, left, right in identities(m, world, past, first=first):
                if left.dims != right.dims or left.terms != right.terms:
                    raise Rejected(f"{name} fails as an identity of index terms")
    except ZeroDivisionError:
        raise Rejected("a denominator is zero for every token") from None


def _check_entries(m: StepMap, past: Mapping[str, Tensor], first: bool, sizes: Sizes) -> None:
    def visit(world: World, universe: Universe) -> None:
        try:
            for name, left, right in identities(m, world, past, first=first):
                for index in left.entries.keys() | right.entries.keys():
                    zero = left.entries.get(index, frac(0)) - right.entries.get(index, frac(0))
                    if not universe.is_zero(zero):
                        at, shown = list(index), universe.show(zero)[:200]
                        raise Rejected(f"{name} fails at {at}: the difference is {shown}")
        except ZeroDivisionError:
            raise Rejected("a denominator is zero for every token") from None

    in_branches(m.source, m.target, sizes, visit, jumps=m.jumps)
