"""Decide whether two layers have equal outputs on every sequence of every length.

First an intertwiner, which proves all sizes at once; then, at concrete sizes, the closed subspace
of the joint automaton: agreement up to length n + n' + 1 decides all lengths. A "yes" carries a
basis that the checker verifies exactly, a "no" a shortest exact sequence; all else is undecided.
Layers that are not affine in their states have no such bound: a step map proves them equal, a
sequence of tokens different.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..arithmetic.reconstruct import rational_rows
from ..arithmetic.universe import PRIME
from ..automata.automaton import Automaton
from ..automata.closure import closure, first_difference
from ..automata.product import Frame, first_ratio_difference, product_closure
from ..certificates.certificate import header, where
from ..certificates.checkers import recheck
from ..derivation.affine import affine_layer
from ..errors import NotAffine, Rejected, SizeError
from ..language.evaluate import Sizes
from ..language.kernel import KernelLayer
from ..language.layer import Layer
from ..language.tensor import Tensor
from ..verdict import Verdict
from .constants import basis_over_constants
from .intertwine import find_intertwiner
from .kernels import compare_kernels
from .pairing import Pair, Ties, pair
from .step_maps import find_certificate, map_text
from .witness import find_witness, refuted, require_values

DEFAULT_SIZE = 2
LONGEST_LOOK = 32
# Random sequences tried where no bound on the length is known.
SHORT, LONGEST_TRIED, ATTEMPTS = 3, 8, 12


def compare(
    a: Layer,
    b: Layer,
    *,
    given: Ties = (),
    sizes: Sizes | None = None,
    seed: int = 0,
    maps: Sequence[str] = (),
    through: Layer | None = None,
) -> Verdict:
    """Whether `a` and `b` have the same output for all tokens, weights and lengths.

    given: ties on signals, see `pair`. sizes: values of the size names, 2 where not given; a proof
    for all sizes is tried first. maps: the step map "STATE = EXPRESSION", one text for each state
    of one layer over the states of the other, its constants and its last token; only this proof is
    then tried. through: a third layer, onto which a step map is searched for from each. Raises
    ShapeError, UnknownName, SizeError, and DomainError for a layer that has no value.
    """
    began = time.perf_counter()
    both = pair(a, b, given)
    at = complete_sizes([both.a, both.b], sizes)
    verdict = decide(both, at, seed=seed, maps=maps, through=through)
    return replace(verdict, seconds=time.perf_counter() - began)


def decide(
    both: Pair,
    sizes: Sizes,
    *,
    seed: int = 0,
    maps: Sequence[str] = (),
    through: Layer | None = None,
    history: Mapping[str, Tensor] | None = None,
) -> Verdict:
    """The verdict on two layers over common signals; see `compare`.

    history: signals of the last token as expressions in the current one, a condition under which
    alone the layers are compared; the only proof is then a step map.
    """
    automaton = Automaton((both.a, both.b), sizes)
    if any(isinstance(layer, KernelLayer) for layer in automaton.layers) and not maps:
        require_values(automaton, SHORT, seed=seed)
        return compare_kernels(both, automaton, seed, identical=compare)
    affine = _is_affine(both.a) and _is_affine(both.b)
    if affine and where(both.a, both.b):
        first_ratio_difference(automaton, min(Frame(automaton).width, LONGEST_LOOK), seed=seed)
    if not affine:
        require_values(automaton, LONGEST_TRIED, seed=seed)
    if maps or through is not None or history:
        found = _by_step_map(both, sizes, seed, maps, through, history or {})
        return found or _no_map(both, sizes)
    if not affine:
        return _for_all_sizes(both) or _without_a_bound(both, automaton, seed)
    verdict = _for_all_sizes(both) or _at_sizes(both, automaton, seed)
    if verdict.status == "undecided":
        return _by_step_map(both, sizes, seed) or verdict
    return verdict


def _is_affine(layer: Layer) -> bool:
    try:
        affine_layer(layer)
    except NotAffine:
        return False
    return True


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
    conditions = (*both.question.bridges, *data["claim"]["where"])
    status = "conditional" if conditions else "proved"
    return Verdict(both.question, status, proof, sizes, certificate=data, conditions=conditions)


def _by_step_map(
    both: Pair,
    at: Sizes,
    seed: int,
    maps: Sequence[str] = (),
    through: Layer | None = None,
    history: Mapping[str, Tensor] | None = None,
) -> Verdict | None:
    data = find_certificate(both, at, maps=maps, through=through, history=history or {}, seed=seed)
    if data is None:
        return None
    proof = f"{map_text(data)} commutes with both steps"
    return _positive(both, proof, data.get("sizes"), data)


def _no_map(both: Pair, at: Sizes) -> Verdict:
    remains = "a map T of the states with f'(T(x), s) = T(f(x, s)) and r'(T(x), s) = r(x, s)"
    return Verdict(both.question, "undecided", "the step map is not one", at, remains=remains)


def _without_a_bound(both: Pair, automaton: Automaton, seed: int) -> Verdict:
    """A short witness, else a step map, else a longer witness, else undecided."""
    for lengths in (range(1, SHORT + 1), range(SHORT + 1, LONGEST_TRIED + 1)):
        for length in lengths:
            found = find_witness(automaton, length, seed=seed, attempts=ATTEMPTS)
            if found is not None:
                return refuted(both, automaton, found, "a sequence of")
        proved = _by_step_map(both, automaton.sizes, seed) if lengths.start == 1 else None
        if proved is not None:
            return proved
    return Verdict(
        both.question,
        "undecided",
        f"no difference on random sequences of up to {LONGEST_TRIED} tokens",
        automaton.sizes,
        remains="a step map between the states (--map), or a sequence on which the outputs differ",
    )


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
    return refuted(both, automaton, found, "a shortest sequence,")
