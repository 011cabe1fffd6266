"""CUDA kernels by chunks: forward and backward, products on tensor cores, and what they round.

Values and gradients in double precision are in test_cuda.py; here floats, whose products are of
fragments spread over warps, and the adjoint kernel that goes token by token.
"""

import numpy as np
import pytest

pytest.importorskip("numpy")
pytest.importorskip("torch")
import torch
from emulated import changed, emulated, folder
from kernel_checks import LAYERS, cuda_of, drawn, error, gradients, wrong_by

import numeric
from dsf_sym import Const, Gate, Mat, State, Vec, layer, outer
from dsf_sym.codegen.cuda import files
from dsf_sym.codegen.factors import NoSchedule
from numeric import ContractViolation
from numeric.budgets import BITS, budget, rounded
from numeric.cuda_geometry import STEPS, geometry
from numeric.emulation import Divergence, SanitizerReport, emulate
from numeric.oracle import definition

CHUNKED = [n for n in LAYERS if "; by chunks" in cuda_of(n).kind]
USUAL = ("scalar_gated", "old_read", "gated_output")
"""A decay; the old state; a gate and a skip. The others are `slow`."""
UNDER_SANITIZERS = (("scalar_gated", "bounds"), ("old_read", "races"))
LENGTHS = (1, 63, 64, 65, 1000)
FLOATS = budget("chunkwise", "float32")


@layer(start={"S": "S0"})
def mixed_values(
    S: State["n", "d"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    a: Gate,
    z: Vec["d"],
    S0: Const[Mat["n", "d"]],
):
    """Values that a sum over the lanes scales, and a start that is a weight."""
    S = a * S + outer(k, v / (1 + v @ v))
    return S, z * (q @ S)


def by_token(layer, monkeypatch):
    """The layer's kernels without chunks: the backward one is the adjoint recurrence."""

    def refuse(layer):
        raise NoSchedule("token by token")

    made = emulated(layer)
    with monkeypatch.context() as patch:
        patch.setattr(files, "chunked", refuse)
        assert "token by token" in made.source.kind
    return made


def doubles(given, state):
    return {n: x.astype(float) for n, x in given.items()}, state.astype(float)


def absolute(given, state):
    return {n: abs(x.astype(float)) for n, x in given.items()}, abs(state.astype(float))


def all_of(call, given, state, *, positive=False):
    """Output, last state, and the gradients of a functional with random weights."""
    leaves = {n: torch.tensor(x, requires_grad=True) for n, x in given.items()}
    first = torch.tensor(state, requires_grad=True)
    y, end = call(**leaves, state=first)
    torch.manual_seed(0)
    weights = [torch.randn(x.shape, dtype=torch.float64) for x in (y, end)]
    weights = [w.abs() if positive else w for w in weights]
    total = sum((x * w.to(x.dtype)).sum() for x, w in zip((y, end), weights, strict=True))
    found = torch.autograd.grad(total, [*leaves.values(), first])
    return [x.detach().numpy().astype(float) for x in (y, end, *found)]


def reference(layer):
    return numeric.schedules(layer, "torch")["recurrent"]


def apart(got, want):
    """The largest difference of gradients, each over its largest entry or 1."""
    pairs = zip(got, want, strict=True)
    worst = [np.abs(a - b).max() / max(1, np.abs(b).max()) for a, b in pairs]
    assert not np.isnan(worst).any()
    return max(worst)


def test_every_memory_with_one_decay_a_token_is_computed_by_chunks_in_both_directions():
    assert {"linear_attention", "retnet", "ssd", "scalar_gated", "old_read"} <= set(CHUNKED)
    assert not {"gla", "deltanet", "s6"} & set(CHUNKED)
    for name in CHUNKED:
        text = cuda_of(name).text
        assert "past_" not in text and text.count("multiplied<T>") >= 11


@pytest.mark.parametrize("name", USUAL)
def test_floats_on_tensor_cores_and_their_gradients(name):
    floats(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in CHUNKED if n not in USUAL])
def test_floats_on_tensor_cores_and_their_gradients_in_any(name):
    floats(name)


def floats(name):
    layer = LAYERS[name]
    made = emulated(layer)
    for length in LENGTHS:
        given, state = drawn(layer, length, "float32", lead=(1, 1))
        got = all_of(made, given, state)
        assert error(got[:2], definition(layer, given, state)) <= FLOATS
        assert apart(got, all_of(reference(layer), *doubles(given, state))) <= FLOATS, length


def test_gradients_are_those_of_the_adjoint_recurrence(monkeypatch):
    recurrent("old_read", monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in CHUNKED if n != "old_read"])
def test_gradients_are_those_of_the_adjoint_recurrence_in_any(name, monkeypatch):
    recurrent(name, monkeypatch)


def recurrent(name, monkeypatch):
    layer = LAYERS[name]
    made, slow = emulated(layer), by_token(layer, monkeypatch)
    for length in LENGTHS:
        given, state = drawn(layer, length, lead=(1, 1))
        assert apart(*(gradients(k, given, state) for k in (made, slow))) <= 1e-12, length


@pytest.mark.parametrize("made", [mixed_values, LAYERS["gated_output"]], ids=lambda x: x.name)
def test_several_blocks_and_fewer_tokens_at_a_time_than_between_kept_states(made):
    given, state = drawn(made, 70, lead=(2, 1), n=33, d=70)
    shape = geometry(emulated(made).source, {"n": 33, "d": 70}, 8)
    assert shape.tiles > 1 and STEPS // shape.backward.tokens > 1
    for first in (state, None):
        assert wrong_by(made, gradients(emulated(made), given, first), given, first) <= 1e-11


def test_what_is_kept_grows_with_the_number_of_chunks_and_the_state():
    layer = LAYERS["scalar_gated"]
    made = emulated(layer)
    for length, chunks in ((32, 1), (33, 2), (320, 10)):
        given, _ = drawn(layer, length, lead=(1, 1))
        *_, kept = made.forward(made.prepared(list(given.values()), None), keep=True)
        assert kept.size == chunks * given["k"].shape[-1] * given["v"].shape[-1]


@pytest.mark.parametrize("decay", [0.0, 1e-30])
def test_the_adjoint_of_a_decay_that_forgets_everything_divides_by_nothing(decay):
    layer = LAYERS["scalar_gated"]
    (gate,) = (s.name for s in layer.of_kind("token") if not s.dims)
    given, state = drawn(layer, 70, "float32", lead=(1, 1))
    given[gate][:, :, ::7] = decay
    want = all_of(reference(layer), *doubles(given, state))
    assert apart(all_of(emulated(layer), given, state), want) <= FLOATS


# What products of rounded factors may be wrong by.


def excess(layer, made, given, state):
    """By how much outputs, states and gradients are wrong, over what they may be wrong by."""
    got = all_of(made, given, state)
    want = all_of(reference(layer), *doubles(given, state))
    sums = all_of(reference(layer), *absolute(given, state), positive=True)
    bits = rounded(made.products)
    worst = [
        (abs(a - b) / (bits * c + FLOATS * max(1, c.max()))).max()
        for a, b, c in zip(got, want, sums, strict=True)
    ]
    return max(worst), max(abs(a - b).max() for a, b in zip(got, want, strict=True))


@pytest.mark.parametrize("products", list(BITS))
@pytest.mark.parametrize("name", ["scalar_gated", "old_read"])
def test_rounded_products_are_within_the_bound_of_their_rounding(name, products):
    layer = LAYERS[name]
    made = emulated(layer, products=products)
    for length in (65, 300):
        given, state = drawn(layer, length, "float32", lead=(1, 1), n=17, d=20)
        worst, difference = excess(layer, made, given, state)
        assert worst <= 1 and difference > 20 * FLOATS
        # Of one sign nothing cancels, and errors add up.
        given, state = (x for x in absolute(given, state))
        given = {n: x.astype("float32") for n, x in given.items()}
        assert excess(layer, made, given, state.astype("float32"))[0] <= 1


def test_a_coarser_rounding_is_beyond_the_bound():
    layer = LAYERS["scalar_gated"]
    given, state = drawn(layer, 65, "float32", lead=(1, 1), n=17, d=20)
    cut = "high = __float_as_uint(x(0)) & 0xfffe0000u;"
    made = changed(emulated(layer, products="tf32"), "ROUND_TF32(high, x(0));", cut)
    assert excess(layer, made, given, state)[0] > 2


def test_the_setting_is_one_of_three_and_for_floats_on_a_gpu():
    layer = LAYERS["scalar_gated"]
    given, state = drawn(layer, 3, "float32")
    wrong = {
        "run": lambda: numeric.run(layer, "cuda", products="half", **given),
        "module": lambda: numeric.module(layer, "cuda", products="half"),
        "CudaKernel": lambda: emulated(layer, products="half"),
    }
    for name, call in wrong.items():
        with pytest.raises(ContractViolation, match=f"{name}.*products='half'.*one of float32, tf"):
            call()
    for backend in ("auto", "numpy", "cpp"):
        with pytest.raises(ContractViolation, match=f"backend='{backend}'.*on a GPU alone"):
            numeric.run(layer, backend, products="tf32", **given)
    assert numeric.schedules(layer, "cuda", products="tf32")["recurrent"].products == "tf32"
    with pytest.raises(ContractViolation, match="of float32 arrays are rounded, given float64"):
        emulated(layer, products="tf32")(**{n: x.astype("float64") for n, x in given.items()})
    whole = emulated(layer, products="float32")(**given, state=state)
    assert all(
        (a == b).all() for a, b in zip(emulated(layer)(**given, state=state), whole, strict=True)
    )


# Bugs that must be seen.


WRONG_FORWARD = {
    "fragment of a": ("row = i + e % 2 * 8, at = k + t", "row = i + e / 2 * 8, at = k + t"),
    "fragment of b": ("at = k + t * PER_REGISTER + e *", "at = k + 2 * t + 0 * e *"),
    "fragment of c": ("column = j + 2 * t + e % 2", "column = j + t + e % 2 * 4"),
    "a product left out": ("MMA_TF32(d, ah, bh);", ""),
    "mask": ("j <= i ?", "j < i ?"),
    "decay off by one": ("int s = thread + 1; s < steps", "int s = thread; s < steps - 1"),
    "decay of the state": (": from_start[i] *", ":"),
}
WRONG_BACKWARD = {
    "mask": ("keys[i * PITCH + j] = j <= i ?", "keys[i * PITCH + j] = j < i ?"),
    "mask of values": ("values[i * PITCH + j] = j <= i ?", "values[i * PITCH + j] = j < i ?"),
    "end": ("end ? at_both[0]", "end ? T(0)"),
    "own pair": ("i <= m && i < steps", "i < m && i < steps"),
    "first of several": ("if (t0 == from + done) break;", "break;"),
}


@pytest.mark.parametrize("bug", list(WRONG_FORWARD))
def test_wrong_products_are_seen(bug):
    layer = LAYERS["scalar_gated"]
    given, state = drawn(layer, 40, "float32", lead=(1, 1))
    got = changed(emulated(layer), *WRONG_FORWARD[bug])(**given, state=state)
    want = definition(layer, given, state)
    assert np.isnan(got[0]).any() or error(got, want) > 1e-3


@pytest.mark.parametrize("bug", list(WRONG_BACKWARD))
def test_wrong_adjoints_are_seen(bug):
    layer = LAYERS["scalar_gated"]
    sizes = {"n": 33, "d": 20}
    given, state = drawn(layer, 40, lead=(1, 1), **sizes)
    assert geometry(emulated(layer).source, sizes, 8).backward.tokens < STEPS
    got = gradients(changed(emulated(layer), *WRONG_BACKWARD[bug], last=True), given, state)
    want = gradients(emulated(layer), given, state)
    assert any(np.isnan(x).any() for x in got) or apart(got, want) > 1e-6


def sanitized(name, sanitizer):
    layer = LAYERS[name]
    given, state = drawn(layer, 40, "float32", n=17, d=37, lead=(1, 1))
    found = gradients(emulated(layer, sanitizer), given, state)
    assert not any(np.isnan(x).any() for x in found)


@pytest.mark.parametrize(("name", "sanitizer"), UNDER_SANITIZERS)
def test_sanitizers_find_nothing(name, sanitizer):
    sanitized(name, sanitizer)


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", ["bounds", "races"])
@pytest.mark.parametrize("name", CHUNKED)
def test_sanitizers_find_nothing_in_any(name, sanitizer):
    sanitized(name, sanitizer)


def test_a_missing_barrier_is_a_race_and_a_thread_too_many_leaves_the_array():
    layer = LAYERS["scalar_gated"]
    given, state = drawn(layer, 40, "float32", lead=(1, 1))
    barrier = "            __syncthreads();\n            multiplied<T>(steps, N, steps,"
    with pytest.raises(SanitizerReport, match="data race"):
        without = barrier.replace("__syncthreads();", "")
        gradients(changed(emulated(layer, "races"), barrier, without), given, state)
    with pytest.raises(Divergence, match="warp"):
        one = "s = over_warp(s);"
        gradients(changed(emulated(layer), one, f"if (m < 9 || thread) {one}"), given, state)


# The rounding of tensor cores, as it is emulated.

ROUNDING = r"""
extern "C" __global__ void rounded(const float* x, unsigned* tf32, unsigned* bf16) {
    const int i = threadIdx.x;
    ROUND_TF32(tf32[i], x[i]);
    ROUND_BF16(bf16[i], x[i], -x[i]);
}
extern "C" __global__ void product(const float* a, const float* b, float* c) {
    const int g = threadIdx.x / 4, t = threadIdx.x % 4;
    unsigned own[4], other[2];
    for (int e = 0; e < 4; ++e) {
        const float* p = a + (g + e % 2 * 8) * 16 + 2 * t + e / 2 * 8;
        ROUND_BF16(own[e], p[0], p[1]);
    }
    for (int e = 0; e < 2; ++e) {
        const float* p = b + (2 * t + e * 8) * 8 + g;
        ROUND_BF16(other[e], p[0], p[8]);
    }
    float d[4] = {0, 0, 0, 0};
    MMA_BF16(d, own, other);
    for (int e = 0; e < 4; ++e) c[(g + 8 * (e / 2)) * 8 + 2 * t + e % 2] = d[e];
}
"""


def test_numbers_are_rounded_to_the_nearest_of_each_type():
    bits = np.array([0x3F800FFF, 0x3F801000, 0x3F801001, 0xBF803000, 0x3F808000, 0x3F818000])
    x = np.concatenate([bits.astype(np.uint32).view(np.float32), np.float32([np.inf, 0.1])])
    tf32, bf16 = np.zeros(8, np.uint32), np.zeros(8, np.uint32)
    made = emulate(ROUNDING, folder=folder())
    made.launch("rounded", (1,), (8,), [x, tf32, bf16])
    tie = [0x3F800000, 0x3F802000, 0x3F802000, 0xBF804000, 0x3F808000, 0x3F818000, 0x7F800000]
    assert tf32.tolist() == [*tie, 0x3DCCC000 + 0x2000 * (0xCCCD > 0xD000)]
    want = torch.tensor(x).to(torch.bfloat16)
    halves = [(bf16 << 16).view(np.float32), (bf16 & 0xFFFF0000).astype(np.uint32).view(np.float32)]
    assert (halves[0] == want.float().numpy()).all() and (halves[1] == -halves[0]).all()
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((16, 16), (16, 8)))
    c = np.full((16, 8), np.nan, np.float32)
    made.launch("product", (1,), (32,), [a, b, c])
    cut = [torch.tensor(m).to(torch.bfloat16).float().numpy() for m in (a, b)]
    assert np.abs(c - cut[0] @ cut[1]).max() < 1e-5 < np.abs(c - a @ b).max()
