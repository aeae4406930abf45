// Scalar special functions against closed forms and finite differences.
#include "numeric/special/special.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

namespace vinci::numeric {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

/// Fourth-order difference.
double slope(const std::function<double(double)>& f, double x, double step = 1e-3) {
  const double h = step * std::max(1e-3, std::abs(x));
  return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h);
}
void expect_close(double want, double got, double tolerance, const std::string& what) {
  EXPECT_NEAR(want, got, tolerance * std::max(1e-280, std::abs(want))) << what;
}

TEST(Special, GammaPPartials) {
  for (double a : {0.1, 0.5, 1.0, 2.5, 10.0, 80.0, 1000.0})
    for (double factor : {0.05, 0.5, 0.9, 1.0, 1.1, 1.5, 4.0}) {
      const double x = a * factor;
      double d_a = 0;
      double d_x = 0;
      gamma_p_partials(a, x, &d_a, &d_x);
      const std::string what = "a " + std::to_string(a) + " x " + std::to_string(x);
      // The smaller of P and Q keeps its digits.
      const bool lower = gamma_p(a, x) < 0.5;
      const double sign = lower ? 1 : -1;
      const auto f = [&](double u, double v) { return lower ? gamma_p(u, v) : gamma_q(u, v); };
      expect_close(sign * slope([&](double u) { return f(u, x); }, a, 1e-4), d_a, 1e-5, what);
      expect_close(sign * slope([&](double v) { return f(a, v); }, x, 1e-4), d_x, 1e-5, what);
    }
}

TEST(Special, IncBetaPartials) {
  for (double a : {0.2, 1.0, 3.0, 40.0})
    for (double b : {0.3, 1.0, 7.0, 60.0})
      for (double x : {0.01, 0.2, 0.5, 0.9}) {
        double p[3];
        inc_beta_partials(a, b, x, p);
        const std::string what =
            "a " + std::to_string(a) + " b " + std::to_string(b) + " x " + std::to_string(x);
        const bool lower = inc_beta(a, b, x) < 0.5;
        const auto f = [&](double u, double v, double w) {
          return lower ? inc_beta(u, v, w) : -inc_beta(v, u, 1 - w);
        };
        expect_close(slope([&](double u) { return f(u, b, x); }, a, 2e-5), p[0], 1e-5, what);
        expect_close(slope([&](double u) { return f(a, u, x); }, b, 2e-5), p[1], 1e-5, what);
        expect_close(slope([&](double u) { return f(a, b, u); }, x, 2e-5), p[2], 1e-5, what);
        log_inc_beta_partials(a, b, x, p);
        const auto g = [](double u, double v, double w) { return log_inc_beta(u, v, w); };
        const double floor_size = 1e-9 * std::abs(g(a, b, x)) + 1e-14;
        EXPECT_NEAR(slope([&](double u) { return g(u, b, x); }, a, 1e-4), p[0],
                    1e-6 * std::abs(p[0]) + floor_size)
            << what;
        EXPECT_NEAR(slope([&](double u) { return g(a, u, x); }, b, 1e-4), p[1],
                    1e-6 * std::abs(p[1]) + floor_size)
            << what;
        EXPECT_NEAR(slope([&](double u) { return g(a, b, u); }, x, 1e-4), p[2],
                    1e-6 * std::abs(p[2]) + floor_size)
            << what;
      }
}

TEST(Special, LogIncBetaWhereTheValueUnderflows) {
  // I_x(a, 1) = x^a.
  EXPECT_NEAR(log_inc_beta(1000, 1, 1e-3), 1000 * std::log(1e-3), 1e-9);
  double p[3];
  log_inc_beta_partials(1000, 1, 1e-3, p);
  EXPECT_NEAR(p[0], std::log(1e-3), 1e-10);
  EXPECT_NEAR(p[2], 1000 / 1e-3, 1e-4);
  EXPECT_EQ(log_inc_beta(2, 3, 0), -kInf);
  EXPECT_EQ(log_inc_beta(2, 3, 1), 0);
  EXPECT_TRUE(std::isnan(log_inc_beta(-1, 3, 0.5)));
}

TEST(Special, NormalTailsAndQuantiles) {
  // Reference values by 40-digit arithmetic.
  expect_close(-53.231285150512469, std_normal_lcdf(-10), 1e-14, "log Phi(-10)");
  expect_close(-804.608442013753788, std_normal_lcdf(-40), 1e-14, "log Phi(-40)");
  expect_close(-2.2368120644441053e-16, std_normal_lcdf(8.125), 1e-14, "log Phi(8.125)");
  for (double x : {-38.0, -20.0, -15.001, -14.999, -3.0, 0.0, 1.0, 5.0}) {
    expect_close(slope(std_normal_lcdf, x), std_normal_lcdf_derivative(x), 1e-8, "derivative");
    if (x > -37)
      expect_close(x, std_normal_quantile(std_normal_cdf(x)), x < 3 ? 1e-12 : 1e-8, "quantile");
    if (x < 3) {
      EXPECT_NEAR(x, std_normal_log_quantile(std_normal_lcdf(x)), 1e-12 * (1 + std::abs(x)));
    }
  }
  EXPECT_NEAR(std_normal_log_quantile(std_normal_lcdf(-100)), -100, 1e-10);
  EXPECT_EQ(std_normal_log_quantile(-kInf), -kInf);
  EXPECT_EQ(std_normal_log_quantile(0), kInf);
}

TEST(Special, BesselFunctions) {
  for (double order : {0.0, 0.5, 1.0, 3.7})
    for (double x : {0.3, 2.0, 15.0}) {
      expect_close(slope([&](double u) { return bessel_i(order, u); }, x),
                   bessel_i_derivative(order, x), 1e-8, "I");
      expect_close(slope([&](double u) { return bessel_k(order, u); }, x),
                   bessel_k_derivative(order, x), 1e-8, "K");
      expect_close(slope([&](double u) { return bessel_j(order, u); }, x),
                   bessel_j_derivative(order, x), 1e-7, "J");
      expect_close(slope([&](double u) { return bessel_y(order, u); }, x),
                   bessel_y_derivative(order, x), 1e-7, "Y");
    }
  // I_{1/2}(x) = sqrt(2 / (pi x)) sinh x
  for (double x : {1e-3, 0.5, 30.0, 499.0, 501.0, 2e4, 1e6}) {
    const double log_sinh = x + std::log1p(-std::exp(-2 * x)) - std::log(2.0);
    EXPECT_NEAR(log_bessel_i(0.5, x), 0.5 * std::log(2 / (M_PI * x)) + log_sinh,
                4e-15 * x * std::log(x + 3) + 1e-14);
    expect_close(1 / std::tanh(x) - 0.5 / x, log_bessel_i_derivative(0.5, x), 1e-7, "log I'");
  }
  EXPECT_NEAR(log_bessel_i(300, 1e-3), 300 * std::log(0.5e-3) - lgamma(301), 1e-9);
}

TEST(Special, OthersAgainstDifferences) {
  for (double h : {-2.0, 0.1, 1.5})
    for (double a : {-1.5, 0.3, 4.0}) {
      double d_h = 0;
      double d_a = 0;
      owens_t_partials(h, a, &d_h, &d_a);
      EXPECT_NEAR(slope([&](double u) { return owens_t(u, a); }, h), d_h, 1e-9);
      EXPECT_NEAR(slope([&](double u) { return owens_t(h, u); }, a), d_a, 1e-9);
    }
  for (double x : {-0.3, 0.1, 5.0, 1e6}) {
    const double w = lambert_w0(x);
    EXPECT_NEAR(w * std::exp(w), x, 1e-14 * std::max(1.0, std::abs(x)) * 10);
    expect_close(slope(lambert_w0, x), lambert_w_derivative(x, w), 1e-8, "W");
  }
  const double w = lambert_wm1(-0.1);
  EXPECT_NEAR(w * std::exp(w), -0.1, 1e-15);
  EXPECT_LT(w, -1);
  for (double x : {-2.5, 0.2, 3.0, 100.0}) {
    expect_close(slope(lgamma, x), digamma(x), 1e-8, "digamma");
    expect_close(slope(digamma, x), trigamma(x), 1e-8, "trigamma");
  }
  EXPECT_NEAR(lchoose(10, 3), std::log(120.0), 1e-14);
}

TEST(Special, LogSumExpOfManyNumbers) {
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<double> x = {1000, -inf, 1001, 999};
  EXPECT_DOUBLE_EQ(log_sum_exp(x), 1001 + std::log(1 + std::exp(-1.0) + std::exp(-2.0)));
  EXPECT_EQ(log_sum_exp(std::vector<double>{}), -inf);
  EXPECT_EQ(log_sum_exp(std::vector<double>{-inf, -inf}), -inf);
  EXPECT_EQ(log_sum_exp(std::vector<double>{0, inf}), inf);
  EXPECT_TRUE(std::isnan(log_sum_exp(std::vector<double>{0, std::nan("")})));
}

}  // namespace
}  // namespace vinci::numeric
