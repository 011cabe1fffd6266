"""Find a step map between two layers: T with `f'(T(x), s) = T(f(x, s))`, `r'(T(x), s) = r(x, s)`.

T is a sum of candidate terms with unknown coefficients. Where the second layer is affine in its
state, and its output affine or a ratio, both identities are linear in the coefficients: they are
solved for at random points modulo a prime, and the checker then decides exactly.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from itertools import product
from typing import Any

from ..arithmetic.branches import Fork, Letter
from ..arithmetic.reconstruct import rational_from
from ..arithmetic.span import Span
from ..arithmetic.sparse import Sparse
from ..arithmetic.universe import PRIME, Universe
from ..automata.automaton import Automaton
from ..certificates.certificate import header, where
from ..certificates.checkers import recheck, step_map
from ..certificates.checkers.worlds import entries_world
from ..derivation.affine import as_ratio, split
from ..errors import (
    CertificateError,
    DomainError,
    NotAffine,
    Rejected,
    ShapeError,
    UnknownName,
)
from ..language.evaluate import Sizes, evaluate, shape_of
from ..language.graph import inputs
from ..language.layer import Layer, validate
from ..language.spec import deserialise, rebuild, serialise
from ..language.tensor import Tensor, add, broadcast, lift, multiply, shape_text, text
from ..language.ties import parse_tie
from .monomials import monomials
from .pairing import Pair, read_tie
from .witness import require_values

DEGREES = (0, 1, 2)
MOST_TERMS = 320
LONGEST = 6
Image = dict[str, Tensor]


def find_certificate(
    both: Pair,
    sizes: Sizes,
    *,
    maps: Sequence[str] = (),
    through: Layer | None = None,
    history: Mapping[str, Tensor] | None = None,
    seed: int = 0,
) -> dict[str, Any] | None:
    """A checked certificate "step map", or None where no map is found.

    maps: T as texts "STATE = EXPRESSION", in place of a search. through: a layer that both are
    mapped onto. history: signals of the last token by the current one, a condition of the
    certificate. Raises LanguageError, UnknownName and ShapeError for maps that do not fit.
    """
    past = dict(history or {})
    if through is not None:
        third = _common(through, both)
        found = [_search(x, third, sizes, past, seed) for x in (both.a, both.b)]
        if any(image is None for image in found):
            return None
        rows = [_row(0, 2, found[0] or {}), _row(1, 2, found[1] or {})]
        return _checked(both, rows, sizes, past, third)
    for (i, source), (j, target) in (((0, both.a), (1, both.b)), ((1, both.b), (0, both.a))):
        if maps and set(target.step) != {read_tie(given)[0] for given in maps}:
            continue
        image = (
            given_map(source, target, maps) if maps else _search(source, target, sizes, past, seed)
        )
        data = None if image is None else _checked(both, [_row(i, j, image)], sizes, past)
        if data is not None:
            return data
    if maps:
        _require_names(both, maps)
    return None


def map_text(data: Mapping[str, Any]) -> str:
    """The maps of a certificate in words: "S = S * e"."""
    third = f" onto {data['third']['name']}" if "third" in data else ""
    shown = [f"{name} = {text(x)}" for row in data["maps"] for name, x in deserialise(row).items()]
    return f"the step map{third} {', '.join(dict.fromkeys(shown))}"


def _require_names(both: Pair, maps: Sequence[str]) -> None:
    named = {read_tie(given)[0] for given in maps}
    if named not in (set(both.a.step), set(both.b.step)):
        sides = " or ".join(", ".join(x.step) for x in (both.a, both.b))
        raise UnknownName(
            f"the maps give {', '.join(sorted(named))}; a step map gives every state of one layer: "
            f"{sides}"
        )


def given_map(source: Layer, target: Layer, maps: Sequence[str]) -> Image:
    """T as the user wrote it: states of `source`, constants, and tokens, which mean the last."""
    names = {s.name: s.tensor for x in (target, source) for s in x.signals if s.kind != "state"}
    names |= {s.name: s.tensor for s in source.of_kind("state")}
    image: Image = {}
    for given in maps:
        name, value = read_tie(given)
        dims = target.signal(name).dims
        made = broadcast(parse_tie(value, names, call=f"--map {given!r}"), dims)
        if made.dims != dims:
            raise ShapeError(
                f"--map {given!r}: the state {name} of {target.name} is {shape_text(dims)}, and "
                f"the map gives {shape_text(made.dims)}"
            )
        image[name] = made
    return image


def _common(through: Layer, both: Pair) -> Layer:
    """The layer with the signals of the two, where it has them too."""
    known = {s.name: s for x in (both.b, both.a) for s in x.signals if s.kind != "state"}
    signals = tuple(
        known[s.name]
        if s.kind != "state" and s.name in known and known[s.name].dims == s.dims
        else s
        for s in through.signals
    )
    made = replace(through, signals=signals)
    validate(made)
    return made


def _row(i: int, j: int, image: Image) -> dict[str, Any]:
    return {"from": i, "to": j, **serialise(image)}


def _checked(
    both: Pair,
    rows: list[dict[str, Any]],
    sizes: Sizes,
    past: Image,
    third: Layer | None = None,
) -> dict[str, Any] | None:
    """The certificate, for all sizes where the checker accepts that, else at the given ones."""
    data = header("step map", both.question, both.a, both.b) | {"maps": rows}
    if third is not None:
        data["third"] = third.spec
    if past:
        data["history"] = serialise(past)
    layers = [both.a, both.b]
    for at in ({}, {"sizes": dict(sizes)}):
        try:
            made = data | at
            held = (*where(*layers), *step_map.conditions(layers, made))
            made["claim"] = made["claim"] | {"where": list(dict.fromkeys(held))}
            recheck(made)
            for m in step_map.read_maps(layers, made) if held else ():
                _require_reached(m, sizes)
            return made
        except (Rejected, CertificateError, DomainError):
            continue
    return None


def _require_reached(m: step_map.StepMap, sizes: Sizes) -> None:
    """DomainError where T has no value at the states that some number of tokens reach."""
    after = rebuild([x.sum() for x in m.image.values()], m.source.step)
    reads = inputs(*after)
    own = {s.name for s in m.source.signals}
    others = tuple(s for s in m.target.signals if s.name in reads - own)
    signals = (*m.source.signals, *others)
    layer = replace(m.source, signals=signals, output=reduce(add, after), matrices=())
    require_values(Automaton((layer,), sizes), LONGEST)


def _search(source: Layer, target: Layer, sizes: Sizes, past: Image, seed: int) -> Image | None:
    """T onto a layer that is affine in its state, by linear algebra."""
    states = frozenset(target.step)
    try:
        for name, value in target.step.items():
            split(value, states, name)
    except NotAffine:
        return None
    for degree in DEGREES:
        terms = [
            (name, term)
            for name in target.step
            for at_most in range(degree + 1)
            for term in monomials(source, target, name, at_most)
        ]
        if not terms or len(terms) > MOST_TERMS:
            continue
        try:
            image = _Unknown(source, target, sizes, past, terms, random.Random(seed)).solve()
        except ZeroDivisionError:
            # A term divides by a state that is zero after this branch of the step.
            continue
        if image is not None:
            return image
    return None


def _readouts(target: Layer) -> tuple[Tensor, Tensor | None] | None:
    """Numerator and denominator of the output where both are affine; None where they are not."""
    states = frozenset(target.step)
    try:
        top, bottom = as_ratio(target.output, states, target.name)
        for x in (top, bottom):
            if x is not None:
                split(x, states, target.name)
    except NotAffine:
        return None
    return top, bottom


class _Unknown:
    """The coefficients of the terms, as unknowns of equations at random points modulo PRIME."""

    def __init__(
        self,
        source: Layer,
        target: Layer,
        sizes: Sizes,
        past: Image,
        terms: list[tuple[str, Tensor]],
        rng: random.Random,
    ) -> None:
        self.target, self.sizes, self.terms, self.rng = target, sizes, terms, rng
        self.past = past
        self.source = source
        self.letter: Letter = {}
        while True:
            try:
                self._symbols()
                return
            except Fork as fork:
                self.letter = self.letter | rng.choice(fork.answers)

    def _symbols(self) -> None:
        self.universe = Universe()
        world = entries_world(self.source, self.target, self.sizes, self.letter, self.universe)
        source, target = self.source, self.target
        roots = [*source.step.values(), source.output]
        *new, self.output = evaluate(roots, {**world.now, **world.state}, world.algebra)
        after = dict(zip(source.step, new, strict=True))
        images = [term for _, term in self.terms]
        last = step_map.last_token(world, self.past)
        self.before = evaluate(images, {**last, **world.state}, world.algebra)
        self.after = evaluate(images, {**world.now, **after}, world.algebra)
        self.unknown = {
            s.name: self._fresh(s.name, shape_of(s.dims, self.sizes))
            for s in target.of_kind("state")
        }
        self.entries = [
            (x.variable(), name, i)
            for name, a in self.unknown.items()
            for i, x in a.entries.items()
        ]
        read = _readouts(target)
        self.read = [] if read is None else [x for x in read if x is not None]
        roots = [*target.step.values(), *self.read]
        values = evaluate(roots, {**world.now, **self.unknown}, world.algebra)
        self.moved = dict(zip(target.step, values, strict=False))
        self.readouts = values[len(target.step) :]

    def _fresh(self, name: str, shape: tuple[int, ...]) -> Sparse:
        indices = list(product(*map(range, shape)))
        entry = self.universe.entry
        return Sparse(
            shape, {i: entry(f"T.{name}{i}", constant=False, positive=False) for i in indices}
        )

    def solve(self) -> Image | None:
        """The simplest combination of terms that satisfies every equation, or None."""
        width = len(self.terms) + 1
        space, still = Span(width), 0
        while still < 2 and space.rank < width:
            rows: list[list[int]] = []
            try:
                while len(rows) < max(8, (width - space.rank) // 2):
                    rows += self._equations()
            except ZeroDivisionError:
                return None
            still = 0 if space.extend(rows) else still + 1
        found = space.rows()
        if any(min(row) == width - 1 for row in found):
            return None
        values = {min(row): -row.get(width - 1, 0) % PRIME for row in found}
        image: Image = {}
        for column, value in values.items():
            if not value:
                continue
            c = rational_from(value)
            if c is None:
                return None
            name, term = self.terms[column]
            part = term if c == 1 else multiply(lift(c), term)
            image[name] = add(image[name], part) if name in image else part
        for name in self.target.step:
            zero = broadcast(lift(Fraction(0)), self.target.signal(name).dims)
            image.setdefault(name, zero)
        return {name: image[name] for name in self.target.step}

    def _equations(self) -> list[list[int]]:
        """Rows over the coefficients and 1 that vanish where T is a step map, at one point."""
        rng, width = self.rng, len(self.terms) + 1
        order = self.universe.below(range(len(self.universe.variables)))
        values = self.universe.draw(rng, {}, order)
        for entry in self.entries:
            values[entry[0]] = 0

        def at(x: Sparse) -> dict[tuple[int, ...], int]:
            return {i: y.at(values, PRIME) for i, y in x.entries.items()}

        before, after = [at(x) for x in self.before], [at(x) for x in self.after]
        y = at(self.output)
        arrays = [*self.moved.values(), *self.readouts]
        offsets = [at(x) for x in arrays]
        slopes: dict[tuple[str, tuple[int, ...]], list[dict[tuple[int, ...], int]]] = {}
        for v, name, index in self.entries:
            values[v] = 1
            slopes[name, index] = [
                {i: (x - o.get(i, 0)) % PRIME for i, x in at(a).items()}
                for a, o in zip(arrays, offsets, strict=True)
            ]
            values[v] = 0

        def row(weights: list[tuple[int, int]], index: tuple[int, ...]) -> list[int]:
            """A weighted sum of entries of `arrays` at T(x), by their positions."""
            out = [0] * width
            for a, weight in weights:
                out[-1] += weight * offsets[a].get(index, 0)
                for c, (name, _) in enumerate(self.terms):
                    for i, x in before[c].items():
                        slope = slopes[name, i][a].get(index, 0)
                        if slope:
                            out[c] += weight * slope % PRIME * x
            return out

        rows = []
        for a, (name, value) in enumerate(self.moved.items()):
            for index in value.indices():
                out = row([(a, 1)], index)
                for c, (own, _) in enumerate(self.terms):
                    if own == name:
                        out[c] -= after[c].get(index, 0)
                rows.append([x % PRIME for x in out])
        if self.readouts:
            top = len(self.moved)
            for index in self.readouts[0].indices():
                if len(self.readouts) == 2:
                    out = row([(top, 1), (top + 1, -y.get(index, 0))], index)
                else:
                    out = row([(top, 1)], index)
                    out[-1] -= y.get(index, 0)
                rows.append([x % PRIME for x in out])
        return rows
