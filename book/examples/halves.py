"""Two ways to keep one decaying sum: whole, or in two parts that the output adds."""

from dsf_sym import Gate, Scalar, State, layer


@layer
def whole(h: State[()], v: Scalar, alpha: Gate):
    """h_i = α_i h_{i-1} + v_i and y_i = h_i."""
    h = alpha * h + v
    return h, h


@layer
def parts(p: State[()], r: State[()], v: Scalar, alpha: Gate):
    """A third of every input goes to p, the rest to r, and y_i = p_i + r_i."""
    p = alpha * p + v / 3
    r = alpha * r + 2 * v / 3
    return p, r, p + r
