"""Normalisers, transitions and what they do to signs, sizes and memory: claims.

J. Sieber, C. Amo Alonso, A. Didier, M. N. Zeilinger, A. Orvieto. Understanding the Differences in
Foundation Models: Attention, State Space Models, and Recurrent Neural Networks. NeurIPS 2024.
"""

from dsf_sym import (
    Const,
    Gate,
    Positive,
    Scalar,
    State,
    Vec,
    attention,
    claim,
    elu,
    exp,
    layer,
    ones,
    outer,
    relu,
    sigmoid,
    softplus,
    sqrt,
)

SOURCE = "Sieber et al. 2024"


def _normaliser(feature):
    @layer
    def normaliser(z: State["n"], q: Vec["n"], k: Vec["n"]):
        """η_i = φ(q_i)ᵀ Σ_{j≤i} φ(k_j)."""
        z = z + feature(k)
        return z, feature(q) @ z

    return normaliser


def _ratio(feature):
    @layer
    def ratio(z: State["n"], last: State, q: Vec["n"], k: Vec["n"]):
        """Λ_i = η_{i-1} / η_i."""
        z = z + feature(k)
        eta = feature(q) @ z
        return z, eta, last / eta

    return ratio


def _elu(x):
    return elu(x) + 1


@layer
def _softmax_ratio(k0: Vec["n"], q0: Vec["n"], k1: Vec["n"], q1: Vec["n"]):
    """Λ_1 = η_0 / η_1 of softmax attention, η_i = Σ_{j≤i} e^{q_i·k_j}."""
    return (exp(q0 @ k0) / (exp(q1 @ k0) + exp(q1 @ k1)),)


@layer
def _ratio_of_sums(eta: Positive, e: Positive):
    """Λ_i = η_{i-1} / (η_{i-1} + e), where the query is constant and e = κ(q, k_i) > 0."""
    return (eta / (eta + e),)


@attention
def _softmax(q: Vec["n"], k: Vec["n"]):
    """κ(q, k) = e^{q·k}."""
    return exp(q @ k)


_softmax_on_one = _softmax.given(name="softmax attention on 1", v=1)


# A mean of numbers, and where it lies.


@layer
def _mean(x: State, z: State, w: Positive, v: Scalar):
    """Σ_j w_j v_j over Σ_j w_j."""
    x = x + w * v
    z = z + w
    return x, z, x / z


@layer
def _mean_less(x: State, z: State, w: Positive, v: Scalar, a: Const[Scalar]):
    """The mean of v, less a."""
    x = x + w * v
    z = z + w
    return x, z, x / z - a


@layer
def _mean_of_less(x: State, z: State, w: Positive, v: Scalar, a: Const[Scalar]):
    """The mean of v - a."""
    x = x + w * (v - a)
    z = z + w
    return x, z, x / z


# One map, two transitions.


@layer
def _divided_first(
    S: State["n", "d"], last: State, q: Vec["n"], k: Vec["n"], v: Vec["d"], eta: Positive
):
    """Λ_i = η_{i-1} / η_i: the state is divided by η_i, and not the output, where Λ = I."""
    S = (last / eta) * S + outer(k, v) / eta
    return S, eta, q @ S


@layer(start={"x": "first", "last": "eta_first"})
def _product(
    x: State, last: State, eta: Positive, first: Const[Scalar], eta_first: Const[Positive]
):
    """The product of the η_{k-1} / η_k, applied to a number."""
    x = (last / eta) * x
    return x, eta, x


@layer(start={"c": "first"})
def _telescoped(c: State, eta: Positive, first: Const[Scalar], eta_first: Const[Positive]):
    """η_j / η_i times that number."""
    return c, c * eta_first / eta


# Gates as the references make them.


@layer
def _rg_lru(h: State["d"], v: Vec["d"], z: Vec["d"], g: Gate["d"], rate: Const[Vec["d"]]):
    """RG-LRU with its gate, f = e^{-8 σ(z) softplus(rate)}."""
    f = exp(-8 * sigmoid(z) * softplus(rate))
    h = f * h + sqrt(1 - f * f) * (g * v)
    return h, h


@layer
def _qlstm(h: State["d"], v: Vec["d"], z: Vec["d"], g: Gate["d"], o: Gate["d"]):
    """QLSTM with its gate, f = σ(z)."""
    h = sigmoid(z) * h + g * v
    return h, o * h


@layer
def _qlstm_of_the_code(
    h: State["d"], v: Vec["d"], z: Vec["d"], g: Gate["d"], o: Gate["d"], alpha: Const[Scalar]
):
    """The gate of S6 with the exponent of the released code, σ(-z)^{max(α, 0)}."""
    h = exp(-relu(alpha) * softplus(z)) * h + g * v
    return h, o * h


@layer
def _square(f: Gate["d"]):
    """Λ² + β² of RG-LRU, whose input has the factor β = √(1 - f²)."""
    return (f * f + sqrt(1 - f * f) ** 2,)


@layer
def _one(f: Gate["d"]):
    """The number 1."""
    return (ones("d"),)


# λ-skip connections. root is √a for a in (0, 1), size is S C_M.


claims = [
    claim(
        "The normaliser of linear attention with elu + 1 is positive at every token",
        "within",
        layer=_normaliser(_elu),
        inside="(0, inf)",
        expect="proved",
        paper=31,
        source=f"{SOURCE}, eq. (16)",
    ),
    claim(
        "The normaliser q_i·Σ_j k_j of linear attention without a feature map is positive",
        "within",
        layer=_normaliser(lambda x: x),
        inside="(0, inf)",
        expect="refuted",
        paper=31,
    ),
    claim(
        "The transitions of softmax attention lie in [0, 1]",
        "within",
        layer=_softmax_ratio,
        inside="[0, 1]",
        expect="refuted",
        paper=32,
        source=f"{SOURCE}, rebuttal",
    ),
    claim(
        "The transitions of linear attention with elu + 1 lie in [0, 1]",
        "within",
        layer=_ratio(_elu),
        inside="[0, 1]",
        expect="refuted",
        paper=32,
        source=f"{SOURCE}, rebuttal",
    ),
    claim(
        "With a constant query the transitions of attention with a positive kernel lie in (0, 1)",
        "within",
        layer=_ratio_of_sums,
        inside="(0, 1)",
        expect="proved",
        paper=32,
    ),
    claim(
        "RG-LRU keeps Λ² + β² = 1",
        "equal",
        a=_square,
        b=_one,
        expect="proved",
        paper=37,
    ),
    claim(
        "The transitions of S6 lie in (0, 1)",
        "eigenvalues",
        layer="s6",
        within="(0, 1)",
        expect="proved",
        paper=33,
    ),
    claim(
        "The transitions of RG-LRU lie in (0, 1)",
        "eigenvalues",
        layer=_rg_lru,
        within="(0, 1)",
        expect="proved",
        paper=33,
    ),
    claim(
        "The transitions of qLSTM lie in (0, 1)",
        "eigenvalues",
        layer=_qlstm,
        within="(0, 1)",
        expect="proved",
        paper=33,
    ),
    claim(
        "The transitions of qLSTM with the gate of the released code lie in (0, 1)",
        "eigenvalues",
        layer=_qlstm_of_the_code,
        within="(0, 1)",
        expect="refuted",
        paper=33,
    ),
    claim(
        "Attention with η inside its transition has the outputs of attention with transition I",
        "equal",
        a=_divided_first,
        b="normalised_attention",
        expect="proved",
        paper=34,
    ),
    claim(
        "Every transition of attention with η behind its readout is the identity",
        "transitions",
        layer="normalised_attention",
        what="identity",
        expect="proved",
        paper=34,
    ),
    claim(
        "The eigenvalues of its transition are a fact about the outputs of attention: all are 1",
        "eigenvalues",
        layer=_divided_first,
        within="[1, 1]",
        of="S",
        expect="refuted",
        paper=34,
    ),
    claim(
        "The product of the transitions η_{k-1} / η_k is η_j / η_i",
        "equal",
        a=_product,
        b=_telescoped,
        maps=["c = x * last / eta_first"],
        expect="proved",
        paper=35,
    ),
    claim(
        "RG-LRU without an input gate keeps unit variance for white input and independent gates",
        "stationary",
        layer="rg_lru",
        given={"g": 1},
        expect="proved",
        paper=37,
    ),
    claim(
        "RG-LRU without an input gate keeps unit variance when its gate depends on the input",
        "stationary",
        layer="rg_lru",
        given={"g": 1},
        dependent=True,
        expect="refuted",
        paper=37,
    ),
    claim(
        "RG-LRU with an input gate keeps unit variance",
        "stationary",
        layer="rg_lru",
        expect="refuted",
        paper=37,
    ),
    claim(
        "The output of linear attention does not depend on the order of the past",
        "order",
        layer="linear_attention",
        expect="proved",
        paper=47,
    ),
    claim(
        "The output of softmax attention does not depend on the order of the past",
        "order",
        layer="softmax_attention",
        expect="proved",
        paper=47,
    ),
    claim(
        "With a decay a token the output does not depend on the order of the past",
        "order",
        layer="scalar_gated",
        expect="refuted",
        paper=47,
    ),
    claim(
        "The coefficients of linear attention with its normaliser add up to 1",
        "coefficient sum",
        layer="linear_attention_normalised",
        expect="proved",
        paper=48,
    ),
    claim(
        "The output of softmax attention on the value 1 is 1: its coefficients add up to 1",
        "within",
        layer=_softmax_on_one,
        inside="[1, 1]",
        expect="proved",
        paper=48,
    ),
    claim(
        "The coefficients of normalised attention add up to 1",
        "coefficient sum",
        layer="normalised_attention",
        expect="refuted",
        paper=48,
    ),
    claim(
        "The coefficients of S6 add up to 1",
        "coefficient sum",
        layer="s6",
        expect="refuted",
        paper=48,
    ),
    claim(
        "A mean less a number is the mean of what the values are above it",
        "equal",
        a=_mean_less,
        b=_mean_of_less,
        expect="proved",
    ),
    claim(
        "A mean with positive weights of numbers that are not negative is not negative",
        "within",
        layer=_mean,
        inside="[0, inf)",
        where={"v": "[0, inf)"},
        expect="proved",
    ),
]
