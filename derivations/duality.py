"""One layer in several forms, and which systems are masked attention: claims."""

from dsf_sym import (
    Const,
    Gate,
    Mat,
    State,
    Vec,
    claim,
    layer,
    outer,
    scale,
)


@layer
def _modes(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], f: Const[Gate["n"]]):
    """A constant diagonal transition: y_i = Σ_m q_m Σ_j f_m^{i-j} k_m v_j."""
    S = scale(f, S, axis="n") + outer(k, v)
    return S, q @ S


@layer
def _free(
    h: State["N", "d"],
    u: Mat["m", "d"],
    Lam: Mat["N", "N"],
    B: Mat["N", "m"],
    C: Mat["p", "N"],
    D: Mat["p", "m"],
):
    """h_i = Λ_i h_{i-1} + B_i u_i and y_i = C_i h_i + D_i u_i, all of the token."""
    h = Lam @ h + B @ u
    return h, C @ h + D @ u


@layer
def _own_decays(h: State["d"], v: Vec["d"], f: Const[Gate["d"]]):
    """Every channel has a decay of its own."""
    h = f * h + v
    return h, h


@layer
def _common_decay(h: State["d"], v: Vec["d"], f: Const[Gate]):
    """All channels share one decay."""
    h = f * h + v
    return h, h


# Products of delta transitions. A chunk of them and of their writes takes one pass over its keys.


@layer
def _transitions(P: State["n", "n"], k: Vec["n"], beta: Gate):
    """(I - β_i k_i k_iᵀ) ... (I - β_0 k_0 k_0ᵀ) - I."""
    P = P - beta * outer(k, k + k @ P)
    return P, P


def _factors(of):
    @layer
    def factors(Q: State["n", "n"], k: Vec["n"], beta: Gate):
        """-Σ_j k_j w_jᵀ with w_i = β_i (k_i - Σ_{j<i} (k_i·k_j) w_j)."""
        w = of(k, beta, k @ Q)
        Q = Q + outer(k, w)
        return Q, -Q

    return factors


@layer
def _solved(M: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], beta: Gate):
    """Linear attention on the values u_i = β_i (v_i - Σ_{j<i} (k_i·k_j) u_j)."""
    u = beta * (v - k @ M)
    M = M + outer(k, u)
    return M, q @ M


# I + E_{T1}, T = 5.
_CORNER = [[int(i == j or (i, j) == (4, 0)) for j in range(5)] for i in range(5)]

# Rows of weights 1 / (i + j + 1), j <= i, as a matrix of length 4.
_MEANS = [[f"1/{i + j + 1}" if j <= i else 0 for j in range(4)] for i in range(4)]


claims = [
    claim(
        "A diagonal system is a sum of masked attentions of width 1, one a mode",
        "same form",
        layer=_modes,
        form="masked",
        expect="proved",
        paper=28,
    ),
    claim(
        "I + E_{T1} of length 5, a system of 2 states, is masked attention of width 2",
        "masked attention",
        matrix=_CORNER,
        width=2,
        expect="refuted",
        paper=29,
    ),
    claim(
        "With a free skip I + E_{T1} is masked attention of width 1",
        "masked attention",
        matrix=_CORNER,
        width=1,
        skip=True,
        expect="proved",
        paper=29,
    ),
    claim(
        "Two channels with decays of their own are two heads",
        "heads",
        layer=_own_decays,
        number=2,
        length=4,
        sizes={"d": 2},
        constants={"f": ["1/2", "1/3"]},
        expect="proved",
        paper=30,
    ),
    claim(
        "Two channels with decays of their own are one head",
        "heads",
        layer=_own_decays,
        number=1,
        length=4,
        sizes={"d": 2},
        constants={"f": ["1/2", "1/3"]},
        expect="refuted",
        paper=30,
    ),
    claim(
        "Two channels with one decay are one head",
        "heads",
        layer=_common_decay,
        number=1,
        length=4,
        sizes={"d": 2},
        constants={"f": ["1/2"]},
        expect="proved",
        paper=30,
    ),
    claim(
        "The eigenvalues of the transition are invariants of the output",
        "spectrum is invariant",
        layer="scalar_gated",
        expect="refuted",
        paper=34,
    ),
    claim(
        "A system with free matrices has one output in chunks and token by token",
        "same form",
        layer=_free,
        form="chunked",
        expect="proved",
    ),
    claim(
        "Linear attention has one output in chunks and token by token",
        "same form",
        layer="linear_attention",
        form="chunked",
        expect="proved",
    ),
    claim(
        "GLA has one output in chunks and token by token",
        "same form",
        layer="gla",
        form="chunked",
        expect="proved",
    ),
    claim(
        "S6 has one output in chunks and token by token",
        "same form",
        layer="s6",
        form="chunked",
        expect="proved",
    ),
    claim(
        "DeltaNet has one output in chunks and token by token",
        "same form",
        layer="deltanet",
        form="chunked",
        expect="proved",
    ),
    claim(
        "A product of delta transitions is I - Σ_j k_j w_jᵀ, its w_j solved one after another (WY)",
        "equal",
        a=_factors(lambda k, beta, before: beta * (k - before)),
        b=_transitions,
        expect="proved",
        source="Yang et al. 2024, Parallelizing Linear Transformers with the Delta Rule",
    ),
    claim(
        "A product of delta transitions is I - Σ_j β_j k_j k_jᵀ",
        "equal",
        a=_factors(lambda k, beta, before: beta * k),
        b=_transitions,
        expect="refuted",
    ),
    claim(
        "From an empty memory DeltaNet is linear attention on values solved one after another (UT)",
        "equal",
        a=_solved,
        b="deltanet",
        expect="proved",
        source="Yang et al. 2024, Parallelizing Linear Transformers with the Delta Rule",
    ),
    claim(
        "Gated DeltaNet has one output in chunks and token by token",
        "same form",
        layer="gated_deltanet",
        form="chunked",
        expect="proved",
    ),
    claim(
        "RetNet has one output in chunks and token by token",
        "same form",
        layer="retnet",
        form="chunked",
        expect="proved",
    ),
    claim(
        "SSD is masked attention with the exponentials of summed log-decays",
        "same form",
        layer="ssd",
        form="masked",
        expect="proved",
    ),
    claim(
        "GLA is masked attention with the exponentials of summed log-decays",
        "same form",
        layer="gla",
        form="masked",
        expect="proved",
    ),
    claim(
        "S6 is masked attention with the exponentials of summed log-decays",
        "same form",
        layer="s6",
        form="masked",
        expect="proved",
    ),
    claim(
        "RetNet is masked attention with the exponentials of summed log-decays",
        "same form",
        layer="retnet",
        form="masked",
        expect="proved",
    ),
    claim(
        "A causal matrix of length 4 is attention of width 4: as many states as tokens suffice",
        "masked attention",
        matrix=_MEANS,
        width=4,
        expect="proved",
        paper=14,
    ),
]
