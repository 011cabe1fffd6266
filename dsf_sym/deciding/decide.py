"""Decide whether two layers have equal outputs on every sequence of every length.

First an intertwiner, which proves all sizes at once; then, at concrete sizes, the closed subspace
of the joint automaton: agreement up to length n + n' + 1 decides all lengths. A "yes" carries a
basis that the checker verifies exactly, a "no" a shortest exact sequence; all else is undecided.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

from ..arithmetic.universe import PRIME
from ..automata.automaton import Automaton
from ..automata.closure import closure, first_difference
from ..automata.product import Frame, first_ratio_difference, product_closure
from ..certificates.certificate import header, where
from ..certificates.checkers import recheck
from ..derivation.affine import affine_layer
from ..errors import Rejected, SizeError
from ..language.evaluate import Sizes
from ..language.layer import Layer
from ..verdict import Verdict
from .constants import basis_over_constants
from .intertwine import find_intertwiner
from .pairing import Pair, Ties, pair
from .witness import find_witness

DEFAULT_SIZE = 2
LONGEST_LOOK = 32
LARGEST = 1 << 30


def compare(
    a: Layer,
    b: Layer,
    *,
    given: Ties = (),
    sizes: Sizes | None = None,
    seed: int = 0,
) -> Verdict:
    """Whether `a` and `b` have the same output for all tokens, weights and lengths.

    given: ties on signals, see `pair`. sizes: values of the size names, 2 where not given; a proof
    for all sizes is tried first. Raises NotAffine, ShapeError, UnknownName, SizeError.
    """
    began = time.perf_counter()
    both = pair(a, b, given)
    for layer in (both.a, both.b):
        affine_layer(layer)
    at = complete_sizes([both.a, both.b], sizes)
    automaton = Automaton((both.a, both.b), at)
    if where(both.a, both.b):
        first_ratio_difference(automaton, min(Frame(automaton).width, LONGEST_LOOK), seed=seed)
    verdict = _for_all_sizes(both) or _at_sizes(both, automaton, seed)
    return replace(verdict, seconds=time.perf_counter() - began)


def complete_sizes(layers: list[Layer], sizes: Sizes | None) -> Sizes:
    """A value for every size name of the layers; SizeError for unknown names or values below 1."""
    names = list(dict.fromkeys(n for layer in layers for n in layer.sizes))
    given = dict(sizes or {})
    for name, value in given.items():
        if name not in names:
            raise SizeError(f"no size {name!r} here; the sizes are {', '.join(names) or 'none'}")
        if not isinstance(value, int) or value < 1:
            raise SizeError(f"size {name}={value}: a size is a whole number of at least 1")
    return {name: given.get(name, DEFAULT_SIZE) for name in names}


def _for_all_sizes(both: Pair) -> Verdict | None:
    maps = find_intertwiner(both.a, both.b)
    if maps is None:
        return None
    data = header("intertwiner", both.question, both.a, both.b)
    data["map"] = [
        {"target": m.target, "source": m.source, "spec": m.spec, "scale": str(m.scale)}
        for m in maps
    ]
    recheck(data)
    return _positive(both, "a constant map between the states commutes with both steps", None, data)


def _positive(both: Pair, proof: str, sizes: Sizes | None, data: dict[str, Any]) -> Verdict:
    conditions = (*both.question.bridges, *where(both.a, both.b))
    status = "conditional" if conditions else "proved"
    return Verdict(both.question, status, proof, sizes, certificate=data, conditions=conditions)


def _at_sizes(both: Pair, automaton: Automaton, seed: int) -> Verdict:
    found, kind = closure(automaton, seed=seed), "closed subspace"
    longest = automaton.width
    if found.differ and any(p.denominator is not None for p in automaton.parts):
        found, kind = product_closure(automaton, seed=seed), "closed subspace of the product"
        longest = Frame(automaton).width
    if found.differ:
        ratio = kind != "closed subspace"
        shortest = first_ratio_difference if ratio else first_difference
        return _negative(both, automaton, shortest(automaton, longest, seed=seed), seed)
    for basis in _bases(automaton, found.rows, kind, seed):
        data = header(kind, both.question, both.a, both.b)
        data |= {"sizes": automaton.sizes, "basis": basis}
        try:
            recheck(data)
        except Rejected:
            continue
        proof = f"a {kind} of dimension {len(found.rows)} holds every reachable state"
        return _positive(both, proof, automaton.sizes, data)
    return Verdict(
        both.question,
        "undecided",
        f"no difference up to length {longest} at random tokens modulo {PRIME}",
        automaton.sizes,
        remains="the invariant subspace could not be written over the rationals and the constants, "
        "so there is evidence of equality but no proof",
    )


def _bases(
    automaton: Automaton, rows: list[dict[int, int]], kind: str, seed: int
) -> Iterator[list[dict[str, Any]]]:
    """Candidates for a basis of the closed subspace, the simplest first."""
    rational = rational_rows(rows)
    if rational is not None:
        yield rational
    weights = any(s.kind == "constant" for s in automaton.signals.values())
    if weights and kind == "closed subspace":
        basis = basis_over_constants(automaton, len(rows), seed=seed)
        if basis is not None:
            yield basis


def rational_rows(rows: list[dict[int, int]]) -> list[dict[str, str]] | None:
    """Rows modulo PRIME as rows of small fractions, or None when an entry is not one."""
    out = []
    for row in rows:
        entries = {str(i): rational_from(x) for i, x in row.items()}
        if any(x is None for x in entries.values()):
            return None
        out.append({i: str(x) for i, x in entries.items()})
    return out


def rational_from(x: int) -> Fraction | None:
    """The fraction of small height that is `x` modulo PRIME, by the Euclidean algorithm."""
    r0, r1, t0, t1 = PRIME, x, 0, 1
    while r1 >= LARGEST:
        q = r0 // r1
        r0, r1, t0, t1 = r1, r0 - q * r1, t1, t0 - q * t1
    return Fraction(r1, t1) if 0 < abs(t1) < LARGEST else None


def _negative(both: Pair, automaton: Automaton, length: int | None, seed: int) -> Verdict:
    found = None if length is None else find_witness(automaton, length, seed=seed)
    if found is None:
        return Verdict(
            both.question,
            "undecided",
            "the generators of the functions differ, but no real sequence confirmed it",
            automaton.sizes,
            remains=f"a sequence of {length} tokens on which rigorous balls separate the outputs",
        )
    witness, bits = found
    data = header("difference", both.question, both.a, both.b)
    data |= {
        "sizes": automaton.sizes,
        "tokens": [{n: [str(x) for x in xs] for n, xs in t.items()} for t in witness.tokens],
        "constants": {n: [str(x) for x in xs] for n, xs in witness.constants.items()},
        "bits": bits,
    }
    data["claim"]["lengths"] = witness.length
    recheck(data)
    return Verdict(
        both.question,
        "refuted",
        f"a shortest sequence, {witness.length} token{'s' * (witness.length > 1)}, "
        "on which the outputs differ",
        automaton.sizes,
        certificate=data,
        witness=witness,
    )
