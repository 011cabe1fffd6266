"""One layer in two bases: two decaying numbers, before and after a change of basis."""

from dsf_sym import Const, Gate, Scalar, State, layer


@layer
def plain(p: State[()], r: State[()], v: Scalar, a: Const[Gate], b: Const[Gate]):
    """Each number decays by itself, and y_i = p_i + r_i."""
    p = a * p + v
    r = b * r + v
    return p, r, p + r


@layer
def turned(s: State[()], t: State[()], v: Scalar, a: Const[Gate], b: Const[Gate]):
    """The state is T (p, r) with T = ((1, 1), (1, -1)); y_i is its first entry."""
    p, r = (s + t) / 2, (s - t) / 2
    s = a * p + b * r + 2 * v
    t = a * p - b * r
    return s, t, s
