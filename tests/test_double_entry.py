"""Printed matrices against the step: the catalogue agrees, and planted errors are named."""

from dataclasses import replace

import pytest

from dsf_sym import (
    Const,
    Gate,
    KernelLayer,
    Scalar,
    State,
    Vec,
    diag,
    einsum,
    exp,
    eye,
    layer,
    ones,
    outer,
)
from dsf_sym.deciding.decide import compare
from dsf_sym.derivation.double_entry import check_matrices
from dsf_sym.errors import LanguageError, ShapeError
from dsf_sym.language.loading import catalogue

CATALOGUE = catalogue()
SYMBOLS = {"Lam": "Λ", "B": "B", "C": "C", "D": "D"}


PRINTED = [name for name, made in CATALOGUE.items() if made.matrices]
WRITTEN = [name for name, made in CATALOGUE.items() if made.others]


def test_every_layer_of_the_catalogue_has_a_double_entry():
    assert set(PRINTED) | set(WRITTEN) == set(CATALOGUE) and PRINTED and WRITTEN


@pytest.mark.parametrize("name", WRITTEN)
def test_a_second_step_is_proved_equal_and_a_wrong_one_refuted(name):
    made = CATALOGUE[name]
    for _, other in made.others:
        verdict = compare(made, other)
        assert not verdict.question.bridges
        assert verdict.status == ("conditional" if verdict.conditions else "proved")
        wrong = replace(other, output=2 * other.output)
        if isinstance(made, KernelLayer):
            # A factor of the whole kernel cancels: the planted error is a factor of the key.
            wrong = replace(other, output=(1 + exp(other["k_j"].sum())) * other.output)
        assert compare(made, wrong).status == "refuted"


@pytest.fixture(params=PRINTED, name="entry")
def each_of_the_catalogue(request):
    return CATALOGUE[request.param]


def failures(made, **changed):
    """The entries that fail when matrices of the layer are replaced."""
    planted = replace(made.matrices[0], **changed)
    return [e for e in check_matrices(replace(made, matrices=(planted,))) if not e.proved]


def test_every_layer_of_the_catalogue_agrees_with_its_paper_for_all_sizes(entry):
    entries = check_matrices(entry)
    assert len(entries) == 2 and all(e.proved for e in entries)
    assert all("for all sizes" in str(e) for e in entries)


@pytest.mark.parametrize("name", SYMBOLS)
def test_an_error_in_one_matrix_is_rejected_and_named(entry, name):
    matrix = getattr(entry.matrices[0], name)
    (failed,) = failures(entry, **{name: matrix + ones(*matrix.dims)})
    assert failed.suspects == (SYMBOLS[name],)
    assert f"look at {SYMBOLS[name]}\n" in str(failed)


@pytest.mark.parametrize("name", ["Lam", "B", "C"])
def test_a_matrix_left_out_is_rejected_and_named(entry, name):
    matrix = getattr(entry.matrices[0], name)
    (failed,) = failures(entry, **{name: 0 * matrix})
    assert failed.suspects == (SYMBOLS[name],)


def test_errors_in_both_matrices_of_an_equation_are_both_named(entry):
    printed = entry.matrices[0]
    (failed,) = failures(entry, Lam=2 * printed.Lam, B=2 * printed.B)
    assert failed.suspects == ("Λ", "B")


GATED = CATALOGUE["gated_deltanet"]
ALPHA, BETA, K, Q = (GATED[name] for name in ("alpha", "beta", "k", "q"))


def transition(on_keys):
    return einsum("ac,bd->abcd", on_keys, eye("d"))


@pytest.mark.parametrize(
    ("name", "wrong", "told"),
    [
        # The correction reads the memory before it decays.
        (
            "Lam",
            transition(ALPHA * eye("n") - BETA * outer(K, K)),
            "-beta k_i S_lj k_l + alpha beta k_i S_lj k_l",
        ),
        # No gate.
        (
            "Lam",
            transition(eye("n") - BETA * outer(K, K)),
            "S_ij - S_ij alpha - beta k_i S_lj k_l + alpha beta k_i S_lj k_l",
        ),
        # The wrong sign.
        (
            "Lam",
            transition(ALPHA * (eye("n") + BETA * outer(K, K))),
            "2 alpha beta k_i S_lj k_l",
        ),
        # No rate, a decayed write, the read in place of the write.
        ("B", einsum("a,bc->abc", K, eye("d")), "k_i v_j - beta k_i v_j"),
        (
            "B",
            einsum("a,bc->abc", ALPHA * BETA * K, eye("d")),
            "-beta k_i v_j + alpha beta k_i v_j",
        ),
        ("B", einsum("a,bc->abc", BETA * Q, eye("d")), "-beta k_i v_j + beta q_i v_j"),
        # A skip that the layer does not have.
        ("D", eye("d"), "v_i"),
    ],
)
def test_errors_that_people_make(name, wrong, told):
    (failed,) = failures(GATED, **{name: wrong})
    assert failed.suspects == (SYMBOLS[name],)
    assert str(failed).endswith(f"as printed, minus as defined: {told}")


def test_a_transposed_transition_is_rejected_where_it_is_not_symmetric():
    @layer
    def shear(h: State["n"], a: Vec["n"], b: Vec["n"], q: Vec["n"], v: Scalar):
        h = h + a * (b @ h) + v * b
        return h, q @ h

    @shear.as_printed_in("a book")
    def shear(a, b, q):
        return eye("n") + outer(a, b), b, q, 0

    assert all(e.proved for e in check_matrices(shear))
    (failed,) = failures(shear, Lam=shear.matrices[0].Lam.T)
    assert failed.suspects == ("Λ",) and str(failed).endswith(": -a_i b_j h_j + b_i a_j h_j")


def test_a_layer_that_reads_its_old_state_and_has_a_skip():
    @layer(carried="x")
    def bonus(
        h: State["n", "d"],
        r: Vec["n"],
        k: Vec["n"],
        x: Vec["d"],
        w: Gate["n"],
        b: Const[Vec["n"]],
    ):
        old = h
        h = einsum("i,ij->ij", w, h) + outer(k, x)
        return h, r @ (old + outer(b * k, x))

    @bonus.as_printed_in("the readout through the inverse decay")
    def bonus(r, k, w, b):
        Lam = einsum("ac,bd->abcd", diag(w), eye("d"))
        B = einsum("a,bc->abc", k, eye("d"))
        C = einsum("a,cb->cab", r / w, eye("d"))
        return Lam, B, C, (r @ (b * k - k / w)) * eye("d")

    assert [e.proved for e in check_matrices(bonus)] == [True, True]
    (failed,) = failures(bonus, D=(bonus["r"] @ (bonus["b"] * bonus["k"])) * eye("d"))
    assert failed.suspects == ("D",)


def test_a_layer_without_matrices_has_no_entries():
    assert check_matrices(replace(GATED, matrices=())) == []


def test_matrices_follow_a_tie():
    tied = GATED.given(alpha=1, k="q")
    assert len(tied.matrices) == 1 and all(e.proved for e in check_matrices(tied))


def test_matrices_do_not_outlive_their_input():
    assert CATALOGUE["gla"].given(v=1).matrices == ()


@layer
def plain(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    S = S + outer(k, v)
    return S, q @ S


def test_the_record_stays_as_it_was():
    def plain_printed(q, k):
        B, C = einsum("a,bc->abc", k, eye("d")), einsum("a,cb->cab", q, eye("d"))
        return einsum("ac,bd->abcd", eye("n"), eye("d")), B, C, 0

    plain_printed.__name__ = "plain"
    printed = plain.as_printed_in("a book")(plain_printed)
    assert plain.matrices == () and len(printed.matrices) == 1
    assert printed.hash == plain.hash


def _refused(kind, function, told, of=plain):
    function.__name__ = of.name
    with pytest.raises(kind, match=told):
        of.as_printed_in("a book")(function)


def test_matrices_that_are_refused():
    with pytest.raises(LanguageError, match="name the function plain, not other"):

        @plain.as_printed_in("a book")
        def other():
            return 0, 0, 0, 0

    _refused(LanguageError, lambda S: (0, 0, 0, 0), "cannot read 'S'")
    _refused(LanguageError, lambda v: (0, 0, 0, 0), "cannot read 'v'")
    _refused(LanguageError, lambda kk: (0, 0, 0, 0), "functions of q, k, not of the state")
    _refused(LanguageError, lambda: (0, 0, 0), "must return Lam, B, C, D")
    _refused(LanguageError, lambda: (0, 0, 0, outer(plain["v"], plain["v"])), "D reads v")
    _refused(ShapeError, lambda k: (0, k, 0, 0), r"B is \[n\] and must be \[n, d, d\]: k")
    _refused(ShapeError, lambda: (1, 0, 0, 0), r"Lam is scalar and must be \[n, d, n, d\]")


def test_the_input_of_matrices_must_be_known():
    @layer
    def unnamed(S: State["n"], k: Vec["n"]):
        return S + k, S.sum()

    _refused(LanguageError, lambda: (0, 0, 0, 0), "name its input: @layer", unnamed)
