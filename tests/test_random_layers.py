"""Random affine layers: proved equal under a change of state, told apart by one changed entry."""

import random
from fractions import Fraction

import pytest
from affine_pairs import first_difference, inverse, random_affine, random_change, times

from dsf_sym import Layer
from dsf_sym.certificates.checkers import recheck
from dsf_sym.deciding.contain import contains
from dsf_sym.deciding.decide import compare
from dsf_sym.language.domains import FLAG, GATE, POSITIVE, REAL
from dsf_sym.language.functions import cos, exp, log, relu, sigmoid, sin, sqrt, step
from dsf_sym.language.layer import Signal
from dsf_sym.language.tensor import Input, lift

SHAPES = [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2), (4, 1)]


def cases(count):
    """Seeds for every number of states and signals."""
    return [(n, signals, seed) for n, signals in SHAPES for seed in range(count)]


@pytest.mark.parametrize(("n", "signals", "seed"), cases(3))
def test_a_change_of_state_changes_nothing(n, signals, seed):
    rng = random.Random(1000 * n + 100 * signals + seed)
    a = random_affine(rng, n, signals)
    T = random_change(rng, n)
    b = a.under(T)
    assert b.under(inverse(T)) == a
    domain = rng.choice([REAL, GATE])
    verdict = compare(a.layer("a", domain), b.layer("b", domain), seed=seed)
    assert verdict.status == "proved"
    assert "for all lengths" in recheck(verdict.certificate)


@pytest.mark.parametrize(("n", "signals", "seed"), cases(2))
def test_a_state_that_is_never_read_or_never_reached_changes_nothing(n, signals, seed):
    rng = random.Random(seed)
    a = random_affine(rng, n, signals)
    b = a.with_junk(rng, unseen=seed % 2 == 0).under(random_change(rng, n + 1))
    verdict = compare(a.layer("a"), b.layer("b"), seed=seed)
    assert verdict.status == "proved"
    assert verdict.certificate["kind"] == "closed subspace"


@pytest.mark.parametrize(("n", "signals", "seed"), cases(4))
def test_one_changed_entry_is_refuted_or_is_no_change(n, signals, seed):
    rng = random.Random(seed)
    a = random_affine(rng, n, signals)
    b = a.under(random_change(rng, n))
    part, i, j = rng.randrange(signals + 1), rng.randrange(n + 1), rng.randrange(n + 1)
    c = b.changed(part, i, j, Fraction(rng.choice([-1, 1]), rng.choice([1, 7])))
    longest = 2 * n + 1 if signals == 1 or n < 3 else 3
    expected = first_difference(a, c, longest)
    verdict = compare(a.layer("a"), c.layer("c"), seed=seed)
    if expected is not None:
        assert (verdict.status, verdict.witness.length) == ("refuted", expected)
    elif longest == 2 * n + 1:
        assert verdict.status == "proved"
    else:
        assert verdict.status == "proved" or verdict.witness.length > longest


def test_most_changed_entries_are_refuted():
    """Else the test above would say nothing."""
    refuted = 0
    for seed in range(30):
        rng = random.Random(seed)
        a = random_affine(rng, 2, 1)
        c = a.changed(rng.randrange(2), rng.randrange(3), rng.randrange(3), Fraction(1))
        refuted += first_difference(a, c, 5) is not None
    assert refuted > 20


@pytest.mark.parametrize("seed", range(4))
def test_a_change_that_is_forgotten_at_one_place_is_found(seed):
    """T on the step but not on the readout, and the inverse in place of T."""
    rng = random.Random(seed)
    a = random_affine(rng, 2, 1, entries=(-2, -1, 1, 2))
    T = random_change(rng, 2)
    moved = a.under(T)
    forgotten = type(a)(tuple((*p[:-1], q[-1]) for p, q in zip(moved.parts, a.parts, strict=True)))
    for wrong in (
        forgotten,
        type(a)(tuple((*q[:-1], p[-1]) for p, q in zip(moved.parts, a.parts, strict=True))),
    ):
        expected = first_difference(a, wrong, 5)
        verdict = compare(a.layer("a"), wrong.layer("b"))
        length = verdict.witness.length if verdict.witness else None
        assert (verdict.status, length) == ("refuted" if expected else "proved", expected)


def test_the_helpers_of_these_tests():
    rng = random.Random(0)
    T = random_change(rng, 3)
    one = tuple(tuple(Fraction(int(i == j)) for j in range(3)) for i in range(3))
    assert times(T, inverse(T)) == one == times(inverse(T), T)
    with pytest.raises(ZeroDivisionError):
        inverse(((1, 2), (2, 4)))


# What the library holds to be equal at every number of a domain, and twins that are not.
IDENTITIES = [
    ("x", lambda x: cos(2 * x), lambda x: 1 - 2 * sin(x) * sin(x), lambda x: 1 - sin(x) * sin(x)),
    ("x", lambda x: sin(x + 1), lambda x: sin(x) * cos(1) + cos(x) * sin(1), lambda x: sin(x)),
    ("x", relu, lambda x: step(x) * x, lambda x: step(x)),
    ("x", lambda x: step(3 * x), lambda x: step(x) * step(2 * x), lambda x: 1 - step(-x)),
    ("x", abs, lambda x: relu(x) + relu(-x), lambda x: x),
    ("x", lambda x: exp(relu(x)), lambda x: 1 + step(x) * (exp(x) - 1), exp),
    ("p", lambda p: sqrt(p) * sqrt(p), lambda p: exp(log(p)), lambda p: p * p),
    ("p", lambda p: sqrt(4 * p), lambda p: 2 * exp(log(p) / 2), lambda p: 4 * sqrt(p)),
    ("p", lambda p: 1 / (1 + p), lambda p: sigmoid(-log(p)), lambda p: sigmoid(log(p))),
    ("g", lambda g: sqrt(1 - g) * sqrt(1 - g), lambda g: 1 - g, lambda g: 1 - g * g),
    ("f", lambda f: sqrt(f) + f * f, lambda f: step(f) + f, lambda f: step(f) + 1),
    ("f", lambda f: cos(f) * (1 - f), lambda f: 1 - f, lambda f: 1 + f),
]
DOMAINS = {"x": REAL, "p": POSITIVE, "g": GATE, "f": FLAG}


def with_functions(rng, name, signal, made):
    """A layer of two states in which `made` stands at random places, a weight beside it."""
    h, k, w, s = (Input(n) for n in ("h", "k", "w", signal))
    value = [lift(made(s)), lift(1), w]
    pick = [rng.choice(value) for _ in range(5)]
    pick[rng.randrange(2)] = value[0]
    step_of = {"h": pick[0] * h + s + pick[4], "k": pick[1] * k + pick[2] * h + s}
    signals = (
        *(Signal(n, (), REAL, "state") for n in ("h", "k")),
        Signal(signal, (), DOMAINS[signal], "token"),
        Signal("w", (), REAL, "constant"),
    )
    return Layer(name, signals, step_of, k + pick[3] * h)


@pytest.mark.parametrize("at", range(len(IDENTITIES)))
def test_functions_that_are_equal_make_equal_layers_and_twins_make_others(at):
    signal, one, other, twin = IDENTITIES[at]
    a, b, c = (
        with_functions(random.Random(at), name, signal, made)
        for name, made in (("a", one), ("b", other), ("c", twin))
    )
    assert compare(a, b, seed=at).status == "proved"
    refuted = compare(a, c, seed=at)
    assert refuted.status == "refuted" and "!=" in recheck(refuted.certificate)
    # Each is the other, so no property can tell them apart.
    assert "refuted" not in (contains(a, b).status, contains(b, a).status)
