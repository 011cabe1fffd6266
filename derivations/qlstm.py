"""qLSTM: an LSTM whose gates read the input only, and without its two tanh.

The reference has both: v = tanh(W u) is part of the input here, but y = o ⊙ tanh(h) is not linear
in the state, and is refused. Forget and input gate, f and g, are independent.
`qlstm_s6` has the gate that the second source takes from S6, f = σ(-z)^a with one learnt exponent
a > 0, written e^{-a softplus(z)}.

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
    names={"h": "x", "g": "i"},
)
def qlstm(h: State["d"], v: Vec["d"], f: Gate["d"], g: Gate["d"], o: Gate["d"]):
    """h_i = f_i ⊙ h_{i-1} + g_i ⊙ v_i and y_i = o_i ⊙ h_i."""
    h = f * h + g * v
    return h, o * h


@qlstm.as_printed_in("Sieber et al. 2024, eq. (20) with v for W u")
def qlstm(f, g, o):
    """Λ = Diag(f), B = Diag(g), C = Diag(o), D = 0."""
    return diag(f), diag(g), diag(o), 0


qlstm_s6 = qlstm.given(name="qlstm_s6", f="exp(-a * softplus(z))", a=Const[Positive], z=Vec["d"])
