"""The forget gates of recurrent networks and of S6: single gates, and classes of gates: claims.

J. Sieber, C. Amo Alonso, A. Didier, M. N. Zeilinger, A. Orvieto. Understanding the Differences in
Foundation Models: Attention, State Space Models, and Recurrent Neural Networks. NeurIPS 2024.
"""

from dsf_sym import (
    Const,
    Gate,
    Mat,
    Positive,
    Scalar,
    State,
    Vec,
    claim,
    exp,
    layer,
    log,
    sigmoid,
    softplus,
)

SOURCE = "Sieber et al. 2024"


@layer
def _qlstm_power(
    h: State["d"], v: Vec["d"], z: Vec["d"], g: Gate["d"], o: Gate["d"], a: Const[Positive]
):
    """The forget gate of S6, σ(-z)^a, as a power."""
    h = sigmoid(-z) ** a * h + g * v
    return h, o * h


@layer
def _gate(
    h: State["d"],
    v: Vec["d"],
    u: Vec["d"],
    g: Gate["d"],
    o: Gate["d"],
    W: Const[Mat["d", "d"]],
    b: Const[Vec["d"]],
):
    """The forget gate is σ(W u + b)."""
    h = sigmoid(W @ u + b) * h + g * v
    return h, o * h


@layer
def _reversed_gate(
    h: State["d"],
    v: Vec["d"],
    u: Vec["d"],
    g: Gate["d"],
    o: Gate["d"],
    W: Const[Mat["d", "d"]],
    b: Const[Vec["d"]],
):
    """The forget gate is 1 / (1 + e^{W u + b})."""
    h = h / (1 + exp(W @ u + b)) + g * v
    return h, o * h


@layer
def _power_gate(h: State["d"], v: Vec["d"], u: Vec["d"], a: Const[Positive]):
    """The forget gate is σ(-u)^a."""
    h = sigmoid(-u) ** a * h + v
    return h, h


@layer
def _affine_gate(h: State["d"], v: Vec["d"], u: Vec["d"], w: Const[Scalar], b: Const[Scalar]):
    """The forget gate is σ(w u + b)."""
    h = sigmoid(w * u + b) * h + v
    return h, h


def _logit(a):
    """The argument z' of σ(z') = σ(-z)^a."""

    def logit(z):
        f = exp(-a * softplus(z))
        return log(f) - log(1 - f)

    return logit


def _at_middle(a):
    @layer
    def twice(z: Scalar, t: Scalar):
        """Twice the logit in the middle of z - t and z + t."""
        return (2 * _logit(a)(z),)

    return twice


def _at_ends(a):
    @layer
    def both(z: Scalar, t: Scalar):
        """The sum of the logits at z - t and z + t."""
        return (_logit(a)(z - t) + _logit(a)(z + t),)

    return both


# The odds 1/g - 1 of a gate g = σ(w z + b) are e^{-w z - b}: at steps of z of one size they are a
# geometric progression. Those of σ(-z)^a are (1 + e^z)^a - 1, which is 2^a - 1, 3^a - 1 and 5^a - 1
# where e^z is 1, 2 and 4.


def _odds(gate):
    return 1 / gate - 1


@layer
def _of_the_ends(z: Scalar, step: Scalar, w: Const[Scalar], b: Const[Scalar]):
    """The odds at z times those at z + 2 step."""
    return (_odds(sigmoid(w * z + b)) * _odds(sigmoid(w * (z + 2 * step) + b)),)


@layer
def _of_the_middle(z: Scalar, step: Scalar, w: Const[Scalar], b: Const[Scalar]):
    """The square of those at z + step."""
    return (_odds(sigmoid(w * (z + step) + b)) ** 2,)


@layer
def _odds_of_a_power(E: Positive, a: Const[Positive]):
    """The odds of σ(-z)^a at e^z = E."""
    return (_odds(exp(a * log(sigmoid(-log(E))))),)


@layer
def _power_less_one(E: Positive, a: Const[Positive]):
    """(1 + E)^a - 1."""
    return (exp(a * log(1 + E)) - 1,)


@layer
def _progression(two: Scalar, three: Scalar, five: Scalar):
    """How far 2^a - 1, 3^a - 1, 5^a - 1 are from a geometric progression."""
    return ((two - 1) * (five - 1) - (three - 1) ** 2,)


claims = [
    claim(
        "The decay of S6 is a power of the reversed sigmoid: e^{-a softplus(z)} = σ(-z)^a",
        "equal",
        a=_qlstm_power,
        b="qlstm_s6",
        expect="proved",
        paper=26,
        source=f"{SOURCE}, eq. (23)",
    ),
    claim(
        "Every reversed sigmoid gate affine in the input is a sigmoid gate affine in the input",
        "equal",
        a=_gate,
        b=_reversed_gate,
        given=["_gate.W = -W", "_gate.b = -b"],
        expect="proved",
        paper=26,
        source=f"{SOURCE}, section 4.3",
    ),
    claim(
        "At a = 1 the gate σ(-z)^a is a sigmoid of an affine function of z",
        "equal",
        a=_at_middle(1),
        b=_at_ends(1),
        expect="proved",
        paper=26,
    ),
    claim(
        "At a = 2 the gate σ(-z)^a is a sigmoid of an affine function of z",
        "equal",
        a=_at_middle(2),
        b=_at_ends(2),
        expect="refuted",
        paper=26,
    ),
    claim(
        "The gate σ(-u)^a is a sigmoid of an affine function of u exactly at a = 1",
        "conditions",
        a=_power_gate,
        b=_affine_gate,
        are=[["a = 1", "w = -1", "b = 0"]],
        expect="conditional",
        paper=26,
    ),
    claim(
        "The odds of a sigmoid of an affine function are a geometric progression",
        "equal",
        a=_of_the_ends,
        b=_of_the_middle,
        expect="proved",
        paper=26,
    ),
    claim(
        "The odds of σ(-z)^a are (1 + e^z)^a - 1",
        "equal",
        a=_odds_of_a_power,
        b=_power_less_one,
        expect="proved",
        paper=26,
    ),
    claim(
        "Of all a > 0 those odds are a geometric progression at a = 1 alone",
        "zeros of powers",
        layer=_progression,
        bases={"two": "2", "three": "3", "five": "5"},
        are=["1"],
        inside="(0, inf)",
        expect="proved",
        paper=26,
        source=f"{SOURCE}, section 4.3",
    ),
    claim(
        "For some a > 1 the gate σ(-z)^a may be a sigmoid of an affine function of z",
        "zeros of powers",
        layer=_progression,
        bases={"two": "2", "three": "3", "five": "5"},
        are=["2"],
        inside="(1, inf)",
        expect="refuted",
        paper=26,
    ),
    claim(
        "As a free gate of the token the forget gate of S6 is that of qLSTM",
        "contains",
        a="qlstm",
        b="qlstm_s6",
        expect="proved",
        paper=26,
    ),
    claim(
        "qLSTM is RG-LRU exactly with a constant forget gate f and an output gate √(1 - f²)",
        "conditions",
        a="qlstm",
        b="rg_lru",
        are=[["o = sqrt(1 - f**2)", "f in (0, 1)", "f before = f"]],
        expect="conditional",
    ),
]
