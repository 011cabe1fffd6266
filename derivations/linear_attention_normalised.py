"""Linear attention with its normaliser: the weights of the values sum to one.

Feature map elu + 1, as in the authors' code, and no ε beside the denominator (packages add 1e-6
or 1e-10, which is another layer). The memory S is divided by the sum z of the keys that it holds.

A. Katharopoulos, A. Vyas, N. Pappas, F. Fleuret. Transformers are RNNs: Fast Autoregressive
Transformers with Linear Attention. ICML 2020.
"""

from dsf_sym import State, Vec, elu, exp, layer, outer, relu

BIBTEX = r"""
@inproceedings{katharopoulos2020transformers,
  title     = {Transformers are {RNNs}: Fast Autoregressive Transformers with Linear Attention},
  author    = {Katharopoulos, Angelos and Vyas, Apoorv and Pappas, Nikolaos and
               Fleuret, Fran{\c{c}}ois},
  booktitle = {International Conference on Machine Learning (ICML)},
  year      = {2020}
}
"""


@layer(title="Linear attention, normalised", cite="katharopoulos2020transformers", carried="v")
def linear_attention_normalised(
    S: State["n", "d"], z: State["n"], q: Vec["n"], k: Vec["n"], v: Vec["d"]
):
    """S_i = S_{i-1} + φ(k_i) v_iᵀ, z_i = z_{i-1} + φ(k_i), y_i = S_iᵀ φ(q_i) / z_iᵀ φ(q_i)."""
    phi_q, phi_k = elu(q) + 1, elu(k) + 1
    S = S + outer(phi_k, v)
    z = z + phi_k
    return S, z, (phi_q @ S) / (phi_q @ z)


@linear_attention_normalised.also_written_in("values first, φ by its two branches")
def linear_attention_normalised(
    S: State["d", "n"], z: State["n"], q: Vec["n"], k: Vec["n"], v: Vec["d"]
):
    """φ(x) = max(x, 0) + e^{min(x, 0)}, with min(x, 0) = -max(-x, 0)."""
    phi_q, phi_k = relu(q) + exp(-relu(-q)), relu(k) + exp(-relu(-k))
    S, z = S + outer(v, phi_k), z + phi_k
    return S, z, (S @ phi_q) / (z @ phi_q)
