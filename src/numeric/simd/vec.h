// Vec: a block of eight doubles, the unit in which rows of lanes are computed on every instruction
// set. One zmm register with AVX-512, two ymm with AVX2, four xmm (or NEON) registers at the
// baseline. For `*_simd.cc` files only.
//
// Why a struct of native registers and not one 64-byte GCC vector: GCC 12 takes comparisons and
// selections of vectors wider than the machine's apart into scalars.
//
// Everything here is always inline, in a namespace named after the target, and uses no standard
// library: nothing compiled for one instruction set can be linked into another's callers.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#ifndef VINCI_TARGET
#error \
    "numeric/simd/vec.h is for *_simd.cc files: they are compiled once per instruction set with VINCI_TARGET set"
#endif

// With AVX-512 the zero-masked intrinsics stand for the plain ones, in which GCC 12 sees
// uninitialised variables; the full mask vanishes in compilation.
#define VINCI_INLINE static inline __attribute__((always_inline))
#define VINCI_INLINE_MEMBER inline __attribute__((always_inline))

#if defined(__AVX512F__)
#define VINCI_PARTS 1
#define VINCI_EACH(F) F(0)
#elif defined(__AVX2__)
#define VINCI_PARTS 2
#define VINCI_EACH(F) F(0) F(1)
#else
#define VINCI_PARTS 4
#define VINCI_EACH(F) F(0) F(1) F(2) F(3)
#endif

namespace vinci::numeric::VINCI_TARGET {

constexpr int kVecSize = 8;
constexpr int kPartSize = kVecSize / VINCI_PARTS;

// may_alias: rows of doubles are read through these types.
typedef double Part __attribute__((vector_size(64 / VINCI_PARTS), may_alias));
typedef int64_t IntPart __attribute__((vector_size(64 / VINCI_PARTS), may_alias));
typedef uint64_t UintPart __attribute__((vector_size(64 / VINCI_PARTS), may_alias));
typedef double UnalignedPart __attribute__((vector_size(64 / VINCI_PARTS), may_alias, aligned(8)));

/// Eight booleans: a mask register with AVX-512, all-ones or all-zero elements elsewhere.
struct Mask {
#if defined(__AVX512F__)
  uint8_t bits;
#else
  IntPart part[VINCI_PARTS];
#endif
};

/// Eight 64-bit integers.
struct IntVec {
  IntPart part[VINCI_PARTS];
};

/// Eight doubles.
struct Vec {
  Part part[VINCI_PARTS];

  VINCI_INLINE_MEMBER Vec() {}
  VINCI_INLINE_MEMBER Vec(double x){// implicit: constants mix with vectors in formulas
#define VINCI_F(p) part[p] = x - Part{};
                                    VINCI_EACH(VINCI_F)
#undef VINCI_F
  } VINCI_INLINE_MEMBER double operator[](int k) const {
    return part[k / kPartSize][k % kPartSize];
  }
  VINCI_INLINE_MEMBER void set(int k, double x) { part[k / kPartSize][k % kPartSize] = x; }
};

VINCI_INLINE Vec splat(double x) { return Vec(x); }

/// Eight doubles at p, aligned to 64 bytes.
VINCI_INLINE Vec load(const double* p) {
  Vec r;
#define VINCI_F(k) r.part[k] = *reinterpret_cast<const Part*>(p + k * kPartSize);
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
}
VINCI_INLINE void store(double* p, Vec x){
#define VINCI_F(k) *reinterpret_cast<Part*>(p + k * kPartSize) = x.part[k];
    VINCI_EACH(VINCI_F)
#undef VINCI_F
}  /// The same at any address.
VINCI_INLINE Vec load_unaligned(const double* p) {
  Vec r;
#define VINCI_F(k) r.part[k] = *reinterpret_cast<const UnalignedPart*>(p + k * kPartSize);
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
}
VINCI_INLINE void store_unaligned(double* p, Vec x){
#define VINCI_F(k) *reinterpret_cast<UnalignedPart*>(p + k * kPartSize) = x.part[k];
    VINCI_EACH(VINCI_F)
#undef VINCI_F
}

// ---- arithmetic

#define VINCI_ARITHMETIC(op)                   \
  VINCI_INLINE Vec operator op(Vec a, Vec b) { \
    Vec r;                                     \
    VINCI_EACH(VINCI_F)                        \
    return r;                                  \
  }
#define VINCI_F(k) r.part[k] = a.part[k] + b.part[k];
VINCI_ARITHMETIC(+)
#undef VINCI_F
#define VINCI_F(k) r.part[k] = a.part[k] - b.part[k];
    VINCI_ARITHMETIC(-)
#undef VINCI_F
#define VINCI_F(k) r.part[k] = a.part[k] * b.part[k];
        VINCI_ARITHMETIC(*)
#undef VINCI_F
#define VINCI_F(k) r.part[k] = a.part[k] / b.part[k];
            VINCI_ARITHMETIC(/)
#undef VINCI_F
#undef VINCI_ARITHMETIC

                VINCI_INLINE Vec operator-(Vec a) {
  Vec r;
#define VINCI_F(k) r.part[k] = -a.part[k];
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
}
VINCI_INLINE Vec& operator+=(Vec& a, Vec b) { return a = a + b; }
VINCI_INLINE Vec& operator-=(Vec& a, Vec b) { return a = a - b; }
VINCI_INLINE Vec& operator*=(Vec& a, Vec b) { return a = a * b; }
VINCI_INLINE Vec& operator/=(Vec& a, Vec b) { return a = a / b; }

/// a b + c; one rounding where the target has fused multiply-add (kHasFma), two elsewhere.
#if defined(__FMA__)
constexpr bool kHasFma = true;
#else
constexpr bool kHasFma = false;
#endif
VINCI_INLINE Vec fma(Vec a, Vec b, Vec c) {
  Vec r;
#if defined(__AVX512F__)
  r.part[0] = (Part)_mm512_fmadd_pd((__m512d)a.part[0], (__m512d)b.part[0], (__m512d)c.part[0]);
#elif defined(__FMA__)
#define VINCI_F(k) \
  r.part[k] = (Part)_mm256_fmadd_pd((__m256d)a.part[k], (__m256d)b.part[k], (__m256d)c.part[k]);
  VINCI_EACH(VINCI_F)
#undef VINCI_F
#else
  r = a * b + c;
#endif
  return r;
}

// ---- integers and bits

VINCI_INLINE IntVec splat_int(int64_t x) {
  IntVec r;
#define VINCI_F(k) r.part[k] = x - IntPart{};
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
}
VINCI_INLINE IntVec as_int(Vec x) {
  IntVec r;
#define VINCI_F(k) r.part[k] = (IntPart)x.part[k];
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
}
VINCI_INLINE Vec as_double(IntVec x) {
  Vec r;
#define VINCI_F(k) r.part[k] = (Part)x.part[k];
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
}

#define VINCI_INTEGER(op)                               \
  VINCI_INLINE IntVec operator op(IntVec a, IntVec b) { \
    IntVec r;                                           \
    VINCI_EACH(VINCI_F)                                 \
    return r;                                           \
  }
// Sums and differences wrap around: the bits of special values go through them too.
#define VINCI_F(k) r.part[k] = (IntPart)((UintPart)a.part[k] + (UintPart)b.part[k]);
VINCI_INTEGER(+)
#undef VINCI_F
#define VINCI_F(k) r.part[k] = (IntPart)((UintPart)a.part[k] - (UintPart)b.part[k]);
VINCI_INTEGER(-)
#undef VINCI_F
#define VINCI_F(k) r.part[k] = a.part[k] & b.part[k];
VINCI_INTEGER(&)
#undef VINCI_F
#define VINCI_F(k) r.part[k] = a.part[k] | b.part[k];
VINCI_INTEGER(|)
#undef VINCI_F
#define VINCI_F(k) r.part[k] = a.part[k] ^ b.part[k];
VINCI_INTEGER(^)
#undef VINCI_F
#undef VINCI_INTEGER

VINCI_INLINE IntVec shift_left(IntVec a, int bits) {
  IntVec r;
#define VINCI_F(k) r.part[k] = (IntPart)((UintPart)a.part[k] << bits);
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
}
/// Logical: zeros come in from the left.
VINCI_INLINE IntVec shift_right(IntVec a, int bits) {
  IntVec r;
#define VINCI_F(k) r.part[k] = (IntPart)((UintPart)a.part[k] >> bits);
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
}

// ---- comparisons and selection

#if defined(__AVX512F__)
#define VINCI_COMPARE(op, predicate)                                                \
  VINCI_INLINE Mask operator op(Vec a, Vec b) {                                     \
    return {_mm512_cmp_pd_mask((__m512d)a.part[0], (__m512d)b.part[0], predicate)}; \
  }
VINCI_COMPARE(<, _CMP_LT_OQ)
VINCI_COMPARE(<=, _CMP_LE_OQ)
VINCI_COMPARE(>, _CMP_GT_OQ)
VINCI_COMPARE(>=, _CMP_GE_OQ)
VINCI_COMPARE(==, _CMP_EQ_OQ)
VINCI_COMPARE(!=, _CMP_NEQ_UQ)
#undef VINCI_COMPARE
VINCI_INLINE Mask operator&(Mask a, Mask b) { return {(uint8_t)(a.bits & b.bits)}; }
VINCI_INLINE Mask operator|(Mask a, Mask b) { return {(uint8_t)(a.bits | b.bits)}; }
VINCI_INLINE Mask operator^(Mask a, Mask b) { return {(uint8_t)(a.bits ^ b.bits)}; }
VINCI_INLINE Mask operator~(Mask a) { return {(uint8_t)~a.bits}; }
/// Elements whose lowest bit is set.
VINCI_INLINE Mask odd(IntVec a) {
  return {_mm512_test_epi64_mask((__m512i)a.part[0], _mm512_set1_epi64(1))};
}
VINCI_INLINE bool any(Mask m) { return m.bits != 0; }
VINCI_INLINE bool all(Mask m) { return m.bits == 0xff; }
/// m ? a : b.
VINCI_INLINE Vec select(Mask m, Vec a, Vec b) {
  Vec r;
  r.part[0] = (Part)_mm512_mask_blend_pd(m.bits, (__m512d)b.part[0], (__m512d)a.part[0]);
  return r;
}
VINCI_INLINE IntVec select(Mask m, IntVec a, IntVec b) {
  IntVec r;
  r.part[0] = (IntPart)_mm512_mask_blend_epi64(m.bits, (__m512i)b.part[0], (__m512i)a.part[0]);
  return r;
}
#else
#define VINCI_COMPARE(op)                       \
  VINCI_INLINE Mask operator op(Vec a, Vec b) { \
    Mask r;                                     \
    VINCI_EACH(VINCI_F)                         \
    return r;                                   \
  }
#define VINCI_F(k) r.part[k] = (IntPart)(a.part[k] < b.part[k]);
VINCI_COMPARE(<)
#undef VINCI_F
#define VINCI_F(k) r.part[k] = (IntPart)(a.part[k] <= b.part[k]);
VINCI_COMPARE(<=)
#undef VINCI_F
#define VINCI_F(k) r.part[k] = (IntPart)(a.part[k] > b.part[k]);
VINCI_COMPARE(>)
#undef VINCI_F
#define VINCI_F(k) r.part[k] = (IntPart)(a.part[k] >= b.part[k]);
VINCI_COMPARE(>=)
#undef VINCI_F
#define VINCI_F(k) r.part[k] = (IntPart)(a.part[k] == b.part[k]);
VINCI_COMPARE(==)
#undef VINCI_F
#define VINCI_F(k) r.part[k] = (IntPart)(a.part[k] != b.part[k]);
VINCI_COMPARE(!=)
#undef VINCI_F
#undef VINCI_COMPARE
VINCI_INLINE Mask operator&(Mask a, Mask b) {
#define VINCI_F(k) a.part[k] &= b.part[k];
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return a;
}
VINCI_INLINE Mask operator|(Mask a, Mask b) {
#define VINCI_F(k) a.part[k] |= b.part[k];
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return a;
}
VINCI_INLINE Mask operator^(Mask a, Mask b) {
#define VINCI_F(k) a.part[k] ^= b.part[k];
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return a;
}
VINCI_INLINE Mask operator~(Mask a) {
#define VINCI_F(k) a.part[k] = ~a.part[k];
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return a;
}
VINCI_INLINE Mask odd(IntVec a) {
  Mask r;
#define VINCI_F(k) r.part[k] = -(a.part[k] & 1);
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
}
VINCI_INLINE bool any(Mask m) {
  IntPart t = m.part[0];
#define VINCI_F(k) t |= m.part[k];
  VINCI_EACH(VINCI_F)
#undef VINCI_F
#if defined(__AVX2__)
  return !_mm256_testz_si256((__m256i)t, (__m256i)t);
#elif defined(__SSE2__)
  return _mm_movemask_pd((__m128d)t) != 0;
#else
  return (t[0] | t[1]) != 0;
#endif
}
VINCI_INLINE bool all(Mask m) { return !any(~m); }
VINCI_INLINE Vec select(Mask m, Vec a, Vec b) {
  Vec r;
#if defined(__AVX2__)
#define VINCI_F(k) \
  r.part[k] = (Part)_mm256_blendv_pd((__m256d)b.part[k], (__m256d)a.part[k], (__m256d)m.part[k]);
#else
#define VINCI_F(k) \
  r.part[k] = (Part)(((IntPart)a.part[k] & m.part[k]) | ((IntPart)b.part[k] & ~m.part[k]));
#endif
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
}
VINCI_INLINE IntVec select(Mask m, IntVec a, IntVec b) {
  return as_int(select(m, as_double(a), as_double(b)));
}
#endif

VINCI_INLINE Mask is_nan(Vec x) { return x != x; }

// ---- elementary, exact

VINCI_INLINE Vec abs(Vec x) { return as_double(as_int(x) & splat_int(0x7fffffffffffffff)); }
/// Only the sign bit of x.
VINCI_INLINE IntVec sign_bit(Vec x) {
  return as_int(x) & splat_int(static_cast<int64_t>(0x8000000000000000));
}
/// |x| with the sign of s.
VINCI_INLINE Vec copy_sign(Vec x, Vec s) { return as_double(as_int(abs(x)) | sign_bit(s)); }
/// x, its sign flipped where s is negative.
VINCI_INLINE Vec flip_sign(Vec x, Vec s) { return as_double(as_int(x) ^ sign_bit(s)); }
/// The smaller; b where either is NaN.
VINCI_INLINE Vec min(Vec a, Vec b) {
#if defined(__AVX512F__)
  Vec r;
  r.part[0] = (Part)_mm512_maskz_min_pd(0xff, (__m512d)a.part[0], (__m512d)b.part[0]);
  return r;
#elif defined(__AVX2__)
  Vec r;
#define VINCI_F(k) r.part[k] = (Part)_mm256_min_pd((__m256d)a.part[k], (__m256d)b.part[k]);
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
#elif defined(__SSE2__)
  Vec r;
#define VINCI_F(k) r.part[k] = (Part)_mm_min_pd((__m128d)a.part[k], (__m128d)b.part[k]);
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
#else
  return select(a < b, a, b);
#endif
}
/// The larger; b where either is NaN.
VINCI_INLINE Vec max(Vec a, Vec b) {
#if defined(__AVX512F__)
  Vec r;
  r.part[0] = (Part)_mm512_maskz_max_pd(0xff, (__m512d)a.part[0], (__m512d)b.part[0]);
  return r;
#elif defined(__AVX2__)
  Vec r;
#define VINCI_F(k) r.part[k] = (Part)_mm256_max_pd((__m256d)a.part[k], (__m256d)b.part[k]);
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
#elif defined(__SSE2__)
  Vec r;
#define VINCI_F(k) r.part[k] = (Part)_mm_max_pd((__m128d)a.part[k], (__m128d)b.part[k]);
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
#else
  return select(a > b, a, b);
#endif
}

VINCI_INLINE Vec sqrt(Vec x) {
  Vec r;
#if defined(__AVX512F__)
  r.part[0] = (Part)_mm512_maskz_sqrt_pd(0xff, (__m512d)x.part[0]);
#elif defined(__AVX2__)
#define VINCI_F(k) r.part[k] = (Part)_mm256_sqrt_pd((__m256d)x.part[k]);
  VINCI_EACH(VINCI_F)
#undef VINCI_F
#elif defined(__SSE2__)
#define VINCI_F(k) r.part[k] = (Part)_mm_sqrt_pd((__m128d)x.part[k]);
  VINCI_EACH(VINCI_F)
#undef VINCI_F
#else
  for (int k = 0; k < kVecSize; ++k) r.set(k, __builtin_sqrt(x[k]));
#endif
  return r;
}

/// Nearest integer, ties to even.
VINCI_INLINE Vec round_even(Vec x) {
#if defined(__AVX512F__)
  Vec r;
  r.part[0] = (Part)_mm512_maskz_roundscale_pd(0xff, (__m512d)x.part[0],
                                               _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  return r;
#elif defined(__AVX2__)
  Vec r;
#define VINCI_F(k) \
  r.part[k] =      \
      (Part)_mm256_round_pd((__m256d)x.part[k], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
#else
  // Adding 2^52 leaves no bits below one; beyond it every double is an integer.
  const Vec big = 4503599627370496.0;
  const Vec a = abs(x);
  return copy_sign(select(a < big, (a + big) - big, a), x);
#endif
}
/// Largest integer not above x.
VINCI_INLINE Vec floor(Vec x) {
#if defined(__AVX512F__)
  Vec r;
  r.part[0] = (Part)_mm512_maskz_roundscale_pd(0xff, (__m512d)x.part[0],
                                               _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  return r;
#elif defined(__AVX2__)
  Vec r;
#define VINCI_F(k) \
  r.part[k] = (Part)_mm256_round_pd((__m256d)x.part[k], _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
#else
  const Vec r = round_even(x);
  return copy_sign(select(r > x, r - 1.0, r), x);
#endif
}
VINCI_INLINE Vec ceil(Vec x) { return -floor(-x); }
VINCI_INLINE Vec trunc(Vec x) { return copy_sign(floor(abs(x)), x); }
/// Nearest integer, ties away from zero (C's round).
VINCI_INLINE Vec round(Vec x) {
  // trunc(|x| + 1/2) would round 0.49999999999999994 up and lose bits beyond 2^52.
  const Vec a = abs(x);
  const Vec t = floor(a);
  return copy_sign(select(a - t >= 0.5, t + 1.0, t), x);
}

/// The integers of x (|x| <= 2^51, already rounded) as 64-bit integers.
VINCI_INLINE IntVec to_int(Vec x) {
  // 1.5 2^52 + x has x in its low bits.
  const Vec magic = 6755399441055744.0;
  return as_int(x + magic) - as_int(magic);
}
/// Integers of size at most 2^51 as doubles.
VINCI_INLINE Vec to_double(IntVec x) {
  const Vec magic = 6755399441055744.0;
  return as_double(x + as_int(magic)) - magic;
}

/// 2^n for integers n in [-1022, 1023].
VINCI_INLINE Vec power_of_two(Vec n) {
  return as_double(shift_left(to_int(n) + splat_int(1023), 52));
}

/// x 2^n for x in [1/4, 4] and integers n in [-2000, 2000]; rounds once where the result is
/// subnormal.
VINCI_INLINE Vec scale(Vec x, Vec n) {
#if defined(__AVX512F__)
  Vec r;
  r.part[0] = (Part)_mm512_maskz_scalef_pd(0xff, (__m512d)x.part[0], (__m512d)n.part[0]);
  return r;
#else
  // Two factors: the first keeps the product in the normal range.
  const Vec half = round_even(n * 0.5);
  return x * power_of_two(half) * power_of_two(n - half);
#endif
}

struct Split {
  Vec mantissa;
  Vec exponent;
};
/// x = mantissa 2^exponent, mantissa in [3/4, 3/2), for positive finite x, also subnormal. With
/// AVX-512, 0 and inf give mantissa 1, exponent -inf and inf, and negative numbers NaN; elsewhere
/// these are for the caller to treat.
VINCI_INLINE Split split(Vec x) {
  Split r;
#if defined(__AVX512F__)
  const __m512d v = (__m512d)x.part[0];
  const __m512d mantissa =
      _mm512_maskz_getmant_pd(0xff, v, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
  r.mantissa.part[0] = (Part)mantissa;
  // The mantissa is in [3/4, 1) exactly where the exponent is one more than that of x.
  r.exponent.part[0] =
      (Part)_mm512_sub_pd(_mm512_maskz_getexp_pd(0xff, v), _mm512_maskz_getexp_pd(0xff, mantissa));
#else
  const Mask tiny = x < 2.2250738585072014e-308;
  const Vec y = select(tiny, x * 18014398509481984.0, x);  // 2^54
  // Subtracting the bits of 3/4 carries into the exponent exactly where the mantissa is past 3/2.
  const IntVec shifted = as_int(y) - splat_int(0x3fe8000000000000);
  const IntVec field = shifted & splat_int(static_cast<int64_t>(0xfff0000000000000));
  r.mantissa = as_double(as_int(y) - field);
  // The bias makes the field positive, so that a logical shift serves.
  const IntVec biased = shift_right(field + splat_int(0x4000000000000000), 52);
  r.exponent = to_double(biased - splat_int(0x400)) - select(tiny, Vec(54.0), Vec(0.0));
#endif
  return r;
}

/// x, x^2, x^4, x^8, x^16.
struct Powers {
  Vec p0, p1, p2, p3, p4;
};
/// c[B] + c[B+1] x + ... + c[B+N-1] x^(N-1): halves of a power of two, so that the chain of
/// dependent operations is 2 log2(N) long. By template and not in a loop: arrays of partial sums
/// would go through memory.
template <int B, int N>
VINCI_INLINE Vec estrin(const Powers& x, const double* c) {
  if constexpr (N == 1) {
    return Vec(c[B]);
  } else if constexpr (N == 2) {
    return fma(Vec(c[B + 1]), x.p0, Vec(c[B]));
  } else if constexpr (N <= 4) {
    return fma(estrin<B + 2, N - 2>(x, c), x.p1, estrin<B, 2>(x, c));
  } else if constexpr (N <= 8) {
    return fma(estrin<B + 4, N - 4>(x, c), x.p2, estrin<B, 4>(x, c));
  } else if constexpr (N <= 16) {
    return fma(estrin<B + 8, N - 8>(x, c), x.p3, estrin<B, 8>(x, c));
  } else {
    static_assert(N <= 32);
    return fma(estrin<B + 16, N - 16>(x, c), x.p4, estrin<B, 16>(x, c));
  }
}

/// p(x) = c[0] + c[1] x + ... in Estrin's form.
template <int N>
VINCI_INLINE Vec polynomial(Vec x, const double (&c)[N]) {
  Powers powers;
  powers.p0 = x;
  powers.p1 = x * x;
  powers.p2 = powers.p1 * powers.p1;
  powers.p3 = powers.p2 * powers.p2;
  powers.p4 = powers.p3 * powers.p3;
  return estrin<0, N>(powers, c);
}

/// Sum of the eight elements, as ((0+4)+(2+6)) + ((1+5)+(3+7)) on every target.
VINCI_INLINE double sum(Vec x) {
  return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}
/// m ? 1 : 0.
VINCI_INLINE Vec to_unit(Mask m) { return select(m, Vec(1.0), Vec(0.0)); }

}  // namespace vinci::numeric::VINCI_TARGET
