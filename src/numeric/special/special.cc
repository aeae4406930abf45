#include "numeric/special/special.h"

#include <algorithm>
#include <boost/math/special_functions/bessel.hpp>
#include <boost/math/special_functions/bessel_prime.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/digamma.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <boost/math/special_functions/lambert_w.hpp>
#include <boost/math/special_functions/owens_t.hpp>
#include <boost/math/special_functions/polygamma.hpp>
#include <boost/math/special_functions/trigamma.hpp>
#include <cmath>
#include <limits>

namespace vinci::numeric {
namespace {

using namespace boost::math::policies;
// No exceptions, no errno; double arithmetic inside, for speed.
using Quiet =
    policy<domain_error<ignore_error>, pole_error<ignore_error>, overflow_error<ignore_error>,
           evaluation_error<ignore_error>, rounding_error<ignore_error>,
           indeterminate_result_error<ignore_error>, promote_double<false>>;
using QuietPrecise = policy<domain_error<ignore_error>, pole_error<ignore_error>,
                            overflow_error<ignore_error>, evaluation_error<ignore_error>,
                            rounding_error<ignore_error>, indeterminate_result_error<ignore_error>>;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kLog2 = 0.693147180559945309417;
constexpr double kSqrtHalf = 0.707106781186547524401;
constexpr double kLogSqrt2Pi = 0.918938533204672741780;
constexpr double kInvSqrt2Pi = 0.398942280401432677940;

/// A number with two derivatives.
struct Dual {
  double v;
  double a = 0;
  double b = 0;
};
Dual operator+(Dual x, Dual y) { return {x.v + y.v, x.a + y.a, x.b + y.b}; }
Dual operator-(Dual x, Dual y) { return {x.v - y.v, x.a - y.a, x.b - y.b}; }
Dual operator*(Dual x, Dual y) { return {x.v * y.v, x.a * y.v + x.v * y.a, x.b * y.v + x.v * y.b}; }
Dual operator/(Dual x, Dual y) {
  const double q = x.v / y.v;
  return {q, (x.a - q * y.a) / y.v, (x.b - q * y.b) / y.v};
}

/// f <- f * factor of the modified Lentz algorithm for f = b_0 + a_1 / (b_1 + a_2 / (b_2 + ...)),
/// with derivatives. [Thompson and Barnett 1986, doi 10.1016/0021-9991(86)90046-X]
struct Lentz {
  Dual f, c, d;
  explicit Lentz(Dual b0) : f(b0), c(b0), d{0} {
    if (f.v == 0) f.v = c.v = 1e-300;
  }
  /// Whether it has converged.
  bool step(Dual a, Dual b) {
    d = b + a * d;
    if (d.v == 0) d.v = 1e-300;
    c = b + a / c;
    if (c.v == 0) c.v = 1e-300;
    d = Dual{1} / d;
    const Dual factor = c * d;
    f = f * factor;
    const double size = std::abs(f.a / f.v) + std::abs(f.b / f.v) + 1;
    return std::abs(factor.v - 1) < 1e-16 + 2e-16 &&
           std::abs(factor.a) + std::abs(factor.b) < 1e-15 * size;
  }
};
constexpr int kMaxSteps = 200000;

/// log I_x(a, b) with derivatives in a and b for x <= (a + 1) / (a + b + 2), where the fraction
/// converges fast.
Dual log_inc_beta_fraction(double a, double b, double x) {
  const Dual da{a, 1, 0};
  const Dual db{b, 0, 1};
  Lentz lentz(Dual{1});
  const Dual dx{x};
  for (int m = 0; m < kMaxSteps; ++m) {
    const Dual dm{static_cast<double>(m)};
    const Dual two_m{2.0 * m};
    // [Abramowitz and Stegun 1964, 26.5.8]
    if (m > 0) {
      const Dual even = dm * (db - dm) * dx / ((da + two_m - Dual{1}) * (da + two_m));
      if (lentz.step(even, Dual{1}) && m > 2) break;
    }
    const Dual odd =
        Dual{-1} * (da + dm) * (da + db + dm) * dx / ((da + two_m) * (da + two_m + Dual{1}));
    if (lentz.step(odd, Dual{1}) && m > 2) break;
  }
  const double psi_ab = digamma(a + b);
  const double log_x = std::log(x);
  const double log_y = std::log1p(-x);
  const double log_beta = -std::log(boost::math::beta(a, b, Quiet()));
  const double log_beta_safe =
      std::isfinite(log_beta) ? log_beta : lgamma(a + b) - lgamma(a) - lgamma(b);
  // log(x^a (1-x)^b / (a B(a, b)))
  Dual r{a * log_x + b * log_y + log_beta_safe - std::log(a), log_x + psi_ab - digamma(a) - 1 / a,
         log_y + psi_ab - digamma(b)};
  r.v -= std::log(lentz.f.v);
  r.a -= lentz.f.a / lentz.f.v;
  r.b -= lentz.f.b / lentz.f.v;
  return r;
}

/// log I_x(a, b) with derivatives in a and b, 0 < x < 1.
Dual log_inc_beta_dual(double a, double b, double x) {
  if (x <= (a + 1) / (a + b + 2)) return log_inc_beta_fraction(a, b, x);
  // I_x(a, b) = 1 - I_{1-x}(b, a)
  const Dual upper = log_inc_beta_fraction(b, a, 1 - x);
  const double odds = 1 / std::expm1(-upper.v);  // U / (1 - U), U = e^{upper}
  const double ratio = upper.v < -700 ? std::exp(upper.v) : odds;
  return {log1m_exp(upper.v), -ratio * upper.b, -ratio * upper.a};
}

bool bad_inc_beta(double a, double b, double x) {
  return !(a > 0) || !(b > 0) || !(x >= 0) || !(x <= 1) || std::isinf(a) || std::isinf(b);
}

/// d log I_x(a, b) / dx, given log I.
double log_inc_beta_dx(double a, double b, double x, double log_i) {
  const double log_beta = lgamma(a) + lgamma(b) - lgamma(a + b);
  return std::exp((a - 1) * std::log(x) + (b - 1) * std::log1p(-x) - log_beta - log_i);
}

}  // namespace

double lgamma(double x) {
  int sign = 0;
  return ::lgamma_r(x, &sign);
}

double tgamma(double x) {
  if (x < 0 && std::floor(x) == x) return kNan;
  return std::tgamma(x);
}

double digamma(double x) {
  if (std::isnan(x) || (x <= 0 && std::floor(x) == x)) return kNan;
  if (x == kInf) return kInf;
  return boost::math::digamma(x, QuietPrecise());
}

double tetragamma(double x) { return boost::math::polygamma(2, x); }
double trigamma(double x) {
  if (std::isnan(x) || x == -kInf) return kNan;
  if (x <= 0 && std::floor(x) == x) return kInf;
  if (x == kInf) return 0;
  if (x < 1e-8 && x > 0) return 1 / (x * x) + 1.6449340668482264365;  // 1/x^2 + zeta(2) + O(x)
  return boost::math::trigamma(x, QuietPrecise());
}

double inv_logit(double x) {
  if (x >= 0) return 1 / (1 + std::exp(-x));
  const double e = std::exp(x);
  return e / (1 + e);
}

double log1p_exp(double x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

double log1m_exp(double x) {
  // Where e^x > 1/2 the difference 1 - e^x loses digits that expm1 has.
  return x > -kLog2 ? std::log(-std::expm1(x)) : std::log1p(-std::exp(x));
}

double log_diff_exp(double a, double b) { return a == b ? a + -kInf : a + log1m_exp(b - a); }

double log_sum_exp(double a, double b) {
  if (a == b) return a + kLog2;
  if (std::isnan(a) || std::isnan(b)) return a + b;
  const double high = a > b ? a : b;
  const double low = a > b ? b : a;
  return high + std::log1p(std::exp(low - high));
}

double log_sum_exp(std::span<const double> x) {
  double top = -kInf;
  for (const double v : x) top = std::max(top, v);
  if (!(std::abs(top) < kInf)) {
    for (const double v : x) {
      if (std::isnan(v)) return v;
    }
    return top;
  }
  double sum = 0;
  for (const double v : x) sum += std::exp(v - top);
  return top + std::log(sum);
}

double std_normal_cdf(double x) { return 0.5 * std::erfc(-x * kSqrtHalf); }

double std_normal_lcdf(double x) {
  if (x > 0) return std::log1p(-0.5 * std::erfc(x * kSqrtHalf));
  if (x > -15) return std::log(0.5 * std::erfc(-x * kSqrtHalf));
  if (std::isnan(x)) return x;
  if (x == -kInf) return -kInf;
  // Mills ratio by its asymptotic series; at 15 the terms fall below 1e-17 before they grow.
  // [Abramowitz and Stegun 1964, 26.2.12]
  const double inverse = 1 / (x * x);
  double term = 1;
  double sum = 0;
  for (int k = 1; k < 40; ++k) {
    term *= -(2 * k - 1) * inverse;
    sum += term;
    if (std::abs(term) < 1e-18) break;
  }
  return -0.5 * x * x - kLogSqrt2Pi - std::log(-x) + std::log1p(sum);
}

double std_normal_lcdf_derivative(double x) {
  if (x > -15) return kInvSqrt2Pi * std::exp(-0.5 * x * x) / std_normal_cdf(x);
  if (x < -1e8) return -x;
  return std::exp(-0.5 * x * x - kLogSqrt2Pi - std_normal_lcdf(x));
}

double std_normal_quantile(double p) {
  if (!(p >= 0 && p <= 1)) return kNan;
  if (p == 0) return -kInf;
  if (p == 1) return kInf;
  constexpr double sqrt2 = 1.41421356237309504880;
  // 2p - 1 is exact for p in [1/4, 1].
  if (p > 0.25) return sqrt2 * boost::math::erf_inv(2 * p - 1, QuietPrecise());
  return -sqrt2 * boost::math::erfc_inv(2 * p, QuietPrecise());
}

double std_normal_log_quantile(double log_p) {
  if (!(log_p <= 0)) return kNan;
  if (log_p == 0) return kInf;
  if (log_p == -kInf) return -kInf;
  double x;
  if (log_p > -kLog2) {
    x = -std_normal_quantile(-std::expm1(log_p));
    return x;
  }
  // Start from Phi(x) ~ e^{-x^2/2} and refine; log Phi is concave, so Newton's steps converge from
  // the left.
  x = log_p > -700 ? std_normal_quantile(std::exp(log_p)) : -std::sqrt(-2 * log_p);
  for (int k = 0; k < 20; ++k) {
    const double step = (std_normal_lcdf(x) - log_p) / std_normal_lcdf_derivative(x);
    x -= step;
    if (!(std::abs(step) > 1e-15 * std::abs(x))) break;
  }
  return x;
}

double gamma_p(double a, double x) {
  if (!(a > 0) || !(x >= 0)) return kNan;
  if (x == kInf) return 1;
  return boost::math::gamma_p(a, x, QuietPrecise());
}

double gamma_q(double a, double x) {
  if (!(a > 0) || !(x >= 0)) return kNan;
  if (x == kInf) return 0;
  return boost::math::gamma_q(a, x, QuietPrecise());
}

void gamma_p_partials(double a, double x, double* d_a, double* d_x) {
  if (!(a > 0) || !(x >= 0)) {
    *d_a = *d_x = kNan;
    return;
  }
  if (x == kInf || x == 0) {
    *d_a = 0;
    *d_x = x == 0 ? (a < 1 ? kInf : a == 1 ? 1.0 : 0.0) : 0.0;
    return;
  }
  const double log_x = std::log(x);
  *d_x = boost::math::gamma_p_derivative(a, x, Quiet());
  // The factor x^a e^{-x} / Gamma(a + 1), of which gamma_p_derivative has an accurate form.
  const double front = *d_x * x / a;
  if (x < a + 1) {
    // P = front * sum_n x^n / ((a+1) ... (a+n)).  [Abramowitz and Stegun 1964, 6.5.29]
    double term = 1;
    double dlog_term = 0;
    double sum = 1;
    double dsum = 0;
    for (int n = 1; n < kMaxSteps; ++n) {
      term *= x / (a + n);
      dlog_term -= 1 / (a + n);
      sum += term;
      dsum += term * dlog_term;
      if (term * (1 - dlog_term) < 1e-17 * sum) break;
    }
    *d_a = front * (sum * (log_x - digamma(a + 1)) + dsum);
    return;
  }
  // Q = x^a e^{-x} / Gamma(a) / (x + 1 - a + 1 (a-1) / (x + 3 - a + 2 (a-2) / ...)).  [6.5.31 in
  // its even form]
  Lentz lentz(Dual{x + 1 - a, -1});
  for (int n = 1; n < kMaxSteps; ++n)
    if (lentz.step(Dual{n * (a - n), static_cast<double>(n)}, Dual{x + 2 * n + 1 - a, -1})) break;
  const double q = front * a / lentz.f.v;
  *d_a = -q * (log_x - digamma(a) - lentz.f.a / lentz.f.v);
}

double inc_beta(double a, double b, double x) {
  if (bad_inc_beta(a, b, x)) return kNan;
  return boost::math::ibeta(a, b, x, QuietPrecise());
}

double log_inc_beta(double a, double b, double x) {
  if (bad_inc_beta(a, b, x)) return kNan;
  if (x == 0) return -kInf;
  if (x == 1) return 0;
  const double i = inc_beta(a, b, x);
  if (i > 1e-290 && i < 0.9) return std::log(i);
  if (i >= 0.9) return std::log1p(-boost::math::ibetac(a, b, x, QuietPrecise()));
  return log_inc_beta_dual(a, b, x).v;
}

void log_inc_beta_partials(double a, double b, double x, double* partial) {
  if (bad_inc_beta(a, b, x)) {
    partial[0] = partial[1] = partial[2] = kNan;
    return;
  }
  if (x == 0 || x == 1) {
    partial[0] = partial[1] = 0;
    partial[2] = x == 0 ? kInf : log_inc_beta_dx(a, b, x, 0);
    return;
  }
  const Dual r = log_inc_beta_dual(a, b, x);
  partial[0] = r.a;
  partial[1] = r.b;
  partial[2] = log_inc_beta_dx(a, b, x, r.v);
}

void inc_beta_partials(double a, double b, double x, double* partial) {
  if (bad_inc_beta(a, b, x)) {
    partial[0] = partial[1] = partial[2] = kNan;
    return;
  }
  partial[2] = boost::math::ibeta_derivative(a, b, x, Quiet());
  partial[0] = partial[1] = 0;
  if (x == 0 || x == 1) return;
  // The derivative of the smaller tail carries no cancellation.
  if (x <= (a + 1) / (a + b + 2)) {
    const Dual r = log_inc_beta_fraction(a, b, x);
    const double i = std::exp(r.v);
    partial[0] = i * r.a;
    partial[1] = i * r.b;
  } else {
    const Dual r = log_inc_beta_fraction(b, a, 1 - x);
    const double i = std::exp(r.v);
    partial[0] = -i * r.b;
    partial[1] = -i * r.a;
  }
}

double inc_beta_inverse(double a, double b, double p) {
  if (!(a > 0) || !(b > 0) || !(p >= 0 && p <= 1)) return kNan;
  return boost::math::ibeta_inv(a, b, p, Quiet());
}

double bessel_i(double order, double x) {
  return boost::math::cyl_bessel_i(order, x, QuietPrecise());
}
double bessel_k(double order, double x) {
  if (x == 0) return kInf;
  return boost::math::cyl_bessel_k(order, x, QuietPrecise());
}
double bessel_j(double order, double x) {
  return boost::math::cyl_bessel_j(order, x, QuietPrecise());
}
double bessel_y(double order, double x) {
  if (x == 0) return -kInf;
  return boost::math::cyl_neumann(order, x, QuietPrecise());
}
double bessel_i_derivative(double order, double x) {
  return boost::math::cyl_bessel_i_prime(order, x, QuietPrecise());
}
double bessel_k_derivative(double order, double x) {
  return boost::math::cyl_bessel_k_prime(order, x, QuietPrecise());
}
double bessel_j_derivative(double order, double x) {
  return boost::math::cyl_bessel_j_prime(order, x, QuietPrecise());
}
double bessel_y_derivative(double order, double x) {
  return boost::math::cyl_neumann_prime(order, x, QuietPrecise());
}

double log_bessel_i(double order, double x) {
  if (!(order >= 0) || !(x >= 0)) return kNan;
  if (x == 0) return order == 0 ? 0.0 : -kInf;
  if (x == kInf) return kInf;
  if (x < 500) {
    const double direct = bessel_i(order, x);
    if (direct > 1e-280 && direct < 1e280) return std::log(direct);
  } else if (x > 100 * (order * order + 1) && x > 1e4) {
    // e^x / sqrt(2 pi x) (1 - (mu - 1)/(8x) + ...), mu = 4 order^2.  [Abramowitz and Stegun
    // 1964, 9.7.1]
    const double mu = 4 * order * order;
    double term = 1;
    double sum = 0;
    for (int k = 1; k < 30; ++k) {
      term *= -(mu - (2 * k - 1) * (2 * k - 1)) / (k * 8 * x);
      sum += term;
      if (std::abs(term) < 1e-17) break;
    }
    return x - kLogSqrt2Pi - 0.5 * std::log(x) + std::log1p(sum);
  }
  // sum_k (x/2)^{2k + order} / (k! Gamma(k + order + 1)), outwards from its largest term.
  const double quarter = 0.25 * x * x;
  const double peak = std::floor(std::max(0.0, 0.5 * (std::sqrt(order * order + x * x) - order)));
  double sum = 1;
  double term = 1;
  for (double k = peak + 1; k < peak + 1e7; ++k) {
    term *= quarter / (k * (k + order));
    sum += term;
    if (term < 1e-18 * sum) break;
  }
  term = 1;
  for (double k = peak; k >= 1; --k) {
    term *= k * (k + order) / quarter;
    sum += term;
    if (term < 1e-18 * sum) break;
  }
  return (2 * peak + order) * std::log(0.5 * x) - lgamma(peak + 1) - lgamma(peak + order + 1) +
         std::log(sum);
}

double log_bessel_i_derivative(double order, double x) {
  // I'_v = I_{v+1} + v/x I_v
  if (x == 0) return order == 0 ? 0.0 : order == 1 ? kInf : kInf;
  return std::exp(log_bessel_i(order + 1, x) - log_bessel_i(order, x)) + order / x;
}

double owens_t(double h, double a) { return boost::math::owens_t(h, a, Quiet()); }

void owens_t_partials(double h, double a, double* d_h, double* d_a) {
  // T(h, a) = 1/(2 pi) int_0^a e^{-h^2 (1 + t^2) / 2} / (1 + t^2) dt.  [Owen 1956,
  // doi 10.1214/aoms/1177728074]
  constexpr double half_inv_pi = 0.159154943091895335769;
  *d_h = -kInvSqrt2Pi * std::exp(-0.5 * h * h) * 0.5 * std::erf(a * h * kSqrtHalf);
  *d_a = half_inv_pi * std::exp(-0.5 * h * h * (1 + a * a)) / (1 + a * a);
}

double lambert_w0(double x) {
  if (!(x >= -0.36787944117144233)) return kNan;
  if (x == kInf) return kInf;
  return boost::math::lambert_w0(x, Quiet());
}

double lambert_wm1(double x) {
  if (!(x >= -0.36787944117144233 && x < 0)) return x == 0 ? -kInf : kNan;
  return boost::math::lambert_wm1(x, Quiet());
}

double lambert_w_derivative(double x, double w) {
  if (x == 0) return 1;  // the branch through 0; the other has no finite value there
  return w / (x * (1 + w));
}

double lchoose(double n, double k) {
  if (k == 0) return 0;
  return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

}  // namespace vinci::numeric
