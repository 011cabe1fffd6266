"""Several states of the same sizes that read each other entry by entry, and their scan.

At every entry Λ is a k by k matrix: so are the real and the imaginary part of a complex state. A
product of such matrices is one, so that all states of a chunk are formed by a scan over time; where
Λ is constant in time, they are a convolution with its powers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..derivation.derive import StateSpace
from ..derivation.structure import Structure
from ..index.atoms import atom_form
from ..index.forms import compose, signal_atom
from ..language.layer import Layer
from ..language.tensor import Dims, Tensor
from . import ir
from .factors import NoSchedule, form_expression, skip_form
from .opaque import merged, named_parts

CHUNK = 32


@dataclass(frozen=True)
class Coupled:
    """The factors of such a memory: Λ's entry from a state to a state, None where it is zero.

    terms: what a token adds to each state. readout: the output over the states' names; old: it is
    of the states before the token.
    """

    states: tuple[str, ...]
    dims: Dims
    factors: tuple[tuple[Tensor | None, ...], ...]
    terms: tuple[Tensor, ...]
    readout: Tensor
    old: bool


def coupled(space: StateSpace, found: Structure) -> Coupled:
    """The factors of a memory whose Λ is diagonal in every block; raises NoSchedule."""
    if space.denominator is not None:
        raise NoSchedule("the output is a ratio of two readouts")
    states = space.states
    dims = states[0].dims
    for block in found.blocks.values():
        if block.dims != dims or block.columns != dims:
            raise NoSchedule("its states have different shapes")
        if block.outers or block.dense:
            raise NoSchedule(f"Λ is {block.kind}: its products are no longer of that structure")
    old = space.reads_old
    read = (space.R if old else space.C) or {}
    output = skip_form(space, old)
    for s in states:
        if s.name in read:
            output = output + compose(read[s.name], atom_form(signal_atom(s)), len(dims))

    def factor(row: str, column: str) -> Tensor | None:
        block = found.blocks.get((row, column))
        return None if block is None else form_expression(block.scale, "Λ")

    names = tuple(s.name for s in states)
    return Coupled(
        states=names,
        dims=dims,
        factors=tuple(tuple(factor(row, column) for column in names) for row in names),
        terms=tuple(form_expression(space.offset[name], "b") for name in names),
        readout=form_expression(output, "the output"),
        old=old,
    )


def scan(
    layer: Layer,
    parts: Coupled,
    opaque: Mapping[str, Tensor],
    made: type[ir.ScanTogether | ir.Convolution] = ir.ScanTogether,
) -> ir.Function:
    """A scan of every entry over time, of all its states together; made: what forms them."""
    return ir.Function(
        schedule="associative_scan",
        doc="All states of a chunk at once, by a scan of every entry over time.",
        body=_states(layer, parts, opaque, made),
        output="y",
        states=_ends(parts),
        chunk=CHUNK,
        blocks=True,
    )


def _states(
    layer: Layer,
    parts: Coupled,
    opaque: Mapping[str, Tensor],
    made: type[ir.ScanTogether | ir.Convolution],
) -> tuple[ir.Let, ...]:
    """Assignments of the factors, of the states after every token, formed by `made`, and of y."""
    entries: dict[str, Tensor] = {}
    names: list[list[str | None]] = []
    for row in parts.factors:
        names.append([])
        for factor in row:
            names[-1].append(None if factor is None else f"factor_{len(entries) + 1}")
            if factor is not None:
                entries[f"factor_{len(entries) + 1}"] = factor
    terms = {f"term_{i + 1}": x for i, x in enumerate(parts.terms)}
    *roots, readout = merged([*entries.values(), *terms.values(), parts.readout], opaque)
    starts = [f"start_{i + 1}" for i in range(len(parts.states))]
    body: list[ir.Let] = []
    for start, name in zip(starts, parts.states, strict=True):
        body.append(ir.Let(start, ir.Start(name, layer.start.get(name), parts.dims)))
    for name, x in named_parts(zip([*entries, *terms], roots, strict=True), "x", reuse=False):
        if name in entries and made is ir.Convolution:
            body.append(ir.Let(name, ir.Constant(x, parts.dims)))
        elif name in entries or name in terms:
            body.append(ir.Let(name, ir.Whole(x, x.dims, thin=name in entries)))
        else:
            body.append(ir.Let(name, x))
    rows = tuple(map(tuple, names))
    body.append(ir.Let("states", made(rows, tuple(terms), tuple(starts))))
    body += _read(parts, starts)
    return (*body, ir.Let("y", ir.Whole(readout, layer.output.dims)))


def _read(parts: Coupled, starts: Sequence[str]) -> list[ir.Let]:
    body = []
    for i, (name, start) in enumerate(zip(parts.states, starts, strict=True)):
        body.append(ir.Let(name, ir.Item("states", i)))
        body.append(ir.Let(f"end_{i + 1}", ir.Last(name, len(parts.dims))))
        if parts.old:
            body.append(ir.Let(name, ir.Previous(name, start)))
    return body


def _ends(parts: Coupled) -> tuple[tuple[str, str], ...]:
    """The variables of the states after the last token."""
    return tuple((name, f"end_{i + 1}") for i, name in enumerate(parts.states))
