"""RG-LRU, the recurrence of Griffin: a gated decay f, and an input scaled by √(1 - f²).

The scale keeps the state's variance, not its mean: the layer is no convex average, as 1 - f would
make it. The reference's f = e^{-c r softplus(Λ)}, with c = 8 and the gate r, is a signal here, and
g is its input gate. The authors' code sets f = 0 and the scale to 1 at the first token of a
document. `rg_lru` leaves that rule out (from a zero state it changes the scale of the first input
only); `rg_lru_first` has it, with a flag on the token that says where a document starts.

S. De, S. L. Smith, A. Fernando, A. Botev, G. Cristian-Muraru, A. Gu, R. Haroun, L. Berrada,
Y. Chen, S. Srinivasan, G. Desjardins, A. Doucet, D. Budden, Y. W. Teh, R. Pascanu,
N. De Freitas, C. Gulcehre. Griffin: Mixing Gated Linear Recurrences with Local Attention for
Efficient Language Models. arXiv:2402.19427, 2024.
"""

from dsf_sym import Flag, Gate, State, Vec, diag, eye, layer, ones, sqrt, where

BIBTEX = r"""
@misc{de2024griffin,
  title  = {Griffin: Mixing Gated Linear Recurrences with Local Attention for Efficient Language
            Models},
  author = {De, Soham and Smith, Samuel L. and Fernando, Anushan and Botev, Aleksandar and
            Cristian-Muraru, George and Gu, Albert and Haroun, Ruba and Berrada, Leonard and
            Chen, Yutian and Srinivasan, Srivatsan and Desjardins, Guillaume and
            Doucet, Arnaud and Budden, David and Teh, Yee Whye and Pascanu, Razvan and
            De Freitas, Nando and Gulcehre, Caglar},
  note   = {arXiv:2402.19427},
  year   = {2024}
}
"""


@layer(title="RG-LRU (Griffin)", cite="de2024griffin", names={"v": "x", "f": "a", "g": "i"})
def rg_lru(h: State["d"], v: Vec["d"], f: Gate["d"], g: Gate["d"]):
    """h_i = f_i ⊙ h_{i-1} + √(1 - f_i²) ⊙ (g_i ⊙ v_i) and y_i = h_i."""
    h = f * h + sqrt(1 - f * f) * (g * v)
    return h, h


@rg_lru.as_printed_in("Sieber et al. 2024, eq. (21)")
def rg_lru(f, g):
    """Λ = Diag(f), B = √(I - Λ²) Diag(g), C = I, D = 0."""
    return diag(f), diag(sqrt(ones("d") - f**2)) @ diag(g), eye("d"), 0


@layer(
    title="RG-LRU with the first-token rule",
    cite="de2024griffin",
    names={"v": "x", "f": "a", "g": "i"},
)
def rg_lru_first(h: State["d"], v: Vec["d"], f: Gate["d"], g: Gate["d"], first: Flag):
    """The step of RG-LRU, with decay 0 and scale 1 where a document starts, `first` = 1."""
    decay = (1 - first) * f
    h = decay * h + sqrt(1 - decay * decay) * (g * v)
    return h, h


@rg_lru_first.also_written_in("De et al. 2024, the authors' code: the scale is chosen by the flag")
def rg_lru_first(h: State["d"], v: Vec["d"], f: Gate["d"], g: Gate["d"], first: Flag):
    """h_i = where(first, 0, f) ⊙ h_{i-1} + where(first, 1, √(1 - f²)) ⊙ (g ⊙ v)."""
    start = first * ones("d")
    h = where(start, 0, f) * h + where(start, 1, sqrt(1 - f * f)) * (g * v)
    return h, h
