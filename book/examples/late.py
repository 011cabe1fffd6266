"""Two layers with one number of state each that first differ at the third token."""

from dsf_sym import Scalar, State, layer


@layer
def half(h: State[()], v: Scalar):
    """h_i = h_{i-1} / 2 + v_i, and the output is the state before the token."""
    return h / 2 + v, h


@layer
def third(h: State[()], v: Scalar):
    """h_i = h_{i-1} / 3 + v_i, and the output is the state before the token."""
    return h / 3 + v, h
