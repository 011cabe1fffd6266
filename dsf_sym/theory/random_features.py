"""Random features: kernels as means of products of features over Gaussian directions.

With w ~ N(0, I), e^{w·q - |q|²/2} e^{w·k - |k|²/2} has the mean e^{q·k} (FAVOR+, Choromanski et
al. 2021). Its variance is the mean of its square less e^{2 q·k}; the mean of M independent draws
has that variance over M, so a relative error of about √((e^{|q+k|²} - 1)/M).
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from ..automata.automaton import Automaton
from ..certificates.certificate import header
from ..certificates.checkers import recheck
from ..deciding.decide import complete_sizes
from ..deciding.witness import random_values
from ..errors import CertificateError, LanguageError, Rejected
from ..language.domains import REAL
from ..language.evaluate import Sizes
from ..language.layer import Layer
from ..verdict import Question, Verdict
from .points import text
from .settling import Data, layer_of

BITS = 256
TRIES = 6


def gaussian_mean(
    estimate: Layer | str,
    mean: Layer | str,
    *,
    over: str = "w",
    sizes: Sizes | None = None,
    seed: int = 0,
) -> Verdict:
    """Whether `E[estimate] = mean` over a signal w of independent standard normal entries.

    estimate, mean: layers without a state, the second without w. In each term of the estimate w
    may be a factor and may stand linearly in exponents. Proved for all sizes; refuted at a token
    of the other signals. Raises UnknownName, LanguageError, SizeError.
    """
    a, b = layer_of(estimate), layer_of(mean)
    for layer in (a, b):
        if layer.step:
            raise LanguageError(f"gaussian_mean({a.name}, {b.name}): {layer.name} has a state")
    signal = a.signal(over)
    if signal.kind != "token" or signal.domain != REAL or over in {s.name for s in b.signals}:
        raise LanguageError(
            f"gaussian_mean({a.name}, {b.name}, over={over!r}): {over} is to be a real signal of "
            f"{a.name} alone, such as w: Vec['n']"
        )
    question = Question(a.name, b.name, sense=f"mean over {over} ~ N(0, I)")
    whole = header("gaussian mean", question, a, b) | {"over": over}
    remains = ""
    for status, data in _candidates(a, b, over, complete_sizes([a, b], sizes), seed):
        try:
            said = recheck(whole | data)
        except (Rejected, CertificateError) as error:
            remains = remains or str(error)
            continue
        return Verdict(question, status, said, data.get("sizes"), whole | data)
    return Verdict(question, "undecided", "", None, remains=remains)


def _candidates(
    a: Layer, b: Layer, over: str, sizes: Sizes, seed: int
) -> Iterator[tuple[str, Data]]:
    yield "proved", {}
    automaton, rng = Automaton((a, b), sizes), random.Random(seed)
    for _ in range(TRIES):
        token = random_values(automaton, "token", rng, 2)
        token |= random_values(automaton, "constant", rng, 2)
        del token[over]
        yield "refuted", {"sizes": sizes, "token": text(token), "bits": BITS}
