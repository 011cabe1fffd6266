"""How large a state a layer needs, and what a larger one adds: claims."""

from dsf_sym import (
    Const,
    Gate,
    Mat,
    Positive,
    Scalar,
    State,
    Unit,
    Vec,
    attention,
    claim,
    elu,
    exp,
    layer,
    outer,
)

SOURCE = "Sieber et al. 2024"


@attention(normalised=False)
def _exponential(q: Vec["n"], k: Vec["n"]):
    """κ(q, k) = e^{q·k}, without a scale."""
    return exp(q @ k)


@attention
def _softmax(q: Vec["n"], k: Vec["n"]):
    """Softmax attention without its scale."""
    return exp(q @ k)


@attention(normalised=False)
def _bilinear(q: Vec["n"], k: Vec["n"]):
    """κ(q, k) = q·k: the kernel is linear in a state of n d numbers."""
    return q @ k


def _elu(x):
    return elu(x) + 1


@attention
def _two_features(q: Vec["2"], k: Vec["2"]):
    """Linear attention with two features elu + 1."""
    return _elu(q) @ _elu(k)


@attention
def _three_features(q: Vec["3"], k: Vec["3"]):
    """Linear attention with three features elu + 1."""
    return _elu(q) @ _elu(k)


@attention(queries=["q", "p"])
def _padded_elu(q: Vec["n"], k: Vec["n"], p: Vec["n"], r: Vec["n"]):
    """Linear attention with the features elu + 1 of (q, p) and (k, r)."""
    return _elu(q) @ _elu(k) + _elu(p) @ _elu(r)


@attention
def _plain_elu(q: Vec["n"], k: Vec["n"]):
    """Linear attention with the features elu + 1 of q and k."""
    return _elu(q) @ _elu(k)


@layer
def _padding_shows(c: Positive, x: Positive, gap: Positive):
    """By how much a constant feature c > 0 lowers the weight x + gap of the second of two tokens.

    The kernels of the two tokens are x and x + gap.
    """
    second = x + gap
    return (second / (x + second) - (second + c) / (x + second + 2 * c),)


# Output equality with coefficients that read the history.


@layer
def _any_output(v: Unit["d"], y: Vec["d"]):
    """The output is any signal: any causal map of the inputs."""
    return (y,)


@layer
def _without_memory(h: State["d"], v: Unit["d"], y: Vec["d"]):
    """Λ_i = 0, B_i = y_i v_iᵀ / |v_i|², C_i = I."""
    h = outer(y, v) @ v
    return h, h


@layer
def _one_number(h: State, v: Unit["d"], y: Vec["d"]):
    """Λ_i = 0, B_i = v_iᵀ / |v_i|², C_i = y_i."""
    h = v @ v
    return h, h * y


@layer
def _skip_alone(v: Unit["d"], y: Vec["d"]):
    """No state: D_i = y_i v_iᵀ / |v_i|²."""
    return (outer(y, v) @ v,)


# Lemma 2.


@layer
def _system(
    h: State["N"],
    u: Vec["d"],
    Lam: Mat["N", "N"],
    B: Mat["N", "d"],
    C: Mat["d", "N"],
    D: Mat["d", "d"],
):
    """h_i = Λ_i h_{i-1} + B_i u_i and y_i = C_i h_i + D_i u_i."""
    h = Lam @ h + B @ u
    return h, C @ h + D @ u


@layer
def _embedded(
    h: State["N"],
    g: State["M"],
    u: Vec["d"],
    Lam: Mat["N", "N"],
    B: Mat["N", "d"],
    C: Mat["d", "N"],
    D: Mat["d", "d"],
    below: Mat["M", "N"],
    free: Mat["M", "M"],
    write: Mat["M", "d"],
):
    """Appendix D: Λ = [[Λ, 0], [below, free]], B = [B; write], C = [C, 0]."""
    g = below @ h + free @ g + write @ u
    h = Lam @ h + B @ u
    return h, g, C @ h + D @ u


@layer
def _embedded_diagonal(
    h: State["N"],
    g: State["M"],
    u: Vec["d"],
    f: Gate["N"],
    e: Gate["M"],
    B: Mat["N", "d"],
    C: Mat["d", "N"],
    write: Mat["M", "d"],
):
    """The same with diagonal blocks, and 0 below."""
    g, h = e * g + write @ u, f * h + B @ u
    return h, g, C @ h


@layer
def _longer(n: Positive, d: Positive, more: Positive):
    """N (d + 1) - L (n + d), the state minus a cache, at L = d + 1 + more."""
    L = d + 1 + more
    return (n * (d + 1) - L * (n + d),)


# A larger state that adds nothing, and one that does.


@layer
def _one_mode(h: State["d"], v: Vec["d"], a: Const[Gate], c: Const[Scalar]):
    """y_i = c Σ_j a^{i-j} v_j."""
    h = a * h + v
    return h, c * h


@layer
def _two_equal_modes(
    h: State["d"], g: State["d"], v: Vec["d"], a: Const[Gate], c: Const[Scalar], e: Const[Scalar]
):
    """Two states with one decay."""
    h, g = a * h + v, a * g + v
    return h, g, c * h + e * g


@layer
def _two_modes(
    h: State["d"],
    g: State["d"],
    v: Vec["d"],
    a: Const[Gate],
    b: Const[Gate],
    c: Const[Scalar],
    e: Const[Scalar],
):
    """Two states with a decay each."""
    h, g = a * h + v, b * g + v
    return h, g, c * h + e * g


claims = [
    claim(
        "Finitely many features give the kernel e^{q·k}",
        "finitely many features",
        kernel=_exponential,
        expect="refuted",
        paper=(13, 46),
        source=f"{SOURCE}, lemma 1 and section 4.1",
    ),
    claim(
        "A kernel that is linear in the state has a recurrence with n d numbers",
        "equal",
        a=_bilinear,
        b="linear_attention",
        expect="proved",
        paper=46,
    ),
    claim(
        "With coefficients that read the history, d states have the outputs of any causal map",
        "equal",
        a=_without_memory,
        b=_any_output,
        expect="proved",
        paper=15,
    ),
    claim(
        "With coefficients that read the history, one state has the outputs of any causal map",
        "equal",
        a=_one_number,
        b=_any_output,
        expect="proved",
        paper=15,
    ),
    claim(
        "With coefficients that read the history and a skip no state is needed for any causal map",
        "equal",
        a=_skip_alone,
        b=_any_output,
        expect="proved",
        paper=15,
    ),
    *(
        claim(
            f"With a skip that reads the history {title} needs no state for its outputs",
            "no state with history",
            layer=name,
            expect=expect,
            paper=15,
        )
        for name, title, expect in (
            ("s6", "S6", "proved"),
            ("linear_attention_normalised", "normalised linear attention", "proved"),
            ("softmax_attention", "softmax attention", "conditional"),
        )
    ),
    claim(
        "A system with more states has the outputs of a system with fewer (lemma 2)",
        "equal",
        a=_embedded,
        b=_system,
        expect="proved",
        paper=16,
        source=f"{SOURCE}, lemma 2",
    ),
    claim(
        "Two states with one decay do no more than one: a larger state need not be more expressive",
        "equal",
        a=_one_mode,
        b=_two_equal_modes,
        given=["_one_mode.c = c + e"],
        expect="proved",
        paper=17,
    ),
    claim(
        "Every constant system of two states with decays of their own is one of one state",
        "contains",
        a=_one_mode,
        b=_two_modes,
        expect="refuted",
        paper=17,
    ),
    claim(
        "A constant feature beside elu + 1 always lowers the larger of two weights",
        "within",
        layer=_padding_shows,
        inside="(0, inf)",
        expect="proved",
        paper=18,
    ),
    claim(
        "Linear attention with two features elu + 1 has the outputs of one feature, used twice",
        "equal",
        a=_padded_elu,
        b=_plain_elu,
        given=["p = q", "r = k"],
        sizes={"n": 1, "d": 1},
        expect="proved",
        paper=18,
    ),
    claim(
        "Linear attention with three features elu + 1 has the outputs of two features",
        "contains",
        a=_three_features,
        b=_two_features,
        expect="undecided",
        paper=18,
    ),
    claim(
        "The larger system of lemma 2 has a diagonal transition",
        "transitions",
        layer=_embedded,
        what="diagonal",
        source=f"{SOURCE}, appendix D",
        slip=True,
        expect="refuted",
        paper=16,
    ),
    claim(
        "The larger system of lemma 2 has a diagonal transition where the block below is 0",
        "transitions",
        layer=_embedded_diagonal,
        what="diagonal",
        expect="proved",
        paper=16,
    ),
    claim(
        "With as many keys as features no state matches a cache longer than d",
        "within",
        layer=_longer,
        inside="(-inf, 0)",
        expect="proved",
        paper=20,
    ),
    claim(
        "S6 with one more feature, padded by zeros, has the outputs of S6",
        "embeds",
        layer="s6",
        pad={"q": "0", "k": "0", "A": "-1"},
        expect="proved",
        paper=(16, 18),
    ),
    claim(
        "Softmax attention without its scale has the outputs of one with shorter queries and keys",
        "embeds",
        layer=_softmax,
        pad={"q": "0", "k": "0"},
        expect="proved",
        paper=18,
    ),
    claim(
        "Linear attention with elu + 1 has the outputs of one with fewer features, padded by zeros",
        "embeds",
        layer="linear_attention_normalised",
        pad={"q": "0", "k": "0"},
        sizes={"n": 1, "d": 1},
        expect="refuted",
        paper=18,
    ),
    claim(
        "Normalised linear attention matches a cache of L keys and values at n = L(m + d)/(d + 1)",
        "state match",
        layer="linear_attention_normalised",
        cache="softmax_attention",
        size="n",
        value="L * (m + d) / (d + 1)",
        expect="proved",
        paper=20,
    ),
]
