"""Equality for all sizes: a constant map T between states that commutes with both steps.

T permutes and scales the axes of each state. With f, r the step and readout of one layer and f', r'
of the other, `f'(T h, s) = T f(h, s)`, `r'(T h, s) = r(h, s)` and `T h_{-1} = h'_{-1}` as
identities of index terms give equal outputs for every length by induction, at every size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, permutations, product

from ..index.atoms import Form
from ..index.forms import LETTERS
from ..index.normal import Step, contract_axes, step_form
from ..language.layer import Layer

MOST = 24  # maps tried: layers with many states of one shape have factorially many


@dataclass(frozen=True)
class StateMap:
    """One state of the target: `scale` times a state of the source with its axes permuted."""

    target: str
    source: str
    spec: str
    scale: Fraction


def find_intertwiner(a: Layer, b: Layer) -> tuple[StateMap, ...] | None:
    """A map from the states of `a` to those of `b` that passes `mismatch`, or None."""
    for candidate in islice(candidate_maps(a, b), MOST):
        scaled = _rescale(a, b, candidate)
        if mismatch(a, b, scaled) is None:
            return scaled
    return None


def candidate_maps(a: Layer, b: Layer) -> Iterator[tuple[StateMap, ...]]:
    """Every way to give each state of `b` a state of `a` with its axes permuted."""
    sources, targets = a.of_kind("state"), b.of_kind("state")
    if len(sources) != len(targets):
        return
    for order in permutations(sources):
        choices = []
        for source, target in zip(order, targets, strict=True):
            axes = range(len(source.dims))
            choices.append(
                [
                    StateMap(
                        target.name,
                        source.name,
                        f"{LETTERS[: len(axes)]}->{''.join(LETTERS[i] for i in p)}",
                        Fraction(1),
                    )
                    for p in permutations(axes)
                    if tuple(source.dims[i] for i in p) == target.dims
                ]
            )
        yield from product(*choices)


def _rescale(a: Layer, b: Layer, maps: tuple[StateMap, ...]) -> tuple[StateMap, ...]:
    """Scale every state by the ratio of the readouts, where that is one rational number."""
    left = step_form(a).output
    right = step_form(b, mapped_states(a, b, maps)).output
    if left.terms.keys() != right.terms.keys() or not left.terms:
        return maps
    ratios = {right.terms[m] / c for m, c in left.terms.items()}
    if len(ratios) != 1:
        return maps
    scale = 1 / ratios.pop()
    return tuple(StateMap(m.target, m.source, m.spec, scale) for m in maps)


def mapped_states(a: Layer, b: Layer, maps: tuple[StateMap, ...]) -> dict[str, Form]:
    """The states of `b` as forms in the states of `a`."""
    own = step_form(a).states
    return {m.target: image(own[m.source], m, b) for m in maps}


def image(x: Form, m: StateMap, b: Layer) -> Form:
    """A form of the source's shape under one map."""
    return contract_axes(x, m.spec, b.signal(m.target).dims).times(m.scale)


def mismatch(a: Layer, b: Layer, maps: tuple[StateMap, ...]) -> str | None:
    """None when T intertwines the two layers at all sizes, else the identity that fails."""
    left: Step = step_form(a)
    right = step_form(b, mapped_states(a, b, maps))
    if {m.target for m in maps} != set(b.step) or {m.source for m in maps} != set(a.step):
        return "T does not map every state"
    for m in maps:
        if right.new[m.target] != image(left.new[m.source], m, b):
            return f"f'(T h, s) = T f(h, s) fails for the state {m.target}"
        if right.start[m.target] != image(left.start[m.source], m, b):
            return f"T h_-1 = h'_-1 fails for the state {m.target}"
    if left.output != right.output:
        return "r'(T h, s) = r(h, s) fails"
    return None
