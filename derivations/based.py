"""Based: linear attention with the second-order Taylor polynomial of the exponential as kernel.

κ(q, k) = 1 + t + t²/2 with t = q·k/√n, which is positive. The features are 1, x and x xᵀ, so the
state holds (1 + n + n²)(d + 1) numbers; as x xᵀ is symmetric, 1 + n + n(n + 1)/2 features would do.
No ε beside the denominator (code adds 1e-12 or 1e-6, or clamps it). The sliding-window attention
that the reference puts beside this layer is another one.

S. Arora, S. Eyuboglu, M. Zhang, A. Timalsina, S. Alberti, D. Zinsley, J. Zou, A. Rudra, C. Ré.
Simple Linear Attention Language Models Balance the Recall-Throughput Tradeoff. ICML 2024.
"""

from dsf_sym import State, Vec, attention, einsum, ones, outer, sqrt, sum

BIBTEX = r"""
@inproceedings{arora2024simple,
  title     = {Simple Linear Attention Language Models Balance the Recall-Throughput Tradeoff},
  author    = {Arora, Simran and Eyuboglu, Sabri and Zhang, Michael and Timalsina, Aman and
               Alberti, Silas and Zinsley, Dylan and Zou, James and Rudra, Atri and
               R{\'e}, Christopher},
  booktitle = {International Conference on Machine Learning (ICML)},
  year      = {2024}
}
"""


@attention(title="Based (Taylor kernel of order 2)", cite="arora2024simple")
def based(q: Vec["n"], k: Vec["n"]):
    """κ(q, k) = 1 + t + t²/2 with t = q·k/√n, and y_i = Σ_j κ(q_i, k_j) v_j / Σ_j κ(q_i, k_j)."""
    t = q @ k / sqrt(sum(ones("n")))
    return 1 + t + t**2 / 2


@based.also_written_in("the features by hand, values first")
def based(
    S0: State["d"],
    S1: State["d", "n"],
    S2: State["d", "n", "n"],
    z0: State,
    z1: State["n"],
    z2: State["n", "n"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
):
    """φ(q) = [1, r, r rᵀ / 2] with r = q/√n, and ψ(k) = [1, k, k kᵀ]."""
    r = q / sqrt(sum(ones("n")))
    S0, S1, S2 = S0 + v, S1 + outer(v, k), S2 + outer(v, outer(k, k))
    z0, z1, z2 = z0 + 1, z1 + k, z2 + outer(k, k)
    top = S0 + S1 @ r + einsum("dab,a,b->d", S2, r, r) / 2
    bottom = z0 + z1 @ r + r @ z2 @ r / 2
    return S0, S1, S2, z0, z1, z2, top / bottom
