"""Normalised attention: linear attention divided by a number η of the token, not by a sum.

No feature map, no scale 1/√n, and η > 0 is a signal: any function of the token, in generalised
linear attention of the past too. `normalised_attention_exp` is the reference's choice, η = e^z with
z = W u; its other variants are `normalised_attention_softplus` and `normalised_attention_sigmoid`.
The reference keeps the state divided by η, with Λ = η_{i-1} / η_i, so that η_{i-1} is a state as
well. Its appendix B has B = k / η_i; eq. (15b) prints k / η_{i-1}, which is another layer under
h_i = Λ_i h_{i-1} + B_i u_i and the same one under h_i = Λ_i (h_{i-1} + B_i u_i), with any η_{-1}.

J. Sieber, C. Amo Alonso, A. Didier, M. N. Zeilinger, A. Orvieto. Understanding the Differences in
Foundation Models: Attention, State Space Models, and Recurrent Neural Networks. NeurIPS 2024.
"""

from dsf_sym import Positive, Scalar, State, Vec, einsum, exp, eye, layer, log, outer

BIBTEX = r"""
@inproceedings{sieber2024understanding,
  title     = {Understanding the Differences in Foundation Models: Attention, State Space Models,
               and Recurrent Neural Networks},
  author    = {Sieber, Jerome and Amo Alonso, Carmen and Didier, Alexandre and
               Zeilinger, Melanie N. and Orvieto, Antonio},
  booktitle = {Advances in Neural Information Processing Systems (NeurIPS)},
  year      = {2024}
}
"""


@layer(title="Normalised attention", cite="sieber2024understanding")
def normalised_attention(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], eta: Positive):
    """S_i = S_{i-1} + k_i v_iᵀ and y_i = S_iᵀ q_i / η_i."""
    S = S + outer(k, v)
    return S, q @ S / eta


@normalised_attention.as_printed_in("Sieber et al. 2024, eq. (14), the division in the readout")
def normalised_attention(q, k, eta):
    """Λ = I, B = k ⊗ I, C = (q / η)ᵀ ⊗ I, D = 0."""
    Lam = einsum("ac,bd->abcd", eye("n"), eye("d"))
    B = einsum("a,bc->abc", k, eye("d"))
    C = einsum("a,cb->cab", q / eta, eye("d"))
    return Lam, B, C, 0


@normalised_attention.also_written_in("Sieber et al. 2024, appendix B, the division in Λ and B")
def normalised_attention(
    S: State["n", "d"], last: State, q: Vec["n"], k: Vec["n"], v: Vec["d"], eta: Positive
):
    """S_i = (η_{i-1} / η_i) S_{i-1} + k_i v_iᵀ / η_i and y_i = S_iᵀ q_i."""
    S = (last / eta) * S + outer(k / eta, v)
    return S, eta, q @ S


@normalised_attention.also_written_in("Sieber et al. 2024, eq. (15b), Λ multiplying the write too")
def normalised_attention(
    S: State["n", "d"], z: State, q: Vec["n"], k: Vec["n"], v: Vec["d"], eta: Positive
):
    """S_i = (η_{i-1} / η_i) (S_{i-1} + k_i v_iᵀ / η_{i-1}), with η_{i-1} = e^z and η_{-1} = 1."""
    S = (exp(z) / eta) * (S + exp(-z) * outer(k, v))
    return S, log(eta), q @ S


normalised_attention_exp = normalised_attention.given(
    name="normalised_attention_exp", eta="exp(z)", z=Scalar
)
normalised_attention_softplus = normalised_attention.given(
    name="normalised_attention_softplus", eta="softplus(z)", z=Scalar
)
normalised_attention_sigmoid = normalised_attention.given(
    name="normalised_attention_sigmoid", eta="sigmoid(z)", z=Scalar
)
