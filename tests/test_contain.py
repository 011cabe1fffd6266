"""Containment: maps are run on random instances, obstructions are rechecked and forged."""

import copy
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from dsf_sym import Const, Gate, Scalar, State, Unit, Vec, diag, layer, outer, scale
from dsf_sym.arithmetic.poly import frac
from dsf_sym.arithmetic.universe import Universe
from dsf_sym.certificates.checkers import recheck
from dsf_sym.certificates.checkers.signs import Signs
from dsf_sym.deciding.contain import contains
from dsf_sym.deciding.obstruct import Known
from dsf_sym.errors import CertificateError, Rejected
from dsf_sym.language.domains import GATE, Domain, Interval
from dsf_sym.language.loading import catalogue
from numeric.oracle import definition

CATALOGUE = catalogue()
KNOWN = Known()


def asked(a, b, sizes=None):
    a, b = (CATALOGUE[x] if isinstance(x, str) else x for x in (a, b))
    return contains(a, b, sizes=sizes, known=KNOWN)


YES = [
    ("gla", "scalar_gated"),
    ("gla", "retnet"),
    ("gla", "hgrn2"),
    ("gla", "normalised_attention_softplus"),
    ("scalar_gated", "linear_attention"),
    ("rwkv6", "retnet"),
    ("rwkv6", "linear_attention"),
    ("dplr", "kda"),
    ("dplr", "gated_deltanet"),
    ("kda", "deltanet"),
    ("qlstm", "mingru"),
    ("qlstm", "rg_lru"),
    ("qlstm", "qlstm_s6"),
    ("s6", "ssd"),
    ("s6", "s6_softplus"),
    ("s6_softplus", "s6"),
    ("normalised_attention_exp", "normalised_attention"),
    ("normalised_attention_sigmoid", "linear_attention"),
    ("rwkv4", "rwkv4"),
    ("linear_attention_normalised", "linear_attention_normalised"),
]
NO = [
    ("gla", "deltanet", "commuting transitions"),
    ("ssd", "s6", "scalar transitions"),
    ("linear_attention", "scalar_gated", "identity transitions"),
    ("retnet", "scalar_gated", "constant transitions"),
    ("deltanet", "gated_deltanet", "transitions near the identity"),
    ("ssd", "linear_attention", "eigenvalues below 1"),
    ("kda", "dplr", "eigenvalues up to 1"),
    ("kda", "gla", "no write where nothing is forgotten"),
    ("gla", "ssd", "readout of the new state"),
    ("rwkv6", "gla", "readout of the old state"),
    ("mingru", "qlstm_s6", "constant readout"),
    ("gla", "qlstm", "one direction"),
    ("qlstm", "gla", "rank of outputs"),
    ("gla", "linear_attention_normalised", "rank of outputs"),
    ("linear_attention_normalised", "linear_attention", "averages"),
    ("rwkv4", "mingru", "averages"),
]


def function(text, names):
    """A map of `given` as a NumPy expression."""
    known = {
        "exp": np.exp,
        "log": np.log,
        "sqrt": np.sqrt,
        "sum": np.sum,
        "softplus": lambda x: np.log1p(np.exp(x)),
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    }
    return eval(text, {"__builtins__": {}}, known | names)


def drawn(rng, s, sizes):
    """Random values of a signal inside its domain."""
    x = rng.uniform(0.1, 0.9, size=[sizes[d] for d in s.dims])
    if s.domain.unit:
        return x / np.linalg.norm(x) * rng.choice([1, -1])
    low, high = s.domain.interval.low, s.domain.interval.high
    if low is None and high is None:
        return 4 * x - 2
    return -x if low is None else x


def check_maps(a, b, verdict, sizes, length=6):
    """The maps of a verdict, applied to random tokens of b, give a's outputs the values of b's."""
    rng = np.random.default_rng(0)
    texts = dict(
        given.removeprefix(f"{a.name}.").split(" = ", 1) for given in verdict.question.given
    )
    weights = {s.name: drawn(rng, s, sizes) for s in b.of_kind("constant")}
    tokens = [{s.name: drawn(rng, s, sizes) for s in b.of_kind("token")} for _ in range(length)]
    mapped = [
        {
            s.name: np.broadcast_to(
                function(texts[s.name], weights | token), [sizes[d] for d in s.dims]
            )
            for s in a.signals
            if s.kind != "state"
        }
        for token in tokens
    ]
    for token in mapped:
        for s in a.signals:
            if s.kind != "state":
                low, high = s.domain.interval.low, s.domain.interval.high
                assert low is None or (token[s.name] >= float(low)).all()
                assert high is None or (token[s.name] <= float(high)).all()

    def run(x, values):
        signals = {
            s.name: np.stack([v[s.name] for v in values])[None, None]
            if s.kind == "token"
            else values[0][s.name][None]
            for s in x.signals
            if s.kind != "state"
        }
        return definition(x, signals)[0]

    np.testing.assert_allclose(
        run(a, mapped), run(b, [weights | token for token in tokens]), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize(("a", "b"), YES)
def test_maps_are_right_on_random_instances(a, b):
    verdict = asked(a, b)
    assert verdict.status in ("proved", "conditional") and verdict.question.sense == "contains"
    recheck(verdict.certificate)
    check_maps(CATALOGUE[a], CATALOGUE[b], verdict, {"n": 3, "d": 2})


def test_wrong_maps_would_be_noticed():
    verdict = asked("gla", "hgrn2")
    wrong = tuple(x.replace("1 - alpha", "alpha") for x in verdict.question.given)
    question = replace(verdict.question, given=wrong)
    with pytest.raises(AssertionError):
        check_maps(
            CATALOGUE["gla"],
            CATALOGUE["hgrn2"],
            replace(verdict, question=question),
            {"n": 3, "d": 2},
        )


@pytest.mark.parametrize(("a", "b", "kind"), NO)
def test_what_no_map_can_do_is_refuted_by_an_obstruction(a, b, kind):
    verdict = asked(a, b)
    assert verdict.status == "refuted" and verdict.certificate["kind of obstruction"] == kind
    assert verdict.witness is None and "does not contain" in recheck(verdict.certificate)


@pytest.mark.parametrize(("a", "b", "kind"), NO)
def test_the_smaller_layer_does_not_have_the_property_that_it_breaks(a, b, kind):
    forged = copy.deepcopy(asked(a, b).certificate)
    for name in ("hashes", "layers"):
        forged[name][0] = forged[name][1]
    with pytest.raises(Rejected):
        recheck(forged)


def test_tampered_obstructions_are_rejected():
    data = asked("gla", "deltanet").certificate
    recheck(data)

    def changed(edit):
        other = copy.deepcopy(data)
        edit(other)
        return other

    same = [data["tokens"][0], data["tokens"][0]]
    past = data["table"]["pasts"][1]
    cases = [
        ("commute at these tokens", lambda c: c.update(tokens=same)),
        ("needs 2 tokens", lambda c: c.update(tokens=same[:1])),
        ("needs 1 tokens", lambda c: c.update({"kind of obstruction": "scalar transitions"})),
        ("not nonsingular", lambda c: c["table"]["pasts"].__setitem__(0, past)),
        ("5 by 5", lambda c: c["table"]["pasts"].pop()),
        ("outside", lambda c: c["tokens"][0].update(beta=["5"])),
        ("w is no constant of deltanet", lambda c: c["table"]["constants"].update(w=["1"])),
        ("no obstruction", lambda c: c.update({"kind of obstruction": "magic"})),
        ("is no ratio", lambda c: c.update({"kind of obstruction": "averages"})),
    ]
    for told, edit in cases:
        with pytest.raises((Rejected, CertificateError), match=told):
            recheck(changed(edit))


def test_a_layer_with_more_states_is_not_refuted_by_its_form():
    """With more states than B needs, A's form tells nothing about reading and writing."""

    @layer
    def twice(
        S: State["n", "d"],
        R: State["n", "d"],
        q: Vec["n"],
        k: Vec["n"],
        v: Vec["d"],
        w: Vec["d"],
        p: Vec["n"],
    ):
        S, R = S + outer(k, v), R + outer(p, w)
        return S, R, q @ S + q @ R

    verdict = asked(twice, "rwkv5")
    assert verdict.status == "refuted"
    forged = asked("linear_attention", "rwkv5").certificate | {
        "kind of obstruction": "readout of the new state"
    }
    forged = copy.deepcopy(forged)
    forged["layers"][0], forged["hashes"][0] = twice.spec, twice.hash
    with pytest.raises(Rejected, match="8 states, the smaller layer 4"):
        recheck(forged)


@layer
def key_gated(S: State["n", "d"], q: Vec["n"], f: Gate["n"], v: Vec["d"]):
    """HGRN2: the key is what the gate leaves."""
    S = scale(f, S) + outer(1 - f, v)
    return S, q @ S


@layer
def rate_first(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], beta: Gate, g: Gate):
    S = g * g * S + beta * outer(k, v)
    return S, q @ S


def test_maps_are_the_solution_of_the_equations_of_the_steps():
    verdict = asked("gla", key_gated)
    assert set(verdict.question.given) == {
        "gla.alpha = f",
        "gla.k = 1 - f",
        "gla.q = q",
        "gla.v = v",
    }
    assert verdict.sizes is None


def test_products_of_signals_are_given_to_those_with_their_labels():
    verdict = asked("scalar_gated", rate_first)
    assert verdict.status == "proved"
    assert "scalar_gated.alpha = g * g" in verdict.question.given


@pytest.mark.parametrize("query", ["q", "r"])
def test_a_map_does_not_hang_on_the_names_of_signals(query):
    """RWKV-7: the removal key times a rate, and a key of its own to write."""

    def rwkv7(
        S: State["d", "n"], r: Vec["n"], w: Gate["n"], z: Unit["n"], a: Gate["n"], v: Vec["d"]
    ):
        S = S @ (diag(w) - outer(z, a * z)) + outer(v, z)
        return S, S @ r

    made = layer(rwkv7)
    if query != "r":
        made = made.given(name="renamed", r=query, **{query: Vec["n"]})
    verdict = contains(CATALOGUE["dplr"], made)
    assert verdict.status == "proved" and verdict.sizes is None
    assert f"dplr.q = {query}" in verdict.question.given
    assert recheck(verdict.certificate)


def test_a_map_may_not_leave_the_domain():
    @layer
    def growing(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate):
        S = (2 + alpha) * S + outer(k, v)
        return S, q @ S

    verdict = asked("scalar_gated", growing)
    assert verdict.certificate["kind of obstruction"] == "eigenvalues up to 1"


def test_negative_eigenvalues_are_an_obstruction():
    @layer
    def turning(h: State, v: Scalar, q: Scalar, r: Scalar):
        h = r * h + v
        return h, q * h

    @layer
    def forgetting(h: State, v: Scalar, q: Scalar, alpha: Gate):
        h = alpha * h + v
        return h, q * h

    verdict = asked(forgetting, turning)
    assert verdict.certificate["kind of obstruction"] == "positive eigenvalues"
    assert asked(turning, forgetting).status == "proved"


def test_a_larger_rank_of_outputs_is_an_obstruction():
    @layer
    def one(h: State, u: Scalar, a: Const[Gate], c: Scalar):
        h = a * h + u
        return h, c * h

    @layer
    def pair(x: State, y: State, u: Scalar, v: Scalar, c: Scalar, e: Scalar):
        x, y = x + u, y + v
        return x, y, c * x + e * y

    assert asked(one, pair).certificate["kind of obstruction"] == "rank of outputs"


def test_no_layer_contains_everything_through_a_free_skip():
    assert asked("ssd", "gla").status == "refuted"
    assert asked("linear_attention", "ssd").status == "refuted"

    @layer
    def skipping(h: State["d"], v: Vec["d"], f: Gate["d"], e: Vec["d"]):
        h = f * h + v
        return h, h + e

    verdict = asked(skipping, "gla")
    assert verdict.certificate["kind of obstruction"] == "rank of outputs"


def test_mutual_containment_is_equality_up_to_the_maps():
    gla = CATALOGUE["gla"]
    other = gla.given(name="renamed", alpha="g", g=Gate["n"])
    there, back = asked(gla, other), asked(other, gla)
    assert there.status == back.status == "proved"
    assert "gla.alpha = g" in there.question.given and "renamed.g = alpha" in back.question.given
    # A retention of two weights: each is the other, with a in the place of b, and they differ.
    assert asked("linear_attention", "normalised_attention").status == "proved"
    assert asked("normalised_attention", "linear_attention").status == "proved"


UNIT = CATALOGUE["deltanet"].given(name="unit", k="x", x=Unit["n"])
SMOOTH = UNIT.given(name="smooth", beta="sigmoid(z)", z=Scalar)


def open_gated():
    gated = CATALOGUE["gated_deltanet"]
    inside = Domain(Interval(Fraction(0), Fraction(1)))
    return replace(
        gated.with_signal(replace(gated.signal("alpha"), domain=inside)), name="open_gated"
    )


def test_with_open_gates_containment_holds_in_the_closure_only_and_both_are_said():
    assert asked("gated_deltanet", "deltanet").status == "proved"
    verdict = asked(open_gated(), "deltanet")
    assert verdict.certificate["kind of obstruction"] == "eigenvalues below 1"
    assert "its closure does, by open_gated.alpha in [0, 1]" in verdict.proof
    assert "open_gated.alpha = 1" in verdict.conditions[0]
    assert "closure" not in asked("gla", "deltanet").proof


def test_ssd_reaches_a_gate_of_one_in_the_limit():
    verdict = asked("ssd", "scalar_gated")
    assert verdict.status == "refuted"
    assert "its closure does, by scalar_gated.alpha in (0, 1)" in verdict.proof
    assert "ssd.Delta = -log(alpha)" in verdict.conditions[0]


def test_gla_and_deltanet_meet_where_there_is_one_feature_and_its_key_is_one():
    one, gla = {"n": 1}, CATALOGUE["gla"]
    # With any key 1 - β k² can be negative, which no gate is.
    verdict = asked(gla, "deltanet", one)
    assert verdict.certificate["kind of obstruction"] == "positive eigenvalues"
    verdict = asked(gla, SMOOTH, one)
    assert (verdict.status, verdict.sizes) == ("proved", {"n": 1, "d": 2})
    assert "gla.alpha = 1 - sigmoid(z)" in verdict.question.given
    check_maps(gla, SMOOTH, verdict, {"n": 1, "d": 2})
    assert asked(gla, SMOOTH).certificate["kind of obstruction"] == "commuting transitions"
    # β = 1 forgets everything, and 0 is no gate.
    verdict = asked(gla, UNIT, one)
    assert verdict.certificate["kind of obstruction"] == "positive eigenvalues"
    assert "its closure does, by unit.beta in (0, 1)" in verdict.proof


def test_a_unit_key_is_a_key_and_not_the_other_way_round():
    assert asked("deltanet", UNIT).status == "proved"
    verdict = asked(UNIT, "deltanet")
    assert verdict.certificate["kind of obstruction"] == "no negative eigenvalues"


def test_signs_are_shown_by_coefficients_or_not_at_all():
    universe = Universe()
    a = universe.entry("a", constant=False, positive=True)
    x = universe.entry("x", constant=False, positive=False)
    signs = Signs(universe, {"a": GATE.interval})
    one = frac(1)
    assert signs.positive(a) and signs.positive(a + x * x) and signs.not_negative(one - a)
    assert not signs.positive(one - a) and not signs.not_negative(a - x * x)
    assert not signs.positive(x) and not signs.positive(a + x) and not signs.not_negative(a - one)
    # (1 - a) + a x² is 0 at a = 1, x = 0 alone; there (1 - a) x vanishes, and a does not.
    gone = signs.zeros(one - a + a * x * x)
    assert signs.vanishes(x, gone) and signs.vanishes(one - a, gone)
    assert not signs.vanishes(a, gone)
    assert signs.zeros(a) is None and signs.zeros(a - x * x) is None
    # sqrt(1 - a²) goes with its radicand, and e^{-a} lies below 1.
    root = universe.sqrt(one - a * a)
    assert signs.vanishes(root, gone) and signs.not_negative(root) and not signs.positive(root)
    assert signs.positive(one - universe.exp(-a)) and signs.positive(universe.exp(x))
    assert not signs.not_negative(one - universe.exp(x))


def test_an_end_that_is_reached_is_no_strict_sign():
    universe = Universe()
    closed = universe.entry("c", constant=False, positive=False)
    signs = Signs(universe, {"c": Interval(Fraction(0), Fraction(1), False, False)})
    assert signs.not_negative(closed) and not signs.positive(closed)
    assert not signs.positive(frac(1) - closed)
