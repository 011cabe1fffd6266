"""Linear attention with one forget gate a token: the whole memory decays alike.

The core that gated random feature attention, mLSTM and Mamba-2 share. The first reference also
multiplies each write by 1 - α and normalises; here the write is free: tie `k` to get the former.

H. Peng, N. Pappas, D. Yogatama, R. Schwartz, N. A. Smith, L. Kong. Random Feature Attention.
ICLR 2021.
"""

from dsf_sym import Gate, State, Vec, einsum, eye, layer, outer

BIBTEX = r"""
@inproceedings{peng2021random,
  title     = {Random Feature Attention},
  author    = {Peng, Hao and Pappas, Nikolaos and Yogatama, Dani and Schwartz, Roy and
               Smith, Noah A. and Kong, Lingpeng},
  booktitle = {International Conference on Learning Representations (ICLR)},
  year      = {2021}
}
"""


@layer(
    title="Scalar-gated linear attention",
    cite="peng2021random",
    names={"q": "φ(q)", "k": "φ(k)", "alpha": "g"},
)
def scalar_gated(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate):
    """S_i = α_i S_{i-1} + k_i v_iᵀ and y_i = S_iᵀ q_i."""
    S = alpha * S + outer(k, v)
    return S, q @ S


@scalar_gated.as_printed_in("Dao and Gu 2024, the scalar-identity transition A = a I")
def scalar_gated(q, k, alpha):
    """Λ = I ⊗ α I, B = k ⊗ I, C = qᵀ ⊗ I, D = 0."""
    Lam = einsum("ac,bd->abcd", eye("n"), alpha * eye("d"))
    B = einsum("a,bc->abc", k, eye("d"))
    C = einsum("a,cb->cab", q, eye("d"))
    return Lam, B, C, 0
