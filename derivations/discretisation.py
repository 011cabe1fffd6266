"""What the rules of discretisation have in common, and where they are stable: claims."""

from dsf_sym import (
    Const,
    Negative,
    State,
    Vec,
    claim,
    continuous,
)


@continuous
def _scalar(h: State["d"], v: Vec["d"], A: Const[Negative["d"]]):
    """H' = A h + v."""
    return A * h + v, h


_zoh = _scalar.discretise("zoh", name="_zero_order_hold")
_zoh_euler = _scalar.discretise("zoh_euler", name="_hold_and_euler")
_euler = _scalar.discretise("euler", name="_euler")
_bilinear = _scalar.discretise("bilinear", name="_bilinear")


claims = [
    claim(
        "Zero-order hold and the step of S6, Euler for B, differ by A Δ² v / 2 and higher orders",
        "series gap",
        a=_zoh,
        b=_zoh_euler,
        order=2,
        term={"h": "A * v * Delta**2 / 2"},
        expect="proved",
        paper=43,
    ),
    claim(
        "Zero-order hold is stable for every step",
        "radius",
        layer=_zoh,
        below="1",
        sizes={"d": 1},
        expect="proved",
    ),
    claim(
        "Euler's rule is stable for every step",
        "radius",
        layer=_euler,
        below="1",
        sizes={"d": 1},
        expect="refuted",
    ),
    claim(
        "Zero-order hold and Euler's rule agree on a real rate at ΔA = 0 alone: e^x > 1 + x",
        "exponential sign",
        terms={1: ("1",), 0: ("-1", "-1")},
        expect="proved",
    ),
    claim(
        "So do zero-order hold and the bilinear rule: e^x (x - 2) + x + 2 > 0",
        "exponential sign",
        terms={1: ("-2", "1"), 0: ("2", "1")},
        expect="proved",
    ),
    claim(
        "Zero-order hold and the bilinear rule differ by a third order in Δ",
        "series gap",
        a=_zoh,
        b=_bilinear,
        order=3,
        expect="proved",
    ),
    claim(
        "The bilinear rule is stable for every step",
        "radius",
        layer=_bilinear,
        below="1",
        sizes={"d": 1},
        expect="proved",
    ),
]
