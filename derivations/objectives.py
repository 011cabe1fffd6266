"""Which layers are one step of an optimiser on a loss of the token: claims, and no new layer."""

from dsf_sym import (
    Const,
    Gate,
    GradientDescent,
    LeastSquares,
    Mat,
    Momentum,
    State,
    Unit,
    Vec,
    claim,
    eye,
    layer,
    online,
    outer,
)


@online(GradientDescent())
def _correlate(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    """The loss -⟨Sᵀ k, v⟩."""
    return -(k @ S @ v), q @ S


@online(GradientDescent(rate="beta"))
def _recall(S: State["n", "d"], q: Vec["n"], k: Unit["n"], v: Vec["d"], beta: Gate):
    """The loss ½ ‖Sᵀ k - v‖²."""
    r = k @ S - v
    return (r @ r) / 2, q @ S


def _decaying(reads):
    @online(GradientDescent(rate="beta", decay="alpha", reads=reads))
    def recall(S: State["n", "d"], q: Vec["n"], k: Unit["n"], v: Vec["d"], alpha: Gate, beta: Gate):
        """The loss ½ ‖Sᵀ k - v‖² with weight decay."""
        r = k @ S - v
        return (r @ r) / 2, q @ S

    return recall


@online(Momentum(rate="beta", momentum="alpha"))
def _heavy_ball(
    S: State["n", "d"],
    M: State["n", "d"],
    q: Vec["n"],
    k: Unit["n"],
    v: Vec["d"],
    alpha: Gate,
    beta: Gate,
):
    """The loss ½ ‖Sᵀ k - v‖², with the velocity M."""
    r = k @ S - v
    return (r @ r) / 2, q @ S


@online(LeastSquares(), start={"P": "prior"})
def _least_squares(
    S: State["n", "d"],
    P: State["n", "n"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    prior: Const[Mat["n", "n"]],
):
    """The loss ½ ‖Sᵀ k - v‖² of all tokens so far, and ½ tr(Sᵀ P₀⁻¹ S)."""
    r = k @ S - v
    return (r @ r) / 2, q @ S


@layer
def _ratio_of_sums(
    U: State["n", "n"],
    H: State["n", "d"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    prior: Const[Mat["n", "n"]],
):
    """Q Σ k v P₀ / (1 + P₀ Σ k²), for one feature."""
    U, H = U + outer(k, k), H + outer(k, v)
    return U, H, q @ (prior / (1 + U * prior) @ H)


# The matrix G of the normal equations G S = H beside the recursion: gaps are 0 where they were 0.


def _gap(of):
    @layer(start={"P": "prior", "G": "information"})
    def gap(
        S: State["n", "d"],
        H: State["n", "d"],
        P: State["n", "n"],
        G: State["n", "n"],
        k: Vec["n"],
        v: Vec["d"],
        prior: Const[Mat["n", "n"]],
        information: Const[Mat["n", "n"]],
    ):
        """A gap after the step, G P - I or G S - H, or what it is by the gaps before."""
        new = {**_least_squares.step, "G": G + outer(k, k), "H": H + outer(k, v)}
        before = {"S": S, "P": P, "G": G, "H": H}
        return new["S"], new["H"], new["P"], new["G"], of(before, new, k, v)

    return gap


def _inverse_gap(x):
    return x["G"] @ x["P"] - eye("n")


def _equations_gap(x):
    return x["G"] @ x["S"] - x["H"]


def _left_over(before, k):
    """(G P - I) k / (1 + k·P k)."""
    P = before["P"]
    return _inverse_gap(before) @ k / (1 + k @ (P @ k))


_SAME_STATES = ["S = S", "H = H", "P = P", "G = G"]


claims = [
    claim(
        "Linear attention is gradient descent on the correlation of key and value",
        "equal",
        a=_correlate,
        b="linear_attention",
        expect="proved",
        source="Liu et al. 2025, table 1",
    ),
    claim(
        "DeltaNet is gradient descent on the recall error",
        "equal",
        a=_recall,
        b="deltanet",
        expect="proved",
        source="Liu et al. 2025, table 1",
    ),
    claim(
        "Gated DeltaNet is gradient descent that reads the decayed state",
        "equal",
        a=_decaying("decayed"),
        b="gated_deltanet",
        expect="proved",
        source="Yang et al. 2025, section 3",
    ),
    claim(
        "Gated DeltaNet is gradient descent that reads the state before its decay",
        "equal",
        a=_decaying("old"),
        b="gated_deltanet",
        expect="refuted",
    ),
    claim(
        "Gradient descent with momentum on the recall error is DeltaNet",
        "equal",
        a=_heavy_ball,
        b="deltanet",
        expect="refuted",
    ),
    claim(
        "The recursion of least squares keeps P the inverse of G: what G P lacks of I is a factor",
        "equal",
        a=_gap(lambda before, new, k, v: _inverse_gap(new)),
        b=_gap(
            lambda before, new, k, v: (
                _inverse_gap(before) - outer(_left_over(before, k), k @ before["P"])
            )
        ),
        maps=_SAME_STATES,
        expect="conditional",
    ),
    claim(
        "It keeps the normal equations G S = H where G P = I: least squares in closed form",
        "equal",
        a=_gap(lambda before, new, k, v: _equations_gap(new)),
        b=_gap(
            lambda before, new, k, v: (
                _equations_gap(before) - outer(_left_over(before, k), k @ before["S"] - v)
            )
        ),
        maps=_SAME_STATES,
        expect="conditional",
    ),
    claim(
        "Least squares of one feature is a ratio of two sums, like normalised attention",
        "equal",
        a=_least_squares,
        b=_ratio_of_sums,
        sizes={"n": 1, "d": 1},
        maps=["P = prior / (1 + U * prior)", "S = (prior / (1 + U * prior)) @ H"],
        expect="conditional",
    ),
    claim(
        "Least squares in closed form is DeltaNet",
        "equal",
        a=_least_squares,
        b="deltanet",
        sizes={"n": 1, "d": 1},
        expect="refuted",
    ),
]
