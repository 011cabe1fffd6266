"""CUDA kernels as machine code, made without a GPU: no spills, no doubles, and no more than before.

`python tests/test_cuda_static.py` writes the table anew; look at what has changed.
"""

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("numpy")
from dsf_sym import KernelLayer, find
from dsf_sym.codegen import cuda_source
from dsf_sym.language.loading import catalogue
from numeric import cuda_static
from numeric.cuda_geometry import STEPS, geometry, split_geometry

TABLE = Path(__file__).parent / "cuda_table.json"
LAYERS = [n for n, x in catalogue().items() if not isinstance(x, KernelLayer)]
USUAL = ("gla", "scalar_gated", "gated_deltanet", "s6")
"""One of each structure; the others are `slow`."""
BYTES = {"float": 4, "double": 8}
SIZES = {"n": 64, "d": 64, "m": 4, "h": 4}
WIDE = {"n": 16, "d": 512}
"""Of layers whose state has few numbers for each of many channels."""
MORE = 1.05
"""Instructions of a kind, at most, over those in the table; memory and registers not at all."""


def sizes_of(layer):
    usual = SIZES | (WIDE if layer.name.startswith(("s4", "s6")) else {})
    return {n: usual.get(n, 16) for n in layer.sizes if n.isidentifier()}


def launched(name, real="float"):
    source = cuda_source(find(name))
    sizes = sizes_of(source.layer)
    return source, sizes, geometry(source, sizes, BYTES[real])


def made(name, architecture, real="float"):
    source, sizes, shape = launched(name, real)
    out = cuda_static.compiled(source.text, shape.macros(sizes, real), architecture)
    if source.scan is not None:
        split = split_geometry(source, sizes, BYTES[real], sequences=1, length=4096, forced=True)
        found = cuda_static.compiled(source.text, split.macros(sizes, real), architecture)
        out["scan"] = found["forward"]
    return out


def kinds(name):
    """What `made` gives."""
    return {"forward", "backward"} | ({"scan"} if cuda_source(find(name)).scan else set())


def told(kernel):
    """What the table holds of a kernel."""
    return {
        "registers": kernel.registers,
        "spills": kernel.spills,
        "shared": kernel.shared,
        "stack": kernel.stack,
        "instructions": dict(kernel.instructions),
    }


@pytest.fixture(scope="module", autouse=True)
def toolkit():
    """The wheels: without them nothing here is known, so their absence is a failure."""
    if sys.platform == "darwin":
        pytest.skip("NVIDIA makes no wheels of its compiler for macOS")
    try:
        return cuda_static.version()
    except cuda_static.NoCompiler as missing:
        pytest.fail(f"CUDA KERNELS ARE NOT CHECKED: {missing}")


@pytest.mark.parametrize("architecture", cuda_static.ARCHITECTURES)
@pytest.mark.parametrize("name", USUAL)
def test_machine_code(name, architecture, toolkit):
    checked(name, architecture, toolkit)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", cuda_static.ARCHITECTURES)
@pytest.mark.parametrize("name", [n for n in LAYERS if n not in USUAL])
def test_machine_code_of_the_others(name, architecture, toolkit):
    checked(name, architecture, toolkit)


def checked(name, architecture, toolkit):
    kernels = made(name, architecture)
    assert set(kernels) == kinds(name)
    for kernel in kernels.values():
        assert kernel.spills == 0
        assert "double" not in kernel.instructions
    table = json.loads(TABLE.read_text())
    if toolkit != table["nvrtc"]:
        pytest.skip(f"the table is of NVRTC {table['nvrtc']}, here is {toolkit}: not compared")
    if name not in table["kernels"]:
        pytest.skip(f"not in the table: `python tests/test_cuda_static.py {name}` adds it")
    for kind, kernel in kernels.items():
        worse = regressions(told(kernel), table["kernels"][name][architecture][kind])
        assert not worse, f"{name} {kind} sm_{architecture}: {worse}"


def regressions(now, before):
    """What a kernel has more of than before."""
    out = {
        k: (before[k], now[k])
        for k in ("registers", "spills", "shared", "stack")
        if now[k] > before[k]
    }
    counts = before["instructions"]
    for kind, n in now["instructions"].items():
        if n > MORE * counts.get(kind, 0):
            out[kind] = (counts.get(kind, 0), n)
    return out


def test_the_table_has_every_kernel_and_a_regression_is_seen():
    table = json.loads(TABLE.read_text())["kernels"]
    assert set(table) <= set(LAYERS) and set(USUAL) <= set(table)
    before = table["gla"]["90"]["forward"]
    assert regressions(before, before) == {}
    assert regressions({**before, "registers": before["registers"] + 1}, before)
    assert regressions({**before, "spills": 4}, before) == {"spills": (0, 4)}
    assert regressions({**before, "instructions": {"all": 1, "local": 1}}, before) == {
        "local": (0, 1)
    }


def own_arrays(name):
    """Bytes of a thread's own memory: of STEPS + 1 states, where it goes back token by token."""
    source, _, shape = launched(name)
    numbers = sum(shape.rows if each else 1 for each in source.registers) * (STEPS + 1)
    numbers = numbers if "past_" in source.text else 0
    return {"forward": 0, "scan": 0, "backward": -(-numbers * 4 // 8) * 8}


def in_local_memory(kernel, own):
    """What a kernel of the table has in local memory beside its own arrays."""
    found = {"spills": kernel["spills"], "stack": kernel["stack"] - own}
    found["local"] = 0 if kernel["stack"] else kernel["instructions"].get("local", 0)
    return {what: n for what, n in found.items() if n}


@pytest.mark.parametrize("name", list(json.loads(TABLE.read_text())["kernels"]))
def test_no_kernel_of_the_table_spills(name):
    own = own_arrays(name)
    of_layer = json.loads(TABLE.read_text())["kernels"][name]
    assert set(of_layer) == set(cuda_static.ARCHITECTURES)
    for architecture, kernels in of_layer.items():
        assert set(kernels) == kinds(name)
        for kind, kernel in kernels.items():
            assert in_local_memory(kernel, own[kind]) == {}, (architecture, kind)


def test_a_spill_in_the_table_is_seen_by_its_bytes_or_by_the_stack():
    before = json.loads(TABLE.read_text())["kernels"]["gla"]["90"]["backward"]
    own = own_arrays("gla")["backward"]
    assert own == 33 * 8 * 4 and in_local_memory(before, own) == {}
    assert in_local_memory({**before, "spills": 4}, own) == {"spills": 4}
    assert in_local_memory({**before, "stack": before["stack"] + 8}, own) == {"stack": 8}
    without = {**before, "stack": 0, "instructions": {"local": 1}}
    assert in_local_memory(without, 0) == {"local": 1}


SPILLS = """
extern "C" __global__ void __launch_bounds__(1024, 2) spilling(float* x) {
    float a[64];
#pragma unroll
    for (int i = 0; i < 64; ++i) a[i] = x[threadIdx.x + 1024 * i];
    for (int t = 0; t < 100; ++t)
#pragma unroll
        for (int i = 0; i < 64; ++i) a[i] = a[i] * a[(i + 7) % 64] + x[t];
#pragma unroll
    for (int i = 0; i < 64; ++i) x[threadIdx.x + 1024 * i] = a[i];
}
extern "C" __global__ void doubled(float* x) { x[threadIdx.x] = x[threadIdx.x] * 1.1; }
extern "C" __global__ void wide(float4* x, float4* y) { y[threadIdx.x] = x[threadIdx.x]; }
"""


def test_spills_doubles_and_wide_loads_are_seen():
    found = cuda_static.compiled(SPILLS, {}, "90")
    assert found["spilling"].spills > 0 and found["spilling"].stack > 0
    assert found["spilling"].instructions["local"] > 0
    assert found["doubled"].spills == 0 and found["doubled"].instructions["double"] > 0
    assert found["wide"].instructions["LDG.128"] == 1 and "double" not in found["wide"].instructions


def test_spills_that_are_not_said_are_not_taken_to_be_none(monkeypatch):
    monkeypatch.setattr(cuda_static, "OPTIONS", ("-std=c++17",))
    with pytest.raises(cuda_static.NotCompiled, match=r"does not say what \w+ spills"):
        cuda_static.compiled(SPILLS[SPILLS.index('extern "C" __global__ void doubled') :], {}, "90")


def test_what_is_no_cuda_is_refused_with_the_compiler_s_words():
    with pytest.raises(cuda_static.NotCompiled, match=r"NVRTC refuses[\s\S]*undefined"):
        cuda_static.compiled("__global__ void f() { missing(); }", {}, "90")


def test_without_the_wheels_the_error_names_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "nvidia", None)
    with pytest.raises(cuda_static.NoCompiler, match=r"nvidia-cuda-nvdisasm.*pip install"):
        cuda_static._found.__wrapped__("bin/nvdisasm", "nvidia-cuda-nvdisasm")


def test_products_of_rounded_factors_take_a_third_of_the_instructions():
    source, sizes, shape = launched("scalar_gated")
    found = {
        products: cuda_static.compiled(source.text, shape.macros(sizes, "float", products), "90")
        for products in ("float32", "tf32", "bfloat16")
    }
    for kind in ("forward", "backward"):
        counts = {p: x[kind].instructions["MMA"] for p, x in found.items()}
        assert counts["float32"] == 3 * counts["tf32"] == 3 * counts["bfloat16"] > 0
        assert all(x[kind].spills == x[kind].stack == 0 for x in found.values())
        assert not any("double" in x[kind].instructions for x in found.values())


def test_double_kernels_are_compiled_too():
    assert made("gla", "90", "double")["forward"].instructions["double"] > 0


def write(names):
    for name in names or LAYERS:
        rows = {
            a: {kind: told(kernel) for kind, kernel in sorted(made(name, a).items())}
            for a in cuda_static.ARCHITECTURES
        }
        table = json.loads(TABLE.read_text()) if TABLE.exists() else {"kernels": {}}
        table["nvrtc"] = cuda_static.version()
        table["kernels"] = dict(sorted({**table["kernels"], name: rows}.items()))
        TABLE.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    write(sys.argv[1:])
