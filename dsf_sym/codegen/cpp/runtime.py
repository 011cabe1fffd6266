"""The part of a C++ file that is the same for every layer: vectors, functions, memory."""

RUNTIME = r"""
// REAL is float or double; the file is compiled once for each.
typedef REAL T;
#if defined(__AVX512F__)
#include <immintrin.h>
#define BYTES 64
#elif defined(__AVX__)
#define BYTES 32
#else
#define BYTES 16
#endif
#if REAL_BITS == 64
typedef long Bits;
#else
typedef int Bits;
#endif
constexpr long W = BYTES / sizeof(T);
typedef T V __attribute__((vector_size(BYTES)));
typedef Bits I __attribute__((vector_size(BYTES)));
typedef T Loose __attribute__((vector_size(BYTES), aligned(sizeof(T)), may_alias));
#define INLINE static inline __attribute__((always_inline))

INLINE V every(T x) { return V{} + x; }
INLINE V every(V x) { return x; }

// s 2^f for |f| <= 1/2 and s a power of two: the exponential's polynomial.
template <class X>
INLINE X scaled_power(X f, T s) {
#if REAL_BITS == 64
    f *= T(0.693147180559945309417);
    X p = f * T(s / 6227020800.) + T(s / 479001600.);
    p = p * f + T(s / 39916800.);
    p = p * f + T(s / 3628800.);
    p = p * f + T(s / 362880.);
    p = p * f + T(s / 40320.);
    p = p * f + T(s / 5040.);
    p = p * f + T(s / 720.);
    p = p * f + T(s / 120.);
    p = p * f + T(s / 24.);
    p = p * f + T(s / 6.);
    p = p * f + T(s / 2.);
    p = p * f + s;
#else
    X p = f * T(s * 0.000154035303933816) + T(s * 0.00133335581464284434);
    p = p * f + T(s * 0.00961812910762847717);
    p = p * f + T(s * 0.0555041086648215800);
    p = p * f + T(s * 0.240226506959100712);
    p = p * f + T(s * 0.693147180559945309);
#endif
    return p * f + s;
}

// exp(x) = 2^n p(f) with n whole and |f| <= 1/2; 2 p(f) is formed, so that n - 1 fits for every
// finite result. What is below the smallest normal number is 0. N: the integers as wide as X.
template <class X, class N>
INLINE X exponential(X x) {
#if REAL_BITS == 64
    const T shift = 6755399441055743.0, least = -708.3964185322641, most = 709.782712893384;
    const T high = 1.4426950408889634, low = 2.0355273740931033e-17;
#else
    const T shift = 12582911.0f, least = -87.33654f, most = 88.72283f;
    const T high = 1.44269502f, low = 1.92596303e-8f;
#endif
    const X moved = x * high + shift, whole = moved - shift;
    X p = scaled_power<X>((x * high - whole) + x * low, T(2));
    N bits, n;
    __builtin_memcpy(&bits, &p, sizeof bits);
    __builtin_memcpy(&n, &moved, sizeof n);
    bits += n << (REAL_BITS == 64 ? 52 : 23);
    __builtin_memcpy(&p, &bits, sizeof p);
    p = x < least ? X{} : p;
    return x > most ? X{} + T(__builtin_inf()) : p;
}
INLINE T exp_(T x) { return exponential<T, Bits>(x); }
INLINE V exp_(V x) { return exponential<V, I>(x); }

// exp(x y) for |y| below half of the largest number. The exponent is rounded as any product is, so
// log2(e) may be multiplied into y, which is done once where y does not change; what is rounded
// there needs no second part.
INLINE T exp_(T x, T y) { return exp_(x * y); }
INLINE V exp_(V x, V y) {
#if defined(__AVX512F__) && defined(__AVX512DQ__)
    const V z = x * (y * T(1.4426950408889634));
#if REAL_BITS == 64
    const V f = _mm512_reduce_pd(z, 8);
    return _mm512_scalef_pd(scaled_power<V>(f, T(1)), z - f);
#else
    const V f = _mm512_reduce_ps(z, 8);
    return _mm512_scalef_ps(scaled_power<V>(f, T(1)), z - f);
#endif
#else
    return exp_(x * y);
#endif
}
INLINE V exp_(V x, T y) { return exp_(x, every(y)); }
INLINE V exp_(T x, V y) { return exp_(every(x), y); }

// log(1 + u) for u in [0, 1]: twice the inverse hyperbolic tangent of u / (2 + u).
template <class X>
INLINE X log_of_one_plus(X u) {
    const X s = u / (u + T(2)), z = s * s;
    X p = X{} + T(1. / 35.);
#pragma GCC unroll 17
    for (int i = REAL_BITS == 64 ? 33 : 17; i > 0; i -= 2) p = p * z + T(1) / T(i);
    return T(2) * s * p;
}
template <class X>
INLINE X relu_(X x) { return x > T(0) ? x : (x == x ? X{} : x); }
template <class X>
INLINE X step_(X x) { return x > T(0) ? X{} + T(1) : X{}; }
template <class X>
INLINE X sigmoid_(X x) { return T(1) / (T(1) + exp_(-x)); }
template <class X>
INLINE X softplus_(X x) {
    return relu_(x) + log_of_one_plus(exp_(x > T(0) ? -x : x));
}
INLINE T expm1_(T x) { return sizeof(T) == 8 ? T(__builtin_expm1(x)) : __builtin_expm1f(x); }
INLINE T elu_(T x) { return x > T(0) ? x : expm1_(x); }
INLINE T log_(T x) { return sizeof(T) == 8 ? T(__builtin_log(x)) : __builtin_logf(x); }
INLINE T tanh_(T x) { return sizeof(T) == 8 ? T(__builtin_tanh(x)) : __builtin_tanhf(x); }
INLINE T sqrt_(T x) { return sizeof(T) == 8 ? T(__builtin_sqrt(x)) : __builtin_sqrtf(x); }
INLINE T cos_(T x) { return sizeof(T) == 8 ? T(__builtin_cos(x)) : __builtin_cosf(x); }
INLINE T sin_(T x) { return sizeof(T) == 8 ? T(__builtin_sin(x)) : __builtin_sinf(x); }
#define LANE_BY_LANE(name) \
    INLINE V name(V x) { \
        V y; \
        for (long i = 0; i < W; ++i) y[i] = name(T(x[i])); \
        return y; \
    }
LANE_BY_LANE(elu_)
LANE_BY_LANE(log_)
LANE_BY_LANE(tanh_)
LANE_BY_LANE(sqrt_)
LANE_BY_LANE(cos_)
LANE_BY_LANE(sin_)

INLINE long whole(long n) { return (n + W - 1) / W * W; }
INLINE V load(const T* p) { return *(const Loose*)p; }
INLINE void store(T* p, V x) { *(Loose*)p = x; }
// The first `count` lanes; the others are zero, and are not touched.
INLINE V load(const T* p, long count) {
    V x{};
    for (long i = 0; i < W; ++i)
        if (i < count) x[i] = p[i];
    return x;
}
INLINE void store(T* p, V x, long count) {
    for (long i = 0; i < W; ++i)
        if (i < count) p[i] = x[i];
}
INLINE T total(V x, long count) {
    T s = 0;
    for (long i = 0; i < W; ++i)
        if (i < count) s += x[i];
    return s;
}
INLINE T total(V x) { return total(x, W); }

// The sums of vectors into numbers, W at a time: halves are added, and two vectors made one.
template <long H>
INLINE void fold(V* x) {
#if defined(__clang__)
    for (long i = 0; i < H; ++i)
        for (long l = 0; l < W; ++l) {
            const V& from = l & H ? x[i + H] : x[i];
            x[W + i][l] = from[l] + from[l ^ H];
        }
    for (long i = 0; i < H; ++i) x[i] = x[W + i];
#else
    I own, other;
#pragma GCC unroll 16
    for (long l = 0; l < W; ++l) {
        own[l] = l & H ? W + l : l;
        other[l] = own[l] ^ H;
    }
#pragma GCC unroll 16
    for (long i = 0; i < H; ++i)
        x[i] = __builtin_shuffle(x[i], x[i + H], own) + __builtin_shuffle(x[i], x[i + H], other);
#endif
}
static void totals(const V* from, T* to, long count) {
    long i = 0;
    for (; i + W <= count; i += W) {
        V x[2 * W];
#pragma GCC unroll 16
        for (long j = 0; j < W; ++j) x[j] = from[i + j];
        if (W > 8) fold<(W > 8 ? 8 : 1)>(x);
        if (W > 4) fold<(W > 4 ? 4 : 1)>(x);
        if (W > 2) fold<(W > 2 ? 2 : 1)>(x);
        fold<1>(x);
        store(to + i, x[0]);
    }
    for (; i < count; ++i) to[i] = total(from[i]);
}

// Rows of lanes become lanes of rows: whole(rows) numbers for each of the lanes first to last.
template <long H>
INLINE void exchange(V* x) {
#if defined(__clang__)
    for (long i = 0; i < W; ++i)
        for (long l = 0; l < W; ++l)
            if (!(i & H) && (l & H)) {
                const T upper = x[i][l];
                x[i][l] = x[i + H][l ^ H];
                x[i + H][l ^ H] = upper;
            }
#else
    I upper, lower;
#pragma GCC unroll 16
    for (long l = 0; l < W; ++l) {
        upper[l] = l & H ? W + (l ^ H) : l;
        lower[l] = l & H ? W + l : l | H;
    }
#pragma GCC unroll 16
    for (long i = 0; i < W; ++i) {
        if (i & H) continue;
        const V a = x[i], b = x[i + H];
        x[i] = __builtin_shuffle(a, b, upper);
        x[i + H] = __builtin_shuffle(a, b, lower);
    }
#endif
}
static void turn(const T* from, T* to, long rows, long pitch, long first, long last) {
    const long across = whole(rows), r1 = rows / W * W, c1 = first + (last - first) / W * W;
    for (long r = 0; r < r1; r += W)
        for (long c = first; c < c1; c += W) {
            V x[W];
#pragma GCC unroll 16
            for (long i = 0; i < W; ++i) x[i] = load(from + (r + i) * pitch + c);
            if (W > 8) exchange<(W > 8 ? 8 : 1)>(x);
            if (W > 4) exchange<(W > 4 ? 4 : 1)>(x);
            if (W > 2) exchange<(W > 2 ? 2 : 1)>(x);
            exchange<1>(x);
#pragma GCC unroll 16
            for (long i = 0; i < W; ++i) store(to + (c + i) * across + r, x[i]);
        }
    for (long r = 0; r < rows; ++r)
        for (long c = r < r1 ? c1 : first; c < last; ++c) to[c * across + r] = from[r * pitch + c];
}

// Bring what will be read, or written, into the second cache.
INLINE void fetch(const T* p, long count) {
    for (long i = 0; i < count; i += W) __builtin_prefetch(p + i, 0, 2);
}
INLINE void claim(const T* p, long count) {
    for (long i = 0; i < count; i += W) __builtin_prefetch(p + i, 1, 2);
}

// Memory that starts at a multiple of a vector.
struct Memory {
    char* block;
    char* next;
    Memory() : block(0), next(0) {}
    bool get(unsigned long bytes) {
        block = (char*)__builtin_malloc(bytes + 128);
        next = (char*)(((unsigned long)block + 63) & ~63UL);
        return block != 0;
    }
    ~Memory() { __builtin_free(block); }
    template <class X>
    X* take(long count) {
        X* p = (X*)next;
        next += (count * (long)sizeof(X) + 63) & ~63L;
        return p;
    }
    template <class X>
    X* zeros(long count) {
        X* p = take<X>(count);
        __builtin_memset((void*)p, 0, count * sizeof(X));
        return p;
    }
};
INLINE unsigned long room(long count, unsigned long size) { return count * size + 64; }
INLINE long least(long a, long b) { return a < b ? a : b; }
"""
