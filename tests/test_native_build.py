"""Compiling and keeping kernels: no compiler, one that fails, caches that are not whole."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numpy")

import numeric
from dsf_sym import find
from dsf_sym.codegen import generate_cpp
from numeric import ContractViolation, choice, compiling, native, plans, samples

try:
    native.compiler()
except native.NoCompiler as missing:
    pytest.skip(str(missing), allow_module_level=True)

ROOT = Path(__file__).parent.parent
QUICK = ("-O0", "-march=native", "-fopenmp")
MINGRU = find("mingru")


@pytest.fixture(name="given")
def signals_of_mingru():
    return samples.signals(MINGRU, {"d": 5}, (1, 2, 9))


def kernel(folder, text=None):
    return native.Kernel(MINGRU, text or generate_cpp(MINGRU), native.Builder(folder, QUICK))


def agrees(got, given):
    want = numeric.run(MINGRU, "numpy", **given)
    return np.abs(got[0] - want[0]).max() < 1e-14 and np.abs(got[1] - want[1]).max() < 1e-14


def test_a_library_is_compiled_once(tmp_path, given, monkeypatch):
    assert agrees(kernel(tmp_path)(**given), given)
    (path,) = tmp_path.iterdir()
    assert path.suffix == ".so"

    def never(*_):
        raise AssertionError("compiled again")

    monkeypatch.setattr(native.Builder, "_compiled", never)
    assert agrees(kernel(tmp_path)(**given), given)
    with pytest.raises(AssertionError, match="compiled again"):
        kernel(tmp_path, generate_cpp(MINGRU) + "// changed\n")(**given)


@pytest.mark.parametrize("left", [0, 100, -1])
def test_a_half_written_library_is_compiled_again(tmp_path, given, left):
    kernel(tmp_path).library("float64")
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    # A new file: this process may still have the first one mapped.
    path.unlink()
    path.write_bytes(content[:left])
    assert agrees(kernel(tmp_path)(**given), given)
    assert path.read_bytes() == content and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_said(tmp_path, given):
    occupied = tmp_path / "file"
    occupied.write_text("")
    with pytest.warns(RuntimeWarning, match="cannot be written .* set XDG_CACHE_HOME"):
        assert agrees(kernel(occupied / "native")(**given), given)


def test_two_processes_may_compile_at_once(tmp_path):
    code = (
        "import sys; from pathlib import Path; from dsf_sym import find; "
        "from dsf_sym.codegen import generate_cpp; from numeric import native; "
        "layer = find('mingru'); builder = native.Builder(Path(sys.argv[1]), ('-O0', '-fopenmp')); "
        "native.Kernel(layer, generate_cpp(layer), builder).library('float32')"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT) for _ in range(2)
    ]
    assert [process.wait(120) for process in running] == [0, 0]
    (path,) = tmp_path.iterdir()
    assert compiling._is_whole(path)


@pytest.fixture(name="fresh")
def forgotten():
    """What this process knows of compilers and kernels is forgotten, before and after."""
    kept = (choice.say, choice.kernel, choice.history, plans.plans)
    for x in kept:
        x.cache_clear()
    yield
    for x in kept:
        x.cache_clear()


def test_without_a_compiler_the_arrays_library_runs(given, monkeypatch, fresh):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.warns(RuntimeWarning, match=r"no c\+\+, g\+\+ or clang\+\+ in PATH: install a C"):
        assert agrees(numeric.run(MINGRU, "cpp", **given), given)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert agrees(numeric.run(MINGRU, "cpp", **given), given)
    monkeypatch.setenv("CXX", "no-such-compiler -O2")
    with pytest.raises(native.NoCompiler, match="CXX is 'no-such-compiler -O2', which is not fou"):
        native.compiler()
    parts = {p.name: p for p in numeric.doctor()}
    assert parts["c++"].version is None and "skipped: compiled kernels" in str(parts["c++"])


def test_an_old_compiler_is_said_and_the_arrays_library_runs(tmp_path, given, monkeypatch, fresh):
    old = tmp_path / "old-compiler"
    old.write_text("#!/bin/sh\necho 'unknown option -std=c++17' >&2\nexit 3\n")
    old.chmod(0o755)
    monkeypatch.setenv("CXX", str(old))
    monkeypatch.setattr(choice, "WORTH", 0)
    for backend in ("cpp", "auto"):
        with pytest.warns(RuntimeWarning, match=r"GCC 9 or Clang 14(?s:.*)arrays' library runs"):
            assert agrees(numeric.run(MINGRU, backend, **given), given)
        choice.say.cache_clear()


def quick(monkeypatch, folder, text=None):
    made = native.Kernel(MINGRU, text or generate_cpp(MINGRU), native.Builder(folder, QUICK))
    for module in (numeric.run.__globals__, vars(choice)):
        monkeypatch.setitem(module, "kernel", lambda layer: made)


def test_auto_takes_a_verified_kernel_where_it_is_worth_it(tmp_path, given, monkeypatch, fresh):
    quick(monkeypatch, tmp_path)
    called = []
    forward = native.Kernel.forward
    monkeypatch.setattr(
        native.Kernel, "forward", lambda *a, **b: called.append(1) or forward(*a, **b)
    )
    assert agrees(numeric.run(MINGRU, **given), given) and not called
    monkeypatch.setattr(choice, "WORTH", 0)
    assert agrees(numeric.run(MINGRU, **given), given) and called
    called.clear()
    for options in ({"schedule": "associative_scan"}, {"chunk": 4}):
        assert agrees(numeric.run(MINGRU, **options, **given), given) and not called
    assert len(list(tmp_path.glob("*.verified"))) == 2
    monkeypatch.setattr(choice, "WORTH", 10**12)
    assert agrees(numeric.run(MINGRU, schedule="recurrent", **given), given) and called


def test_auto_leaves_a_kernel_that_is_wrong(tmp_path, given, monkeypatch, fresh):
    right = generate_cpp(MINGRU)
    wrong = right.replace("S_[c] =", "S_[c] = T(2) *").replace("h_[c] =", "h_[c] = T(2) *")
    assert wrong != right
    quick(monkeypatch, tmp_path, wrong)
    monkeypatch.setattr(choice, "WORTH", 0)
    with pytest.warns(RuntimeWarning, match=r"NOT VERIFIED(?s:.*)the arrays' library runs"):
        assert agrees(numeric.run(MINGRU, **given), given)


def test_a_call_is_made_again_without_weaker_errors(tmp_path, given, monkeypatch, fresh):
    quick(monkeypatch, tmp_path)
    first = numeric.run(MINGRU, "cpp", **given)
    again = numeric.run(MINGRU, "cpp", state=first[1], **given)
    numeric.run(MINGRU, "cpp", state=first[1], **given)
    assert len(plans.plans(MINGRU)) == 2
    want = numeric.run(
        MINGRU, "cpp", state=first[1], **{n: x[::-1][::-1] for n, x in given.items()}
    )
    assert (again[0] == want[0]).all() and (again[1] == want[1]).all()
    name = next(iter(given))
    for wrong in ({name: given[name][..., :3]}, {name: given[name].astype("float32")}):
        with pytest.raises(ContractViolation):
            numeric.run(MINGRU, "cpp", **{**given, **wrong})
    with pytest.raises(ContractViolation, match=r"h: expected \[B, H, d\]"):
        numeric.run(MINGRU, "cpp", state=first[1][:, :1], **given)


def test_a_compiler_that_fails_is_quoted(tmp_path, given, monkeypatch):
    with pytest.raises(native.NotCompiled, match=r"with code 1; GCC 9(?s:.*)error: #error st"):
        kernel(tmp_path, "#error stops here\n")(**given)
    old = tmp_path / "old-compiler"
    old.write_text("#!/bin/sh\necho 'unknown option -std=c++17' >&2\nexit 3\n")
    old.chmod(0o755)
    monkeypatch.setenv("CXX", str(old))
    with pytest.raises(
        native.NotCompiled, match=r"code 3; .* or newer, is needed(?s:.*)unknown op"
    ):
        kernel(tmp_path / "kept")(**given)


def test_the_number_of_threads_can_be_set(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert native.processors() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert 1 <= native.processors() <= (os.cpu_count() or 1)
