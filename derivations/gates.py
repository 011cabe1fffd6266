"""Powers of the reversed sigmoid as a class of gates, for every exponent: claims.

J. Sieber, C. Amo Alonso, A. Didier, M. N. Zeilinger, A. Orvieto. Understanding the Differences in
Foundation Models: Attention, State Space Models, and Recurrent Neural Networks. NeurIPS 2024.
"""

from dsf_sym import Const, Positive, Scalar, claim, exp, layer, log, sigmoid

SOURCE = "Sieber et al. 2024"

# The odds 1/g - 1 of a gate g = σ(w z + b) are e^{-w z - b}: at steps of z of one size they are a
# geometric progression. Those of σ(-z)^a are (1 + e^z)^a - 1, which is 2^a - 1, 3^a - 1 and 5^a - 1
# where e^z is 1, 2 and 4.


def _odds(gate):
    return 1 / gate - 1


@layer
def _of_the_ends(z: Scalar, step: Scalar, w: Const[Scalar], b: Const[Scalar]):
    """The odds at z times those at z + 2 step."""
    return (_odds(sigmoid(w * z + b)) * _odds(sigmoid(w * (z + 2 * step) + b)),)


@layer
def _of_the_middle(z: Scalar, step: Scalar, w: Const[Scalar], b: Const[Scalar]):
    """The square of those at z + step."""
    return (_odds(sigmoid(w * (z + step) + b)) ** 2,)


@layer
def _odds_of_a_power(E: Positive, a: Const[Positive]):
    """The odds of σ(-z)^a at e^z = E."""
    return (_odds(exp(a * log(sigmoid(-log(E))))),)


@layer
def _power_less_one(E: Positive, a: Const[Positive]):
    """(1 + E)^a - 1."""
    return (exp(a * log(1 + E)) - 1,)


@layer
def _progression(two: Scalar, three: Scalar, five: Scalar):
    """How far 2^a - 1, 3^a - 1, 5^a - 1 are from a geometric progression."""
    return ((two - 1) * (five - 1) - (three - 1) ** 2,)


claims = [
    claim(
        "The odds of a sigmoid of an affine function are a geometric progression",
        "equal",
        a=_of_the_ends,
        b=_of_the_middle,
        expect="proved",
        paper=26,
    ),
    claim(
        "The odds of σ(-z)^a are (1 + e^z)^a - 1",
        "equal",
        a=_odds_of_a_power,
        b=_power_less_one,
        expect="proved",
        paper=26,
    ),
    claim(
        "Of all a > 0 those odds are a geometric progression at a = 1 alone",
        "zeros of powers",
        layer=_progression,
        bases={"two": "2", "three": "3", "five": "5"},
        are=["1"],
        inside="(0, inf)",
        expect="proved",
        paper=26,
        source=f"{SOURCE}, section 4.3",
    ),
    claim(
        "For some a > 1 the gate σ(-z)^a may be a sigmoid of an affine function of z",
        "zeros of powers",
        layer=_progression,
        bases={"two": "2", "three": "3", "five": "5"},
        are=["2"],
        inside="(1, inf)",
        expect="refuted",
        paper=26,
    ),
]
