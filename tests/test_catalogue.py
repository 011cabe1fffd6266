"""Finding layers: the catalogue, files, and what is said when something is wrong with them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from dsf_sym.errors import DomainError, LanguageError, LoadError, ShapeError, UnknownName
from dsf_sym.language.loading import catalogue, find, load
from dsf_sym.language.tensor import text

ROOT = Path(__file__).resolve().parents[1]
FIRST = [
    "deltanet",
    "gated_deltanet",
    "gla",
    "linear_attention",
    "retnet",
    "s6",
    "s6_softplus",
    "scalar_gated",
    "ssd",
]
ROLES = {
    "q": {"n"},
    "k": {"n"},
    "v": {"d"},
    "alpha": {"", "n"},
    "beta": {""},
    "Delta": {"", "d"},
    "z": {"d"},
    "A": {"", "d,n"},
    "D": {"", "d"},
    "S": {"n,d"},
    "h": {"d,n"},
}
LANGUAGE = "from dsf_sym import Gate, State, Vec, layer, outer\n"
LAYER = """
@layer
def {name}(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    S = S + outer(k, v)
    return S, q @ S
"""


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="mine.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return str(path)

    return write_file


def failure(kind, reference):
    with pytest.raises(kind) as caught:
        find(reference)
    assert type(caught.value) is kind
    return str(caught.value)


def test_catalogue_has_the_first_layers_and_is_sorted():
    assert set(FIRST) <= set(catalogue())
    assert list(catalogue()) == sorted(catalogue())
    assert all(name == layer.name for name, layer in catalogue().items())


def test_a_folder_gives_the_same_catalogue():
    ours, theirs = catalogue(), catalogue(ROOT / "derivations")
    assert {n: x.hash for n, x in ours.items()} == {n: x.hash for n, x in theirs.items()}


@pytest.mark.parametrize("name", FIRST)
def test_signals_have_their_uniform_roles(name):
    layer = catalogue()[name]
    for signal in layer.signals:
        assert ",".join(signal.dims) in ROLES[signal.name]


@pytest.mark.parametrize("name", catalogue())
def test_names_and_gates(name):
    layer = catalogue()[name]
    for own, printed in layer.names.items():
        assert layer.signal(own) and printed
    for gate in (s for s in layer.signals if s.name in ("alpha", "beta")):
        assert str(gate.domain) == "(0, 1]"


@pytest.mark.parametrize("name", catalogue())
def test_layers_say_what_they_are_and_where_they_come_from(name):
    layer = catalogue()[name]
    module = ast.parse(Path(layer.source).read_text(encoding="utf-8"))
    (bibtex,) = [
        node.value.value
        for node in module.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "BIBTEX"
    ]
    assert f"{{{layer.cite},\n" in bibtex and bibtex.count("{") == bibtex.count("}")
    assert layer.doc and layer.title != layer.name and ast.get_docstring(module)


@pytest.mark.parametrize("file", sorted((ROOT / "derivations").glob("*.py")), ids=lambda p: p.name)
def test_derivations_import_only_the_language(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert all(isinstance(n, ast.ImportFrom) and n.module == "dsf_sym" for n in imports)


def test_loading_the_catalogue_needs_neither_sympy_nor_numpy():
    code = (
        "import sys; from dsf_sym.language.loading import catalogue; assert catalogue();"
        "print([m for m in ('sympy', 'numpy', 'flint') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_specialisation_is_part_of_the_catalogue():
    assert catalogue()["s6_softplus"].ties == ("Delta = softplus(z)",)


def test_unknown_names_get_the_nearest():
    assert "did you mean gla" in failure(UnknownName, "glaa")
    assert f"there are {next(iter(catalogue()))}, " in failure(UnknownName, "transformer_xxl")


def test_a_name_that_is_a_file_without_its_ending(write, monkeypatch, tmp_path):
    write("")
    monkeypatch.chdir(tmp_path)
    assert "did you mean the file mine.py?" in failure(UnknownName, "mine")


def test_the_example():
    layer = find(str(ROOT / "examples" / "my_layer.py"))
    assert layer.name == "error_writer"
    assert layer.source == str(ROOT / "examples" / "my_layer.py")


def test_one_of_several_layers_is_named(write):
    path = write(LANGUAGE + LAYER.format(name="first") + LAYER.format(name="second"))
    assert find(f"{path}:second").name == "second"
    assert f"  {path}:first\n  {path}:second" in failure(LoadError, path)
    assert failure(LoadError, f"{path}:") == failure(LoadError, path)
    assert "did you mean second?" in failure(UnknownName, f"{path}:secnd")


def test_imported_private_and_repeated_layers_are_not_the_files_own(write):
    path = write(
        "from derivations.gla import gla\n"
        "from derivations.deltanet import deltanet as other\n"
        "_helper = gla.given(alpha=1)\n"
        "hgrn2 = gla.given(k='1 - alpha')\n"
        "again = hgrn2\n"
    )
    layer = find(path)
    assert (layer.name, layer.ties, layer.source) == ("hgrn2", ("k = 1 - alpha",), path)


def test_two_layers_of_one_name(write):
    path = write(
        "from derivations.gla import gla\n"
        "a = gla.given(alpha=1, name='x')\n"
        "b = gla.given(k='1 - alpha', name='x')\n"
    )
    assert "two layers called 'x'" in failure(LoadError, path)


def test_two_files_with_layers_of_one_name(write, tmp_path):
    write(LANGUAGE + LAYER.format(name="same"), "a.py")
    write(LANGUAGE + LAYER.format(name="same"), "b.py")
    with pytest.raises(LoadError, match=r"two layers are called 'same'.*a\.py.*b\.py"):
        catalogue(tmp_path)


def test_files_with_one_stem_do_not_clash(write):
    first = write(LANGUAGE + LAYER.format(name="x"), "one/mine.py")
    second = write(LANGUAGE + LAYER.format(name="y"), "two/mine.py")
    assert (find(first).name, find(second).name, find(first).name) == ("x", "y", "x")


def test_annotations_as_text(write):
    path = write("from __future__ import annotations\n" + LANGUAGE + LAYER.format(name="x"))
    assert find(path).name == "x"


def test_a_file_reads_its_neighbours_and_nothing_stays(write, tmp_path):
    before = set(sys.modules), list(sys.path)
    for folder, rate in (("one", "3"), ("two", "5")):
        write(f"RATE = {rate}\n", f"{folder}/settings_of_mine.py")
        body = LAYER.format(name="x").replace("outer(k, v)", "RATE * outer(k, v)")
        path = write(f"from settings_of_mine import RATE\n{LANGUAGE}{body}", f"{folder}/mine.py")
        assert text(find(path).step["S"]) == f"S + {rate} * outer(k, v)"
    assert (set(sys.modules), list(sys.path)) == before
    assert not list(tmp_path.rglob("__pycache__")) and not list(tmp_path.rglob("*.pyc"))


def test_a_broken_file_leaves_nothing(write, tmp_path):
    before = set(sys.modules), list(sys.path), sys.dont_write_bytecode
    failure(LoadError, write("import json\nx = undefined\n"))
    assert (set(sys.modules), list(sys.path), sys.dont_write_bytecode) == before
    assert [p.name for p in tmp_path.iterdir()] == ["mine.py"]


def test_no_such_file(tmp_path):
    assert failure(LoadError, f"{tmp_path}/no.py") == f"{tmp_path}/no.py does not exist"
    with pytest.raises(LoadError, match="is not a folder"):
        catalogue(tmp_path / "no")


def test_a_folder_in_place_of_a_file(tmp_path):
    (tmp_path / "mine.py").mkdir()
    assert "cannot be read" in failure(LoadError, str(tmp_path / "mine.py"))


def test_a_file_without_layers(write):
    assert "defines no layer; write @layer" in failure(LoadError, write("x = 1\n"))


def test_the_traceback_is_the_files_own(write):
    path = write("def half(x):\n    return x / 0\n\nhalf(1)\n")
    told = failure(LoadError, path)
    assert told.startswith(f"{path} does not load\n")
    assert told.endswith("ZeroDivisionError: division by zero")
    assert "line 4, in <module>" in told and "line 2, in half\n    return x / 0" in told
    assert told.count("  File ") == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("def f(:\n", "SyntaxError"),
        ("import not_a_module_anywhere\n", "No module named 'not_a_module_anywhere'"),
        ("raise SystemExit(2)\n", "exits when it is loaded"),
        ("x = '\0'\n", "null bytes"),
        ("from . import other\n", "ImportError"),
        (
            LANGUAGE + LAYER.format(name="x").replace("outer(", "outr("),
            "name 'outr' is not defined",
        ),
    ],
)
def test_files_that_do_not_load(write, content, told):
    path = write(content)
    message = failure(LoadError, path)
    assert path in message and told in message
    assert "catalogue.py" not in message and "importlib" not in message


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "mine.py"
    path.write_bytes(b"x = '\xff'\n")
    assert "does not load" in failure(LoadError, str(path))


def test_an_interrupt_is_not_swallowed(write):
    with pytest.raises(KeyboardInterrupt):
        load(write("raise KeyboardInterrupt\n"))


@pytest.mark.parametrize(
    ("kind", "old", "new", "line", "told"),
    [
        (ShapeError, "outer(k, v)", "outer(v, k)", 5, "cannot add S: [n, d]"),
        (ShapeError, "return S, q @ S", "return S, S @ q", 6, "[n, d] with q: [n]"),
        (LanguageError, "return S, q @ S", "return S", 3, "x: the step returned one value"),
        (LanguageError, 'v: Vec["d"]', "v: int", 3, "argument v needs an annotation"),
        (DomainError, "q @ S", "q @ S / (k @ q)", 3, "division by k @ q"),
    ],
)
def test_errors_of_the_library_name_the_line_and_keep_their_class(
    write, kind, old, new, line, told
):
    path = write(LANGUAGE + LAYER.format(name="x").replace(old, new))
    message = failure(kind, path)
    assert message.startswith(f"{path}, line {line}: ") and told in message


def test_an_error_in_a_tie_names_its_line(write):
    path = write("from derivations.gla import gla\n\nx = gla.given(k='1 - alpa')\n")
    message = failure(UnknownName, path)
    assert message.startswith(f"{path}, line 3: x = gla.given") and "did you mean alpha" in message
