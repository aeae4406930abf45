#include "coding/strict_math.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace vinci::coding {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
// log 2 in two parts: the first has 32 trailing zero bits, so that k kLn2High is exact.
constexpr double kLn2High = 0x1.62e42feep-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kInvSqrt2Pi = 0.39894228040143267794;

/// 2^k, -1022 <= k <= 1023.
double power_of_two(int64_t k) {
  return std::bit_cast<double>(static_cast<uint64_t>(k + 1023) << 52);
}

double normal_density(double x) { return kInvSqrt2Pi * strict_exp(-0.5 * x * x); }

}  // namespace

double strict_exp(double x) {
  if (!(x >= -708)) return x != x ? kNan : 0;
  if (x > 709.7) return kInf;
  const double scaled = x * 1.4426950408889634074;
  const auto k = static_cast<int64_t>(scaled + (scaled >= 0 ? 0.5 : -0.5));
  const auto dk = static_cast<double>(k);
  const double r = (x - dk * kLn2High) - dk * kLn2Low;
  // |r| <= 0.3466: the first term left out, r^14 / 14!, is below 5e-18.
  constexpr double kFactorials[] = {6227020800.0, 479001600.0, 39916800.0, 3628800.0,
                                    362880.0,     40320.0,     5040.0,     720.0,
                                    120.0,        24.0,        6.0,        2.0};
  double sum = 0;
  for (const double factorial : kFactorials) sum = sum * r + 1 / factorial;
  const double fraction = 1 + (r + r * r * sum);
  return k < 1000 ? fraction * power_of_two(k) : fraction * power_of_two(k - 1) * 2;
}

double strict_log(double x) {
  if (!(x > 0)) return x == 0 ? -kInf : kNan;
  if (x == kInf) return kInf;
  int64_t k = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    k = -54;
  }
  const auto bits = std::bit_cast<uint64_t>(x);
  k += static_cast<int64_t>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0xfffffffffffffu) | 0x3ff0000000000000u);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    k += 1;
  }
  // log m = 2 artanh f with |f| <= 0.1716; the first term left out is below 1e-19.
  const double f = (m - 1) / (m + 1);
  const double f2 = f * f;
  double sum = 0;
  for (int n = 23; n >= 3; n -= 2) sum = sum * f2 + 1.0 / n;
  const auto dk = static_cast<double>(k);
  return dk * kLn2High + (2 * f + (2 * f * f2 * sum + dk * kLn2Low));
}

double strict_log_gamma(double x) {
  if (!(x > 0)) return kNan;
  if (x == kInf) return kInf;
  double product = 1;
  double shift = 0;
  while (x < 16) {
    product *= x;
    x += 1;
    if (product > 1e250) {
      shift += strict_log(product);
      product = 1;
    }
  }
  shift += strict_log(product);
  // Stirling's series; at 16 the first term left out is below 1e-17.
  const double i = 1 / x;
  const double i2 = i * i;
  const double series =
      i *
      (1.0 / 12 -
       i2 * (1.0 / 360 -
             i2 * (1.0 / 1260 - i2 * (1.0 / 1680 - i2 * (1.0 / 1188 - i2 * (691.0 / 360360 -
                                                                            i2 * (1.0 / 156)))))));
  return (x - 0.5) * strict_log(x) - x + 0.91893853320467274178 + series - shift;
}

double strict_inv_logit(double x) {
  if (x >= 0) return 1 / (1 + strict_exp(-x));
  const double e = strict_exp(x);
  return e / (1 + e);
}

double strict_tanh(double x) {
  const double e = strict_exp(-2 * std::fabs(x));
  const double y = (1 - e) / (1 + e);
  return x < 0 ? -y : y;
}

double bounded(double x, double limit) {
  if (x != x) return 0;
  return x < -limit ? -limit : (x > limit ? limit : x);
}

double strict_normal_cdf(double x) {
  if (x != x) return kNan;
  const double a = std::fabs(x);
  if (a > 38) return x < 0 ? 0 : 1;
  double upper;  // P(Z > a)
  if (a < 3) {
    // Phi(a) - 1/2 = phi(a) (a + a^3/3 + a^5/(3 5) + ...): all terms positive. Fixed number of
    // terms: at a = 3 the first left out is below 1e-18 of the sum.
    double term = a;
    double sum = a;
    for (int n = 3; n < 101; n += 2) {
      term *= a * a / n;
      sum += term;
    }
    upper = 0.5 - normal_density(a) * sum;
  } else {
    // Laplace's continued fraction a + 1/(a + 2/(a + 3/...)), from the end.
    double fraction = a;
    for (int n = 80; n >= 1; --n) fraction = a + n / fraction;
    upper = normal_density(a) / fraction;
  }
  return x < 0 ? upper : 1 - upper;
}

double fast_normal_cdf(double x) {
  // Cubic between points 1/128 apart, from values and densities: h^4 / 384 max |f''''| <
  // 1.4e-11.
  constexpr int kPerUnit = 128;
  constexpr int kReach = 9;
  constexpr int kPoints = 2 * kReach * kPerUnit + 1;
  struct Table {
    std::array<double, kPoints> value;
    std::array<double, kPoints> slope;
    Table() {
      for (int i = 0; i < kPoints; ++i) {
        const double at = static_cast<double>(i) / kPerUnit - kReach;
        value[static_cast<size_t>(i)] = strict_normal_cdf(at);
        slope[static_cast<size_t>(i)] = normal_density(at) / kPerUnit;
      }
    }
  };
  static const Table table;
  if (!(x > -kReach)) return x != x ? kNan : 0;
  if (x >= kReach) return 1;
  const double position = (x + kReach) * kPerUnit;
  auto i = static_cast<size_t>(position);
  if (i >= kPoints - 1) i = kPoints - 2;
  const double t = position - static_cast<double>(i);
  const double s = 1 - t;
  const double v = (table.value[i] * (1 + 2 * t) + table.slope[i] * t) * (s * s) +
                   (table.value[i + 1] * (3 - 2 * t) - table.slope[i + 1] * s) * (t * t);
  return v < 0 ? 0 : (v > 1 ? 1 : v);
}

double strict_normal_quantile(double p) {
  if (!(p > 0 && p < 1)) return p == 0 ? -kInf : (p == 1 ? kInf : kNan);
  if (p == 0.5) return 0;
  // Bisection to a bracket in which Newton's iteration converges, always the same number of steps.
  double low = -40;
  double high = 40;
  for (int n = 0; n < 12; ++n) {
    const double middle = 0.5 * (low + high);
    (strict_normal_cdf(middle) < p ? low : high) = middle;
  }
  double x = 0.5 * (low + high);
  for (int n = 0; n < 5; ++n) {
    const double density = normal_density(x);
    if (density > 0) x -= (strict_normal_cdf(x) - p) / density;
  }
  return x;
}

}  // namespace vinci::coding
