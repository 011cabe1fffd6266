"""Kernels by their features: positive definiteness, and the least number of features."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..arithmetic.scalars import Balls, Irrational, Rationals
from ..automata.automaton import Automaton
from ..automata.run import Values
from ..certificates.checkers.coefficients import Coefficients, Name, coefficients
from ..certificates.checkers.kernel_rank import kernel_table
from ..certificates.checkers.minimality import full_rank
from ..certificates.checkers.paired import arguments, negative_direction, values_at
from ..deciding.separability import separability
from ..deciding.witness import random_values
from ..errors import DsfError, LanguageError, Rejected
from ..language.evaluate import Sizes
from ..language.kernel import KernelLayer, kernel_layer
from ..language.layer import Layer
from ..language.loading import find
from ..verdict import Question, Verdict
from .points import text
from .settling import Candidate, settle, sizes_of

Kernel = Callable[..., Any] | Layer | str
BITS = 256
NEAR = Fraction(1, 1 << 128)
POINTS = 12
MOST_POINTS = 60
TRIES = 3


def kernel_of(kernel: Kernel) -> KernelLayer:
    """A kernel κ(q, k): a function of annotated signals, or a sum over the past, also by name.

    Raises UnknownName; LanguageError for what is no kernel, a layer with a finite state included.
    """
    if not isinstance(kernel, (Layer, str)):
        return kernel_layer(kernel, normalised=False)
    made = find(kernel) if isinstance(kernel, str) else kernel
    if not isinstance(made, KernelLayer):
        raise LanguageError(
            f"{made.name} has a finite state in place of a kernel; give its kernel as a function "
            "κ(q, k), without @attention above it"
        )
    return made


def positive_definite(
    kernel: Kernel,
    *,
    pairs: Mapping[str, str] | None = None,
    sizes: Sizes | None = None,
    seed: int = 0,
) -> Verdict:
    """Whether `Σ_{i,j} c_i c_j κ(x_i, x_j) >= 0` for all points x_i and numbers c_i.

    pairs: which signal of the key each one of the query is, as {"q": "k"}; needed where the kernel
    reads more than one of each. Proved for all sizes where κ is a sum of products of features with
    positive coefficients, and of exponentials of such sums; else at the sizes by the coefficients
    of κ in monomials, which are a positive semidefinite matrix. Refuted by exact points. For
    `κ = Σ_p a_p (q·k)^p` on all of R^m the answer is whether every a_p >= 0 (Schoenberg).
    Raises UnknownName, LanguageError, SizeError.
    """
    made = kernel_of(kernel)
    at, own = sizes_of(made, sizes), _pairs(made, pairs)

    def candidates() -> Iterator[Candidate]:
        for expanded in (False, True):
            yield "proved", {"method": "terms", "pairs": own, "expanded": expanded}
        yield "proved", {"method": "coefficients", "pairs": own, "sizes": at}
        for attempt, count in enumerate(_counts(made, at)):
            found = _negative(made, own, at, count, random.Random(f"{seed} {attempt}"))
            if found is not None:
                yield "refuted", {"method": "points", "pairs": own, "sizes": at, **found}

    remains = "neither a sum of products of features nor points with a negative sum were found"
    return settle(made, "positive definite", "positive definite", candidates(), remains)


def _pairs(layer: KernelLayer, pairs: Mapping[str, str] | None) -> dict[str, str]:
    now, past = ([s.name for s in side] for side in arguments(layer))
    own = dict(pairs or (zip(now, past, strict=True) if len(now) == len(past) == 1 else {}))
    if sorted(own) != sorted(now) or sorted(own.values()) != sorted(past):
        raise LanguageError(
            f"positive_definite({layer.name}, pairs={own}): the query is {', '.join(now)} and the "
            f"key is {', '.join(past)}; pair each of the first with one of the second"
        )
    for q, k in own.items():
        if layer.signal(q).dims != layer.signal(k).dims:
            raise LanguageError(
                f"positive_definite({layer.name}): {layer.signal(q)} and {layer.signal(k)} are no "
                "points of one space"
            )
    return own


def _counts(layer: KernelLayer, sizes: Sizes) -> list[int]:
    """How many points to try: as many as κ has monomials tell whether G is semidefinite."""
    try:
        rows = len(coefficients(layer, {}, sizes).table[0])
    except DsfError:
        rows = 0
    return [POINTS] * TRIES + [rows] * (POINTS < rows <= MOST_POINTS)


def _negative(
    layer: KernelLayer,
    pairs: Mapping[str, str],
    sizes: Sizes,
    count: int,
    rng: random.Random,
) -> dict[str, Any] | None:
    """Few points with a negative sum, or two with κ(x, y) != κ(y, x)."""
    automaton = Automaton((layer,), sizes)
    constants = random_values(automaton, "constant", rng, 3)
    points = [_point(automaton, pairs, rng) for _ in range(count)]
    try:
        table = _numbers(layer, pairs, points, constants, sizes)
    except (Rejected, ZeroDivisionError):
        return None
    shown: dict[str, Any] = {"constants": text(constants), "bits": BITS}
    for n in range(1, count + 1):
        last = n - 1
        other = next((i for i in range(last) if table[i][last] != table[last][i]), None)
        if other is not None:
            return shown | {"points": [text(points[other]), text(points[last])]}
        block = [row[:n] for row in table[:n]]
        weights = negative_direction(block)
        if weights is None:
            continue
        scale = max(abs(c) for c in weights)
        simple = [Fraction(c / scale).limit_denominator(1000) for c in weights]
        chosen = simple if _form(block, simple) < 0 else weights
        kept = [i for i, c in enumerate(chosen) if c]
        found = {
            "points": [text(points[i]) for i in kept],
            "weights": [str(chosen[i]) for i in kept],
        }
        return shown | found
    return None


def _form(table: list[list[Fraction]], c: list[Fraction]) -> Fraction:
    rows = (
        x * y * value
        for x, row in zip(c, table, strict=True)
        for y, value in zip(c, row, strict=True)
    )
    return sum(rows, start=Fraction(0))


def _point(automaton: Automaton, pairs: Mapping[str, str], rng: random.Random) -> Values:
    """A value for each signal of the query, from the domain of the query or of the key."""
    drawn = random_values(automaton, "token", rng, 3)
    signals = automaton.signals
    return {
        q: drawn[q] if all(x in signals[k].domain for x in drawn[q]) else drawn[k]
        for q, k in pairs.items()
    }


def _numbers(
    layer: KernelLayer,
    pairs: Mapping[str, str],
    points: list[Values],
    constants: Values,
    sizes: Sizes,
) -> list[list[Fraction]]:
    """The table κ(x_i, x_j), exactly or as the middles of balls."""
    try:
        return values_at(layer, pairs, points, constants, sizes, Rationals())
    except Irrational:
        balls = Balls(BITS)
        with balls.precision():
            table = values_at(layer, pairs, points, constants, sizes, balls)
            ends = [[balls.ends(x) for x in row] for row in table]
        whole = [[(low + high) / 2 for low, high in row] for row in ends]
        # κ(x, y) and κ(y, x) may be one number, rounded in two ways.
        for i, row in enumerate(whole):
            for j in range(i):
                if abs(row[j] - whole[j][i]) < NEAR:
                    row[j] = whole[j][i]
        return whole


@dataclass(frozen=True)
class FeatureMap:
    """`κ(q, k) = Σ_m φ_m(q) ψ_m(k)` with the fewest terms at the sizes.

    phi, psi: each feature as text, over entries of the query and of the key. verdict: that there
    are no fewer, proved or undecided.
    """

    phi: tuple[str, ...]
    psi: tuple[str, ...]
    verdict: Verdict

    def __len__(self) -> int:
        return len(self.phi)


def feature_count(
    kernel: Kernel, *, are: int, sizes: Sizes | None = None, seed: int = 0
) -> Verdict:
    """Whether `κ(q, k) = Σ_m φ_m(q) ψ_m(k)` takes `are` features at the sizes, and no fewer.

    The coefficients of κ in monomials of the query and of the key have that rank, and so has a
    table of queries and keys. Raises UnknownName, LanguageError, SizeError.
    """
    made = kernel_of(kernel)
    if are < 1:
        raise LanguageError(
            f"feature_count({made.name}, are={are}): a number of features is at least 1"
        )
    at = sizes_of(made, sizes)
    endless = separability(made, at, points=1, seed=seed)
    if endless.infinite:
        question = Question(made.name, "", sense="kernel rank")
        return Verdict(question, "refuted", str(endless), None, endless.certificate)
    upper = _rank(made, at)
    size = are + 1 if upper is None else upper
    kind = "kernel rank" if upper is None else "feature count"
    status = "proved" if upper == are else "refuted"

    def candidates() -> Iterator[Candidate]:
        for attempt in range(TRIES if 0 < size <= MOST_POINTS else 0):
            table = _queries_and_keys(made, at, size, random.Random(f"{seed} {attempt}"))
            if table is not None:
                yield status, {"sizes": at, "count": size, "bits": BITS, **table}

    above = "none were found" if upper is None else f"{upper} were found"
    remains = f"{above}, and no table of {size} queries and keys that needs as many"
    sense = kind if upper is None else f"{are} features"
    return settle(made, kind, sense, candidates(), remains)


def _queries_and_keys(
    layer: KernelLayer, sizes: Sizes, size: int, rng: random.Random
) -> dict[str, Any] | None:
    """Queries and keys, `size` of each, chosen among some more for a table of full rank."""
    automaton = Automaton((layer,), sizes)
    queries, keys = (
        [random_values(automaton, "token", rng, 3 + i % 4) for i in range(size + size // 2 + 2)]
        for _ in range(2)
    )
    constants = random_values(automaton, "constant", rng, 3)
    scalars: Any = Rationals()
    try:
        found = full_rank(kernel_table(layer, queries, keys, constants, sizes, scalars), scalars)
    except Irrational:
        scalars = Balls(BITS)
        with scalars.precision():
            table = kernel_table(layer, queries, keys, constants, sizes, scalars)
            found = full_rank(table, scalars)
    except ZeroDivisionError:
        return None
    if found is None or len(found[0]) < size:
        return None
    return {
        "queries": [text(queries[i]) for i in found[0][:size]],
        "keys": [text(keys[j]) for j in found[1][:size]],
        "constants": text(constants),
    }


def minimal_features(
    kernel: Kernel, *, sizes: Sizes | None = None, seed: int = 0
) -> FeatureMap | None:
    """Explicit features of a kernel, as few as there can be, or None where none are found.

    Raises UnknownName, LanguageError, SizeError.
    """
    made = kernel_of(kernel)
    at = sizes_of(made, sizes)
    try:
        found = coefficients(made, {}, at)
    except DsfError:
        return None
    phi, psi = _factors(found)
    return FeatureMap(phi, psi, feature_count(made, are=len(phi), sizes=at, seed=seed))


def _rank(layer: KernelLayer, sizes: Sizes) -> int | None:
    try:
        return len(_factors(coefficients(layer, {}, sizes))[0])
    except DsfError:
        return None


def _factors(found: Coefficients) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """`G = G_P R` with R the reduced rows of G and P their pivots."""
    rows, columns, table = found.table
    work = [list(row) for row in table]
    pivots: list[int] = []
    for j in range(len(columns)):
        done = len(pivots)
        pivot = next((i for i in range(done, len(work)) if work[i][j]), None)
        if pivot is None:
            continue
        work[done], work[pivot] = work[pivot], work[done]
        work[done] = [x / work[done][j] for x in work[done]]
        for i, row in enumerate(work):
            if i != done and row[j]:
                work[i] = [x - row[j] * y for x, y in zip(row, work[done], strict=True)]
        pivots.append(j)
    below = [_denominator(side) for side in (found.left, found.right)]
    phi = [_sum([row[j] for row in table], rows, below[0]) for j in pivots]
    psi = [_sum(work[i], columns, below[1]) for i in range(len(pivots))]
    return tuple(phi), tuple(psi)


def _sum(values: list[Fraction], names: list[Name], below: str) -> str:
    total = " + ".join(_term(c, m) for c, m in zip(values, names, strict=True) if c)
    shown = total.replace("+ -", "- ")
    return f"({shown}){below}" if below else shown


def _term(c: Fraction, name: Name) -> str:
    words = "*".join(x + (f"^{power}" if power != 1 else "") for x, power in name)
    if not words:
        return str(c)
    return words if c == 1 else f"-{words}" if c == -1 else f"{c}*{words}"


def _denominator(side: Any) -> str:
    parts = [
        ("(" + " + ".join(_term(c, m) for m, c in sorted(terms)) + ")", -power)
        for terms, power in side
    ]
    return "".join(f" / {x}" + (f"^{power}" if power > 1 else "") for x, power in sorted(parts))
