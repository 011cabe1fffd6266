"""One mean of the past, with and without a guard against overflow."""

from dsf_sym import Scalar, State, exp, layer, maximum


@layer
def plain(a: State, b: State, p: Scalar, v: Scalar):
    """A mean of the past values with the weights e^p."""
    a, b = a + exp(p) * v, b + exp(p)
    return a, b, a / b


@layer
def stable(a: State, b: State, m: State, p: Scalar, v: Scalar):
    """The same, both sums divided by e^m: m is the largest exponent so far, or 0."""
    top = maximum(m, p)
    old, new = exp(m - top), exp(p - top)
    a, b = old * a + new * v, old * b + new
    return a, b, top, a / b
