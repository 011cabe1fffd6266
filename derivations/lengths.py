"""How large a state a sum over the past needs at a length, and at every length: claims."""

from dsf_sym import Const, Mat, Positive, State, Vec, claim, layer

SOURCE = "Sieber et al. 2024"


@layer
def _uniform(S: State["d"], v: Vec["d"], eta: Positive):
    """A mean of the past: η_i = i + 1 for uniform attention."""
    S = S + v
    return S, S / eta


claims = [
    claim(
        "At length 4 softmax attention needs ⌊4/2⌋ d states with a free skip",
        "state at length",
        layer="softmax_attention",
        length=4,
        at_least=4,
        sizes={"n": 1, "d": 2},
        expect="proved",
        paper=14,
    ),
    claim(
        "At length 5 softmax attention needs ⌈5/2⌉ d states without a skip",
        "state at length",
        layer="softmax_attention",
        length=5,
        at_least=6,
        skip=False,
        sizes={"n": 1, "d": 2},
        expect="proved",
        paper=14,
    ),
    claim(
        "At length 4 softmax attention needs (4 - 1) d states with causal coefficients",
        "state at length",
        layer="softmax_attention",
        length=4,
        at_least=6,
        causal=True,
        sizes={"n": 1, "d": 2},
        expect="proved",
        paper=14,
    ),
    claim(
        "The ordinary rank of a causal attention matrix bounds its state from below",
        "rank is state",
        layer=_uniform,
        length=4,
        sizes={"d": 1},
        expect="refuted",
        paper=44,
    ),
    claim(
        "At every length L softmax attention needs ⌊L/2⌋ rank W_V states with a free skip",
        "state at every length",
        layer="softmax_attention",
        parts=2,
        given={"v": "W @ u", "u": Vec["d"], "W": Const[Mat["d", "d"]]},
        carried="u",
        expect="proved",
        paper=14,
    ),
    claim(
        "At every length L softmax attention needs ⌈L/2⌉ d states without a skip",
        "state at every length",
        layer="softmax_attention",
        parts=2,
        add=1,
        skip=False,
        expect="proved",
        paper=14,
    ),
    claim(
        "At every length L softmax attention needs (L - 1) d states with causal coefficients",
        "state at every length",
        layer="softmax_attention",
        parts=1,
        add=-1,
        causal=True,
        expect="proved",
        paper=14,
    ),
    claim(
        "Without a skip ⌊L/2⌋ d states are enough for softmax attention at every length L",
        "state at every length",
        layer="softmax_attention",
        parts=2,
        skip=False,
        expect="refuted",
        paper=14,
    ),
]
