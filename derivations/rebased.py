"""ReBased: linear attention with the square of the scaled product as kernel.

κ(q, k) = (q·k)²/n, with the feature x xᵀ of query and key. The normaliser can vanish: code adds
1e-6 to it, and here no ε is added. The learnt affine map of q and k that the reference applies
first is part of the projections.

Y. Aksenov, N. Balagansky, S. Lo Cicero Vaina, B. Shaposhnikov, A. Gorbatovski, D. Gavrilov. Linear
Transformers with Learnable Kernel Functions are Better In-Context Models. ACL 2024.
"""

from dsf_sym import State, Vec, attention, einsum, ones, outer, sqrt, sum

BIBTEX = r"""
@inproceedings{aksenov2024linear,
  title     = {Linear Transformers with Learnable Kernel Functions are Better In-Context Models},
  author    = {Aksenov, Yaroslav and Balagansky, Nikita and Lo Cicero Vaina, Sofia and
               Shaposhnikov, Boris and Gorbatovski, Alexey and Gavrilov, Daniil},
  booktitle = {Annual Meeting of the Association for Computational Linguistics (ACL)},
  year      = {2024}
}
"""


@attention(title="ReBased (square kernel)", cite="aksenov2024linear")
def rebased(q: Vec["n"], k: Vec["n"]):
    """κ(q, k) = (q·k/√n)² and y_i = Σ_{j≤i} κ(q_i, k_j) v_j / Σ_{j≤i} κ(q_i, k_j)."""
    return (q @ k / sqrt(sum(ones("n")))) ** 2


@rebased.also_written_in("the feature by hand, values first")
def rebased(S: State["d", "n", "n"], z: State["n", "n"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    """S_i = S_{i-1} + v_i ⊗ k_i k_iᵀ, z_i = z_{i-1} + k_i k_iᵀ, both read at r rᵀ with r = q/√n."""
    r = q / sqrt(sum(ones("n")))
    S, z = S + outer(v, outer(k, k)), z + outer(k, k)
    return S, z, einsum("dab,a,b->d", S, r, r) / (r @ z @ r)
