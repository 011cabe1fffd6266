"""Gated DeltaNet: forget by α, and correct what the decayed memory stores under k.

The decay comes first: the correction reads α S, not S. Keys are any vectors here; the reference
normalises them. The scale 1/√n of q is left out.

S. Yang, J. Kautz, A. Hatamizadeh. Gated Delta Networks: Improving Mamba2 with Delta Rule.
ICLR 2025.
"""

from dsf_sym import Gate, State, Vec, einsum, eye, layer, outer

BIBTEX = r"""
@inproceedings{yang2025gated,
  title     = {Gated Delta Networks: Improving {Mamba2} with Delta Rule},
  author    = {Yang, Songlin and Kautz, Jan and Hatamizadeh, Ali},
  booktitle = {International Conference on Learning Representations (ICLR)},
  year      = {2025}
}
"""


@layer(title="Gated DeltaNet", cite="yang2025gated")
def gated_deltanet(
    S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate, beta: Gate
):
    """S_i = α_i (S_{i-1} - β_i k_i (S_{i-1}ᵀ k_i)ᵀ) + β_i k_i v_iᵀ and y_i = S_iᵀ q_i."""
    S = alpha * (S - beta * outer(k, k @ S)) + beta * outer(k, v)
    return S, q @ S


@gated_deltanet.as_printed_in("Yang et al. 2025, the gated delta rule")
def gated_deltanet(q, k, alpha, beta):
    """Λ = α (I - β k kᵀ) ⊗ I, B = β k ⊗ I, C = qᵀ ⊗ I, D = 0."""
    Lam = einsum("ac,bd->abcd", alpha * (eye("n") - beta * outer(k, k)), eye("d"))
    B = einsum("a,bc->abc", beta * k, eye("d"))
    C = einsum("a,cb->cab", q, eye("d"))
    return Lam, B, C, 0
