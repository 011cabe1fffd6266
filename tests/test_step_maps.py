"""Step maps: maps between states that are not linear, their checker, and what it must reject."""

from dataclasses import replace
from fractions import Fraction

import pytest
from sympy import Matrix, Rational

from dsf_sym import (
    Const,
    Gate,
    Positive,
    Scalar,
    State,
    Vec,
    compare,
    derive,
    elu,
    exp,
    find,
    layer,
    log,
    maximum,
    outer,
    recheck,
    sigmoid,
    tanh,
)
from dsf_sym.certificates.certificate import layers_of
from dsf_sym.certificates.checkers.step_map import read_maps
from dsf_sym.errors import (
    CertificateError,
    DomainError,
    LanguageError,
    NotAffine,
    Rejected,
    ShapeError,
    UnknownName,
)
from dsf_sym.language.spec import serialise
from dsf_sym.language.tensor import Input, text
from dsf_sym.language.ties import parse_tie


def maps_of(verdict):
    maps = read_maps(layers_of(verdict.certificate), verdict.certificate)
    return {name: text(x) for m in maps for name, x in m.image.items()}


def rejected(data, told, **changed):
    with pytest.raises((Rejected, CertificateError), match=told):
        recheck({**data, **changed})


ATTENTION = find("normalised_attention")
PAPER = ATTENTION.others[0][1]


def test_the_form_of_the_appendix_for_all_sizes():
    verdict = compare(PAPER, ATTENTION)
    assert verdict.status == "proved" and verdict.sizes is None and not verdict.conditions
    assert maps_of(verdict) == {"S": "S * last"}
    assert "all sizes" in recheck(verdict.certificate)


def test_the_form_as_printed_is_another_layer():
    @layer
    def printed(S: State["n", "d"], z: State, q: Vec["n"], k: Vec["n"], v: Vec["d"], eta: Positive):
        """Λ_i = η_{i-1} / η_i and B_i = k_i / η_{i-1}, with η_{-1} = 1."""
        S = (exp(z) / eta) * S + exp(-z) * outer(k, v)
        return S, log(eta), q @ S

    verdict = compare(printed, ATTENTION)
    assert verdict.status == "refuted" and verdict.certificate["kind"] == "difference"
    recheck(verdict.certificate)


def test_linear_attention_with_a_normaliser_of_the_query_inside_the_transition():
    @layer
    def inside(
        S: State["n", "d"], z: State["n"], last: State, q: Vec["n"], k: Vec["n"], v: Vec["d"]
    ):
        q, k = elu(q) + 1, elu(k) + 1
        z = z + k
        eta = q @ z
        S = (last / eta) * S + outer(k, v) / eta
        return S, z, eta, q @ S

    verdict = compare(inside, find("linear_attention_normalised"), sizes={"n": 1, "d": 1})
    assert verdict.status == "proved"
    assert maps_of(verdict) == {"S": "S * last", "z": "z"}


@layer
def last_gate_decays(
    S: State["n", "d"], last: State, q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate
):
    """The gate of the last token decays the memory: a window of two tokens."""
    S = last * S + outer(k, v)
    return S, alpha, q @ S


@layer
def decayed_in_advance(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate):
    """The memory is kept as the next token will want it."""
    S = S + outer(k, v)
    return alpha * S, q @ S


def test_a_window_of_two_tokens():
    verdict = compare(last_gate_decays, decayed_in_advance)
    assert verdict.status == "proved" and verdict.sizes is None
    assert maps_of(verdict) == {"S": "S * last"}
    assert compare(last_gate_decays, find("scalar_gated")).status == "refuted"


def test_a_map_that_reads_the_last_token():
    @layer
    def plain(h: State["d"], v: Vec["d"], x: Positive):
        h = h + v
        return h, h

    @layer
    def gauge(h: State["d"], r: State, v: Vec["d"], x: Positive):
        h = x * (h * r + v)
        return h, 1 / x, h / x

    verdict = compare(gauge, plain)
    assert verdict.status == "proved"
    by_token = compare(gauge, plain, maps=["h = h / x"])
    # T forgets r: the step reads it, and only reached states have r = 1 / x.
    assert by_token.status == "undecided" and by_token.remains


@layer
def shifted(
    S: State["n", "d"], last: State["n"], q: Vec["n"], x: Vec["n"], v: Vec["d"], c: Const[Gate]
):
    """Token shift: the key mixes this token with the last one."""
    S = S + outer(c * x + (1 - c) * last, v)
    return S, x, q @ S


def test_a_window_that_is_mixed_linearly_is_affine():
    @layer
    def other(
        S: State["d", "n"], old: State["n"], q: Vec["n"], x: Vec["n"], v: Vec["d"], c: Const[Gate]
    ):
        S = S + outer(v, c * x + old)
        return S, (1 - c) * x, S @ q

    assert derive(shifted).denominator is None
    assert compare(shifted, other).status == "proved"


def test_the_running_maximum_of_rwkv4_cancels():
    rwkv4 = find("rwkv4")
    stabilised = rwkv4.others[-1][1]
    verdict = compare(stabilised, rwkv4, sizes={"d": 1})
    assert verdict.status == "proved" and verdict.certificate["kind"] == "step map"
    assert maps_of(verdict) == {"a": "a * exp(m)", "b": "b * exp(m)"}
    rejected(verdict.certificate, "fails", maps=[_map(0, 1, stabilised, a="a", b="b")])


def test_the_epsilon_of_mlstm_stands_beside_a_stabiliser():
    mlstm = find("mlstm")
    stabilised = mlstm.others[0][1]

    @layer
    def code(
        S: State["n", "d"],
        z: State["n"],
        m: State,
        q: Vec["n"],
        k: Vec["n"],
        v: Vec["d"],
        alpha: Gate,
        p: Scalar,
        e: Const[Gate],
        on: Const[Scalar],
    ):
        top = maximum(log(alpha) + m, p)
        past, now = exp(log(alpha) + m - top), exp(p - top)
        S, z = past * S + now * outer(k, v), past * z + now * k
        return S, z, top, (q @ S) / (maximum(abs(q @ z), exp(-top)) + on * on * e)

    one = {"n": 1, "d": 1}
    assert compare(stabilised, mlstm, sizes=one).status == "proved"
    assert compare(code, mlstm, sizes=one).status == "refuted"
    assert compare(code, mlstm, given=["on = 0"], sizes=one).status == "proved"


@layer
def sums(S: State["d"], z: State, v: Vec["d"], k: Positive):
    S, z = S + k * v, z + k
    return S, z, S / z


@layer
def mean(m: State["d"], z: State, v: Vec["d"], k: Positive):
    z = z + k
    m = m + (v - m) * (k / z)
    return m, z, m


def test_a_start_where_the_map_has_no_value():
    verdict = compare(sums, mean, maps=["m = S / z", "z = z"])
    assert verdict.status == "proved" and verdict.conditions == ()
    assert compare(sums, mean).status == "proved"


@layer
def signed_sums(S: State["d"], z: State, v: Vec["d"], k: Scalar):
    S, z = S + k * v, z + k
    return S, z, S


@layer
def signed_mean(m: State["d"], z: State, v: Vec["d"], k: Scalar):
    new = z + k
    m = m + (v - m) * (k / new)
    return m, new, m * new


def test_a_pole_is_a_condition_and_cannot_be_dropped():
    verdict = compare(signed_sums, signed_mean, maps=["m = S / z", "z = z"])
    assert verdict.status == "conditional" and set(verdict.conditions) == {"z + k != 0", "z != 0"}
    data = verdict.certificate
    for stated in ([], ["z + k != 0"], ["z != 0"]):
        rejected(data, "holds where", claim={**data["claim"], "where": stated})


def test_a_division_by_the_state_in_a_step_is_defined_and_not_affine():
    assert [text(x) for x in signed_mean.open_denominators] == ["z + k"]
    assert mean.open_denominators == ()
    with pytest.raises(NotAffine, match="the new m is not affine in its state"):
        derive(signed_mean)


def test_a_denominator_that_is_zero_equals_nothing():
    @layer
    def nothing(S: State, z: State, v: Scalar):
        S, z = S / z + v, 0 * z
        return S, z, S

    @layer
    def dying(S: State, w: State, v: Scalar):
        # 1 - w is 1 at the first token and 0 for ever after.
        S = S / (1 - w) + v
        return S, 0 * w + 1, S

    with pytest.raises(DomainError, match="nothing has no value after 1 token"):
        compare(nothing, nothing)
    with pytest.raises(DomainError, match="dying has no value after 2 tokens"):
        compare(dying, dying)


def test_epsilon_in_a_denominator():
    @layer
    def with_epsilon(m: State["d"], z: State, v: Vec["d"], k: Positive, e: Const[Scalar]):
        z = z + k
        m = m + (v - m) * (k / (z + e * e))
        return m, z, m

    assert compare(with_epsilon, sums).status == "refuted"
    assert compare(with_epsilon, sums, given=["e = 0"]).status == "proved"


def test_a_map_whose_denominator_dies_maps_nothing():
    @layer
    def counted(S: State, w: State, r: State, v: Scalar):
        # r is 0 at the first token and 1 for ever after the second.
        return S + v, 0 * w + 1, w, S + v

    maps = ["h = S * (r - 1) / (r - 1)"]
    assert compare(counted, clean, maps=maps).status == "undecided"
    assert compare(counted, clean, maps=["h = S"]).status == "proved"


@layer
def with_a_square(S: State, junk: State, v: Scalar):
    return S + v, junk * junk + v, S + v


@layer
def with_a_tanh(S: State, junk: State, v: Scalar):
    return S + v, tanh(junk) + v, S + v


@layer
def clean(h: State, v: Scalar):
    h = h + v
    return h, h


def test_two_layers_with_different_junk_states_map_onto_a_third():
    assert compare(with_a_square, with_a_tanh).status == "undecided"
    verdict = compare(with_a_square, with_a_tanh, through=clean)
    assert verdict.status == "proved" and "onto clean" in verdict.proof
    data = verdict.certificate
    recheck(data)
    rejected(data, "one layer onto the other, or both", maps=data["maps"][:1])
    other = replace(clean, output=2 * clean.output)
    rejected(data, "fails", third=other.spec)
    assert compare(with_a_square, with_a_tanh, through=other).status == "undecided"


def _map(start, end, source, **image):
    """A map of the certificate from texts over the source's states and tokens."""
    names = {s.name: s.tensor for s in source.signals}
    return {
        "from": start,
        "to": end,
        **serialise({n: parse_tie(x, names, call="test") for n, x in image.items()}),
    }


def test_forged_maps_are_rejected():
    data = compare(PAPER, ATTENTION).certificate
    for wrong, told in (
        ("S", "fails"),
        ("2 * last * S", "fails"),
        # The token of now in place of the last one.
        ("eta * last * S / last", "fails"),
        ("0 * S", "fails"),
    ):
        rejected(data, told, maps=[_map(0, 1, PAPER, S=wrong)])
        rejected(data, told, maps=[_map(0, 1, PAPER, S=wrong)], sizes={"n": 1, "d": 1})
    rejected(data, "in its shape", maps=[_map(0, 1, PAPER, S="last")])
    rejected(data, "each state of normalised_attention", maps=[_map(0, 1, PAPER, T="last * S")])
    rejected(data, "one layer onto the other", maps=[])
    rejected(data, "one layer onto the other", maps=data["maps"] * 2)
    hidden = serialise({"S": Input("eta_next", ()) * PAPER["S"]})
    rejected(data, "T reads eta_next", maps=[{"from": 0, "to": 1, **hidden}])
    rejected(data, "hash", layers=[ATTENTION.spec, PAPER.spec])


def test_a_map_may_not_read_the_token_to_come():
    @layer
    def late(S: State, v: Scalar):
        return S + v, S

    @layer
    def early(S: State, v: Scalar):
        return S + v, S + v

    # With the token of now it would commute with the step; T has the last one only.
    assert compare(early, late, maps=["S = S + v"]).status == "undecided"
    assert compare(early, late).status == "refuted"


def test_the_first_token_is_checked():
    @layer(start={"h": "h0"})
    def started(h: State, h0: Const[Scalar], v: Scalar):
        h = h + v
        return h, h

    verdict = compare(started, clean, maps=["h = h"])
    assert verdict.status == "undecided"
    proved = compare(with_a_square, clean)
    assert proved.status == "proved" and proved.certificate["kind"] == "step map"
    data = proved.certificate
    forged = replace(started, name="clean")
    data = {
        **data,
        "layers": [data["layers"][0], forged.spec],
        "hashes": [data["hashes"][0], forged.hash],
    }
    rejected(data, "on the first token fails")


def test_maps_that_do_not_fit_are_refused():
    for maps, kind, told in (
        (["S = T"], UnknownName, "no signal 'T'"),
        (["S = q"], ShapeError, r"is \[n, d\], and the map gives \[n\]"),
        (["T = S"], UnknownName, "the maps give T; .* S, last or S"),
        (["S"], LanguageError, "write SIGNAL = EXPRESSION"),
    ):
        with pytest.raises(kind, match=told):
            compare(PAPER, ATTENTION, maps=maps)


def test_a_nonlinear_layer_is_compared_and_never_guessed():
    @layer
    def gru(h: State["d"], z: Vec["d"], v: Vec["d"]):
        z = sigmoid(z + h)
        h = (1 - z) * h + z * v
        return h, h

    @layer
    def same(h: State["d"], z: Vec["d"], v: Vec["d"]):
        z = sigmoid(-z - h)
        h = z * h + (1 - z) * v
        return h, h

    @layer
    def other(h: State["d"], z: Vec["d"], v: Vec["d"]):
        z = sigmoid(z)
        h = (1 - z) * h + z * v
        return h, h

    assert compare(gru, same).status == "proved"
    verdict = compare(gru, other)
    assert verdict.status == "refuted" and verdict.witness.length == 2
    assert "shortest" not in verdict.proof


def _ratio(eigenvalues, top, bottom):
    """y = u N / D with N and D sums of powers of 1 and of two eigenvalues, two states."""
    one, (p, q) = Fraction(1), eigenvalues

    @layer
    def ratio(a: State, b: State, u: Scalar):
        # p**L = 1 + (p - 1) a, and the same for b.
        a, b = p * a + 1, q * b + 1
        powers = (one, 1 + (p - 1) * a, 1 + (q - 1) * b)
        n, d = (sum(c * x for c, x in zip(w, powers, strict=True)) for w in (top, bottom))
        return a, b, u * n / d

    return ratio


def test_two_ratios_of_two_states_agree_up_to_length_7_and_differ_at_8():
    # N D' - D N' is a sum of nine powers (x y)**L, with coefficients n_x d'_y - d_x n'_y: a matrix
    # of rank 2. Seven zeros leave (s + x y) / (x y prod(x y - others)) for the coefficients, and s
    # makes the determinant vanish. For {1, 2, 3} and {1, 5, 7} it is no rational number.
    left, right = (2, 4), (3, Fraction(1, 3))
    xs, ys = (1, *left), (1, *right)
    nodes, s = [x * y for x in xs for y in ys], -2

    def weight(p):
        out = Fraction(s + p) / p
        for other in nodes:
            out /= (p - other) if other != p else 1
        return Rational(out.numerator, out.denominator)

    M = Matrix(3, 3, lambda i, j: weight(xs[i] * ys[j]))
    assert M.rank() == 2
    first, second = M.columnspace()
    rows = Matrix.hstack(first, first + second).pinv() * M
    n, d = first, -first - second
    d2, n2 = rows.row(0).T, rows.row(1).T
    assert n * d2.T - d * n2.T == M
    exact = [[Fraction(int(c.p), int(c.q)) for c in v] for v in (n, d, n2, d2)]
    a, b = _ratio(left, *exact[:2]), _ratio(right, *exact[2:])
    verdict = compare(a, b)
    assert verdict.status == "refuted" and verdict.witness.length == 8
    recheck(verdict.certificate)
