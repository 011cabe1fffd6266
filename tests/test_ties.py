"""The language of ties: read as Python reads the same text, and nothing else is read at all."""

import os
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layers import gated

from dsf_sym import Gate, Real, State, Vec, layer, outer
from dsf_sym.arithmetic.scalars import Rationals
from dsf_sym.arithmetic.sparse import Sparse, SparseAlgebra
from dsf_sym.deciding.decide import compare
from dsf_sym.errors import LanguageError, ShapeError, UnknownName
from dsf_sym.language import functions, tensor, ties
from dsf_sym.language.evaluate import evaluate
from dsf_sym.language.tensor import Input, text
from dsf_sym.language.ties import LONGEST, parse_tie

VALUES = {"a": Fraction(2, 3), "b": Fraction(-5, 2), "c": Fraction(7)}
NAMES = {name: Input(name) for name in VALUES}
VECTORS = {"k": Input("k", ("n",)), "q": Input("q", ("n",)), "v": Input("v", ("d",))}


def read(source, names=None):
    return parse_tie(source, NAMES if names is None else names, call=f"--given x = {source}")


def value(tensor):
    inputs = {name: Sparse((), {(): x}) for name, x in VALUES.items()}
    (out,) = evaluate([tensor], inputs, SparseAlgebra(Rationals(), {}))
    return out.entries.get((), Fraction(0))


spaces = st.sampled_from(["", " ", "  "])
leaves = st.sampled_from(["a", "b", "c", "1", "2", "3", "10", "0.5", "1.25"])


def _joined(below):
    spaced = st.tuples(spaces, st.sampled_from("+-*/"), spaces).map("".join)
    chain = st.lists(st.tuples(spaced, below), min_size=1, max_size=3)
    return st.one_of(
        below.map("({})".format),
        below.map("-{}".format),
        st.tuples(below, chain).map(lambda t: t[0] + "".join(x + y for x, y in t[1])),
        st.tuples(
            st.sampled_from(["a", "c", "2", "(a + b)"]), st.sampled_from(["2", "3", "-1"])
        ).map("**".join),
    )


expressions = st.recursive(leaves, _joined, max_leaves=10)


def by_python(source):
    """The value that Python gives, decimals taken as exact."""
    exact = re.sub(r"(?<![\w.])(\d+(?:\.\d+)?)", r"Fraction('\1')", source)
    exact = re.sub(r"\*\*(-?)Fraction\('(\d+)'\)", r"**\1\2", exact)
    return eval(f"({exact})", {"Fraction": Fraction, **VALUES})


@given(expressions)
def test_the_value_is_the_one_that_python_gives(source):
    try:
        expected = by_python(source)
    except ZeroDivisionError:
        return
    assert value(read(source)) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 - 2 - 3", -4),
        ("12 / 2 / 3", 2),
        ("2 * 3 + 4", 10),
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("-2 ** 2", -4),
        ("2 * -3 ** 2", -18),
        ("2 ** -2 * 4", 1),
        ("1 - -1", 2),
        ("--1", 1),
        ("6 / 2 * 3", 9),
        ("-a * b", Fraction(5, 3)),
        ("  1\t-\n1 ", 0),
    ],
)
def test_precedence_case_by_case(source, expected):
    assert value(read(source)) == expected == by_python(source.strip())


def test_the_test_of_precedence_can_fail():
    assert by_python("1 - 2 - 3") != by_python("1 - (2 - 3)")
    assert value(read("1 - (2 - 3)")) != value(read("1 - 2 - 3"))


def test_functions_and_products_build_what_the_step_language_builds():
    assert text(read("exp(-k)", VECTORS)) == "exp(-k)"
    assert read("outer(k, v)", VECTORS).dims == ("n", "d")
    assert read("k @ q", VECTORS).dims == ()
    assert read("sum(k * q) * k", VECTORS).dims == ("n",)
    assert read("scale(k, outer(k, v)) @ v / 2", VECTORS).dims == ("n",)


@pytest.mark.parametrize("source", ["k * v", "k + v", "k @ v", "diag(outer(k, v))"])
def test_shapes_are_checked_as_in_a_step(source):
    with pytest.raises(ShapeError):
        read(source, VECTORS)


CODE = [
    '__import__("os")',
    '__import__("os").system("touch PWNED")',
    "__import__('os')",
    "a.b",
    "a.__class__",
    "a[0]",
    "a[b]",
    "lambda: 0",
    "lambda x: x",
    "[a for a in b]",
    "(a, b)",
    "{a}",
    "{1: 2}",
    "a if b else c",
    "a == b",
    "a < b",
    "a := b",
    "a; b",
    "a and b",
    "not a",
    "~a",
    "a % b",
    "a // b",
    "a | b",
    "a << 2",
    "f'{a}'",
    "'a'",
    '"a"',
    "a!",
    "a\\",
    "$a",
    "`a`",
    "a # b",
    "eval(a)",
    "exec(a)",
    "open(a)",
    "print(a)",
    "getattr(a, b)",
    "exp",
    "exp()",
    "exp(a, b)",
    "exp(a",
    "exp a",
    "outer(a)",
    "scale(a, b, c)",
    "a(b)",
    "a b",
    "a 2",
    "2 a",
    "2a",
    "1.",
    ".5",
    "1e3",
    "0x10",
    "1_000",
    "1j",
    "()",
    "(",
    ")",
    "a)",
    "(a",
    "",
    "   ",
    "a +",
    "* a",
    "a * * b",
    "+a",
    "a ** b",
    "a ** 0.5",
    "a ** 100",
    "a ** (2)",
    "a ** --2",
    "a ** 2 ** 3",
    "α + a",
    "a\x00",
    "a\u202eb",
    "None",
    "True",
]


def never(*_):
    raise AssertionError("a tie was executed")


@pytest.fixture
def guarded(monkeypatch, tmp_path):
    """An empty folder, and modules whose eval, open and the like raise AssertionError."""
    monkeypatch.chdir(tmp_path)
    for module in (ties, functions, tensor):
        for name in ("eval", "exec", "compile", "open", "print", "getattr", "__import__"):
            monkeypatch.setattr(module, name, never, raising=False)
    monkeypatch.setattr(os, "system", never)
    return tmp_path


@pytest.mark.parametrize("source", CODE)
def test_text_that_is_no_expression_is_refused_and_not_run(source, guarded):
    with pytest.raises((LanguageError, UnknownName)) as caught:
        read(source)
    assert str(caught.value).startswith("--given x = ")
    assert not list(guarded.iterdir())


def test_the_guard_sees_an_evaluation(guarded):
    with pytest.raises(AssertionError, match="executed"):
        exec("eval('1')", vars(ties))


def test_a_refusal_points_at_the_place():
    with pytest.raises(LanguageError) as caught:
        read("a + b[0]")
    lines = str(caught.value).splitlines()
    assert lines[1][lines[2].index("^")] == "["


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(UnknownName, match="did you mean alpha"):
        parse_tie("1 - alhpa", {"alpha": Input("alpha")}, call="tie")


@pytest.mark.parametrize(
    "source",
    [
        "a + " * LONGEST + "a",
        "a" * (LONGEST + 1),
        "1" * (LONGEST + 1),
        "(" * 200 + "a" + ")" * 200,
        "(" * 1999,
        "exp(" * 400 + "a" + ")" * 400,
        "-" * 1500 + "a",
        "a * " + "-" * 1500 + "a",
        "a*" * 999 + "@",
        "((a**99)**99)**99",
        "((((2**99)**99)**99)**99)**99",
    ],
)
def test_very_long_and_deeply_nested_text_is_refused(source):
    with pytest.raises(LanguageError):
        read(source)


@pytest.mark.parametrize(
    "source", ["a" + "*a" * 900, "a" + "+a" * 900, "a" + "-b*a" * 450, "(" * 40 + "a" + ")" * 40]
)
def test_long_text_below_the_limits_is_read_and_shown(source):
    tensor = read(source)
    assert len(text(tensor)) <= 80
    assert value(tensor) == by_python(source)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_in_words(source):
    try:
        tensor = read(source)
    except (LanguageError, UnknownName):
        return
    assert set(source) <= set("abc0123456789.+-*/@(), \t\n\r\f\v") | set("expsqrtlogidmahftunce")
    assert tensor is not None


@given(st.text("ab12.+-*/@() ,exp", max_size=24))
def test_text_in_the_alphabet_of_ties_is_read_as_python_reads_it_or_refused(source):
    try:
        tensor = read(source)
    except (LanguageError, UnknownName):
        return
    try:
        expected = by_python(source.strip())
    except ZeroDivisionError:
        return
    assert value(tensor) == expected


@layer
def free(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate, x: Real):
    S = alpha * S + x * outer(k, v)
    return S, q @ S


@pytest.mark.parametrize(
    ("tie", "kind", "message"),
    [
        ("alpha", LanguageError, "write SIGNAL = EXPRESSION"),
        ("= 1", LanguageError, "write SIGNAL = EXPRESSION"),
        ("a.b.c = 1", LanguageError, "write SIGNAL = EXPRESSION"),
        ("x == 1", LanguageError, "x == 1|= 1"),
        ("x = y = 1", LanguageError, "not part of an expression"),
        ('x = __import__("os")', LanguageError, "__import__"),
        ("xx = 1", UnknownName, "no signal 'xx'"),
        ("gla.x = 1", UnknownName, "neither layer is called gla"),
        ("gated.x = 1", UnknownName, "no signal 'x' in gated"),
        ("x = y", UnknownName, "no signal 'y'"),
        ("x = 1 +", LanguageError, "expected here"),
    ],
)
def test_a_bad_tie_in_a_comparison_is_refused(tie, kind, message):
    with pytest.raises(kind, match=message):
        compare(gated, free, given=[tie])


def test_a_good_tie_in_a_comparison_decides_it():
    assert compare(gated, free, given=["x = 1"]).status == "proved"
    assert compare(gated, free, given=["free.x = 2 - 1"]).status == "proved"
    assert compare(gated, free, given={"x": 1}).status == "proved"
    assert compare(gated, free, given=["x = 2"]).status == "refuted"
