"""How many features a kernel needs, and which kernels are positive definite: claims."""

from dsf_sym import (
    Const,
    Mat,
    Positive,
    State,
    Unit,
    Vec,
    claim,
    elu,
    exp,
    layer,
    ones,
    sum,
)


def _squared(q: Vec["m"], k: Vec["m"]):
    return (1 + q @ k) ** 2


def _cubed(q: Vec["m"], k: Vec["m"]):
    return (1 + q @ k) ** 3


def _squared_on_the_sphere(q: Unit["m"], k: Unit["m"]):
    return (1 + q @ k) ** 2


def _taylor(q: Vec["m"], k: Vec["m"]):
    s = q @ k
    return 1 + s + s**2 / 2


def _taylor_three(q: Vec["m"], k: Vec["m"]):
    s = q @ k
    return 1 + s + s**2 / 2 + s**3 / 6


def _elu(q: Vec["m"], k: Vec["m"]):
    return (elu(q) + 1) @ (elu(k) + 1)


def _exponential(q: Vec["m"], k: Vec["m"]):
    return exp(q @ k)


def _distance(q: Vec["m"], k: Vec["m"]):
    return (q - k) @ (q - k)


@layer
def _random_features(q: Vec["n"], k: Vec["n"], w: Mat["M", "n"]):
    """The mean over M directions w of e^{w·q - |q|²/2} e^{w·k - |k|²/2}."""
    return (exp(w @ q - q @ q / 2) @ exp(w @ k - k @ k / 2) / sum(ones("M")),)


@layer
def _squared_error(q: Vec["n"], k: Vec["n"], w: Mat["M", "n"]):
    """The square of their relative error."""
    mean = exp(w @ q - q @ q / 2) @ exp(w @ k - k @ k / 2) / sum(ones("M"))
    return ((mean * exp(-(q @ k)) - 1) ** 2,)


@layer
def _variance(q: Vec["n"], k: Vec["n"], m: Vec["M"]):
    """(e^{|q + k|²} - 1) / M."""
    return ((exp((q + k) @ (q + k)) - 1) / sum(ones("M")),)


@layer
def _softmax_kernel(q: Vec["n"], k: Vec["n"]):
    """e^{q·k}."""
    return (exp(q @ k),)


# C(m + P, P) = Σ_{p≤P} C(m + p - 1, p), with the degree as the length: one step adds one degree.


@layer(start={"term": "first", "total": "first"})
def _monomials_of_degrees(
    term: State, total: State, P: State, m: Const[Positive], first: Const[Positive]
):
    """The monomials of degree p, C(m + p - 1, p) of them, added up to degree P."""
    P = P + 1
    term = term * (m + P - 1) / P
    total = total + term
    return term, total, P, total


@layer(start={"total": "first"})
def _binomial(total: State, P: State, m: Const[Positive], first: Const[Positive]):
    """C(m + P, P) = C(m + P - 1, P - 1) (m + P) / P."""
    P = P + 1
    total = total * (m + P) / P
    return total, P, total


claims = [
    claim(
        "The kernel (1 + q·k)² of m = 2 numbers needs C(m + 2, 2) = 6 features",
        "feature count",
        kernel=_squared,
        are=6,
        sizes={"m": 2},
        expect="proved",
        paper=19,
    ),
    claim(
        "The kernel (1 + q·k)² of m = 3 numbers needs C(m + 2, 2) = 10 features",
        "feature count",
        kernel=_squared,
        are=10,
        sizes={"m": 3},
        expect="proved",
        paper=19,
    ),
    claim(
        "The kernel (1 + q·k)³ of m = 2 numbers needs C(m + 3, 3) = 10 features",
        "feature count",
        kernel=_cubed,
        are=10,
        sizes={"m": 2},
        expect="proved",
        paper=19,
    ),
    claim(
        "The kernel (1 + q·k)² of m = 2 numbers needs the 1 + m + m² features of all products",
        "feature count",
        kernel=_squared,
        are=7,
        sizes={"m": 2},
        expect="refuted",
        paper=19,
    ),
    claim(
        "On the sphere (1 + q·k)² of m = 2 numbers needs one feature less, 5",
        "feature count",
        kernel=_squared_on_the_sphere,
        are=5,
        sizes={"m": 2},
        expect="proved",
        paper=19,
    ),
    claim(
        "The Taylor kernel of degree 2 of m = 2 numbers needs C(m + 2, 2) = 6 features",
        "feature count",
        kernel=_taylor,
        are=6,
        sizes={"m": 2},
        expect="proved",
        paper=19,
    ),
    claim(
        "The kernel (1 + q·k)² needs C(m + 2, 2) features at every m",
        "feature formula",
        kernel=_squared,
        value="(m + 2) * (m + 1) / 2",
        expect="proved",
        paper=19,
    ),
    claim(
        "The Taylor kernel of degree 3 needs C(m + 3, 3) features at every m",
        "feature formula",
        kernel=_taylor_three,
        value="(m + 3) * (m + 2) * (m + 1) / 6",
        expect="proved",
        paper=19,
    ),
    claim(
        "On the sphere (1 + q·k)² needs one feature less at every m, C(m + 2, 2) - 1",
        "feature formula",
        kernel=_squared_on_the_sphere,
        value="(m + 2) * (m + 1) / 2 - 1",
        expect="proved",
        paper=19,
    ),
    claim(
        "The kernel (1 + q·k)² needs the 1 + m + m² features of all products at every m",
        "feature formula",
        kernel=_squared,
        value="1 + m + m * m",
        expect="refuted",
        paper=19,
    ),
    claim(
        "The monomials of all degrees up to P are C(m + P, P), for every m and P",
        "equal",
        a=_monomials_of_degrees,
        b=_binomial,
        maps=["term = total * m / (m + P)", "total = total", "P = P"],
        expect="proved",
        paper=19,
    ),
    claim(
        "elu + 1 in m = 3 entries needs m features",
        "feature count",
        kernel=_elu,
        are=3,
        sizes={"m": 3},
        expect="proved",
    ),
    claim(
        "The kernel e^{q·k} of softmax attention is positive definite",
        "positive definite",
        kernel=_exponential,
        expect="proved",
    ),
    claim(
        "A sum of squares is a positive definite kernel: |q - k|²",
        "positive definite",
        kernel=_distance,
        expect="refuted",
    ),
    claim(
        "Positive random features are unbiased for the kernel e^{q·k}",
        "gaussian mean",
        estimate=_random_features,
        mean=_softmax_kernel,
        expect="proved",
    ),
    claim(
        "The relative variance of M positive random features is (e^{|q + k|²} - 1) / M",
        "gaussian mean",
        estimate=_squared_error,
        mean=_variance,
        expect="proved",
    ),
]
