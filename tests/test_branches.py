"""relu, elu, max and abs: branches are letters that share one subspace, never separate cases."""

import math
from fractions import Fraction

import pytest

from dsf_sym import Scalar, State, Vec, elu, exp, layer, maximum, relu
from dsf_sym.arithmetic.scalars import Balls
from dsf_sym.automata import automaton
from dsf_sym.automata.automaton import Automaton
from dsf_sym.deciding.decide import compare
from dsf_sym.errors import SizeError
from dsf_sym.index.atoms import atom_form, input_atom
from dsf_sym.index.terms import function_form


@layer
def both_signs(a: State, x: Scalar):
    """relu(x_i) Σ_{j<i} relu(-x_j): zero on every sequence of one sign."""
    y = relu(x) * a
    return a + relu(-x), y


@layer
def nothing(a: State, x: Scalar):
    return 0 * a, 0 * x


def test_a_layer_that_vanishes_on_each_branch_alone_is_refuted():
    verdict = compare(both_signs, nothing)
    assert verdict.status == "refuted" and verdict.witness.length == 2
    x, y = (float(t["x"][0]) for t in verdict.witness.tokens)
    assert x < 0 < y and float(verdict.witness.outputs[0][0]) == max(y, 0) * max(-x, 0)


def summed(f):
    @layer
    def total(h: State, x: Scalar, y: Scalar):
        h = h + f(x, y)
        return h, h

    return total


EQUAL = [
    (lambda x, y: abs(x), lambda x, y: maximum(x, -x)),
    (lambda x, y: maximum(x, y), lambda x, y: (x + y + abs(x - y)) / 2),
    (lambda x, y: maximum(x, y), lambda x, y: maximum(y, x)),
    (lambda x, y: elu(x), lambda x, y: relu(x) + exp(-relu(-x)) - 1),
    (lambda x, y: relu(3 * x), lambda x, y: 3 * relu(x)),
    (lambda x, y: relu(x) * relu(-x), lambda x, y: 0 * x),
    (lambda x, y: relu(relu(x)), lambda x, y: relu(x)),
    (lambda x, y: abs(x) * abs(y), lambda x, y: abs(x * y)),
]
UNEQUAL = [
    (lambda x, y: abs(x), lambda x, y: x),
    (lambda x, y: relu(x - y), lambda x, y: relu(x) - relu(y)),
    (lambda x, y: maximum(x, y), lambda x, y: relu(x) + relu(y)),
    (lambda x, y: elu(x), lambda x, y: relu(x)),
    (lambda x, y: abs(x) * abs(y), lambda x, y: x * y),
]


@pytest.mark.parametrize(("f", "g"), EQUAL)
def test_identities_of_branches_are_proved(f, g):
    assert compare(summed(f), summed(g)).status == "proved"


@pytest.mark.parametrize(("f", "g"), UNEQUAL)
def test_false_identities_are_refuted(f, g):
    assert compare(summed(f), summed(g)).status == "refuted"


def test_signs_known_from_the_domain_make_no_letters():
    from dsf_sym import Positive

    @layer
    def positive(h: State, x: Positive):
        h = h + relu(x) + relu(-x * x)
        return h, h

    assert Automaton((positive,), {}).letters() == [{}]
    assert len(Automaton((summed(lambda x, y: maximum(x, y)),), {}).letters()) == 2


def test_too_many_branches_are_refused_with_the_number(monkeypatch):
    monkeypatch.setattr(automaton, "MOST_LETTERS", 16)

    @layer
    def many(h: State["n"], x: Vec["n"]):
        h = h + relu(x)
        return h, h

    assert len(Automaton((many,), {"n": 4}).letters()) == 16
    with pytest.raises(SizeError, match="more than 16 ways"):
        Automaton((many,), {"n": 5}).letters()


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("x", ["-3/2", "0", "2/3"])
def test_balls_hold_the_value(x, fast):
    balls, value = Balls(64, fast), Fraction(x)
    with balls.precision():
        for name, true in (
            ("relu", max(float(value), 0.0)),
            ("elu", float(value) if value > 0 else math.expm1(value)),
        ):
            found = balls.function(name, balls.number(value))
            below = balls.number(Fraction(true) - Fraction(1, 10**12))
            above = balls.number(Fraction(true) + Fraction(1, 10**12))
            assert not balls.differ(found, balls.number(Fraction(true))) or (
                balls.differ(found, below) and balls.differ(found, above)
            )


def test_the_normal_form_knows_relu_of_minus_x():
    x = atom_form(input_atom("x", ()))
    plus, minus = function_form("relu", x), function_form("relu", x.times(Fraction(-1)))
    assert plus - minus == x and plus != minus
