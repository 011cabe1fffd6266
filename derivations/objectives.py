"""Which layers are one step of an optimiser on a loss of the token: claims, and no new layer."""

from dsf_sym import Gate, GradientDescent, State, Unit, Vec, claim, online


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
    def recall(
        S: State["n", "d"], q: Vec["n"], k: Unit["n"], v: Vec["d"], alpha: Gate, beta: Gate
    ):
        """The loss ½ ‖Sᵀ k - v‖² with weight decay."""
        r = k @ S - v
        return (r @ r) / 2, q @ S

    return recall


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
]
