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


# For x > 0 and every degree P: T and T_of_minus are T_P(±x), m is x^{P+1} / (P+1)!, sign is (-1)^P.
# The relative error 1 - T_P(s) e^{-s} is `_above` at s = x, and `_below` up to sign at s = -x.

_READS = {
    "E": ("exp", 1),
    "inverse": ("exp", -1),
    "T": ("taylor", 1),
    "T_of_minus": ("taylor", -1),
    "m": ("power", 1),
    "sign": ("sign", 1),
}


def _above(T, inverse):
    return 1 - T * inverse


def _below(T_of_minus, E, sign):
    return sign * (T_of_minus * E - 1)


@layer
def _error_above(T: Scalar, inverse: Scalar):
    """1 - T_P(x) e^{-x}."""
    return (_above(T, inverse),)


@layer
def _error_below(T_of_minus: Scalar, E: Scalar, sign: Scalar):
    """(-1)^{P+1} (1 - T_P(-x) e^x)."""
    return (_below(T_of_minus, E, sign),)


@layer
def _bound_above(T: Scalar, inverse: Scalar, m: Scalar):
    """x^{P+1} / (P+1)!, less than Lagrange's bound, minus the error at x."""
    return (m - _above(T, inverse),)


@layer
def _bound_below(T_of_minus: Scalar, E: Scalar, sign: Scalar, m: Scalar):
    """Lagrange's bound minus the error at -x."""
    return (E * m - _below(T_of_minus, E, sign),)


@layer
def _worse_below(T: Scalar, inverse: Scalar, T_of_minus: Scalar, E: Scalar, sign: Scalar):
    """The error at -x minus that at x."""
    return (_below(T_of_minus, E, sign) - _above(T, inverse),)


@layer
def _at_minus(T_of_minus: Scalar):
    """T_P(-x)."""
    return (T_of_minus,)


@layer
def _mirrored(T_of_minus: Scalar):
    """-T_P(-x): T_P turned about the origin."""
    return (-T_of_minus,)


@layer
def _falls(T_of_minus: Scalar, E: Scalar, m: Scalar):
    """1 - x^{P+1} / (P+1)! - T_P(-x) e^x."""
    return (1 - m - T_of_minus * E,)


def _reads(of):
    return {s.name: _READS[s.name] for s in of.signals}


def _at_every_degree(sentence, of, paper, *, degrees="all", slope=False, expect="proved"):
    return claim(
        sentence,
        "sign at every degree",
        layer=of,
        reads=_reads(of),
        degrees=degrees,
        strict=True,
        slope=slope,
        expect=expect,
        paper=paper,
    )


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
    _at_every_degree(
        "The relative error of T_P at x > 0 rises from 0, for every P",
        _error_above,
        (40, 42),
        slope=True,
    ),
    _at_every_degree(
        "That at -x has the sign (-1)^{P+1}, and its size rises from 0, for every P",
        _error_below,
        (40, 42),
        slope=True,
    ),
    _at_every_degree(
        "The relative error on |s| <= R is largest at s = -R, so that this point tells the least P",
        _worse_below,
        42,
    ),
    _at_every_degree(
        "Even without e^R Lagrange's bound e^R R^{P+1} / (P+1)! is above the error at R, every P",
        _bound_above,
        40,
    ),
    _at_every_degree(
        "Lagrange's bound e^R R^{P+1} / (P+1)! is above the size of the error at -R, for every P",
        _bound_below,
        40,
    ),
    _at_every_degree(
        "The Taylor polynomial of every even degree is positive on s < 0, as it is on s >= 0",
        _at_minus,
        41,
        degrees="even",
    ),
    _at_every_degree(
        "The Taylor polynomial of every odd degree is positive on s < 0",
        _at_minus,
        41,
        degrees="odd",
        expect="refuted",
    ),
    _at_every_degree(
        "The Taylor polynomial of every odd degree rises on s < 0, so that it has one root at most",
        _mirrored,
        41,
        degrees="odd",
        slope=True,
    ),
    _at_every_degree(
        "For odd P it is below e^s (1 - |s|^{P+1} / (P+1)!) at s < 0: negative far out",
        _falls,
        41,
        degrees="odd",
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
