"""The claim suite: verdicts, what must not stay true, and numbers beside every kind of verdict."""

from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from scipy.special import lambertw

import dsf_sym.claims as suite
from dsf_sym import Vec, exp, find, recheck
from dsf_sym.certificates.certificate import layer_from_spec
from dsf_sym.certificates.checkers.enclosure import interval
from dsf_sym.certificates.checkers.sturm import roots_between
from dsf_sym.claims import PROCEDURES, Outcome, claim, claims, named, settle, settle_all
from dsf_sym.cli import run
from dsf_sym.errors import CertificateError, LanguageError, Rejected, UnknownName
from dsf_sym.language.evaluate import shape_of
from dsf_sym.language.graph import reading
from dsf_sym.language.kernel import KernelLayer
from dsf_sym.theory.bounds import within
from dsf_sym.theory.settling import layer_of, sizes_of
from dsf_sym.theory.tables import has_affine_state
from dsf_sym.verdict import Question, Verdict
from numeric.oracle import definition
from numeric.samples import signals as samples

CLAIMS = claims()
ABOUT_THE_PAPER = range(1, 49)


def representatives():
    """One claim for every procedure and expected verdict."""
    found = {}
    for each in CLAIMS.values():
        found.setdefault((each.procedure, each.expect), each.name)
    return sorted(found.values())


def chosen(procedure, expect):
    return [c.name for c in CLAIMS.values() if (c.procedure, c.expect) == (procedure, expect)]


def test_every_entry_of_the_benchmark_has_a_claim_and_every_procedure_is_used():
    assert {p for c in CLAIMS.values() for p in c.paper} == set(ABOUT_THE_PAPER)
    assert {c.procedure for c in CLAIMS.values()} <= set(PROCEDURES)


@pytest.mark.parametrize("name", representatives())
def test_a_claim_of_each_kind_has_its_verdict_and_a_certificate(name):
    outcome = settle(name)
    assert outcome.holds, outcome.verdict
    if outcome.verdict.status != "undecided":
        recheck(outcome.verdict.certificate)


@pytest.mark.slow
def test_the_whole_suite_with_every_certificate_rechecked():
    for outcome in settle_all(list(CLAIMS), recheck=True):
        assert outcome.holds, outcome
        assert outcome.seconds < 20, outcome.claim.name
        assert (outcome.verdict.certificate is None) == (outcome.verdict.status == "undecided")


def test_a_verdict_that_changed_ends_with_exit_code_1(monkeypatch, capsys):
    stated = next(iter(CLAIMS.values()))
    other = Verdict(Question("a", "b"), "undecided", "", None)
    monkeypatch.setattr(suite, "settle_all", lambda names, recheck: [Outcome(stated, other, 0.0)])
    assert run(["claims", stated.name]) == 1
    assert f"CHANGED: expected {stated.expect}" in capsys.readouterr().out


def test_claims_are_chosen_by_entry(monkeypatch, capsys):
    asked = []

    def settled(names, recheck):
        asked.extend(names)
        return [
            Outcome(CLAIMS[x], Verdict(Question("", ""), CLAIMS[x].expect, "", None), 0)
            for x in names
        ]

    monkeypatch.setattr(suite, "settle_all", settled)
    assert run(["claims", "--paper", "21"]) == 0
    assert asked and all(21 in CLAIMS[x].paper for x in asked)
    assert run(["claims", "--paper", "99"]) == 2
    assert "there are claims about 1-48" in capsys.readouterr().err


OWN = """
from dsf_sym import Gate, State, Vec, claim, layer, outer

@layer
def fading(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate):
    S = alpha * S + outer(k, v)
    return S, q @ S

claims = [
    claim("Fading minds the order", "order", layer=fading, expect="refuted"),
    claim("Fading is GLA", "equal", a=fading, b="gla", expect="proved"),
    claim("Fading is told wrong", "order", kernel=fading, expect="proved"),
]
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return str(path)


def test_a_file_states_claims_of_its_own(own, monkeypatch, capsys):
    names = [f"{own}:{x}" for x in ("fading-minds-the-order", "fading-is-gla")]
    assert list(named([own]))[:2] == names
    outcomes = [settle(name) for name in names]
    assert [x.verdict.status for x in outcomes] == ["refuted", "conditional"]
    assert [x.holds for x in outcomes] == [True, False]
    monkeypatch.setattr(suite, "settle_all", lambda names, recheck: map(settle, names))
    assert run(["claims", names[0]]) == 0
    assert "refuted      Fading minds the order" in capsys.readouterr().out


def test_what_is_wrong_in_a_file_of_claims_is_named(own, tmp_path):
    with pytest.raises(LanguageError, match=r"argument: 'layer'; 'order' takes layer, length"):
        settle(f"{own}:fading-is-told-wrong")
    with pytest.raises(UnknownName, match=r"no claim .*own.py:x'; see: dsf claims .*own.py$"):
        settle(f"{own}:x")
    for text, told in (("", "states no claims"), ("claims = [1]", "is to be a list of claim")):
        other = tmp_path / "other.py"
        other.write_text(text)
        with pytest.raises(LanguageError, match=told):
            named([str(other)])


def test_bad_claims_are_named():
    with pytest.raises(LanguageError, match="no procedure 'guess'"):
        claim("x", "guess", expect="proved")
    with pytest.raises(LanguageError, match="none of proved"):
        claim("x", "equal", expect="true")
    for wrong in ({"expect": "proved", "source": "eq. (1)"}, {"expect": "refuted"}):
        with pytest.raises(LanguageError, match="a slip is a statement that its source makes"):
            claim("x", "equal", slip=True, **wrong)
    with pytest.raises(UnknownName, match="no claim 'x'"):
        settle("x")


def leaking(layer):
    """The layer with a seventh of each old state left in the new one."""
    step = {name: x + layer[name] / 7 for name, x in layer.step.items()}
    return replace(layer, step=step, matrices=(), others=())


def remembers(layer):
    """Whether the output reads a state, so that a leak shows."""
    return bool(reading(layer.step, layer.output))


EQUAL = [
    n
    for n in chosen("equal", "proved")
    if not CLAIMS[n].arguments.get("maps")
    and not isinstance(layer_of(CLAIMS[n].arguments["a"]), KernelLayer)
    and remembers(layer_of(CLAIMS[n].arguments["a"]))
]


def _minus(q: Vec["m"], k: Vec["m"]):
    return 1 - exp(q @ k)


CHANGES = {
    "for-odd-p-it-is-below-e-s-1-s-p-1-p-1-at-s-0-negative-far-out": {"degrees": "even"},
    "at-every-length-l-softmax-attention-needs-l-1-d-states-with-causal-coefficients": {"add": 0},
    "of-all-a-0-those-odds-are-a-geometric-progression-at-a-1-alone": {"are": ["1", "2"]},
    "on-the-sphere-1-q-k-needs-one-feature-less-at-every-m-c-m-2-2-1": {"value": "m * m"},
    "the-smallest-state-of-gla-has-n-d-entries-at-every-size": {"value": "n * d - 1"},
    "on-such-values-n-states-a-channel-are-needed-and-enough": {"states": 3},
    "the-transitions-of-s6-lie-in-0-1": {"within": "(0, 1/2)"},
    "s6-with-steps-and-rates-bounded-from-below-forgets-exponentially": {"where": {}},
    "two-heads-need-n-d-2-states-8-for-4-features-and-width-4-in-all": {"states": 7},
    "the-kernel-1-q-k-of-m-2-numbers-needs-c-m-3-3-10-features": {"are": 9},
    "the-kernel-e-q-k-of-softmax-attention-is-positive-definite": {"kernel": _minus},
    "s6-with-one-more-feature-padded-by-zeros-has-the-outputs-of-s6": {
        "pad": {"q": "0", "k": "0", "A": "-1"} | {"q": "1", "k": "1"}
    },
    "at-length-4-softmax-attention-needs-4-2-d-states-with-a-free-skip": {"at_least": 5},
    "at-length-5-softmax-attention-needs-5-2-d-states-without-a-skip": {"skip": True},
    "two-channels-with-one-decay-are-one-head": {"number": 2},
    "with-a-free-skip-i-e-t1-is-masked-attention-of-width-1": {"skip": False},
    "zero-order-hold-and-the-step-of-s6-euler-for-b-differ-by-a-v-2-and-higher-orders": {
        "term": {"h": "A * v * Delta**2 / 3"}
    },
    "a-head-has-one-eigenvalue-its-transition-is-a-multiple-of-the-identity": {"what": "identity"},
    "the-output-of-linear-attention-does-not-depend-on-the-order-of-the-past": {"layer": "retnet"},
    "the-coefficients-of-linear-attention-with-its-normaliser-add-up-to-1": {"value": "2"},
    "at-radius-2-the-polynomial-of-degree-8-has-a-relative-error-of-at-most-1-100": {
        "inside": "[-8/1000, 8/1000]"
    },
}


@pytest.mark.parametrize("name", EQUAL)
def test_an_equality_does_not_survive_a_leak(name):
    stated = CLAIMS[name]
    a = leaking(layer_of(stated.arguments["a"]))
    changed = replace(stated, arguments={**stated.arguments, "a": a, "sizes": small(a, stated)})
    assert settle(changed).verdict.status == "refuted"


def small(layer, stated):
    b = layer_of(stated.arguments["b"])
    return {n: 1 for n in layer.sizes if n.isidentifier() and n in {*layer.sizes, *b.sizes}}


@pytest.mark.parametrize("name", CHANGES)
def test_a_true_statement_does_not_survive_a_change(name):
    stated = CLAIMS[name]
    assert stated.expect == "proved"
    changed = replace(stated, arguments={**stated.arguments, **CHANGES[name]})
    assert settle(changed).verdict.status in ("refuted", "undecided")


@pytest.mark.parametrize("dropped", range(3))
def test_a_condition_may_not_be_left_out(dropped):
    (stated,) = (c for c in CLAIMS.values() if c.sentence.startswith("SSD is generalised"))
    are = [[x for i, x in enumerate(stated.arguments["are"][0]) if i != dropped]]
    changed = replace(stated, arguments={**stated.arguments, "are": are})
    assert settle(changed).verdict.status == "undecided"


def test_both_directions_of_a_condition_are_rechecked():
    (stated,) = (c for c in CLAIMS.values() if c.sentence.startswith("SSD is generalised"))
    certificate = settle(stated).verdict.certificate
    kinds = [x["kind"] for x in certificate["also"]]
    assert certificate["kind"] == "step map" and kinds == ["necessary"]
    recheck(certificate)
    certificate["also"][0]["bound"] = ["Delta"]
    with pytest.raises(Rejected, match="is free"):
        recheck(certificate)


L, N, D = 6, 3, 2


def drawn(seed=0):
    rng = np.random.default_rng(seed)
    return {
        "q": rng.normal(size=(1, 1, L, N)),
        "k": rng.normal(size=(1, 1, L, N)),
        "v": rng.normal(size=(1, 1, L, D)),
    }


def gap(a, b, left, right):
    return np.abs(definition(find(a), left)[0] - definition(find(b), right)[0]).max()


def lambert_steps(a, first):
    """Δ_i = W₀(a Δ_{i-1}) / a, which solves Δ_{i-1} = Δ_i e^{a Δ_i}."""
    steps = [first]
    for _ in range(L - 1):
        steps.append(float(lambertw(a * steps[-1]).real) / a)
    return np.array(steps).reshape(1, 1, L)


@pytest.mark.parametrize("a", [0.5, 2.0])
def test_s6_is_generalised_linear_attention_on_both_sides_of_the_condition(a):
    tokens, steps = drawn(), lambert_steps(a, 1.5)
    wide = np.repeat(steps[..., None], D, -1)
    weights = {"A": np.full((1, D, N), -a), "D": np.zeros((1, D))}
    attention = {**tokens, "eta": 1 / steps}
    inside = {**tokens, "Delta": wide, **weights}
    assert gap("s6", "normalised_attention", inside, attention) < 1e-12
    for broken in (
        {"Delta": wide * np.array([1, 1.1])},
        {"A": weights["A"] * np.linspace(1, 1.2, N)},
        {"D": weights["D"] + 0.1},
        {"Delta": np.full_like(wide, 0.7)},
    ):
        assert gap("s6", "normalised_attention", inside | broken, attention) > 1e-3


def test_deltanet_is_linear_attention_on_orthogonal_keys_only():
    rng = np.random.default_rng(1)
    keys, _ = np.linalg.qr(rng.normal(size=(L, L)))
    tokens = {
        "q": rng.normal(size=(1, 1, L, L)),
        "k": 0.7 * keys.reshape(1, 1, L, L),
        "v": rng.normal(size=(1, 1, L, D)),
        "beta": np.ones((1, 1, L)),
    }
    assert gap("deltanet", "linear_attention", tokens, tokens) < 1e-12
    leaning = tokens | {"k": tokens["k"] + 0.1}
    assert gap("deltanet", "linear_attention", leaning, leaning) > 1e-3


def test_gates_of_key_and_query_agree_only_where_constant():
    (stated,) = (c for c in CLAIMS.values() if c.sentence.startswith("Gates of the key"))
    keyed, tokens = stated.arguments["a"], drawn()
    for steps, same in ((np.full((1, 1, L), 0.4), True), (lambert_steps(1.0, 0.9), False)):
        left = definition(keyed, {**tokens, "Delta": steps})[0]
        right = definition(find("normalised_attention"), {**tokens, "eta": 1 / steps})[0]
        assert (np.abs(left - right).max() < 1e-12) == same


def test_shared_steps_and_decays_make_s6_ssd():
    tokens, rng = drawn(), np.random.default_rng(2)
    steps, a = rng.uniform(0.1, 1, (1, 1, L)), np.array([-0.8])
    ssd = {**tokens, "Delta": steps, "A": a, "D": np.zeros(1)}
    s6 = {**tokens, "Delta": np.repeat(steps[..., None], D, -1), "D": np.zeros((1, D))}
    shared = np.full((1, D, N), a[0])
    assert gap("s6", "ssd", s6 | {"A": shared}, ssd) < 1e-12
    assert gap("s6", "ssd", s6 | {"A": shared * np.linspace(1, 2, N)}, ssd) > 1e-3


def test_ssd_is_generalised_linear_attention_on_both_sides_of_the_condition():
    tokens, steps = drawn(4), lambert_steps(1.3, 0.8)
    weights = {"A": np.array([-1.3]), "D": np.zeros(1)}
    attention = {**tokens, "eta": 1 / steps}
    assert (
        gap("ssd", "normalised_attention", {**tokens, "Delta": steps, **weights}, attention) < 1e-12
    )
    other = {**tokens, "Delta": steps[..., ::-1].copy(), **weights}
    assert gap("ssd", "normalised_attention", other, {**tokens, "eta": 1 / other["Delta"]}) > 1e-3


def test_s6_without_decay_gates_keys_where_the_channels_share_the_step():
    (stated,) = (c for c in CLAIMS.values() if c.sentence.startswith("S6 without decay"))
    tokens, steps = drawn(5), np.random.default_rng(5).uniform(0.1, 2, (1, 1, L))
    gated = definition(stated.arguments["b"], {**tokens, "Delta": steps})[0]
    for spread, same in ((np.ones(D), True), (np.linspace(1, 1.5, D), False)):
        own = definition(stated.arguments["a"], {**tokens, "Delta": steps[..., None] * spread})[0]
        assert (np.abs(own - gated).max() < 1e-12) == same


@pytest.mark.parametrize("seed", range(4))
def test_the_margin_of_a_skip_changes_sign_at_the_threshold(seed):
    rng = np.random.default_rng(seed)
    a, size = rng.uniform(0.05, 0.95), rng.uniform(0.1, 5)
    threshold = np.sqrt(a) / (1 - np.sqrt(a)) * size
    for skip, sign in ((1.001 * threshold, 1), (0.999 * threshold, -1)):
        assert np.sign(skip**2 - a * (size + skip) ** 2) == sign


def arrays(layer, witness, sizes):
    """The witness as arrays of exact fractions, one batch and head."""
    out = {}
    for s in layer.signals:
        if s.kind == "state":
            continue
        shape = shape_of(s.dims, {n: sizes.get(n, 2) for n in sizes})
        if s.kind == "token":
            rows = [np.array(t[s.name], object).reshape(shape) for t in witness.tokens]
            out[s.name] = np.stack(rows)[None, None]
        else:
            out[s.name] = np.array(witness.constants[s.name], object).reshape((1, *shape))
    return out


def last_output(layer, witness, sizes):
    y, _ = definition(layer, arrays(layer, witness, sizes), scalars="digits")
    return np.asarray(y[0, 0, -1]).astype(float)


@pytest.mark.parametrize("name", chosen("equal", "refuted"))
def test_the_witness_of_a_difference_shows_it(name):
    stated = CLAIMS[name]
    verdict = settle(stated).verdict
    layers = [layer_from_spec(data) for data in verdict.certificate["layers"]]
    assert not any(isinstance(x, KernelLayer) for x in layers)
    a, b = (last_output(x, verdict.witness, verdict.sizes) for x in layers)
    assert np.abs(a - b).max() > 1e-6


@pytest.mark.parametrize("name", chosen("within", "refuted"))
def test_the_witness_of_a_bound_leaves_it(name):
    stated = CLAIMS[name]
    verdict = settle(stated).verdict
    (layer,) = (layer_from_spec(data) for data in verdict.certificate["layers"])
    inside = interval(stated.arguments["inside"])
    y = last_output(layer, verdict.witness, verdict.sizes)
    assert any(Fraction(float(x)) not in inside for x in y.ravel())


@pytest.mark.parametrize("name", chosen("eigenvalues", "refuted"))
def test_an_eigenvalue_outside_the_interval(name):
    stated = CLAIMS[name]
    verdict = settle(stated).verdict
    (layer,) = (layer_from_spec(data) for data in verdict.certificate["layers"])
    given, inside = (
        arrays(layer, verdict.witness, verdict.sizes),
        interval(stated.arguments["within"]),
    )
    found = np.linalg.eigvals(transition(layer, given, verdict.sizes, stated.arguments.get("of")))
    assert any(Fraction(round(x.real, 12)) not in inside for x in found)


def transition(layer, given, sizes, of):
    """Λ of the last token by differences of the step, of one state where several are there."""
    names = [s.name for s in layer.of_kind("state")]
    shapes = [shape_of(s.dims, sizes) for s in layer.of_kind("state")]
    at = names.index(of) if of else 0
    last = {n: x[:, :, -1:] if layer.signal(n).kind == "token" else x for n, x in given.items()}
    before = {n: x[:, :, :-1] if layer.signal(n).kind == "token" else x for n, x in given.items()}
    start = [np.zeros((1, 1, *shape)) for shape in shapes]
    if next(iter(before.values())).shape[2]:
        _, reached = definition(layer, before)
        start = list(reached) if isinstance(reached, tuple) else [reached]

    def moved(x):
        states = [x if i == at else y for i, y in enumerate(start)]
        _, new = definition(layer, last, tuple(states) if len(states) > 1 else states[0])
        return (new[at] if isinstance(new, tuple) else new).ravel()

    zero = np.zeros((1, 1, *shapes[at]))
    columns = []
    for index in product(*map(range, shapes[at])):
        one = zero.copy()
        one[(0, 0, *index)] = 1
        columns.append(moved(one) - moved(zero))
    return np.array(columns).T.astype(float)


@pytest.mark.parametrize("name", chosen("affine state", "refuted"))
def test_the_table_of_outputs_has_full_rank(name):
    stated = CLAIMS[name]
    verdict = settle(stated).verdict
    table, states = verdict.certificate["table"], stated.arguments["states"]
    (layer,) = (layer_from_spec(data) for data in verdict.certificate["layers"])

    def values(raw):
        return {n: [float(Fraction(x)) for x in xs] for n, xs in raw.items()}

    def read(past, future):
        if future is None:
            return 1.0
        tokens = [values(t) for t in (*past, *future["tokens"])]
        if isinstance(layer, KernelLayer):
            q, k, v = (np.array([t[n] for t in tokens]) for n in ("q", "k", "v"))
            weights = np.exp(k @ q[-1])
            return (weights @ v / weights.sum())[future["output"]]
        return lstm(tokens, values(table["constants"]))

    rows = [[read(p, f) for f in table["futures"]] for p in table["pasts"]]
    assert np.linalg.matrix_rank(np.array(rows), tol=1e-12) == states + 2


def lstm(tokens, w):
    """One channel of an LSTM, in plain NumPy."""
    x = y = 0.0
    for t in tokens:
        (v,) = t["v"]

        def gate(name, v=v, y=y):
            return w[f"W{name}"][0] * v + w[f"U{name}"][0] * y

        f, g, o = (1 / (1 + np.exp(-gate(n))) for n in "fio")
        x = f * x + g * np.tanh(gate("u"))
        y = o * np.tanh(x)
    return y


@pytest.mark.parametrize("expect", ["proved", "refuted"])
def test_coefficients_that_add_up_to_one_and_others(expect):
    for name in chosen("coefficient sum", expect):
        layer = layer_of(CLAIMS[name].arguments["layer"])
        tokens = samples(layer, sizes_of(layer, None), (1, 1, L), seed=7)
        y, _ = definition(layer, tokens | {"v": np.ones_like(tokens["v"])})
        assert (np.abs(y - 1).max() < 1e-12) == (expect == "proved")


@pytest.mark.parametrize("expect", ["proved", "refuted"])
def test_the_order_of_the_past(expect):
    for name in chosen("order", expect):
        layer = layer_of(CLAIMS[name].arguments["layer"])
        if isinstance(layer, KernelLayer):
            continue
        tokens = samples(layer, sizes_of(layer, None), (1, 1, L), seed=8)
        order = [*reversed(range(L - 1)), L - 1]
        swapped = {n: x[:, :, order] for n, x in tokens.items()}
        one, other = (definition(layer, x)[0][0, 0, -1] for x in (tokens, swapped))
        assert (np.abs(one - other).max() < 1e-12) == (expect == "proved")


def test_the_variance_of_rg_lru():
    rng = np.random.default_rng(9)
    h, v = rng.normal(size=(2, 1, 1, 10**6))
    independent = rng.uniform(0.05, 0.95, h.shape)
    knowing = np.where(np.abs(v) > 1, 0.95, 0.05)
    for f, g, stays in ((independent, 1.0, True), (knowing, 1.0, False), (independent, 0.5, False)):
        tokens = {"v": v, "f": f, "g": np.full_like(h, g)}
        tokens = {n: np.moveaxis(x, -1, 0)[..., None, None][:, 0] for n, x in tokens.items()}
        y, _ = definition(find("rg_lru"), tokens, np.moveaxis(h, -1, 0)[:, 0][..., None])
        assert (abs(y.var() - 1) < 0.01) == stays


def test_transitions_of_deltanet_do_not_commute():
    k, r = np.array([1.0, 0.0]), np.array([1.0, 1.0])
    one, other = (np.eye(2) - np.outer(x, x) for x in (k, r))
    assert np.abs(one @ other - other @ one).max() > 0.5
    for pair in ((k, 2 * k), (k, np.array([0.0, 3.0]))):
        one, other = (np.eye(2) - np.outer(x, x) for x in pair)
        assert np.abs(one @ other - other @ one).max() == 0


POINTS = 100_000


# A sum over the past is run by its own loop; its bound is that of a mean.
RUN = [
    n
    for n in chosen("within", "proved")
    if not isinstance(layer_of(CLAIMS[n].arguments["layer"]), KernelLayer)
]


@pytest.mark.parametrize("name", RUN)
def test_no_random_point_leaves_a_proved_bound(name):
    stated = CLAIMS[name]
    layer = layer_of(stated.arguments["layer"], stated.arguments.get("where"))
    inside = interval(stated.arguments["inside"])
    length = 5 if layer.step else 1
    drawn = samples(layer, sizes_of(layer, None), (POINTS // length, 1, length), seed=3)
    y, _ = definition(layer, drawn)
    low = -np.inf if inside.low is None else float(inside.low)
    high = np.inf if inside.high is None else float(inside.high)
    assert low - 1e-9 <= y.min() and y.max() <= high + 1e-9


def test_an_interval_that_is_none_and_a_forged_bound_are_refused():
    square = CLAIMS["that-square-over-positive-factors-is-not-negative"].arguments["layer"]
    with pytest.raises(LanguageError, match="interval"):
        within(square, "[0, inf)", where={"x": "wide"})
    data = within(square, "[0, inf)").certificate
    for changed in ({"inside": "[1, inf)"}, {"method": "signs", "sizes": {}, "inside": "(0, inf)"}):
        with pytest.raises((Rejected, CertificateError)):
            recheck({**data, **changed})


def test_a_table_that_is_singular_or_small_is_refused():
    (name,) = [n for n in chosen("affine state", "refuted") if "lstm" in n]
    data = settle(name).verdict.certificate
    same = [data["table"]["pasts"][0]] * len(data["table"]["pasts"])
    with pytest.raises(Rejected, match="nonsingular"):
        recheck({**data, "table": {**data["table"], "pasts": same}})
    with pytest.raises(Rejected, match="must be"):
        recheck({**data, "states": 4})


def test_a_layer_with_a_small_state_is_not_refused_one():
    assert has_affine_state("mingru", 1, sizes={"d": 1}).status == "undecided"
    assert has_affine_state("mingru", 0, sizes={"d": 1}).status == "refuted"


@pytest.mark.parametrize(
    ("polynomial", "low", "high", "roots"),
    [
        ([-1, 0, 1], None, None, 2),
        ([-1, 0, 1], 0, None, 1),
        ([-1, 0, 1], 1, 2, 1),
        ([1, 0, 1], None, None, 0),
        ([0, 0, 1], -1, 1, 1),
        ([0, -2, 1, 1], 0, 1, 2),
        ([1], None, None, 0),
    ],
)
def test_real_roots_are_counted(polynomial, low, high, roots):
    ends = [None if x is None else Fraction(x) for x in (low, high)]
    assert roots_between([Fraction(c) for c in polynomial], *ends) == roots
