"""What the catalogue's layers are to each other: known relations, and the errors made in them."""

import pytest

from dsf_sym import (
    Const,
    Gate,
    Negative,
    Positive,
    Scalar,
    State,
    Unit,
    Vec,
    catalogue,
    compare,
    concat,
    contains,
    einsum,
    elu,
    exp,
    eye,
    layer,
    ones,
    outer,
    recheck,
    scale,
    sigmoid,
    sqrt,
)
from dsf_sym.errors import DomainError

CATALOGUE = catalogue()


def verdict_of(a, b, *given, **options):
    """The verdict on two layers or names, its certificate checked again."""
    a, b = (CATALOGUE[x] if isinstance(x, str) else x for x in (a, b))
    verdict = compare(a, b, given=given, **options)
    if verdict.certificate is not None:
        recheck(verdict.certificate)
    return verdict


def status(a, b, *given, **options):
    return verdict_of(a, b, *given, **options).status


SSD_GATE = ["scalar_gated.alpha = exp(Delta * A)"]
DELTA_RULE = ["dplr.b = -beta * k", "dplr.k = beta * k"]
EQUAL = [
    ("linear_attention", "scalar_gated", ["alpha = 1"]),
    ("retnet", "scalar_gated", ["scalar_gated.alpha = alpha"]),
    ("retnet", "ssd", ["retnet.alpha = exp(A)", "Delta = 1", "D = 0"]),
    ("scalar_gated", "gla", ["gla.alpha = alpha"]),
    ("ssd", "scalar_gated", [*SSD_GATE, "scalar_gated.k = Delta * k", "D = 0"]),
    ("ssd", "s6", ["s6.A = A", "s6.Delta = Delta", "s6.D = D"]),
    ("hgrn2", "gla", ["gla.k = 1 - alpha"]),
    ("gated_deltanet", "deltanet", ["alpha = 1"]),
    ("kda", "gated_deltanet", ["kda.alpha = alpha"]),
    ("kda", "deltanet", ["alpha = 1"]),
    ("kda", "dplr", ["dplr.a = alpha * k", *DELTA_RULE]),
    ("deltanet", "dplr", ["dplr.alpha = 1", "dplr.a = k", *DELTA_RULE]),
    ("dplr", "gla", ["b = 0"]),
    ("rwkv6", "rwkv5", ["rwkv6.alpha = alpha"]),
    ("rwkv6", "gla", ["gla.q = q / alpha", "u = 1 / alpha"]),
    ("mingru", "qlstm", ["o = 1", "g = 1", "qlstm.v = (1 - f) * v"]),
    ("rg_lru", "qlstm", ["o = 1", "qlstm.v = sqrt(1 - f * f) * v"]),
    ("qlstm_s6", "qlstm", ["a = 1", "f = sigmoid(-z)"]),
    ("qlstm_s6", "qlstm", ["a = 2", "f = sigmoid(-z) ** 2"]),
    ("normalised_attention", "linear_attention", ["eta = 1"]),
    ("normalised_attention", "linear_attention", ["linear_attention.q = q / eta"]),
    ("normalised_attention_exp", "linear_attention", ["linear_attention.q = exp(-z) * q"]),
    ("normalised_attention_softplus", "linear_attention", ["linear_attention.q = q / softplus(z)"]),
    ("normalised_attention_sigmoid", "linear_attention", ["linear_attention.q = q / sigmoid(z)"]),
]


@pytest.mark.parametrize(("a", "b", "given"), EQUAL)
def test_equal_for_all_sizes(a, b, given):
    verdict = verdict_of(a, b, *given)
    assert (verdict.status, verdict.sizes, verdict.conditions) == ("proved", None, ())


CONDITIONAL = [
    ("scalar_gated", "gla", "gla.alpha is scalar_gated's alpha, repeated"),
    ("kda", "gated_deltanet", "kda.alpha is gated_deltanet's alpha, repeated"),
    ("rwkv6", "rwkv5", "rwkv6.alpha is rwkv5's alpha, the same for every token"),
    ("retnet", "scalar_gated", "scalar_gated.alpha is retnet's alpha, the same for every token"),
]


@pytest.mark.parametrize(("a", "b", "condition"), CONDITIONAL)
def test_equal_if_a_gate_is_tied(a, b, condition):
    verdict = verdict_of(a, b)
    assert (verdict.status, verdict.conditions) == ("conditional", (condition,))


DIFFERENT = [
    # Neither Δ in the input nor the skip may be dropped.
    ("ssd", "scalar_gated", [*SSD_GATE, "D = 0"], 1),
    ("ssd", "scalar_gated", [*SSD_GATE, "scalar_gated.k = Delta * k"], 1),
    # The key is what the gate leaves, not the gate.
    ("hgrn2", "gla", ["gla.k = alpha"], 1),
    # In KDA the correction reads the decayed state, in DPLR the one before.
    ("kda", "dplr", ["dplr.a = k", *DELTA_RULE], 2),
    # A gate on what is forgotten is not the decay of a free write.
    ("gated_deltanet", "deltanet", [], 2),
    ("gated_deltanet", "scalar_gated", ["scalar_gated.k = beta * k"], 2),
    # RWKV-6 reads the old state and has a bonus: without the feed-through it is no GLA.
    ("rwkv6", "gla", [], 1),
    ("rwkv6", "gla", ["gla.q = q / alpha"], 1),
    # The RG-LRU is not convex: its input is scaled by √(1 - f²), minGRU's by 1 - f.
    ("rg_lru", "mingru", ["g = 1"], 1),
    # The gate that S6 gives decreases in z, and its exponent matters.
    ("qlstm_s6", "qlstm", ["a = 1", "f = sigmoid(z)"], 2),
    ("qlstm_s6", "qlstm", ["a = 2", "f = sigmoid(-z)"], 2),
    ("normalised_attention_exp", "linear_attention", [], 1),
    ("normalised_attention_exp", "normalised_attention_sigmoid", [], 1),
    ("linear_attention_normalised", "linear_attention", [], 1),
]


@pytest.mark.parametrize(("a", "b", "given", "length"), DIFFERENT)
def test_different(a, b, given, length):
    verdict = verdict_of(a, b, *given)
    assert (verdict.status, verdict.witness.length) == ("refuted", length)


def test_the_inverse_of_a_sigmoid_is_proved_at_sizes():
    """σ(z) is a letter of its own in the index terms, and the field of e^z only at sizes."""
    tie = "linear_attention.q = (1 + exp(-z)) * q"
    verdict = verdict_of("normalised_attention_sigmoid", "linear_attention", tie)
    assert (verdict.status, verdict.sizes) == ("proved", {"n": 2, "d": 2})


def test_a_tie_may_not_leave_the_domain():
    """1 - f is 0 at f = 1, and gates exclude 0: the value carries it instead."""
    with pytest.raises(DomainError, match=r"g must lie in \(0, 1\], the tie lies in \[0, 1\)"):
        status("mingru", "qlstm", "o = 1", "g = 1 - f")


@layer
def zero_order_hold(
    h: State["d", "n"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    Delta: Positive["d"],
    A: Const[Negative["d", "n"]],
    D: Const[Vec["d"]],
):
    decay = exp(scale(Delta, A, axis="d"))
    h = decay * h + (decay - 1) / A * outer(v, k)
    return h, h @ q + D * v


def test_s6_has_the_hold_for_its_decay_and_euler_for_its_input():
    assert status("s6", zero_order_hold) == "refuted"


def test_s6_is_gated_linear_attention_channel_by_channel():
    s6 = CATALOGUE["s6"]
    ties = {
        "gla.alpha": exp(einsum("a,ab->b", s6["Delta"], s6["A"])),
        "gla.k": s6["Delta"].sum() * s6["k"],
        "D": 0,
    }
    assert compare(s6, CATALOGUE["gla"], given=ties, sizes={"d": 1, "n": 3}).status == "proved"
    assert compare(s6, CATALOGUE["gla"], given=ties, sizes={"d": 2, "n": 3}).status == "refuted"


@layer
def gla_with_bonus(
    S: State["n", "d"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    alpha: Gate["n"],
    u: Const[Vec["n"]],
):
    """GLA read with q / α, plus the feed-through that makes up for what the new state holds."""
    S = scale(alpha, S) + outer(k, v)
    return S, (q / alpha) @ S + (q @ ((u - 1 / alpha) * k)) * v


def test_rwkv6_is_gla_read_through_the_inverse_decay_plus_a_feed_through():
    verdict = verdict_of("rwkv6", gla_with_bonus)
    assert (verdict.status, verdict.sizes) == ("proved", None)
    assert status("rwkv5", gla_with_bonus, "gla_with_bonus.alpha = alpha") == "proved"


@layer
def read_after(a: State["d"], b: State["d"], p: Vec["d"], v: Vec["d"], w: Const[Negative["d"]]):
    """RWKV-4 with its readout after the update."""
    a, b = exp(w) * a + exp(p) * v, exp(w) * b + exp(p)
    return a, b, a / b


def test_rwkv4_reads_before_the_update():
    assert verdict_of("rwkv4", read_after).witness.length == 2
    assert status("rwkv4", read_after, "c = 0") == "refuted"
    assert status("rwkv4", read_after, "c = -w") == "proved"


@layer
def decayed_sums(
    a: State["d"],
    b: State["d"],
    p: Vec["d"],
    v: Vec["d"],
    w: Const[Negative["d"]],
    c: Const[Vec["d"]],
):
    """RWKV-4 whose states are e^{-w} times those of the reference."""
    y = (exp(w) * a + exp(c + p) * v) / (exp(w) * b + exp(c + p))
    return exp(w) * a + exp(p - w) * v, exp(w) * b + exp(p - w), y


@layer
def decayed_and_weighed(
    a: State["d"],
    b: State["d"],
    p: Vec["d"],
    v: Vec["d"],
    w: Const[Negative["d"]],
    c: Const[Vec["d"]],
):
    """The same, with both readouts divided by e^{c + p}."""
    m = exp(w - c - p)
    return exp(w) * a + exp(p - w) * v, exp(w) * b + exp(p - w), (m * a + v) / (m * b + 1)


def test_rwkv4_in_another_gauge():
    assert status("rwkv4", decayed_sums) == "proved"
    # Here numerators differ as well, and the basis of the product's subspace has entries in e^w,
    # which is not searched for. The map between the states is.
    assert status("rwkv4", decayed_and_weighed) == "proved"


@layer
def what_is_missing_decays(h: State["d"], f: Gate["d"]):
    """A convex average of ones: 1 - h_i = f_i (1 - h_{i-1})."""
    h = 1 - f * (1 - h)
    return h, h


def test_mingru_averages_and_the_rg_lru_does_not():
    assert status(CATALOGUE["mingru"].given(v=1), what_is_missing_decays) == "proved"
    assert status(CATALOGUE["rg_lru"].given(v=1, g=1), what_is_missing_decays) == "refuted"


@layer
def minlstm(h: State["d"], v: Vec["d"], x: Vec["d"], z: Vec["d"]):
    f, g = sigmoid(x), sigmoid(z)
    h = f / (f + g) * h + g / (f + g) * v
    return h, h


def test_minlstm_is_mingru_with_normalised_gates():
    assert status(minlstm, "mingru", "mingru.f = 1 / (1 + sigmoid(z) / sigmoid(x))") == "proved"
    assert status(minlstm, "mingru", "mingru.f = sigmoid(x)") == "refuted"


@layer
def first_token_rule(h: State["d"], c: State, v: Vec["d"], f: Gate["d"], g: Gate["d"]):
    """The RG-LRU of the authors' code: the first input is not scaled; c is 0, then always 1."""
    x = g * v
    h = f * h + x - c * (1 - sqrt(1 - f * f)) * x
    return h, 0 * c + 1, h


@layer
def free_scale(h: State["d"], v: Vec["d"], f: Gate["d"], g: Gate["d"], c: Const[Vec["d"]]):
    """The LRU's normaliser: a weight, which starts at √(1 - f²) and is then learnt."""
    h = f * h + c * (g * v)
    return h, h


def test_the_rg_lru_scales_its_input_by_its_gate_from_the_first_token_on():
    assert verdict_of("rg_lru", first_token_rule).witness.length == 1
    assert status("rg_lru", free_scale) == "refuted"
    constant = [m.given(f="x", x=Const[Gate["d"]]) for m in (CATALOGUE["rg_lru"], free_scale)]
    assert status(*constant, "c = sqrt(1 - x * x)") == "proved"


@layer
def augmented(S: State["n", "d+1"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    """Unnormalised linear attention of the values [v, 1]: their image over that of the 1."""
    S = S + outer(elu(k) + 1, concat(v, ones("1")))
    read = (elu(q) + 1) @ S
    top = read @ concat(eye("d"), 0 * ones("1", "d"))
    return S, top / (read @ concat(0 * ones("d"), ones("1")))


def test_the_normaliser_is_the_response_to_one():
    verdict = verdict_of("linear_attention_normalised", augmented, sizes={"n": 1, "d": 2})
    # The state [v, 1] has entries of any sign, so nothing shows that the last is positive.
    assert verdict.status == "conditional" and len(verdict.conditions) == 1


@layer
def with_epsilon(
    S: State["n", "d"], z: State["n"], q: Vec["n"], k: Vec["n"], v: Vec["d"], e: Const[Scalar]
):
    phi_q, phi_k = elu(q) + 1, elu(k) + 1
    S, z = S + outer(phi_k, v), z + phi_k
    return S, z, (phi_q @ S) / (phi_q @ z + e * e)


def test_packages_differ_by_their_epsilon():
    assert status("linear_attention_normalised", with_epsilon) == "refuted"
    assert status("linear_attention_normalised", with_epsilon, "e = 0") == "proved"
    assert status(with_epsilon, with_epsilon.given(e=1)) == "refuted"


CONTAINED = [
    ("kda", "gated_deltanet", {"kda.alpha = alpha"}),
    ("gated_deltanet", "deltanet", {"gated_deltanet.alpha = 1"}),
    ("kda", "deltanet", {"kda.alpha = 1"}),
    ("dplr", "gla", {"dplr.alpha = alpha", "dplr.b = 0"}),
    ("dplr", "linear_attention", {"dplr.alpha = 1", "dplr.b = 0"}),
    ("gla", "hgrn2", {"gla.k = 1 - alpha"}),
    ("s6", "ssd", {"s6.A = A", "s6.Delta = Delta"}),
    ("rwkv6", "rwkv5", {"rwkv6.alpha = alpha"}),
    ("qlstm", "mingru", {"qlstm.v = (1 - f) * v", "qlstm.g = 1", "qlstm.o = 1"}),
    ("qlstm", "rg_lru", {"qlstm.v = sqrt(1 - f * f) * v", "qlstm.g = g"}),
    ("qlstm", "qlstm_s6", {"qlstm.f = exp(-softplus(z) * a)"}),
    ("normalised_attention", "linear_attention", {"normalised_attention.eta = 1"}),
    ("normalised_attention", "normalised_attention_exp", {"normalised_attention.eta = exp(z)"}),
    ("normalised_attention_exp", "normalised_attention", {"normalised_attention_exp.z = log(eta)"}),
    ("linear_attention", "normalised_attention", {"linear_attention.q = q / eta"}),
    ("dplr", "kda", {"dplr.a = alpha * k", "dplr.b = -beta * k"}),
    ("dplr", "deltanet", {"dplr.a = k", "dplr.b = -beta * k"}),
    ("rwkv6", "retnet", {"rwkv6.q = alpha * q", "rwkv6.u = 1/(alpha)"}),
]


@pytest.mark.parametrize(("a", "b", "maps"), CONTAINED)
def test_contains(a, b, maps):
    verdict = contains(CATALOGUE[a], CATALOGUE[b])
    assert (verdict.status, verdict.sizes, verdict.conditions) == ("proved", None, ())
    assert maps <= set(verdict.question.given)
    recheck(verdict.certificate)


NOT_CONTAINED = [
    ("gla", "deltanet", "commuting transitions"),
    ("gla", "kda", "commuting transitions"),
    ("gla", "dplr", "commuting transitions"),
    ("ssd", "s6", "scalar transitions"),
    ("rwkv5", "rwkv6", "constant transitions"),
    ("retnet", "gla", "constant transitions"),
    # Neither the skip of SSD nor the weight u of RWKV can be any token's.
    ("gla", "ssd", "readout of the new state"),
    ("scalar_gated", "ssd", "readout of the new state"),
    ("rwkv6", "gla", "readout of the old state"),
    # At f = 1, or α = 1, a convex or correcting layer takes no input.
    ("mingru", "qlstm", "no write where nothing is forgotten"),
    ("hgrn2", "gla", "no write where nothing is forgotten"),
    ("kda", "gla", "no write where nothing is forgotten"),
    ("deltanet", "gated_deltanet", "transitions near the identity"),
    # Δ > 0 and A < 0 always forget.
    ("ssd", "scalar_gated", "eigenvalues below 1"),
    ("gla", "mingru", "one direction"),
    ("gla", "rwkv4", "rank of outputs"),
    ("linear_attention_normalised", "linear_attention", "averages"),
    ("rwkv4", "gla", "averages"),
    ("normalised_attention", "scalar_gated", "identity transitions"),
]


@pytest.mark.parametrize(("a", "b", "kind"), NOT_CONTAINED)
def test_does_not_contain(a, b, kind):
    verdict = contains(CATALOGUE[a], CATALOGUE[b])
    assert verdict.status == "refuted" and verdict.certificate["kind of obstruction"] == kind
    recheck(verdict.certificate)


UNDECIDED = [
    # True, by √((1 - f) / (1 + f)) ⊙ v for the value, and back by its inverse: both have a pole, or
    # a square root of 0, at f = 1, where any value does because nothing is written there.
    ("rg_lru", "mingru"),
    ("mingru", "rg_lru"),
    # False: Λ is a multiple of I plus rank one on one side, two gates or a gate a feature on the
    # other. The rank is bounded about I only, and tokens at which a gate is 1 do not tell.
    ("gated_deltanet", "kda"),
    ("gated_deltanet", "hgrn2"),
    ("kda", "hgrn2"),
    # False: one weight for all channels, or one of its own for each. Both are averages.
    ("linear_attention_normalised", "rwkv4"),
    # False: the weights are 1 + x + x²/2, which is positive, but no sum of terms that are.
    ("based", "linear_attention"),
    # Not known: each channel has its own rate, so that a token leaves more than one direction.
    ("longhorn_diagonal", "mingru"),
    # Not known: rotations by angles that the weights fix, of which 0 is one.
    ("lru", "retnet"),
]


@pytest.mark.parametrize(("a", "b"), UNDECIDED)
def test_containment_that_is_not_decided_yet(a, b):
    verdict = contains(CATALOGUE[a], CATALOGUE[b])
    assert verdict.status == "undecided" and verdict.remains


UNIT = CATALOGUE["deltanet"].given(name="unit", k="x", x=Unit["n"])
OPEN = UNIT.given(name="open_gate", beta="sigmoid(z)", z=Scalar)


def test_gla_and_deltanet_meet_where_there_is_one_feature_and_its_key_is_one():
    maps = ["gla.alpha = 1 - sigmoid(z)", "gla.k = sigmoid(z) * x"]
    assert status("gla", OPEN, *maps, sizes={"n": 1}) == "proved"
    assert verdict_of("gla", OPEN, *maps, sizes={"n": 2}).witness.length == 2
    assert contains(CATALOGUE["gla"], OPEN, sizes={"n": 1}).status == "proved"
    # With any key 1 - β k² can be negative, which no gate is.
    assert contains(CATALOGUE["gla"], CATALOGUE["deltanet"], sizes={"n": 1}).status == "refuted"
