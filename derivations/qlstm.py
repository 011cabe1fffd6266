"""qLSTM: an LSTM whose gates read the input only, and without its two tanh.

The reference has both: v = tanh(W u) is part of the input here, but y = o ⊙ tanh(h) is not linear
in the state, and is refused. The forget gate f = α and the input gate i = β are independent.
`qlstm_s6` has the gate that the second source takes from S6, α = σ(-w)^a with one learnt exponent
a > 0, written e^{-a softplus(w)}.

A. Stanić, D. Ashley, O. Serikov, L. Kirsch, F. Faccio, J. Schmidhuber, T. Hofmann, I. Schlag. The
Languini Kitchen: Enabling Language Modelling Research at Different Scales of Compute.
arXiv:2309.11197, 2023.
"""

from dsf_sym import Const, Gate, Positive, State, Vec, diag, layer

BIBTEX = r"""
@misc{stanic2023languini,
  title  = {The {Languini} Kitchen: Enabling Language Modelling Research at Different Scales of
            Compute},
  author = {Stani{\'c}, Aleksandar and Ashley, Dylan and Serikov, Oleg and Kirsch, Louis and
            Faccio, Francesco and Schmidhuber, J{\"u}rgen and Hofmann, Thomas and Schlag, Imanol},
  note   = {arXiv:2309.11197},
  year   = {2023}
}
"""


@layer(
    title="qLSTM (without tanh)",
    cite="stanic2023languini",
    names={"h": "x", "alpha": "f", "beta": "i", "q": "o"},
)
def qlstm(h: State["d"], q: Gate["d"], v: Vec["d"], alpha: Gate["d"], beta: Gate["d"]):
    """h_i = α_i ⊙ h_{i-1} + β_i ⊙ v_i and y_i = q_i ⊙ h_i."""
    h = alpha * h + beta * v
    return h, q * h


@qlstm.as_printed_in("Sieber et al. 2024, eq. (20) with v for W u")
def qlstm(q, alpha, beta):
    """Λ = Diag(α), B = Diag(β), C = Diag(q), D = 0."""
    return diag(alpha), diag(beta), diag(q), 0


qlstm_s6 = qlstm.given(
    name="qlstm_s6", alpha="exp(-a * softplus(w))", a=Const[Positive], w=Vec["d"]
)
