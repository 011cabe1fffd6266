"""LRU, a linear recurrence with a complex diagonal transition that is constant in time.

λ = e^{-e^ν + iθ} lies inside the unit circle for every ν. The state h of n complex numbers is the
pair of real states hr, hi, and B, C are pairs of real matrices. γ is a free positive parameter of
the authors' code, only initialised to √(1 - |λ|²); D is a vector, as in minimal-LRU, and θ stands
for the code's e^{θ_log}.

A. Orvieto, S. L. Smith, A. Gu, A. Fernando, C. Gulcehre, R. Pascanu, S. De. Resurrecting Recurrent
Neural Networks for Long Sequences. ICML 2023, arXiv:2303.06349.
"""

from dsf_sym import Complex, Const, Mat, Positive, State, Vec, cos, exp, layer, polar, scale, sin

BIBTEX = r"""
@inproceedings{orvieto2023resurrecting,
  title     = {Resurrecting Recurrent Neural Networks for Long Sequences},
  author    = {Orvieto, Antonio and Smith, Samuel L. and Gu, Albert and Fernando, Anushan and
               Gulcehre, Caglar and Pascanu, Razvan and De, Soham},
  booktitle = {International Conference on Machine Learning},
  note      = {arXiv:2303.06349},
  year      = {2023}
}
"""


@layer(title="LRU", cite="orvieto2023resurrecting", names={"v": "u"})
def lru(
    hr: State["n"],
    hi: State["n"],
    v: Vec["d"],
    nu: Const[Vec["n"]],
    theta: Const[Vec["n"]],
    gamma: Const[Positive["n"]],
    Br: Const[Mat["n", "d"]],
    Bi: Const[Mat["n", "d"]],
    Cr: Const[Mat["d", "n"]],
    Ci: Const[Mat["d", "n"]],
    D: Const[Vec["d"]],
):
    """h_i = λ ⊙ h_{i-1} + γ ⊙ (B v_i) and y_i = Re(C h_i) + D ⊙ v_i, with λ = e^{-e^ν + iθ}."""
    h = polar(exp(-exp(nu)), theta) * Complex(hr, hi) + Complex(Br, Bi) @ v * gamma
    return h.re, h.im, (Complex(Cr, Ci) @ h).re + D * v


@lru.also_written_in("real blocks: a rotation by θ, scaled by e^{-e^ν}, of each pair (hr, hi)")
def lru(
    hr: State["n"],
    hi: State["n"],
    v: Vec["d"],
    nu: Const[Vec["n"]],
    theta: Const[Vec["n"]],
    gamma: Const[Positive["n"]],
    Br: Const[Mat["n", "d"]],
    Bi: Const[Mat["n", "d"]],
    Cr: Const[Mat["d", "n"]],
    Ci: Const[Mat["d", "n"]],
    D: Const[Vec["d"]],
):
    """With a = e^{-e^ν}: hr = a (hr cos θ - hi sin θ) + γ (Br v) and likewise hi."""
    a, c, s = exp(-exp(nu)), cos(theta), sin(theta)
    new_r = a * (c * hr - s * hi) + scale(gamma, Br, axis="n") @ v
    new_i = a * (s * hr + c * hi) + scale(gamma, Bi, axis="n") @ v
    return new_r, new_i, Cr @ new_r - Ci @ new_i + D * v
