// Special functions of eight doubles at a time, for `*_simd.cc` files only (see
// numeric/simd/vec.h).
//
// Each function states its largest error in units in the last place (ulp) as vec_math_test measures
// it against 113-bit references, on its whole domain unless a range is given. All are defined at
// +-0, subnormal numbers, +-inf and NaN as their scalar namesakes are: NaN gives NaN, and outside
// of the domain the result is NaN. Lanes do not influence each other's values: branches only skip
// work that no lane needs. The coefficients come from vec_math_coefficients.py.
#pragma once

#include "numeric/simd/vec.h"

namespace vinci::numeric::VINCI_TARGET {

constexpr double kInfinity = __builtin_inf();
constexpr double kNan = __builtin_nan("");
constexpr double kPi = 3.14159265358979323846;
constexpr double kLog2High =
    6.93147180369123816490e-01;  // 32 bits: products with integers are exact
constexpr double kLog2Low = 1.90821492927058770002e-10;
constexpr double kHalfLog2Pi = 0.918938533204672741780;

// ---- error-free transformations

struct TwoDoubles {
  Vec high;
  Vec low;
};
/// a + b = high + low exactly, whatever the sizes of a and b.  [Knuth, TAOCP 2, 4.2.2, theorem B]
VINCI_INLINE TwoDoubles two_sum(Vec a, Vec b) {
  const Vec s = a + b;
  const Vec t = s - a;
  return {s, (a - (s - t)) + (b - t)};
}
/// The same where |a| >= |b|.
VINCI_INLINE TwoDoubles fast_two_sum(Vec a, Vec b) {
  const Vec s = a + b;
  return {s, b - (s - a)};
}
/// a b = high + low exactly, away from overflow and underflow.  [Dekker 1971,
/// doi 10.1007/BF01397083]
VINCI_INLINE TwoDoubles two_product(Vec a, Vec b) {
  const Vec p = a * b;
  if (kHasFma) return {p, fma(a, b, -p)};
  const Vec ta = a * 134217729.0;  // 2^27 + 1
  const Vec tb = b * 134217729.0;
  const Vec ah = ta - (ta - a);
  const Vec bh = tb - (tb - b);
  const Vec al = a - ah;
  const Vec bl = b - bh;
  return {p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
}

// ---- exponentials

/// e^r - 1 for |r| <= log(2)/2.
VINCI_INLINE Vec expm1_reduced(Vec r) {
  // (e^r - 1 - r) / r^2
  static constexpr double c[] = {0.5000000000000001031,    0.1666666666666666746,
                                 0.04166666666662382053,   0.008333333333330038197,
                                 0.001388888891736708056,  0.0001984126986317155603,
                                 0.0000248015210578682052, 2.755726827690569619e-6,
                                 2.762020159103154879e-7,  2.5100472505694996e-8};
  return fma(r * r, polynomial(r, c), r);
}

struct ExpParts {
  Vec exponent;  // integers
  Vec expm1;     // e^x = 2^exponent (1 + expm1), |expm1| < 0.42
};
/// 1.5 2^52 + x / log(2), which rounds to the nearest integer and leaves it in the low bits.
/// |x| <= 1100.
constexpr double kRounder = 6755399441055744.0;
VINCI_INLINE Vec shifted_exponent(Vec x) {
  return fma(x, Vec(1.44269504088896340736), Vec(kRounder));
}
/// e^{x + low} for x in [-1100, 1100] and |low| tiny.
VINCI_INLINE ExpParts
exp_parts(Vec x, Vec low = Vec(-0.0)) {  // adding -0 is nothing, and compiles to nothing
  const Vec n = shifted_exponent(x) - kRounder;
  const Vec r = fma(n, Vec(-kLog2Low), fma(n, Vec(-kLog2High), x)) + low;
  return {n, expm1_reduced(r)};
}
/// x limited to [-1100, 1100], where e^x has long become 0 or inf; NaN stays.
VINCI_INLINE Vec limit_exponent(Vec x) { return max(Vec(-1100.0), min(Vec(1100.0), x)); }

/// e^x for x in [-708, 708], where no result is subnormal or infinite; NaN stays. 1 ulp.
VINCI_INLINE Vec exp_moderate(Vec x) {
#if defined(__AVX512F__)
  const ExpParts e = exp_parts(x);
  return scale(e.expm1 + 1.0, e.exponent);
#else
  // The integer goes from the low bits straight into the exponent of the result.
  const Vec shifted = shifted_exponent(x);
  const Vec n = shifted - kRounder;
  const Vec r = fma(n, Vec(-kLog2Low), fma(n, Vec(-kLog2High), x));
  return as_double(as_int(expm1_reduced(r) + 1.0) + shift_left(as_int(shifted), 52));
#endif
}

/// e^x for x <= 0. 1 ulp; below -708 e^-708 = 3e-308 stands for everything.
VINCI_INLINE Vec exp_nonpositive(Vec x) { return exp_moderate(max(Vec(-708.0), x)); }

/// e^x. 1 ulp.
VINCI_INLINE Vec exp(Vec x) {
#if !defined(__AVX512F__)
  if (all(abs(x) <= 708.0)) return exp_moderate(x);
#endif
  const ExpParts e = exp_parts(limit_exponent(x));
  return scale(e.expm1 + 1.0, e.exponent);
}

/// e^x - 1 from the parts of e^x, x in [-60, 720].
VINCI_INLINE Vec expm1_of_parts(ExpParts e) {
  // Half the power first: 2^1024 would overflow where e^x does not.
  const Vec half = power_of_two(e.exponent - 1.0);
  const Vec r = fma(e.expm1, half, half - 0.5);
  return r + r;
}

/// e^x - 1. 2 ulp.
VINCI_INLINE Vec expm1(Vec x) {
  const Vec r = expm1_of_parts(exp_parts(max(Vec(-60.0), min(Vec(710.0), x))));
  return select(abs(x) < 8.67e-19, x, r);  // |x| < 2^-60: also keeps -0 and subnormal numbers
}

// ---- logarithms

/// log((1 + f) 2^exponent), f in [-1/4, 1/2].
VINCI_INLINE Vec log_reduced(Vec f, Vec exponent) {
  // (log((1+s)/(1-s)) - 2s) / (s z), z = s^2 <= 1/25
  static constexpr double c[] = {
      0.6666666666666666422, 0.400000000000078145,  0.2857142856733290051, 0.2222222303885673699,
      0.1818173837217631807, 0.1538883798248736579, 0.1321029534705323577, 0.1360451706272032259};
  const Vec s = f / (f + 2.0);
  const Vec z = s * s;
  const Vec half_square = f * f * 0.5;
  // 2s = f - s f = f - f^2/2 + s f^2/2: the rounding of s counts for little.
  const Vec tail = fma(s, fma(z, polynomial(z, c), half_square), exponent * kLog2Low);
  return fma(exponent, Vec(kLog2High), f - (half_square - tail));
}

/// log(high + low), |low| <= ulp(high); high positive (also subnormal), or one of the edge cases.
VINCI_INLINE Vec log_of_sum(Vec high, Vec low) {
  const Split x = split(high);
  // A low part matters only where the exponent is moderate, and then it is at least -60.
  const Vec down = max(Vec(-60.0), min(Vec(60.0), x.exponent));
  const Vec f = fma(low, power_of_two(-down), x.mantissa - 1.0);
  return log_reduced(f, x.exponent);
}

/// Puts in the values of the logarithm at 0, inf, NaN and below 0, given r for the rest.
VINCI_INLINE Vec log_edges(Vec x, Vec r) {
#if defined(__AVX512F__)
  (void)x;  // `split` makes them come out by themselves
  return r;
#else
  r = select(x < kInfinity, r, x);
  r = select(x > 0.0, r, select(x == 0.0, Vec(-kInfinity), Vec(kNan)));
  return r;
#endif
}

/// log x. 1 ulp.
VINCI_INLINE Vec log(Vec x) {
  const Split s = split(x);
  return log_edges(x, log_reduced(s.mantissa - 1.0, s.exponent));
}

/// log(1 + x). 2 ulp.
VINCI_INLINE Vec log1p(Vec x) {
  const TwoDoubles u = two_sum(Vec(1.0), x);
  const Vec low = select(abs(x) < 1e18, u.low, Vec(0.0));  // inf - inf otherwise
  return log_edges(u.high, log_of_sum(u.high, low));
}

/// log(1 + t), t in [0, 1]. 2 ulp.
VINCI_INLINE Vec log1p_unit(Vec t) {
  // as in log_reduced, s <= 1/3
  static constexpr double c[] = {
      0.6666666666666666689, 0.3999999999999951843,  0.2857142857160142307, 0.2222222219807106089,
      0.1818181990842915436, 0.1538454358724976309,  0.1333518688553405303, 0.1173416786209540968,
      0.1084608034962759048, 0.07488106714611860938, 0.1563823493424177889};
  const Vec s = t / (t + 2.0);
  const Vec z = s * s;
  return fma(s * z, polynomial(z, c), s + s);
}

/// log(1 + e^x). 3 ulp.
VINCI_INLINE Vec log1p_exp(Vec x) { return max(Vec(0.0), x) + log1p_unit(exp(-abs(x))); }

/// log(1 - e^x), x <= 0. 2 ulp.
VINCI_INLINE Vec log1m_exp(Vec x) {
  const ExpParts e = exp_parts(limit_exponent(x));
  const Vec y = scale(e.expm1 + 1.0, e.exponent);
  // Above -log 2 the difference 1 - e^x loses digits that expm1 has; there the exponent is 0 or -1.
  const Mask near = x > -0.693147180559945309;
  const Vec half = power_of_two(max(Vec(-60.0), min(Vec(2.0), e.exponent)));
  const Vec direct = -fma(e.expm1, half, half - 1.0);
  const Vec difference = 1.0 - y;
  const Vec high = select(near, direct, difference);
  const Vec low = select(near, Vec(0.0), (1.0 - difference) - y);
  return log_edges(high, log_of_sum(high, low));
}

/// 1 / (1 + e^{-x}). 3 ulp.
VINCI_INLINE Vec inv_logit(Vec x) {
  const Vec t = exp(-abs(x));
  const Vec r = 1.0 / (1.0 + t);
  return select(x < 0.0, t * r, r);
}

/// log(e^a - e^b), a > b. 2 ulp of the larger of |a| and |log(1 - e^{b-a})|; -inf where a = b.
VINCI_INLINE Vec log_diff_exp(Vec a, Vec b) {
  const Vec d = select(a == b, Vec(0.0), b - a);  // also where both are infinite
  return a + log1m_exp(d);
}

/// log(e^a + e^b); -inf where both are. 2 ulp of the larger term.
VINCI_INLINE Vec log_sum_exp(Vec a, Vec b) {
  const Vec high = select(a > b, a, b);
  const Vec low = select(a > b, b, a);
  const Vec r = high + log1p_unit(exp(-abs(high - low)));
  return select(a == b, a + 0.693147180559945309417, r);
}

/// Logarithm as an unevaluated sum, for pow: relative error 1e-19. x positive and finite.
VINCI_INLINE TwoDoubles log_two_doubles(Vec x) {
  // (log((1+s)/(1-s)) - 2s - 2/3 s^3) / s^5 in z = s^2
  static constexpr double c[] = {
      0.3999999999999999779, 0.2857142857143565119, 0.2222222221851168664, 0.1818181892164211068,
      0.1538454308470287245, 0.13337158338574477,   0.116532665442539202,  0.1219226767349664075};
  const Split parts = split(x);
  const Vec f = parts.mantissa - 1.0;
  const TwoDoubles d = fast_two_sum(Vec(1.0), parts.mantissa);
  // s = f / d to twice the precision
  const Vec s = f / d.high;
  const TwoDoubles back = two_product(s, d.high);
  const Vec s_low = (((f - back.high) - back.low) - s * d.low) / d.high;
  // s^3 2/3
  const TwoDoubles z = two_product(s, s);
  const Vec z_low = fma(s + s, s_low, z.low);
  const TwoDoubles cube = two_product(s, z.high);
  const Vec cube_low = fma(s, z_low, fma(s_low, z.high, cube.low));
  constexpr double two_thirds_low = 3.7007434154171882626e-17;
  const TwoDoubles third = two_product(cube.high, Vec(2.0 / 3));
  const Vec third_low = fma(cube_low, Vec(2.0 / 3), fma(cube.high, Vec(two_thirds_low), third.low));
  const Vec rest = cube.high * z.high * polynomial(z.high, c);
  // exponent log 2 + 2s + 2/3 s^3 + rest, largest first. The rounding of the product with kLog2Low
  // and what the two constants lack of log 2 are below 1e-25 of the result.
  const TwoDoubles e = two_sum(parts.exponent * kLog2High, parts.exponent * kLog2Low);
  const TwoDoubles sum1 = two_sum(e.high, s + s);
  const TwoDoubles sum2 = two_sum(sum1.high, third.high);
  const Vec low = ((sum1.low + sum2.low) + (e.low + (s_low + s_low))) + (third_low + rest);
  return fast_two_sum(sum2.high, low);
}

/// x^y with all the special cases of C's pow. 2 ulp.
VINCI_INLINE Vec pow(Vec x, Vec y) {
  const Vec a = abs(x);
  const TwoDoubles l = log_two_doubles(select((a > 0.0) & (a < kInfinity), a, Vec(1.0)));
  const Vec y_limited = max(Vec(-1e300), min(Vec(1e300), y));
  const TwoDoubles p = two_product(y_limited, l.high);
  const Vec low = fma(y_limited, l.low, p.low);
  const Mask moderate = abs(p.high) < 1000.0;
  const ExpParts e = exp_parts(limit_exponent(p.high), select(moderate, low, Vec(0.0)));
  Vec r = scale(e.expm1 + 1.0, e.exponent);
  const Mask y_infinite = abs(y) == kInfinity;
  const Mask y_integer = (floor(y) == y) | y_infinite;
  const Mask y_odd = y_integer & (abs(y) < 9007199254740992.0) & (floor(y * 0.5) != y * 0.5);
  const Mask y_positive = y > 0.0;
  // |x| in {0, inf}, then |y| = inf: 0 or inf by which side of 1 |x| is on and by the sign of y
  const Vec zero = Vec(0.0);
  const Vec infinity = Vec(kInfinity);
  const Mask a_zero = a == 0.0;
  r = select(a_zero | (a == kInfinity), select(a_zero ^ y_positive, infinity, zero), r);
  const Vec limit = select((a > 1.0) ^ y_positive, zero, infinity);
  r = select(y_infinite, select(a == 1.0, Vec(1.0), limit), r);
  r = select(y_odd, flip_sign(r, x), r);
  r = select((x < 0.0) & ~y_integer & (a < kInfinity), Vec(kNan), r);
  r = select(is_nan(x) | is_nan(y), x + y, r);
  return select((y == 0.0) | (x == 1.0), Vec(1.0), r);
}

/// Cube root. 1 ulp.
VINCI_INLINE Vec cbrt(Vec x) {
  const Vec a = abs(x);
  const Split s = split(a);
  const Vec third = round_even(s.exponent * (1.0 / 3));
  const Vec m = scale(s.mantissa, s.exponent - third * 3.0);  // in [3/8, 3)
  Vec y = exp(log(m) * (1.0 / 3));
  const TwoDoubles square = two_product(y, y);
  const TwoDoubles cube = two_product(y, square.high);
  const Vec residual = ((m - cube.high) - cube.low) - y * square.low;
  y = y + residual / (3.0 * square.high);
  const Vec r = copy_sign(y * power_of_two(third), x);
  return select((a > 0.0) & (a < kInfinity), r, x);
}

// ---- hyperbolic functions

/// Half of e^{|x|}, without overflow before cosh and sinh overflow.
VINCI_INLINE Vec half_exp_abs(Vec x) {
  const ExpParts e = exp_parts(limit_exponent(abs(x)));
  return scale(e.expm1 + 1.0, e.exponent - 1.0);
}
/// 2 ulp.
VINCI_INLINE Vec cosh(Vec x) {
  const Vec h = half_exp_abs(x);
  return h + 0.25 / h;
}
/// 3 ulp.
VINCI_INLINE Vec sinh(Vec x) {
  const Vec a = abs(x);
  const Vec e = expm1(min(Vec(30.0), a));
  const Vec small = 0.5 * (e + e / (e + 1.0));
  return copy_sign(select(a < 22.0, small, half_exp_abs(x)), x);
}
/// 3 ulp.
VINCI_INLINE Vec tanh(Vec x) {
  const Vec e = expm1(-2.0 * abs(x));
  return copy_sign(-e / (e + 2.0), x);
}
/// 3 ulp.
VINCI_INLINE Vec asinh(Vec x) {
  const Vec a = abs(x);
  const Vec b = min(Vec(1e100), a);
  const Vec small = log1p(b + b * b / (1.0 + sqrt(fma(b, b, Vec(1.0)))));
  const Vec big = log(a) + 0.693147180559945309417;
  return copy_sign(select(a < 1e9, small, big), x);
}
/// 3 ulp.
VINCI_INLINE Vec acosh(Vec x) {
  const Vec t = x - 1.0;
  const Vec small = log1p(t + sqrt(t + t + t * t));
  const Vec big = log(x) + 0.693147180559945309417;
  return select(x > 1e9, big, select(x < 1.0, Vec(kNan), small));
}
/// 3 ulp.
VINCI_INLINE Vec atanh(Vec x) {
  const Vec a = abs(x);
  return copy_sign(0.5 * log1p((a + a) / (1.0 - a)), x);
}

// ---- trigonometric functions

struct Reduced {
  Vec r;            // in [-pi/4, pi/4], a little more by rounding
  IntVec quadrant;  // of x = quadrant pi/2 + r, in the low bits
};
/// |x| <= kTrigLimit.
constexpr double kTrigLimit = 1e6;
VINCI_INLINE Reduced reduce_half_pi(Vec x) {
  // pi/2 in pieces of 33 bits: products with n < 2^20 are exact.  [Cody and Waite 1980]
  const Vec n = round_even(x * 0.636619772367581343076);
  const Vec r1 = x - n * 1.57079632673412561417e+00;
  const Vec w = n * 6.07710050630396597660e-11;
  const TwoDoubles r = two_sum(r1, -w);
  const Vec low = r.low - n * 2.02226624879595063154e-21;
  return {r.high + low, to_int(n)};
}
VINCI_INLINE Vec sin_polynomial(Vec r) {
  static constexpr double c[] = {-0.166666666666666646,     0.008333333333330924562,
                                 -0.0001984126983672241776, 2.755731608381635861e-6,
                                 -2.505112794401418758e-8,  1.591784852480826101e-10};
  const Vec z = r * r;
  return fma(r * z, polynomial(z, c), r);
}
VINCI_INLINE Vec cos_polynomial(Vec r) {
  static constexpr double c[] = {0.04166666666666666537,    -0.001388888888888738227,
                                 0.00002480158729874306929, -2.755731726000883816e-7,
                                 2.08761438279931325e-9,    -1.138245677806130585e-11};
  const Vec z = r * r;
  const Vec half = z * 0.5;
  const Vec w = 1.0 - half;
  return w + fma(z * z, polynomial(z, c), (1.0 - w) - half);
}
#define VINCI_TRIG_FALLBACK(function)         \
  const Mask large = ~(abs(x) <= kTrigLimit); \
  if (__builtin_expect(any(large), 0))        \
    for (int k = 0; k < kVecSize; ++k)        \
      if (!(__builtin_fabs(x[k]) <= kTrigLimit)) result.set(k, function(x[k]));

/// 1.5 ulp; beyond 10^6 through the C library, one number at a time.
VINCI_INLINE Vec sin(Vec x) {
  const Reduced t = reduce_half_pi(x);
  Vec result = select(odd(t.quadrant), cos_polynomial(t.r), sin_polynomial(t.r));
  const IntVec sign = shift_left(t.quadrant & splat_int(2), 62);
  result = as_double(as_int(result) ^ sign);
  VINCI_TRIG_FALLBACK(__builtin_sin)
  return result;
}
VINCI_INLINE Vec cos(Vec x) {
  const Reduced t = reduce_half_pi(x);
  Vec result = select(odd(t.quadrant), sin_polynomial(t.r), cos_polynomial(t.r));
  const IntVec sign = shift_left((t.quadrant + splat_int(1)) & splat_int(2), 62);
  result = as_double(as_int(result) ^ sign);
  VINCI_TRIG_FALLBACK(__builtin_cos)
  return result;
}
/// 3 ulp.
VINCI_INLINE Vec tan(Vec x) {
  const Reduced t = reduce_half_pi(x);
  const Vec s = sin_polynomial(t.r);
  const Vec c = cos_polynomial(t.r);
  const Mask turned = odd(t.quadrant);
  Vec result = select(turned, -c, s) / select(turned, s, c);
  VINCI_TRIG_FALLBACK(__builtin_tan)
  return result;
}
#undef VINCI_TRIG_FALLBACK

/// sin(pi x): exact zeros at the integers. 2 ulp.
VINCI_INLINE Vec sin_pi(Vec x) {
  const Vec n = round_even(x);
  const Vec r = (x - n) * kPi;  // |r| <= pi/2
  // sin r = 2 sin(r/2) cos(r/2)
  const Vec h = r * 0.5;
  const Vec s = 2.0 * sin_polynomial(h) * cos_polynomial(h);
  return select(floor(n * 0.5) == n * 0.5, s, -s);
}
/// pi cot(pi x).
VINCI_INLINE Vec pi_cot_pi(Vec x) {
  const Vec h = (x - round_even(x)) * (kPi / 2);
  const Vec s = sin_polynomial(h);
  const Vec c = cos_polynomial(h);
  // cot r = (c^2 - s^2) / (2 s c)
  return kPi * ((c - s) * (c + s)) / (2.0 * s * c);
}

/// 2 ulp.
VINCI_INLINE Vec atan(Vec x) {
  // (atan t - t) / t^3 in t^2, |t| <= tan(pi/8)
  static constexpr double c[] = {
      -0.3333333333333333009,  0.1999999999999543734,   -0.1428571428464917351,
      0.111111110138606878,    -0.09090904521471690746, 0.07692181876036845531,
      -0.06664492945806264124, 0.05857988350245762191,  -0.05084610305637651336,
      0.03920743321261196149,  -0.01914724896461176532};
  const Vec a = abs(x);
  const Mask middle = a > 0.414213562373095049;
  const Mask far = a > 2.41421356237309505;
  const Vec num = select(far, Vec(-1.0), select(middle, a - 1.0, a));
  const Vec den = select(far, a, select(middle, a + 1.0, Vec(1.0)));
  const Vec t = num / den;
  const Vec z = t * t;
  const Vec r = fma(t * z, polynomial(z, c), t);
  const Vec base = select(far, Vec(1.57079632679489661923),
                          select(middle, Vec(0.785398163397448309616), Vec(0.0)));
  const Vec base_low = select(far, Vec(6.123233995736766036e-17),
                              select(middle, Vec(3.061616997868383018e-17), Vec(0.0)));
  return copy_sign(base + (r + base_low), x);
}
/// Angle of the point (x, y) in [-pi, pi]. 3 ulp.
VINCI_INLINE Vec atan2(Vec y, Vec x) {
  const Vec ax = abs(x);
  const Vec ay = abs(y);
  const Mask swap = ay > ax;
  const Vec num = select(swap, ax, ay);
  const Vec den = select(swap, ay, ax);
  const Vec ratio = select(num == den, select(num == 0.0, Vec(0.0), Vec(1.0)), num / den);
  Vec r = atan(ratio);
  r = select(swap, 1.57079632679489661923 - r, r);
  r = select(as_double(sign_bit(x) | splat_int(0x3ff0000000000000)) < 0.0, kPi - r, r);
  return select(is_nan(x) | is_nan(y), x + y, copy_sign(r, y));
}
/// (asin x - x) / x^3 in z = x^2 <= 1/4.
VINCI_INLINE Vec asin_tail(Vec z) {
  static constexpr double c[] = {
      0.1666666666666666783,   0.0749999999999842426,  0.04464285714637338088,
      0.0303819441370852143,   0.02237217300200559739, 0.01735239126590922786,
      0.01397123530112453915,  0.01147895269025738674, 0.01032431828874411205,
      0.005450878187720549948, 0.01741935796488485717, -0.01488140939281806664,
      0.02877844261259304085};
  return polynomial(z, c);
}
/// 3 ulp.
VINCI_INLINE Vec asin(Vec x) {
  const Vec a = abs(x);
  const Mask large = a > 0.5;
  const Vec z = select(large, (1.0 - a) * 0.5, a * a);
  const Vec s = select(large, sqrt(z), a);
  const Vec r = fma(s * z, asin_tail(z), s);
  return copy_sign(select(large, 1.57079632679489661923 - (r + r - 6.123233995736766036e-17), r),
                   x);
}
/// 3 ulp.
VINCI_INLINE Vec acos(Vec x) {
  const Vec a = abs(x);
  const Mask large = a > 0.5;
  const Vec z = select(large, (1.0 - a) * 0.5, a * a);
  const Vec s = select(large, sqrt(z), x);
  const Vec r = fma(s * z, asin_tail(z), s);
  const Vec outer = select(x < 0.0, kPi - (r + r - 1.2246467991473532e-16), r + r);
  return select(large, outer, 1.57079632679489661923 - (r - 6.123233995736766036e-17));
}
/// sqrt(x^2 + y^2) without overflow; inf where either is. 2 ulp.
VINCI_INLINE Vec hypot(Vec x, Vec y) {
  const Vec a = abs(x);
  const Vec b = abs(y);
  const Vec high = select(a > b, a, b);
  const Vec low = select(a > b, b, a);
  const Vec q = low / high;
  Vec r = high * sqrt(fma(q, q, Vec(1.0)));
  r = select(high == 0.0, high, r);
  r = select(is_nan(x) | is_nan(y), x + y, r);
  return select((a == kInfinity) | (b == kInfinity), Vec(kInfinity), r);
}

// ---- the error function and the normal distribution

/// e^{x^2} erfc(x), x >= 0. 5 ulp.
VINCI_INLINE Vec erfcx_positive(Vec x) {
  // (1 + 2x) e^{x^2} erfc(x) as a polynomial in (x - 3) / (x + 3).  [the mapping: Schonfelder 1978,
  // doi 10.1090/S0025-5718-1978-0494846-8]
  static constexpr double c[] = {
      1.253008058269729653,      -0.1356211061245811727,     -0.04756229435345087205,
      0.1296451587027606197,     -0.119273663415306992,      0.06830802734397847505,
      -0.02377051491864588696,   0.002529391816066239156,    0.001888690359156155219,
      -0.0007798322721083991249, -0.0001051597998150117767,  0.0001250993523556310756,
      4.949484992570595171e-6,   -0.00002010056793128922811, -7.315105164159061909e-7,
      3.472414602875686032e-6,   3.568383915399220462e-7,    -6.166496077604352777e-7,
      -1.416006494026598607e-7,  1.018700060007288508e-7,    4.180784698845582199e-8,
      -1.332636481300383305e-8,  -8.500397929772615353e-9,   9.885798831139364937e-10,
      8.864219016427092024e-10};
  const Vec a = min(Vec(1e150), x);
  const Vec p = a + 3.0;
  const Vec q = fma(Vec(2.0), a, Vec(1.0));
  const Vec inverse = 1.0 / (p * q);
  const Vec t = (a - 3.0) * q * inverse;
  return polynomial(t, c) * (p * inverse);
}
/// e^{-c x^2} for c in {1/2, 1}, accurate although x^2 is rounded.
VINCI_INLINE Vec exp_minus_square(Vec x, double c) {
  const Vec a = min(Vec(60.0), abs(x));
  const TwoDoubles s = two_product(a, a);
  const ExpParts e = exp_parts(limit_exponent(s.high * -c), s.low * -c);
  return scale(e.expm1 + 1.0, e.exponent);
}
/// 7 ulp, also where the result is tiny.
VINCI_INLINE Vec erfc(Vec x) {
  const Vec a = abs(x);
  const Vec upper = exp_minus_square(a, 1.0) * erfcx_positive(a);
  return select(x < 0.0, 2.0 - upper, upper);
}
/// 3 ulp.
VINCI_INLINE Vec erf(Vec x) {
  // erf(x) / x in x^2, |x| <= 1
  static constexpr double c[] = {
      1.128379167095512574,     -0.3761263890318374806,     0.1128379167095487867,
      -0.02686617064507679325,  0.005223977624818014467,    -0.0008548326980833789905,
      0.0001205533111164271092, -0.00001492559526683118157, 1.646100048412136803e-6,
      -1.635031270105469501e-7, 1.465977527404743581e-8,    -1.137284885679167367e-9,
      5.957176147748911404e-11};
  const Vec a = abs(x);
  const Vec near = a * polynomial(a * a, c);
  if (all(a <= 1.0)) return copy_sign(near, x);
  const Vec far = 1.0 - exp_minus_square(a, 1.0) * erfcx_positive(a);
  return copy_sign(select(a <= 1.0, near, far), x);
}
constexpr double kSqrtHalf = 0.707106781186547524401;
/// Upper tail of the standard normal distribution at a >= 0.
VINCI_INLINE Vec normal_tail(Vec a) {
  return 0.5 * exp_minus_square(a, 0.5) * erfcx_positive(a * kSqrtHalf);
}
/// Phi(x), the standard normal distribution function. 8 ulp.
VINCI_INLINE Vec std_normal_cdf(Vec x) {
  const Vec tail = normal_tail(abs(x));
  return select(x > 0.0, 1.0 - tail, tail);
}
/// log Phi(x). 8 ulp.
VINCI_INLINE Vec std_normal_lcdf(Vec x) {
  const Vec a = abs(x);
  const Vec half_scaled = 0.5 * erfcx_positive(a * kSqrtHalf);
  const Vec tail = exp_minus_square(a, 0.5) * half_scaled;
  const Vec difference = 1.0 - tail;
  const Mask lower = x < 0.0;
  const Vec high = select(lower, half_scaled, difference);
  const Vec low = select(lower, Vec(0.0), (1.0 - difference) - tail);
  const Vec r = log_of_sum(high, low);
  return select(lower, fma(x, x * -0.5, r), r);
}
/// d log Phi(x) / dx = phi(x) / Phi(x). 8 ulp.
VINCI_INLINE Vec std_normal_lcdf_derivative(Vec x) {
  constexpr double inv_sqrt_2pi = 0.398942280401432677940;
  const Vec a = abs(x);
  const Vec half_scaled = 0.5 * erfcx_positive(a * kSqrtHalf);
  const Vec e = exp_minus_square(a, 0.5);
  const Vec upper = inv_sqrt_2pi * e / (1.0 - e * half_scaled);
  return select(x < 0.0, inv_sqrt_2pi / half_scaled, upper);
}

/// Phi^{-1}(p): -inf at 0, inf at 1. Relative error 2e-15.  [Wichura 1988, algorithm AS 241,
/// PPND16, doi 10.2307/2347330]
VINCI_INLINE Vec std_normal_quantile(Vec p) {
  static constexpr double a[] = {3.3871328727963666080e0, 1.3314166789178437745e2,
                                 1.9715909503065514427e3, 1.3731693765509461125e4,
                                 4.5921953931549871457e4, 6.7265770927008700853e4,
                                 3.3430575583588128105e4, 2.5090809287301226727e3};
  static constexpr double b[] = {1.0,
                                 4.2313330701600911252e1,
                                 6.8718700749205790830e2,
                                 5.3941960214247511077e3,
                                 2.1213794301586595867e4,
                                 3.9307895800092710610e4,
                                 2.8729085735721942674e4,
                                 5.2264952788528545610e3};
  static constexpr double c[] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                 5.76949722146069140550e0,  3.64784832476320460504e0,
                                 1.27045825245236838258e0,  2.41780725177450611770e-1,
                                 2.27238449892691845833e-2, 7.74545014278341407640e-4};
  static constexpr double d[] = {1.0,
                                 2.05319162663775882187e0,
                                 1.67638483018380384940e0,
                                 6.89767334985100004550e-1,
                                 1.48103976427480074590e-1,
                                 1.51986665636164571966e-2,
                                 5.47593808499534494600e-4,
                                 1.05075007164441684324e-9};
  static constexpr double e[] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                 1.78482653991729133580e0,  2.96560571828504891230e-1,
                                 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                 2.71155556874348757815e-5, 2.01033439929228813265e-7};
  static constexpr double f[] = {1.0,
                                 5.99832206555887937690e-1,
                                 1.36929880922735805310e-1,
                                 1.48753612908506148525e-2,
                                 7.86869131145613259100e-4,
                                 1.84631831751005468180e-5,
                                 1.42151175831644588870e-7,
                                 2.04426310338993978564e-15};
  const Vec q = p - 0.5;
  const Mask central = abs(q) <= 0.425;
  const Vec w = 0.180625 - q * q;
  const Vec middle = q * polynomial(w, a) / polynomial(w, b);
  if (all(central)) return middle;
  const Vec smaller = select(q < 0.0, p, 1.0 - p);
  const Vec r = sqrt(-log(smaller));
  const Vec r1 = r - 1.6;
  const Vec r2 = r - 5.0;
  const Mask near = r <= 5.0;
  Vec tail = polynomial(r1, c) / polynomial(r1, d);
  if (any(~near)) tail = select(near, tail, polynomial(r2, e) / polynomial(r2, f));
  tail = select(smaller == 0.0, Vec(kInfinity), tail);
  return select(central, middle, flip_sign(tail, q));
}

// ---- the gamma function

/// log Gamma(x) for x >= 10. 2 ulp; inf at inf.
VINCI_INLINE Vec lgamma_stirling(Vec x) {
  // B_{2k} / (2k (2k-1)) in 1/x^2; the first term left out is below 3e-17 at 10.
  static constexpr double c[] = {1.0 / 12,   -1.0 / 360,      1.0 / 1260, -1.0 / 1680,
                                 1.0 / 1188, -691.0 / 360360, 1.0 / 156};
  const Vec inverse = 1.0 / x;
  const Vec series = inverse * polynomial(inverse * inverse, c);
  return fma(x - 0.5, log(x) - 1.0, series + (kHalfLog2Pi - 0.5));
}

/// log |Gamma(x)|; inf at 0, -1, -2, ... Relative error 1e-14 for x > 0, also next to the zeros 1
/// and 2; for x < 0 1e-13 of max(1, |result|).
VINCI_INLINE Vec lgamma(Vec x) {
  const Mask negative = x < 0.0;
  const Vec a = select(negative, 1.0 - x, x);
  Vec r = Vec(0.0);
  const Mask small = a <= 3.0;
  if (!all(small)) {
    const Mask shifted = a < 10.0;
    if (any(shifted & ~small)) {
      // Gamma(a) = Gamma(a + 7) / (a (a+1) ... (a+6))
      const Vec b = min(Vec(10.0), a);
      const Vec product =
          (b * (b + 1.0) * ((b + 2.0) * (b + 3.0))) * ((b + 4.0) * (b + 5.0) * (b + 6.0));
      r = lgamma_stirling(select(shifted, a + 7.0, a)) - log(select(shifted, product, Vec(1.0)));
    } else {
      r = lgamma_stirling(max(Vec(10.0), a));
    }
  }
  if (any(small)) {
    // lgamma(1 + u) / (u (u - 1)) for u in [0, 2], rational
    static constexpr double p[] = {
        0.5772156649015328583,  1.795879018997927927,     2.186533441893705491,
        1.322688368122807728,   0.4175253681048575658,    0.06620652414372980858,
        0.00463021254704602723, 0.0001031893678684624146, 1.546212968016239942e-7};
    static constexpr double q[] = {1.0,
                                   3.536165962974521406,
                                   5.021257900661250843,
                                   3.672221755210750258,
                                   1.47710045229590447,
                                   0.3239769173460575956,
                                   0.03613884447121400577,
                                   0.001746368100645290405,
                                   0.00002470185221909083357};
    const Mask below = a < 1.0;
    // Both factors are exact, with u = a - 1, or u = a after Gamma(a) = Gamma(a + 1) / a.
    const Vec b = min(Vec(3.0), a);
    const Vec u = select(below, b, b - 1.0);
    const Vec t = select(below, b - 1.0, b - 2.0);
    Vec near = t * u * (polynomial(u, p) / polynomial(u, q));
    if (any(below)) near = near - log(select(below, a, Vec(1.0)));
    r = select(small, near, r);
  }
  r = select(is_nan(x), x, r);
  if (any(negative)) {
    // Gamma(x) Gamma(1 - x) = pi / sin(pi x)
    const Vec reflected = log(kPi / abs(sin_pi(x))) - r;
    r = select(negative, select(x == -kInfinity, Vec(kInfinity), reflected), r);
  }
  return r;
}

/// d log Gamma(x) / dx. Error 1e-15 max(1, |result|) for x > 0; NaN at negative integers, -inf at
/// 0.
VINCI_INLINE Vec digamma(Vec x) {
  // B_{2k} / 2k in 1/x^2; the first term left out is below 5e-17 at 10.
  static constexpr double c[] = {1.0 / 12,  -1.0 / 120,     1.0 / 252, -1.0 / 240,
                                 1.0 / 132, -691.0 / 32760, 1.0 / 12};
  const Mask negative = x < 0.0;
  const Vec a = select(negative, 1.0 - x, x);
  const Mask shifted = a < 10.0;
  Vec shift = Vec(0.0);
  if (any(shifted)) {
    // sum_{k<10} 1 / (a + k) as one fraction
    Vec y = select(shifted, a, Vec(1.0));
    Vec num = Vec(1.0);
    Vec den = y;
#pragma GCC unroll 9
    for (int k = 1; k < 10; ++k) {
      y = y + 1.0;
      num = fma(num, y, den);
      den = den * y;
    }
    shift = select(shifted, num / den, Vec(0.0));
  }
  const Vec z = select(shifted, a + 10.0, a);
  const Vec inverse = 1.0 / z;
  const Vec square = inverse * inverse;
  const Vec series = fma(square, polynomial(square, c), 0.5 * inverse);
  Vec r = log(z) - series - shift;
  if (any(negative)) {
    // digamma(1 - x) - digamma(x) = pi cot(pi x)
    const Vec reflected = select(floor(x) == x, Vec(kNan), r - pi_cot_pi(x));
    r = select(negative, reflected, r);
  }
  return r;
}

/// d^2 log Gamma(x) / dx^2. Relative error 2e-15 for x > 0; inf at 0 and the negative integers.
VINCI_INLINE Vec trigamma(Vec x) {
  // B_{2k} in 1/x^2
  static constexpr double c[] = {1.0 / 6,  -1.0 / 30,     1.0 / 42, -1.0 / 30,
                                 5.0 / 66, -691.0 / 2730, 7.0 / 6,  -3617.0 / 510};
  const Mask negative = x < 0.0;
  const Vec a = select(negative, 1.0 - x, x);
  const Mask shifted = a < 10.0;
  Vec shift = Vec(0.0);
  if (any(shifted)) {
    // sum_{1<=k<10} 1 / (a + k)^2 as one fraction; k = 0 apart, as its square may underflow
    Vec y = select(shifted, a, Vec(1.0)) + 1.0;
    Vec num = Vec(1.0);
    Vec den = y * y;
#pragma GCC unroll 8
    for (int k = 2; k < 10; ++k) {
      y = y + 1.0;
      const Vec square = y * y;
      num = fma(num, square, den);
      den = den * square;
    }
    const Vec first = 1.0 / select(shifted, a, Vec(1.0));
    shift = select(shifted, fma(first, first, num / den), Vec(0.0));
  }
  const Vec z = select(shifted, a + 10.0, a);
  const Vec inverse = 1.0 / z;
  const Vec square = inverse * inverse;
  Vec r = fma(inverse * square, polynomial(square, c), fma(square, Vec(0.5), inverse)) + shift;
  if (any(negative)) {
    // trigamma(x) + trigamma(1 - x) = (pi / sin(pi x))^2
    const Vec s = kPi / sin_pi(x);
    r = select(negative, s * s - r, r);
  }
  return r;
}

}  // namespace vinci::numeric::VINCI_TARGET
