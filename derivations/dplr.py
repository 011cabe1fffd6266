"""The generalised delta rule (DPLR): a diagonal decay plus a rank-one change of the memory.

The vector a reads the memory before it decays, and b is free: neither is tied to the key. RWKV-7,
Kimi delta attention and the delta rules are special cases. RWKV-7 has the values first in its
memory, and vectors are rows; its bonus for the current token is left out.

B. Peng, R. Zhang, D. Goldstein, E. Alcaide, X. Du, H. Hou, J. Lin, J. Liu, J. Lu, W. Merrill,
G. Song, K. Tan, S. Utpala, N. Wilce, J. S. Wind, T. Wu, D. Wuttke, C. Zhou-Zheng. RWKV-7 "Goose"
with Expressive Dynamic State Evolution. arXiv:2503.14456, 2025.
"""

from dsf_sym import Gate, State, Vec, diag, einsum, eye, layer, outer, scale

BIBTEX = r"""
@misc{peng2025rwkv7,
  title  = {{RWKV-7} "Goose" with Expressive Dynamic State Evolution},
  author = {Peng, Bo and Zhang, Ruichong and Goldstein, Daniel and Alcaide, Eric and
            Du, Xingjian and Hou, Haowen and Lin, Jiaju and Liu, Jiaxing and Lu, Janna and
            Merrill, William and Song, Guangyu and Tan, Kaifeng and Utpala, Saiteja and
            Wilce, Nathan and Wind, Johan S. and Wu, Tianyi and Wuttke, Daniel and
            Zhou-Zheng, Christian},
  note   = {arXiv:2503.14456},
  year   = {2025}
}
"""


@layer(
    title="Generalised delta rule (DPLR)",
    cite="peng2025rwkv7",
    names={"q": "r", "alpha": "w", "a": "z"},
)
def dplr(
    S: State["n", "d"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    alpha: Gate["n"],
    a: Vec["n"],
    b: Vec["n"],
):
    """S_i = Diag(α_i) S_{i-1} + b_i (S_{i-1}ᵀ a_i)ᵀ + k_i v_iᵀ and y_i = S_iᵀ q_i."""
    S = scale(alpha, S, axis="n") + outer(b, a @ S) + outer(k, v)
    return S, q @ S


@dplr.as_printed_in("Peng et al. 2025, with Diag(w) + zᵀ b acting from the right")
def dplr(q, k, alpha, a, b):
    """Λ = (Diag(α) + b aᵀ) ⊗ I, B = k ⊗ I, C = qᵀ ⊗ I, D = 0."""
    Lam = einsum("ac,bd->abcd", diag(alpha) + outer(b, a), eye("d"))
    B = einsum("a,bc->abc", k, eye("d"))
    C = einsum("a,cb->cab", q, eye("d"))
    return Lam, B, C, 0
