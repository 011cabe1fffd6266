"""Layers in continuous time: each rule against its closed form, its order, and what is refused."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest

from dsf_sym import (
    Complex,
    Const,
    Gate,
    Mat,
    Negative,
    Positive,
    Real,
    Scalar,
    State,
    Vec,
    catalogue,
    compare,
    continuous,
    derive,
    einsum,
    exp,
    outer,
    recheck,
    scale,
    structure,
)
from dsf_sym.errors import DomainError, LanguageError, NotAffine, ShapeError
from numeric.oracle import definition

RULES = ("zoh", "bilinear", "euler", "zoh_euler", "exp_trapezoidal")


@continuous
def scalar(x: State["d"], v: Vec["d"], A: Const[Negative["d"]]):
    """x' = A x + v, read as it is."""
    return A * x + v, x


@continuous
def spiral(
    re: State["d"], im: State["d"], v: Vec["d"], A: Const[Negative["d"]], w: Const[Vec["d"]]
):
    """z' = (A + i w) z + (1 + 2 i) v, the output is Re z + 3 Im z."""
    return A * re - w * im + v, w * re + A * im + 2 * v, re + 3 * im


@continuous
def low_rank(
    x: State["d", "n"],
    v: Vec["d"],
    A: Const[Negative["d", "n"]],
    p: Const[Mat["d", "n"]],
    b: Const[Vec["n"]],
):
    """x' = (Diag(A) - p pᵀ) x + b v in every channel, read at the sum of its entries."""
    return A * x - scale((p * x).sum("n"), p) + outer(v, b), x.sum("n")


@continuous(title="S6 in continuous time")
def memory(
    h: State["d", "n"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    A: Const[Negative["d", "n"]],
    D: Const[Vec["d"]],
):
    """h' = A ⊙ h + v kᵀ and y = h q + D ⊙ v."""
    return A * h + outer(v, k), h @ q + D * v


def fractions(*rows):
    """Tokens of one channel, [batch, heads, L, 1]."""
    out = np.empty((1, 1, len(rows), 1), object)
    out[0, 0, :, 0] = [Fraction(x) for x in rows]
    return out


def run(layer, tokens, *, scalars="digits", **weights):
    """The outputs of one channel, on exact or 50-digit numbers."""
    values = {name: np.array([x], object) for name, x in weights.items()}
    got, _ = definition(layer, {**tokens, **values}, scalars=scalars)
    return list(got[0, 0, :, 0])


V = [Fraction(2), Fraction(-1), Fraction(3, 2), Fraction(1, 3)]
DT = [Fraction(1, 2), Fraction(1), Fraction(1, 8), Fraction(2)]
LAM = [Fraction(1), Fraction(1, 2), Fraction(1, 4), Fraction(3, 4)]


def advance(rule, a, x, b, dt, last, mix):
    """One step of z' = a z + b, written out with numbers."""
    decay = mpmath.exp(a * dt)
    return {
        "zoh": lambda: decay * x + (decay - 1) / a * b,
        "zoh_euler": lambda: decay * x + dt * b,
        "euler": lambda: x + dt * (a * x + b),
        "bilinear": lambda: ((1 + a * dt / 2) * x + dt * b) / (1 - a * dt / 2),
        "exp_trapezoidal": lambda: decay * x + (1 - mix) * dt * decay * last + mix * dt * b,
    }[rule]()


def number(x):
    return mpmath.mpf(x.numerator) / x.denominator


def expected(rule, a, gain):
    x, last, out = mpmath.mpf(0), mpmath.mpf(0), []
    for v, dt, mix in zip(V, DT, LAM, strict=True):
        b = gain * number(v)
        x = advance(rule, a, x, b, number(dt), last, number(mix))
        last = b
        out.append(x)
    return out


def close(ours, theirs):
    assert all(abs(x - y) < mpmath.mpf(10) ** -45 for x, y in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("rule", RULES)
def test_a_real_state_moves_by_the_rule(rule):
    layer = scalar.discretise(rule, declared=Positive["d"])
    tokens = {"v": fractions(*V), "Delta": fractions(*DT)}
    if rule == "exp_trapezoidal":
        tokens["lam"] = fractions(*LAM)[..., 0]
    with mpmath.workdps(50):
        ours = run(layer, tokens, A=[Fraction(-3, 4)])
        close(ours, expected(rule, mpmath.mpf(-3) / 4, 1))


@pytest.mark.parametrize("rule", RULES)
def test_two_states_that_rotate_move_as_a_complex_number(rule):
    layer = spiral.discretise(rule, declared=Positive["d"])
    tokens = {"v": fractions(*V), "Delta": fractions(*DT)}
    if rule == "exp_trapezoidal":
        tokens["lam"] = fractions(*LAM)[..., 0]
    with mpmath.workdps(50):
        ours = run(layer, tokens, A=[Fraction(-3, 4)], w=[Fraction(5, 2)])
        z = expected(rule, mpmath.mpc(-3, 10) / 4, mpmath.mpc(1, 2))
        close(ours, [x.real + 3 * x.imag for x in z])


def solved(A, right):
    """Gauss elimination over the fractions."""
    rows = [[*row, r] for row, r in zip(A, right, strict=True)]
    for i in range(len(rows)):
        pivot = next(r for r in rows[i:] if r[i])
        rows.remove(pivot)
        rows.insert(i, [x / pivot[i] for x in pivot])
        for j, row in enumerate(rows):
            if j != i:
                rows[j] = [x - row[i] * y for x, y in zip(row, rows[i], strict=True)]
    return [row[-1] for row in rows]


@pytest.mark.parametrize("rule", ["bilinear", "euler"])
def test_a_diagonal_plus_an_outer_product_solves_the_linear_system(rule):
    layer = low_rank.discretise(rule, declared=Const[Positive["d"]])
    a, p, b = (
        [Fraction(-1), Fraction(-2)],
        [Fraction(3), Fraction(1, 2)],
        [Fraction(1), Fraction(5)],
    )
    dt = Fraction(1, 2)
    ours = run(layer, {"v": fractions(*V)}, scalars="fraction", A=[a], p=[p], b=b, Delta=[dt])
    A = [[a[i] * (i == j) - p[i] * p[j] for j in range(2)] for i in range(2)]
    x, theirs = [Fraction(0)] * 2, []
    for v in V:
        rate = [sum(A[i][j] * x[j] for j in range(2)) for i in range(2)]
        if rule == "euler":
            x = [x[i] + dt * (rate[i] + b[i] * v) for i in range(2)]
        else:
            left = [[(i == j) - dt / 2 * A[i][j] for j in range(2)] for i in range(2)]
            x = solved(left, [x[i] + dt / 2 * rate[i] + dt * b[i] * v for i in range(2)])
        theirs.append(sum(x))
    assert ours == theirs
    assert "rank one along n" in str(structure(derive(layer)))


def test_a_rotation_plus_an_outer_product_solves_the_linear_system():
    s4 = catalogue()["s4"]
    one = Fraction(1)
    a, w, p, dt = -one / 2, Fraction(3), Fraction(2), Fraction(1, 4)
    ours = run(
        s4,
        {"v": fractions(*V)},
        scalars="fraction",
        **{"A": [[a]], "w": [[w]], "p": [[p]], "Br": [[one]], "Bi": [[2 * one]]},
        **{"Cr": [[one]], "Ci": [[-one]], "D": [3 * one], "Delta": [dt]},
    )
    A, b = [[a - p * p, -w], [w, a]], [one, 2 * one]
    x, theirs = [Fraction(0)] * 2, []
    for v in V:
        rate = [sum(A[i][j] * x[j] for j in range(2)) for i in range(2)]
        left = [[(i == j) - dt / 2 * A[i][j] for j in range(2)] for i in range(2)]
        x = solved(left, [x[i] + dt / 2 * rate[i] + dt * b[i] * v for i in range(2)])
        theirs.append(x[0] - x[1] + 3 * v)
    assert ours == theirs


def test_euler_takes_a_dense_transition():
    @continuous
    def dense(x: State["n"], v: Scalar, A: Const[Mat["n", "n"]], b: Const[Vec["n"]]):
        """x' = A x + b v."""
        return A @ x + b * v, x

    layer = dense.discretise("euler")
    assert layer.signal("Delta").dims == () and structure(derive(layer)).kind
    with pytest.raises(LanguageError, match=r"dense along n.*'euler', which takes every A"):
        dense.discretise("bilinear")


def error(rule, steps, mix=None):
    """The error at time 1 of x' = -x + v(t), v the value of cos t at the end of each step."""
    layer = scalar.discretise(rule, declared=Const[Positive["d"]])
    ends = [Fraction(i + 1, steps) for i in range(steps)]
    constant = rule in ("bilinear", "euler", "zoh")
    with mpmath.workdps(50):
        drive = [Fraction(1) if constant else Fraction(str(mpmath.cos(number(t)))) for t in ends]
        tokens = {"v": fractions(*drive)}
        if mix is not None:
            tokens["lam"] = fractions(*[mix] * steps)[..., 0]
        got = run(layer, tokens, A=[Fraction(-1)], Delta=[Fraction(1, steps)])[-1]
        grown = 1 - mpmath.exp(-1)
        swung = (mpmath.cos(1) + mpmath.sin(1) - mpmath.exp(-1)) / 2
        return abs(got - (grown if constant else swung))


def test_zero_order_hold_is_exact_for_a_constant_input():
    assert error("zoh", 5) < mpmath.mpf(10) ** -45


@pytest.mark.parametrize(
    ("rule", "mix", "factor"),
    [
        ("euler", None, 2),
        ("bilinear", None, 4),
        ("zoh_euler", None, 2),
        ("exp_trapezoidal", Fraction(1), 2),
    ],
)
def test_the_error_falls_with_the_order_of_the_rule(rule, mix, factor):
    assert abs(error(rule, 16, mix) / error(rule, 32, mix) - factor) < factor / 10


def test_the_trapezoid_is_of_second_order_once_the_first_half_step_is_paid():
    # The rule knows no input before the first token: that costs Δ/2 e^{Δ A} v(0), of first order.
    def corrected(steps):
        with mpmath.workdps(50):
            layer = scalar.discretise("exp_trapezoidal", declared=Const[Positive["d"]])
            times = [Fraction(i, steps) for i in range(steps + 1)]
            v = [Fraction(str(mpmath.cos(number(t)))) for t in times]
            tokens = {"v": fractions(*v), "lam": fractions(*[Fraction(1, 2)] * len(v))[..., 0]}
            got = run(layer, tokens, A=[Fraction(-1)], Delta=[Fraction(1, steps)])[-1]
            # Token 0 adds Δ/2 v(0) at time 0, which decays over the whole interval.
            got -= mpmath.exp(-1) / (2 * steps)
            return abs(got - (mpmath.cos(1) + mpmath.sin(1) - mpmath.exp(-1)) / 2)

    assert abs(corrected(16) / corrected(32) - 4) < 0.4


def proved(a, b, **options):
    verdict = compare(a, b, **options)
    assert verdict.certificate is None or recheck(verdict.certificate)
    return verdict.status == "proved" and not verdict.sizes


def test_s6_is_its_continuous_layer_under_the_mixed_rule():
    s6 = catalogue()["s6"]
    assert proved(memory.discretise("zoh_euler", declared=Positive["d"]), s6)
    # At λ = 1 the state that carries the last token is read by nothing.
    verdict = compare(memory.discretise("exp_trapezoidal", declared=Positive["d"]).given(lam=1), s6)
    assert verdict.status == "proved" and recheck(verdict.certificate)


@pytest.mark.parametrize("rule", ["zoh", "bilinear", "euler", "exp_trapezoidal"])
def test_the_other_rules_are_not_s6(rule):
    other = memory.discretise(rule, declared=Positive["d"], name=rule)
    verdict = compare(other, catalogue()["s6"])
    assert verdict.status == "refuted" and verdict.witness.length <= 2
    assert recheck(verdict.certificate)


@pytest.mark.parametrize(("a", "b"), [("euler", "zoh"), ("bilinear", "zoh"), ("euler", "bilinear")])
def test_two_rules_differ_on_a_witness(a, b):
    verdict = compare(scalar.discretise(a, name=a), scalar.discretise(b, name=b))
    assert verdict.status == "refuted" and recheck(verdict.certificate)


def test_retnet_is_a_constant_rate_with_its_input_scaled():
    @continuous
    def decaying(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], A: Const[Negative]):
        """S' = A S + k vᵀ."""
        return A * S + outer(k, v), q @ S

    zoh = decaying.discretise("zoh", declared=Const[Positive])
    retnet = catalogue()["retnet"]
    ties = ["retnet.alpha = exp(Delta * A)", "retnet.k = k * (exp(Delta * A) - 1) / A"]
    assert proved(zoh, retnet, given=ties)
    mixed = decaying.discretise("zoh_euler", declared=Positive)
    assert proved(mixed, catalogue()["ssd"], given=["D = 0"])


def test_an_integrator_is_held_without_a_division():
    @continuous
    def integral(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
        """S' = k vᵀ."""
        return outer(k, v), q @ S

    linear = catalogue()["linear_attention"]
    for rule in ("zoh", "bilinear", "euler", "zoh_euler"):
        assert proved(integral.discretise(rule), linear, given=["linear_attention.k = Delta * k"])


def test_s4d_holds_as_complex_arithmetic():
    @continuous
    def modes(
        hr: State["d", "n"],
        hi: State["d", "n"],
        v: Vec["d"],
        A: Const[Negative["d", "n"]],
        w: Const[Mat["d", "n"]],
        Cr: Const[Mat["d", "n"]],
        Ci: Const[Mat["d", "n"]],
        D: Const[Vec["d"]],
    ):
        """z' = a z + v."""
        z, a, C = Complex(hr, hi), Complex(A, w), Complex(Cr, Ci)
        rate = a * z + einsum("d,n->dn", v, exp(0 * einsum("dn->n", A)))
        return rate.re, rate.im, 2 * (C * z).re.sum("n") + D * v

    assert proved(modes.discretise("zoh", declared=Const[Positive["d"]]), catalogue()["s4d"])
    assert not proved(
        modes.discretise("zoh_euler", declared=Const[Positive["d"]]), catalogue()["s4d"]
    )


def test_the_step_is_a_token_a_weight_or_one_for_each_channel():
    assert str(scalar.discretise("zoh").signal("Delta")) == "Delta: scalar, (0, inf)"
    dt = scalar.discretise("zoh", "dt", declared=Const[Gate["d"]], name="held").signal("dt")
    assert (dt.kind, dt.dims) == ("constant", ("d",))


def message(kind, layer, *args, **options):
    with pytest.raises(kind) as caught:
        layer.discretise(*args, **options)
    return str(caught.value)


def test_an_unknown_rule_lists_the_rules():
    said = message(LanguageError, scalar, "tustin")
    assert "scalar.discretise('tustin'): no rule 'tustin'" in said
    assert all(f"\n  {rule} " in said for rule in RULES)
    assert "did you mean 'bilinear'" in message(LanguageError, scalar, "bilinaer")


def test_zero_order_hold_names_an_a_that_can_be_zero():
    @continuous
    def free(x: State["d"], v: Vec["d"], A: Const[Real["d"]]):
        """x' = A x + v."""
        return A * x + v, x

    said = message(DomainError, free, "zoh")
    assert "the state x: 'zoh' divides by A, and A = A lies in real, which holds 0" in said
    assert "declare A as Negative or Positive, or discretise with 'zoh_euler'" in said
    assert "'bilinear' divides by 1 - Δ/2 A" in message(DomainError, free, "bilinear")
    assert free.discretise("zoh_euler") and free.discretise("euler")


def test_an_outer_product_is_refused_where_a_rule_has_no_formula():
    said = message(LanguageError, low_rank, "zoh")
    assert "the A of x is a diagonal plus an outer product" in said
    assert "Discretise with 'bilinear' or 'euler'" in said


def test_an_outer_product_that_can_be_singular_is_refused():
    @continuous
    def growing(x: State["n"], v: Scalar, A: Const[Negative["n"]], p: Const[Vec["n"]]):
        """x' = (Diag(A) + p pᵀ) x + v."""
        return A * x + p * (p @ x) + v, x

    assert "not shown to exclude 0; give A the outer product -p pᵀ" in message(
        DomainError, growing, "bilinear"
    )


def test_a_coupling_that_is_no_rotation_is_named():
    @continuous
    def chain(x: State["d"], y: State["d"], v: Vec["d"], A: Const[Negative["d"]]):
        """y follows x."""
        return A * x + v, A * y + x, y

    said = message(LanguageError, chain, "zoh")
    assert "the A of x and y is a coupling of x and y that is no rotation" in said
    assert chain.discretise("euler")


def test_a_rate_that_is_not_affine_is_named():
    @continuous
    def logistic(x: State["d"], v: Vec["d"]):
        """x' = x (v - x)."""
        return x * (v - x), x

    for rule in ("euler", "zoh"):
        said = message(NotAffine, logistic, rule)
        assert f"logistic.discretise('{rule}'): the rate of x is not affine" in said


def test_names_shapes_and_domains_of_the_step():
    assert "adds a signal v" in message(LanguageError, scalar, "zoh", "v")
    assert "no name of a signal" in message(LanguageError, scalar, "zoh", "2t")
    assert "must be positive" in message(DomainError, scalar, "zoh", declared=Scalar)
    assert "write Positive" in message(LanguageError, scalar, "zoh", declared=State["d"])
    assert "every size of Delta must name one axis" in message(
        ShapeError, scalar, "zoh", declared=Positive["n"]
    )
