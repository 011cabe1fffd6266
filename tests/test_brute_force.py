"""Verdicts against brute force: exact simulation of every sequence over a grid that decides.

See `affine_pairs`: over these layers tokens of zeros and ones tell all there is at a given length.
"""

import random
from collections import Counter
from fractions import Fraction

import pytest
from affine_pairs import Affine, first_difference, random_affine, random_change
from hypothesis import given, settings
from hypothesis import strategies as st

from dsf_sym.automata.run import outputs_on
from dsf_sym.certificates.checkers import recheck
from dsf_sym.deciding.decide import compare
from dsf_sym.language.domains import GATE, REAL

TINY = (-1, 0, 0, 0, 0, 1)


def agree(a, b, domain=REAL, seed=0):
    """The status of the verdict, once it is seen to say what brute force says."""
    longest = a.n + b.n + 1
    expected = first_difference(a, b, longest)
    left, right = a.layer("a", domain), b.layer("b", domain)
    verdict = compare(left, right, seed=seed)
    recheck(verdict.certificate)
    if expected is None:
        assert verdict.status == "proved"
        return "proved"
    assert verdict.status == "refuted"
    assert verdict.witness.length == expected <= longest
    tokens = verdict.witness.tokens
    assert simulate(a, tokens) != simulate(b, tokens)
    assert simulate(a, tokens)[:-1] == simulate(b, tokens)[:-1]
    (y, z), _ = outputs_on([left, right], tokens, {}, {}, 64)
    assert (y, z) == ([[x] for x in simulate(a, tokens)], [[x] for x in simulate(b, tokens)])
    return f"refuted at {expected}"


def simulate(a, tokens):
    h = (Fraction(0),) * a.n
    out = []
    for token in tokens:
        values = tuple(token[name][0] for name in ("s", "t")[: a.signals])
        x = (*h, Fraction(1))
        *h, y = (sum(p * q for p, q in zip(row, x, strict=True)) for row in a.at(values))
        out.append(y)
    return out


def layers(n, signals):
    entry = st.sampled_from(TINY).map(Fraction)
    row = st.tuples(*[entry] * (n + 1))
    return st.tuples(*[st.tuples(*[row] * (n + 1))] * (signals + 1)).map(Affine)


SHAPES = st.sampled_from([(0, 1, 1), (1, 1, 1), (1, 1, 2), (1, 2, 1), (2, 2, 1), (1, 3, 1)])
PAIRS = SHAPES.flatmap(lambda s: st.tuples(layers(s[0], s[2]), layers(s[1], s[2])))


@settings(max_examples=100)
@given(PAIRS, st.sampled_from([REAL, GATE]))
def test_verdicts_on_random_layers_are_those_of_brute_force(pair, domain):
    """A gate takes no 0, and an identity over (0, 1] is one over all numbers."""
    agree(*pair, domain)


@settings(max_examples=20)
@given(PAIRS)
def test_the_order_of_the_layers_does_not_matter(pair):
    a, b = pair
    assert agree(a, b) == agree(b, a)


@pytest.mark.parametrize("seed", range(24))
def test_verdicts_on_hidden_equals_and_near_equals_are_those_of_brute_force(seed):
    """Pairs that are equal in disguise, and the same with one entry changed: late differences."""
    rng = random.Random(seed)
    n, signals = rng.choice([(1, 1), (2, 1), (1, 2), (3, 1)])
    a = random_affine(rng, n, signals, entries=TINY)
    b = a.under(random_change(rng, n))
    if n < 3 and signals == 1:
        b = b.with_junk(rng, unseen=rng.random() < 0.5).under(random_change(rng, n + 1))
    assert agree(a, b) == "proved"
    at = rng.randrange(signals + 1), rng.randrange(b.n + 1), rng.randrange(b.n + 1)
    agree(a, b.changed(*at, Fraction(1)), seed=seed)


def test_brute_force_meets_every_length_up_to_the_bound():
    """Samples like those above hold equal pairs and differences at every possible token."""
    found = Counter()
    rng = random.Random(0)
    for _ in range(400):
        a = random_affine(rng, 1, 1, entries=TINY)
        b = a.changed(rng.randrange(2), rng.randrange(2), rng.randrange(2), Fraction(1))
        found[first_difference(a, b, 3)] += 1
    assert set(found) == {None, 1, 2, 3}


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_chain_differs_at_the_last_length_that_the_bound_allows(n):
    """A delay line of n states against none, and against one that is fed back at its end."""
    size = n + 1
    zero = [[Fraction(0)] * size for _ in range(size)]
    line = [list(r) for r in zero]
    for i in range(1, n):
        line[i][i - 1] = Fraction(1)
    line[n][n - 1] = Fraction(1)
    fed = [list(r) for r in zero]
    fed[0][n] = Fraction(1)
    a = Affine((tuple(map(tuple, line)), tuple(map(tuple, fed))))
    nothing = Affine((((Fraction(0),),), ((Fraction(0),),)))
    assert agree(a, nothing) == f"refuted at {n + 1}"
    looped = a.changed(0, 0, n - 1, Fraction(1, 2))
    assert agree(a, looped) == f"refuted at {2 * n + 1}"


def test_the_oracle_by_hand():
    """h' = h / 2 + s against h' = h / 3 + s, both read before the step."""
    F = Fraction
    half = Affine((((F(1, 2), F(0)), (F(1), F(0))), ((F(0), F(1)), (F(0), F(0)))))
    third = half.changed(0, 0, 0, F(-1, 6))
    assert first_difference(half, third, 3) == 3
    assert first_difference(half, third, 2) is None
    assert first_difference(half, half, 5) is None
    assert agree(half, third) == "refuted at 3"
