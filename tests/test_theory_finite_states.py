"""No state of any size, the smallest continuous state, and states and features by formula."""

from dataclasses import replace
from fractions import Fraction
from math import comb

import numpy
import pytest

from dsf_sym import (
    Const,
    Gate,
    Mat,
    Positive,
    Scalar,
    State,
    Unit,
    Vec,
    attention,
    elu,
    exp,
    layer,
    outer,
    relu,
    sigmoid,
    sqrt,
)
from dsf_sym.certificates.certificate import layer_from_spec, where
from dsf_sym.certificates.checkers import recheck
from dsf_sym.certificates.checkers.lengths import formula, shown
from dsf_sym.errors import CertificateError, LanguageError, Rejected
from dsf_sym.language.functions import step
from dsf_sym.language.loading import catalogue
from dsf_sym.theory.every_length import state_at_every_length
from dsf_sym.theory.features import kernel_of
from dsf_sym.theory.history import needs_no_state_with_history
from dsf_sym.theory.size_formulas import feature_formula, own_entries, smallest_state_formula
from dsf_sym.theory.state_size import heads
from dsf_sym.theory.tables import has_finite_state, has_smallest_continuous_state

CATALOGUE = catalogue()
ONE = {"d": 1}


@layer
def gated(h: State["d"], v: Vec["d"], U: Const[Mat["d", "d"]]):
    h = sigmoid(v + U @ h) * h + v
    return h, h


@layer
def branching(h: State["d"], v: Vec["d"]):
    h = relu(v + h) + v
    return h, h


@layer
def scaled(h: State["d"], v: Vec["d"]):
    h = sigmoid(v) * h + v
    return h, sigmoid(v) * h


@layer
def normalised(S: State["n", "d"], z: State["n"], q: Vec["n"], k: Positive["n"], v: Vec["d"]):
    S, z = S + outer(k, v), z + k
    return S, z, q @ S / (q @ z)


@layer
def rooted(h: State["d"], v: Positive["d"]):
    h = h + sqrt(v) + exp(v) + elu(v - 5)
    return h, h * v


@layer
def doubled(h: State["d"], g: State["d"], v: Vec["d"]):
    h, g = h + v, g + v
    return h, g, h + g


@attention
def softmax(q: Vec["n"], k: Vec["n"]):
    return exp(q @ k)


def test_a_gate_that_reads_the_state_needs_an_endless_one():
    found = has_finite_state(gated, sizes=ONE)
    assert found.status == "refuted" and recheck(found.certificate) == found.proof
    assert has_finite_state(softmax, sizes={"n": 1, "d": 1}).status == "refuted"


@pytest.mark.parametrize("which", [scaled, "mingru", branching])
def test_no_endless_tables_are_found_for_a_layer_with_a_state(which):
    assert has_finite_state(which, sizes=ONE).status == "undecided"


def test_the_tables_of_an_endless_state_have_full_rank():
    data = has_finite_state(gated, sizes=ONE).certificate
    (weight,) = (float(Fraction(x)) for x in data["constants"]["U"])
    points = numpy.linspace(-2, 2, 9)

    def after(h, v):
        return h / (1 + numpy.exp(-v - weight * h)) + v

    table = numpy.array([[after(t, s) for s in points] for t in points])
    assert numpy.linalg.matrix_rank(table, tol=1e-13) == 9


@pytest.mark.parametrize(
    "changed",
    [
        {"past": {"token": 1, "name": "v", "entry": 0, "between": ["1", "2"]}},
        {"past": {"token": 0, "name": "v", "entry": 0, "between": ["2", "2"]}},
        {"constants": {"U": ["0"]}},
    ],
)
def test_endless_tables_are_not_taken_on_trust(changed):
    data = has_finite_state(gated, sizes=ONE).certificate
    with pytest.raises((Rejected, CertificateError)):
        recheck(data | changed)


def test_a_certificate_of_endless_tables_does_not_fit_a_layer_with_a_state():
    data = has_finite_state(gated, sizes=ONE).certificate
    for other in (scaled, branching):
        with pytest.raises(Rejected):
            recheck({**data, **about(other), "constants": {}})


@pytest.mark.parametrize("which", ["gla", gated, "linear_attention_normalised"])
def test_a_skip_that_reads_the_history_needs_no_state(which):
    found = needs_no_state_with_history(which)
    assert found.status == "proved" and recheck(found.certificate)
    # At an input of 0 a skip has the output 0.
    assert found.question.domains == ("v in unit norm",)


def about(*layers):
    """What a certificate says of the layers it is about."""
    return {"layers": [x.spec for x in layers], "hashes": [x.hash for x in layers]}


def without_norm_one(spec):
    """The layer, its signals on all of R^n."""
    signals = [{**s, "unit": False} for s in spec["signals"]]
    return layer_from_spec({**spec, "signals": signals})


@pytest.mark.parametrize("which", ["gla", "linear_attention_normalised"])
def test_such_a_skip_has_other_outputs_for_inputs_of_other_norms(which):
    data = needs_no_state_with_history(which).certificate
    with pytest.raises(Rejected, match="the difference is"):
        recheck(data | about(*map(without_norm_one, data["layers"])))


def test_a_skip_of_another_map_is_rejected():
    data = needs_no_state_with_history("softmax_attention").certificate
    one, behind = (layer_from_spec(spec) for spec in data["layers"])
    v, last = behind.signal("v").tensor, behind.signal("v_j").tensor
    twisted = replace(behind, output=outer(behind.output, v) @ last)
    claim = {**data["claim"], "where": list(where(one, twisted))}
    with pytest.raises(Rejected, match="the difference is"):
        recheck(data | about(one, twisted) | {"claim": claim})


def test_a_skip_takes_vectors():
    with pytest.raises(LanguageError, match="to be vectors"):
        needs_no_state_with_history("multi_head_linear_attention")


@pytest.mark.parametrize(("n", "d"), [(1, 1), (2, 1)])
def test_a_normaliser_is_a_state(n, d):
    sizes = {"n": n, "d": d}
    found = has_smallest_continuous_state(normalised, n * (d + 1), sizes=sizes)
    assert found.status == "proved" and recheck(found.certificate) == found.proof
    assert has_smallest_continuous_state(normalised, n * d, sizes=sizes).status == "refuted"


def test_functions_have_derivatives_and_twice_the_same_state_is_not_smallest():
    assert has_smallest_continuous_state(rooted, 1, sizes=ONE).status == "proved"
    assert has_smallest_continuous_state(doubled, 2, sizes=ONE).status == "undecided"


@layer
def jumping(h: State["d"], v: Vec["d"]):
    h = h + v + step(h)
    return h, h


@layer
def jumping_readout(h: State["d"], v: Vec["d"]):
    h = h + v
    return h, h + step(h)


@pytest.mark.parametrize("which", [jumping, jumping_readout])
def test_a_layer_that_jumps_is_no_continuous_form(which):
    assert has_smallest_continuous_state(which, 1, sizes=ONE).status == "undecided"
    data = has_smallest_continuous_state(rooted, 1, sizes=ONE).certificate
    with pytest.raises(Rejected, match="jumps"):
        recheck(data | about(which))


def test_a_derivative_of_lower_rank_is_rejected():
    data = has_smallest_continuous_state(normalised, 4, sizes={"n": 2, "d": 1}).certificate
    with pytest.raises(Rejected, match="shown to have rank"):
        recheck(data | {"past": data["past"][:1]})
    with pytest.raises(Rejected, match="shown to have rank"):
        recheck(data | {"futures": data["futures"][:1]})
    with pytest.raises(Rejected, match="outside"):
        recheck(data | {"past": [{**t, "k": ["0", "1"]} for t in data["past"]]})


@pytest.mark.parametrize("length", range(2, 9))
@pytest.mark.parametrize(("skip", "causal"), [(True, False), (False, False), (True, True)])
def test_the_formula_in_the_length_is_the_largest_block(length, skip, causal):
    parts, add = formula(skip=skip, causal=causal)
    pairs = [min(t, length - t + (not skip)) for t in range(1, length + 1)]
    assert (length + add) // parts == (length - 1 if causal else max(pairs))


def test_states_at_every_length():
    weighed = {"v": "W @ u", "u": Vec["d"], "W": Const[Mat["d", "d"]]}
    found = state_at_every_length(softmax, 2, given=weighed, carried="u")
    assert found.status == "proved" and recheck(found.certificate) == found.proof
    assert state_at_every_length(softmax, 2, add=1).status == "refuted"
    assert state_at_every_length("gla", 2).status == "undecided"
    data = found.certificate
    for changed, why in (
        ({"parts": 1}, "the formula is"),
        ({"carried": "k"}, "weights"),
        ({"causal": True}, "the formula is"),
        ({"rays": {**data["rays"], "key": "q"}}, "no one term"),
    ):
        with pytest.raises(Rejected, match=why):
            recheck(data | changed)
    assert shown(2, 1) == "⌊(L + 1) / 2⌋" and shown(1, -1) == "(L - 1)"


def test_values_that_read_another_token_are_no_fixed_map():
    mixed = softmax.given(name="mixed", v="c * u", u=Vec["d"], c=Scalar)
    assert state_at_every_length(mixed, 2, carried="u").status == "undecided"


def squared(q: Vec["m"], k: Vec["m"]):
    return (2 + q @ k) ** 2


def odd(q: Vec["m"], k: Vec["m"]):
    s = q @ k
    return s**3 - s


def on_the_sphere(q: Unit["m"], k: Unit["m"]):
    s = q @ k
    return 1 + s + s**2 + s**3


def cancelling(q: Unit["m"], k: Unit["m"]):
    s = q @ k
    return s - s**3


def weighed(q: Vec["m"], k: Vec["m"]):
    return (q @ k) * (k @ k)


def own_key(q: Vec["m"], k: Vec["m"]):
    return (q @ k) ** 2 / 2 + (q @ k) * (q @ q) / 2


def test_features_by_formula():
    assert feature_formula(own_key, "m * (m + 1) / 2").status == "undecided"
    assert feature_formula(squared, "(m + 2) * (m + 1) / 2").status == "proved"
    assert feature_formula(squared, "m * m + m + 1").status == "refuted"
    assert feature_formula(odd, "m + (m + 2) * (m + 1) * m / 6").status == "proved"
    assert feature_formula(on_the_sphere, "m * (m + 1) * (m + 5) / 6").status == "proved"
    for kernel in (cancelling, weighed, softmax):
        assert feature_formula(kernel, "m" if kernel is not softmax else "n").status == "undecided"


def test_a_formula_of_features_is_not_taken_on_trust():
    data = feature_formula(squared, "(m + 2) * (m + 1) / 2").certificate
    larger = feature_formula(squared, "m * m + m + 1").certificate
    for changed, why in (
        ({"equal": False}, "the number is"),
        ({"value": larger["value"]}, "the number is"),
        (about(kernel_of(on_the_sphere)), "the number is"),
        (about(kernel_of(cancelling)), "may cancel"),
        (about(kernel_of(weighed)), "no function of q·k"),
        (about(CATALOGUE["gla"]), "no sum over the past"),
    ):
        with pytest.raises(Rejected, match=why):
            recheck(data | changed)
    with pytest.raises(Rejected, match="the number is"):
        recheck(larger | {"equal": True})


@pytest.mark.parametrize("m", [2, 3])
def test_features_on_random_points(m):
    rng = numpy.random.default_rng(m)
    q, k = rng.normal(size=(2, 40, m))
    assert numpy.linalg.matrix_rank((2 + q @ k.T) ** 2) == comb(m + 2, 2)
    q, k = (x / numpy.linalg.norm(x, axis=1, keepdims=True) for x in (q, k))
    s = q @ k.T
    assert numpy.linalg.matrix_rank(1 + s + s**2 + s**3) == m * (m + 1) * (m + 5) // 6


@pytest.mark.parametrize(
    ("name", "value"),
    [("gla", "n * d"), ("s6", "n * d"), ("deltanet", "n * d"), ("rg_lru", "d")],
)
def test_states_by_formula(name, value):
    found = smallest_state_formula(name, value)
    assert found.status == "proved" and recheck(found.certificate) == found.proof
    assert smallest_state_formula(name, f"{value} + 1").status == "refuted"


def test_the_formula_of_the_layer_itself():
    assert own_entries(normalised) == "n * d + n"
    assert smallest_state_formula("gla").status == "proved"
    assert smallest_state_formula("hgrn2").status == "undecided"


def test_a_formula_is_not_taken_on_trust():
    for other, value in ((doubled, "2 * d"), (gated, "d"), (normalised, "n * d + n")):
        assert smallest_state_formula(other, value).status == "undecided"
    data = smallest_state_formula("gla", "n * d").certificate
    past, future = data["past"], data["future"]
    for changed, why in (
        ({"equal": False}, "the number is"),
        ({"past": {**past, "k": "1"}}, "pair"),
        ({"future": {**future, "q": "1"}}, "pair"),
        ({"past": {**past, "alpha": "2"}}, "outside"),
        ({"future": {**future, "k": "1", "v": "1"}}, "sum of"),
    ):
        with pytest.raises(Rejected, match=why):
            recheck(data | changed)
    with pytest.raises(LanguageError):
        smallest_state_formula("gla", "n *")


@layer
def modes(h: State["d"], v: Vec["d"], a: Const[Gate["d"]]):
    h = a * h + v
    return h, h


def test_heads_at_generic_weights_and_at_any_length():
    sizes = {"d": 2}
    found = heads(modes, 2, generic=True, sizes=sizes)
    assert found.status == "proved" and "every length above 2" in found.proof
    assert heads(modes, 1, generic=True, sizes=sizes).status == "refuted"
    with pytest.raises(Rejected, match="span more than 1"):
        recheck(found.certificate | {"constants": {"a": ["1/2", "1/2"]}, "heads": 1})
