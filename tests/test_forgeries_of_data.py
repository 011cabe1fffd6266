"""Certificates whose data mean something else than they seem to: each was accepted once."""

import json

import pytest
from forging import accepted, certificate, kept, rejected, token

from dsf_sym import (
    Const,
    Gate,
    Scalar,
    State,
    Unit,
    Vec,
    concat,
    exp,
    layer,
    ones,
    outer,
)
from dsf_sym.arithmetic.scalars import Balls
from dsf_sym.certificates.certificate import layer_from_spec, read
from dsf_sym.certificates.checkers import recheck
from dsf_sym.deciding.decide import compare
from dsf_sym.errors import CertificateError, Rejected
from dsf_sym.language.functions import step
from dsf_sym.language.spec import serialise
from dsf_sym.language.tensor import lift

# A weight that has the name of a token.


@layer
def decaying(h: State, f: Gate, x: Scalar):
    return f * h + x, h


@layer
def weighted(h: State, x: Scalar, w: Const[Scalar]):
    return h + w * x, h


HALF, NOTHING = token(f="1/2", x="1"), token(f="1/2", x="0")
TABLE = {"pasts": [[NOTHING], [HALF]], "futures": [None, {"tokens": [NOTHING], "output": 0}]}


def test_a_weight_does_not_stand_for_a_token_outside_its_domain():
    outside = token(f="2")
    data = {"kind of obstruction": "eigenvalues up to 1", "sizes": {}, "tokens": [HALF]}
    data |= {"constants": outside, "table": {**TABLE, "constants": outside}}
    rejected("obstruction", [decaying, decaying], "f is no constant of decaying", **data)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("transitions", {"property": "identity", "tokens": [HALF]}),
        ("bounds", {"inside": "[0, 1]", "method": "tokens", "tokens": [HALF], "bits": 64}),
        ("order", {"order": [], "tokens": [HALF]}),
        ("stationary", {"carried": "x", "tokens": [HALF], "shares": ["1"], "dependent": True}),
    ],
)
def test_a_certificate_gives_weights_and_tokens_their_own_names(kind, data):
    data |= {"sizes": {}, "constants": token(x="0")}
    rejected(kind, [decaying], "x is no constant of decaying", **data)


def test_a_token_does_not_stand_for_a_weight():
    data = {"sizes": {}, "constants": token(w="1"), "tokens": [token(x="1", w="2")]}
    rejected("difference", [weighted, kept], "w is no token of weighted", **data)


# Sizes with the name of a whole number or of a sum, and of 0.


@layer
def of_three(h: State, x: Vec["3"], q: Vec["3"]):
    return h + x.sum() * q.sum(), h


@layer
def by_entries(h: State, x: Vec["3"], q: Vec["3"]):
    return h + x @ q, h


@layer
def of_both(h: State, x: Vec["n+m"], q: Vec["n+m"]):
    return h + x.sum() * q.sum(), h


@layer
def of_both_by_entries(h: State, x: Vec["n+m"], q: Vec["n+m"]):
    return h + x @ q, h


ALIKE = [{"2": "1"}, {"0": "1", "1": "1"}]


@pytest.mark.parametrize(
    ("a", "b", "sizes"),
    [
        (of_three, by_entries, {"3": 1}),
        (of_both, of_both_by_entries, {"n": 1, "m": 1, "n+m": 1}),
        (kept, kept, {"n": 1}),
    ],
)
def test_no_size_but_those_of_the_layers_has_a_value(a, b, sizes):
    rejected("closed subspace", [a, b], "no size of that name", sizes=sizes, basis=ALIKE)


def test_a_size_within_an_expression_is_at_least_1():
    @layer
    def summed(h: State, x: Scalar):
        return h + x, h + x * ones("9").sum()

    spec = json.loads(json.dumps(summed.spec).replace('"9"', '"0"'))
    rejected("closed subspace", [layer_from_spec(spec), kept], "size of 0", sizes={}, basis=ALIKE)


def test_signals_without_end_are_not_written_out():
    data = {"sizes": {"n": 10**9, "m": 1}, "basis": ALIKE}
    rejected("closed subspace", [of_both, of_both], "more than 65536 entries", **data)


@pytest.mark.parametrize("name", ["h", "x"])
def test_two_signals_have_two_names(name):
    spec = json.loads(json.dumps(kept.spec))
    spec["signals"].append({**spec["signals"][1], "name": name, "kind": "constant"})
    with pytest.raises(CertificateError, match="two signals have one name"):
        layer_from_spec(spec)


@pytest.mark.parametrize(
    "change", [{"name": "\uff58"}, {"name": "x y"}, {"unit": "false"}, {"low_open": 0}]
)
def test_a_signal_is_what_it_looks_like(change):
    spec = json.loads(json.dumps(kept.spec))
    spec["signals"][1] |= change
    with pytest.raises(CertificateError, match=r"not the name of a signal|is not one"):
        layer_from_spec(spec)


def test_the_number_of_tokens_is_no_size():
    @layer
    def along(h: State["L", "n"], x: Vec["L"], k: Vec["n"]):
        return h + outer(x, k), h

    data = {"size": "n", "value": serialise({"value": lift(1)})}
    rejected("state match", [along, kept], "taken for the number of tokens", **data)


# Numbers that are not written out, and more than there is room for.


@pytest.mark.parametrize("number", ["1e999999999", "-1.5E-99999999", " 1_0e9999999 ", 0.5])
def test_numbers_are_written_out(number):
    data = certificate("closed subspace", kept, kept, sizes={}, basis=[{"0": number}])
    with pytest.raises(CertificateError, match=r"written out|not exact"):
        recheck(data)


@pytest.mark.parametrize(
    "data",
    [
        certificate("bounds", kept, inside="[0, 1/2]", method="ranges"),
        certificate("order", decaying.given(f="1 / 2")),
    ],
)
def test_ends_of_intervals_and_numbers_of_definitions_are_written_out(data):
    endless = json.dumps(data).replace("1/2", "1e999999999")
    with pytest.raises(CertificateError, match="written out"):
        recheck(json.loads(endless))


def test_a_precision_without_end_is_not_tried():
    with pytest.raises(ValueError, match="bits"):
        Balls(10**9)


def test_certificates_within_certificates_without_end():
    data = certificate("order", kept)
    data["also"] = [data]
    with pytest.raises(CertificateError, match="nested too deep"):
        recheck(data)


@pytest.mark.parametrize(
    "text", ['{"format": 1, "kind": "order", "kind": "table"}', f'{{"format": {"1" * 5000}}}']
)
def test_a_file_has_one_value_for_a_name_and_no_endless_number(tmp_path, text):
    path = tmp_path / "made.json"
    path.write_text(text)
    with pytest.raises(CertificateError, match="is not a certificate"):
        read(path)


# Claims in other words than the kind shows.


def test_a_difference_is_no_answer_to_another_question():
    @layer
    def doubled(h: State, x: Scalar):
        return h + 2 * x, h

    data = compare(kept, doubled).certificate
    assert "!=" in recheck(data)
    for claim in (
        {"sense": "contains"},
        {"sense": "minimal state"},
        {"lengths": "all"},
        {"lengths": 7},
    ):
        with pytest.raises(Rejected, match=r"shows nothing in the sense|claim is about"):
            recheck({**data, "claim": {**data["claim"], **claim}})


def test_equality_is_claimed_for_all_lengths():
    data = compare(kept, kept).certificate
    with pytest.raises(Rejected, match="the claim is about 3 tokens"):
        recheck({**data, "claim": {**data["claim"], "lengths": 3}})
    accepted("order", [kept], "does not depend on the order")


# What has no value, and the point that the parameters of a sphere leave out.


def test_what_has_no_value_differs_from_nothing():
    @layer
    def undefined_at_first(h: State, x: Scalar):
        return h + x, exp(x) + step(1 / h)

    @layer
    def above(h: State, x: Scalar):
        return h + x, exp(x) + 5 + 0 * h

    data = certificate("difference", undefined_at_first, above, sizes={}, constants={}, bits=64)
    for fast in {Balls().fast, False}:
        balls = Balls(64, fast=fast)
        with balls.precision(), pytest.raises(ZeroDivisionError, match="have a value"):
            balls.function("inverse", balls.number(0))
    with pytest.raises(CertificateError, match="not shown to have a value"):
        recheck({**data, "tokens": [token(x="1")], "claim": {**data["claim"], "lengths": 1}})


def last(k):
    """The last of two entries."""
    return k @ concat(0 * ones("1"), ones("1"))


@layer
def unless_at_the_pole(h: State, k: Unit["1+1"], x: Scalar):
    return h + step(1 + last(k)) * x, h


@layer
def everywhere(h: State, k: Unit["1+1"], x: Scalar):
    return h + x, h + 0 * last(k)


@layer
def weighed_by_the_pole(h: State, k: Const[Unit["1+1"]], x: Scalar):
    return h + step(1 + last(k)) * x, h


@layer
def weighed_everywhere(h: State, k: Const[Unit["1+1"]], x: Scalar):
    return h + x, h + 0 * last(k)


@pytest.mark.parametrize(
    ("a", "b"), [(unless_at_the_pole, everywhere), (weighed_by_the_pole, weighed_everywhere)]
)
def test_a_unit_vector_may_be_the_pole_of_its_sphere(a, b):
    verdict = compare(a, b)
    assert verdict.status == "refuted"
    values = [*verdict.witness.tokens, verdict.witness.constants]
    assert any(x.get("k") == [0, -1] for x in values)
    rejected("closed subspace", [a, b], "fails", sizes={}, basis=ALIKE)


def test_an_eigenvalue_may_be_zero_at_the_pole():
    @layer
    def rising(h: State, k: Unit["1+1"], x: Scalar):
        return (1 + last(k)) * h + x, h

    def at(x, *k):
        return {"x": [x], "k": list(k)}

    table = {"pasts": [[at("0", "0", "1")], [at("1", "0", "1")]], "constants": {}}
    table["futures"] = [None, {"tokens": [at("0", "0", "1")], "output": 0}]
    data = {"kind of obstruction": "positive eigenvalues", "tokens": [at("1", "0", "-1")]}
    data |= {"sizes": {}, "constants": {}, "table": table}
    rejected("obstruction", [rising, rising], "not shown to stay", **data)
