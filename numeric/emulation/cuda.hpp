// CUDA C kernels as C++ that runs on the CPU: one fiber for each thread, the blocks one after the
// other. It shows what a kernel computes and how its threads meet; not how fast it is, nor the
// rounding of the hardware's own functions.
//
// What is found here: barriers and warp operations that not all threads reach, wrong masks, reads of
// shared memory that nothing wrote (it holds NaN), values that depend on the order of threads. Under
// AddressSanitizer and UBSan: what lies out of bounds or is not aligned. Under ThreadSanitizer: data
// races between threads, within a block and between blocks.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
#define __shared__ static __attribute__((section("shared_memory")))

struct uint3 { unsigned x, y, z; };
struct dim3 { unsigned x = 1, y = 1, z = 1; };
template <class T> struct alignas(2 * sizeof(T)) Two { T x, y; };
template <class T> struct alignas(16) Four { T x, y, z, w; };
using float2 = Two<float>; using double2 = Two<double>; using int2 = Two<int>;
using float4 = Four<float>; using int4 = Four<int>; using uint4 = Four<unsigned>;
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
template <class T> inline T min(T x, T y) { return y < x ? y : x; }
template <class T> inline T max(T x, T y) { return x < y ? y : x; }

namespace emulated {
constexpr size_t SLOT = 64;
using Slots = unsigned char (*)[SLOT];
struct Thread { uint3 at; unsigned number; };  // what a kernel may see of the thread that runs

extern Thread* thread;
extern uint3 block;
extern dim3 threads, blocks;

// Wait for all threads of the block.
void barrier(int line);
// Wait for the lanes of a mask, each with some bytes, and see those of all. orders: whether what was
// written before is seen after, as by __syncwarp; shuffles order nothing.
Slots meet(uint32_t mask, const void* bytes, size_t count, int line, bool orders);
// End the launch: a thread did what CUDA does not define.
[[noreturn]] void fail(const char* what, int line);

inline uint32_t mask_of(uint32_t mask = 0xffffffffu) { return mask; }
inline int width_of(int width = 32) { return width; }

// from: the lane whose value is taken, given the own lane and the first of its group.
template <class T, class From>
__attribute__((no_sanitize("thread", "address"), noinline))
T shuffle(uint32_t mask, T value, int line, int width, From&& from) {
    static_assert(sizeof(T) <= SLOT);
    const int lane = thread->number & 31;
    Slots slots = meet(mask, &value, sizeof value, line, false);
    const int other = from(lane, lane & ~(width - 1));
    if (!(mask >> other & 1)) fail("a shuffle reads a lane that its mask leaves out", line);
    memcpy(&value, slots[other], sizeof value);
    return value;
}

inline uint32_t bits_of(float x) { uint32_t y; memcpy(&y, &x, sizeof y); return y; }
inline float of_bits(uint32_t x) { float y; memcpy(&y, &x, sizeof y); return y; }

// The number of tf32, of 11 significant bits, that is nearest; of two, the one away from zero. What
// is no number stays none.
inline uint32_t rounded_tf32(float x) {
    const uint32_t bits = bits_of(x);
    return std::isfinite(x) ? (bits + 0x1000u) & 0xffffe000u : bits;
}
// The number of bfloat16, of 8 significant bits, that is nearest; of two, the one whose last is 0.
inline uint32_t rounded_bf16(float x) {
    const uint32_t bits = bits_of(x);
    return (std::isfinite(x) ? bits + 0x7fffu + (bits >> 16 & 1) : bits) >> 16;
}
// D = A B + D for A [16, K] and B [K, 8], spread over a warp as mma.sync.m16n8kK has them. number:
// one of EACH numbers that a register holds.
template <int EACH, class Number>
__attribute__((no_sanitize("thread", "address"), noinline))
void mma(float* d, const uint32_t* a, const uint32_t* b, int line, Number number) {
    uint32_t own[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
    Slots slots = meet(0xffffffffu, own, sizeof own, line, false);
    auto part = [&](int lane, int which, int at) {
        uint32_t all[6];
        memcpy(all, slots[lane], sizeof all);
        return number(all[which], at);
    };
    const int lane = thread->number & 31;
    for (int e = 0; e < 4; ++e) {
        const int row = lane / 4 + 8 * (e / 2), column = 2 * (lane % 4) + e % 2;
        for (int k = 0; k < 8 * EACH; ++k) {
            const int t = k / EACH % 4, half = k / (4 * EACH), at = k % EACH;
            d[e] += part(row % 8 * 4 + t, row / 8 + 2 * half, at) * part(column * 4 + t, 4 + half, at);
        }
    }
}
inline void mma_tf32(float* d, const uint32_t* a, const uint32_t* b, int line) {
    // The bits of a register beyond tf32 do not count.
    mma<1>(d, a, b, line, [](uint32_t x, int) { return of_bits(x & 0xffffe000u); });
}
inline void mma_bf16(float* d, const uint32_t* a, const uint32_t* b, int line) {
    mma<2>(d, a, b, line, [](uint32_t x, int at) { return of_bits(at ? x & 0xffff0000u : x << 16); });
}

// One launch as it is read from a file: scalars are passed by value, arrays by pointer or as null.
struct Argument { bool scalar; int64_t value; void* pointer; };

template <class A>
A argument(const Argument& given) {
    if constexpr (std::is_pointer_v<A>) {
        return static_cast<A>(given.pointer);
    } else {
        A out;
        memcpy(&out, &given.value, sizeof out);
        return out;
    }
}
struct Kernel {
    const char* name;
    size_t count;
    void (*call)(const void* kernel, const Argument* given);
    const void* kernel;
};
template <class... A, size_t... I>
void unpack(void (*kernel)(A...), const Argument* given, std::index_sequence<I...>) {
    kernel(argument<A>(given[I])...);
}
template <class... A>
Kernel named(const char* name, void (*kernel)(A...)) {
    return {name, sizeof...(A),
            [](const void* own, const Argument* given) {
                unpack(reinterpret_cast<void (*)(A...)>(const_cast<void*>(own)), given,
                       std::index_sequence_for<A...>{});
            },
            reinterpret_cast<const void*>(kernel)};
}
int main(const Kernel* kernels, size_t known, int count, char** words);
}  // namespace emulated

#define threadIdx (emulated::thread->at)
#define blockIdx (emulated::block)
#define blockDim (emulated::threads)
#define gridDim (emulated::blocks)
#define warpSize 32
#define __syncthreads() emulated::barrier(__LINE__)
#define __syncwarp(...) emulated::meet(emulated::mask_of(__VA_ARGS__), "", 1, __LINE__, true)
#define __shfl_sync(mask, x, lane, ...)                                                    \
    emulated::shuffle(mask, x, __LINE__, emulated::width_of(__VA_ARGS__),                  \
                      [&, w = emulated::width_of(__VA_ARGS__)](int, int base) {            \
                          return base + (int(lane) & (w - 1));                             \
                      })
#define __shfl_up_sync(mask, x, away, ...)                                                 \
    emulated::shuffle(mask, x, __LINE__, emulated::width_of(__VA_ARGS__),                  \
                      [&](int own, int base) {                                             \
                          return own - int(away) < base ? own : own - int(away);           \
                      })
#define __shfl_down_sync(mask, x, away, ...)                                               \
    emulated::shuffle(mask, x, __LINE__, emulated::width_of(__VA_ARGS__),                  \
                      [&, w = emulated::width_of(__VA_ARGS__)](int own, int base) {        \
                          return own + int(away) >= base + w ? own : own + int(away);      \
                      })
#define __shfl_xor_sync(mask, x, away, ...)                                                \
    emulated::shuffle(mask, x, __LINE__, emulated::width_of(__VA_ARGS__),                  \
                      [&, w = emulated::width_of(__VA_ARGS__)](int own, int base) {        \
                          return (own ^ int(away)) >= base + w ? own : own ^ int(away);    \
                      })
#define MMA_TF32(d, a, b) emulated::mma_tf32(d, a, b, __LINE__)
#define MMA_BF16(d, a, b) emulated::mma_bf16(d, a, b, __LINE__)
#define ROUND_TF32(to, x) (to) = emulated::rounded_tf32(x)
#define ROUND_BF16(to, x, y) \
    (to) = emulated::rounded_bf16(x) | emulated::rounded_bf16(y) << 16

// Atomics are relaxed, as CUDA's are.
inline int atomicAdd(int* p, int x) { return __atomic_fetch_add(p, x, __ATOMIC_RELAXED); }
inline unsigned atomicAdd(unsigned* p, unsigned x) {
    return __atomic_fetch_add(p, x, __ATOMIC_RELAXED);
}
template <class T, class Bits>
inline T add_atomically(T* p, T x) {
    Bits old = __atomic_load_n(reinterpret_cast<Bits*>(p), __ATOMIC_RELAXED), next;
    T value;
    do {
        memcpy(&value, &old, sizeof value);
        const T sum = value + x;
        memcpy(&next, &sum, sizeof next);
    } while (!__atomic_compare_exchange_n(reinterpret_cast<Bits*>(p), &old, next, false,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return value;
}
inline float atomicAdd(float* p, float x) { return add_atomically<float, uint32_t>(p, x); }
inline double atomicAdd(double* p, double x) { return add_atomically<double, uint64_t>(p, x); }

inline float __expf(float x) { return expf(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float rsqrtf(float x) { return 1.f / sqrtf(x); }
inline float sinpif(float x) { return float(std::sin(M_PI * double(x))); }
inline float cospif(float x) { return float(std::cos(M_PI * double(x))); }
template <class T> inline T __ldg(const T* p) { return *p; }
inline uint32_t __float_as_uint(float x) { return emulated::bits_of(x); }
inline float __uint_as_float(uint32_t x) { return emulated::of_bits(x); }
