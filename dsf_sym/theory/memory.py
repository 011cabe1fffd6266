"""What a layer remembers: how fast it forgets, in which order, and at which scale.

The transition product `P(i, j) = Λ_i ... Λ_{j+1}` is the sensitivity of h_i to h_j, and P(i, j) B_j
that to u_j. Three laws: exponential, `|P(i, j)| <= c^{i-j}` with c < 1; algebraic, where P is
η_j / η_i of a sum of i + 1 bounded positive terms; none, P = I.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import islice, product
from math import floor
from typing import Any

from ..arithmetic.scalars import Balls
from ..automata.automaton import Automaton
from ..automata.run import count
from ..certificates.checkers import discs, every_transition
from ..certificates.checkers.discs import exact_blocks
from ..certificates.checkers.everywhere import Everywhere
from ..certificates.checkers.exact import exact
from ..certificates.checkers.weights import kernel_ratio
from ..deciding.decide import decide
from ..deciding.pairing import pair
from ..derivation.affine import affine_layer
from ..derivation.derive import derive
from ..errors import DomainError, DsfError, LanguageError, NotAffine, Rejected
from ..language.evaluate import Sizes
from ..language.kernel import KernelLayer
from ..language.layer import Layer
from ..language.tensor import Number, broadcast
from ..verdict import Verdict
from .bounds import within
from .points import points, text
from .settling import Candidate, Data, at_points, layer_of, settle, sizes_of

MOST_SIGNS, DIGITS = 16, 10**4
LAWS = ("exponential", "algebraic", "none")
Where = Mapping[str, str]


def memory(
    layer: Layer | str,
    law: str,
    *,
    rate: str | None = None,
    where: Where | None = None,
    sizes: Sizes | None = None,
    seed: int = 0,
) -> Verdict:
    """Whether the transition product follows a law: exponential, algebraic or none.

    Of a normalised sum over the past it is that of the normalised state, η_j / η_i. rate: the c of
    an exponential law, below 1; without one, the best that the factors of Λ show. where: narrower
    domains of signals. Refuted by another law that holds, or by one token, which may come again
    and again. Raises LanguageError for an unknown law or another rate.
    """
    if law not in LAWS or (rate is not None and not 0 < Fraction(rate) < 1):
        laws = ", ".join(LAWS)
        raise LanguageError(f"memory(law={law!r}, rate={rate}): a law of {laws}; 0 < rate < 1")
    made = layer_of(layer, where)
    at = sizes_of(made, sizes)
    sense = f"memory: {law}" + (f", c = {rate}" if rate else "")
    remains = "no law of the transition product was shown"
    broken: Data = {"property": "identity"}
    if law == "exponential":
        broken = {"property": "norm", "at most": rate} if rate else _circle("1")
    if _is_sum(made, at):
        status = "proved" if law == "algebraic" else "refuted"
        found = ((status, x) for x in (_algebraic(made, at) if law != "none" else ()))
        return settle(made, "weights", sense, found, remains)

    def candidates() -> Iterator[Candidate]:
        for name in (law, *(x for x in LAWS if x != law)):
            own = rate if name == law else None
            for data in _exponential(made, at, own) if name == "exponential" else ():
                yield ("proved" if name == law else "refuted"), data
            if name == "none":
                for scope in ({}, {"sizes": at}):
                    data = {"property": "identity", **scope}
                    yield ("proved" if name == law else "refuted"), data
        if law != "algebraic":
            for point in at_points(at, points(made, at, 1, seed=seed)):
                yield "refuted", broken | point

    return settle(made, "transitions", sense, candidates(), remains)


def _circle(radius: str) -> Data:
    return {"property": "radius", "below": radius}


def _is_sum(layer: Layer, sizes: Sizes) -> bool:
    """Whether the output is divided by a sum over the past, of which nothing is forgotten."""
    if isinstance(layer, KernelLayer):
        return True
    try:
        if affine_layer(layer).denominator is None:
            return False
        every_transition.is_identity(Everywhere(layer, sizes), 0)
    except DsfError:
        return False
    return True


def _exponential(layer: Layer, sizes: Sizes, rate: str | None) -> Iterator[Data]:
    bound = Fraction(rate) if rate is not None else None
    if bound is None:
        try:
            bound = discs.spectral_norm(layer)
        except (Rejected, NotAffine):
            return
        bound = bound if bound is None else short(bound, up=True)
    if bound is None or bound >= 1:
        return
    data = {"property": "norm", "at most": str(bound)}
    yield data
    yield data | {"sizes": sizes}


def _algebraic(layer: Layer, sizes: Sizes) -> Iterator[Data]:
    try:
        ratio = short(kernel_ratio(layer, sizes), up=False)
    except DsfError:
        return
    yield {"sizes": sizes, "ratio": str(ratio)}


def short(x: Fraction, *, up: bool) -> Fraction:
    """A number of few digits beside x, rounded outwards: at least it with `up`, else at most."""
    scale = DIGITS
    while x and abs(x) * scale < DIGITS // 10:
        scale *= 10
    return Fraction(-floor(-x * scale) if up else floor(x * scale), scale)


def _none(layer: Layer, sizes: Sizes, rate: str | None) -> Iterator[Data]:
    yield {"property": "identity", "sizes": sizes}


def order(
    layer: Layer | str, *, length: int = 3, sizes: Sizes | None = None, seed: int = 0
) -> Verdict:
    """Whether the output forgets the order of the tokens before the last one."""
    made = layer_of(layer)
    at = sizes_of(made, sizes)

    def candidates() -> Iterator[Candidate]:
        yield "proved", {}
        swapped = [*range(length - 3), length - 2, length - 3]
        for point in at_points(at, points(made, at, length, seed=seed)):
            yield "refuted", {**point, "order": swapped}

    remains = "neither do steps change places nor was a sequence found on which order matters"
    return settle(made, "order", "order of the past", candidates(), remains)


def stationary(
    layer: Layer | str,
    *,
    given: Mapping[str, object] | None = None,
    dependent: bool = False,
    sizes: Sizes | None = None,
    seed: int = 0,
) -> Verdict:
    """Whether a white input of unit covariance keeps the state at unit covariance.

    given: ties, as `{"g": 1}`. dependent: the other signals may depend on the input, else they are
    independent of it and of the past. Refuted by a finite distribution of tokens.
    """
    made = layer_of(layer)
    if given:
        made = made.given(**dict(given))  # type: ignore[arg-type]
    at = sizes_of(made, {name: 1 for name in made.sizes} if dependent and sizes is None else sizes)
    carried = derive(made).carried
    if carried is None:
        raise LanguageError(f"stationary({made.name}): no token enters the state linearly")
    data: Data = {"sizes": at, "carried": carried}
    signs = product((Fraction(-1), Fraction(1)), repeat=count(made.signal(carried), at))

    def candidates() -> Iterator[Candidate]:
        if not dependent:
            yield "proved", data
        every = list(islice(signs, MOST_SIGNS + 1))
        if len(every) > (2 if dependent else MOST_SIGNS):
            return
        for constants, (one, other) in points(made, at, 2, seed=seed):
            tokens = [{**one, carried: list(u)} for u in every]
            shares = [Fraction(1, len(every))] * len(every)
            if dependent:
                # 0 with probability 3/4, or ±2: here alone the other signals know the input.
                tokens = [{**other, carried: [2 * x for x in t[carried]]} for t in tokens]
                tokens.append({**one, carried: [Fraction(0)]})
                shares = [Fraction(1, 8), Fraction(1, 8), Fraction(3, 4)]
            shown: Data = {"constants": text(constants), "tokens": [text(t) for t in tokens]}
            shown |= {"shares": [str(p) for p in shares], "dependent": dependent}
            yield "refuted", {**data, **shown}

    remains = "neither the identity Λ Λᵀ + B Bᵀ = I nor a distribution that breaks it was found"
    return settle(made, "stationary", "unit covariance of the state", candidates(), remains)


def coefficient_sum(
    layer: Layer | str,
    value: str = "1",
    *,
    given: tuple[str, ...] = (),
    sizes: Sizes | None = None,
    seed: int = 0,
) -> Verdict:
    """Whether the coefficients of y_i = Σ_j α_ij v_j add up to a number, for all tokens.

    They are the output for the value 1 at every token: the layer with v = 1 is compared with the
    constant. Raises LanguageError for a layer without an input.
    """
    made = layer_of(layer)
    carried = made.input_name
    if carried is None:
        raise LanguageError(f"coefficient_sum({made.name}): the layer has no input v")
    tied = made.given(name=f"{made.name} on 1", **{carried: 1})
    if isinstance(tied, KernelLayer):
        return within(tied, f"[{value}, {value}]", sizes=sizes, seed=seed)
    one = broadcast(Number(Fraction(value)), tied.output.dims)
    constant = Layer(name=value, signals=(), step={}, output=one)
    both = pair(tied, constant, given)
    return decide(both, sizes_of(both.a, sizes), seed=seed)


def lyapunov(
    layer: Layer | str, *, sizes: Sizes | None = None, seed: int = 0
) -> tuple[Fraction, Fraction]:
    """The Lyapunov exponent `max log |λ|` of a constant Λ at simple weights, between two rationals.

    Λ in blocks of one state, or of two that turn. Raises DomainError for any other.
    """
    made = layer_of(layer)
    at = sizes_of(made, sizes)
    constants, tokens = next(points(made, at, 1, seed=seed))
    bare = Layer(made.name, made.signals, made.step, made[next(iter(made.step))], made.start)
    balls = Balls(128)
    with balls.precision():
        found = exact(Automaton((bare,), at), tokens, constants).forms[0].transition
        matrix = [[balls.number(x) if isinstance(x, Fraction) else x for x in r] for r in found]
        sizes_squared = _sizes_squared(made, matrix, balls)
        half = balls.number(Fraction(1, 2))
        logs = [balls.ends(balls.function("log", x) * half) for x in sizes_squared]
    return max(x for x, _ in logs), max(x for _, x in logs)


def _sizes_squared(layer: Layer, matrix: list[list[Any]], balls: Balls) -> list[Any]:
    """|λ|² of each block of Λ: a number, or two states that turn."""
    out = []
    for block in exact_blocks(matrix, balls):
        if len(block) == 1:
            out.append(block[0][0] * block[0][0])
            continue
        (a, b), (c, d) = block if len(block) == 2 else ((0, 1), (1, 0))
        if len(block) > 2 or balls.differ(a, d) or balls.differ(b, -c):
            raise DomainError(f"{layer.name}: Λ is in blocks of {len(block)} states that mix")
        out.append(a * d - b * c)
    return out
