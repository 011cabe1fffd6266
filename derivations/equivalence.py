"""Which architectures are equal, and under which conditions: claims.

J. Sieber, C. Amo Alonso, A. Didier, M. N. Zeilinger, A. Orvieto. Understanding the Differences in
Foundation Models: Attention, State Space Models, and Recurrent Neural Networks. NeurIPS 2024.
"""

from dsf_sym import (
    Const,
    Gate,
    Mat,
    Negative,
    Positive,
    Scalar,
    State,
    Vec,
    claim,
    exp,
    layer,
    log,
    outer,
    scale,
    sigmoid,
    softplus,
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


@layer
def _one_decay(
    S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], Delta: Positive, A: Const[Negative]
):
    """SSD without its skip."""
    S = exp(Delta * A) * S + outer(Delta * k, v)
    return S, q @ S


@layer
def _growth(Delta: Positive, A: Const[Negative]):
    """What e^{-A T_i} is multiplied by at a token."""
    return (exp(-A * Delta),)


@layer
def _rescaled(
    S: State["n", "d"],
    t: State,
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    Delta: Positive,
    A: Const[Negative],
):
    """Linear attention on q e^{A T_i} and Δ k e^{-A T_i}, with T_i the sum of the steps so far."""
    t = t + Delta
    S = S + outer(exp(-A * t) * Delta * k, v)
    return S, t, (exp(A * t) * q) @ S


@layer
def _rescaled_by_feature(
    S: State["n", "d"],
    t: State,
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    Delta: Positive,
    A: Const[Negative["n"]],
):
    """The same with one rate for each feature."""
    t = t + Delta
    S = S + outer(exp(-A * t) * Delta * k, v)
    return S, t, (exp(A * t) * q) @ S


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


# Gates.


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
        a=_rescaled_by_feature,
        b=_s6_two_decays,
        maps=["S = scale(exp(A * t), S)"],
        expect="proved",
        paper=22,
    ),
    claim(
        "S6 with one decay is linear attention with queries and keys rescaled by history",
        "equal",
        a=_rescaled,
        b=_one_decay,
        maps=["S = exp(A * t) * S"],
        expect="proved",
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
        "As a free gate of the token the forget gate of S6 is that of qLSTM",
        "contains",
        a="qlstm",
        b="qlstm_s6",
        expect="proved",
        paper=26,
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
]
