"""Products of matrices by the warps of a block, as CUDA C: on tensor cores in float32.

With -DPRODUCTS=FLOAT32 each factor is split into two numbers of tf32, so that three products have
float32's precision. TF32 and BFLOAT16 round each factor to the nearest number of that type, which
has 11 and 8 significant bits, and take one product; sums are of floats in all three.
"""

from __future__ import annotations

from collections.abc import Sequence

PRODUCTS = r"""
#if !defined(MMA_TF32)
#define MMA(shape, type, d, a, b) \
    asm volatile("mma.sync.aligned." shape ".row.col.f32." type "." type ".f32 " \
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))
#define MMA_TF32(d, a, b) MMA("m16n8k8", "tf32", d, a, b)
#define MMA_BF16(d, a, b) MMA("m16n8k16", "bf16", d, a, b)
#define ROUND_TF32(to, x) asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(to) : "f"(x))
#define ROUND_BF16(to, x, y) asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(to) : "f"(y), "f"(x))
#endif

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#define TENSOR_CORES false
#else
#define TENSOR_CORES true
#endif
enum { FLOAT32, TF32, BFLOAT16 };
// Numbers that a register holds, and along the sum of one product of 16 by 8.
constexpr int PER_REGISTER = PRODUCTS == BFLOAT16 ? 2 : 1, DEPTH = 8 * PER_REGISTER;

// Numbers of a factor for tensor cores, from x(0) and, where a register holds two, x(1); what
// rounding leaves of the first, where that counts.
template <class X>
__device__ __forceinline__ void packed(X x, unsigned& high, unsigned& low) {
    if constexpr (PRODUCTS == BFLOAT16) {
        ROUND_BF16(high, x(0), x(1));
    } else if constexpr (PRODUCTS == TF32) {
        ROUND_TF32(high, x(0));
    } else {
        const float own = x(0);
        high = __float_as_uint(own) & 0xffffe000u;
        low = __float_as_uint(own - __uint_as_float(high));
    }
}

// c(i, j, sum of a(i, k) b(k, j) over k) for all i < M and j < N, by the warps of a block.
template <class R, class A, class B, class C>
__device__ __forceinline__ void multiplied(int M, int N, int K, A a, B b, C c) {
    if constexpr (TENSOR_CORES && sizeof(R) == 4) {
        const int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
        const int across = (N + 7) / 8, tiles = (M + 15) / 16 * across;
        ONE_BY_ONE
        for (int tile = warp; tile < tiles; tile += WARPS) {
            const int i = tile / across * 16 + g, j = tile % across * 8;
            float d[4] = {0, 0, 0, 0};
            ONE_BY_ONE
            for (int k = 0; k < K; k += DEPTH) {
                unsigned ah[4], al[4], bh[2], bl[2];
#pragma unroll
                for (int e = 0; e < 4; ++e) {
                    const int row = i + e % 2 * 8, at = k + t * PER_REGISTER + e / 2 * (DEPTH / 2);
                    packed([&](int x) { return row < M && at + x < K ? a(row, at + x) : 0.f; },
                           ah[e], al[e]);
                }
#pragma unroll
                for (int e = 0; e < 2; ++e) {
                    const int at = k + t * PER_REGISTER + e * (DEPTH / 2);
                    packed([&](int x) { return at + x < K && j + g < N ? b(at + x, j + g) : 0.f; },
                           bh[e], bl[e]);
                }
                if constexpr (PRODUCTS == BFLOAT16) {
                    MMA_BF16(d, ah, bh);
                } else {
                    if constexpr (PRODUCTS == FLOAT32) {
                        MMA_TF32(d, al, bh);
                        MMA_TF32(d, ah, bl);
                    }
                    MMA_TF32(d, ah, bh);
                }
            }
#pragma unroll
            for (int e = 0; e < 4; ++e) {
                const int row = i + e / 2 * 8, column = j + 2 * t + e % 2;
                if (row < M && column < N) c(row, column, d[e]);
            }
        }
    } else {
        ONE_BY_ONE
        for (int e = threadIdx.x; e < M * N; e += THREADS) {
            R s = 0;
            for (int k = 0; k < K; ++k) s += a(e / N, k) * b(k, e % N);
            c(e / N, e % N, s);
        }
    }
}

// The sum over all threads of a warp.
__device__ __forceinline__ T over_warp(T x) {
#pragma unroll
    for (int away = 16; away > 0; away /= 2) x += __shfl_xor_sync(EVERY_LANE, x, away);
    return x;
}
"""


def product(shape: str, *, a: str, b: str, result: Sequence[str]) -> list[str]:
    """One product: `a` is the text of entry i, k, `b` that of k, j; `result` takes `sum` at i, j.

    shape: the numbers of i, of j and of k.
    """
    body = [f"        {x}" for x in result]
    if len(body) == 1:
        last = [f"    [&](int i, int j, T sum) {{ {result[0]} }});"]
    else:
        last = ["    [&](int i, int j, T sum) {", *body, "    });"]
    return [
        f"multiplied<T>({shape},",
        f"    [&](int i, int k) {{ return {a}; }},",
        f"    [&](int k, int j) {{ return {b}; }},",
        *last,
    ]


__all__ = ["PRODUCTS", "product"]
