"""What the state-space form of a layer is, and which printed forms are another layer: claims.

J. Sieber, C. Amo Alonso, A. Didier, M. N. Zeilinger, A. Orvieto. Understanding the Differences in
Foundation Models: Attention, State Space Models, and Recurrent Neural Networks. NeurIPS 2024.
"""

from dsf_sym import (
    Const,
    Flag,
    Gate,
    Mat,
    Negative,
    Positive,
    State,
    Vec,
    claim,
    diag,
    einsum,
    exp,
    eye,
    layer,
    log,
    outer,
    sqrt,
    tanh,
)

SOURCE = "Sieber et al. 2024"


# Separable attention. The tokens q, k stand for φ(q_i), ψ(k_i), and eta for η(q_i, k_0 ... k_i).


@layer
def _separable(
    S: State["n", "d"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    eta: Positive,
    W: Const[Mat["d", "d"]],
):
    """Eq. (14): y_i = Σ_j φ(q_i)ᵀ ψ(k_j) / η_i W v_j."""
    S = S + outer(k, W @ v)
    return S, q @ S / eta


@layer
def _in_the_transition(
    S: State["n", "d"],
    last: State,
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    eta: Positive,
    W: Const[Mat["d", "d"]],
):
    """Appendix B: Λ_i = η_{i-1} / η_i and B_i = ψ(k_i) ⊗ W / η_i."""
    S = (last / eta) * S + outer(k, W @ v) / eta
    return S, eta, q @ S


def _printed(write_is_decayed):
    @layer
    def printed(
        S: State["n", "d"],
        z: State,
        q: Vec["n"],
        k: Vec["n"],
        v: Vec["d"],
        eta: Positive,
        W: Const[Mat["d", "d"]],
    ):
        """B_i = ψ(k_i) ⊗ W / η_{i-1}, with η_{i-1} = e^z and η_{-1} = 1."""
        decay, write = exp(z) / eta, exp(-z) * outer(k, W @ v)
        S = decay * (S + write) if write_is_decayed else decay * S + write
        return S, log(eta), q @ S

    return printed


def _of_inputs(weight_last):
    @layer
    def attention_matrix(
        S: State["n", "d"],
        q: Vec["n"],
        k: Vec["n"],
        v: Vec["d"],
        eta: Positive,
        W: Const[Mat["d", "d"]],
    ):
        """The matrix of the ζ_ij is applied to the inputs themselves."""
        S = S + outer(k, v)
        y = q @ S / eta
        return S, W @ y if weight_last else y

    return attention_matrix


# qLSTM and LSTM.


def _qlstm(*, hadamard=False, squashed=False):
    @layer
    def gates(
        h: State["d"],
        v: Vec["d"],
        f: Gate["d"],
        g: Gate["d"],
        o: Gate["d"],
        W: Const[Mat["d", "d"]],
    ):
        """f_i ⊙ h_{i-1} + g_i ⊙ (W v_i), or eq. (20b) as printed, or eq. (8) with its two tanh."""
        write = (diag(g) * W) @ v if hadamard else g * (W @ v)
        h = f * h + (tanh(write) if squashed else write)
        return h, o * (tanh(h) if squashed else h)

    return gates


@layer
def _printed_qlstm(
    h: State["d"], v: Vec["d"], f: Gate["d"], g: Gate["d"], o: Gate["d"], W: Const[Mat["d", "d"]]
):
    """Eq. (20) with a matrix product: Λ = Diag(f), B = Diag(g) W, C = Diag(o)."""
    h = diag(f) @ h + (diag(g) @ W) @ v
    return h, diag(o) @ h


# S6 and RG-LRU.


def _printed_s6(matrix_exponential):
    @layer
    def printed(
        h: State["d", "n"],
        q: Vec["n"],
        k: Vec["n"],
        v: Vec["d"],
        Delta: Positive["d"],
        A: Const[Negative["d", "n"]],
    ):
        """Eq. (19): Λ = e^{(Δ ⊗ I) A} with A a diagonal matrix, B = Δ ⊗ k, C = I ⊗ qᵀ."""
        same = einsum("ac,bd->abcd", eye("d"), eye("n"))
        rates = einsum("a,ab,abcd->abcd", Delta, A, same)
        exponential = exp(rates)
        if matrix_exponential:
            # The exponential of a diagonal matrix is diagonal.
            exponential = exponential * same
        B = einsum("ab,c->abc", diag(Delta), k)
        h = einsum("abcd,cd->ab", exponential, h) + einsum("acb,c->ab", B, v)
        return h, h @ q

    return printed


@layer
def _printed_rg_lru(h: State["d"], v: Vec["d"], f: Gate["d"], g: Gate["d"]):
    """Eq. (21): Λ = Diag(f), B = √(I - Λ²) Diag(g), C = I."""
    h = diag(f) @ h + (diag(sqrt(1 - f * f)) @ diag(g)) @ v
    return h, eye("d") @ h


# LSTM with recurrent gates, and the normaliser as a channel of the values.


# Attention with a normaliser of either sign, and the keys of DeltaNet.


@layer
def _either_sign(
    S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], size: Positive, positive: Flag
):
    """Eq. (14) with η = ± size, so that 1 / η = ± 1 / size."""
    S = S + outer(k, v)
    return S, (2 * positive - 1) * (q @ S) / size


@layer
def _either_sign_inside(
    S: State["n", "d"],
    last: State,
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    size: Positive,
    positive: Flag,
):
    """Appendix B with the same η."""
    sign = 2 * positive - 1
    S = (last * sign / size) * S + (sign / size) * outer(k, v)
    return S, sign * size, q @ S


@layer
def _commutator(k: Vec["n"], r: Vec["n"], beta: Gate, gamma: Gate):
    """Λ Λ' - Λ' Λ for Λ = I - β k kᵀ and Λ' = I - γ r rᵀ."""
    one, other = eye("n") - beta * outer(k, k), eye("n") - gamma * outer(r, r)
    return (one @ other - other @ one,)


@layer
def _turned(k: Vec["n"], r: Vec["n"], beta: Gate, gamma: Gate):
    """β γ (k·r)(k rᵀ - r kᵀ): zero exactly where k and r are orthogonal or parallel."""
    return (beta * gamma * (k @ r) * (outer(k, r) - outer(r, k)),)


claims = [
    claim(
        "The state-space form of appendix B is separable attention, for all φ, ψ and η > 0",
        "equal",
        a=_in_the_transition,
        b=_separable,
        expect="proved",
        paper=(1, 2),
        source=f"{SOURCE}, appendix B and eq. (14)",
    ),
    claim(
        "Eq. (15b) as printed, with η_{i-1} in B, is separable attention",
        "equal",
        a=_printed(False),
        b=_separable,
        expect="refuted",
        paper=2,
        source=f"{SOURCE}, eq. (15b) and (28b)",
        slip=True,
    ),
    claim(
        "Eq. (15b) is separable attention under h_i = Λ_i (h_{i-1} + B_i u_i)",
        "equal",
        a=_printed(True),
        b=_separable,
        expect="proved",
        paper=(2, 3),
        source=f"{SOURCE}, section 4.2",
    ),
    claim(
        "The operator of attention is Φ = ζ ⊗ W_V: one block a pair of tokens",
        "equal",
        a=_of_inputs(True),
        b=_separable,
        expect="proved",
        paper=4,
        source=f"{SOURCE}, eq. (12)",
    ),
    claim(
        "The operator of attention has the dimensions of ζ: one number a pair of tokens",
        "equal",
        a=_of_inputs(False),
        b=_separable,
        expect="refuted",
        paper=4,
        source=f"{SOURCE}, section 3.2",
        slip=True,
    ),
    claim(
        "Eq. (20b) as printed, with an entrywise product, is qLSTM",
        "equal",
        a=_qlstm(hadamard=True),
        b=_qlstm(),
        expect="refuted",
        paper=5,
        source=f"{SOURCE}, eq. (20b)",
        slip=True,
    ),
    claim(
        "Eq. (20b) with a matrix product is qLSTM",
        "equal",
        a=_printed_qlstm,
        b=_qlstm(),
        expect="proved",
        paper=5,
        source=f"{SOURCE}, eq. (20b)",
    ),
    claim(
        "Eq. (19) with the exponential of a matrix is S6",
        "equal",
        a=_printed_s6(True),
        b="s6",
        given=["D = 0"],
        expect="proved",
        paper=6,
        source=f"{SOURCE}, eq. (19)",
    ),
    claim(
        "Eq. (19) with the exponential entry by entry is S6",
        "equal",
        a=_printed_s6(False),
        b="s6",
        given=["D = 0"],
        expect="refuted",
        paper=6,
        source=f"{SOURCE}, eq. (19)",
    ),
    claim(
        "Eq. (21) is RG-LRU",
        "equal",
        a=_printed_rg_lru,
        b="rg_lru",
        expect="proved",
        paper=7,
        source=f"{SOURCE}, eq. (21)",
    ),
    claim(
        "qLSTM with its two tanh, eq. (8), is the linear system of eq. (20)",
        "equal",
        a=_qlstm(squashed=True),
        b=_printed_qlstm,
        expect="refuted",
        paper=8,
        source=f"{SOURCE}, eq. (8) and (20)",
    ),
    claim(
        "DeltaNet is a case of gated linear attention, whose transitions are diagonal",
        "contains",
        a="gla",
        b="deltanet",
        expect="refuted",
        paper=10,
    ),
    claim(
        "DeltaNet with free queries is linear attention exactly when its keys are orthogonal",
        "conditions",
        a="deltanet",
        b="linear_attention",
        given=["beta = 1"],
        on=["k"],
        are=[["k_j · k_i = 0 for all j < i"]],
        expect="conditional",
        paper=10,
    ),
    claim(
        "The form of appendix B is separable attention for η of either sign",
        "equal",
        a=_either_sign_inside,
        b=_either_sign,
        maps=["S = S * last"],
        expect="proved",
        paper=1,
    ),
    claim(
        "Two transitions of DeltaNet commute where their keys are orthogonal or parallel, only",
        "equal",
        a=_commutator,
        b=_turned,
        expect="proved",
        paper=10,
    ),
]
