"""CUDA kernels run on the CPU thread by thread: values, gradients, hand-over, bugs, arguments.

The text and the launch geometry are those of a GPU; test_cuda_gpu.py is for what needs one.
"""

import warnings

import numpy as np
import pytest

pytest.importorskip("numpy")
from emulated import changed, emulated
from kernel_checks import LAYERS, drawn, error, gradients, wrong_by

import numeric
from dsf_sym import find
from dsf_sym.cli.app import run
from dsf_sym.codegen import cuda_source, generate_cuda
from dsf_sym.errors import NotAffine
from numeric import ContractViolation, native
from numeric.budgets import budget
from numeric.cuda import CupyDevice, NoDevice
from numeric.cuda_geometry import SHARED, geometry
from numeric.emulation import ORDERS, Divergence, EmulationFailed, SanitizerReport
from numeric.oracle import definition

KINDS = ("gla", "scalar_gated", "old_read", "gated_deltanet", "s6", "rwkv4", "mlstm", "lru")
"""A decay for each key, one by chunks, rows coupled, constants, no rows, ratios, no lanes."""
UNDER_SANITIZERS = ("gated_deltanet", "scalar_gated")
LENGTHS = (1, 63, 64, 65, 1000)


def kernel(layer, sanitizer="", order="forward"):
    return emulated(layer, sanitizer, order, time="whole")


@pytest.mark.parametrize("name", list(LAYERS))
def test_kernels_compute_the_definition_and_its_gradients(name):
    pytest.importorskip("torch")
    layer = LAYERS[name]
    made = kernel(layer)
    for length in LENGTHS:
        given, state = drawn(layer, length, lead=(1, 2) if length < 1000 else (1, 1))
        state = state if length > 63 else None
        got = made(**given, state=state)
        assert error(got, definition(layer, given, state)) <= budget("recurrent", "float64")
        if made.differentiable and length in (1, 65, 1000):
            found = gradients(made, given, state)
            assert wrong_by(layer, found, given, state) <= 1e-11, length


@pytest.mark.parametrize("name", KINDS)
def test_floats_lanes_of_every_width_and_rows_shared_by_threads(name):
    layer = LAYERS[name]
    for rows, lanes in ((33, 70), (1, 1), (70, 5))[: 3 if name in UNDER_SANITIZERS else 1]:
        given, state = drawn(layer, 40, "float32", n=rows, d=lanes, lead=(1, 1))
        got = kernel(layer)(**given, state=state)
        assert got[0].dtype == np.float32
        assert error(got, definition(layer, given, state)) <= budget("recurrent", "float32")


@pytest.mark.parametrize("name", ["gla", "gated_deltanet", "mlstm", "ssd", "old_read"])
def test_gradients_over_several_blocks_of_lanes(name):
    pytest.importorskip("torch")
    layer = LAYERS[name]
    given, state = drawn(layer, 70, lead=(2, 1), n=17, d=70)
    assert wrong_by(layer, gradients(kernel(layer), given, state), given, state) <= 1e-11


@pytest.mark.parametrize("name", ["gla", "scalar_gated"])
def test_two_calls_that_hand_the_state_on_are_one(name):
    layer = LAYERS[name]
    given, state = drawn(layer, 70)
    tokens = {s.name for s in layer.of_kind("token")}
    whole = kernel(layer)(**given, state=state)
    for at in (1, 31, 32, 50):
        before = {n: x[:, :, :at] if n in tokens else x for n, x in given.items()}
        after = {n: x[:, :, at:] if n in tokens else x for n, x in given.items()}
        y, middle = kernel(layer)(**before, state=state)
        z, end = kernel(layer)(**after, state=middle)
        assert error((np.concatenate([y, z], 2), end), whole) < 1e-14


@pytest.mark.parametrize("order", ORDERS[1:])
def test_the_order_of_threads_and_blocks_changes_no_bit(order):
    pytest.importorskip("torch")
    layer = LAYERS["gated_deltanet"]
    given, state = drawn(layer, 40, n=17, d=70)
    want = gradients(kernel(layer), given, state)
    got = gradients(kernel(layer, order=order), given, state)
    assert all((a == b).all() for a, b in zip(got, want, strict=True))


@pytest.mark.parametrize("sanitizer", ["bounds", "races"])
@pytest.mark.parametrize("name", UNDER_SANITIZERS)
def test_sanitizers_find_nothing(name, sanitizer):
    sanitized(name, sanitizer)


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", ["bounds", "races"])
@pytest.mark.parametrize("name", [n for n in LAYERS if n not in UNDER_SANITIZERS])
def test_sanitizers_find_nothing_in_any_kernel(name, sanitizer):
    sanitized(name, sanitizer)


def sanitized(name, sanitizer):
    pytest.importorskip("torch")
    layer = LAYERS[name]
    given, state = drawn(layer, 40, n=9, d=37, lead=(1, 1))
    made = kernel(layer, sanitizer)
    if made.differentiable:
        gradients(made, given, state)
    else:
        made(**given, state=state)


WRONG_VALUES = {
    "off-by-one decay": (
        "at_alpha[(t) * (size.n) + r]",
        "at_alpha[(t ? t - 1 : t) * (size.n) + r]",
    ),
    "dropped gate": ("(alpha_i * S_i)", "S_i"),
    "reversed keys": ("at_k[(t) * (size.n) + r]", "at_k[(t) * (size.n) + size.n - 1 - r]"),
    "rows of one thread alone": ("x2 = over_groups(x2);", ""),
    "a row counted twice": ("counted(row, (q_i * x6))", "(q_i * x6)"),
}


@pytest.mark.parametrize("bug", list(WRONG_VALUES))
def test_wrong_values_are_seen(bug):
    layer = LAYERS["gla"]
    given, state = drawn(layer, 40, lead=(1, 1))
    got = changed(kernel(layer), *WRONG_VALUES[bug])(**given, state=state)
    assert error(got, definition(layer, given, state)) > 1e-3


def test_a_missing_barrier_is_a_race_and_a_wrong_bound_is_seen():
    layer = LAYERS["gla"]
    given, state = drawn(layer, 40, lead=(1, 1))
    barrier = "        __syncthreads();\n        ONE_BY_ONE\n        for (int t = 0"
    without = barrier.replace("        __syncthreads();\n", "")
    with pytest.raises(SanitizerReport, match="data race"):
        changed(kernel(layer, "races"), barrier, without)(**given, state=state)
    with pytest.raises(SanitizerReport, match="heap-buffer-overflow"):
        changed(kernel(layer, "bounds"), "if (i0 < size.d) {", "{")(**given, state=state)
    with pytest.raises(Divergence, match="at a barrier"):
        part = barrier.replace("__sync", "if (live) __sync")
        changed(kernel(layer), barrier, part)(**given, state=state)
    with pytest.raises(Divergence, match="warp operation"):
        one = "x2 = over_groups(x2);"
        changed(kernel(layer), one, f"if (live) {one}")(**given, state=state)


def test_what_is_not_c_says_so():
    given, _ = drawn(LAYERS["gla"], 3)
    with pytest.raises(EmulationFailed, match="cannot compile the kernel"):
        changed(kernel(LAYERS["gla"]), "T x2 = 0;", "T x2 = ;")(**given)


# What a launch needs.


def test_the_structure_chooses_the_kernel():
    assert cuda_source(LAYERS["gla"]).kind.startswith("rows n, lanes d; token by token")
    assert "by chunks of tokens" in cuda_source(LAYERS["ssd"]).kind
    assert cuda_source(LAYERS["mingru"]).kind.startswith("lanes d;")
    assert "no state has the output's axis d" in cuda_source(LAYERS["lru"]).kind
    assert cuda_source(LAYERS["joined_keys"]).backward is None
    assert generate_cuda(LAYERS["s6"]) == generate_cuda(LAYERS["s6"])
    with pytest.raises(NotAffine, match="no CUDA is generated"):
        cuda_source(find("softmax_attention"))


def test_geometry_fits_and_says_what_does_not():
    source = cuda_source(LAYERS["gla"])
    made = geometry(source, {"n": 64, "d": 64}, 4)
    assert (made.groups, made.rows, made.threads, made.tile, made.tiles) == (8, 8, 128, 16, 4)
    assert made.tight == () and made.forward.scratch == 0
    assert made.forward.shared <= SHARED and made.backward.shared <= SHARED
    tall = geometry(source, {"n": 1024, "d": 64}, 4)
    assert tall.rows == 32 and "not in registers" in tall.tight[0]
    assert "in scratch" in tall.tight[-1]
    assert "UNROLLED" in made.macros({"n": 64, "d": 64}, "float")
    assert "UNROLLED" not in tall.macros({"n": 1024, "d": 64}, "float")


def test_a_state_past_registers_and_shared_memory_is_said_and_computed():
    pytest.importorskip("torch")
    layer = LAYERS["gla"]
    given, state = drawn(layer, 5, n=1100, d=3, lead=(1, 1))
    with pytest.warns(RuntimeWarning) as told:
        got = kernel(layer)(**given, state=state)
    assert "in local memory and not in registers" in str(told[0].message)
    assert "in scratch and not in shared memory" in str(told[-1].message)
    assert error(got, definition(layer, given, state)) <= budget("recurrent", "float64")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert wrong_by(layer, gradients(kernel(layer), given, state), given, state) <= 1e-11


def test_only_what_is_asked_for_is_differentiated():
    torch = pytest.importorskip("torch")
    layer = LAYERS["gla"]
    given, _ = drawn(layer, 40)
    leaves = {n: torch.from_numpy(x) for n, x in given.items()}
    leaves["k"].requires_grad_()
    kernel(layer)(**leaves)[0].sum().backward()
    assert leaves["k"].grad is not None and leaves["q"].grad is None
    with pytest.raises(
        native.NoBackward, match=r"joined_keys, backend='cuda'.*use backend='torch'"
    ):
        gradients(kernel(LAYERS["joined_keys"]), *drawn(LAYERS["joined_keys"], 3))


def test_without_a_gpu_the_error_says_what_is_missing():
    given, _ = drawn(LAYERS["gla"], 3)
    try:
        assert CupyDevice().name
        pytest.skip("there is a GPU here")
    except NoDevice:
        pass
    with pytest.raises(NoDevice, match=r"backend='cuda' .*backend='cpp'"):
        numeric.run("gla", "cuda", **given)


def test_types_that_are_not_compiled_are_refused():
    given, _ = drawn(LAYERS["gla"], 3)
    with pytest.raises(ContractViolation, match="expected float32 or float64, given float16"):
        kernel(LAYERS["gla"])(**{n: x.astype("float16") for n, x in given.items()})


def test_the_command_prints_the_kernels_and_the_doctor_names_the_three_checks(capsys):
    assert run(["generate", "gla", "--print", "cuda"]) == 0
    assert capsys.readouterr().out == generate_cuda(LAYERS["gla"])
    parts = {p.name: p for p in numeric.doctor()}
    assert parts["emulation"].version == parts["c++"].version
    assert "no GPU" in parts["nvrtc"].needed_for and "--require gpu" in parts["gpu"].needed_for
