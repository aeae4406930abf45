#include "infer/estimator/estimator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numbers>
#include <vector>

#include "infer/dense.h"
#include "infer/family/full_rank_normal_family.h"
#include "infer/family/mean_field_normal_family.h"
#include "infer/testing/targets.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

const Context kContext;

/// N(mean, precision^-1), unnormalised by `constant` nats.
struct NormalTarget {
  Vector mean;
  Matrix precision;

  testing::PointDensity density() const {
    return {mean.size(), [*this](const std::vector<double>& x, std::vector<double>& g) {
              const Vector d = map_vector(x) - mean, pd = precision * d;
              for (Index i = 0; i < d.size(); ++i) g[static_cast<size_t>(i)] = -pd[i];
              return 3 - 0.5 * d.dot(pd);
            }};
  }
};

NormalTarget normal_target() {
  NormalTarget t{Vector(2), Matrix(2, 2)};
  t.mean << 1, -0.5;
  t.precision << 2, 0.8, 0.8, 1;
  return t;
}

/// The gradient of E_q[beta log p] + H[q] in closed form: -beta P (m - mu) and -beta tril(P C) plus
/// 1 for each log of the diagonal.
Vector exact_gradient(const NormalTarget& t, const MeanFieldNormalFamily&,
                      const std::vector<double>& lambda, double beta) {
  const Vector m = map_vector(lambda).head(2), s = map_vector(lambda).tail(2).array().exp();
  Vector g(4);
  g.head(2) = -beta * t.precision * (m - t.mean);
  g.tail(2) = 1 - beta * t.precision.diagonal().array() * s.array().square();
  return g;
}
Vector exact_gradient(const NormalTarget& t, const FullRankNormalFamily& family,
                      const std::vector<double>& lambda, double beta) {
  Matrix c = Matrix::Zero(2, 2);
  for (Index i = 0; i < 2; ++i) {
    for (Index j = 0; j <= i; ++j) {
      const double v = lambda[static_cast<size_t>(family.factor_index(i, j))];
      c(i, j) = i == j ? std::exp(v) : v;
    }
  }
  Vector g(5);
  g.head(2) = -beta * t.precision * (map_vector(lambda).head(2) - t.mean);
  const Matrix of_c = -beta * t.precision * c;
  for (Index i = 0; i < 2; ++i) {
    for (Index j = 0; j <= i; ++j) {
      g[family.factor_index(i, j)] = i == j ? of_c(i, i) * c(i, i) + 1 : of_c(i, j);
    }
  }
  return g;
}

struct Moments {
  Vector mean, error;  // of the mean
  double trace = 0;    // of the covariance of one estimate
  double objective = 0;
};

Moments repeat(GradientEstimator& estimator, const LogDensity& density,
               const ParametricFamily& family, const std::vector<double>& lambda, Index count) {
  Objective objective(density, kContext);
  const Index size = family.num_params();
  Vector g(size), squares = Vector::Zero(size);
  Moments m{Vector::Zero(size), Vector()};
  for (Index r = 0; r < count; ++r) {
    m.objective += estimator.estimate(objective, family, lambda, {5, 77}, static_cast<uint32_t>(r),
                                      span_of(g)) /
                   static_cast<double>(count);
    const Vector d = g - m.mean;
    m.mean += d / static_cast<double>(r + 1);
    squares.array() += d.array() * (g - m.mean).array();
  }
  const auto n = static_cast<double>(count);
  m.error = (squares / (n - 1) / n).array().sqrt();
  m.trace = squares.sum() / (n - 1);
  return m;
}

using Make = std::function<EstimatorPtr(const EstimatorOptions&)>;

/// Every estimator of the gradient of the (tempered) ELBO.
std::vector<Make> elbo_estimators() {
  return {pathwise_estimator, entropy_pathwise_estimator,      sticking_the_landing_estimator,
          score_estimator,    score_control_variate_estimator, leave_one_out_estimator};
}

// With z-scores beyond 5 a coordinate fails: about 300 coordinates are looked at in this file, so
// that correct code fails with probability 300 x 6e-7 = 2e-4 (under the normal approximation).
constexpr double kStandardErrors = 5;

void expect_unbiased(const Moments& m, const Vector& exact, const std::string& name) {
  for (Index p = 0; p < exact.size(); ++p) {
    EXPECT_NEAR(m.mean[p], exact[p], kStandardErrors * m.error[p] + 1e-12) << name << ", " << p;
  }
}

TEST(Estimator, UnbiasedForNormalTargets) {
  const NormalTarget target = normal_target();
  const auto density = target.density();
  const MeanFieldNormalFamily mean_field(2);
  const FullRankNormalFamily full_rank(2);
  const std::vector<double> of_mean_field = {0.3, 0.2, -0.4, 0.1},
                            of_full_rank = {0.3, 0.2, -0.4, 0.6, 0.1};
  for (const NoiseKind noise :
       {NoiseKind::kIndependent, NoiseKind::kAntithetic, NoiseKind::kSobol}) {
    for (const double beta : {1.0, 0.4}) {
      EstimatorOptions options;
      options.draws = 8;
      options.noise = noise;
      options.temperature = beta;
      for (const Make& make : elbo_estimators()) {
        const EstimatorPtr estimator = make(options);
        if (!estimator->obstacle(mean_field).empty()) continue;
        expect_unbiased(repeat(*estimator, density, mean_field, of_mean_field, 4000),
                        exact_gradient(target, mean_field, of_mean_field, beta), estimator->name());
        expect_unbiased(repeat(*estimator, density, full_rank, of_full_rank, 4000),
                        exact_gradient(target, full_rank, of_full_rank, beta), estimator->name());
      }
    }
  }
}

/// One observation of a logistic regression: z ~ N(0, 1), y = 1 with covariate 2.
testing::PointDensity logistic_1d() {
  return {1, [](const std::vector<double>& x, std::vector<double>& g) {
            const double eta = 2 * x[0];
            g[0] = -x[0] + 2 / (1 + std::exp(eta));
            return testing::log_normal_density(x[0], 0, 1) - std::log1p(std::exp(-eta));
          }};
}

/// E_{N(m, s^2)}[f(u, z)] by the trapezoidal rule, which converges faster than any power here.
double normal_expectation(double m, double s, const std::function<double(double, double)>& f) {
  constexpr double kWidth = 12, kStep = 0.01;
  double sum = 0;
  for (double u = -kWidth; u <= kWidth; u += kStep) {
    sum += f(u, m + s * u) * std::exp(-0.5 * u * u);
  }
  return sum * kStep / std::sqrt(2 * std::numbers::pi);
}

TEST(Estimator, UnbiasedAgainstQuadrature) {
  const auto density = logistic_1d();
  const MeanFieldNormalFamily family(1);
  const std::vector<double> lambda = {0.2, -0.1};
  const double s = std::exp(-0.1);
  const auto slope = [](double z) { return -z + 2 / (1 + std::exp(2 * z)); };
  Vector exact(2);
  exact[0] = normal_expectation(0.2, s, [&](double, double z) { return slope(z); });
  exact[1] = 1 + normal_expectation(0.2, s, [&](double u, double z) { return s * u * slope(z); });
  EstimatorOptions options;
  options.draws = 8;
  for (const Make& make : elbo_estimators()) {
    const EstimatorPtr estimator = make(options);
    expect_unbiased(repeat(*estimator, density, family, lambda, 4000), exact, estimator->name());
  }
}

TEST(Estimator, ReturnsTheElbo) {
  const NormalTarget target = normal_target();
  const auto density = target.density();
  const MeanFieldNormalFamily family(2);
  const std::vector<double> lambda = {0.3, 0.2, -0.4, 0.1};
  const Vector m = map_vector(lambda).head(2) - target.mean;
  const double variance_part =
      target.precision(0, 0) * std::exp(-0.8) + target.precision(1, 1) * std::exp(0.2);
  const double elbo =
      3 - 0.5 * (m.dot(target.precision * m) + variance_part) + family.at(lambda)->entropy();
  for (const Make& make : elbo_estimators()) {
    const EstimatorPtr estimator = make({});
    // The deviation of log p - log q is about 1; 4000 x 16 draws.
    EXPECT_NEAR(repeat(*estimator, density, family, lambda, 4000).objective, elbo,
                kStandardErrors * 1.5 / std::sqrt(64000.0));
  }
}

// LecturesB2: what sticking the landing drops vanishes in expectation and is all of the noise where
// q is the posterior.
TEST(Estimator, LecturesB2StickingTheLandingHasNoVarianceAtThePosterior) {
  const NormalTarget target = normal_target();
  const auto density = target.density();
  const FullRankNormalFamily family(2);
  const Matrix covariance = target.precision.inverse();
  const Matrix factor = covariance.llt().matrixL();
  const std::vector<double> lambda =
      FullRankNormalFamily::params_of(FullRankNormal(to_std(target.mean), to_std(factor)));
  EstimatorOptions options;
  options.draws = 4;
  const Moments stl =
      repeat(*sticking_the_landing_estimator(options), density, family, lambda, 100);
  const Moments total = repeat(*pathwise_estimator(options), density, family, lambda, 100);
  EXPECT_LT(stl.trace, 1e-24);
  EXPECT_LT(stl.mean.norm(), 1e-12);
  EXPECT_GT(total.trace, 0.1);
}

// LecturesB3: the score function's gradient is noisier than the pathwise one, in one dimension and
// on a logistic regression; control variates close part of the distance.
TEST(Estimator, LecturesB3ScoreIsNoisierThanPathwise) {
  EstimatorOptions options;
  options.draws = 16;
  const auto traces = [&](const LogDensity& density, const std::vector<double>& lambda) {
    const MeanFieldNormalFamily family(density.dim());
    std::vector<double> result;
    for (const Make& make : elbo_estimators()) {
      result.push_back(repeat(*make(options), density, family, lambda, 500).trace);
    }
    return result;
  };
  const auto one = logistic_1d();
  const auto t1 = traces(one, {0.2, -0.1});
  EXPECT_GT(t1[3], 1.5 * t1[1]);  // score : pathwise with closed entropy
  EXPECT_GT(t1[3], t1[4]);        // score : with control variate
  const auto regression = testing::logistic_regression(5, 50);
  const auto t5 = traces(regression, std::vector<double>{-0.5, 0, 0, 0.3, 0, -1, -1, -1, -1, -1});
  EXPECT_GT(t5[3], 100 * t5[1]);
  EXPECT_GT(t5[3], 10 * t5[4]);
  EXPECT_GT(t5[4], 2 * t5[1]);
}

// The linearisation of a normal target's gradient is the gradient: nothing is left to vary.
TEST(Estimator, HessianControlVariateIsExactForNormalTargets) {
  const NormalTarget target = normal_target();
  const auto density = target.density();
  const MeanFieldNormalFamily family(2);
  const std::vector<double> lambda = {0.3, 0.2, -0.4, 0.1};
  EstimatorOptions options;
  options.draws = 4;
  options.temperature = 0.4;
  const auto exact = exact_gradient(target, family, lambda, 0.4);
  const Moments full =
      repeat(*hessian_control_variate_estimator(options), density, family, lambda, 20);
  // Products are differences of gradients, exact to 1e-9.
  EXPECT_LT((full.mean - exact).norm(), 1e-7);
  EXPECT_LT(full.trace, 1e-12);
  const Moments means =
      repeat(*hessian_control_variate_estimator(options, false), density, family, lambda, 4000);
  expect_unbiased(means, exact, "means only");
  EXPECT_LT((means.mean - exact).head(2).norm(), 1e-7);
  EXPECT_NE(hessian_control_variate_estimator(options)->obstacle(FullRankNormalFamily(2)), "");
}

TEST(Estimator, HessianControlVariateIsUnbiasedAndLessNoisy) {
  const auto density = testing::logistic_regression(3, 20);
  const MeanFieldNormalFamily family(3);
  const std::vector<double> lambda = {-0.5, 0, 0.2, -1, -0.8, -1.2};
  const Moments reference = repeat(*entropy_pathwise_estimator({}), density, family, lambda, 4000);
  const Moments with =
      repeat(*hessian_control_variate_estimator({}), density, family, lambda, 1000);
  for (Index p = 0; p < 6; ++p) {
    EXPECT_NEAR(with.mean[p], reference.mean[p],
                kStandardErrors * std::hypot(with.error[p], reference.error[p]));
  }
  EXPECT_LT(10 * with.trace, reference.trace);
}

/// A chain: terms that tie neighbours. log p = -1/2 sum_i (z_i - a z_{i-1} - 1)^2, z_{-1} = 0.
constexpr double kChain = 0.5;
testing::PointDensity chain(Index dim) {
  return {dim, [](const std::vector<double>& x, std::vector<double>& g) {
            double value = 0;
            for (size_t i = 0; i < x.size(); ++i) {
              const double r = x[i] - (i > 0 ? kChain * x[i - 1] : 0) - 1;
              value -= 0.5 * r * r;
              g[i] -= r;
              if (i > 0) g[i - 1] += kChain * r;
            }
            return value;
          }};
}
void chain_blanket(LaneMatrix z, MutableLaneMatrix sums) {
  for (Index l = 0; l < z.lanes; ++l) {
    for (Index i = 0; i < z.rows; ++i) sums(i, l) = 0;
    for (Index i = 0; i < z.rows; ++i) {
      const double r = z(i, l) - (i > 0 ? kChain * z(i - 1, l) : 0) - 1;
      sums(i, l) -= 0.5 * r * r;
      if (i > 0) sums(i - 1, l) -= 0.5 * r * r;
    }
  }
}

TEST(Estimator, RaoBlackwellIsUnbiasedAndLessNoisyTheLongerTheChain) {
  double ratio[2];  // of the variance without blankets to that with them
  for (const Index dim : {4, 16}) {
    const auto density = chain(dim);
    const MeanFieldNormalFamily family(dim);
    const std::vector<double> lambda(static_cast<size_t>(2 * dim), 0.1);
    const Moments reference =
        repeat(*entropy_pathwise_estimator({}), density, family, lambda, 4000);
    const Moments plain = repeat(*score_estimator({}), density, family, lambda, 1000);
    for (const bool leave_one_out : {false, true}) {
      const EstimatorPtr estimator = rao_blackwell_estimator({}, chain_blanket, leave_one_out);
      const Moments m = repeat(*estimator, density, family, lambda, 4000);
      for (Index p = 0; p < 2 * dim; ++p) {
        EXPECT_NEAR(m.mean[p], reference.mean[p],
                    kStandardErrors * std::hypot(m.error[p], reference.error[p]))
            << estimator->name() << ", " << p;
      }
      ratio[dim == 16] = plain.trace / m.trace;
    }
  }
  EXPECT_GT(ratio[1], 1.5);
  EXPECT_GT(ratio[1], 2 * ratio[0]);
}

TEST(Estimator, LaxLearnsToBeLessNoisyThanTheScore) {
  const auto density = logistic_1d();
  const MeanFieldNormalFamily family(1);
  const std::vector<double> lambda = {0.2, -0.1};
  const EstimatorPtr lax = lax_estimator({});
  const Moments early = repeat(*lax, density, family, lambda, 50);
  repeat(*lax, density, family, lambda, 2000);
  const Moments late = repeat(*lax, density, family, lambda, 500);
  const Moments score = repeat(*score_estimator({}), density, family, lambda, 500);
  EXPECT_LT(10 * late.trace, score.trace);
  EXPECT_LT(2 * late.trace, early.trace);
}

/// L_2 by a double trapezoidal rule.
double bound_of_two(double m, double s) {
  constexpr double kWidth = 8, kStep = 0.05;
  std::vector<double> weight, log_w;
  const auto log_p = [](double z) {
    return testing::log_normal_density(z, 0, 1) - std::log1p(std::exp(-2 * z));
  };
  for (double u = -kWidth; u <= kWidth; u += kStep) {
    const double z = m + s * u;
    weight.push_back(kStep * std::exp(testing::log_normal_density(u, 0, 1)));
    log_w.push_back(log_p(z) - testing::log_normal_density(z, m, s));
  }
  double sum = 0;
  for (size_t i = 0; i < weight.size(); ++i) {
    for (size_t j = 0; j < weight.size(); ++j) {
      const double top = std::max(log_w[i], log_w[j]);
      sum += weight[i] * weight[j] *
             (top + std::log(0.5 * (std::exp(log_w[i] - top) + std::exp(log_w[j] - top))));
    }
  }
  return sum;
}

TEST(Estimator, ImportanceWeightedGradientsAreUnbiased) {
  const auto density = logistic_1d();
  const MeanFieldNormalFamily family(1);
  const std::vector<double> lambda = {0.2, -0.1};
  constexpr double kStep = 1e-4;
  Vector exact(2);
  exact[0] =
      (bound_of_two(0.2 + kStep, std::exp(-0.1)) - bound_of_two(0.2 - kStep, std::exp(-0.1))) /
      (2 * kStep);
  exact[1] =
      (bound_of_two(0.2, std::exp(-0.1 + kStep)) - bound_of_two(0.2, std::exp(-0.1 - kStep))) /
      (2 * kStep);
  EstimatorOptions options;
  options.draws = 8;
  double objective[2];
  for (const bool doubly : {false, true}) {
    const EstimatorPtr e = doubly ? doubly_reparameterised_estimator(options, 2)
                                  : importance_weighted_estimator(options, 2);
    const Moments m = repeat(*e, density, family, lambda, 4000);
    expect_unbiased(m, exact, e->name());
    objective[doubly] = m.objective;
  }
  EXPECT_EQ(objective[0], objective[1]);
  EXPECT_NEAR(objective[0], bound_of_two(0.2, std::exp(-0.1)), 0.01);
  EXPECT_NE(importance_weighted_estimator(options, 9)->obstacle(family), "");
}

// Twice reparameterised, the same mean with less noise; q is wider than the posterior, so that the
// weights are bounded.
TEST(Estimator, DoublyReparameterisedIsLessNoisy) {
  const auto density = testing::logistic_regression(3, 20);
  const MeanFieldNormalFamily family(3);
  const std::vector<double> lambda = {-0.5, 0, 0.2, -0.3, -0.3, -0.3};
  EstimatorOptions options;
  options.draws = 64;
  const Moments total =
      repeat(*importance_weighted_estimator(options, 64), density, family, lambda, 500);
  const Moments doubly =
      repeat(*doubly_reparameterised_estimator(options, 64), density, family, lambda, 500);
  for (Index p = 0; p < 6; ++p) {
    EXPECT_NEAR(total.mean[p], doubly.mean[p],
                kStandardErrors * std::hypot(total.error[p], doubly.error[p]));
  }
  EXPECT_GT(total.trace, 1.5 * doubly.trace);
  // One draw a group: sticking the landing.
  const Moments one =
      repeat(*doubly_reparameterised_estimator(options, 1), density, family, lambda, 3);
  const Moments stl = repeat(*sticking_the_landing_estimator(options), density, family, lambda, 3);
  EXPECT_LT((one.mean - stl.mean).norm(), 1e-12);
}

// LecturesB1, for discrete z: q over {0, 1}^2 with logits lambda, where nothing can be
// reparameterised.
class BernoulliFamily final : public ParametricFamily {
 public:
  class Q final : public Family {
   public:
    explicit Q(std::span<const double> logits) : logits_(logits.begin(), logits.end()) {}
    Index dim() const override { return static_cast<Index>(logits_.size()); }
    std::string describe() const override { return "Bernoulli"; }
    void draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane, MutableLaneMatrix z,
              std::span<double> log_density) const override {
      numeric::fill_uniform(key, step, first_lane, z.rows, z.lanes, z.data, z.stride);
      for (Index i = 0; i < z.rows; ++i) {
        for (Index l = 0; l < z.lanes; ++l) z(i, l) = z(i, l) < probability(i) ? 1 : 0;
      }
      log_q({z.data, z.rows, z.lanes, z.stride}, log_density);
    }
    void log_q(LaneMatrix z, std::span<double> out) const override {
      for (Index l = 0; l < z.lanes; ++l) {
        double sum = 0;
        for (Index i = 0; i < z.rows; ++i) {
          sum += std::log(z(i, l) == 1 ? probability(i) : 1 - probability(i));
        }
        out[static_cast<size_t>(l)] = sum;
      }
    }
    double entropy() const override { return std::nan(""); }
    double probability(Index i) const {
      return 1 / (1 + std::exp(-logits_[static_cast<size_t>(i)]));
    }

   private:
    std::vector<double> logits_;
  };

  Index dim() const override { return 2; }
  Index num_params() const override { return 2; }
  std::string describe() const override { return "Bernoulli"; }
  std::string param_name(Index) const override { return "logit"; }
  FamilyPtr at(std::span<const double> lambda) const override {
    return std::make_shared<Q>(lambda);
  }
  void score(std::span<const double> lambda, LaneMatrix z, MutableLaneMatrix s) const override {
    const Q q(lambda);
    for (Index i = 0; i < 2; ++i) {
      for (Index l = 0; l < z.lanes; ++l) s(i, l) = z(i, l) - q.probability(i);
    }
  }
  void log_q_gradient(std::span<const double>, LaneMatrix, MutableLaneMatrix) const override {
    FAIL();
  }
  Index noise_dim() const override { return 0; }
  TapePtr transform(std::span<const double>, LaneMatrix, MutableLaneMatrix,
                    std::span<double>) const override {
    ADD_FAILURE();
    return nullptr;
  }
  void pathwise(std::span<const double>, LaneMatrix, LaneMatrix, const Tape*, LaneMatrix,
                MutableLaneMatrix) const override {
    FAIL();
  }
};

TEST(Estimator, LecturesB1ScoresServeDiscreteVariables) {
  // log p(z) = 0.7 z_1 - 0.4 z_2 + 1.5 z_1 z_2, on {0, 1}^2.
  const testing::PointDensity density(2, [](const std::vector<double>& z, std::vector<double>&) {
    return 0.7 * z[0] - 0.4 * z[1] + 1.5 * z[0] * z[1];
  });
  const BernoulliFamily family;
  const std::vector<double> lambda = {0.3, -0.8};
  const double a = 1 / (1 + std::exp(-0.3)), b = 1 / (1 + std::exp(0.8));
  // d/dlogit of E[log p] + H: p (1 - p) (d E / d p - logit).
  Vector exact(2);
  exact << a * (1 - a) * (0.7 + 1.5 * b - 0.3), b * (1 - b) * (-0.4 + 1.5 * a + 0.8);
  double trace[3];
  int k = 0;
  for (const Make& make : std::vector<Make>{score_estimator, score_control_variate_estimator,
                                            leave_one_out_estimator}) {
    const EstimatorPtr estimator = make({});
    const Moments m = repeat(*estimator, density, family, lambda, 4000);
    expect_unbiased(m, exact, estimator->name());
    trace[k++] = m.trace;
  }
  EXPECT_LT(trace[1], trace[0]);
  EXPECT_LT(trace[2], trace[0]);
  EXPECT_NE(pathwise_estimator({})->obstacle(family), "");
  EXPECT_NE(score_estimator({.noise = NoiseKind::kSobol})->obstacle(family), "");
}

// LecturesB1: a* = Cov(f h, h) / Var(h) is the coefficient of least variance: E[((f - a) h)^2] is a
// parabola in a with its minimum there (the mean does not depend on a).
TEST(Estimator, LecturesB1TheCoefficientIsTheMinimiser) {
  const double m = 0.2, s = std::exp(-0.1);
  const auto f = [&](double z) {
    return testing::log_normal_density(z, 0, 1) - std::log1p(std::exp(-2 * z)) -
           testing::log_normal_density(z, m, s);
  };
  const auto h = [&](double z) { return (z - m) / (s * s); };
  const auto expect = [&](const std::function<double(double)>& g) {
    return normal_expectation(m, s, [&](double, double z) { return g(z); });
  };
  const double mean = expect([&](double z) { return f(z) * h(z); });
  const double best = expect([&](double z) { return f(z) * h(z) * h(z); }) /
                      expect([&](double z) { return h(z) * h(z); });
  const auto second = [&](double a) {
    return expect([&](double z) { return std::pow((f(z) - a) * h(z), 2); });
  };
  for (const double off : {-1.0, -0.1, 0.1, 1.0}) {
    EXPECT_GT(second(best + off), second(best));
    EXPECT_NEAR(expect([&](double z) { return (f(z) - best - off) * h(z); }), mean, 1e-12);
  }
  // The estimator comes close to it: its coefficients are estimated from half a batch.
  const auto density = logistic_1d();
  const MeanFieldNormalFamily family(1);
  EstimatorOptions options;
  options.draws = 200;
  Objective objective(density, kContext);
  const EstimatorPtr estimator = score_control_variate_estimator(options);
  double squares = 0;
  constexpr uint32_t kRuns = 500;
  for (uint32_t r = 0; r < kRuns; ++r) {
    std::vector<double> g(2);
    estimator->estimate(objective, family, std::vector<double>{m, -0.1}, {5, 77}, r, g);
    squares += (g[0] - mean) * (g[0] - mean) / kRuns;
  }
  const double optimal = (second(best) - mean * mean) / 200;
  EXPECT_LT(squares, 1.4 * optimal);
  EXPECT_GT(squares, 0.6 * optimal);
}

TEST(Estimator, QuasiRandomAndAntitheticDrawsAreLessNoisy) {
  const auto density = testing::logistic_regression(3, 20);
  const MeanFieldNormalFamily family(3);
  const std::vector<double> lambda = {-0.5, 0, 0.2, -1, -0.8, -1.2};
  const auto trace = [&](NoiseKind noise) {
    EstimatorOptions options;
    options.draws = 64;
    options.noise = noise;
    return repeat(*entropy_pathwise_estimator(options), density, family, lambda, 300).trace;
  };
  const double independent = trace(NoiseKind::kIndependent);
  EXPECT_LT(1.5 * trace(NoiseKind::kAntithetic), independent);
  EXPECT_LT(4 * trace(NoiseKind::kSobol), independent);
}

TEST(Estimator, SurvivesDrawsWithoutDensity) {
  const auto density = testing::half_space(2, 0.5);
  const MeanFieldNormalFamily family(2);
  const std::vector<double> lambda = {0, 0, 0, 0};
  for (const Make& make : elbo_estimators()) {
    const EstimatorPtr estimator = make({});
    const Moments m = repeat(*estimator, density, family, lambda, 50);
    EXPECT_TRUE(m.mean.allFinite()) << estimator->name();
    EXPECT_TRUE(std::isfinite(m.objective)) << estimator->name();
  }
  const auto nowhere = testing::nowhere_finite(2);
  for (const Make& make : elbo_estimators()) {
    const EstimatorPtr estimator = make({});
    const Moments m = repeat(*estimator, nowhere, family, lambda, 2);
    EXPECT_TRUE(m.mean.allFinite()) << estimator->name();
    EXPECT_FALSE(std::isfinite(m.objective)) << estimator->name();
  }
}

TEST(Estimator, OptionsAreChecked) {
  EstimatorOptions options;
  options.draws = 0;
  EXPECT_THROW(pathwise_estimator(options), Error);
  options.draws = 3;
  const MeanFieldNormalFamily family(1);
  EXPECT_NE(score_control_variate_estimator(options)->obstacle(family), "");
  EXPECT_EQ(leave_one_out_estimator(options)->obstacle(family), "");
  options.temperature = std::nan("");
  EXPECT_THROW(score_estimator(options), Error);
}

}  // namespace
}  // namespace vinci::infer
