"""CUDA kernels by chunks for rank-one updates: a triangular system for the tokens of each."""

import numpy as np
import pytest

pytest.importorskip("numpy")
from emulated import changed, emulated
from kernel_checks import LAYERS, computes_the_definition, drawn, error, gradients, wrong_by

from dsf_sym import Const, Gate, Mat, State, Vec, layer, outer
from dsf_sym.codegen import cuda_source
from dsf_sym.codegen.cuda import files
from dsf_sym.codegen.factors import NoSchedule
from numeric.budgets import budget
from numeric.cuda_geometry import SHARED, geometry
from numeric.emulation import ORDERS, Divergence
from numeric.oracle import definition


@layer
def another_column(
    S: State["n", "d"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    a: Gate,
    b: Vec["n"],
    c: Vec["n"],
    z: Vec["d"],
):
    """An update whose column is not that of the write, and an output with a gate and a skip."""
    S = a * S + outer(b, c @ S) / 8 + outer(k, v)
    return S, z * (q @ S) + v


@layer
def another_column_read_before(
    S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], a: Gate, b: Vec["n"], c: Vec["n"]
):
    """The same, read before the token is written."""
    return a * S + outer(b, c @ S) / 8 + outer(k, v), q @ S


@layer(start={"S": "S0"})
def gated_delta(
    S: State["n", "d"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    a: Gate,
    beta: Gate,
    z: Vec["d"],
    S0: Const[Mat["n", "d"]],
):
    """A gate, a skip, values that a sum over the lanes scales, and a start that is a weight."""
    S = a * S + beta * outer(k, v / (1 + v @ v) - k @ S) / 4
    return S, z * (q @ S) + v


SOLVED = {n: LAYERS[n] for n in ("deltanet", "gated_deltanet", "delta_read_before")}
SOLVED |= {x.name: x for x in (gated_delta, another_column, another_column_read_before)}
LENGTHS = (1, 63, 64, 65, 1000)


USUAL = (("gated_deltanet", "float32"), ("another_column", "float64"))
OTHERS = [(n, x) for n in SOLVED for x in ("float32", "float64") if (n, x) not in USUAL]


@pytest.mark.parametrize(("name", "dtype"), USUAL)
def test_chunks_compute_the_definition(name, dtype):
    defined(name, dtype)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dtype"), OTHERS)
def test_chunks_of_the_others_compute_the_definition(name, dtype):
    defined(name, dtype)


def defined(name, dtype):
    layer = SOLVED[name]
    computes_the_definition(emulated(layer), layer, LENGTHS, "chunkwise", dtype)


@pytest.mark.parametrize("name", ["gated_deltanet", "gated_delta", "another_column"])
def test_gradients_over_several_blocks_of_lanes(name):
    pytest.importorskip("torch")
    layer = SOLVED[name]
    given, state = drawn(layer, 40, lead=(1, 1), n=9, d=37)
    state = None if layer.start else state
    assert wrong_by(layer, gradients(emulated(layer), given, state), given, state) <= 1e-11


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SOLVED))
def test_gradients_at_every_length(name):
    pytest.importorskip("torch")
    layer = SOLVED[name]
    for length in LENGTHS:
        given, state = drawn(layer, length, lead=(1, 1))
        state = state if length > 63 else None
        assert wrong_by(layer, gradients(emulated(layer), given, state), given, state) <= 1e-11


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gated_deltanet", "gated_delta", "delta_read_before"])
def test_gradients_are_those_of_the_adjoint_recurrence(name, monkeypatch):
    pytest.importorskip("torch")
    layer = SOLVED[name]
    slow = emulated(layer)

    def refuse(layer):
        raise NoSchedule("token by token")

    with monkeypatch.context() as patch:
        patch.setattr(files, "chunked", refuse)
        assert "token by token" in slow.source.kind
    given, state = drawn(layer, 65, lead=(1, 1))
    got, want = (gradients(made, given, state) for made in (emulated(layer), slow))
    assert max(np.abs(a - b).max() for a, b in zip(got, want, strict=True)) <= 1e-12


def test_a_decay_of_zero_is_divided_by_nowhere():
    layer = SOLVED["gated_deltanet"]
    given, state = drawn(layer, 70, lead=(1, 1))
    given["alpha"][..., ::7] = 0
    got = emulated(layer)(**given, state=state)
    assert error(got, definition(layer, given, state)) <= budget("chunkwise", "float64")


def test_two_calls_that_hand_the_state_on_are_one():
    layer = SOLVED["deltanet"]
    given, state = drawn(layer, 70, lead=(1, 1))
    made = emulated(layer)
    y, middle = made(**{n: x[:, :, :33] for n, x in given.items()}, state=state)
    z, end = made(**{n: x[:, :, 33:] for n, x in given.items()}, state=middle)
    assert error((np.concatenate([y, z], 2), end), made(**given, state=state)) < 1e-14


@pytest.mark.parametrize("order", ORDERS[1:])
def test_the_order_of_threads_and_blocks_changes_no_bit(order):
    layer = SOLVED["gated_deltanet"]
    given, state = drawn(layer, 40, lead=(1, 1), d=37)
    want = emulated(layer)(**given, state=state)
    got = emulated(layer, order=order)(**given, state=state)
    assert all((a == b).all() for a, b in zip(got, want, strict=True))


def test_factors_are_not_rounded_before_they_are_solved_for():
    layer = SOLVED["gated_deltanet"]
    given, state = drawn(layer, 40, "float32", lead=(1, 1))
    want = emulated(layer)(**given, state=state)
    got = emulated(layer, products="tf32")(**given, state=state)
    assert all((a == b).all() for a, b in zip(got, want, strict=True))


@pytest.mark.parametrize("sanitizer", ["bounds", "races"])
def test_sanitizers_find_nothing(sanitizer):
    sanitized("gated_deltanet", sanitizer)


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", ["bounds", "races"])
@pytest.mark.parametrize("name", [n for n in SOLVED if n != "gated_deltanet"])
def test_sanitizers_find_nothing_in_any_kernel(name, sanitizer):
    sanitized(name, sanitizer)


def sanitized(name, sanitizer):
    pytest.importorskip("torch")
    layer = SOLVED[name]
    given, state = drawn(layer, 36, n=9, d=37, lead=(1, 1))
    gradients(emulated(layer, sanitizer), given, state)


WRONG_VALUES = {
    "no system": ("k < i ? system[k * PITCH + i] : T(k == i)", "T(k == i)"),
    "the matrix in place of its inverse": ("system[k * PITCH + i] :", "system[i * PITCH + k] :"),
    "a sum that ends too soon": (
        "for (int k = 0; k < i; ++k) s +=",
        "for (int k = 0; k + 1 < i; ++k) s +=",
    ),
    "the decay of the token itself": (
        "decays[(i - 1) * PITCH + j] * sum",
        "decays[i * PITCH + j] * sum",
    ),
    "a wrong mask": ("system[i * PITCH + j] = decays", "system[j * PITCH + i] = decays"),
    "the state without its decay": ("(i ? from_start[i - 1] : T(1))", "T(1)"),
}


@pytest.mark.parametrize("bug", list(WRONG_VALUES))
def test_wrong_values_are_seen(bug):
    layer = SOLVED["gated_deltanet"]
    given, state = drawn(layer, 40, lead=(1, 1))
    got = changed(emulated(layer), *WRONG_VALUES[bug])(**given, state=state)
    want = definition(layer, given, state)
    wrong = [np.abs(a - b).max() for a, b in zip(got, want, strict=True)]
    assert not max(wrong) <= 1e6 * budget("chunkwise", "float64")


def test_a_barrier_that_some_threads_reach_is_seen():
    layer = SOLVED["gated_deltanet"]
    given, state = drawn(layer, 3, lead=(1, 1))
    one = "if (thread < TOKENS) {"
    with pytest.raises(Divergence):
        changed(emulated(layer), one, f"{one} __syncthreads();")(**given, state=state)


def test_the_structure_chooses_the_kernel():
    for name, solved in SOLVED.items():
        source = cuda_source(solved)
        assert "a triangular system for each chunk" in source.kind, name
        assert ("token by token" in source.kind) == ("another_column" in name)
        made = geometry(source, {"n": 64, "d": 64}, 4)
        assert made.forward.scratch == 0 and made.forward.shared <= SHARED and made.tight == ()
    assert geometry(cuda_source(SOLVED["deltanet"]), {"n": 64, "d": 64}, 4).forward.tokens == 32
    for name in ("kda", "longhorn", "householder_two"):
        assert "triangular" not in cuda_source(LAYERS[name]).kind
