"""The part of a CUDA C file that is the same for every layer: types, functions, warps, arrays."""

RUNTIME = r"""
// Compiled with -DREAL=float or -DREAL=double, with the sizes and with the launch geometry.
typedef REAL T;
typedef long long Long;
constexpr int STEPS = 32, THREADS = 32 * WARPS;
#define EVERY_LANE 0xffffffffu
#define ONE_BY_ONE _Pragma("unroll 1")
#define FOUR_BY_FOUR _Pragma("unroll 4")

// Array number k lies in shared memory, or where the bit is not set, in the block's scratch memory.
#define ARRAY(k, name, count) \
    __shared__ T name##_shared[(HELD >> k & 1) ? (count) : 1]; \
    T* const name = (HELD >> k & 1) ? name##_shared : scratch; \
    scratch += (HELD >> k & 1) ? 0 : (count);

__device__ __forceinline__ float exp_(float x) { return expf(x); }
__device__ __forceinline__ double exp_(double x) { return exp(x); }
__device__ __forceinline__ float expm1_(float x) { return expm1f(x); }
__device__ __forceinline__ double expm1_(double x) { return expm1(x); }
__device__ __forceinline__ float log_(float x) { return logf(x); }
__device__ __forceinline__ double log_(double x) { return log(x); }
__device__ __forceinline__ float log1p_(float x) { return log1pf(x); }
__device__ __forceinline__ double log1p_(double x) { return log1p(x); }
__device__ __forceinline__ float tanh_(float x) { return tanhf(x); }
__device__ __forceinline__ double tanh_(double x) { return tanh(x); }
__device__ __forceinline__ float sqrt_(float x) { return sqrtf(x); }
__device__ __forceinline__ double sqrt_(double x) { return sqrt(x); }
// In half turns, two floats together: the reduction of cosf and sinf is in double precision. The
// angle of a float beyond 2^24 half turns is not known to one of them.
__device__ __forceinline__ float half_turns(float x) {
    const float high = 0.318309873f, low = 1.28412765e-8f, whole = x * high;
    const float rest = fmaf(x, low, fmaf(x, high, -whole));
    return (whole - 2.f * rintf(0.5f * whole)) + rest;
}
__device__ __forceinline__ float cos_(float x) { return cospif(half_turns(x)); }
__device__ __forceinline__ double cos_(double x) { return cos(x); }
__device__ __forceinline__ float sin_(float x) { return sinpif(half_turns(x)); }
__device__ __forceinline__ double sin_(double x) { return sin(x); }
__device__ __forceinline__ T relu_(T x) { return x > T(0) ? x : (x == x ? T(0) : x); }
__device__ __forceinline__ T step_(T x) { return x > T(0) ? T(1) : T(0); }
__device__ __forceinline__ T sigmoid_(T x) { return T(1) / (T(1) + exp_(-x)); }
__device__ __forceinline__ T elu_(T x) { return x > T(0) ? x : expm1_(x); }
__device__ __forceinline__ T softplus_(T x) {
    return relu_(x) + log1p_(exp_(x > T(0) ? -x : x));
}
__device__ __forceinline__ Long least(Long a, Long b) { return a < b ? a : b; }
"""

WARPS = r"""
// A warp has 32 / GROUPS lanes of the layer, and GROUPS threads for the rows of each.
constexpr int ROWS = (N + GROUPS - 1) / GROUPS;
#if defined(UNROLLED)
#define ROWS_UNROLLED _Pragma("unroll")
#else
#define ROWS_UNROLLED _Pragma("unroll 1")
#endif

// The sum over the threads that have one lane.
__device__ __forceinline__ T over_groups(T x) {
#pragma unroll
    for (int away = GROUPS / 2; away > 0; away /= 2) x += __shfl_xor_sync(EVERY_LANE, x, away);
    return x;
}
// The sum over the lanes of a warp.
__device__ __forceinline__ T over_lanes(T x) {
#pragma unroll
    for (int away = 16; away >= GROUPS; away /= 2) x += __shfl_xor_sync(EVERY_LANE, x, away);
    return x;
}
__device__ __forceinline__ T counted(bool there, T x) { return there ? x : T(0); }
"""

__all__ = ["RUNTIME", "WARPS"]
