#include "numeric/special/quantiles.h"

#include <algorithm>
#include <boost/math/quadrature/gauss.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <limits>
#include <numbers>

#include "numeric/random/philox.h"
#include "numeric/special/special.h"

namespace vinci::numeric {
namespace {

using namespace boost::math::policies;
using Quiet =
    policy<domain_error<ignore_error>, pole_error<ignore_error>, overflow_error<ignore_error>,
           evaluation_error<ignore_error>, rounding_error<ignore_error>,
           indeterminate_result_error<ignore_error>, promote_double<false>>;
using Gauss = boost::math::quadrature::gauss<double, 30>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kPi = std::numbers::pi;
constexpr double kLargeShape = 1e5;

double log_beta(double a, double b) { return lgamma(a) + lgamma(b) - lgamma(a + b); }

/// x = a + z sqrt(a) + (z^2 - 1) / 3 + ... of the standard normal quantile z, and dx/dz, dx/da:
/// the Cornish-Fisher expansion, whose first omitted term is of order a^-2. [Fisher and Cornish
/// 1960, doi 10.1080/00401706.1960.10489895, for chi-square]
struct Expansion {
  double x, d_z, d_a;
};
Expansion large_gamma(double a, double z) {
  const double r = 1 / std::sqrt(a), z2 = z * z;
  const double c3 = z * (z2 - 7) / 36, c4 = (3 * z2 * z2 + 7 * z2 - 16) / 810,
               c5 = z * (9 * z2 * z2 + 256 * z2 - 433) / 38880;
  return {a + z / r + (z2 - 1) / 3 + r * (c3 - r * (c4 - r * c5)),
          1 / r + 2 * z / 3 + r * ((3 * z2 - 7) / 36 - r * z * (12 * z2 + 14) / 810),
          1 + r * (0.5 * z - r * r * (0.5 * c3 - r * (c4 - r * 1.5 * c5)))};
}

}  // namespace

double log_gamma_quantile(double shape, double u) {
  if (!(shape > 0) || !(u > 0 && u < 1)) return kNan;
  // P = x^a / Gamma(a + 1) (1 - a x / (a + 1) + O(x^2)).
  const double log_small = (std::log(u) + lgamma(shape + 1)) / shape;
  if (log_small < -20) return log_small + std::exp(log_small) / (shape + 1);
  if (shape > kLargeShape) return std::log(large_gamma(shape, normal_quantile(u)).x);
  return std::log(u <= 0.5 ? boost::math::gamma_p_inv(shape, u, Quiet())
                           : boost::math::gamma_q_inv(shape, 1 - u, Quiet()));
}

double log_gamma_quantile_derivative(double shape, double log_x) {
  if (!(shape > 0)) return kNan;
  const double x = std::exp(log_x);
  if (shape > kLargeShape) {
    double z = (x - shape) / std::sqrt(shape);
    for (int k = 0; k < 6; ++k) {
      const Expansion e = large_gamma(shape, z);
      z -= (e.x - x) / e.d_z;
    }
    return large_gamma(shape, z).d_a / x;
  }
  if (x < shape + 1) {
    // P = x^a e^-x / Gamma(a + 1) S with S = sum_n x^n / ((a+1) ... (a+n)), and x p(x) = a times
    // that front, which cancels: all terms of d log P / da are negative up to x = a.
    // [Abramowitz and Stegun 1964, 6.5.29]
    double term = 1, dlog_term = 0, sum = 1, dsum = 0;
    for (int n = 1; n < 100000; ++n) {
      term *= x / (shape + n);
      dlog_term -= 1 / (shape + n);
      sum += term;
      dsum += term * dlog_term;
      if (term * (1 - dlog_term) < 1e-17 * sum) break;
    }
    return -(sum * (log_x - digamma(shape + 1)) + dsum) / shape;
  }
  double d_a = 0, d_x = 0;
  gamma_p_partials(shape, x, &d_a, &d_x);
  if (d_x * x > 1e-290) return -d_a / (d_x * x);
  // Far in the upper tail Q = x p(x) / (x + 1 - a) (1 + O(a / x^2)).
  return (log_x - digamma(shape)) / (x + 1 - shape);
}

double logit_beta_quantile(double a, double b, double u) {
  if (!(a > 0) || !(b > 0) || !(u > 0 && u < 1)) return kNan;
  // I = x^a / (a B) (1 + a (1 - b) x / (a + 1) + O(x^2)), and the same from the other end.
  const double log_b = log_beta(a, b);
  const double low = (std::log(u) + std::log(a) + log_b) / a;
  const double high = (std::log1p(-u) + std::log(b) + log_b) / b;
  const auto from_end = [](double log_x, double p, double q) {
    const double x = std::exp(log_x);
    const double better = log_x + (q - 1) * x / (p + 1);
    return better - std::log1p(-x);
  };
  if (low < -20 && std::exp(low) * (1 + b) < 1e-8) return from_end(low, a, b);
  if (high < -20 && std::exp(high) * (1 + a) < 1e-8) return -from_end(high, b, a);
  double x = 0, y = 0;
  if (u <= 0.5) {
    x = boost::math::ibeta_inv(a, b, u, &y, Quiet());
  } else {
    x = boost::math::ibetac_inv(a, b, 1 - u, &y, Quiet());
  }
  return std::log(x) - std::log(y);
}

void logit_beta_quantile_derivatives(double a, double b, double logit_x, double* d_a, double* d_b) {
  const double x = inv_logit(logit_x), y = inv_logit(-logit_x);
  // The tail that is small: log I and its derivatives carry no cancellation there.
  const bool lower = x <= (a + 1) / (a + b + 2);
  const double p = lower ? a : b, q = lower ? b : a, t = lower ? x : y;
  double d_p = 0, d_q = 0;  // of the quantile's logit, counted from this end
  if (t * (1 + q) < 1e-17) {
    // I = t^p / (p B).
    const double log_t = lower ? -log1p_exp(-logit_x) : -log1p_exp(logit_x);
    d_p = -(log_t - 1 / p - digamma(p) + digamma(p + q)) / p;
    d_q = (digamma(q) - digamma(p + q)) / p;
  } else {
    double partial[3];
    log_inc_beta_partials(p, q, t, partial);
    const double slope = partial[2] * x * y;
    d_p = -partial[0] / slope;
    d_q = -partial[1] / slope;
  }
  *d_a = lower ? d_p : -d_q;
  *d_b = lower ? d_q : -d_p;
}

double von_mises_length(double kappa) {
  if (!(kappa >= 0)) return kNan;
  if (kappa < 1e-8) return 0.5 * kappa;
  if (kappa > 1e4) {
    // 1 - 1/(2k) - 1/(8k^2) - 1/(8k^3) - 25/(128 k^4) - ...
    const double r = 1 / kappa;
    return 1 - r * (0.5 + r * (0.125 + r * (0.125 + r * 25.0 / 128)));
  }
  // I_1/I_0 = 1 / (2/k + 1 / (4/k + 1 / (6/k + ...))), from far enough down. [Gautschi 1967,
  // doi 10.1137/1009002]
  const int steps = 20 + static_cast<int>(kappa < 20 ? kappa : 10 * std::sqrt(kappa));
  double r = 0;
  for (int k = steps; k >= 1; --k) r = 1 / (2.0 * k / kappa + r);
  return r;
}

double von_mises_length_derivative(double kappa) {
  if (kappa < 1e-4) return 0.5 - 3 * kappa * kappa / 16;
  if (kappa > 1e4) {
    const double r = 1 / kappa;
    return r * r * (0.5 + r * (0.25 + r * (0.375 + r * 25.0 / 32)));
  }
  const double a = von_mises_length(kappa);
  return 1 - a / kappa - a * a;
}

namespace {

/// The integral of g(t) e^{kappa (cos t - cos x)} from x to pi, 0 <= x: decays over some 1/(kappa
/// sin x) or 1/sqrt(kappa); where it has fallen below 1e-18, nothing is lost.
template <class G>
double upper_integral(double kappa, double x, G g) {
  const double floor = std::cos(x) - 42 / std::max(kappa, 1e-300);
  const double end = floor <= -1 ? kPi : std::acos(floor);
  // cos t - cos x = -2 sin((t + x)/2) sin((t - x)/2) without cancellation.
  const auto f = [&](double t) {
    return g(t) * std::exp(-2 * kappa * std::sin(0.5 * (t + x)) * std::sin(0.5 * (t - x)));
  };
  const double width = (end - x) / 4;
  double sum = 0;
  for (int k = 0; k < 4; ++k) sum += Gauss::integrate(f, x + k * width, x + (k + 1) * width);
  return sum;
}
/// From 0 to x, for x of at most about one standard deviation.
template <class G>
double inner_integral(double kappa, double x, G g) {
  const auto f = [&](double t) {
    return g(t) * std::exp(2 * kappa * std::sin(0.5 * (x + t)) * std::sin(0.5 * (x - t)));
  };
  return Gauss::integrate(f, 0.0, x);
}

/// The angle at which cos x is the mean of cos: the sign of d p(x) / d kappa changes there.
double turning_point(double kappa, double* sine_half_squared) {
  // 1 - cos x = 1 - A, kept as a difference.
  const double one_minus =
      kappa > 1e4 ? (0.5 + (0.125 + 0.125 / kappa) / kappa) / kappa : 1 - von_mises_length(kappa);
  *sine_half_squared = 0.5 * one_minus;
  return 2 * std::asin(std::sqrt(0.5 * one_minus));
}

/// log of the density at 0.
double von_mises_log_peak(double kappa) {
  return kappa - log_bessel_i(0, kappa) - std::log(2 * kPi);
}
double density(double log_peak, double kappa, double x) {
  const double s = std::sin(0.5 * x);
  return std::exp(log_peak - 2 * kappa * s * s);
}

/// Upper tail at x >= 0.
double upper_tail(double log_peak, double kappa, double x, double turn) {
  const auto one = [](double) { return 1.0; };
  const double p = density(log_peak, kappa, x);
  return x <= turn ? 0.5 - p * inner_integral(kappa, x, one) : p * upper_integral(kappa, x, one);
}

}  // namespace

double von_mises_cdf(double kappa, double x) {
  if (!(kappa >= 0) || !(std::abs(x) <= kPi)) return kNan;
  double half = 0;
  const double turn = turning_point(kappa, &half);
  const double tail = upper_tail(von_mises_log_peak(kappa), kappa, std::abs(x), turn);
  return x < 0 ? tail : 1 - tail;
}

double von_mises_quantile(double kappa, double u) {
  if (!(kappa >= 0) || !(u > 0 && u < 1)) return kNan;
  const double tail = u < 0.5 ? u : 1 - u;
  double half = 0;
  const double turn = turning_point(kappa, &half);
  const double log_peak = von_mises_log_peak(kappa);
  double low = 0, high = kPi;
  // Near the answer for large kappa: sin(x / 2) is about normal.
  const double z = -normal_quantile(tail);
  double x =
      kappa > 1 ? 2 * std::asin(std::min(1.0, 0.5 * z / std::sqrt(kappa))) : kPi * (1 - 2 * tail);
  // Newton's steps on the logarithm of the tail, kept within a bracket.
  for (int k = 0; k < 60; ++k) {
    const double q = upper_tail(log_peak, kappa, x, turn);
    (q > tail ? low : high) = x;
    const double excess = std::log(q / tail);
    const double next = x + excess * q / density(log_peak, kappa, x);
    const bool inside = next > low && next < high;
    x = inside ? next : 0.5 * (low + high);
    if (inside && std::abs(excess) < 1e-8) break;  // Newton's next error is the square of that
    if (!(high - low > 1e-15 * high)) break;
  }
  return u < 0.5 ? -x : x;
}

double von_mises_quantile_derivative(double kappa, double x) {
  if (!(kappa >= 0) || !(std::abs(x) <= kPi)) return kNan;
  double half = 0;
  const double turn = turning_point(kappa, &half);
  // cos t - A = 2 (half - sin^2(t / 2)).
  const auto g = [half](double t) {
    const double s = std::sin(0.5 * t);
    return 2 * (half - s * s);
  };
  const double t = std::abs(x);
  // g has one sign on either interval.
  const double d = t <= turn ? -inner_integral(kappa, t, g) : upper_integral(kappa, t, g);
  return x < 0 ? -d : d;
}

}  // namespace vinci::numeric
