// Coordinate ascent against closed forms and independent derivations.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "conjugate/normal_block.h"
#include "conjugate/testing/fitted.h"
#include "numeric/special/special.h"

namespace vinci::conjugate {
namespace {

using numeric::digamma;
using numeric::lgamma;

constexpr double kPi = 3.14159265358979323846;

// ---- closed forms: the bound is the evidence, q the posterior

TEST(ClosedForm, BetaBinomial) {
  Fitted f(R"(data { int n; int y; } parameters { real<lower=0, upper=1> p; }
    model { p ~ beta(2.5, 3); y ~ binomial(n, p); })",
           R"({"n": 17, "y": 5})");
  ASSERT_TRUE(f.ok()) << f.misfit();
  EXPECT_EQ(f.family("p"), "beta");
  expect_close(f.at("p", "a"), 7.5);
  expect_close(f.at("p", "b"), 15);
  const auto lbeta = [](double a, double b) { return lgamma(a) + lgamma(b) - lgamma(a + b); };
  expect_close(f.elbo(), lbeta(7.5, 15) - lbeta(2.5, 3) + numeric::lchoose(17, 5));
}

TEST(ClosedForm, GammaPoisson) {
  Fitted f(R"(data { array[4] int y; } parameters { real<lower=0> rate; }
    model { rate ~ gamma(2, 0.5); for (n in 1:4) target += poisson_lpmf(y[n] | 3 * rate); })",
           R"({"y": [3, 0, 7, 2]})");
  ASSERT_TRUE(f.ok()) << f.misfit();
  expect_close(f.at("rate", "shape"), 14);
  expect_close(f.at("rate", "rate"), 12.5);
  double evidence =
      2 * std::log(0.5) - lgamma(2) + lgamma(14) - 14 * std::log(12.5) + 12 * std::log(3);
  for (double y : {3, 0, 7, 2}) evidence -= lgamma(y + 1);
  expect_close(f.elbo(), evidence);
}

TEST(ClosedForm, NormalNormal) {
  Fitted f(R"(data { vector[3] y; } parameters { real mu; }
    model { mu ~ normal(1, 2); y ~ normal(mu, 0.5); })",
           R"({"y": [2.1, 1.4, 2.9]})");
  ASSERT_TRUE(f.ok()) << f.misfit();
  const double precision = 0.25 + 3 / 0.25;
  expect_close(f.at("mu", "mean"), (0.25 + 6.4 / 0.25) / precision);
  expect_close(f.at("mu", "sd"), 1 / std::sqrt(precision));
  // The evidence of y ~ N(1, 0.25 I + 4 11').
  Eigen::Matrix3d s = 0.25 * Eigen::Matrix3d::Identity() + 4 * Eigen::Matrix3d::Ones();
  Eigen::Vector3d d(1.1, 0.4, 1.9);
  expect_close(f.elbo(), -1.5 * std::log(2 * kPi) - 0.5 * std::log(s.determinant()) -
                             0.5 * d.dot(s.inverse() * d));
}

// mu | tau ~ N(m0, 1/(k0 tau)), tau ~ Gamma(a0, b0), in each of the ways in which people write the
// scale.  [Bernardo and Smith 1994, sec. 5.2]
TEST(ClosedForm, NormalGamma) {
  const double a0 = 3, b0 = 2, k0 = 0.5, m0 = 1, n = 4;
  const std::vector<double> y{1.2, 0.3, 2.2, 3.1};
  double mean = 0, ss = 0;
  for (double v : y) mean += v / n;
  for (double v : y) ss += (v - mean) * (v - mean);
  const double kn = k0 + n, mn = (k0 * m0 + n * mean) / kn, an = a0 + n / 2;
  const double bn = b0 + ss / 2 + k0 * n * (mean - m0) * (mean - m0) / (2 * kn);
  const double evidence = lgamma(an) - lgamma(a0) + a0 * std::log(b0) - an * std::log(bn) +
                          0.5 * std::log(k0 / kn) - n / 2 * std::log(2 * kPi);
  const std::string data = R"({"y": [1.2, 0.3, 2.2, 3.1]})";
  for (const char* scale : {"1 / sqrt(tau)", "inv_sqrt(tau)", "pow(tau, -0.5)", "sqrt(inv(tau))"}) {
    Fitted f(
        std::string("data { vector[4] y; } parameters { real mu; real<lower=0> tau; } model {"
                    " tau ~ gamma(3, 2); mu ~ normal(1, inv_sqrt(0.5 * tau)); y ~ normal(mu, ") +
            scale + "); }",
        data);
    ASSERT_TRUE(f.ok()) << scale << f.misfit();
    expect_close(f.at("tau", "shape"), an);
    expect_close(f.at("tau", "rate"), bn);
    expect_close(f.at("mu", "location"), mn);
    expect_close(f.at("mu", "scale"), std::sqrt(bn / (an * kn)));
    expect_close(f.elbo(), evidence);
  }
  Fitted f(R"(data { vector[4] y; } parameters { real mu; real<lower=0> s2; }
    model { s2 ~ inv_gamma(3, 2); mu ~ normal(1, sqrt(2 * s2)); y ~ normal(mu, sqrt(s2)); })",
           data);
  ASSERT_TRUE(f.ok()) << f.misfit();
  EXPECT_EQ(f.family("s2"), "inverse-gamma");
  expect_close(f.at("s2", "scale"), bn);
  expect_close(f.elbo(), evidence);
}

TEST(ClosedForm, DirichletMultinomial) {
  Fitted f(R"(data { array[3] int y; array[2] int w; } parameters { simplex[3] theta; }
    model { theta ~ dirichlet([1.5, 2, 0.5]'); y ~ multinomial(theta); w ~ categorical(theta); })",
           R"({"y": [4, 0, 3], "w": [2, 3]})");
  ASSERT_TRUE(f.ok()) << f.misfit();
  expect_close(f.at("theta", "alpha[1]"), 5.5);
  expect_close(f.at("theta", "alpha[2]"), 3);
  expect_close(f.at("theta", "alpha[3]"), 4.5);
  expect_close(f.elbo(), lgamma(8) - lgamma(5) - lgamma(4) + lgamma(4) - lgamma(1.5) - lgamma(2) -
                             lgamma(0.5) + lgamma(5.5) + lgamma(3) + lgamma(4.5) - lgamma(13));
}

/// log of the multivariate gamma function.
double lgamma_of_dim(int dim, double x) {
  double sum = dim * (dim - 1) / 4.0 * std::log(kPi);
  for (int i = 0; i < dim; ++i) sum += lgamma(x - i / 2.0);
  return sum;
}

TEST(ClosedForm, NormalWishart) {
  const std::string data = R"({"y": [[1.0, 0.2], [0.4, -0.7], [2.0, 1.1], [1.3, 0.1]]})";
  const Eigen::Matrix2d s0 = (Eigen::Matrix2d() << 2, 0.3, 0.3, 1).finished();
  const Eigen::Vector2d m0(0.5, 0);
  Eigen::MatrixXd y(4, 2);
  y << 1.0, 0.2, 0.4, -0.7, 2.0, 1.1, 1.3, 0.1;
  const double nu = 5, kappa = 0.7, n = 4;
  const Eigen::Vector2d mean = y.colwise().mean();
  Eigen::Matrix2d s = s0 + kappa * n / (kappa + n) * (mean - m0) * (mean - m0).transpose();
  for (int i = 0; i < 4; ++i) s += (y.row(i).transpose() - mean) * (y.row(i) - mean.transpose());
  const double evidence = -n * std::log(kPi) + lgamma_of_dim(2, (nu + n) / 2) -
                          lgamma_of_dim(2, nu / 2) + nu / 2 * std::log(s0.determinant()) -
                          (nu + n) / 2 * std::log(s.determinant()) + std::log(kappa / (kappa + n));
  // As precision: scale matrix of the Wishart is s0^-1.
  const Eigen::Matrix2d w = s0.inverse();
  const auto number = [](double x) { return fmt::format("{:.17g}", x); };
  Fitted f(
      "data { array[4] vector[2] y; } parameters { vector[2] mu; cov_matrix[2] L; } model {"
      " L ~ wishart(5, [[" +
          number(w(0, 0)) + "," + number(w(0, 1)) + "],[" + number(w(1, 0)) + "," +
          number(w(1, 1)) +
          "]]); mu ~ multi_normal_prec([0.5, 0]', 0.7 * L);"
          " y ~ multi_normal_prec(mu, L); }",
      data);
  ASSERT_TRUE(f.ok()) << f.misfit();
  expect_close(f.elbo(), evidence);
  expect_close(f.at("L", "degrees"), nu + n);
  expect_close(f.at("L", "inverse_scale[1,1]"), s(0, 0));
  expect_close(f.at("L", "inverse_scale[2,1]"), s(1, 0));
  expect_close(f.at("mu[2]", "location"), (kappa * m0(1) + n * mean(1)) / (kappa + n));
  Fitted g(
      R"(data { array[4] vector[2] y; } parameters { vector[2] mu; cov_matrix[2] Sigma; } model {
      Sigma ~ inv_wishart(5, [[2, 0.3], [0.3, 1]]); mu ~ multi_normal([0.5, 0]', Sigma / 0.7);
      for (n in 1:4) y[n] ~ multi_normal(mu, Sigma); })",
      data);
  ASSERT_TRUE(g.ok()) << g.misfit();
  EXPECT_EQ(g.family("Sigma"), "inverse-wishart");
  expect_close(g.elbo(), evidence);
  expect_close(g.at("Sigma", "scale[2,2]"), s(1, 1));
}

constexpr const char* kRegressionData =
    R"({"X": [[1, 0.5], [1, -1.2], [1, 2.2], [1, 0.1], [1, 1.7]], "y": [1.1, -0.4, 3.0, 0.7, 2.2]})";

Eigen::MatrixXd regression_design() {
  Eigen::MatrixXd x(5, 2);
  x << 1, 0.5, 1, -1.2, 1, 2.2, 1, 0.1, 1, 1.7;
  return x;
}
Eigen::VectorXd regression_outcome() {
  return (Eigen::VectorXd(5) << 1.1, -0.4, 3.0, 0.7, 2.2).finished();
}

TEST(ClosedForm, RegressionWithKnownPrecision) {
  const Eigen::MatrixXd x = regression_design();
  const Eigen::VectorXd y = regression_outcome();
  const Eigen::MatrixXd p = x.transpose() * x / 0.09 + Eigen::MatrixXd::Identity(2, 2) / 4;
  const Eigen::VectorXd m = p.ldlt().solve(x.transpose() * y / 0.09);
  const Eigen::MatrixXd s = 0.09 * Eigen::MatrixXd::Identity(5, 5) + 4 * x * x.transpose();
  const double evidence =
      -2.5 * std::log(2 * kPi) - 0.5 * std::log(s.determinant()) - 0.5 * y.dot(s.inverse() * y);
  for (const char* mean : {"X * b", "b[1] * X[, 1] + X[, 2] * b[2]"}) {
    Fitted f(std::string("data { matrix[5, 2] X; vector[5] y; } parameters { vector[2] b; } model {"
                         " b ~ normal(0, 2); y ~ normal(") +
                 mean + ", 0.3); }",
             kRegressionData);
    ASSERT_TRUE(f.ok()) << f.misfit();
    expect_close(f.at("b[1]", "mean"), m(0));
    expect_close(f.at("b[2]", "mean"), m(1));
    expect_close(f.at("b[2]", "sd"), std::sqrt(p.inverse()(1, 1)));
    expect_close(f.elbo(), evidence);
  }
  Fitted f(R"(data { matrix[5, 2] X; vector[5] y; } parameters { vector[2] b; } model {
    b ~ normal(0, 2); y ~ normal_id_glm(X, 0, b, 0.3); })",
           kRegressionData);
  ASSERT_TRUE(f.ok()) << f.misfit();
  expect_close(f.elbo(), evidence);
}

// b | s2 ~ N(0, s2 4 I), s2 ~ IG(2, 1).  [Bishop 2006, exercise 3.12]
TEST(ClosedForm, RegressionWithUnknownPrecision) {
  const Eigen::MatrixXd x = regression_design();
  const Eigen::VectorXd y = regression_outcome();
  const Eigen::MatrixXd p = x.transpose() * x + Eigen::MatrixXd::Identity(2, 2) / 4;
  const Eigen::VectorXd m = p.ldlt().solve(x.transpose() * y);
  const double a = 2 + 2.5, b = 1 + (y.squaredNorm() - m.dot(p * m)) / 2;
  Fitted f(R"(data { matrix[5, 2] X; vector[5] y; } parameters { vector[2] b; real<lower=0> s2; }
    model { s2 ~ inv_gamma(2, 1); b ~ normal(0, 2 * sqrt(s2)); y ~ normal(X * b, sqrt(s2)); })",
           kRegressionData);
  ASSERT_TRUE(f.ok()) << f.misfit();
  expect_close(f.at("s2", "shape"), a);
  expect_close(f.at("s2", "scale"), b);
  expect_close(f.at("b[2]", "location"), m(1));
  expect_close(f.elbo(), -2.5 * std::log(2 * kPi) - 0.5 * std::log(p.determinant() * 16) +
                             lgamma(a) - lgamma(2) - a * std::log(b));
}

// ---- fixed points of mean field, against independent derivations

// q(mu) q(tau) of Bishop 2006, sec. 10.1.3, iterated as written there.
TEST(FixedPoint, UnivariateNormal) {
  const std::vector<double> y{1.2, 0.3, 2.2, 3.1};
  const double n = 4, m0 = 1, k0 = 0.5, a0 = 3, b0 = 2;
  double mean = 0, square = 0;
  for (double v : y) mean += v / n;
  for (double v : y) square += v * v;
  const double mn = (k0 * m0 + n * mean) / (k0 + n), an = a0 + (n + 1) / 2;
  double e_tau = 1, variance = 0, bn = 0;
  for (int i = 0; i < 200; ++i) {
    variance = 1 / ((k0 + n) * e_tau);
    bn = b0 + 0.5 * (square - 2 * mn * n * mean + n * (mn * mn + variance) +
                     k0 * (mn * mn + variance - 2 * mn * m0 + m0 * m0));
    e_tau = an / bn;
  }
  CompileOptions options;
  options.joint_scales = false;
  Fitted f(R"(data { vector[4] y; } parameters { real mu; real<lower=0> tau; } model {
      tau ~ gamma(3, 2); mu ~ normal(1, inv_sqrt(0.5 * tau)); y ~ normal(mu, inv_sqrt(tau)); })",
           R"({"y": [1.2, 0.3, 2.2, 3.1]})", {}, options);
  ASSERT_TRUE(f.ok()) << f.misfit();
  expect_monotone(f);
  EXPECT_EQ(f.family("mu"), "normal");
  expect_close(f.at("mu", "mean"), mn);
  expect_close(f.at("mu", "sd"), std::sqrt(variance));
  expect_close(f.at("tau", "shape"), an);
  expect_close(f.at("tau", "rate"), bn);
}

// q(w) q(alpha) with known noise: Bishop 2006, sec. 10.3.1, eqs. (10.94)-(10.103); its bound is
// (10.107).
TEST(FixedPoint, LinearRegression) {
  const Eigen::MatrixXd x = regression_design();
  const Eigen::VectorXd y = regression_outcome();
  const double beta = 1 / 0.09, a0 = 2, b0 = 0.5, an = a0 + 1;
  double bn = b0;
  Eigen::MatrixXd s;
  Eigen::VectorXd m;
  for (int i = 0; i < 200; ++i) {
    const Eigen::MatrixXd p = an / bn * Eigen::MatrixXd::Identity(2, 2) + beta * x.transpose() * x;
    s = p.inverse();
    m = beta * s * x.transpose() * y;
    bn = b0 + 0.5 * (m.squaredNorm() + s.trace());
  }
  const double e_alpha = an / bn, log_alpha = digamma(an) - std::log(bn);
  const double bound = 2.5 * std::log(beta / (2 * kPi)) - beta / 2 * y.squaredNorm() +
                       beta * m.dot(x.transpose() * y) -
                       beta / 2 * (x.transpose() * x * (m * m.transpose() + s)).trace() -
                       std::log(2 * kPi) + log_alpha - e_alpha / 2 * (m.squaredNorm() + s.trace()) +
                       a0 * std::log(b0) + (a0 - 1) * log_alpha - b0 * e_alpha - lgamma(a0) +
                       0.5 * std::log(s.determinant()) + 1 + std::log(2 * kPi) + lgamma(an) -
                       (an - 1) * digamma(an) - std::log(bn) + an;
  Fitted f(R"(data { matrix[5, 2] X; vector[5] y; } parameters { vector[2] w; real<lower=0> alpha; }
    model { alpha ~ gamma(2, 0.5); w ~ normal(0, inv_sqrt(alpha)); y ~ normal(X * w, 0.3); })",
           kRegressionData);
  ASSERT_TRUE(f.ok()) << f.misfit();
  expect_monotone(f);
  expect_close(f.at("alpha", "rate"), bn);
  expect_close(f.at("w[1]", "mean"), m(0));
  expect_close(f.at("w[2]", "sd"), std::sqrt(s(1, 1)));
  expect_close(f.elbo(), bound);
}

// ---- blocks

TEST(Blocks, KalmanSmootherAgainstDenseInverse) {
  // A local level with a slope: 2 T coordinates, sparse where T is large.
  constexpr int kTimes = 60;
  std::string json = R"({"T": 60, "y": [)";
  std::vector<double> y(kTimes);
  for (int t = 0; t < kTimes; ++t) {
    y[static_cast<size_t>(t)] = std::sin(0.3 * t) + 0.01 * t * t;
    json += fmt::format("{}{:.17g}", t == 0 ? "" : ",", y[static_cast<size_t>(t)]);
  }
  json += "]}";
  Fitted f(R"(data { int T; vector[T] y; } parameters { vector[T] x; vector[T] v; } model {
      x[1] ~ normal(0, 3); v[1] ~ normal(0, 1);
      for (t in 2:T) { x[t] ~ normal(x[t - 1] + v[t - 1], 0.5); v[t] ~ normal(0.9 * v[t - 1], 0.2); }
      y ~ normal(x, 0.4); })",
           json);
  ASSERT_TRUE(f.ok()) << f.misfit();
  Eigen::MatrixXd p = Eigen::MatrixXd::Zero(2 * kTimes, 2 * kTimes);
  Eigen::VectorXd h = Eigen::VectorXd::Zero(2 * kTimes);
  const auto add = [&](const std::vector<std::pair<int, double>>& row, double sd) {
    for (const auto& [i, a] : row) {
      for (const auto& [j, b] : row) p(i, j) += a * b / (sd * sd);
    }
  };
  add({{0, 1}}, 3);
  add({{kTimes, 1}}, 1);
  double log_scale = std::log(3.0);
  for (int t = 1; t < kTimes; ++t) {
    add({{t, 1}, {t - 1, -1}, {kTimes + t - 1, -1}}, 0.5);
    add({{kTimes + t, 1}, {kTimes + t - 1, -0.9}}, 0.2);
    log_scale += std::log(0.5) + std::log(0.2);
  }
  double constant = 0;
  for (int t = 0; t < kTimes; ++t) {
    add({{t, 1}}, 0.4);
    h(t) = y[static_cast<size_t>(t)] / 0.16;
    constant += y[static_cast<size_t>(t)] * y[static_cast<size_t>(t)] / 0.16;
    log_scale += std::log(0.4);
  }
  const Eigen::LLT<Eigen::MatrixXd> llt(p);
  const Eigen::MatrixXd inverse = p.inverse();
  const Eigen::VectorXd m = llt.solve(h);
  double log_det = 0;
  for (int i = 0; i < 2 * kTimes; ++i) log_det += 2 * std::log(llt.matrixLLT()(i, i));
  for (int t : {0, 1, 17, 59}) {
    const std::string name = fmt::format("x[{}]", t + 1), slope = fmt::format("v[{}]", t + 1);
    expect_close(f.at(name, "mean"), m(t));
    expect_close(f.at(name, "sd"), std::sqrt(inverse(t, t)));
    expect_close(f.at(slope, "mean"), m(kTimes + t));
    expect_close(f.at(slope, "sd"), std::sqrt(inverse(kTimes + t, kTimes + t)));
  }
  expect_close(f.elbo(), -kTimes / 2.0 * std::log(2 * kPi) - log_scale - 0.5 * log_det -
                             0.5 * (constant - m.dot(h)));
}

// ---- augmentations

/// E over N(m, s^2) by the midpoint rule.
template <class F>
double expect_normal(double m, double s, F f) {
  double sum = 0;
  constexpr int kPoints = 20000;
  for (int i = 0; i < kPoints; ++i) {
    const double z = -10 + 20.0 * (i + 0.5) / kPoints;
    sum += std::exp(-z * z / 2) / std::sqrt(2 * kPi) * f(m + s * z) * 20.0 / kPoints;
  }
  return sum;
}

TEST(Augmentation, PolyaGammaBoundAgainstQuadrature) {
  // One coefficient: the bound of Jaakkola and Jordan at its best points, below the exact ELBO of
  // the same q, which is below the evidence.
  Fitted f(R"(data { array[3] int y; vector[3] x; } parameters { real b; }
    model { b ~ normal(0, 2); y ~ bernoulli_logit(b * x); })",
           R"({"y": [1, 0, 1], "x": [0.5, -1.0, 2.0]})");
  ASSERT_TRUE(f.ok()) << f.misfit();
  expect_monotone(f);
  const std::vector<double> y{1, 0, 1}, x{0.5, -1.0, 2.0};
  double m = 0, v = 4;
  for (int i = 0; i < 500; ++i) {
    double p = 0.25, h = 0;
    for (size_t n = 0; n < 3; ++n) {
      const double c = std::sqrt(x[n] * x[n] * (m * m + v));
      p += std::tanh(c / 2) / (2 * c) * x[n] * x[n];
      h += (y[n] - 0.5) * x[n];
    }
    v = 1 / p;
    m = h / p;
  }
  expect_close(f.at("b", "mean"), m);
  expect_close(f.at("b", "sd"), std::sqrt(v));
  double bound = -0.5 * (std::log(2 * kPi) + std::log(4.0) + (m * m + v) / 4) +
                 0.5 * (std::log(2 * kPi * v) + 1);
  double exact = bound;
  for (size_t n = 0; n < 3; ++n) {
    const double c = std::sqrt(x[n] * x[n] * (m * m + v));
    bound += (y[n] - 0.5) * x[n] * m - std::log(2 * std::cosh(c / 2));
    exact += expect_normal(m, std::sqrt(v), [&](double b) {
      return y[n] * b * x[n] - std::log1p(std::exp(b * x[n]));
    });
  }
  const double evidence = std::log(expect_normal(0, 2, [&](double b) {
    double p = 1;
    for (size_t n = 0; n < 3; ++n)
      p *= y[n] == 1 ? 1 / (1 + std::exp(-b * x[n])) : 1 / (1 + std::exp(b * x[n]));
    return p;
  }));
  expect_close(f.elbo(), bound);
  EXPECT_LT(bound, exact);
  EXPECT_LT(exact, evidence);
}

TEST(Augmentation, EachIsMonotoneAndBelowTheEvidence) {
  struct Case {
    const char* program;
    double evidence;
  };
  const auto phi = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
  const double probit =
      std::log(expect_normal(0, 2, [&](double b) { return phi(b) * phi(-0.5 * b) * phi(2 * b); }));
  const double student = std::log(expect_normal(0, 2, [&](double m) {
    double p = 1;
    for (double y : {0.5, -1.0, 2.0})
      p *= std::exp(lgamma(2.5) - lgamma(2) - 0.5 * std::log(4 * kPi) -
                    2.5 * std::log1p((y - m) * (y - m) / 4));
    return p;
  }));
  const std::vector<Case> cases{
      {"model { b ~ normal(0, 2); 1 ~ bernoulli(Phi(b)); 0 ~ bernoulli(Phi(0.5 * b)); 1 ~ "
       "bernoulli(Phi(2 * b)); }",
       probit},
      {"model { b ~ normal(0, 2); x ~ student_t(4, b, 1); }", student},
  };
  for (const Case& c : cases) {
    Fitted f(std::string("data { vector[3] x; } parameters { real b; } ") + c.program,
             R"({"x": [0.5, -1.0, 2.0]})");
    ASSERT_TRUE(f.ok()) << c.program << f.misfit();
    expect_monotone(f);
    EXPECT_LT(f.elbo(), c.evidence) << c.program;
    EXPECT_GT(f.elbo(), c.evidence - 1) << c.program;
  }
}

// A Laplace prior: q(b) q(1/t) iterated by hand, with E[1/t] = 1 / sqrt(E[r^2]); the bound is below
// that of q(b) alone by E|r| in place of sqrt(E[r^2]).
TEST(Augmentation, LaplaceBoundAgainstQuadrature) {
  Fitted f(R"(data { vector[3] y; vector[3] x; } parameters { real b; }
    model { b ~ double_exponential(0.5, 0.4); y ~ normal(b * x, 1.5); })",
           R"({"y": [1.2, 0.3, 1.9], "x": [0.5, -1.0, 2.0]})");
  ASSERT_TRUE(f.ok()) << f.misfit();
  expect_monotone(f);
  const std::vector<double> y{1.2, 0.3, 1.9}, x{0.5, -1.0, 2.0};
  const auto log_likelihood = [&](double b) {
    double sum = 0;
    for (size_t n = 0; n < 3; ++n)
      sum -= 0.5 * std::log(2 * kPi * 2.25) + (y[n] - b * x[n]) * (y[n] - b * x[n]) / 4.5;
    return sum;
  };
  double m = 0, v = 1, c = 1;
  for (int i = 0; i < 500; ++i) {
    c = std::sqrt((m - 0.5) * (m - 0.5) + v) / 0.4;
    double p = 1 / c / 0.16, h = 0.5 / c / 0.16;
    for (size_t n = 0; n < 3; ++n) {
      p += x[n] * x[n] / 2.25;
      h += x[n] * y[n] / 2.25;
    }
    v = 1 / p;
    m = h / p;
  }
  c = std::sqrt((m - 0.5) * (m - 0.5) + v) / 0.4;
  expect_close(f.at("b", "mean"), m);
  expect_close(f.at("b", "sd"), std::sqrt(v));
  const double rest = expect_normal(m, std::sqrt(v), log_likelihood) - std::log(0.8) +
                      0.5 * (std::log(2 * kPi * v) + 1);
  expect_close(f.elbo(), rest - c);
  const double exact =
      rest - expect_normal(m, std::sqrt(v), [](double b) { return std::abs(b - 0.5) / 0.4; });
  const double evidence = std::log(expect_normal(0, 1, [&](double b) {
    return std::exp(log_likelihood(b) - std::abs(b - 0.5) / 0.4 + b * b / 2) / 0.8 *
           std::sqrt(2 * kPi);
  }));
  EXPECT_LT(f.elbo(), exact);
  EXPECT_LT(exact, evidence);
  EXPECT_GT(f.elbo(), evidence - 0.5);
}

// Of data, and of a positive number, a Laplace density is conjugate as it stands.
TEST(ClosedForm, LaplaceOfDataAndOfPositiveNumbers) {
  Fitted scale(R"(data { vector[3] y; } parameters { real<lower=0> b; }
    model { b ~ inv_gamma(2, 1.5); y ~ double_exponential(1, b); })",
               R"({"y": [1.2, 1.0, -0.9]})");
  ASSERT_TRUE(scale.ok()) << scale.misfit();
  expect_close(scale.at("b", "shape"), 5);
  expect_close(scale.at("b", "scale"), 1.5 + 0.2 + 1.9);
  expect_close(scale.elbo(),
               2 * std::log(1.5) - lgamma(2) + lgamma(5) - 5 * std::log(3.6) - 3 * std::log(2.0));
  Fitted half(R"(parameters { real<lower=0> x; } model { x ~ double_exponential(0, 2); })", "{}");
  ASSERT_TRUE(half.ok()) << half.misfit();
  EXPECT_EQ(half.family("x"), "gamma");
  expect_close(half.at("x", "shape"), 1);
  expect_close(half.at("x", "rate"), 0.5);
  expect_close(half.elbo(), std::log(0.5));
}

// A regression with Laplace errors of unknown scale, and a Bayesian lasso: no sweep lowers the
// bound, and it stays below the evidence.
TEST(Augmentation, LaplaceErrorsAndLasso) {
  Fitted errors(R"(data { vector[3] y; } parameters { real mu; real<lower=0> tau; }
    model { tau ~ gamma(2, 1); mu ~ normal(0, 3); y ~ double_exponential(mu, inv_sqrt(tau)); })",
                R"({"y": [1.2, 0.3, 1.9]})");
  ASSERT_TRUE(errors.ok()) << errors.misfit();
  expect_monotone(errors);
  // Over mu for each tau; the density of s = log tau is exp(2 s - e^s).
  double evidence = 0;
  for (int i = 0; i < 400; ++i) {
    const double s = -12 + 18 * (i + 0.5) / 400, root = std::exp(s / 2);
    double inner = 0;
    for (int j = 0; j < 400; ++j) {
      const double mu = -15 + 30 * (j + 0.5) / 400;
      inner += std::exp(-mu * mu / 18 -
                        root * (std::abs(1.2 - mu) + std::abs(0.3 - mu) + std::abs(1.9 - mu))) *
               30 / 400 / std::sqrt(2 * kPi * 9);
    }
    evidence += std::exp(2 * s - std::exp(s) + 1.5 * s) / 8 * inner * 18 / 400;
  }
  EXPECT_LT(errors.elbo(), std::log(evidence));
  EXPECT_GT(errors.elbo(), std::log(evidence) - 1);
  Fitted lasso(R"(data { matrix[5, 2] X; vector[5] y; }
    parameters { vector[2] b; real<lower=0> s2; real<lower=0> lambda2; }
    model { s2 ~ inv_gamma(2, 1); lambda2 ~ gamma(1, 0.5); y ~ normal(X * b, sqrt(s2));
      b ~ double_exponential(0, sqrt(s2 / lambda2)); })",
               kRegressionData);
  ASSERT_TRUE(lasso.ok()) << lasso.misfit();
  expect_monotone(lasso);
}

// Rates that are sums: c_nk = y_n x_nk G_k / sum_k x_nk G_k with G_k = exp(E[log r_k]), iterated by
// hand, and a bound in which the counts are summed out.
TEST(Augmentation, PoissonOfASumOfRates) {
  Fitted f(R"(data { array[3] int y; matrix[3, 2] X; }
    parameters { vector<lower=0>[2] r; }
    model { r ~ gamma(2, 0.5); y ~ poisson(X * r + 0.25); })",
           R"({"y": [3, 0, 7], "X": [[1, 0.5], [0.25, 2], [1.5, 0]]})");
  ASSERT_TRUE(f.ok()) << f.misfit();
  expect_monotone(f);
  const double y[] = {3, 0, 7}, x[3][3] = {{1, 0.5, 0.25}, {0.25, 2, 0.25}, {1.5, 0, 0.25}};
  double shape[] = {2, 2}, rate[] = {0.5, 0.5};
  for (int n = 0; n < 3; ++n) {
    for (int k = 0; k < 2; ++k) rate[k] += x[n][k];
  }
  double log_g[] = {0, 0, 0};
  for (int i = 0; i < 500; ++i) {
    for (int k = 0; k < 2; ++k) shape[k] = 2;
    for (int n = 0; n < 3; ++n) {
      double sum = 0;
      for (int k = 0; k < 3; ++k) sum += x[n][k] * std::exp(log_g[k]);
      for (int k = 0; k < 2; ++k) shape[k] += y[n] * x[n][k] * std::exp(log_g[k]) / sum;
    }
    for (int k = 0; k < 2; ++k) log_g[k] = digamma(shape[k]) - std::log(rate[k]);
  }
  double bound = 0;
  for (int n = 0; n < 3; ++n) {
    double sum = 0;
    for (int k = 0; k < 3; ++k) sum += x[n][k] * std::exp(log_g[k]);
    bound += y[n] * std::log(sum) - lgamma(y[n] + 1) - 0.25;
  }
  for (int k = 0; k < 2; ++k) {
    expect_close(f.at(fmt::format("r[{}]", k + 1), "shape"), shape[k], 1e-8);
    expect_close(f.at(fmt::format("r[{}]", k + 1), "rate"), rate[k]);
    bound += 2 * std::log(0.5) - lgamma(2) + (2 - shape[k]) * log_g[k] - shape[k] +
             lgamma(shape[k]) - shape[k] * std::log(rate[k]) + shape[k];
  }
  expect_close(f.elbo(), bound);
  double evidence = 0;
  for (int i = 0; i < 600; ++i) {
    for (int j = 0; j < 600; ++j) {
      const double r[] = {(i + 0.5) / 40, (j + 0.5) / 40};
      double p = 1.0 / 1600;
      for (double v : r) p *= 0.25 * v * std::exp(-v / 2);
      for (int n = 0; n < 3; ++n) {
        const double m = x[n][0] * r[0] + x[n][1] * r[1] + 0.25;
        p *= std::exp(y[n] * std::log(m) - m - lgamma(y[n] + 1));
      }
      evidence += p;
    }
  }
  EXPECT_LT(f.elbo(), std::log(evidence));
  EXPECT_GT(f.elbo(), std::log(evidence) - 1);
}

// ---- what is not conjugate

// The best normal of a Poisson regression: the derivatives of its ELBO, in closed form, are zero.
TEST(LogRate, BestNormalOfPoissonRegression) {
  for (const char* outcome : {"y ~ poisson_log(b * x + 0.3)", "y ~ poisson(exp(b * x + 0.3))",
                              "y ~ poisson_log_glm(to_matrix(x), rep_vector(0.3, 4), b1)"}) {
    const bool is_glm = std::string(outcome).find("glm") != std::string::npos;
    Fitted f(std::string("data { array[4] int y; vector[4] x; } parameters { ") +
                 (is_glm ? "vector[1] b1; } model { b1 ~ normal(0, 2); "
                         : "real b; } model { b ~ normal(0, 2); ") +
                 outcome + "; }",
             R"({"y": [3, 0, 19, 1], "x": [0.5, -1.0, 2.0, 0.1]})");
    ASSERT_TRUE(f.ok()) << f.misfit();
    expect_monotone(f);
    const double y[] = {3, 0, 19, 1}, x[] = {0.5, -1.0, 2.0, 0.1};
    const std::string name = is_glm ? "b1[1]" : "b";
    const double m = f.at(name, "mean"), v = f.at(name, "sd") * f.at(name, "sd");
    double slope = -m / 4, precision = 0.25;
    double bound = 0.5 * std::log(v / 4) + 0.5 - (m * m + v) / 8;
    for (int n = 0; n < 4; ++n) {
      const double rate = std::exp(0.3 + m * x[n] + v * x[n] * x[n] / 2);
      slope += x[n] * (y[n] - rate);
      precision += x[n] * x[n] * rate;
      bound += y[n] * (0.3 + m * x[n]) - rate - lgamma(y[n] + 1);
    }
    EXPECT_NEAR(slope, 0, 1e-6) << outcome;
    EXPECT_NEAR(precision * v, 1, 1e-6) << outcome;
    expect_close(f.elbo(), bound);
  }
}

TEST(LogRate, BestNormalOfNegativeBinomialRegression) {
  Fitted f(R"(data { array[4] int y; vector[4] x; } parameters { real b; }
    model { b ~ normal(0, 2); y ~ neg_binomial_2_log(b * x, 1.5); })",
           R"({"y": [3, 0, 19, 1], "x": [0.5, -1.0, 2.0, 0.1]})");
  ASSERT_TRUE(f.ok()) << f.misfit();
  expect_monotone(f);
  const double y[] = {3, 0, 19, 1}, x[] = {0.5, -1.0, 2.0, 0.1};
  const auto log_density = [&](double b) {
    double sum = -b * b / 8 - 0.5 * std::log(8 * kPi);
    for (int n = 0; n < 4; ++n) {
      sum += lgamma(y[n] + 1.5) - lgamma(1.5) - lgamma(y[n] + 1) + 1.5 * std::log(1.5) +
             y[n] * b * x[n] - (y[n] + 1.5) * std::log(1.5 + std::exp(b * x[n]));
    }
    return sum;
  };
  const auto elbo = [&](double mean, double sd) {
    return expect_normal(mean, sd, log_density) + std::log(sd) + 0.5 * std::log(2 * kPi) + 0.5;
  };
  const double m = f.at("b", "mean"), s = f.at("b", "sd");
  expect_close(f.elbo(), elbo(m, s), 1e-9);
  for (const double h : {1e-3, -1e-3}) {
    EXPECT_LT(elbo(m + h, s), f.elbo());
    EXPECT_LT(elbo(m, s + h), f.elbo());
  }
  EXPECT_NEAR(elbo(m + 1e-3, s), elbo(m - 1e-3, s), 1e-8);
  EXPECT_NEAR(elbo(m, s + 1e-3), elbo(m, s - 1e-3), 1e-7);
}

// Full steps go to and fro here, halved ones do not. With e = E[exp(b)] the optimum has mean -400 e
// and precision 1 / 400 + e.
TEST(LogRate, StepsThatLowerTheBoundAreHalved) {
  Fitted f("parameters { real b; } model { b ~ normal(0, 20); 0 ~ poisson_log(b); }", "{}",
           {.max_sweeps = 3000});
  ASSERT_TRUE(f.ok()) << f.misfit();
  EXPECT_GT(f.result().retreats, 0);
  expect_monotone(f);
  double low = 0, high = 1;
  for (int i = 0; i < 200; ++i) {
    const double e = (low + high) / 2, v = 1 / (1.0 / 400 + e);
    (std::exp(-400 * e + v / 2) > e ? low : high) = e;
  }
  const double m = -400 * low, v = 1 / (1.0 / 400 + low);
  const double best = -low - (m * m + v) / 800 + 0.5 * std::log(v / 400) + 0.5;
  EXPECT_NEAR(f.elbo(), best, 1e-6);
  EXPECT_NEAR(f.at("b", "mean"), m, 0.01);
}

// In one schedule with conjugate variables: a hierarchy of Poisson rates. Steps that lowered the
// bound are not among the bounds.
TEST(LogRate, HierarchyIsMonotone) {
  Fitted f(R"(data { array[6] int y; } parameters { real mu; vector[6] a; real<lower=0> tau; }
    model { mu ~ normal(0, 5); tau ~ gamma(2, 1); a ~ normal(mu, inv_sqrt(tau));
      y ~ poisson_log(a); })",
           R"({"y": [0, 900, 3, 0, 40, 7]})");
  ASSERT_TRUE(f.ok()) << f.misfit();
  expect_monotone(f);
  const std::vector<double>& elbos = f.result().elbos;
  EXPECT_TRUE(std::is_sorted(elbos.begin(), elbos.end(),
                             [](double a, double b) { return a < b - 1e-10 * (1 + std::abs(b)); }));
  Fitted product(R"(data { int y; } parameters { real a; real b; }
    model { a ~ normal(0, 1); b ~ normal(0, 1); y ~ poisson_log(a * b); })",
                 R"({"y": 3})");
  EXPECT_FALSE(product.ok());
  EXPECT_NE(product.misfit().find("q makes it no normal"), std::string::npos) << product.misfit();
}

// ---- what does not fit

TEST(Misfit, IsNamed) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"parameters { real<lower=0> s; } model { s ~ exponential(1); y ~ normal(0, s); }",
       "enters as its power"},
      {"parameters { real m; } model { y ~ normal(exp(m), 1); }", "not linear"},
      {"parameters { real m; } model { y ~ normal(m * m, 1); }", "not linear"},
      {"parameters { real m; } model { y ~ logistic(m, 1); }", "not among the conjugate densities"},
      {"parameters { real<lower=0> m; } model { y ~ normal(m, 1); m ~ gamma(1, 1); }", "truncated"},
      {"parameters { real m; } model { y ~ normal(m, 1); target += -m^4; }",
       "no density of the table"},
      {"parameters { ordered[2] m; } model { y ~ normal(m[1], 1); }",
       "which no conjugate family has"},
  };
  for (const auto& [program, message] : cases) {
    Fitted f("data { real y; } " + program, R"({"y": 1})");
    EXPECT_FALSE(f.ok()) << program;
    EXPECT_NE(f.misfit().find(message), std::string::npos) << program << ": " << f.misfit();
  }
}

TEST(Misfit, ImproperPosteriorIsNamed) {
  Fitted f("data { real y; } parameters { real a; real b; } model { y ~ normal(a + b, 1); }",
           R"({"y": 1})");
  ASSERT_TRUE(f.ok()) << f.misfit();
  EXPECT_GE(f.result().improper, 0);
  EXPECT_EQ(f.model().network.variable(f.result().improper).name(), "a, b");
}

}  // namespace
}  // namespace vinci::conjugate
