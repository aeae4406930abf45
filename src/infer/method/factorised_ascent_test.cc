// Factorised fits against closed forms and quadrature.
#include "infer/method/factorised_ascent.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "infer/dense.h"
#include "infer/fit.h"
#include "infer/judgement.h"
#include "infer/testing/targets.h"
#include "numeric/special/special.h"

namespace vinci::infer {
namespace {

using testing::PointDensity;

const Context kContext;
const double kLog2Pi = std::log(2 * std::numbers::pi);

/// A member of a factorised family as target, times e^3.
class Member final : public LogDensity {
 public:
  Member(FactorisedFamily family, std::vector<double> lambda)
      : family_(std::move(family)), lambda_(std::move(lambda)) {}
  Index dim() const override { return family_.dim(); }
  void evaluate(LaneMatrix points, std::span<double> value,
                MutableLaneMatrix gradient) const override {
    family_.log_q(lambda_, points, value);
    for (double& v : value) v += 3;
    if (gradient.data != nullptr) family_.log_q_gradient(lambda_, points, gradient);
  }

 private:
  FactorisedFamily family_;
  std::vector<double> lambda_;
};

// A posterior within the family (a conjugate model) is found, and the gap is zero.
TEST(FactorisedAscent, LecturesA3FindsAMemberOfItsFamily) {
  const auto log = [](double x) { return std::log(x); };
  const FactorisedFamily family(12, {{"e", exponential_factor(), 0},
                                     {"g", gamma_factor(), 1},
                                     {"i", inverse_gamma_factor(), 2},
                                     {"l", log_normal_factor(), 3},
                                     {"b", beta_factor(), 4},
                                     {"w", dirichlet_factor(3), 5},
                                     {"n", normal_factor(), 7},
                                     {"a", von_mises_factor(), 8},
                                     {"t", logit_normal_factor(), 9},
                                     {"many", gamma_factor(), 10},
                                     {"even", beta_factor(), 11}});
  const std::vector<double> target = {log(1.5), log(2.5), log(0.7), log(3),   log(2),   0.3,
                                      log(0.6), log(2),   log(0.8), log(1.5), log(0.6), log(3),
                                      0.4,      log(1.2), 0.5,      log(2),   -1,       log(0.7),
                                      log(900), log(30),  log(172), log(150)};
  const Member density(family, target);
  Objective objective(density, kContext);
  std::vector<double> start(target.size(), 0.0);
  const FactorisedAscentResult r = factorised_ascent(objective, family, start, {}, {1, 6});
  EXPECT_TRUE(r.converged);
  EXPECT_LT(family.kl(r.lambda, target), 1e-3);
  EXPECT_NEAR(r.elbo, 3, 1e-2);
  const auto estimate = estimate_elbo(objective, *family.at(r.lambda), 2000, {1, 7});
  EXPECT_NEAR(estimate.value, 3, 1e-3 + 5 * estimate.error);
}

// p(z) = Exp(theta), p(x | z) = N(z, 1), q = Exp(phi).
struct ExponentialPrior {
  double theta, x;
  double elbo(double phi) const {
    return -1 / (phi * phi) + (x - theta) / phi + std::log(theta) - std::log(phi) + 1 -
           0.5 * x * x - 0.5 * kLog2Pi;
  }
  double d_phi(double phi) const {
    return 2 / (phi * phi * phi) - (x - theta) / (phi * phi) - 1 / phi;
  }
  double log_joint(double z) const {
    return std::log(theta) - theta * z - 0.5 * (x - z) * (x - z) - 0.5 * kLog2Pi;
  }
  /// Over the coordinate log z.
  PointDensity density() const {
    return {1, [*this](const std::vector<double>& u, std::vector<double>& g) {
              const double z = std::exp(u[0]);
              g[0] = 1 + z * (x - z - theta);
              return log_joint(z) + u[0];
            }};
  }
  double log_evidence() const {
    return std::log(theta) - theta * x + 0.5 * theta * theta + numeric::std_normal_lcdf(x - theta);
  }
};

TEST(ClosedForms, LecturesC1ExponentialPriorAndApproximation) {
  const ExponentialPrior model{0.8, 1.3};
  const PointDensity density = model.density();
  const FactorisedFamily family(1, {{"z", exponential_factor(), 0}});
  // ELBO and its gradients at some phi by equally spaced noise: the mean of the pathwise integrand.
  constexpr Index kNoises = 40000;
  for (const double phi : {0.6, 1.0, 2.5}) {
    const std::vector<double> lambda = {std::log(phi)};
    Matrix noise(1, kNoises), z(1, kNoises), g(1, kNoises), q_gradient(1, kNoises),
        path(1, kNoises);
    for (Index i = 0; i < kNoises; ++i) noise(0, i) = (static_cast<double>(i) + 0.5) / kNoises;
    Vector value(kNoises), log_q(kNoises);
    family.transform(lambda, lanes_of(noise), mutable_lanes(z), span_of(log_q));
    density.evaluate(lanes_of(z), span_of(value), mutable_lanes(g));
    family.log_q_gradient(lambda, lanes_of(z), mutable_lanes(q_gradient));
    EXPECT_NEAR((value - log_q).mean(), model.elbo(phi), 2e-3 / (phi * phi));
    g -= q_gradient;
    family.pathwise(lambda, lanes_of(noise), lanes_of(z), nullptr, lanes_of(g),
                    mutable_lanes(path));
    EXPECT_NEAR(path.mean(), phi * model.d_phi(phi), 5e-3 / (phi * phi));  // d log phi
    const double mean_z = z.array().exp().mean();
    EXPECT_NEAR(1 / model.theta - mean_z, 1 / model.theta - 1 / phi, 1e-4 / phi);
    const double step = 1e-5;
    const ExponentialPrior up{model.theta + step, model.x}, down{model.theta - step, model.x};
    EXPECT_NEAR((up.elbo(phi) - down.elbo(phi)) / (2 * step), -1 / phi + 1 / model.theta, 1e-8);
  }
  // The fit is the maximiser of the closed form.
  Objective objective(density, kContext);
  const FactorisedAscentResult r = factorised_ascent(objective, family, {0.0}, {}, {1, 6});
  const double phi = std::exp(r.lambda[0]);
  EXPECT_NEAR(phi * model.d_phi(phi), 0, 0.06);
  double best = -1e300;
  for (double p = 0.2; p < 5; p += 1e-3) best = std::max(best, model.elbo(p));
  EXPECT_NEAR(model.elbo(phi), best, 5e-4);
  // The gap is KL(q || posterior), which is positive: the posterior is a truncated normal.
  double kl = 0;
  const double step = 1e-4;
  for (double z = 0.5 * step; z < 60; z += step) {
    const double q = phi * std::exp(-phi * z);
    kl += step * q * (std::log(phi) - phi * z - model.log_joint(z) + model.log_evidence());
  }
  EXPECT_GT(kl, 0.01);
  EXPECT_NEAR(model.log_evidence() - model.elbo(phi), kl, 1e-6);
}

// z ~ N(0, 1), one answer y to x: E log sigma(y x z) has no closed form; the sum over a fine grid
// of normal noise is exact.
TEST(ClosedForms, LecturesC3LogisticRegressionWithOneObservation) {
  const double x = 1.7;  // y = 1: log p(y | z) = -log(1 + e^{-x z})
  const PointDensity density(1, [x](const std::vector<double>& z, std::vector<double>& g) {
    g[0] = -z[0] + x * numeric::inv_logit(-x * z[0]);
    return -0.5 * z[0] * z[0] - 0.5 * kLog2Pi - numeric::log1p_exp(-x * z[0]);
  });
  const auto elbo = [x](double mu, double log_sigma) {
    const double sigma = std::exp(log_sigma), h = 0.02;
    double sum = 0;
    for (double u = -9; u <= 9; u += h) {
      sum += h * std::exp(-0.5 * u * u - 0.5 * kLog2Pi) * numeric::log1p_exp(x * (mu + sigma * u));
    }
    // As the lectures write it: y x mu - E log(1 + e^{xz}) for y = 1.
    return -0.5 * (mu * mu + sigma * sigma) + log_sigma + 0.5 + x * mu - sum;
  };
  const FactorisedFamily family(1, {{"z", normal_factor(), 0}});
  Objective objective(density, kContext);
  const FactorisedAscentResult r = factorised_ascent(objective, family, {0, 0}, {}, {2, 6});
  const double mu = r.lambda[0], log_sigma = r.lambda[1], h = 1e-4;
  EXPECT_NEAR((elbo(mu + h, log_sigma) - elbo(mu - h, log_sigma)) / (2 * h), 0, 5e-3);
  EXPECT_NEAR((elbo(mu, log_sigma + h) - elbo(mu, log_sigma - h)) / (2 * h), 0, 5e-3);
  double evidence = 0;
  for (double z = -12; z <= 12; z += 0.01) {
    evidence += 0.01 * std::exp(-0.5 * z * z - 0.5 * kLog2Pi - numeric::log1p_exp(-x * z));
  }
  EXPECT_LT(elbo(mu, log_sigma), std::log(evidence));
  EXPECT_GT(elbo(mu, log_sigma), std::log(evidence) - 0.02);
}

FitOptions options_with_points(std::vector<Index> points) {
  FitOptions o;
  o.threads = 1;
  o.draws = 1000;
  o.points = std::move(points);
  return o;
}

const std::vector<double> kHierarchy = {2.3, -1.0, 4.1, 0.7, 3.3, -2.2, 1.9, 5.0, 0.4, 2.8};

// y_j ~ N(theta_j, 1), theta_j ~ N(mu, tau): points mu and tau are the maximum of the marginal
// likelihood N(y | mu, 1 + tau^2).
TEST(Points, EmpiricalBayesOfANormalHierarchy) {
  const auto n = static_cast<Index>(kHierarchy.size());
  const PointDensity density(n + 2, [n](const std::vector<double>& z, std::vector<double>& g) {
    const double mu = z[static_cast<size_t>(n)], log_tau = z[static_cast<size_t>(n) + 1];
    const double tau = std::exp(log_tau);
    double value = 0;
    for (size_t j = 0; j < kHierarchy.size(); ++j) {
      const double d = (z[j] - mu) / tau, r = kHierarchy[j] - z[j];
      value += -0.5 * d * d - log_tau - 0.5 * r * r - kLog2Pi;
      g[j] = -d / tau + r;
      g[static_cast<size_t>(n)] += d / tau;
      g[static_cast<size_t>(n) + 1] += d * d - 1;
    }
    return value;
  });
  double mean = 0, square = 0;
  for (const double y : kHierarchy) mean += y / static_cast<double>(n);
  for (const double y : kHierarchy) square += (y - mean) * (y - mean) / static_cast<double>(n);
  const FitResult r = fit(density, options_with_points({n, n + 1}));
  ASSERT_EQ(r.num_draws, 1000);
  const double mu = r.draws[static_cast<size_t>(n)],
               tau = std::exp(r.draws[static_cast<size_t>(n) + 1]);
  EXPECT_NEAR(mu, mean, 0.02);
  EXPECT_NEAR(tau * tau, square - 1, 0.05 * (square - 1));
  for (size_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(r.draws[i * static_cast<size_t>(n + 2) + static_cast<size_t>(n)], mu);
  }
  // Given the points the posterior is a product of normals: no gap, and the evidence is the
  // marginal likelihood.
  EXPECT_LT(r.khat, 0.5);
  const double want = -0.5 * static_cast<double>(n) * (kLog2Pi + std::log(square) + 1);
  EXPECT_NEAR(r.log_evidence.value, want, 0.01);
  EXPECT_NEAR(r.elbo.value, want, 0.02);
  EXPECT_NE(r.verdict.grade, diagnose::Grade::kBad);
}

// y_n = w h_n + sigma e_n in three dimensions, h_n ~ N(0, 1): the maximum of the likelihood has
// sigma^2 the mean of the two smaller eigenvalues of the covariance, w along the first.
// [Tipping and Bishop 1999, doi 10.1111/1467-9868.00196, section 3.2]
TEST(Points, FactorAnalysisWithOneFactor) {
  constexpr Index kRows = 30;
  Matrix y(kRows, 3);
  uint64_t state = 88172645463325252u;
  const auto noise = [&state] {
    double sum = -6;
    for (int k = 0; k < 12; ++k) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      sum += static_cast<double>(state >> 11) * 0x1p-53;
    }
    return sum;
  };
  for (Index i = 0; i < kRows; ++i) {
    const double h = noise();
    y(i, 0) = 1.5 * h + 0.5 * noise();
    y(i, 1) = -0.8 * h + 0.5 * noise();
    y(i, 2) = 0.6 * h + 0.5 * noise();
  }
  const PointDensity density(kRows + 4, [y](const std::vector<double>& z, std::vector<double>& g) {
    const double log_sigma = z[kRows + 3], precision = std::exp(-2 * log_sigma);
    double value = -0.5 * kLog2Pi * 4 * kRows - 3 * kRows * log_sigma;
    g[kRows + 3] = -3 * kRows;
    for (size_t i = 0; i < kRows; ++i) {
      value -= 0.5 * z[i] * z[i];
      g[i] = -z[i];
      for (size_t k = 0; k < 3; ++k) {
        const double w = z[kRows + k];
        const double r = y(static_cast<Index>(i), static_cast<Index>(k)) - w * z[i];
        value -= 0.5 * r * r * precision;
        g[i] += w * r * precision;
        g[kRows + k] += z[i] * r * precision;
        g[kRows + 3] += r * r * precision;
      }
    }
    return value;
  });
  const Eigen::Matrix3d covariance = y.transpose() * y / static_cast<double>(kRows);
  const Eigen::SelfAdjointEigenSolver<Eigen::Matrix3d> eigen(covariance);
  const double variance = 0.5 * (eigen.eigenvalues()[0] + eigen.eigenvalues()[1]);
  const Eigen::Vector3d loading =
      std::sqrt(eigen.eigenvalues()[2] - variance) * eigen.eigenvectors().col(2);
  FitOptions o = options_with_points({kRows, kRows + 1, kRows + 2, kRows + 3});
  const FitResult r = fit(density, o);
  ASSERT_GT(r.num_draws, 0);
  const Eigen::Vector3d w(r.draws[kRows], r.draws[kRows + 1], r.draws[kRows + 2]);
  const double sign = w.dot(loading) > 0 ? 1 : -1;
  EXPECT_LT((w - sign * loading).norm(), 0.03 * loading.norm());
  EXPECT_NEAR(std::exp(2 * r.draws[kRows + 3]), variance, 0.05 * variance);
  // The likelihood of its maximum: the gap is zero, the factor's posterior being normal.
  const double log_det = std::log(eigen.eigenvalues()[2]) + 2 * std::log(variance);
  const double want = -0.5 * kRows * (3 * kLog2Pi + log_det + 3);
  EXPECT_NEAR(r.log_evidence.value, want, 0.05);
}

TEST(Points, OptionsAreHeldToTheDimension) {
  FitOptions o = options_with_points({0, 1});
  EXPECT_THROW(o.validate(2), std::exception);  // nothing is left
  EXPECT_NO_THROW(o.validate(3));
  o.factors.push_back({"r", gamma_factor(), 1, true});
  EXPECT_THROW(o.validate(3), std::exception);  // taken twice
  o = options_with_points({0});
  o.method = Method::kLaplace;
  EXPECT_THROW(o.validate(3), std::exception);
}

}  // namespace
}  // namespace vinci::infer
