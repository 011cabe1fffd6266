"""Attention by its kernel: finite features where they exist, sums over the past elsewhere."""

import math
from fractions import Fraction

import pytest

from dsf_sym import (
    Const,
    Gate,
    KernelLayer,
    Layer,
    Mat,
    Positive,
    Scalar,
    State,
    Unit,
    Vec,
    attention,
    compare,
    contains,
    derive,
    elu,
    exp,
    explain,
    features,
    find,
    heads,
    layer,
    minimal,
    ones,
    outer,
    relu,
    separability,
    sigmoid,
    sqrt,
    sum,
)
from dsf_sym.automata.run import outputs_on
from dsf_sym.certificates.checkers import recheck
from dsf_sym.cli import run
from dsf_sym.deciding.explain import outputs
from dsf_sym.errors import DomainError, LanguageError, NotAffine, Rejected, UnknownName
from dsf_sym.language.tensor import text

SOFTMAX = find("softmax_attention")


@attention
def plain(q: Vec["n"], k: Vec["n"]):
    return exp(q @ k)


@attention
def of_the_query(q: Vec["n"], k: Vec["n"]):
    return exp(k @ q - q @ q / 2)


@attention
def of_the_key(q: Vec["n"], k: Vec["n"]):
    return exp(q @ k - k @ k / 2)


@attention(normalised=False)
def unnormalised(q: Vec["n"], k: Vec["n"]):
    return exp(q @ k)


@attention(normalised=False)
def in_halves(q: Vec["n"], k: Vec["n"]):
    return exp(q @ k / 2) * exp(k @ q / 2)


@attention
def with_temperature(q: Vec["n"], k: Vec["n"], tau: Const[Positive]):
    return exp(q @ k / tau)


def shapes(made):
    return {s.name: s.dims for s in made.of_kind("state")}


def test_features_with_a_product_are_found_as_they_are_written():
    def kernel(q: Vec["n"], k: Vec["n"]):
        return (elu(q) + 1) @ (elu(k) + 1)

    (term,) = features(kernel)
    assert (text(term.phi), text(term.psi), term.axes) == ("elu(q) + 1", "elu(k_j) + 1", ("n",))
    made = attention(kernel)
    assert type(made) is Layer and shapes(made) == {"S": ("n", "d"), "z": ("n",)}
    verdict = compare(made, find("linear_attention_normalised"))
    assert (verdict.status, verdict.sizes) == ("proved", None)


def test_powers_give_one_state_for_each_degree():
    made = find("based")
    assert [s for s in shapes(made).values()] == [
        *[("d",), ("n", "d"), ("n", "n", "d")],
        *[(), ("n",), ("n", "n")],
    ]
    assert shapes(find("rebased")) == {"S": ("n", "n", "d"), "z": ("n", "n")}


def test_an_unnormalised_product_is_linear_attention():
    @attention(normalised=False)
    def product(q: Vec["n"], k: Vec["n"]):
        return q @ k

    verdict = compare(product, find("linear_attention"))
    assert (verdict.status, verdict.sizes) == ("proved", None)


def test_exponentials_of_sums_of_one_side_each_separate():
    @attention(normalised=False)
    def cosine(q: Vec["n"], k: Vec["n"]):
        return (q / sqrt(q @ q + 1)) @ (k / sqrt(k @ k + 1)) * exp(sum(q) + sum(k))

    @layer
    def by_hand(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
        S = S + outer(exp(sum(k)) * k / sqrt(k @ k + 1), v)
        return S, exp(sum(q)) * q / sqrt(q @ q + 1) @ S

    assert shapes(cosine) == {"S": ("n", "d")}
    assert compare(cosine, by_hand).status == "proved"


def test_terms_with_the_same_feature_of_the_key_share_a_state():
    def kernel(q: Vec["n"], k: Vec["n"], w: Const[Vec["n"]], W: Const[Mat["n", "n"]]):
        return q @ k + 2 * (q * w) @ k + q @ W @ k + 3

    first, second = features(kernel)
    assert (first.axes, text(first.phi)) == ((), "3") and second.axes == ("n",)
    assert text(second.psi) == "k_j"
    assert shapes(attention(normalised=False)(kernel)) == {"S0": ("d",), "S1": ("n", "d")}


def test_every_argument_after_the_query_is_of_a_past_token_unless_it_is_said():
    def kernel(q: Vec["n"], k: Vec["n"], beta: Gate):
        return beta * (q @ k)

    written = attention(normalised=False)(kernel)
    assert text(written.step["S"]) in ("S + outer(beta * k, v)", "S + outer(k * beta, v)")
    read = attention(normalised=False, queries=("q", "beta"))(kernel)
    assert text(read.step["S"]) == "S + outer(k, v)"
    assert compare(written, read).status == "refuted"


def test_names_of_states_make_way_for_signals():
    @attention
    def clash(z: Vec["n"], S: Vec["n"]):
        return exp(sum(z)) * exp(sum(S))

    assert list(clash.step) == ["S_", "z_"]


def test_the_expanded_normaliser_keeps_its_condition():
    @attention
    def product(q: Vec["n"], k: Vec["n"]):
        return q @ k

    assert product.open_denominators and not find("linear_attention_normalised").open_denominators


def test_a_kernel_that_reads_both_in_one_function_keeps_the_past():
    assert isinstance(SOFTMAX, KernelLayer) and features(SOFTMAX) is None
    assert "exp((q @ k_j)" in SOFTMAX.obstacle
    assert SOFTMAX.open_denominators == ()


@pytest.mark.parametrize(
    "ask",
    [derive, minimal, lambda x: contains(find("gla"), x)],
    ids=["derive", "minimal", "contains"],
)
def test_what_needs_a_finite_state_says_that_there_is_none(ask):
    with pytest.raises(NotAffine, match=r"no finite state that was found: exp\(\(q @ k_j\)"):
        ask(SOFTMAX)


def test_the_definition_is_run_by_its_sum():
    tokens = [
        {"q": [Fraction(0)], "k": [Fraction(1)], "v": [Fraction(5)]},
        {"q": [Fraction(2)], "k": [Fraction(-1)], "v": [Fraction(1)]},
    ]
    (y,), balls = outputs_on([plain], tokens, {}, {"n": 1, "d": 1}, 128)
    want = (5 * math.exp(2) + math.exp(-2)) / (math.exp(2) + math.exp(-2))
    assert [balls.middle(x) for (x,) in y] == pytest.approx([5, want])


PROVED = [
    (plain, plain, {}),
    (plain, of_the_query, {}),
    (unnormalised, in_halves, {}),
    (plain, with_temperature, {"given": ["tau = 1"]}),
    (SOFTMAX, plain, {"given": ["plain.q = q / 2"], "sizes": {"n": 4, "d": 1}}),
    (SOFTMAX, plain, {"sizes": {"n": 1}}),
]


@pytest.mark.parametrize(("a", "b", "options"), PROVED)
def test_kernels_that_agree_up_to_a_factor_of_the_query_are_proved(a, b, options):
    verdict = compare(a, b, **options)
    assert verdict.status == "proved"
    assert verdict.sizes is None or "sizes" in options
    assert verdict.certificate["kind"] == "kernel"
    assert "for all lengths" in recheck(verdict.certificate)


REFUTED = [
    (plain, of_the_key, 2),
    (SOFTMAX, plain, 2),
    (unnormalised, plain, 1),
    (SOFTMAX, find("linear_attention"), 1),
    (SOFTMAX, find("linear_attention_normalised"), 2),
    (SOFTMAX, find("based"), 2),
    (find("gla"), SOFTMAX, 1),
    (SOFTMAX, with_temperature, 2),
]


@pytest.mark.parametrize(("a", "b", "length"), REFUTED)
def test_other_kernels_are_refuted_by_a_sequence(a, b, length):
    verdict = compare(a, b)
    assert (verdict.status, verdict.witness.length) == ("refuted", length)
    assert "!=" in recheck(verdict.certificate)


def test_branches_of_a_kernel_agree_as_identities():
    @attention
    def one(q: Vec["n"], k: Vec["n"]):
        return 1 + relu(q @ k)

    @attention
    def other(q: Vec["n"], k: Vec["n"]):
        return 3 * (relu(-(q @ k)) + q @ k + 1)

    verdict = compare(one, other)
    assert verdict.status == "conditional"
    (condition,) = verdict.conditions
    assert condition.startswith("Σ_j ") and condition.endswith("!= 0")


def test_a_difference_that_is_not_found_leaves_the_question_open():
    # Both outputs are 0, but one sum is normalised: no identity of kernels covers that.
    @attention
    def steep(q: Unit["n"], k: Unit["n"]):
        return exp(q @ k)

    @attention(normalised=False)
    def flat(q: Unit["n"], k: Unit["n"]):
        return exp(q @ k)

    verdict = compare(steep, flat, given=["v = 0"], sizes={"d": 1})
    assert verdict.status == "undecided" and "identity of the kernels" in verdict.remains


def test_ties_apply_to_the_query_of_one_token_and_the_key_of_another():
    tied = SOFTMAX.given(k="1 - alpha", alpha=Gate["n"])
    assert text(tied.step["k_j"]) == "1 - alpha"
    same = SOFTMAX.given(q="k")
    assert compare(same, SOFTMAX, given=["q = k"]).status == "proved"
    assert compare(same, SOFTMAX).status == "refuted"


def test_a_tie_that_separates_the_kernel_gives_a_finite_state():
    @layer
    def mean(S: State["d"], c: State, v: Vec["d"]):
        S, c = S + v, c + 1
        return S, c, S / c

    assert compare(SOFTMAX, mean, given=["q = 0"]).status == "proved"


def test_a_weight_cannot_become_a_signal_of_a_token():
    with pytest.raises(LanguageError, match="could be that of the query's token or of the key's"):
        with_temperature.given(tau="x", x=Positive)


def test_heads_of_a_sum_over_the_past():
    two = heads(plain, "h", name="two")
    assert isinstance(two, KernelLayer) and two.output.dims == ("h", "d")
    token = {"q": [0, 1], "k": [2, 3], "v": [5, 7]}
    tokens = [{n: [Fraction(x) for x in xs] for n, xs in token.items()}]
    (y,), balls = outputs_on([two], tokens, {}, {"h": 2, "n": 1, "d": 1}, 64)
    assert [balls.middle(x) for x in y[0]] == pytest.approx([5, 7])


def test_explain_shows_the_first_difference_of_the_sums():
    found = explain(unnormalised, find("linear_attention"))
    assert found.length == 1 and list(found.terms) == [0]


def test_a_weight_with_the_name_of_a_token_of_another_time_is_no_token():
    @attention
    def one(q: Scalar, k: Scalar, q__i: Const[Scalar]):
        return exp(q * q__i * k)

    @attention
    def other(q: Scalar, k: Scalar, q__i: Const[Scalar]):
        return exp(q__i * q__i * k)

    assert compare(one, other, sizes={"d": 1}).status == "refuted"


def certified(a, b):
    """The certificate that would claim a = b by the identity of index terms."""
    data = compare(a, a).certificate
    honest = compare(a, b).certificate
    return {**data, "claim": {**honest["claim"], "where": [], "lengths": "all"}} | {
        key: honest[key] for key in ("layers", "hashes")
    }


def test_a_factor_of_the_key_is_rejected():
    forged = certified(plain, of_the_key)
    assert forged["kind"] == "kernel"
    with pytest.raises(Rejected, match=r"r'\(T h, s\) = r\(h, s\) fails"):
        recheck(forged)


def test_another_scale_is_rejected_at_the_size_where_it_shows():
    data = compare(SOFTMAX, plain, sizes={"n": 1}).certificate
    assert data["identity"] == "closed subspace" and recheck(data)
    with pytest.raises(Rejected):
        recheck({**data, "sizes": {**data["sizes"], "n": 2}})


def test_a_sum_and_its_normalised_form_are_not_one():
    with pytest.raises(Rejected, match="divided by its weights and the other is not"):
        recheck(certified(plain, unnormalised))


def test_a_sum_is_not_taken_for_the_step_of_its_cache():
    data = compare(plain, plain).certificate
    for kind in ("intertwiner", "closed subspace"):
        with pytest.raises(Rejected, match="layers with a finite state"):
            recheck({**data, "kind": kind})
    with pytest.raises(Rejected, match="no identity of kernels is shown"):
        recheck({**data, "identity": "difference"})


def test_a_finite_layer_is_no_sum_over_the_past():
    finite = compare(find("gla"), find("gla")).certificate
    with pytest.raises(Rejected, match="two sums over the past"):
        recheck({**finite, "kind": "kernel", "identity": "intertwiner"})


def test_no_finite_number_of_features_gives_softmax():
    for kernel in (SOFTMAX, of_the_key, with_temperature):
        found = separability(kernel)
        assert found.infinite and found.upper is None
        assert "Vandermonde" in recheck(found.certificate)


def test_symmetric_features_need_fewer_than_they_are():
    def taylor(q: Vec["n"], k: Vec["n"]):
        t = q @ k / sqrt(sum(ones("n")))
        return 1 + t + t**2 / 2

    found = separability(taylor, {"n": 2})
    # 1 + n + n² as written, and the binomial coefficient (n + 2 over 2) at least.
    assert (found.upper, found.lower, found.infinite) == (7, 6, False)
    recheck(found.certificate)


def test_a_table_bounds_what_no_theorem_covers():
    def logistic(q: Vec["n"], k: Vec["n"]):
        return sigmoid(q @ k)

    found = separability(logistic, {"n": 1}, points=4)
    assert (found.terms, found.upper, found.lower) == (None, None, 4)
    data = found.certificate
    assert "fewer than 4 features" in recheck(data)
    with pytest.raises(Rejected, match="determinant"):
        recheck({**data, "keys": [data["keys"][0], *data["keys"][:-1]]})
    with pytest.raises(Rejected, match="not square"):
        recheck({**data, "keys": data["keys"][:-1]})


def test_rays_that_prove_nothing_are_rejected():
    def powers(q: Vec["n"], k: Vec["n"]):
        return (q @ k) ** 2

    def of_units(q: Unit["n"], k: Unit["n"]):
        return exp(q @ k)

    def square(q: Vec["n"], k: Vec["n"]):
        return exp((q @ k) ** 2)

    def weighed(q: Vec["n"], k: Vec["n"], w: Const[Vec["n"]]):
        return exp((w * q) @ k)

    rays = {"query": "q", "key": "k", "others": {}}
    for kernel in (powers, of_units, square, weighed):
        found = separability(kernel, {"n": 2}, points=2)
        assert not found.infinite and found.lower == 2
        with pytest.raises(Rejected):
            recheck({**found.certificate, "rays": rays})


def _vector(q: Vec["n"], k: Vec["n"]):
    return q * k


def _pair(q: Vec["n"], k: Vec["n"]):
    return q, k


def _value(q: Vec["n"], v: Vec["n"]):
    return q @ v


def _stateful(S: State["n"], q: Vec["n"], k: Vec["n"]):
    return q @ k


def _alone(q: Vec["n"], w: Const[Vec["n"]]):
    return q @ w


def _keyless(q: Vec["n"], k: Vec["n"]):
    return q @ q


def _bare(q, k):
    return q @ k


@pytest.mark.parametrize(
    ("kernel", "told"),
    [
        (_vector, r"is \[n\], and a kernel is one number"),
        (_pair, "returns one number, not 2 values"),
        (_value, "does not read the value v"),
        (_stateful, "a kernel has no state"),
        (_alone, "a function of a query and a key"),
        (_keyless, "reads nothing of a past token"),
        (_bare, "needs an annotation"),
        (SOFTMAX, "is not a kernel"),
        (3, "is not a kernel"),
    ],
)
def test_what_is_no_kernel_is_refused(kernel, told):
    with pytest.raises(LanguageError, match=told):
        attention(kernel)


def test_a_kernel_that_is_zero_has_no_normaliser():
    with pytest.raises(DomainError, match="zero for every query and key, so that the normaliser"):

        @attention
        def nothing(q: Vec["n"], k: Vec["n"]):
            return q @ k - k @ q


def test_a_normaliser_that_a_tie_makes_zero_has_no_inverse():
    with pytest.raises(DomainError, match="division by an expression that is zero"):
        list(outputs(find("rebased").given(k=0), 1))


def test_a_kernel_that_is_undefined_is_refused():
    with pytest.raises(DomainError, match="sqrt needs an argument that is not negative"):

        @attention
        def root(q: Vec["n"], k: Vec["n"]):
            return sqrt(q @ k)


def test_unknown_queries_and_wrong_double_entries_are_refused():
    with pytest.raises(UnknownName, match="no argument 'qq'"):

        @attention(queries=("qq",))
        def kernel(q: Vec["n"], k: Vec["n"]):
            return q @ k

    with pytest.raises(NotAffine, match="give a second kernel"):
        SOFTMAX.as_printed_in("a book")
    with pytest.raises(LanguageError, match="name the function softmax_attention, not other"):

        @SOFTMAX.also_written_in("a book")
        def other(q: Vec["n"], k: Vec["n"]):
            return exp(q @ k)


def test_scalars_are_signals_too():
    @attention(normalised=False)
    def scalar(q: Scalar, k: Scalar):
        return q * k

    assert shapes(scalar) == {"S": ("d",)}


def test_commands_answer_for_a_sum_over_the_past(capsys):
    assert run(["show", "softmax_attention"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "y_i = Σ_{j≤i} κ(i, j) v_j / Σ_{j≤i} κ(i, j)" in shown
    assert "no finite sum of products of features" in shown and "L n + L d numbers" in shown
    assert run(["compare", "softmax_attention", "based"]) == 1
    assert run(["minimal", "softmax_attention"]) == 2
    assert "no finite state that was found" in " ".join(capsys.readouterr().err.split())
