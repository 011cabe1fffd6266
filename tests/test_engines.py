"""The search: words and integers, flint and plain Python, all give the same rows and verdicts."""

import importlib.util
import json
import os
import random
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import layers
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsf_sym import Scalar, State, Unit, layer
from dsf_sym.arithmetic import words
from dsf_sym.arithmetic.reconstruct import rational_from
from dsf_sym.arithmetic.span import Span
from dsf_sym.arithmetic.universe import PRIME
from dsf_sym.automata.automaton import Automaton
from dsf_sym.automata.closure import closure, first_difference
from dsf_sym.automata.modular import Draws, IntegerEngine, WordEngine
from dsf_sym.deciding.decide import compare, complete_sizes
from dsf_sym.deciding.pairing import pair

ROOT = Path(__file__).parent.parent

EXTREMES = [0, 1, 2, PRIME - 1, PRIME - 2, PRIME // 2, PRIME // 2 + 1]
EXTREMES += [(1 << b) + d for b in (29, 30, 31, 32, 59, 60) for d in (-1, 0, 1)]
residues = st.one_of(st.sampled_from(EXTREMES), st.integers(0, PRIME - 1))


def as_words(xs):
    return np.array(xs, dtype=np.uint64)


def test_products_of_extreme_words():
    a = as_words([x for x in EXTREMES for _ in EXTREMES])
    b = as_words(EXTREMES * len(EXTREMES))
    want = [int(x) * int(y) % PRIME for x, y in zip(a, b, strict=True)]
    assert words.mul(a, b).tolist() == want
    assert want != [int(x) * int(y) for x, y in zip(a, b, strict=True)]


@given(st.lists(st.tuples(residues, residues), min_size=1, max_size=30))
def test_products_of_words(pairs):
    a, b = as_words([x for x, _ in pairs]), as_words([y for _, y in pairs])
    assert words.mul(a, b).tolist() == [x * y % PRIME for x, y in pairs]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20))
def test_folding_any_word(xs):
    assert words.fold(as_words(xs)).tolist() == [x % PRIME for x in xs]


@pytest.mark.parametrize("count", [1, 2, 8, 9, 1000, 70000])
def test_sums_of_many_extreme_words(count):
    x = np.full((2, count), PRIME - 1, dtype=np.uint64)
    assert words.total(x, (1,)).tolist() == [(PRIME - 1) * count % PRIME] * 2


@given(st.lists(residues, min_size=4, max_size=24))
def test_sums_of_words_over_two_axes(xs):
    xs = xs[: len(xs) // 4 * 4]
    got = words.total(as_words(xs).reshape(1, 2, len(xs) // 4, 2), (1, 3))
    want = np.array(xs, dtype=object).reshape(2, len(xs) // 4, 2).sum(axis=(0, 2)) % PRIME
    assert got.tolist() == [want.tolist()]


@given(st.fractions(max_denominator=1000))
def test_residues_are_fractions(x):
    assert words.residue(x) * x.denominator % PRIME == x.numerator % PRIME


@pytest.mark.parametrize("seed", range(8))
def test_flint_and_plain_python_keep_the_same_rows(seed):
    rng = random.Random(seed)
    width, rank = rng.randint(1, 12), rng.randint(0, 8)
    base = [
        [rng.choice([0, 0, 1, PRIME - 1, rng.randrange(PRIME)]) for _ in range(width)]
        for _ in range(rank)
    ]
    fast, plain = Span(width, True), Span(width, False)
    for _ in range(5):
        rows = []
        for _ in range(rng.randint(1, 4)):
            weights = [rng.choice([0, 1, rng.randrange(PRIME)]) for _ in base]
            rows.append(
                [
                    sum(w * r[j] for w, r in zip(weights, base, strict=True)) % PRIME
                    for j in range(width)
                ]
            )
        assert fast.extend(rows) == plain.extend(rows)
        assert fast.rank == plain.rank <= min(width, rank)
        assert fast.rows() == plain.rows()
    here = random.Random(1), random.Random(1)
    assert fast.random(here[0]) == plain.random(here[1])
    inside = fast.random(here[0])
    assert fast.extend([inside]) == plain.extend([inside]) == 0


@pytest.mark.parametrize("fast", [True, False])
def test_a_row_from_outside_makes_the_span_grow(fast):
    span = Span(4, fast)
    assert span.extend([[0, 2, 0, 4], [0, 1, 0, 2]]) == 1
    assert span.rows() == [{1: 1, 3: 2}]
    assert span.extend([[0, 5, 0, 10]]) == 0
    assert span.extend([[0, 5, 0, 11]]) == 1
    assert span.rows() == [{1: 1}, {3: 1}]


@given(st.fractions(max_denominator=10**6).filter(lambda x: abs(x.numerator) < 10**8))
def test_small_fractions_are_read_back_from_residues(x):
    assert rational_from(words.residue(x)) == x


def test_most_residues_are_no_small_fraction():
    rng = random.Random(0)
    found = [rational_from(rng.randrange(PRIME)) for _ in range(50)]
    for x in found:
        assert x is None or max(abs(x.numerator), x.denominator) < 1 << 30


def automaton_of(name):
    a, b = layers.PAIRS[name]
    both = pair(a, b)
    sizes = complete_sizes([both.a, both.b], layers.SIZES.get(name))
    return Automaton((both.a, both.b), sizes)


@pytest.mark.parametrize("name", layers.PAIRS)
def test_both_engines_give_the_same_trajectories(name):
    automaton = automaton_of(name)
    for seed in (0, 7):
        fast, slow = (E(Draws(automaton, seed)) for E in (WordEngine, IntegerEngine))
        x = fast.start()
        assert x == slow.start()
        others = [[(17 * i + j) % PRIME for i in range(automaton.width)] for j in range(2)]
        rows, differ = fast.run([x, *others], 5)
        assert (rows, differ) == slow.run([x, *others], 5)
        assert len(rows) == 15 and len(differ) == 5
        assert all(row[-1] == start[-1] for row, start in zip(rows, [x, *others] * 5, strict=True))


@pytest.mark.parametrize("name", layers.PAIRS)
@pytest.mark.parametrize("seed", [0, 1])
def test_both_engines_close_the_same_space(name, seed):
    automaton = automaton_of(name)
    fast, slow = (closure(automaton, seed=seed, fast=f) for f in (True, False))
    assert fast == slow
    assert fast.differ == (name in ("rational witness", "ball witness", "two letters"))


def test_the_space_does_not_depend_on_the_seed_where_no_weight_moves_it():
    automaton = automaton_of("at sizes")
    spaces = [closure(automaton, seed=seed).rows for seed in range(5)]
    assert all(space == spaces[0] for space in spaces)
    assert len(spaces[0]) == 5


@layer
def behind_letters(
    S: State["n"], R: State["n"], k: Unit["n"], q: Unit["n"], p: Unit["n"], v: Scalar
):
    """S is v under one of eight letters and else forgotten; R takes in S under another."""
    S, R = (1 - k) * (1 + q) * (1 + p) * v, R + (1 + k) * (1 - q) * (1 - p) * S
    return S, R, R


def test_every_letter_is_tried_from_random_points_before_a_space_is_called_closed():
    automaton = Automaton((behind_letters,), {"n": 1})
    assert len(automaton.letters()) == 8
    ranks = [len(closure(automaton, seed=seed).rows) for seed in range(60)]
    assert ranks == [3] * 60


def test_a_first_difference_lies_within_the_bound_or_there_is_none():
    equal = automaton_of("at sizes")
    assert first_difference(equal, equal.width) is None
    both = pair(layers.half, layers.third)
    automaton = Automaton((both.a, both.b), {})
    assert first_difference(automaton, automaton.width) == 3 == automaton.width
    assert first_difference(automaton, 2) is None


RUN = """
import json, sys
for blocked in BLOCKED:
    sys.modules[blocked] = None
sys.path.insert(0, TESTS)
import layers
from dsf_sym.deciding.decide import compare
from dsf_sym.certificates.checkers import recheck
out = {}
for name, (a, b) in layers.PAIRS.items():
    verdict = compare(a, b, sizes=layers.SIZES.get(name), seed=3)
    w = verdict.witness
    out[name] = {
        "status": verdict.status,
        "sizes": verdict.sizes,
        "certificate": verdict.certificate,
        "says": recheck(verdict.certificate) if w is None else w.length,
    }
for blocked in BLOCKED:
    assert sys.modules[blocked] is None, blocked
print(json.dumps(out))
"""


def in_another_process(blocked):
    code = RUN.replace("BLOCKED", repr(blocked)).replace("TESTS", repr(str(Path(__file__).parent)))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_python_and_sympy_alone_give_the_same_verdicts_bases_and_certificates():
    plain = in_another_process(["numpy", "flint"])
    for name, (a, b) in layers.PAIRS.items():
        verdict = compare(a, b, sizes=layers.SIZES.get(name), seed=3)
        assert plain[name]["status"] == verdict.status, name
        assert plain[name]["sizes"] == verdict.sizes, name
        assert plain[name]["certificate"] == json.loads(json.dumps(verdict.certificate)), name
    statuses = {x["status"] for x in plain.values()}
    assert statuses == {"proved", "refuted", "conditional"}
    kinds = {x["certificate"]["kind"] for x in plain.values()}
    assert kinds == {"intertwiner", "closed subspace", "difference"}


def test_the_fast_path_is_what_the_other_tests_run():
    assert importlib.util.find_spec("flint") and importlib.util.find_spec("numpy")
    assert Fraction(1, 3) == rational_from(words.residue(Fraction(1, 3)))
