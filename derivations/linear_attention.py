"""Linear attention without its normaliser: the memory adds up every key and value it is given.

The arguments q and k stand for the features φ(q) and φ(k), so that n counts features. The division
by `φ(q_i)ᵀ Σ_j φ(k_j)` in the reference is left out, and so is any scale of q.
`multi_head_linear_attention` has h heads, whose outputs stand side by side, [h, d]; the weight that
joins them is left out.

A. Katharopoulos, A. Vyas, N. Pappas, F. Fleuret. Transformers are RNNs: Fast Autoregressive
Transformers with Linear Attention. ICML 2020.
"""

from dsf_sym import State, Vec, einsum, eye, heads, layer, outer

BIBTEX = r"""
@inproceedings{katharopoulos2020transformers,
  title     = {Transformers are {RNN}s: Fast Autoregressive Transformers with Linear Attention},
  author    = {Katharopoulos, Angelos and Vyas, Apoorv and Pappas, Nikolaos and
               Fleuret, Fran{\c{c}}ois},
  booktitle = {International Conference on Machine Learning (ICML)},
  year      = {2020}
}
"""


@layer(
    title="Linear attention (unnormalised)",
    cite="katharopoulos2020transformers",
    names={"q": "φ(q)", "k": "φ(k)"},
)
def linear_attention(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    """S_i = S_{i-1} + k_i v_iᵀ and y_i = S_iᵀ q_i."""
    S = S + outer(k, v)
    return S, q @ S


@linear_attention.as_printed_in("Sieber et al. 2024, eq. (17) with η = 1")
def linear_attention(q, k):
    """Λ = I, B = k ⊗ I, C = qᵀ ⊗ I, D = 0."""
    Lam = einsum("ac,bd->abcd", eye("n"), eye("d"))
    B = einsum("a,bc->abc", k, eye("d"))
    C = einsum("a,cb->cab", q, eye("d"))
    return Lam, B, C, 0


multi_head_linear_attention = heads(linear_attention, "h", name="multi_head_linear_attention")
