"""RG-LRU, the recurrence of Griffin: a gated decay α, and an input scaled by √(1 - α²).

The scale keeps the state's variance, not its mean: the layer is no convex average, as 1 - α would
make it. The reference's α = e^{-c r softplus(Λ)}, with c = 8 and the gate r, is a signal here, and
β is its input gate. The authors' code sets α = 0 and the scale to 1 at the first token; that rule
is left out (from a zero state it changes the scale of the first input only).

S. De, S. L. Smith, A. Fernando, A. Botev, G. Cristian-Muraru, A. Gu, R. Haroun, L. Berrada,
Y. Chen, S. Srinivasan, G. Desjardins, A. Doucet, D. Budden, Y. W. Teh, R. Pascanu,
N. De Freitas, C. Gulcehre. Griffin: Mixing Gated Linear Recurrences with Local Attention for
Efficient Language Models. arXiv:2402.19427, 2024.
"""

from dsf_sym import Gate, State, Vec, diag, eye, layer, ones, sqrt

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


@layer(title="RG-LRU (Griffin)", cite="de2024griffin", names={"v": "x", "alpha": "a", "beta": "i"})
def rg_lru(h: State["d"], v: Vec["d"], alpha: Gate["d"], beta: Gate["d"]):
    """h_i = α_i ⊙ h_{i-1} + √(1 - α_i²) ⊙ (β_i ⊙ v_i) and y_i = h_i."""
    h = alpha * h + sqrt(1 - alpha * alpha) * (beta * v)
    return h, h


@rg_lru.as_printed_in("Sieber et al. 2024, eq. (21)")
def rg_lru(alpha, beta):
    """Λ = Diag(α), B = √(I - Λ²) Diag(β), C = I, D = 0."""
    return diag(alpha), diag(sqrt(ones("d") - alpha**2)) @ diag(beta), eye("d"), 0
