"""CUDA kernels in which threads share the time of a lane: a scan over the maps of its tokens."""

from itertools import product

import numpy as np
import pytest

pytest.importorskip("numpy")
from emulated import changed, emulated
from kernel_checks import (
    LAYERS,
    computes_the_definition,
    cuda_of,
    drawn,
    error,
    gradients,
    wrong_by,
)

from dsf_sym.codegen import cuda_source
from dsf_sym.codegen.cuda.maps import scanned
from dsf_sym.codegen.factors import NoSchedule
from numeric.budgets import budget
from numeric.cuda import NoSplit
from numeric.cuda_geometry import ENOUGH, SHARED, STEPS, split_geometry
from numeric.emulation import ORDERS, Divergence, SanitizerReport
from numeric.oracle import definition

SCANS = [n for n in LAYERS if cuda_of(n).scan is not None]
KINDS = ("s6", "lru", "s4d", "mlstm")
"""Constants, an output that mixes lanes, complex numbers, two states that share a decay."""
LENGTHS = (1, 63, 64, 65, 1000)
SCAN = "#else\n\n"
"""What stands before the scan in a text."""


def kernel(layer, sanitizer="", order="forward", time="split"):
    return emulated(layer, sanitizer, order, time=time)


def defined(name, dtype):
    layer = LAYERS[name]
    computes_the_definition(kernel(layer), layer, LENGTHS, "associative_scan", dtype)


@pytest.mark.parametrize("name", KINDS)
def test_scans_compute_the_definition(name):
    defined(name, "float64")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", SCANS)
def test_every_scan_computes_the_definition(name, dtype):
    defined(name, dtype)


@pytest.mark.parametrize(("name", "rows", "lanes"), [("gla", 33, 2), ("rwkv4", 1, 1)])
def test_floats_and_a_lane_shared_by_several_warps(name, rows, lanes):
    layer = LAYERS[name]
    given, state = drawn(layer, 1000, "float32", n=rows, d=lanes, lead=(1, 1))
    source, sizes = cuda_source(layer), {"n": rows, "d": lanes}
    shape = split_geometry(source, sizes, 4, sequences=1, length=1000)
    assert shape.split * shape.groups > 32
    got = kernel(layer, time="auto")(**given, state=state)
    assert got[0].dtype == np.float32
    assert error(got, definition(layer, given, state)) <= budget("associative_scan", "float32")


@pytest.mark.parametrize("name", ["gla", "lru"])
def test_gradients_go_through_the_states_that_a_scan_keeps(name):
    pytest.importorskip("torch")
    layer = LAYERS[name]
    given, state = drawn(layer, 70, n=5, d=4, lead=(1, 1))
    assert wrong_by(layer, gradients(kernel(layer), given, state), given, state) <= 1e-11


def test_two_calls_that_hand_the_state_on_are_one():
    layer = LAYERS["s6"]
    given, state = drawn(layer, 70, n=3, d=4, lead=(1, 1))
    tokens = {s.name for s in layer.of_kind("token")}
    made = kernel(layer)
    whole = made(**given, state=state)
    before = {n: x[:, :, :33] if n in tokens else x for n, x in given.items()}
    after = {n: x[:, :, 33:] if n in tokens else x for n, x in given.items()}
    y, middle = made(**before, state=state)
    z, end = made(**after, state=middle)
    assert error((np.concatenate([y, z], 2), end), whole) < 1e-14


@pytest.mark.parametrize("order", ORDERS[1:])
def test_the_order_of_threads_and_blocks_changes_no_bit(order):
    layer = LAYERS["mingru"]
    given, state = drawn(layer, 70, d=11, lead=(1, 1))
    want = kernel(layer)(**given, state=state)
    got = kernel(layer, order=order)(**given, state=state)
    assert all((a == b).all() for a, b in zip(got, want, strict=True))


def sanitized(name, sanitizer):
    layer = LAYERS[name]
    given, state = drawn(layer, 100, n=5, d=3, lead=(1, 1))
    kernel(layer, sanitizer)(**given, state=state)


@pytest.mark.parametrize("sanitizer", ["bounds", "races"])
def test_sanitizers_find_nothing(sanitizer):
    sanitized("s6", sanitizer)


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", ["bounds", "races"])
@pytest.mark.parametrize("name", SCANS)
def test_sanitizers_find_nothing_in_any_scan(name, sanitizer):
    sanitized(name, sanitizer)


WRONG_VALUES = {
    "a segment left out": ("if (near >= away) run_sum_h", "if (near > away) run_sum_h"),
    "a map applied to itself": ("earlier(run_sum_h[0], 1)", "run_sum_h[0]"),
    "the state of another warp": ("if (w == far)", "if (w == 0)"),
    "maps in the wrong order": (
        "(product1_i * before_sum_h_i) + sum_h_i",
        "(before_product1_i * sum_h_i) + before_sum_h_i",
    ),
    "tokens past the end": ("if (there) run_sum_h[0]", "run_sum_h[0]"),
    "the last thread's map for all": (
        "if (near == NEAR - 1 && row) slots_sum",
        "if (row) slots_sum",
    ),
}
BARRIER = "        __syncthreads();\n"
OVER_WARPS = "        ONE_BY_ONE\n        for (int w = 0; w < FAR"
FAULTS = {
    "no barrier before the maps of warps are read": (
        f"{BARRIER}{OVER_WARPS}",
        OVER_WARPS,
        SanitizerReport,
    ),
    "no barrier before the outputs are read": (
        f"{BARRIER}        for (int e = thread; e < steps * TILE",
        "        for (int e = thread; e < steps * TILE",
        SanitizerReport,
    ),
    "a barrier that not all reach": (
        f"{BARRIER}{OVER_WARPS}",
        f"        if (near) __syncthreads();\n{OVER_WARPS}",
        Divergence,
    ),
    "a shuffle that not all reach": (
        "= earlier(run_product1[0], away)",
        "= near ? earlier(run_product1[0], away) : T(1)",
        Divergence,
    ),
}


@pytest.mark.parametrize("bug", list(WRONG_VALUES))
def test_wrong_values_are_seen(bug):
    layer = LAYERS["mingru"]
    given, state = drawn(layer, 300, d=1, lead=(1, 1))
    got = changed(kernel(layer), *WRONG_VALUES[bug], after=SCAN)(**given, state=state)
    want = definition(layer, given, state)
    wrong = [np.abs(a - b).max() for a, b in zip(got, want, strict=True)]
    assert not max(wrong) <= 1e6 * budget("associative_scan", "float64")


@pytest.mark.parametrize("fault", list(FAULTS))
def test_races_and_threads_that_part_are_seen(fault):
    layer = LAYERS["mingru"]
    given, state = drawn(layer, 300, d=1, lead=(1, 1))
    old, new, error_of = FAULTS[fault]
    sanitizer = "races" if error_of is SanitizerReport else ""
    with pytest.raises(error_of):
        changed(kernel(layer, sanitizer), old, new, after=SCAN)(**given, state=state)


def test_few_entries_are_split_and_many_are_not():
    source = cuda_source(LAYERS["s6"])
    sizes = {"n": 16, "d": 512}

    def made(sequences, length=4096, **more):
        return split_geometry(source, sizes, 4, sequences=sequences, length=length, **more)

    few = made(1)
    assert few.threads <= 256 and few.tile >= 8 and few.tile * few.tiles >= 512
    assert few.split * 512 * few.groups <= ENOUGH and few.tight == ()
    assert few.forward.shared <= SHARED and few.forward.tokens % few.split == 0
    assert made(64) is None and made(1, length=15) is None
    assert made(64, forced=True).split == 4
    assert made(1).macros(sizes, "float")["SPLIT"] == few.split
    assert made(1, length=64).split <= few.split


def test_threads_are_shared_out_without_rest():
    source = cuda_source(LAYERS["s6"])
    for rows, lanes, length in product((1, 9, 16, 300), (1, 3, 5, 19, 512), (1, 20, 100, 5000)):
        sizes = {"n": rows, "d": lanes}
        made = split_geometry(source, sizes, 8, sequences=1, length=length, forced=True)
        of_lane = made.split * made.groups
        assert made.threads % of_lane == 0 and made.tile * of_lane == made.threads
        assert made.tile * made.tiles >= lanes and made.rows * made.groups >= rows
        assert made.forward.tokens % made.split == 0
        assert STEPS % (made.forward.tokens // made.split) == 0


def test_where_no_entry_is_alone_there_is_no_scan():
    with pytest.raises(NoSchedule, match="its products are no longer of that structure"):
        scanned(LAYERS["gated_deltanet"])
    with pytest.raises(NoSchedule, match="what reads the state has the axes m, d, n"):
        scanned(LAYERS["three_axes"])
    given, _ = drawn(LAYERS["gated_deltanet"], 3)
    with pytest.raises(NoSplit, match=r"CudaKernel\(gated_deltanet, time='split'\)"):
        kernel(LAYERS["gated_deltanet"])(**given)
    assert cuda_source(LAYERS["ssd"]).scan is None
    assert "a scan where SPLIT threads share time" in cuda_source(LAYERS["lru"]).kind
    maps = scanned(LAYERS["mlstm"]).maps
    assert len(maps.states) == 2 and list(maps.registers) == ["product1"]
