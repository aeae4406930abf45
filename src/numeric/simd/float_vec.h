// FloatVec: a block of sixteen floats, as wide as a Vec of eight doubles and made of as many
// registers. For what is bound by memory or by the number of elements and does not need more than
// six digits, such as images. For `*_simd.cc` files only; see vec.h.
#pragma once

#include "numeric/simd/vec.h"

namespace vinci::numeric::VINCI_TARGET {

constexpr int kFloatVecSize = 16;
constexpr int kFloatPartSize = kFloatVecSize / VINCI_PARTS;

typedef float FloatPart __attribute__((vector_size(64 / VINCI_PARTS), may_alias));
typedef int32_t Int32Part __attribute__((vector_size(64 / VINCI_PARTS), may_alias));
typedef float UnalignedFloatPart
    __attribute__((vector_size(64 / VINCI_PARTS), may_alias, aligned(4)));

/// Sixteen booleans.
struct FloatMask {
#if defined(__AVX512F__)
  uint16_t bits;
#else
  Int32Part part[VINCI_PARTS];
#endif
};

/// Sixteen floats.
struct FloatVec {
  FloatPart part[VINCI_PARTS];

  VINCI_INLINE_MEMBER FloatVec() {}
  VINCI_INLINE_MEMBER FloatVec(float x){// implicit: constants mix with vectors in formulas
#define VINCI_F(k) part[k] = x - FloatPart{};
                                        VINCI_EACH(VINCI_F)
#undef VINCI_F
  } VINCI_INLINE_MEMBER float operator[](int k) const {
    return part[k / kFloatPartSize][k % kFloatPartSize];
  }
  VINCI_INLINE_MEMBER void set(int k, float x) { part[k / kFloatPartSize][k % kFloatPartSize] = x; }
};

/// Sixteen floats at any address.
VINCI_INLINE FloatVec load_unaligned(const float* p) {
  FloatVec r;
#define VINCI_F(k) r.part[k] = *reinterpret_cast<const UnalignedFloatPart*>(p + k * kFloatPartSize);
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
}
VINCI_INLINE void store_unaligned(float* p, FloatVec x){
#define VINCI_F(k) *reinterpret_cast<UnalignedFloatPart*>(p + k * kFloatPartSize) = x.part[k];
    VINCI_EACH(VINCI_F)
#undef VINCI_F
}

#define VINCI_F(k) r.part[k] = a.part[k] + b.part[k];
VINCI_INLINE FloatVec operator+(FloatVec a, FloatVec b) {
  FloatVec r;
  VINCI_EACH(VINCI_F)
  return r;
}
#undef VINCI_F
#define VINCI_F(k) r.part[k] = a.part[k] - b.part[k];
VINCI_INLINE FloatVec operator-(FloatVec a, FloatVec b) {
  FloatVec r;
  VINCI_EACH(VINCI_F)
  return r;
}
#undef VINCI_F
#define VINCI_F(k) r.part[k] = a.part[k] * b.part[k];
VINCI_INLINE FloatVec operator*(FloatVec a, FloatVec b) {
  FloatVec r;
  VINCI_EACH(VINCI_F)
  return r;
}
#undef VINCI_F
#define VINCI_F(k) r.part[k] = a.part[k] / b.part[k];
VINCI_INLINE FloatVec operator/(FloatVec a, FloatVec b) {
  FloatVec r;
  VINCI_EACH(VINCI_F)
  return r;
}
#undef VINCI_F
VINCI_INLINE FloatVec operator-(FloatVec a) {
  FloatVec r;
#define VINCI_F(k) r.part[k] = -a.part[k];
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
}

/// a b + c; one rounding where the target has fused multiply-add, two elsewhere.
VINCI_INLINE FloatVec fma(FloatVec a, FloatVec b, FloatVec c) {
  FloatVec r;
#if defined(__AVX512F__)
  r.part[0] = (FloatPart)_mm512_fmadd_ps((__m512)a.part[0], (__m512)b.part[0], (__m512)c.part[0]);
#elif defined(__FMA__)
#define VINCI_F(k) \
  r.part[k] = (FloatPart)_mm256_fmadd_ps((__m256)a.part[k], (__m256)b.part[k], (__m256)c.part[k]);
  VINCI_EACH(VINCI_F)
#undef VINCI_F
#else
  r = a * b + c;
#endif
  return r;
}

#if defined(__AVX512F__)
VINCI_INLINE FloatMask operator<(FloatVec a, FloatVec b) {
  return {_mm512_cmp_ps_mask((__m512)a.part[0], (__m512)b.part[0], _CMP_LT_OQ)};
}
/// m ? a : b.
VINCI_INLINE FloatVec select(FloatMask m, FloatVec a, FloatVec b) {
  FloatVec r;
  r.part[0] = (FloatPart)_mm512_mask_blend_ps(m.bits, (__m512)b.part[0], (__m512)a.part[0]);
  return r;
}
#else
VINCI_INLINE FloatMask operator<(FloatVec a, FloatVec b) {
  FloatMask r;
#define VINCI_F(k) r.part[k] = (Int32Part)(a.part[k] < b.part[k]);
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
}
VINCI_INLINE FloatVec select(FloatMask m, FloatVec a, FloatVec b) {
  FloatVec r;
#if defined(__AVX2__)
#define VINCI_F(k) \
  r.part[k] = (FloatPart)_mm256_blendv_ps((__m256)b.part[k], (__m256)a.part[k], (__m256)m.part[k]);
#else
#define VINCI_F(k) \
  r.part[k] = (FloatPart)(((Int32Part)a.part[k] & m.part[k]) | ((Int32Part)b.part[k] & ~m.part[k]));
#endif
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
}
#endif

/// The smaller; b where either is NaN.
VINCI_INLINE FloatVec min(FloatVec a, FloatVec b) {
#if defined(__AVX512F__)
  FloatVec r;
  r.part[0] = (FloatPart)_mm512_maskz_min_ps(0xffff, (__m512)a.part[0], (__m512)b.part[0]);
  return r;
#elif defined(__AVX2__)
  FloatVec r;
#define VINCI_F(k) r.part[k] = (FloatPart)_mm256_min_ps((__m256)a.part[k], (__m256)b.part[k]);
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
#else
  return select(a < b, a, b);
#endif
}
/// The larger; b where either is NaN.
VINCI_INLINE FloatVec max(FloatVec a, FloatVec b) {
#if defined(__AVX512F__)
  FloatVec r;
  r.part[0] = (FloatPart)_mm512_maskz_max_ps(0xffff, (__m512)a.part[0], (__m512)b.part[0]);
  return r;
#elif defined(__AVX2__)
  FloatVec r;
#define VINCI_F(k) r.part[k] = (FloatPart)_mm256_max_ps((__m256)a.part[k], (__m256)b.part[k]);
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
#else
  return select(b < a, a, b);
#endif
}

VINCI_INLINE FloatVec abs(FloatVec x) {
  FloatVec r;
#define VINCI_F(k) r.part[k] = (FloatPart)((Int32Part)x.part[k] & 0x7fffffff);
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
}
/// |x| with the sign of s.
VINCI_INLINE FloatVec copy_sign(FloatVec x, FloatVec s) {
  FloatVec r;
#define VINCI_F(k)                                              \
  r.part[k] = (FloatPart)(((Int32Part)x.part[k] & 0x7fffffff) | \
                          ((Int32Part)s.part[k] & (int32_t)0x80000000));
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return r;
}

/// The first n elements of x, zero beyond.
VINCI_INLINE FloatVec first(FloatVec x, int n) {
  const FloatVec r = x;
  alignas(64) static const float kIndex[kFloatVecSize] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                          8, 9, 10, 11, 12, 13, 14, 15};
  return select(load_unaligned(kIndex) < FloatVec(static_cast<float>(n)), r, FloatVec(0.0f));
}

/// The largest element; no NaN among them.
VINCI_INLINE float max_element(FloatVec x) {
  float r = x[0];
  for (int k = 1; k < kFloatVecSize; ++k) r = x[k] > r ? x[k] : r;
  return r;
}

}  // namespace vinci::numeric::VINCI_TARGET
