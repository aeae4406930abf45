#include "numeric/special/hypergeometric.h"

#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>

#include "numeric/special/special.h"

namespace vinci::numeric {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double series(int p, const double* a, int q, const double* b, double z, double* partial) {
  // The logarithmic derivatives of the terms in each parameter are running sums.
  double d_a[kMaxHypergeometric] = {};
  double d_b[kMaxHypergeometric] = {};
  double sum_a[kMaxHypergeometric] = {};
  double sum_b[kMaxHypergeometric] = {};
  double term = 1;
  double sum = 1;
  double sum_z = 0;  // sum of n term_n / z, accumulated as term ratios to allow z = 0
  for (int n = 0; n < 1000000; ++n) {
    double ratio = 1.0 / (n + 1);
    for (int i = 0; i < p; ++i) ratio *= a[i] + n;
    for (int j = 0; j < q; ++j) ratio /= b[j] + n;
    sum_z += term * ratio * (n + 1);
    double growth = 1;
    for (int i = 0; i < p; ++i) d_a[i] += 1 / (a[i] + n);
    for (int j = 0; j < q; ++j) d_b[j] -= 1 / (b[j] + n);
    term *= ratio * z;
    if (term == 0) break;
    sum += term;
    for (int i = 0; i < p; ++i) sum_a[i] += term * d_a[i], growth += std::abs(d_a[i]);
    for (int j = 0; j < q; ++j) sum_b[j] += term * d_b[j], growth += std::abs(d_b[j]);
    if (!std::isfinite(sum)) return sum;
    if (std::abs(term) * growth * (n + 1) < 1e-17 * std::abs(sum) && std::abs(ratio * z) < 1) break;
    if (n == 999999) return kNan;
  }
  if (partial) {
    partial[0] = sum_z;
    for (int i = 0; i < p; ++i) partial[1 + i] = sum_a[i];
    for (int j = 0; j < q; ++j) partial[1 + p + j] = sum_b[j];
  }
  return sum;
}

}  // namespace

double hypergeometric(int p, const double* a, int q, const double* b, double z, double* partial) {
  if (partial)
    for (int k = 0; k < 1 + p + q; ++k) partial[k] = kNan;
  if (p == 2 && q == 1 && z < 0) {
    // 2F1(a, b; c; z) = (1 - z)^{-a} 2F1(a, c - b; c; z / (z - 1))
    const double inner[] = {a[0], b[0] - a[1]};
    const double w = z / (z - 1);
    double d[4] = {kNan, kNan, kNan, kNan};
    const double factor = std::pow(1 - z, -a[0]);
    const double value = series(2, inner, 1, b, w, d);
    if (partial) {
      partial[0] = factor * (a[0] / (1 - z) * value - d[0] / ((z - 1) * (z - 1)));
      partial[1] = factor * (d[1] - std::log1p(-z) * value);
      partial[2] = -factor * d[2];
      partial[3] = factor * (d[2] + d[3]);
    }
    return factor * value;
  }
  if (p > q + 1 || (p == q + 1 && std::abs(z) > 1)) {
    // Only a series that ends has a value.
    bool ends = false;
    for (int i = 0; i < p; ++i) ends = ends || (a[i] <= 0 && std::floor(a[i]) == a[i]);
    if (!ends) return kNan;
  }
  return series(p, a, q, b, z, partial);
}

double student_t_quantile(double p, double nu) {
  if (!(nu > 0) || !(p >= 0 && p <= 1)) return kNan;
  if (p == 0) return -std::numeric_limits<double>::infinity();
  if (p == 1) return std::numeric_limits<double>::infinity();
  return boost::math::quantile(boost::math::students_t(nu), p);
}

void student_t_quantile_partials(double /*p*/, double nu, double t, double* partial) {
  // F(t; nu) = p: dt/dp = 1 / f, dt/dnu = -(dF/dnu) / f, with F = 1/2 + sign(t) (1 - I_x(nu/2,
  // 1/2)) / 2 and x = nu / (nu + t^2).
  const double log_f = lgamma((nu + 1) / 2) - lgamma(nu / 2) -
                       0.5 * std::log(nu * 3.14159265358979323846) -
                       (nu + 1) / 2 * std::log1p(t * t / nu);
  const double f = std::exp(log_f);
  partial[0] = 1 / f;
  if (t == 0) {
    partial[1] = 0;
    return;
  }
  const double x = nu / (nu + t * t);
  double d[3];
  inc_beta_partials(nu / 2, 0.5, x, d);
  const double dx = t * t / ((nu + t * t) * (nu + t * t));
  const double d_f = -std::copysign(0.5, t) * (0.5 * d[0] + d[2] * dx);
  partial[1] = -d_f / f;
}

}  // namespace vinci::numeric
