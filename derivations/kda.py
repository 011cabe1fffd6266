"""Kimi delta attention (KDA): the gated delta rule with a forget gate for each key feature.

The decay comes first: the correction reads Diag(α) S, not S. Keys are any vectors here; the
reference normalises them. The scale 1/√n of q is left out, and so is how the gates are made.

Kimi Team. Kimi Linear: An Expressive, Efficient Attention Architecture. arXiv:2510.26692, 2025.
"""

from dsf_sym import Gate, State, Vec, diag, einsum, eye, layer, outer, scale

BIBTEX = r"""
@misc{kimi2025linear,
  title  = {Kimi Linear: An Expressive, Efficient Attention Architecture},
  author = {{Kimi Team}},
  note   = {arXiv:2510.26692},
  year   = {2025}
}
"""


@layer(title="Kimi delta attention (KDA)", cite="kimi2025linear")
def kda(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate["n"], beta: Gate):
    """S̃ = Diag(α_i) S_{i-1}, S_i = S̃ + β_i k_i (v_i - S̃ᵀ k_i)ᵀ and y_i = S_iᵀ q_i."""
    S = scale(alpha, S, axis="n")
    S = S + beta * outer(k, v - k @ S)
    return S, q @ S


@kda.as_printed_in("Kimi Team 2025, the recurrent form")
def kda(q, k, alpha, beta):
    """Λ = (I - β k kᵀ) Diag(α) ⊗ I, B = β k ⊗ I, C = qᵀ ⊗ I, D = 0."""
    Lam = einsum("ac,bd->abcd", (eye("n") - beta * outer(k, k)) @ diag(alpha), eye("d"))
    B = einsum("a,bc->abc", beta * k, eye("d"))
    C = einsum("a,cb->cab", q, eye("d"))
    return Lam, B, C, 0
