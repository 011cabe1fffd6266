"""S4D: every channel sums n complex modes of its own, with a constant diagonal A.

Zero-order hold for A and for the input, B̄ = (e^{ΔA} - 1)/A, as in the authors' code; S6 has Δ B.
The complex A of the reference, -e^a + i b, is A + i w here, with A negative; its state is two real
states. B is 1, so that C carries it, and only one of each pair of conjugates is kept: the readout
is twice the real part. The step size Δ is a weight, one number a channel.

A. Gu, A. Gupta, K. Goel, C. Ré. On the Parameterization and Initialization of Diagonal State Space
Models. NeurIPS 2022.
"""

from dsf_sym import (
    Const,
    Mat,
    Negative,
    Positive,
    State,
    Vec,
    continuous,
    cos,
    exp,
    ones,
    outer,
    scale,
    sin,
)

BIBTEX = r"""
@inproceedings{gu2022parameterization,
  title     = {On the Parameterization and Initialization of Diagonal State Space Models},
  author    = {Gu, Albert and Gupta, Ankit and Goel, Karan and R{\'e}, Christopher},
  booktitle = {Advances in Neural Information Processing Systems (NeurIPS)},
  year      = {2022}
}
"""


@continuous(title="S4D", cite="gu2022parameterization", names={"v": "u", "A": "Re A", "w": "Im A"})
def s4d(
    hr: State["d", "n"],
    hi: State["d", "n"],
    v: Vec["d"],
    A: Const[Negative["d", "n"]],
    w: Const[Mat["d", "n"]],
    Cr: Const[Mat["d", "n"]],
    Ci: Const[Mat["d", "n"]],
    D: Const[Vec["d"]],
):
    """(hr + i hi)' = (A + i w)(hr + i hi) + v, and the output is 2 Re(C (hr + i hi)) + D v."""
    y = 2 * (Cr * hr - Ci * hi).sum("n") + D * v
    return A * hr - w * hi + outer(v, ones("n")), w * hr + A * hi, y


s4d = s4d.discretise("zoh", declared=Const[Positive["d"]])


@s4d.also_written_in("Gu et al. 2022, the real and imaginary parts of e^{ΔA} and (e^{ΔA} - 1)/A")
def s4d(
    hr: State["d", "n"],
    hi: State["d", "n"],
    v: Vec["d"],
    A: Const[Negative["d", "n"]],
    w: Const[Mat["d", "n"]],
    Cr: Const[Mat["d", "n"]],
    Ci: Const[Mat["d", "n"]],
    D: Const[Vec["d"]],
    Delta: Const[Positive["d"]],
):
    """A_re = e^{ΔA} cos Δw, A_im = e^{ΔA} sin Δw; B = (A_re - 1 + i A_im)(A - i w)/(A² + w²)."""
    A_re = exp(scale(Delta, A)) * cos(scale(Delta, w))
    A_im = exp(scale(Delta, A)) * sin(scale(Delta, w))
    B_re = (A * (A_re - 1) + w * A_im) / (A * A + w * w)
    B_im = (A * A_im - w * (A_re - 1)) / (A * A + w * w)
    hr, hi = A_re * hr - A_im * hi + scale(v, B_re), A_im * hr + A_re * hi + scale(v, B_im)
    return hr, hi, 2 * ((Cr * hr).sum("n") - (Ci * hi).sum("n")) + D * v
