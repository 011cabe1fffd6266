"""The emulation finds what it is for: every planted fault, and nothing in what is right."""

import numpy as np
import pytest

pytest.importorskip("numpy")
from emulated import folder

from numeric.emulation import (
    ORDERS,
    Divergence,
    EmulationFailed,
    SanitizerReport,
    emulate,
)

KERNELS = r"""
extern "C" __global__ void reversed(float* x) {
    __shared__ float s[64];
    x += blockIdx.x * 64;
    s[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = s[63 - threadIdx.x];
}
extern "C" __global__ void prefix(float* x, int steps) {
    float v = x[threadIdx.x];
    for (int d = 1; d < 32 && d < steps; d *= 2) {
        const float other = __shfl_up_sync(0xffffffffu, v, d);
        if (threadIdx.x % 32 >= d) v += other;
    }
    x[threadIdx.x] = v;
}
extern "C" __global__ void shuffles(float* x) {
    const float v = x[threadIdx.x];
    x[threadIdx.x] = __shfl_sync(0xffffffffu, v, 3) + 100 * __shfl_xor_sync(0xffffffffu, v, 1) +
                     10000 * __shfl_down_sync(0xffffffffu, v, 2, 8);
}
extern "C" __global__ void counted(float* x, int* n) { atomicAdd(x, 1.f); atomicAdd(n, 2); }
extern "C" __global__ void quarters(float* x) {
    float4* p = reinterpret_cast<float4*>(x) + threadIdx.x;
    const float4 v = *p;
    *p = make_float4(v.w, v.z, v.y, v.x);
}
extern "C" __global__ void product(const unsigned* a, const unsigned* b, float* c) {
    const int lane = threadIdx.x, g = lane / 4, t = lane % 4;
    const unsigned own[4] = {a[g * 8 + t], a[(g + 8) * 8 + t], a[g * 8 + t + 4],
                             a[(g + 8) * 8 + t + 4]};
    const unsigned other[2] = {b[t * 8 + g], b[(t + 4) * 8 + g]};
    float d[4] = {0, 0, 0, 0};
    MMA_TF32(d, own, other);
    for (int e = 0; e < 4; ++e) c[(g + 8 * (e / 2)) * 8 + 2 * t + e % 2] = d[e];
}
"""

FAULTS = r"""
extern "C" __global__ void part_of_a_block(float* x) {
    if (threadIdx.x < 16) __syncthreads();
    x[threadIdx.x] = 1;
}
extern "C" __global__ void two_barriers(float* x) {
    if (threadIdx.x < 16) __syncthreads();
    else
        __syncthreads();
    x[threadIdx.x] = 1;
}
extern "C" __global__ void mask_of_more(float* x) {
    float v = x[threadIdx.x];
    if (threadIdx.x < 16) v += __shfl_up_sync(0xffffffffu, v, 1);
    x[threadIdx.x] = v;
}
extern "C" __global__ void mask_without_itself(float* x) {
    x[threadIdx.x] = __shfl_sync(0x0000ffffu, x[threadIdx.x], 0);
}
extern "C" __global__ void lane_outside_its_mask(float* x) {
    if (threadIdx.x < 16) x[threadIdx.x] = __shfl_sync(0x0000ffffu, x[threadIdx.x], 20);
}
extern "C" __global__ void no_barrier(float* x) {
    __shared__ float s[32];
    s[threadIdx.x] = x[threadIdx.x];
    x[threadIdx.x] = s[31 - threadIdx.x];
}
extern "C" __global__ void shuffle_for_a_barrier(float* x) {
    __shared__ float s[32];
    s[threadIdx.x] = x[threadIdx.x];
    const float v = __shfl_sync(0xffffffffu, x[threadIdx.x], 0);
    x[threadIdx.x] = s[31 - threadIdx.x] + 0 * v;
}
extern "C" __global__ void second_write_too_soon(float* x) {
    __shared__ float s[32];
    for (int i = 0; i < 2; ++i) {
        s[threadIdx.x] = x[threadIdx.x];
        __syncthreads();
        x[threadIdx.x] = s[31 - threadIdx.x];
    }
}
extern "C" __global__ void blocks_add(float* x) { x[0] += 1; }
extern "C" __global__ void past_shared(float* x) {
    __shared__ float s[32];
    s[threadIdx.x + 1] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = s[threadIdx.x];
}
extern "C" __global__ void past_global(float* x) { x[threadIdx.x + 1] = 0; }
extern "C" __global__ void not_aligned(float* x) {
    if (threadIdx.x == 0) x[0] = reinterpret_cast<float4*>(x + 1)->x;
}
extern "C" __global__ void nothing_wrote(float* x) {
    __shared__ float s[64];
    s[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = s[threadIdx.x + 1];
}
"""

FOUND = {
    "part_of_a_block": ("", Divergence, "16 at a barrier .* 16 at their end"),
    "two_barriers": ("", Divergence, "and others"),
    "mask_of_more": ("", Divergence, "16 in a warp operation"),
    "mask_without_itself": ("", Divergence, "not in its own mask"),
    "lane_outside_its_mask": ("", Divergence, "leaves out"),
    "no_barrier": ("races", SanitizerReport, "data race"),
    "shuffle_for_a_barrier": ("races", SanitizerReport, "data race"),
    "second_write_too_soon": ("races", SanitizerReport, "data race"),
    "blocks_add": ("races", SanitizerReport, "data race"),
    "past_shared": ("bounds", SanitizerReport, "out of bounds"),
    "past_global": ("bounds", SanitizerReport, "heap-buffer-overflow"),
    "not_aligned": ("bounds", SanitizerReport, "misaligned"),
}


def program(text, sanitizer=""):
    return emulate(text, folder=folder(), sanitizer=sanitizer)


@pytest.mark.parametrize("fault", list(FOUND))
def test_a_planted_fault_is_found(fault):
    sanitizer, kind, told = FOUND[fault]
    x = np.arange(32, dtype=np.float32)
    shape = ((2,), (1,)) if fault == "blocks_add" else ((1,), (32,))
    with pytest.raises(kind, match=told):
        program(FAULTS, sanitizer).launch(fault, *shape, [x])


def test_shared_memory_that_nothing_wrote_is_not_a_number():
    x = np.arange(32, dtype=np.float32)
    program(FAULTS).launch("nothing_wrote", (1,), (32,), [x])
    assert np.isnan(x[31]) and (x[:31] == np.arange(1, 32)).all()


@pytest.mark.parametrize("sanitizer", ["", "bounds", "races"])
def test_right_kernels_are_run_and_nothing_is_found(sanitizer):
    made = program(KERNELS, sanitizer)
    start = np.arange(128, dtype=np.float32)
    for order in ORDERS:
        x = start.copy()
        made.launch("reversed", (2,), (64,), [x], order=order)
        assert (x.reshape(2, 64) == start.reshape(2, 64)[:, ::-1]).all()
    x = start[:64].copy()
    made.launch("prefix", (1,), (64,), [x, 32])
    assert (x.reshape(2, 32) == start[:64].reshape(2, 32).cumsum(1)).all()
    x = start[:32].copy()
    made.launch("shuffles", (1,), (32,), [x])
    lane = np.arange(32)
    down = np.where(lane % 8 < 6, lane + 2, lane)
    assert (x == 3 + 100.0 * (lane ^ 1) + 10000.0 * down).all()
    x, n = np.zeros(1, np.float32), np.zeros(1, np.int32)
    made.launch("counted", (3,), (32,), [x, n])
    assert (x[0], n[0]) == (96, 192)
    x = start.copy()
    made.launch("quarters", (1,), (32,), [x])
    assert (x.reshape(32, 4) == start.reshape(32, 4)[:, ::-1]).all()


def test_a_product_by_tensor_cores_is_the_product_in_tf32():
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((16, 8), (8, 8)))
    c = np.full((16, 8), np.nan, np.float32)
    program(KERNELS).launch("product", (1,), (32,), [a.view(np.uint32), b.view(np.uint32), c])
    cut = [(x.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32) for x in (a, b)]
    assert np.abs(c - cut[0] @ cut[1]).max() < 1e-5
    assert np.abs(c - a @ b).max() > 1e-5


def test_what_cannot_be_launched_says_so():
    made = program(KERNELS)
    x = np.zeros(4, np.float32)
    with pytest.raises(Divergence, match="cannot launch"):
        made.launch("reversed", (1,), (2048,), [x])
    with pytest.raises(EmulationFailed, match="takes 2 arguments, given 1"):
        made.launch("prefix", (1,), (32,), [x])
    with pytest.raises(EmulationFailed, match="no such kernel"):
        made.launch("missing", (1,), (32,), [x])
    with pytest.raises(EmulationFailed, match="cannot compile the kernel"):
        program("__global__ void f(float* x) { x = ; }")
