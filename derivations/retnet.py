"""Retention: linear attention whose memory decays by one constant factor.

The rotation that the reference applies to q and k is part of them here, and there is no scale 1/√n.
The decay is a weight of the layer: the same number for every token.

Y. Sun, L. Dong, S. Huang, S. Ma, Y. Xia, J. Xue, J. Wang, F. Wei. Retentive Network: A Successor to
Transformer for Large Language Models. arXiv:2307.08621, 2023.
"""

from dsf_sym import Const, Gate, State, Vec, einsum, eye, layer, outer

BIBTEX = r"""
@misc{sun2023retentive,
  title  = {Retentive Network: A Successor to {Transformer} for Large Language Models},
  author = {Sun, Yutao and Dong, Li and Huang, Shaohan and Ma, Shuming and
            Xia, Yuqing and Xue, Jilong and Wang, Jianyong and Wei, Furu},
  note   = {arXiv:2307.08621},
  year   = {2023}
}
"""


@layer(
    title="RetNet",
    cite="sun2023retentive",
    names={"q": "Q", "k": "K", "v": "V", "alpha": "γ"},
)
def retnet(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Const[Gate]):
    """S_i = α S_{i-1} + k_i v_iᵀ and y_i = S_iᵀ q_i."""
    S = alpha * S + outer(k, v)
    return S, q @ S


@retnet.as_printed_in("Sun et al. 2023, the recurrent representation with A = γ")
def retnet(q, k, alpha):
    """Λ = α I ⊗ I, B = k ⊗ I, C = qᵀ ⊗ I, D = 0."""
    Lam = einsum("ac,bd->abcd", alpha * eye("n"), eye("d"))
    B = einsum("a,bc->abc", k, eye("d"))
    C = einsum("a,cb->cab", q, eye("d"))
    return Lam, B, C, 0
