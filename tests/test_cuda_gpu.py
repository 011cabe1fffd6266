"""CUDA kernels on a GPU: run by `pytest --require gpu`, and failed where there is none."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numpy")
from kernel_checks import LAYERS, cuda_of, drawn, error, gradients, tuple_of, wrong_by

import numeric
from numeric.budgets import budget
from numeric.cuda import CudaKernel, CupyDevice, NoDevice
from numeric.oracle import definition

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def gpu():
    try:
        return CupyDevice().arrays
    except NoDevice as missing:
        pytest.fail(f"--require gpu: {missing}")


def host(gpu, x):
    return tuple(gpu.asnumpy(part) for part in tuple_of(x))


@pytest.mark.gpu
@pytest.mark.parametrize("name", list(LAYERS))
def test_kernels_compute_the_definition(name, gpu):
    layer = LAYERS[name]
    for dtype, length in (("float64", 65), ("float32", 1000)):
        given, state = drawn(layer, length, dtype)
        want = definition(layer, given, state)
        moved = tuple(gpu.asarray(x) for x in tuple_of(state))
        y, end = numeric.run(
            layer,
            "cuda",
            state=moved if len(moved) > 1 else moved[0],
            **{n: gpu.asarray(x) for n, x in given.items()},
        )
        assert error((gpu.asnumpy(y), host(gpu, end)), want) <= budget("recurrent", dtype)


@pytest.mark.gpu
@pytest.mark.parametrize("name", [n for n in LAYERS if cuda_of(n).scan is not None])
def test_scans_compute_what_one_thread_a_lane_computes(name, gpu):
    layer = LAYERS[name]
    given, state = drawn(layer, 1000)
    given = {n: gpu.asarray(x) for n, x in given.items()}
    moved = tuple(gpu.asarray(x) for x in tuple_of(state))
    state = moved if len(moved) > 1 else moved[0]
    results = []
    for time in ("split", "whole"):
        y, end = CudaKernel(layer, time=time)(**given, state=state)
        results.append((gpu.asnumpy(y), host(gpu, end)))
    assert error(*results) <= 2 * budget("associative_scan", "float64")


@pytest.mark.gpu
@pytest.mark.parametrize("name", [n for n in LAYERS if cuda_of(n).backward is not None])
def test_gradients_are_those_that_autograd_finds(name, gpu):
    torch = pytest.importorskip("torch")
    layer = LAYERS[name]
    given, state = drawn(layer, 70, lead=(2, 1), n=17, d=70)

    def on_the_gpu(*, state, **signals):
        made = {n: x.cuda() for n, x in signals.items()}
        first = None if state is None else tuple(x.cuda() for x in tuple_of(state))
        first = first if first is None or len(first) > 1 else first[0]
        y, end = CudaKernel(layer)(state=first, **made)
        ends = tuple(x.cpu() for x in tuple_of(end))
        return y.cpu(), ends if len(ends) > 1 else ends[0]

    assert torch.cuda.is_available()
    assert wrong_by(layer, gradients(on_the_gpu, given, state), given, state) <= 1e-11


@pytest.mark.gpu
def test_arrays_in_main_memory_are_refused(gpu):
    given, _ = drawn(LAYERS["gla"], 3)
    with pytest.raises(numeric.ContractViolation, match="expected an array on a GPU"):
        numeric.run("gla", "cuda", **given)


def test_where_a_gpu_is_required_and_missing_the_tests_fail():
    try:
        assert CupyDevice().name
        pytest.skip("there is a GPU here")
    except NoDevice:
        pass
    words = ["-q", "--require", "gpu", "-p", "no:cacheprovider", "-n", "0", "-k", "main_memory"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, __file__],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 1 and "--require gpu: backend='cuda'" in done.stdout
