// exp, log and tanh of a FloatVec: about six digits, for `*_simd.cc` files. The polynomials are
// minimax fits (Lawson's iteration on Chebyshev nodes) of the forms given with each;
// float_rows_test.cc holds the errors stated.
#pragma once

#include "numeric/simd/float_vec.h"

namespace vinci::numeric::VINCI_TARGET {

/// e^x for x in [-87, 88], clamped to it beyond; relative error <= 2e-7.
VINCI_INLINE FloatVec exp(FloatVec x) {
  x = max(min(x, FloatVec(88.0f)), FloatVec(-87.0f));
  // x log2(e) + 1.5 2^23 has the nearest integer n in its low bits; e^x = 2^n e^r.
  const FloatVec magic = 12582912.0f;
  const FloatVec shifted = fma(x, FloatVec(1.44269504f), magic);
  const FloatVec n = shifted - magic;
  // ln 2 in two parts: n times the first is exact.
  FloatVec r = fma(n, FloatVec(-0.693359375f), x);
  r = fma(n, FloatVec(2.12194440e-4f), r);
  FloatVec p = FloatVec(0.00138145984f);
  p = fma(p, r, FloatVec(0.0083687169f));
  p = fma(p, r, FloatVec(0.0416683881f));
  p = fma(p, r, FloatVec(0.166665206f));
  p = fma(p, r, FloatVec(0.499999934f));
  p = fma(p, r * r, r) + FloatVec(1.0f);
  FloatVec y;
#define VINCI_F(k) \
  y.part[k] = (FloatPart)((Int32Part)p.part[k] + ((Int32Part)shifted.part[k] << 23));
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  return y;
}

/// log x for positive normal x; absolute error <= 1e-7 for x in [1/2, 2], relative error <= 2e-7
/// beyond. Zero gives about -88; for the caller to avoid.
VINCI_INLINE FloatVec log(FloatVec x) {
  // x = m 2^e with m in [3/4, 3/2): subtracting the bits of 3/4 carries into the exponent there.
  FloatVec m, e;
#define VINCI_F(k)                                                        \
  {                                                                       \
    const Int32Part exponent = ((Int32Part)x.part[k] - 0x3f400000) >> 23; \
    m.part[k] = (FloatPart)((Int32Part)x.part[k] - (exponent << 23));     \
    e.part[k] = __builtin_convertvector(exponent, FloatPart);             \
  }
  VINCI_EACH(VINCI_F)
#undef VINCI_F
  const FloatVec f = m - FloatVec(1.0f);
  FloatVec p = FloatVec(0.0515781319f);
  p = fma(p, f, FloatVec(-0.119064249f));
  p = fma(p, f, FloatVec(0.150432049f));
  p = fma(p, f, FloatVec(-0.168683594f));
  p = fma(p, f, FloatVec(0.199747936f));
  p = fma(p, f, FloatVec(-0.249901383f));
  p = fma(p, f, FloatVec(0.333335452f));
  p = fma(p, f, FloatVec(-0.500001271f));
  p = fma(p, f * f, f);
  return fma(e, FloatVec(0.693147181f), p);
}

/// tanh x as x P(x^2) / Q(x^2), both of degree 4; relative error <= 6e-7, |result| <= 1, odd. NaN
/// gives 1 or -1.
VINCI_INLINE FloatVec tanh(FloatVec x) {
  // |x| > 9.02: the nearest float to tanh x is 1.
  const FloatVec y = max(min(x, FloatVec(9.02f)), FloatVec(-9.02f));
  const FloatVec s = y * y;
  FloatVec p = FloatVec(1.33190901e-08f);
  p = fma(p, s, FloatVec(2.0583495e-05f));
  p = fma(p, s, FloatVec(0.00349403541f));
  p = fma(p, s, FloatVec(0.133797187f));
  p = fma(p, s, FloatVec(0.999999979f));
  FloatVec q = FloatVec(7.76202709e-07f);
  q = fma(q, s, FloatVec(0.000328309422f));
  q = fma(q, s, FloatVec(0.0258710764f));
  q = fma(q, s, FloatVec(0.467130339f));
  q = fma(q, s, FloatVec(1.0f));
  return max(min(y * p / q, FloatVec(1.0f)), FloatVec(-1.0f));
}

}  // namespace vinci::numeric::VINCI_TARGET
