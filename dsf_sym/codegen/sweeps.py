"""The backward pass as sweeps: recurrences like the forward one, each over one kind of state.

Where rows are apart and no factor's adjoint reads both a state and an adjoint, the pass over a
block is a few recurrences whose outputs are sums over one axis of the state: forward in time for
what reads the state, backward for what reads its adjoint. A sum over the lanes is one over the rows
once the two axes change places, so that no sum runs across a vector and no past state is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..language.graph import inputs
from ..language.layer import Signal
from ..language.tensor import Input, Tensor
from .opaque import merged, substituted
from .tiles import Factor, Reverse, Tiles, top_sums


@dataclass(frozen=True)
class Sweep:
    """A recurrence through a block of tokens.

    tiles: its states, and the sums over its rows. backward: from the last token to the first.
    turned: rows and lanes have changed places. gives: the adjoints of factors, over the sums.
    """

    tiles: Tiles
    backward: bool
    turned: bool
    gives: Mapping[str, Tensor]


def sweeps(made: Tiles, back: Reverse) -> tuple[Sweep, ...] | None:
    """The sweeps that give every factor its adjoint; None where they are not enough."""
    rows, lanes = made.rows, made.lanes
    if not made.split or rows is None:
        return None
    if any({*made.dims(n)} != {rows, lanes} for n in made.states):
        return None
    if any(x.dims != (lanes,) for x in made.sums.values()):
        return None
    states = {*made.states, *(f"new_{n}" for n in made.states)}
    adjoints = {f"adjoint_{n}" for n in made.states}
    if any(inputs(x) & states for x in back.states.values()) or {*back.states} != {*made.states}:
        return None
    gives: dict[tuple[bool, bool], dict[str, Tensor]] = {(True, False): {}}
    for name, x in back.factors.items():
        backward = bool(inputs(x) & adjoints)
        if len(x.dims) != 1 or (backward and inputs(x) & states):
            return None
        gives.setdefault((backward, x.dims == (rows,)), {})[name] = x
    out = [_sweep(made, back, *kind, gives[kind]) for kind in sorted(gives)]
    found = [x for x in out if x is not None]
    return tuple(found) if len(found) == len(out) else None


def _sweep(
    made: Tiles, back: Reverse, backward: bool, turned: bool, gives: Mapping[str, Tensor]
) -> Sweep | None:
    assert made.rows is not None
    lanes, rows = (made.rows, made.lanes) if turned else (made.lanes, made.rows)
    steps: Mapping[str, Tensor] = made.step
    layer = made.layer
    if backward:
        steps = {f"adjoint_{n}": x for n, x in back.states.items()}
        own = [layer.signal(n) for n in made.states]
        states = tuple(Signal(f"adjoint_{s.name}", s.dims, s.domain, "state") for s in own)
        layer = replace(layer, signals=(*layer.signals, *states))
    known = {f"new_{n}": x for n, x in made.step.items()}
    whole = merged([*steps.values(), *gives.values()], known)
    step = dict(zip(steps, whole, strict=False))
    outputs = whole[len(step) :]
    sums: dict[str, Tensor] = {}
    over: dict[Tensor, Tensor] = {}
    for root in outputs:
        for x in top_sums(root, rows):
            name = f"{'turned_' if turned else ''}{'back' if backward else 'past'}{len(sums) + 1}"
            if x not in over:
                sums[name], over[x] = x, Input(name, x.dims)
    rest = dict(zip(gives, substituted(outputs, over), strict=True))
    moving = set(step)
    if any(inputs(x) & moving or x.dims != (lanes,) for x in rest.values()):
        return None
    if any(_sums_within(x, rows) for x in sums.values()):
        return None
    seeds = [
        Factor(f"adjoint_{n}", Input(f"adjoint_{n}", x.dims), False) for n, x in made.sums.items()
    ]
    tiles = Tiles(
        layer=layer,
        lanes=lanes,
        rows=rows,
        states=tuple(step),
        factors=(*made.factors, *seeds),
        step=step,
        sums=sums,
        output=Input("adjoint_y", (lanes,)),
        split=True,
    )
    return Sweep(tiles, backward, turned, rest)


def _sums_within(x: Tensor, rows: str) -> bool:
    return any(top_sums(c, rows) for c in x.children)


__all__ = ["Sweep", "sweeps"]
