// Quantiles against the distribution functions, and their derivatives against differences of
// quantiles computed by Boost.Math.
#include "numeric/special/quantiles.h"

#include <gtest/gtest.h>

#include <boost/math/quadrature/tanh_sinh.hpp>
#include <boost/math/special_functions/bessel.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <functional>
#include <numbers>
#include <string>

#include "numeric/special/special.h"

namespace vinci::numeric {
namespace {

/// Fourth-order difference in long double: the quantiles differenced carry 1e-18.
long double slope(const std::function<long double(long double)>& f, long double x,
                  long double relative) {
  const long double h = relative * x;
  return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h);
}

const double kProbabilities[] = {1e-12, 1e-4, 0.03, 0.3, 0.5, 0.62, 0.9, 0.9995, 1 - 1e-10};

TEST(Quantiles, GammaInvertsItsDistributionFunction) {
  for (const double a : {0.05, 0.5, 1.0, 3.7, 60.0, 1e3, 3e5}) {
    for (const double u : kProbabilities) {
      const double z = log_gamma_quantile(a, u), x = std::exp(z);
      const double tail = u <= 0.5 ? gamma_p(a, x) / u : gamma_q(a, x) / (1 - u);
      if (x < 1e-300) continue;
      EXPECT_NEAR(tail, 1, a > 1e5 ? 1e-8 : 1e-10) << a << " " << u;
    }
  }
  // Where x underflows: P = x^a / Gamma(a + 1).
  const double z = log_gamma_quantile(0.001, 0.2);
  EXPECT_LT(z, -1000);
  EXPECT_NEAR(0.001 * z - std::lgamma(1.001), std::log(0.2), 1e-12);
}

TEST(Quantiles, GammaDerivativeMatchesDifferencesOfTheInverse) {
  for (const double a : {0.05, 0.5, 1.0, 3.7, 60.0, 1e3}) {
    for (const double u : kProbabilities) {
      const double z = log_gamma_quantile(a, u);
      if (z < -600) continue;
      const auto inverse = [&](long double shape) {
        return std::log(u <= 0.5
                            ? boost::math::gamma_p_inv(shape, static_cast<long double>(u))
                            : boost::math::gamma_q_inv(shape, 1 - static_cast<long double>(u)));
      };
      const auto want = static_cast<double>(slope(inverse, a, 1e-3L));
      EXPECT_NEAR(log_gamma_quantile_derivative(a, z) / want, 1, 2e-9) << a << " " << u;
    }
  }
}

TEST(Quantiles, GammaExpansionMeetsTheSeries) {
  // On both sides of the shape where the method changes, dx/da changes little.
  for (const double z : {-6.0, -2.0, -0.1, 0.0, 1.0, 3.0, 6.0}) {
    const auto derivative = [z](double a) {
      const double x = a + z * std::sqrt(a);
      return log_gamma_quantile_derivative(a, std::log(x)) * x;
    };
    EXPECT_NEAR(derivative(1e5), derivative(1e5 * (1 + 1e-9)), 1e-11) << z;
  }
}

TEST(Quantiles, GammaDerivativeInTheTails) {
  // Where x underflows: log x = (log u + log Gamma(a + 1)) / a.
  const double a = 0.001, u = 0.2, z = log_gamma_quantile(a, u);
  const double want = -z / a + digamma(a + 1) / a;
  EXPECT_NEAR(log_gamma_quantile_derivative(a, z) / want, 1, 1e-12);
  // Far out, where the density underflows, the derivative goes on smoothly.
  const double near = log_gamma_quantile_derivative(2, std::log(600.0));
  const double far = log_gamma_quantile_derivative(2, std::log(900.0));
  EXPECT_GT(near, far);
  EXPECT_NEAR(far, (std::log(900.0) - digamma(2)) / 899, 1e-5 * far);
}

TEST(Quantiles, BetaInvertsItsDistributionFunction) {
  for (const double a : {0.02, 0.7, 1.0, 5.0, 172.0}) {
    for (const double b : {0.03, 1.0, 4.0, 150.0}) {
      for (const double u : kProbabilities) {
        const double z = logit_beta_quantile(a, b, u);
        if (std::abs(z) > 600) continue;
        const double x = inv_logit(z), y = inv_logit(-z);
        const double tail = u <= 0.5
                                ? (y > 1e-3 ? inc_beta(a, b, x) : 1 - inc_beta(b, a, y)) / u
                                : (x > 1e-3 ? inc_beta(b, a, y) : 1 - inc_beta(a, b, x)) / (1 - u);
        EXPECT_NEAR(tail, 1, 3e-9) << a << " " << b << " " << u;
      }
    }
  }
  const double z = logit_beta_quantile(0.001, 2, 0.1);
  EXPECT_LT(z, -1000);
}

TEST(Quantiles, BetaDerivativesMatchDifferencesOfTheInverse) {
  for (const double a : {0.3, 1.0, 5.0, 172.0}) {
    for (const double b : {0.4, 1.0, 4.0, 150.0}) {
      for (const double u : {1e-6, 0.03, 0.3, 0.5, 0.62, 0.9, 0.9995}) {
        const double z = logit_beta_quantile(a, b, u);
        const auto inverse = [&](long double p, long double q) {
          long double y = 0;
          const auto probability = static_cast<long double>(u);
          const long double x = u <= 0.5 ? boost::math::ibeta_inv(p, q, probability, &y)
                                         : boost::math::ibetac_inv(p, q, 1 - probability, &y);
          return std::log(x) - std::log(y);
        };
        double d_a = 0, d_b = 0;
        logit_beta_quantile_derivatives(a, b, z, &d_a, &d_b);
        const auto want_a =
            static_cast<double>(slope([&](long double p) { return inverse(p, b); }, a, 1e-3L));
        const auto want_b =
            static_cast<double>(slope([&](long double q) { return inverse(a, q); }, b, 1e-3L));
        EXPECT_NEAR(d_a / want_a, 1, 1e-8) << a << " " << b << " " << u;
        EXPECT_NEAR(d_b / want_b, 1, 1e-8) << a << " " << b << " " << u;
      }
    }
  }
}

TEST(Quantiles, BetaDerivativesMeetAtTheEnds) {
  // The leading term of the series takes over where x is tiny.
  double a1 = 0, b1 = 0, a2 = 0, b2 = 0;
  logit_beta_quantile_derivatives(0.5, 2, std::log(1e-16), &a1, &b1);
  logit_beta_quantile_derivatives(0.5, 2, std::log(1e-18), &a2, &b2);
  EXPECT_NEAR(b1, b2, 1e-13);
  EXPECT_NEAR(a2 - a1, std::log(100.0) / 0.5, 1e-10);
  // Symmetric: x of (a, b) is 1 - x of (b, a).
  logit_beta_quantile_derivatives(3, 0.2, 800.0, &a1, &b1);
  logit_beta_quantile_derivatives(0.2, 3, -800.0, &a2, &b2);
  EXPECT_NEAR(a1, -b2, 1e-12 * std::abs(a1));
  EXPECT_NEAR(b1, -a2, 1e-12 * std::abs(b1));
}

TEST(Quantiles, VonMisesLengthMatchesBesselFunctions) {
  for (const double k : {1e-6, 0.01, 0.5, 3.0, 40.0, 400.0}) {
    const auto length = [](long double x) {
      return boost::math::cyl_bessel_i(1, x) / boost::math::cyl_bessel_i(0, x);
    };
    EXPECT_NEAR(von_mises_length(k) / static_cast<double>(length(k)), 1, 1e-14) << k;
    EXPECT_NEAR(von_mises_length_derivative(k) / static_cast<double>(slope(length, k, 1e-3L)), 1,
                2e-9)
        << k;
  }
  EXPECT_NEAR(von_mises_length(1e4 - 1e-6), von_mises_length(1e4 + 1e-6), 1e-13);
  EXPECT_NEAR(von_mises_length_derivative(9999.999) * 2e8,
              von_mises_length_derivative(10000.001) * 2e8, 1e-6);
}

/// The integral of `f` over [low, high] to about 1e-15.
double integral(const std::function<double(double)>& f, double low, double high) {
  boost::math::quadrature::tanh_sinh<double> rule;
  return rule.integrate(f, low, high);
}

TEST(Quantiles, VonMisesInvertsItsDistributionFunction) {
  for (const double k : {0.0, 0.3, 2.0, 50.0, 3000.0}) {
    for (const double u : kProbabilities) {
      const double x = von_mises_quantile(k, u);
      const double back = von_mises_cdf(k, x);
      EXPECT_NEAR(back, u, 1e-14);
      // (Near pi the angle itself is rounded.)
      if (k >= 50) {
        EXPECT_NEAR(u < 0.5 ? back / u : (1 - back) / (1 - u), 1, 1e-5) << k << " " << u;
      }
      if (k > 60) continue;
      const auto density = [k](double t) {
        return std::exp(k * std::cos(t)) / (2 * std::numbers::pi * boost::math::cyl_bessel_i(0, k));
      };
      EXPECT_NEAR(integral(density, -std::numbers::pi, x), u, 1e-12) << k << " " << u;
    }
  }
}

TEST(Quantiles, VonMisesDerivativeMatchesDifferences) {
  for (const double k : {0.05, 0.3, 2.0, 50.0, 3000.0}) {
    for (const double u : {1e-6, 0.03, 0.3, 0.45, 0.62, 0.9, 0.9995}) {
      const double x = von_mises_quantile(k, u);
      const auto inverse = [&](long double kappa) -> long double {
        return von_mises_quantile(static_cast<double>(kappa), u);
      };
      // The quantile is a double: its rounding over the step is the tolerance.
      const auto want = static_cast<double>(slope(inverse, k, 3e-3L));
      EXPECT_NEAR(von_mises_quantile_derivative(k, x), want, 1e-8 * std::abs(want) + 2e-12 / k)
          << k << " " << u;
    }
  }
}

}  // namespace
}  // namespace vinci::numeric
