"""Which architectures are equal, and under which conditions: claims.

J. Sieber, C. Amo Alonso, A. Didier, M. N. Zeilinger, A. Orvieto. Understanding the Differences in
Foundation Models: Attention, State Space Models, and Recurrent Neural Networks. NeurIPS 2024.
"""

from dsf_sym import (
    Const,
    Negative,
    Positive,
    Real,
    State,
    Vec,
    claim,
    exp,
    layer,
    outer,
    scale,
)

SOURCE = "Sieber et al. 2024"


# S6 and attention.


@layer
def _s6_two_decays(
    S: State["n", "d"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    Delta: Positive,
    A: Const[Negative["n"]],
):
    """S6 whose transition all channels share: one rate for each feature."""
    S = scale(exp(Delta * A), S, axis="n") + outer(Delta * k, v)
    return S, q @ S


def _one_decay(rate):
    @layer
    def one_decay(
        S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], Delta: Positive, A: Const[rate]
    ):
        """SSD without its skip, with a rate that is negative or of any sign."""
        S = exp(Delta * A) * S + outer(Delta * k, v)
        return S, q @ S

    return one_decay


@layer
def _scaled(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], x: Positive, w: Positive):
    """Linear attention on the queries x q and the keys w k, with numbers x and w of every token."""
    S = S + outer(w * k, v)
    return S, (x * q) @ S


@layer
def _key_factor(T: State, Delta: Positive, A: Const[Negative]):
    """e^{-A T_i}, the factor of the key that linear attention needs in the place of S6."""
    T = T + Delta
    return T, exp(-A * T)


@layer
def _growth(Delta: Positive, A: Const[Negative]):
    """What e^{-A T_i} is multiplied by at a token."""
    return (exp(-A * Delta),)


def _rescaled(rate):
    @layer
    def rescaled(
        S: State["n", "d"],
        t: State,
        q: Vec["n"],
        k: Vec["n"],
        v: Vec["d"],
        Delta: Positive,
        A: Const[rate],
    ):
        """Linear attention on q e^{A T_i} and Δ k e^{-A T_i}, T_i the sum of the steps so far."""
        t = t + Delta
        S = S + outer(exp(-A * t) * Delta * k, v)
        return S, t, (exp(A * t) * q) @ S

    return rescaled


@layer
def _gated_output(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], eta: Positive):
    """Linear attention, and its output divided by a number of the token."""
    S = S + outer(k, v)
    y = q @ S
    return S, (1 / eta) * y


# a → 0: gates of the key and of the query.


@layer
def _without_decay(h: State["d", "n"], q: Vec["n"], k: Vec["n"], v: Vec["d"], Delta: Positive["d"]):
    """S6 with A = 0: the step size gates what is written."""
    h = h + outer(Delta * v, k)
    return h, h @ q


@layer
def _key_gated(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], Delta: Positive):
    """Linear attention whose keys are multiplied by a positive number of their token."""
    S = S + outer(Delta * k, v)
    return S, q @ S


@layer
def _decaying_retnet(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], a: Const[Negative]):
    """RetNet with a decay below 1."""
    S = exp(a) * S + outer(k, v)
    return S, q @ S


claims = [
    claim(
        "S6 is generalised linear attention on the same q and k exactly under five conditions",
        "conditions",
        a="s6",
        b="normalised_attention",
        are=[
            [
                "Delta is the same number in every entry",
                "A is the same number in every entry",
                "D = 0",
                "eta = 1/Delta",
                "Delta before = Delta * exp(-A * Delta)",
            ]
        ],
        expect="conditional",
        paper=21,
        source=f"{SOURCE}, section 4.2 and the abstract",
    ),
    claim(
        "SSD is generalised linear attention on the same q and k exactly under three conditions",
        "conditions",
        a="ssd",
        b="normalised_attention",
        are=[["Delta = 1/eta", "D = 0", "eta before = eta * exp(A / eta)"]],
        expect="conditional",
        paper=21,
        source=f"{SOURCE}, section 4.2",
    ),
    claim(
        "SSD with a rate of either sign is generalised linear attention under one recurrence",
        "conditions",
        a=_one_decay(Real),
        b="normalised_attention",
        are=[["Delta = 1/eta", "eta before = eta * exp(A / eta)"]],
        expect="conditional",
        paper=21,
    ),
    claim(
        "No SSD is linear attention on the same queries and keys",
        "conditions",
        a="ssd",
        b="linear_attention",
        are=[],
        expect="refuted",
        paper=21,
    ),
    claim(
        "S6 with a decay for each feature is one normalised head on the same q and k only with one",
        "conditions",
        a=_s6_two_decays,
        b="normalised_attention",
        are=[
            [
                "A is the same number in every entry",
                "Delta = 1/eta",
                "eta before = eta * exp(A / eta)",
            ]
        ],
        expect="conditional",
        paper=22,
    ),
    claim(
        "S6 with a decay for each feature is one normalised head whose q and k are the token's",
        "contains",
        a="normalised_attention",
        b=_s6_two_decays,
        expect="refuted",
        paper=22,
        source=f"{SOURCE}, section 4.2",
    ),
    claim(
        "S6 with a decay for each feature is one head with one decay a token",
        "contains",
        a="scalar_gated",
        b=_s6_two_decays,
        expect="refuted",
        paper=22,
    ),
    claim(
        "S6 with a decay for each feature is one head with queries and keys rescaled by history",
        "equal",
        a=_rescaled(Negative["n"]),
        b=_s6_two_decays,
        maps=["S = scale(exp(A * t), S)"],
        expect="proved",
        paper=22,
    ),
    claim(
        "S6 with one decay is linear attention with queries and keys rescaled by history",
        "equal",
        a=_rescaled(Negative),
        b=_one_decay(Negative),
        maps=["S = exp(A * t) * S"],
        expect="proved",
        paper=23,
    ),
    claim(
        "S6 is linear attention on scaled queries and keys exactly with one decay and one step",
        "conditions",
        a="s6",
        b=_scaled,
        are=[
            [
                "Delta is the same number in every entry",
                "A is the same number in every entry",
                "D = 0",
                "w = Delta/x",
                "x before = x * exp(-A * Delta)",
            ]
        ],
        expect="conditional",
        paper=23,
    ),
    claim(
        "The factors of the keys are bounded exactly where the steps have a bounded sum",
        "bounded where",
        layer=_key_factor,
        sum_of="-A * Delta",
        expect="conditional",
        paper=23,
    ),
    claim(
        "The keys of that linear attention grow at every token: they are not bounded",
        "within",
        layer=_growth,
        inside="[11/10, inf)",
        where={"Delta": "[1/10, 10]", "A": "[-10, -1]"},  # e^{1/10} > 11/10
        expect="proved",
        paper=23,
    ),
    claim(
        "Normalised attention is linear attention behind an output gate",
        "equal",
        a="normalised_attention",
        b=_gated_output,
        expect="proved",
        paper=24,
        source=f"{SOURCE}, section 2.4",
    ),
    claim(
        "S6 without decay is linear attention with gated keys, when the channels share the step",
        "equal",
        a=_without_decay,
        b=_key_gated,
        expect="conditional",
        paper=25,
        source=f"{SOURCE}, section 4.2",
    ),
    claim(
        "Gates of the key and of the query are the same exactly where both are constant",
        "conditions",
        a=_key_gated,
        b="normalised_attention",
        are=[["Delta = 1/eta", "eta before = eta"]],
        expect="conditional",
        paper=25,
    ),
    claim(
        "SSD is S6 with one decay and one step for all channels",
        "equal",
        a="s6",
        b="ssd",
        expect="conditional",
        paper=27,
    ),
    claim(
        "RetNet is SSD with a constant step",
        "contains",
        a="ssd",
        b="retnet",
        expect="refuted",
        paper=27,
    ),
    claim(
        "RetNet with decay below 1 is SSD with a constant step",
        "contains",
        a="ssd",
        b=_decaying_retnet,
        expect="proved",
        paper=27,
    ),
    claim(
        "Gated DeltaNet is DeltaNet exactly without decay",
        "conditions",
        a="gated_deltanet",
        b="deltanet",
        are=[["alpha = 1"]],
        expect="conditional",
    ),
    claim(
        "Normalised attention is linear attention exactly at η = 1",
        "conditions",
        a="normalised_attention",
        b="linear_attention",
        are=[["eta = 1"]],
        expect="conditional",
    ),
    claim(
        "SSD is scalar-gated linear attention on the same keys exactly at Δ = 1 and α = e^A",
        "conditions",
        a="ssd",
        b="scalar_gated",
        are=[["Delta = 1", "D = 0", "alpha = exp(A)"]],
        expect="conditional",
    ),
    claim(
        "Gated DeltaNet with β = 1 is scalar-gated attention exactly where its keys are orthogonal",
        "conditions",
        a="gated_deltanet",
        b="scalar_gated",
        given=["beta = 1"],
        on=["k"],
        are=[["k_j · k_i = 0 for all j < i"]],
        expect="conditional",
    ),
    claim(
        "Gated DeltaNet with β = 1 is GLA exactly where its keys are orthogonal",
        "conditions",
        a="gated_deltanet",
        b="gla",
        given=["beta = 1"],
        on=["k"],
        are=[["k_j · k_i = 0 for all j < i"]],
        expect="conditional",
    ),
    claim(
        "For x > 0, (1 - e^{-x}) / x is below 1: e^x (x - 1) + 1 > 0",
        "exponential sign",
        terms={1: ("-1", "1"), 0: ("1",)},
        expect="proved",
    ),
    claim(
        "For x > 0, (1 - e^{-x}) / x is above 1 - x/2: e^x (1 - x + x^2/2) - 1 > 0",
        "exponential sign",
        terms={1: ("1", "-1", "1/2"), 0: ("-1",)},
        expect="proved",
    ),
]
