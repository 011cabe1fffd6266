"""HGRN2: gated linear attention whose key is what the forget gate leaves, 1 - α.

The gate is a signal of its own; its lower bound, which grows with depth, and how it is made from
the input are left out.

Z. Qin, S. Yang, W. Sun, X. Shen, D. Li, W. Sun, Y. Zhong. HGRN2: Gated Linear RNNs with State
Expansion. COLM 2024.
"""

from dsf_sym import Gate, State, Vec, diag, einsum, eye, layer, ones, outer, scale

BIBTEX = r"""
@inproceedings{qin2024hgrn2,
  title     = {{HGRN2}: Gated Linear {RNNs} with State Expansion},
  author    = {Qin, Zhen and Yang, Songlin and Sun, Weixuan and Shen, Xuyang and Li, Dong and
               Sun, Weigao and Zhong, Yiran},
  booktitle = {Conference on Language Modeling (COLM)},
  year      = {2024}
}
"""


@layer(
    title="HGRN2",
    cite="qin2024hgrn2",
    names={"S": "H", "q": "o", "v": "i", "alpha": "f"},
)
def hgrn2(S: State["n", "d"], q: Vec["n"], v: Vec["d"], alpha: Gate["n"]):
    """S_i = Diag(α_i) S_{i-1} + (1 - α_i) v_iᵀ and y_i = S_iᵀ q_i."""
    S = scale(alpha, S, axis="n") + outer(1 - alpha, v)
    return S, q @ S


@hgrn2.as_printed_in("Qin et al. 2024, as gated linear attention with the key 1 - α")
def hgrn2(q, alpha):
    """Λ = Diag(α) ⊗ I, B = (1 - α) ⊗ I, C = qᵀ ⊗ I, D = 0."""
    Lam = einsum("ac,bd->abcd", diag(alpha), eye("d"))
    B = einsum("a,bc->abc", ones("n") - alpha, eye("d"))
    C = einsum("a,cb->cab", q, eye("d"))
    return Lam, B, C, 0
