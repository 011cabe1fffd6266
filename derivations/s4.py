"""S4: a dense constant A, diagonal plus rank one, discretised by the bilinear rule.

Every channel has its own A = Λ - P Pᵀ, with [[A, -w], [w, A]] on the diagonal of Λ for each mode, a
decay and a rotation: HiPPO in a real basis that takes its skew part to blocks of two. Such a block
commutes with the rotations of its plane, and they leave (p, 0) of the two entries of P. The
reference is in the complex basis, keeps one of each pair of conjugates and reads out twice the real
part; that factor belongs to C here. The input is held at its new value over a step, and C is that
of the recurrence, not that of the truncated kernel.

A. Gu, K. Goel, C. Ré. Efficiently Modeling Long Sequences with Structured State Spaces. ICLR 2022.
"""

from dsf_sym import Const, Mat, Negative, Positive, State, Vec, continuous, scale

BIBTEX = r"""
@inproceedings{gu2022efficiently,
  title     = {Efficiently Modeling Long Sequences with Structured State Spaces},
  author    = {Gu, Albert and Goel, Karan and R{\'e}, Christopher},
  booktitle = {International Conference on Learning Representations (ICLR)},
  year      = {2022}
}
"""


@continuous(
    title="S4 (diagonal plus rank one)",
    cite="gu2022efficiently",
    names={"v": "u", "A": "Re Λ", "w": "Im Λ"},
)
def s4(
    hr: State["d", "n"],
    hi: State["d", "n"],
    v: Vec["d"],
    A: Const[Negative["d", "n"]],
    w: Const[Mat["d", "n"]],
    p: Const[Mat["d", "n"]],
    Br: Const[Mat["d", "n"]],
    Bi: Const[Mat["d", "n"]],
    Cr: Const[Mat["d", "n"]],
    Ci: Const[Mat["d", "n"]],
    D: Const[Vec["d"]],
):
    """(hr, hi)' = (Λ - P Pᵀ) (hr, hi) + B v with P = (p, 0); the output is Cᵀ (hr, hi) + D v."""
    return (
        A * hr - w * hi - scale((p * hr).sum("n"), p) + scale(v, Br),
        w * hr + A * hi + scale(v, Bi),
        (Cr * hr + Ci * hi).sum("n") + D * v,
    )


s4 = s4.discretise("bilinear", declared=Const[Positive["d"]])


@s4.also_written_in("Gu et al. 2022, lemma C.2, with A₀ = 2 I - A₁⁻¹ and factors multiplied by Δ/2")
def s4(
    hr: State["d", "n"],
    hi: State["d", "n"],
    v: Vec["d"],
    A: Const[Negative["d", "n"]],
    w: Const[Mat["d", "n"]],
    p: Const[Mat["d", "n"]],
    Br: Const[Mat["d", "n"]],
    Bi: Const[Mat["d", "n"]],
    Cr: Const[Mat["d", "n"]],
    Ci: Const[Mat["d", "n"]],
    D: Const[Vec["d"]],
    Delta: Const[Positive["d"]],
):
    """A₁ (2 x + Δ B v) - x with A₁ = G - Δ/2 G P (1 + Δ/2 Pᵀ G P)⁻¹ Pᵀ G, by Woodbury.

    G = (I - Δ/2 Λ)⁻¹ is the inverse of a complex number for each mode.
    """
    a, t = scale(Delta / 2, A), scale(Delta / 2, w)
    u_re, u_im = 2 * hr + scale(Delta * v, Br), 2 * hi + scale(Delta * v, Bi)
    size = 1 - 2 * a + a * a + t * t
    G_re, G_im = (1 - a) / size, t / size
    u_re, u_im = G_re * u_re - G_im * u_im, G_re * u_im + G_im * u_re
    seen = Delta / 2 * (p * u_re).sum("n") / (1 + Delta / 2 * (G_re * (p * p)).sum("n"))
    hr, hi = u_re - scale(seen, G_re * p) - hr, u_im - scale(seen, G_im * p) - hi
    return hr, hi, (Cr * hr + Ci * hi).sum("n") + D * v
