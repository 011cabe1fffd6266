"""The smallest states of layers as formulas in the sizes, and heads at generic weights: claims."""

from dsf_sym import Const, Gate, Mat, Positive, State, Vec, claim, heads, layer, outer

SOURCE = "Sieber et al. 2024"


@layer
def _modes(h: State["d"], v: Vec["d"], a: Const[Gate["d"]]):
    """A channel a decay."""
    h = a * h + v
    return h, h


@layer
def _mixing(
    h: State["n"],
    v: Vec["d"],
    A: Const[Mat["n", "n"]],
    B: Const[Mat["n", "d"]],
    C: Const[Mat["d", "n"]],
):
    """A constant system without a skip."""
    h = A @ h + B @ v
    return h, C @ h


@layer
def _head(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], eta: Positive):
    """One head of normalised attention."""
    S = S + outer(k, v)
    return S, q @ S / eta


_heads = heads(_head, "h", name="heads of normalised attention")


@layer
def _head_in_the_transition(
    S: State["n", "d"], last: State, q: Vec["n"], k: Vec["n"], v: Vec["d"], eta: Positive
):
    """One head with η_{i-1} / η_i inside its transition."""
    S = (last / eta) * S + outer(k, v) / eta
    return S, eta, q @ S


claims = [
    claim(
        "Two heads need n d / 2 states: 8 for 4 features and width 4 in all",
        "smallest state",
        layer=_heads,
        states=8,
        sizes={"h": 2, "n": 2, "d": 2},
        expect="proved",
        paper=11,
    ),
    claim(
        "Two heads need n d states: 16 for 4 features and width 4 in all",
        "smallest state",
        layer=_heads,
        states=16,
        sizes={"h": 2, "n": 2, "d": 2},
        source=f"{SOURCE}, appendix G",
        slip=True,
        expect="refuted",
        paper=11,
    ),
    claim(
        "A head has one eigenvalue: its transition is a multiple of the identity",
        "transitions",
        layer=_head_in_the_transition,
        what="scalar",
        of="S",
        expect="proved",
        paper=11,
    ),
    *(
        claim(
            f"The smallest state of {title} has {value.replace(' * ', ' ')} entries at every size",
            "smallest state formula",
            layer=name,
            value=value,
            expect="proved",
        )
        for name, title, value in (
            ("linear_attention", "linear attention", "n * d"),
            ("gla", "GLA", "n * d"),
            ("ssd", "SSD", "n * d"),
            ("deltanet", "DeltaNet", "n * d"),
            ("gated_deltanet", "Gated DeltaNet", "n * d"),
            ("s6", "S6", "n * d"),
        )
    ),
    claim(
        "Heads that share nothing need a state of h n d entries at every size",
        "smallest state formula",
        layer="multi_head_linear_attention",
        value="h * n * d",
        expect="proved",
        paper=11,
    ),
    claim(
        "Heads that share nothing need h² n d entries, those of one head of all features",
        "smallest state formula",
        layer="multi_head_linear_attention",
        value="h * h * n * d",
        source=f"{SOURCE}, appendix G",
        slip=True,
        expect="refuted",
        paper=11,
    ),
    claim(
        "S4D of two channels is two heads, at generic weights and any length",
        "heads",
        layer="s4d",
        number=2,
        generic=True,
        expect="proved",
        paper=30,
    ),
    claim(
        "S4, with its rank-one part, is one head a channel as well: two for two channels",
        "heads",
        layer="s4",
        number=2,
        generic=True,
        expect="proved",
    ),
    claim(
        "Three channels with decays of their own are three heads, at generic decays and any length",
        "heads",
        layer=_modes,
        number=3,
        generic=True,
        sizes={"d": 3},
        expect="proved",
        paper=30,
    ),
    claim(
        "At generic weights a system of 2 states that mixes 2 channels is 2 heads at any length",
        "heads",
        layer=_mixing,
        number=2,
        generic=True,
        sizes={"n": 2, "d": 2},
        expect="proved",
        paper=30,
    ),
    claim(
        "At generic weights a system of 2 states that mixes 2 channels is 4 heads",
        "heads",
        layer=_mixing,
        number=4,
        generic=True,
        sizes={"n": 2, "d": 2},
        expect="refuted",
        paper=30,
    ),
]
