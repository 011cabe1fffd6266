"""Which layers have a state of fixed size, and when a normaliser needs one of its own: claims.

J. Sieber, C. Amo Alonso, A. Didier, M. N. Zeilinger, A. Orvieto. Understanding the Differences in
Foundation Models: Attention, State Space Models, and Recurrent Neural Networks. NeurIPS 2024.
"""

from dsf_sym import (
    Const,
    Mat,
    Positive,
    State,
    Vec,
    claim,
    concat,
    layer,
    ones,
    outer,
    sigmoid,
    tanh,
)

SOURCE = "Sieber et al. 2024"


# Gates that read the last output.


def _cell(x, y, v, forget, write, show, read):
    """Eq. (5)-(7): the gates and the value read y_{i-1} as well; each has the weights W, U."""
    f, g, o, u = (W @ v + U @ y for W, U in (forget, write, show, read))
    x = sigmoid(f) * x + sigmoid(g) * tanh(u)
    return x, sigmoid(o) * tanh(x)


@layer
def _lstm(
    x: State["d"],
    y: State["d"],
    v: Vec["d"],
    Wf: Const[Mat["d", "d"]],
    Uf: Const[Mat["d", "d"]],
    Wi: Const[Mat["d", "d"]],
    Ui: Const[Mat["d", "d"]],
    Wo: Const[Mat["d", "d"]],
    Uo: Const[Mat["d", "d"]],
    Wu: Const[Mat["d", "d"]],
    Uu: Const[Mat["d", "d"]],
):
    """An LSTM of d channels."""
    x, y = _cell(x, y, v, (Wf, Uf), (Wi, Ui), (Wo, Uo), (Wu, Uu))
    return x, y, y


@layer
def _lstm_of_more_channels(
    x: State["d"],
    y: State["d"],
    x_more: State["m"],
    y_more: State["m"],
    v: Vec["d"],
    Wf: Const[Mat["d", "d"]],
    Uf: Const[Mat["d", "d"]],
    Wi: Const[Mat["d", "d"]],
    Ui: Const[Mat["d", "d"]],
    Wo: Const[Mat["d", "d"]],
    Uo: Const[Mat["d", "d"]],
    Wu: Const[Mat["d", "d"]],
    Uu: Const[Mat["d", "d"]],
    W: Const[Mat["m", "m"]],
    U: Const[Mat["m", "m"]],
):
    """One of d + m channels with weights in two blocks, on inputs that are 0 in the last m."""
    x, y = _cell(x, y, v, (Wf, Uf), (Wi, Ui), (Wo, Uo), (Wu, Uu))
    x_more, y_more = _cell(x_more, y_more, 0 * ones("m"), *[(W, U)] * 4)
    return x, y, x_more, y_more, concat(y, y_more)


@layer
def _lstm_beside_zeros(
    x: State["d"],
    y: State["d"],
    v: Vec["d"],
    Wf: Const[Mat["d", "d"]],
    Uf: Const[Mat["d", "d"]],
    Wi: Const[Mat["d", "d"]],
    Ui: Const[Mat["d", "d"]],
    Wo: Const[Mat["d", "d"]],
    Uo: Const[Mat["d", "d"]],
    Wu: Const[Mat["d", "d"]],
    Uu: Const[Mat["d", "d"]],
):
    """An LSTM of d channels, and m outputs that are 0."""
    x, y = _cell(x, y, v, (Wf, Uf), (Wi, Ui), (Wo, Uo), (Wu, Uu))
    return x, y, concat(y, 0 * ones("m"))


# In two channels: the first is remembered, and gates the output together with the second.
_ZERO, _FIRST, _SECOND = (["0"] * 4, ["1", "0", "0", "0"], ["0", "1", "0", "0"])
_TWO_CHANNELS = {
    **dict.fromkeys(("Wf", "Uf", "Wi", "Ui", "Uu"), _ZERO),
    "Wu": _FIRST,
    "Wo": _SECOND,
    "Uo": _FIRST,
}


@layer
def _gated_by_the_state(
    h: State["d"], v: Vec["d"], W: Const[Mat["d", "d"]], U: Const[Mat["d", "d"]]
):
    """A forget gate that reads the state, and nothing else that is not linear in it."""
    h = sigmoid(W @ v + U @ h) * h + v
    return h, h


# The normaliser as a channel of the values.


@layer
def _normaliser(z: State["n"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    """φ(q_i)ᵀ Σ_j ψ(k_j), with q and k for the features."""
    z = z + k
    return z, q @ z


@layer
def _constant_channel(S: State["n", "d+1"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    """The last channel of attention that is not normalised, on the values (v, 1)."""
    S = S + outer(k, concat(v, ones("1")))
    return S, (q @ S) @ concat(0 * v, ones("1"))


@layer
def _normalised(S: State["n", "d"], z: State["n"], q: Vec["n"], k: Positive["n"], v: Vec["d"]):
    """S and z on free values: y_i = S_iᵀ q_i / z_i·q_i."""
    S, z = S + outer(k, v), z + k
    return S, z, q @ S / (q @ z)


# Values (v, c - w·v) of d + 1 channels: those with w·v + v_{d+1} = c.


@layer
def _on_a_plane(
    S: State["n", "d"],
    R: State["n"],
    z: State["n"],
    q: Positive["n"],
    k: Positive["n"],
    v: Vec["d"],
    w: Const[Vec["d"]],
    c: Const[Positive],
):
    """Normalised attention on such values; R is the memory of their last channel."""
    S, R, z = S + outer(k, v), R + (c - w @ v) * k, z + k
    return S, R, z, concat(q @ S, (q @ R) * ones("1")) / (q @ z)


@layer
def _without_a_normaliser(
    S: State["n", "d"],
    R: State["n"],
    q: Positive["n"],
    k: Positive["n"],
    v: Vec["d"],
    w: Const[Vec["d"]],
    c: Const[Positive],
):
    """The same without z: the channels add up to c z."""
    S, R = S + outer(k, v), R + (c - w @ v) * k
    return S, R, c * concat(q @ S, (q @ R) * ones("1")) / (q @ (R + S @ w))


claims = [
    claim(
        "With a constant channel of the values the sum of the keys is read off the memory",
        "equal",
        a=_constant_channel,
        b=_normaliser,
        expect="proved",
        paper=12,
    ),
    claim(
        "LSTM with recurrent gates has coefficients of the current token and 3 states",
        "affine state",
        layer=_lstm,
        states=3,
        sizes={"d": 1},
        expect="refuted",
        paper=9,
        source=f"{SOURCE}, eq. (5)-(7)",
    ),
    claim(
        "Softmax attention has coefficients of the current token and 3 states",
        "affine state",
        layer="softmax_attention",
        states=3,
        sizes={"n": 1, "d": 1},
        expect="refuted",
        paper=46,
    ),
    claim(
        "LSTM with recurrent gates has coefficients of the current token and finitely many states",
        "finite state",
        layer=_lstm,
        constants=_TWO_CHANNELS,
        sizes={"d": 2},
        expect="refuted",
        paper=9,
        source=f"{SOURCE}, eq. (5)-(7)",
    ),
    claim(
        "An LSTM of d + m channels can be one of d channels beside zeros, at every d and m",
        "equal",
        a=_lstm_of_more_channels,
        b=_lstm_beside_zeros,
        maps=["x = x", "y = y", "x_more = 0", "y_more = 0"],
        expect="proved",
        paper=9,
    ),
    claim(
        "A gate that reads the state leaves coefficients of the token and finitely many states",
        "finite state",
        layer=_gated_by_the_state,
        sizes={"d": 1},
        expect="refuted",
        paper=9,
    ),
    claim(
        "QLSTM, whose gates are the token's, needs d states and no fewer, at every d",
        "smallest state formula",
        layer="qlstm",
        value="d",
        expect="proved",
        paper=9,
    ),
    claim(
        "Softmax attention has coefficients of the current token and finitely many states",
        "finite state",
        layer="softmax_attention",
        sizes={"n": 1, "d": 1},
        expect="refuted",
        paper=(13, 46),
    ),
    claim(
        "On free values normalised attention needs n (d + 1) states: its normaliser is one of them",
        "smallest continuous state",
        layer=_normalised,
        states=6,
        sizes={"n": 2, "d": 2},
        expect="proved",
        paper=12,
    ),
    claim(
        "On free values n d states are enough for normalised attention",
        "smallest continuous state",
        layer=_normalised,
        states=4,
        sizes={"n": 2, "d": 2},
        expect="refuted",
        paper=12,
    ),
    claim(
        "On values with a fixed sum of weighted channels, not 0, the normaliser is redundant",
        "equal",
        a=_on_a_plane,
        b=_without_a_normaliser,
        maps=["S = S", "R = R", "z = (R + S @ w) / c"],
        expect="conditional",
        paper=12,
    ),
    claim(
        "On such values n states a channel are needed and enough",
        "smallest continuous state",
        layer=_without_a_normaliser,
        states=4,
        sizes={"n": 2, "d": 1},
        expect="proved",
        paper=12,
    ),
]
