"""Gated linear attention: each key feature of the memory has a forget gate of its own.

The gate is a signal of its own; how the reference makes it from the input (a low-rank map, σ and a
power 1/16) is left out, and so is the scale 1/√n of q.

S. Yang, B. Wang, Y. Shen, R. Panda, Y. Kim. Gated Linear Attention Transformers with
Hardware-Efficient Training. ICML 2024.
"""

from dsf_sym import Gate, State, Vec, diag, einsum, eye, layer, outer, scale

BIBTEX = r"""
@inproceedings{yang2024gated,
  title     = {Gated Linear Attention {Transformers} with Hardware-Efficient Training},
  author    = {Yang, Songlin and Wang, Bailin and Shen, Yikang and Panda, Rameswar and Kim, Yoon},
  booktitle = {International Conference on Machine Learning (ICML)},
  year      = {2024}
}
"""


@layer(title="Gated linear attention (GLA)", cite="yang2024gated")
def gla(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate["n"]):
    """S_i = Diag(α_i) S_{i-1} + k_i v_iᵀ and y_i = S_iᵀ q_i."""
    S = scale(alpha, S, axis="n") + outer(k, v)
    return S, q @ S


@gla.as_printed_in("Yang et al. 2024, the recurrent form")
def gla(q, k, alpha):
    """Λ = Diag(α) ⊗ I, B = k ⊗ I, C = qᵀ ⊗ I, D = 0."""
    Lam = einsum("ac,bd->abcd", diag(alpha), eye("d"))
    B = einsum("a,bc->abc", k, eye("d"))
    C = einsum("a,cb->cab", q, eye("d"))
    return Lam, B, C, 0
