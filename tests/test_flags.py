"""Unit steps, flags and unit vectors of size 1: letters that share one subspace; empty domains."""

import copy
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from dsf_sym import (
    Const,
    Flag,
    Gate,
    Negative,
    Positive,
    Scalar,
    State,
    Unit,
    Vec,
    compare,
    exp,
    layer,
    maximum,
    minimum,
    recheck,
    relu,
    where,
)
from dsf_sym.arithmetic.scalars import Balls, Rationals
from dsf_sym.automata.automaton import Automaton
from dsf_sym.errors import CertificateError, DomainError, Rejected, SizeError
from dsf_sym.language.domains import Domain, Interval, finite
from dsf_sym.language.functions import step


def summed(f):
    @layer
    def total(h: State, x: Scalar, y: Scalar, s: Positive):
        h = h + f(x, y, s) + 0 * (x + y + s)
        return h, h

    return total


EQUAL = {
    "relu": (lambda x, y, s: relu(x), lambda x, y, s: x * step(x)),
    "abs": (lambda x, y, s: abs(x), lambda x, y, s: x * step(x) - x * step(-x)),
    "maximum": (lambda x, y, s: maximum(x, y), lambda x, y, s: where(x - y, x, y)),
    "minimum": (lambda x, y, s: minimum(x, y), lambda x, y, s: where(x - y, y, x)),
    "both": (lambda x, y, s: maximum(x, y) + minimum(x, y), lambda x, y, s: x + y),
    "min by max": (lambda x, y, s: minimum(x, y), lambda x, y, s: -maximum(-x, -y)),
    "of a positive signal": (lambda x, y, s: where(s, x, y), lambda x, y, s: x),
    "of exp": (lambda x, y, s: step(exp(x)), lambda x, y, s: 1 + 0 * x),
    "a square": (lambda x, y, s: step(x) ** 2, lambda x, y, s: step(x)),
    "scaled": (lambda x, y, s: step(3 * x * s), lambda x, y, s: step(x)),
    "of a product": (
        lambda x, y, s: step(x * y),
        lambda x, y, s: step(x) * step(y) + step(-x) * step(-y),
    ),
    "the same branch": (lambda x, y, s: where(x, y, y), lambda x, y, s: y),
    "nested": (
        lambda x, y, s: where(x, where(x, 1, 2), 3 + 0 * x),
        lambda x, y, s: where(x, 1, 3 + 0 * x),
    ),
    "even power": (lambda x, y, s: x * step(x**2), lambda x, y, s: x),
}
UNEQUAL = {
    "they differ at 0 alone": (lambda x, y, s: step(x) + step(-x), lambda x, y, s: 1 + 0 * x),
    "a square vanishes at 0": (lambda x, y, s: step(x**2), lambda x, y, s: 1 + 0 * x),
    "they differ at x = y alone": (
        lambda x, y, s: where(x - y, 1, 0 * x),
        lambda x, y, s: 1 - where(y - x, 1, 0 * x),
    ),
    "the other branch": (lambda x, y, s: where(x, x, y), lambda x, y, s: where(x, y, x)),
    "no where": (lambda x, y, s: where(x, y, 2 * y), lambda x, y, s: y),
}


@pytest.mark.parametrize("name", EQUAL)
def test_identities_of_steps_are_proved(name):
    verdict = compare(*(summed(f) for f in EQUAL[name]))
    assert verdict.status == "proved" and recheck(verdict.certificate)


@pytest.mark.parametrize("name", UNEQUAL)
def test_false_identities_of_steps_are_refuted(name):
    verdict = compare(*(summed(f) for f in UNEQUAL[name]))
    assert verdict.status == "refuted" and recheck(verdict.certificate)


def test_a_step_without_a_solvable_zero_proves_nothing_false():
    """e^x = y at single points only, where the two differ: neither proved nor forgotten."""
    verdict = compare(
        summed(lambda x, y, s: step(exp(x) - y) + step(y - exp(x))),
        summed(lambda x, y, s: 1 + 0 * x),
    )
    assert verdict.status in ("refuted", "undecided")


def test_a_sum_that_vanishes_on_each_branch_alone_is_refuted():
    @layer
    def chosen(a: State, x: Scalar):
        y = where(x, x, 0) * a
        return a + where(x, 0, -x), y

    @layer
    def nothing(a: State, x: Scalar):
        return 0 * a, 0 * x

    verdict = compare(chosen, nothing)
    assert verdict.status == "refuted" and verdict.witness.length == 2
    x, y = (t["x"][0] for t in verdict.witness.tokens)
    assert x < 0 < y


@pytest.mark.parametrize("fast", [True, False])
def test_a_step_of_a_ball_holds_both_values_where_it_must(fast):
    balls = Balls(64, fast)
    zero, one = (balls.number(Fraction(x)) for x in (0, 1))
    with balls.precision():
        third = balls.number(Fraction(1, 3))
        around_zero = third + third + third - one
        for x, low, high in ((third, 1, 1), (-third, 0, 0), (zero, 0, 0), (around_zero, 0, 1)):
            found = balls.function("step", x)
            assert balls.differ(found, zero) == (low > 0)
            assert balls.differ(found, one) == (high < 1)


def test_a_step_is_rational():
    values = [Rationals().function("step", Fraction(x)) for x in ("-1/2", "0", "1/3")]
    assert values == [0, 0, 1]


@layer
def kept(h: State, v: Scalar, f: Flag):
    h = (1 - f) * h + v
    return h, h


@layer
def squared(h: State, v: Scalar, f: Flag):
    h = (1 - f * f) * h + v
    return h, h


@layer
def never(h: State, v: Scalar, f: Flag):
    h = h + v + 0 * f
    return h, h


def test_a_flag_is_its_own_square():
    verdict = compare(kept, squared)
    assert verdict.status == "proved" and recheck(verdict.certificate)
    assert [sorted(x) for x in Automaton((kept,), {}).letters()] == [["f"], ["f"]]


def test_layers_that_agree_where_no_flag_is_set_are_refuted():
    verdict = compare(kept, never)
    assert verdict.status == "refuted" and verdict.witness.length == 2
    assert verdict.witness.tokens[1]["f"] == [1]
    assert compare(kept, never, given=["f = 0"]).status == "proved"


def test_a_witness_outside_the_flag_is_rejected():
    data = copy.deepcopy(dict(compare(kept, never).certificate))
    data["tokens"][1]["f"] = ["1/2"]
    with pytest.raises(Rejected, match=r"outside \{0, 1\}"):
        recheck(data)


def test_the_values_of_a_flag_are_part_of_the_definition():
    data = copy.deepcopy(dict(compare(kept, squared).certificate))
    row = next(s for s in data["layers"][0]["signals"] if s["name"] == "f")
    assert row["values"] == ["0", "1"]
    row["values"] = ["0"]
    with pytest.raises((Rejected, CertificateError)):
        recheck(data)
    free = replace(kept, signals=tuple(replace(s, domain=Domain()) for s in kept.signals))
    assert free.hash != kept.hash


def test_a_constant_flag_stays_through_the_sequence():
    @layer
    def either(h: State, v: Scalar, f: Const[Flag]):
        h = f * h + v
        return h, h

    @layer
    def once(h: State, v: Scalar, f: Const[Flag]):
        h = f**3 * h + v
        return h, h

    assert compare(either, once).status == "proved"
    verdict = compare(either, kept, given=["kept.f = 1"])
    assert verdict.status == "refuted" and verdict.witness.constants["f"] == [1]


def test_a_constant_flag_as_the_start():
    @layer(start={"h": "f"})
    def from_flag(h: State, v: Scalar, f: Const[Flag]):
        h = h + v
        return h, h

    @layer(start={"h": "f"})
    def idempotent(h: State, v: Scalar, f: Const[Flag]):
        h = h + v
        return h, h + f * (f - 1)

    @layer(start={"h": "f"})
    def other(h: State, v: Scalar, f: Const[Flag]):
        h = h + v
        return h, h + f

    assert compare(from_flag, idempotent).status == "proved"
    assert compare(from_flag, other).status == "refuted"


def test_vectors_of_flags_and_too_many_of_them():
    @layer
    def masked(h: State["n"], v: Vec["n"], f: Flag["n"]):
        h = f * h + v
        return h, h

    assert len(Automaton((masked,), {"n": 3}).letters()) == 8
    with pytest.raises(SizeError, match="more than 1024 ways"):
        Automaton((masked,), {"n": 40}).letters()


def test_a_unit_vector_of_flags_is_one_hot():
    domain = finite(0, 1, unit=True)
    assert list(domain.points(3)) == [(0, 0, 1), (0, 1, 0), (1, 0, 0)]


@pytest.mark.parametrize("tie", ["f = 1/2", "f = v", "f = 2"])
def test_a_tie_that_leaves_the_flag_is_refused(tie):
    with pytest.raises(DomainError):
        compare(kept, squared, given=[tie])


def test_signals_drawn_for_code_are_flags_and_others_are_named():
    from numeric.contract import ContractViolation, check
    from numeric.samples import signals

    drawn = signals(kept, {}, (2, 1, 40))
    assert set(np.unique(drawn["f"])) == {0.0, 1.0}
    check(kept, "numpy", drawn, domains=True)
    drawn["f"] = drawn["f"] / 2
    with pytest.raises(ContractViolation, match=r"expected a value in \{0, 1\}"):
        check(kept, "numpy", drawn, domains=True)


def test_unit_norm_at_size_one_does_not_make_a_key_its_square():
    @layer
    def once(h: State["n"], v: Scalar, k: Unit["n"]):
        h = h + v * k
        return h, h

    @layer
    def twice(h: State["n"], v: Scalar, k: Unit["n"]):
        h = h + v * k * k
        return h, h

    @layer
    def thrice(h: State["n"], v: Scalar, k: Unit["n"]):
        h = h + v * k * k * k
        return h, h

    verdict = compare(once, twice, sizes={"n": 1})
    assert verdict.status == "refuted" and verdict.witness.tokens[-1]["k"] == [-1]
    assert compare(once, thrice, sizes={"n": 1}).status == "proved"
    assert compare(once, thrice, sizes={"n": 2}).status == "refuted"


def with_domain(made, name, domain):
    return replace(
        made,
        signals=tuple(replace(s, domain=domain) if s.name == name else s for s in made.signals),
    )


def test_layers_that_share_no_value_are_refused_not_proved():
    @layer
    def up(h: State, v: Positive):
        h = h + v
        return h, h

    @layer
    def down(h: State, v: Negative):
        h = h + 2 * v
        return h, h

    with pytest.raises(DomainError, match="vacuously"):
        compare(up, down)
    half = with_domain(kept, "f", finite(Fraction(1, 2)))
    with pytest.raises(DomainError, match="vacuously"):
        compare(kept, half)
    between = Domain(Interval(Fraction(0), Fraction(1)))
    with pytest.raises(DomainError, match="vacuously"):
        compare(kept, with_domain(kept, "f", between))


def test_unit_vectors_that_do_not_fit_their_interval_are_refused():
    @layer
    def keyed(h: State["n"], v: Scalar, k: Unit["n"]):
        h = h + v * k
        return h, h

    @layer
    def other(h: State["n"], v: Scalar, k: Unit["n"]):
        h = h + 2 * v * k
        return h, h

    large = Domain(Interval(Fraction(3, 4), None, False), unit=True)
    a, b = (with_domain(x, "k", large) for x in (keyed, other))
    with pytest.raises(DomainError, match="vacuously"):
        compare(a, b, sizes={"n": 2})
    assert compare(a, b, sizes={"n": 1}).status == "refuted"


@pytest.mark.parametrize(
    ("domain", "count", "empty"),
    [
        (finite(), 1, True),
        (finite(0), 3, False),
        (finite(0, unit=True), 2, True),
        (Domain(Interval(Fraction(1), Fraction(0))), 1, True),
        (Domain(Interval(Fraction(2), None), unit=True), 5, True),
        (Domain(Interval(None, Fraction(-1)), unit=True), 1, True),
        (Domain(Interval(None, Fraction(-1), True, False), unit=True), 1, False),
        (Domain(Interval(Fraction(0), Fraction(1, 2)), unit=True), 4, True),
        (Domain(Interval(Fraction(0), Fraction(1, 2)), unit=True), 5, False),
        (Domain(Interval(Fraction(0), Fraction(1, 2), False, False), unit=True), 4, False),
    ],
)
def test_domains_without_a_point_are_found(domain, count, empty):
    assert domain.is_empty(count) == empty


def test_the_meeting_of_a_flag_and_a_gate_is_one():
    assert finite(0, 1).meet(Domain(Interval(Fraction(0), Fraction(1), True, False))) == finite(1)
    assert str(finite(0, 1)) == "{0, 1}" and Fraction(1, 2) not in finite(0, 1)


def test_the_first_token_rule():
    from dsf_sym.language.loading import find

    first, plain = find("rg_lru_first"), find("rg_lru")
    assert compare(first, first.others[0][1], sizes={"d": 1}).status == "proved"
    assert compare(first, plain, given=["first = 0"]).status == "proved"
    assert compare(first, plain).status == "refuted"
    reset = first.given(first=1, name="reset")

    @layer
    def no_memory(h: State["d"], v: Vec["d"], f: Gate["d"], g: Gate["d"]):
        return g * v, g * v

    assert compare(reset, no_memory).status == "proved"
