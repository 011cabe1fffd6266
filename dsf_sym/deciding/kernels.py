"""Decide whether sums over the past are equal: by an identity of kernels, or by a sequence.

Where both layers are sums `Σ_j c(i, j)`, or ratios of such sums, an identity at free tokens proves
all lengths. Where that fails, or one layer has a finite state, a sequence on which the definitions
differ refutes, and everything else is undecided: kernels that differ refute nothing by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from ..automata.automaton import Automaton
from ..certificates.certificate import header, where
from ..certificates.checkers import recheck
from ..language.evaluate import Sizes
from ..language.kernel import KernelLayer, crossed
from ..verdict import Verdict
from .pairing import Pair
from .witness import find_witness, refuted

LONGEST = 4
# A few tries at every length first: layers that differ do so nearly everywhere.
ATTEMPTS = (4, 40)
SHARED = ("format", "kind", "library", "claim", "hashes", "layers")


def compare_kernels(
    both: Pair, automaton: Automaton, seed: int, *, identical: Callable[..., Verdict]
) -> Verdict:
    """The verdict on two layers of which at least one is a sum over the past.

    identical: what compares the two layers without a state that `crossed` makes.
    """
    verdict = _by_identity(both, automaton.sizes, seed, identical)
    verdict = verdict or _by_sequence(both, automaton, seed)
    if verdict is not None:
        return verdict
    return Verdict(
        both.question,
        "undecided",
        f"no difference on random sequences of up to {LONGEST} tokens",
        automaton.sizes,
        remains="an identity of the kernels that holds for every query and key, or a sequence on "
        "which rigorous balls separate the outputs",
    )


def _by_identity(
    both: Pair, sizes: Sizes, seed: int, identical: Callable[..., Verdict]
) -> Verdict | None:
    a, b = both.a, both.b
    if not (isinstance(a, KernelLayer) and isinstance(b, KernelLayer)):
        return None
    if a.normalised != b.normalised:
        return None
    left, right = crossed(a, b)
    names = {n for layer in (left, right) for n in layer.sizes}
    found = identical(left, right, sizes={n: sizes[n] for n in names}, seed=seed)
    if found.status != "proved" or found.certificate is None:
        return None
    data = header("kernel", both.question, a, b)
    data["identity"] = found.certificate["kind"]
    data |= {key: x for key, x in found.certificate.items() if key not in SHARED}
    recheck(data)
    conditions = (*both.question.bridges, *where(a, b))
    return Verdict(
        both.question,
        "conditional" if conditions else "proved",
        "the kernels agree up to a factor of the query alone, which cancels"
        if a.normalised
        else "the kernels agree for every query and key",
        found.sizes,
        certificate=data,
        conditions=conditions,
    )


def _by_sequence(both: Pair, automaton: Automaton, seed: int) -> Verdict | None:
    for attempts, length in product(ATTEMPTS, range(1, LONGEST + 1)):
        found = find_witness(automaton, length, seed=seed, attempts=attempts)
        if found is not None:
            return refuted(both, automaton, found, "a sequence,")
    return None
