"""Softmax attention by polynomial kernels, and by gates that share out one unit: claims.

T_P(s) = Σ_{p≤P} s^p / p! for the exponential of a score |s| <= R: its relative error, the error of
a row of weights, signs, and the degree that a tolerance needs.
"""

from dsf_sym import (
    Const,
    Gate,
    Positive,
    Scalar,
    State,
    Vec,
    claim,
    exp,
    layer,
)

SOURCE = "Sieber et al. 2024"


def _taylor(degree, s):
    """T_P(s), by Horner's rule."""
    total = 1
    for p in range(degree, 0, -1):
        total = 1 + s * total / p
    return total


def _polynomial(degree):
    @layer
    def polynomial(s: Scalar):
        """T_P(s)."""
        return (_taylor(degree, s),)

    return polynomial


def _relative_error(degree):
    @layer
    def relative_error(s: Scalar):
        """1 - T_P(s) e^{-s}."""
        return (1 - _taylor(degree, s) * exp(-s),)

    return relative_error


def _lagrange(degree):
    @layer
    def lagrange(R: Scalar):
        """e^R R^{P+1} / (P+1)!."""
        return (_remainder(degree, R),)

    return lagrange


def _remainder(degree, R):
    term = 1
    for p in range(1, degree + 2):
        term = R / p * term
    return exp(R) * term


def _beside_lagrange(degree, sign):
    @layer
    def beside(s: Scalar, R: Scalar):
        """Lagrange's bound minus the relative error, or plus it."""
        error = 1 - _taylor(degree, s) * exp(-s)
        return (_remainder(degree, R) - sign * error,)

    return beside


# Weights p_j of softmax, a kernel with relative errors e_j, and m = Σ_j p_j e_j: weight j changes
# by p_j |e_j - m| / (1 + m). All are within ε < 1, and e = ε (1 - 2x), m = ε (1 - 2y).


def _slack(sign):
    @layer
    def slack(eps: Gate, x: Gate, y: Gate):
        """2 ε (1 + m) - (1 - ε) (±(e - m)), which is not negative where 2 ε / (1 - ε) bounds."""
        e, m = eps * (1 - 2 * x), eps * (1 - 2 * y)
        return (2 * eps * (1 + m) - sign * (1 - eps) * (e - m),)

    return slack


# The least bound: among rows with relative errors ±ε, with a share x of the weight at +ε.


@layer
def _sharp_slack(x: Gate, c: Gate):
    """2 c (1 + m) - 4 ε x (1 - x), with ε = 2 c / (1 + c²), so that c is (1 - √(1 - ε²)) / ε."""
    eps = 2 * c / (1 + c * c)
    return (2 * c * (1 + eps * (2 * x - 1)) - 4 * eps * x * (1 - x),)


@layer
def _square(x: Gate, c: Gate):
    """2 c (2 x + c - 1)² / (1 + c²), which is not negative and 0 at x = (1 - c) / 2."""
    root = 2 * x + c - 1
    return (2 * c * (root * root) / (1 + c * c),)


# Stick-breaking: key 1 - α and decay α.


@layer
def _one_query(S: State["d"], Z: State, v: Vec["d"], e: Positive):
    """A mean of the values with the weights e_j: softmax attention with one constant query."""
    S, Z = S + e * v, Z + e
    return S, Z, S / Z


@layer
def _stick_breaking(h: State["d"], Z: State, v: Vec["d"], e: Positive):
    """h_i = α_i h_{i-1} + (1 - α_i) v_i with α_i = Z_{i-1} / Z_i, so that α_0 = 0."""
    new = Z + e
    alpha = Z / new
    h = alpha * h + (1 - alpha) * v
    return h, new, h


@layer
def _constant_key(alpha: Gate, key: Const[Positive]):
    """The weight of a token minus that of its successor, α k - k, where the key is constant."""
    return (alpha * key - key,)


claims = [
    claim(
        "For errors of the kernel within ε < 1 the weights move by at most 2ε/(1-ε): above",
        "within",
        layer=_slack(1),
        inside="[0, inf)",
        expect="proved",
        paper=40,
    ),
    claim(
        "For errors of the kernel within ε < 1 the weights move by at most 2ε/(1-ε): below",
        "within",
        layer=_slack(-1),
        inside="[0, inf)",
        expect="proved",
        paper=40,
    ),
    claim(
        "With errors ±ε the slack of the bound 2(1-√(1-ε²))/ε is a square: it is sharp",
        "equal",
        a=_sharp_slack,
        b=_square,
        expect="proved",
        paper=40,
    ),
    claim(
        "That square, over positive factors, is not negative",
        "within",
        layer=_square,
        inside="[0, inf)",
        expect="proved",
        paper=40,
    ),
    *(
        claim(
            f"Lagrange's bound is {side} the relative error of degree {degree} at radius 2",
            "within",
            layer=_beside_lagrange(degree, sign),
            inside="[0, inf)",
            where={"R": "[2, 2]", "s": "[-2, 2]"},
            expect="proved",
            paper=40,
        )
        for degree in (2, 4, 6)
        for side, sign in (("above", 1), ("below minus", -1))
    ),
    *(
        claim(
            f"The Taylor polynomial of degree {degree} is positive",
            "within",
            layer=_polynomial(degree),
            inside="(0, inf)",
            expect="refuted" if degree % 2 else "proved",
            paper=41,
        )
        for degree in range(1, 7)
    ),
    claim(
        "At radius 2 the polynomial of degree 8 has a relative error of at most 1/100",
        "within",
        layer=_relative_error(8),
        inside="[-1/100, 1/100]",
        where={"s": "[-2, 2]"},
        expect="proved",
        paper=42,
    ),
    claim(
        "At radius 2 the polynomial of degree 7 has a relative error of at most 1/100",
        "within",
        layer=_relative_error(7),
        inside="[-1/100, 1/100]",
        where={"s": "[-2, 2]"},
        expect="refuted",
        paper=42,
    ),
    claim(
        "At radius 2 Lagrange's bound guarantees 1/100 at degree 9",
        "within",
        layer=_lagrange(9),
        inside="[0, 1/100]",
        where={"R": "[2, 2]"},
        expect="proved",
        paper=42,
    ),
    claim(
        "At radius 2 Lagrange's bound guarantees 1/100 at degree 8",
        "within",
        layer=_lagrange(8),
        inside="[0, 1/100]",
        where={"R": "[2, 2]"},
        expect="refuted",
        paper=42,
    ),
    claim(
        "Stick-breaking with key 1 - α reaches every row of softmax attention, with α_0 = 0",
        "equal",
        a=_one_query,
        b=_stick_breaking,
        expect="proved",
        paper=45,
    ),
    claim(
        "With a constant key a token never weighs more than its successor",
        "within",
        layer=_constant_key,
        inside="(-inf, 0]",
        expect="proved",
        paper=45,
    ),
]
