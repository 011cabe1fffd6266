"""Decisions: what is proved, what is refuted and by how long a sequence, and what is refused."""

import random
from collections import Counter
from fractions import Fraction

import layers
import numpy as np
import pytest
from affine_pairs import random_affine

from dsf_sym import (
    Const,
    Gate,
    Negative,
    Positive,
    Real,
    Scalar,
    State,
    Unit,
    Vec,
    concat,
    exp,
    layer,
    log,
    outer,
    scale,
    sigmoid,
    softplus,
    sqrt,
    sum,
    tanh,
)
from dsf_sym.automata import closure
from dsf_sym.automata.run import outputs_on
from dsf_sym.certificates.checkers import recheck
from dsf_sym.deciding import intertwine
from dsf_sym.deciding.decide import compare
from dsf_sym.derivation.derive import derive
from dsf_sym.errors import DomainError, NotAffine, ShapeError, SizeError, UnknownName

POSITIVE = ("proved", "conditional")


def decided(a, b, **options):
    """The verdict, its certificate checked again."""
    verdict = compare(a, b, **options)
    if verdict.status in POSITIVE:
        assert "for all lengths" in recheck(verdict.certificate)
    if verdict.status == "refuted":
        assert "!=" in recheck(verdict.certificate)
        assert no_shorter_prefix_differs(verdict)
    return verdict


def no_shorter_prefix_differs(verdict):
    """The witness shows its first difference at its last token."""
    from dsf_sym.certificates.certificate import layers_of

    witness = verdict.witness
    pair, sizes = layers_of(verdict.certificate), verdict.sizes
    (a, b), scalars = outputs_on(pair, witness.tokens, witness.constants, sizes, 256)
    differ = [
        any(scalars.differ(p, q) for p, q in zip(y, z, strict=True))
        for y, z in zip(a, b, strict=True)
    ]
    return differ == [False] * (witness.length - 1) + [True]


def test_the_bound_is_tight():
    """Two layers of one state that agree for two tokens and differ at the third: n + n' + 1."""
    verdict = decided(layers.half, layers.third)
    assert verdict.status == "refuted"
    assert verdict.witness.length == 3


def test_the_witness_of_the_tight_example_by_hand():
    (a, b, c) = (x["u"][0] for x in compare(layers.half, layers.third).witness.tokens)
    h = g = Fraction(0)
    shown = []
    for u in (a, b, c):
        shown.append((h, g))
        h, g = h / 2 + u, g / 3 + u
    assert shown[0][0] == shown[0][1] and shown[1][0] == shown[1][1]
    assert shown[2][0] != shown[2][1]


def test_a_delay_line_differs_from_nothing_as_late_as_it_can():
    """Three numbers handed on, against no state at all: 3 + 0 + 1 tokens."""

    @layer
    def line(a: State["1"], b: State["1"], c: State["1"], u: Vec["1"]):
        return u, a, b, c

    @layer
    def silent(u: Vec["1"]):
        return (0 * u,)

    @layer
    def longer(a: State["1"], b: State["1"], c: State["1"], d: State["1"], u: Vec["1"]):
        return u, a, b, c, d

    assert decided(line, silent).witness.length == 4
    assert decided(line, longer).witness.length == 4
    assert decided(longer, silent).witness.length == 5


def test_equal_layers_of_one_shape_are_proved_for_all_sizes():
    verdict = decided(layers.gated_delta, layers.gated_delta_transposed)
    assert (verdict.status, verdict.sizes, verdict.exit_code) == ("proved", None, 0)
    assert verdict.certificate["kind"] == "intertwiner"


def test_equal_layers_of_other_states_are_proved_at_sizes():
    verdict = decided(layers.gated_delta, layers.gated_delta_in_two, sizes={"n": 1, "d": 3})
    assert (verdict.status, verdict.sizes) == ("proved", {"n": 1, "d": 3})
    assert verdict.certificate["kind"] == "closed subspace"


def test_a_gain_moves_from_input_to_readout_through_fractions_of_the_weights():
    for a, b in [
        (layers.gain_in, layers.gain_out),
        (layers.learned_decay, layers.learned_decay_out),
    ]:
        verdict = decided(a, b)
        assert verdict.status == "proved"
    basis = compare(layers.gain_in, layers.gain_out).certificate["basis"]
    assert any(isinstance(x, dict) for row in basis for x in row.values())


def test_a_gain_with_a_denominator():
    @layer
    def plain(S: State["n"], v: Vec["n"], g: Const[Positive["n"]], alpha: Gate):
        S = alpha * S + v
        return S, g * S

    assert decided(layers.gain_over, plain).status == "proved"

    @layer
    def wrong(S: State["n"], v: Vec["n"], g: Const[Positive["n"]], alpha: Gate):
        S = alpha * S + v
        return S, S / g

    assert decided(layers.gain_over, wrong).status == "refuted"


def test_a_learned_matrix_on_both_sides():
    @layer
    def inside(S: State["n"], v: Vec["n"], W: Const[Real["n", "n"]], alpha: Gate):
        S = alpha * S + W @ v
        return S, S

    @layer
    def outside(S: State["n"], v: Vec["n"], W: Const[Real["n", "n"]], alpha: Gate):
        S = alpha * S + v
        return S, W @ S

    @layer
    def turned(S: State["n"], v: Vec["n"], W: Const[Real["n", "n"]], alpha: Gate):
        S = alpha * S + v
        return S, S @ W

    assert decided(inside, outside).status == "proved"
    assert decided(inside, turned).status == "refuted"
    assert decided(inside, turned, sizes={"n": 1}).status == "proved"


@pytest.mark.parametrize("pair", ["generators", "roots"])
def test_gates_through_functions_are_proved(pair):
    assert decided(*layers.PAIRS[pair]).status == "proved"


BALLS = {
    "exp of softplus": (layers.exp_gate, layers.exp_gate_plain),
    "sigmoid of the other sign": (layers.sigmoid_gate, layers.one_minus_sigmoid),
}


@pytest.mark.parametrize("name", BALLS)
def test_gates_that_differ_are_refuted_by_balls_that_do_not_meet(name):
    verdict = decided(*BALLS[name])
    assert verdict.status == "refuted" and verdict.witness.length == 2
    left, right = verdict.witness.outputs
    assert left != right and any("+/-" in x for x in (*left, *right))


def test_a_ball_witness_by_python():
    verdict = compare(layers.exp_gate, layers.exp_gate_plain, sizes={"n": 1})
    h = g = 0.0
    for token in verdict.witness.tokens:
        x, v = float(token["x"][0]), float(token["v"][0])
        h = np.exp(-np.log1p(np.exp(x))) * h + v
        g = np.exp(-np.exp(x)) * g + v
    assert abs(h - g) > 1e-6
    for shown, value in zip(verdict.witness.outputs, (h, g), strict=True):
        middle = shown[0].strip("[").split(" ")[0]
        assert float(middle) == pytest.approx(value, rel=1e-12)


FALSE = {
    "exp of a sum of logs": (
        lambda v, x: exp(sum(log(x))) * v,
        lambda v, x: sum(x) * v,
    ),
    "log of a sum of exps": (lambda v, x: log(sum(exp(x))) * v, lambda v, x: sum(x) * v),
    "inverse of one and a sum of exps": (
        lambda v, x: v / (1 + sum(exp(x))),
        lambda v, x: sigmoid(-sum(x)) * v,
    ),
    "exp of a sum of softplus": (
        lambda v, x: exp(sum(softplus(x))) * v,
        lambda v, x: (1 + exp(sum(x))) * v,
    ),
    "a size lost in a quotient": (lambda v, x: (x @ (1 / x)) * v, lambda v, x: v),
    "a size lost in exponentials": (lambda v, x: (exp(x) @ exp(-x)) * v, lambda v, x: v),
    "half a log and back": (
        lambda v, x: sum(exp(log(x) / 2) * exp(-log(x) / 2)) * v,
        lambda v, x: sum(1 / x) * v,
    ),
    "concat of concats": (
        lambda v, x: (concat(concat(x, v), x) @ concat(x, concat(v, x))) * v,
        lambda v, x: (v @ v) * v,
    ),
    "root of a sum": (lambda v, x: sqrt(sum(x)) * v, lambda v, x: sum(sqrt(x)) * v),
    "tanh of a sum": (lambda v, x: tanh(sum(x)) * v, lambda v, x: sum(tanh(x)) * v),
}


def with_output(build):
    @layer
    def made(S: State["n"], v: Vec["n"], x: Positive["n"]):
        return S + v, build(v, x)

    return made


@pytest.mark.parametrize("name", FALSE)
def test_false_identities_of_functions_are_refuted(name):
    a, b = (with_output(build) for build in FALSE[name])
    assert decided(a, b, sizes={"n": 2}).status == "refuted"
    assert decided(a, a).status == "proved"


def test_the_sign_of_a_root_over_negatives():
    @layer
    def quotient(S: State["n"], v: Vec["n"], x: Negative, y: Negative):
        return S + v, sqrt(x / y) * S

    @layer
    def product(S: State["n"], v: Vec["n"], x: Negative, y: Negative):
        return S + v, sqrt(x * y) / y * S

    @layer
    def minus(S: State["n"], R: State["n"], v: Vec["n"], x: Negative, y: Negative):
        return S + v / 2, R + v / 2, sqrt(x / y) * sqrt(x / y) * (S + R)

    @layer
    def square(S: State["n"], v: Vec["n"], x: Negative, y: Negative):
        return S + v, x / y * S

    assert decided(quotient, product).status == "refuted"
    assert decided(minus, square).status == "proved"


def test_a_root_that_the_search_s_field_lacks():
    @layer
    def one(S: State["n"], v: Vec["n"]):
        return S + v, S / sqrt(3)

    @layer
    def two(S: State["n"], R: State["n"], v: Vec["n"]):
        return S + v, R + v, (S + R) / (2 * sqrt(3))

    @layer
    def other(S: State["n"], R: State["n"], v: Vec["n"]):
        return S + v, R + v, (S + R) / (2 * sqrt(5))

    assert decided(one, two).status == "proved"
    assert decided(one, other).status == "refuted"


def test_roots_of_related_radicands():
    """sqrt(x) and sqrt(1 + x) at one token must be roots of the same x."""

    @layer
    def squared(S: State["n"], R: State["n"], v: Vec["n"], x: Positive):
        return S + v, R + v, sqrt(x) * sqrt(x) * S + sqrt(1 + x) * R

    @layer
    def plain(S: State["n"], v: Vec["n"], x: Positive):
        return S + v, x * S + sqrt(1 + x) * S

    for seed in range(5):
        assert decided(squared, plain, seed=seed).status == "proved"


def test_a_unit_key_makes_normalisation_void():
    assert decided(layers.unit_delta, layers.unit_delta_normalised).status == "proved"

    @layer
    def free(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], beta: Gate):
        S = S - beta * outer(k, k @ S) / (1 + k @ k) * 2 + beta * outer(k, v)
        return S, q @ S

    @layer
    def same_for_unit(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], beta: Gate):
        S = S - beta * outer(k, k @ S) + beta * outer(k, v)
        return S, q @ S

    assert decided(free, same_for_unit).status == "refuted"
    assert decided(free, layers.unit_delta).status == "proved"


@pytest.mark.parametrize("n", [1, 2, 3])
def test_unit_keys_at_sizes(n):
    """With two states no map between states proves it: the sphere is parametrised."""

    @layer
    def in_two(
        S: State["n", "d"], R: State["n", "d"], q: Vec["n"], k: Unit["n"], v: Vec["d"], beta: Gate
    ):
        S = S - beta * outer(k, k @ S) + beta * outer(k, v) / 2
        R = R - beta * outer(k, k @ R) * (k @ k) + beta * outer(k, v) / 2
        return S, R, q @ (S + R)

    @layer
    def wrong(
        S: State["n", "d"], R: State["n", "d"], q: Vec["n"], k: Unit["n"], v: Vec["d"], beta: Gate
    ):
        S = S - beta * outer(k, k @ S) + beta * outer(k, v) / 2
        R = R - beta * outer(k, k @ R) * sum(k * k * k) + beta * outer(k, v) / 2
        return S, R, q @ (S + R)

    at = {"n": n, "d": 1}
    assert decided(layers.unit_delta, in_two, sizes=at).status == "proved"
    assert decided(layers.unit_delta, wrong, sizes=at).status == "refuted"


def test_signs_of_a_unit_vector_of_size_one_are_letters_that_share_one_space():
    """Equal on all-positive and on all-negative sequences, and different on (-1, 1)."""
    found = Counter()
    for seed in range(12):
        verdict = decided(layers.after_minus, layers.nothing, sizes={"n": 1}, seed=seed)
        found[verdict.status, verdict.witness.length] += 1
        signs = [token["k"][0] for token in verdict.witness.tokens]
        assert signs == [-1, 1]
    assert found == {("refuted", 2): 12}
    assert zero_on_one_sign(+1) and zero_on_one_sign(-1)


def zero_on_one_sign(sign):
    tokens = [{"k": [Fraction(sign)], "v": [Fraction(i + 1)]} for i in range(5)]
    layer_outputs, _ = outputs_on([layers.after_minus], tokens, {}, {"n": 1}, 64)
    return not any(y for (y,) in layer_outputs[0])


def test_a_word_of_letters_of_two_unit_vectors():
    """Only the word (-, .) (+, -) (-, +) shows the difference."""

    @layer
    def word(S: State["n"], R: State["n"], k: Unit["n"], q: Unit["n"], v: Scalar):
        new = R + (1 + k) / 2 * (1 - q) / 2 * S
        return S + (1 - k) / 2 * v, new, (1 - k) / 2 * (1 + q) / 2 * R

    @layer
    def silent(S: State["n"], R: State["n"], k: Unit["n"], q: Unit["n"], v: Scalar):
        new = R + (1 + k) / 2 * (1 - q) / 2 * S
        return S + (1 - k) / 2 * v, new, 0 * R

    for seed in range(4):
        verdict = decided(word, silent, sizes={"n": 1}, seed=seed)
        assert (verdict.status, verdict.witness.length) == ("refuted", 3)
        k = [int(t["k"][0]) for t in verdict.witness.tokens]
        q = [int(t["q"][0]) for t in verdict.witness.tokens]
        assert (k, q[1:]) == ([-1, 1, -1], [-1, 1])


def test_equal_only_over_signs():
    """k_i k_i = 1 at size 1: a product of keys is no news, a single key is."""

    @layer
    def squared(S: State["n"], k: Unit["n"], v: Vec["n"]):
        S = k * k * S + v
        return S, S

    @layer
    def plain(S: State["n"], k: Unit["n"], v: Vec["n"]):
        S = S + v
        return S, S

    @layer
    def flipped(S: State["n"], k: Unit["n"], v: Vec["n"]):
        S = k * S + v
        return S, S

    assert decided(squared, plain, sizes={"n": 1}).status == "proved"
    assert decided(squared, plain, sizes={"n": 2}).status == "refuted"
    assert decided(flipped, plain, sizes={"n": 1}).status == "refuted"


@pytest.mark.parametrize("seed", range(4))
def test_a_constant_of_unit_norm_and_size_one_has_one_sign_for_ever(seed):
    @layer(start={"S": "S0"})
    def begins(S: State["n"], S0: Const[Unit["n"]]):
        return S, sum(S)

    @layer(start={"S": "S0"})
    def one(S: State["n"], S0: Const[Unit["n"]]):
        return S, 1

    verdict = decided(begins, one, sizes={"n": 1}, seed=seed)
    assert verdict.status == "refuted"
    assert verdict.witness.constants["S0"] == [-1]


def test_a_gain_of_constant_sign_moves_from_input_to_readout():
    @layer
    def plain(S: State["n"], w: Const[Unit["n"]], v: Vec["n"]):
        S = S + v
        return S, S

    @layer
    def twice(S: State["n"], w: Const[Unit["n"]], v: Vec["n"]):
        S = S + w * v
        return S, w * S

    assert decided(plain, twice, sizes={"n": 2}).status == "refuted"
    assert compare(plain, twice, sizes={"n": 1}).status in ("proved", "undecided")


def test_learned_starts():
    assert decided(layers.learned_start, layers.learned_start_twice).status == "proved"
    verdict = decided(layers.learned_start, layers.no_start)
    assert (verdict.status, verdict.witness.length) == ("refuted", 1)
    assert any(verdict.witness.constants["S0"])


def test_learned_starts_that_move_with_the_weights():
    @layer(start={"S": "S0", "R": "S0"})
    def in_two(S: State["n"], R: State["n"], S0: Const[Vec["n"]], v: Vec["n"], alpha: Gate):
        S, R = alpha * S + v, alpha * R
        return S, R, S + 2 * R

    @layer(start={"S": "S0"})
    def three(S: State["n"], S0: Const[Vec["n"]], v: Vec["n"], alpha: Gate):
        S = alpha * S + v / 3
        return S, 3 * S

    @layer(start={"S": "S0"})
    def two(S: State["n"], S0: Const[Vec["n"]], v: Vec["n"], alpha: Gate):
        S = alpha * S + v / 2
        return S, 2 * S

    assert decided(in_two, three).status == "proved"
    assert decided(in_two, two).status == "refuted"


def test_several_states_in_any_order():
    @layer
    def swapped(R: State["m"], S: State["n"], v: Vec["n"], w: Vec["m"], alpha: Gate, beta: Gate):
        R, S = beta * R + w, alpha * S + v
        return R, S, concat(S, R)

    assert decided(layers.two_memories, swapped).sizes is None
    crossed = layers.two_memories.given(alpha="beta", beta="alpha")
    assert decided(layers.two_memories, crossed).status == "refuted"


def test_many_states_of_one_shape_do_not_make_the_search_factorial(monkeypatch):
    tried = []

    def count(a, b, maps):
        tried.append(maps)
        return maps

    monkeypatch.setattr(intertwine, "_rescale", count)
    monkeypatch.setattr(intertwine, "mismatch", lambda *_: "no")
    eight = random_affine(random.Random(0), 8, 1).layer("eight")
    assert intertwine.find_intertwiner(eight, eight) is None
    assert 1 <= len(tried) <= 100


def test_joined_states():
    tied = layers.two_memories.given(beta="alpha")
    for sizes in ({"n": 1, "m": 2}, {"n": 2, "m": 1}):
        assert decided(layers.joined_memory, tied, sizes=sizes).status == "proved"
    verdict = decided(layers.joined_memory, layers.two_memories)
    assert (verdict.status, verdict.witness.length) == ("refuted", 2)


def test_a_step_that_reads_the_other_new_state_is_told_apart():
    @layer
    def after(S: State["n"], R: State["n"], v: Vec["n"]):
        S = S + v
        R = R + S
        return S, R, R

    @layer
    def before(S: State["n"], R: State["n"], v: Vec["n"]):
        return S + v, R + S, R + S

    verdict = decided(after, before)
    assert (verdict.status, verdict.witness.length) == ("refuted", 1)


def test_layers_without_states():
    @layer
    def pointwise(q: Vec["n"], v: Vec["n"]):
        return (q * v + v * q,)

    @layer
    def other(q: Vec["n"], v: Vec["n"]):
        return (2 * q * v,)

    @layer
    def wrong(q: Vec["n"], v: Vec["n"]):
        return (2 * q * q,)

    assert decided(pointwise, other).sizes is None
    assert decided(pointwise, wrong).witness.length == 1


def test_a_state_and_a_signal_of_one_name_are_two_things():
    @layer
    def remembers(S: State["n"], v: Vec["n"]):
        return S + v, S

    @layer
    def shows(H: State["n"], v: Vec["n"], S: Vec["n"]):
        return H + v, S

    for a, b in ((remembers, shows), (shows, remembers)):
        verdict = decided(a, b)
        assert (verdict.status, verdict.witness.length) == ("refuted", 1)


ALL = {
    **layers.PAIRS,
    "tight": (layers.half, layers.third),
    "start": (layers.learned_start, layers.no_start),
    "joined": (layers.joined_memory, layers.two_memories),
    "sign": (layers.sigmoid_gate, layers.one_minus_sigmoid),
    "learned": (layers.learned_decay, layers.learned_decay_out),
}


@pytest.mark.parametrize("name", ALL)
def test_the_order_of_the_layers_does_not_matter(name):
    a, b = ALL[name]
    sizes = layers.SIZES.get(name)
    one, other = decided(a, b, sizes=sizes), decided(b, a, sizes=sizes)
    assert (one.status, one.sizes) == (other.status, other.sizes)
    if one.witness:
        assert one.witness.length == other.witness.length


@pytest.mark.parametrize("name", ALL)
def test_the_seed_does_not_matter(name):
    a, b = ALL[name]
    verdicts = [decided(a, b, sizes=layers.SIZES.get(name), seed=seed) for seed in range(5)]
    found = {(v.status, v.witness.length if v.witness else None) for v in verdicts}
    assert len(found) == 1
    assert {v.status for v in verdicts} <= {"proved", "conditional", "refuted"}


def test_the_verdicts_of_the_pairs_are_of_every_kind():
    statuses = {compare(*ALL[name], sizes=layers.SIZES.get(name)).status for name in ALL}
    assert statuses == {"proved", "conditional", "refuted"}


def test_outputs_of_other_shapes_are_refused():
    @layer
    def wide(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
        S = S + outer(k, v)
        return S, S

    with pytest.raises(ShapeError, match=r"different outputs: \[d\] and \[n, d\]"):
        compare(layers.scalar_gated, wide)


def test_size_names_are_unified():
    @layer
    def other_names(S: State["K", "V"], q: Vec["K"], k: Vec["K"], v: Vec["V"], alpha: Gate):
        S = alpha * S + outer(k, v)
        return S, q @ S

    verdict = decided(layers.scalar_gated, other_names)
    assert verdict.status in POSITIVE and verdict.sizes is None
    assert {"K = n", "V = d"} == {x.split("size ")[-1] for x in verdict.question.bridges}

    @layer
    def turned(S: State["V", "K"], q: Vec["K"], k: Vec["K"], v: Vec["V"], alpha: Gate):
        S = alpha * S + outer(v, k)
        return S, S @ q

    assert decided(layers.scalar_gated, turned).status in POSITIVE
    wrong = other_names.given(q="k", k="q")
    assert decided(layers.scalar_gated, wrong, sizes={"n": 2, "d": 1}).status == "refuted"


def test_a_bridge_makes_a_proof_conditional_and_a_tie_does_not():
    bridged = decided(layers.gla, layers.scalar_gated)
    assert (bridged.status, bridged.exit_code) == ("conditional", 4)
    assert bridged.conditions and "alpha" in bridged.conditions[0]
    assert bridged.question.given == ()

    renamed = layers.scalar_gated.given(alpha="a", a=Gate)
    tied = decided(layers.gla, renamed, given=["alpha = a"])
    assert (tied.status, tied.exit_code) == ("proved", 0)
    assert tied.question.given == ("alpha = a",)
    assert decided(layers.gla, renamed, given=["alpha = a * a"]).status == "refuted"
    assert decided(layers.gla, renamed).status == "refuted"


def test_a_bridge_does_not_hide_a_difference():
    @layer
    def late(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate):
        S = alpha * (S + outer(k, v))
        return S, q @ S

    assert decided(layers.gla, late).status == "refuted"


def test_a_token_meets_a_constant_by_a_bridge():
    @layer
    def fixed(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Const[Gate]):
        S = alpha * S + outer(k, v)
        return S, q @ S

    verdict = decided(layers.scalar_gated, fixed)
    assert verdict.status == "conditional"
    assert "same for every token" in verdict.conditions[0]


def test_a_tie_on_one_layer_only():
    ungated = layers.scalar_gated.given(alpha=1, name="ungated")
    assert decided(layers.scalar_gated, ungated).status == "refuted"
    verdict = decided(layers.scalar_gated, ungated, given=["scalar_gated.alpha = 1"])
    assert verdict.status == "proved"


def test_shapes_that_cannot_be_bridged_are_signals_of_their_own():
    @layer
    def vector(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate["d"]):
        S = scale(alpha, S, axis="d") + outer(k, v)
        return S, q @ S

    verdict = compare(layers.gla, vector)
    assert verdict.status == "refuted"
    assert verdict.question.bridges == ("vector.alpha is a signal of its own, alpha_vector",)
    tied = compare(layers.gla, vector, given=["gla.alpha = 1", "vector.alpha = 1"])
    assert tied.status == "proved"


def domain_pair():
    @layer
    def gate(S: State["n"], v: Vec["n"], a: Gate):
        S = a * S + v
        return S, S

    @layer
    def positive(S: State["n"], v: Vec["n"], a: Positive):
        S = exp(log(a)) * S + v
        return S, S

    @layer
    def negative(S: State["n"], v: Vec["n"], a: Negative):
        S = a * S + v
        return S, S

    return gate, positive, negative


def test_layers_are_compared_where_both_are_defined():
    gate, positive, _ = domain_pair()
    verdict = decided(gate, positive)
    assert verdict.status == "proved"
    assert verdict.question.domains == ("a in (0, 1]",)
    highs = {
        s["high"] for x in verdict.certificate["layers"] for s in x["signals"] if s["name"] == "a"
    }
    assert highs == {"1"}
    refuted = decided(gate.given(v="2 * v"), positive)
    assert all(0 < t["a"][0] <= 1 for t in refuted.witness.tokens)


def test_a_comparison_that_would_hold_vacuously_is_refused():
    gate, _, negative = domain_pair()
    with pytest.raises(DomainError, match=r"share no value of a.*vacuously"):
        compare(gate, negative)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_unit_vector_with_positive_entries(n):
    @layer
    def unit(S: State["n"], k: Unit["n"], v: Scalar):
        S = S + k * v
        return S, S

    @layer
    def doubled(S: State["n"], k: Positive["n"], v: Scalar):
        S = S + 2 * k * v
        return S, S

    verdict = decided(unit, doubled, sizes={"n": n})
    assert verdict.status == "refuted"
    for token in verdict.witness.tokens:
        assert all(x > 0 for x in token["k"]) and np.dot(token["k"], token["k"]) == 1


def test_a_positive_unit_number_is_one():
    @layer
    def unit(S: State["n"], k: Unit["n"], v: Scalar):
        S = S + k * v
        return S, S

    @layer
    def ignores(S: State["n"], k: Positive["n"], v: Scalar):
        S = S + v
        return S, S

    assert decided(unit, ignores, sizes={"n": 1}).status == "proved"
    assert decided(unit, ignores, sizes={"n": 2}).status == "refuted"


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"n": 0}, "n=0: a size is a whole number of at least 1"),
        ({"n": -1}, "n=-1"),
        ({"d": 2.5}, "d=2.5"),
        ({"d": "2"}, "d=2"),
        ({"m": 2}, "no size 'm' here; the sizes are n, d"),
    ],
)
def test_bad_sizes_are_refused(sizes, message):
    with pytest.raises(SizeError, match=message):
        compare(layers.gated_delta, layers.gated_delta_in_two, sizes=sizes)


def test_a_decision_that_needs_too_much_memory_is_refused_before_it_starts(monkeypatch):
    monkeypatch.setattr(closure, "_memory", lambda: 1 << 20)

    def never(*_, **__):
        raise AssertionError("the work started")

    with monkeypatch.context() as patch:
        patch.setattr(closure, "engine", never)
        with pytest.raises(SizeError, match=r"dimension 1201, about 0.2 GiB.*has 0.0 GiB free"):
            compare(layers.gated_delta, layers.gated_delta_in_two, sizes={"n": 20, "d": 20})
    assert decided(layers.gated_delta, layers.gated_delta_in_two).status == "proved"


def test_a_proof_for_all_sizes_needs_no_memory(monkeypatch):
    monkeypatch.setattr(closure, "_memory", lambda: 1)
    verdict = compare(layers.gated_delta, layers.gated_delta_transposed, sizes={"n": 500})
    assert verdict.status == "proved"


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda S, v: S * S + v, "S * S"),
        (lambda S, v: tanh(S) + v, "tanh(S)"),
        (lambda S, v: S * (S @ v), "S"),
        (lambda S, v: v / (1 + exp(S)), "S"),
        (lambda S, v: outer(S, S) @ v, "outer(S, S)"),
    ],
)
def test_a_step_that_is_not_affine_is_refused_with_the_term(build, named):
    @layer
    def bent(S: State["n"], v: Vec["n"]):
        return build(S, v), S

    with pytest.raises(NotAffine, match="bent: the new S is not affine") as caught:
        derive(bent)
    assert named in str(caught.value)


def test_an_output_that_is_not_affine_is_refused():
    @layer
    def squared(S: State["n"], v: Vec["n"], alpha: Gate):
        S = alpha * S + v
        return S, S * S

    with pytest.raises(NotAffine, match="squared: the output is not affine"):
        derive(squared)
    assert compare(layers.no_start, squared).status == "refuted"


def test_an_unknown_signal_in_given_is_refused_with_the_nearest():
    with pytest.raises(UnknownName, match="did you mean alpha"):
        compare(layers.gla, layers.scalar_gated, given=["alhpa = 1"])


def test_what_the_generators_cannot_tell_is_undecided_and_never_refuted():
    """exp(x / 2)^2 = exp(x) where no map between states shows it: true, and so never refuted."""

    @layer
    def halves(S: State["n"], v: Vec["n"], x: Real):
        return S + v, exp(x / 2) * (exp(x / 2) * S)

    @layer
    def in_two(S: State["n"], R: State["n"], v: Vec["n"], x: Real):
        return S + v / 2, R + v / 2, exp(x) * (S + R)

    verdict = compare(halves, in_two)
    assert verdict.status in ("undecided", "proved")
    if verdict.status == "undecided":
        assert (verdict.exit_code, verdict.certificate) == (3, None)
        assert verdict.remains
