// Estimators for discrete coordinates against exhaustive enumeration on random small densities.
#include "infer/estimator/discrete/discrete_estimator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "infer/dense.h"
#include "infer/estimator/discrete/relaxed_states.h"
#include "infer/method/stochastic_vi.h"
#include "infer/testing/tables.h"

namespace vinci::infer {
namespace {

using testing::TableDensity;

const Context kContext;

// About 600 coordinates are looked at in this file; beyond 5 standard errors one fails: correct
// code fails with probability 600 x 6e-7 = 4e-4 (under the normal approximation).
constexpr double kStandardErrors = 5;

struct Moments {
  Vector mean, error;
  double trace = 0;         // of the covariance of one estimate
  double logits_trace = 0;  // the logits' part
  double evaluations = 0;   // of one estimate
  double objective = 0, objective_error = 0;
};

Moments repeat(GradientEstimator& estimator, const LogDensity& density, const MixedFamily& family,
               const std::vector<double>& lambda, Index count) {
  Objective objective(density, kContext);
  const Index size = family.num_params();
  Vector g(size), squares = Vector::Zero(size);
  Moments m{Vector::Zero(size), Vector()};
  double value_squares = 0;
  for (Index r = 0; r < count; ++r) {
    const double value = estimator.estimate(objective, family, lambda, {11, 7},
                                            static_cast<uint32_t>(r), span_of(g));
    const double change = value - m.objective;
    m.objective += change / static_cast<double>(r + 1);
    value_squares += change * (value - m.objective);
    const Vector d = g - m.mean;
    m.mean += d / static_cast<double>(r + 1);
    squares.array() += d.array() * (g - m.mean).array();
  }
  const auto n = static_cast<double>(count);
  m.error = (squares / (n - 1) / n).array().sqrt();
  m.objective_error = std::sqrt(value_squares / (n - 1) / n);
  m.trace = squares.sum() / (n - 1);
  m.logits_trace = squares.tail(family.num_logits()).sum() / (n - 1);
  m.evaluations = static_cast<double>(objective.evaluations()) / n;
  return m;
}

Vector differentiate(const std::function<double(std::span<const double>)>& f,
                     const std::vector<double>& lambda) {
  constexpr double kStep = 1e-4;
  Vector g(static_cast<Index>(lambda.size()));
  for (size_t p = 0; p < lambda.size(); ++p) {
    std::vector<double> low = lambda, high = lambda;
    low[p] -= kStep;
    high[p] += kStep;
    g[static_cast<Index>(p)] = (f(high) - f(low)) / (2 * kStep);
  }
  return g;
}

std::vector<double> random_lambda(const MixedFamily& family, uint64_t seed) {
  std::mt19937_64 rng(seed);
  std::normal_distribution<double> normal(0, 0.7);
  std::vector<double> lambda(static_cast<size_t>(family.num_params()));
  for (double& v : lambda) v = normal(rng);
  return lambda;
}

using Make = std::function<EstimatorPtr(const EstimatorOptions&, const TableDensity&)>;

std::vector<Make> elbo_estimators() {
  std::vector<Make> all;
  for (const ScoreControl control :
       {ScoreControl::kNone, ScoreControl::kScore, ScoreControl::kLeaveOneOut}) {
    all.push_back([control](const EstimatorOptions& o, const TableDensity&) {
      return discrete_score_estimator(o, control);
    });
    all.push_back([control](const EstimatorOptions& o, const TableDensity& t) {
      return discrete_rao_blackwell_estimator(o, t.blankets(), control);
    });
  }
  all.push_back([](const EstimatorOptions& o, const TableDensity& t) {
    return local_expectation_estimator(o, t.blankets());
  });
  all.push_back([](const EstimatorOptions& o, const TableDensity&) {
    return local_expectation_estimator(o, {});
  });
  all.push_back([](const EstimatorOptions& o, const TableDensity&) { return disarm_estimator(o); });
  all.push_back([](const EstimatorOptions& o, const TableDensity& t) {
    return disarm_estimator(o, t.blankets());
  });
  all.push_back([](const EstimatorOptions& o, const TableDensity&) { return relax_estimator(o); });
  return all;
}

void expect_unbiased(const Moments& m, const Vector& exact, const std::string& name) {
  for (Index p = 0; p < exact.size(); ++p) {
    EXPECT_NEAR(m.mean[p], exact[p], kStandardErrors * m.error[p] + 1e-6) << name << ", " << p;
  }
}

// Lectures B.1: the score function works for discrete z; E.5: RELAX is unbiased for any surrogate,
// here one that learns while it is measured.
TEST(DiscreteEstimator, UnbiasedAgainstEnumeration) {
  const std::vector<std::vector<DiscreteStates>> shapes = {
      {{0, 2, ""}, {0, 2, ""}, {1, 2, ""}}, {{1, 3, ""}, {0, 2, ""}, {-1, 4, ""}, {0, 2, ""}}};
  for (size_t shape = 0; shape < shapes.size(); ++shape) {
    for (const Index continuous : {0, 2}) {
      const TableDensity density(continuous, shapes[shape],
                                 10 * shape + static_cast<uint64_t>(continuous));
      const MixedFamily family = density.family();
      const std::vector<double> lambda = random_lambda(family, 3 + shape);
      EstimatorOptions options;
      options.draws = 6;
      options.temperature = shape == 0 ? 1 : 0.6;
      options.entropy_weight = shape == 0 ? 1 : 0.8;
      const auto objective = [&](std::span<const double> l) {
        return density.exact_objective(l, options.temperature, options.entropy_weight);
      };
      const Vector exact = differentiate(objective, lambda);
      for (const Make& make : elbo_estimators()) {
        const EstimatorPtr estimator = make(options, density);
        const std::string obstacle = estimator->obstacle(family);
        if (!obstacle.empty()) {
          EXPECT_EQ(obstacle, "it is for two states");
          EXPECT_EQ(shape, 1u);
          continue;
        }
        const Moments m = repeat(*estimator, density, family, lambda, 2500);
        expect_unbiased(m, exact, estimator->name());
        EXPECT_NEAR(m.objective, objective(lambda), kStandardErrors * m.objective_error + 1e-9)
            << estimator->name();
      }
    }
  }
}

/// E of the importance-weighted bound of two draws; the continuous coordinate (if there is one) by
/// the trapezoidal rule in its noise.
double exact_bound(const TableDensity& density, std::span<const double> lambda) {
  constexpr Index kPoints = 41;
  constexpr double kReach = 6;
  const MixedFamily family = density.family();
  struct Draw {
    double probability, log_w;
  };
  std::vector<Draw> draws;
  const Index points = density.num_continuous() == 0 ? 1 : kPoints;
  const FamilyPtr q = family.at(lambda);
  for (Index i = 0; i < points; ++i) {
    const double u = points == 1 ? 0 : kReach * (2.0 * static_cast<double>(i) / (kPoints - 1) - 1);
    const double mass =
        points == 1 ? 1 : std::exp(-0.5 * u * u) / std::sqrt(2 * M_PI) * 2 * kReach / (kPoints - 1);
    density.enumerate(family, lambda, [&](const std::vector<double>& z, double probability) {
      std::vector<double> point;
      if (points > 1) point.push_back(lambda[0] + std::exp(lambda[1]) * u);
      point.insert(point.end(), z.begin(), z.end());
      const LaneMatrix at{point.data(), density.dim(), 1, 1};
      double log_p = 0, log_q = 0;
      density.evaluate(at, {&log_p, 1}, {nullptr, 0, 0, 0});
      q->log_q(at, {&log_q, 1});
      draws.push_back({probability * mass, log_p - log_q});
    });
  }
  double sum = 0;
  for (const Draw& a : draws) {
    for (const Draw& b : draws) {
      const double top = std::max(a.log_w, b.log_w), low = std::min(a.log_w, b.log_w);
      sum += a.probability * b.probability * (top + std::log1p(std::exp(low - top)) - std::log(2));
    }
  }
  return sum;
}

TEST(DiscreteEstimator, VimcoIsUnbiasedForTheBoundOfItsGroups) {
  for (const Index continuous : {0, 1}) {
    const TableDensity density(continuous, {{0, 2, ""}, {1, 3, ""}}, 21);
    const MixedFamily family = density.family();
    const std::vector<double> lambda = random_lambda(family, 8);
    const auto bound = [&](std::span<const double> l) { return exact_bound(density, l); };
    const EstimatorPtr estimator = vimco_estimator({.draws = 6}, 2);
    const Moments m = repeat(*estimator, density, family, lambda, 6000);
    expect_unbiased(m, differentiate(bound, lambda), estimator->name());
    EXPECT_NEAR(m.objective, bound(lambda), kStandardErrors * m.objective_error);
    EXPECT_GT(bound(lambda), density.exact_objective(lambda));
  }
  const TableDensity density(0, {{0, 2, ""}}, 1);
  EXPECT_NE(vimco_estimator({.draws = 4}, 1)->obstacle(density.family()), "");
  EXPECT_NE(vimco_estimator({.draws = 4}, 5)->obstacle(density.family()), "");
}

TEST(DiscreteEstimator, BlanketsAndControlsTakeVarianceAway) {
  std::vector<DiscreteStates> states(8);
  const TableDensity density(1, states, 5);
  const MixedFamily family = density.family();
  const std::vector<double> lambda = random_lambda(family, 2);
  const EstimatorOptions options{.draws = 8};
  const auto variance = [&](const EstimatorPtr& e) {
    return repeat(*e, density, family, lambda, 1500).logits_trace;
  };
  const double plain = variance(discrete_score_estimator(options, ScoreControl::kNone));
  const double left_out = variance(discrete_score_estimator(options, ScoreControl::kLeaveOneOut));
  const double local =
      variance(discrete_rao_blackwell_estimator(options, density.blankets(), ScoreControl::kNone));
  const double local_left_out = variance(
      discrete_rao_blackwell_estimator(options, density.blankets(), ScoreControl::kLeaveOneOut));
  const double disarm = variance(disarm_estimator(options));
  const double local_disarm = variance(disarm_estimator(options, density.blankets()));
  const double expectation = variance(local_expectation_estimator(options, density.blankets()));
  // Traces of 1,500 estimates are good to about 5 %.
  EXPECT_LT(local, 0.7 * plain);
  EXPECT_LT(left_out, 0.7 * plain);
  EXPECT_LT(local_left_out, 0.7 * left_out);
  // With the same two evaluations.
  const EstimatorOptions pair{.draws = 2};
  EXPECT_LT(variance(disarm_estimator(pair)),
            variance(discrete_score_estimator(pair, ScoreControl::kLeaveOneOut)));
  EXPECT_LT(local_disarm, 0.7 * disarm);
  EXPECT_LT(expectation, 0.7 * local_left_out);
  EXPECT_LT(expectation, 0.7 * local_disarm);
}

TEST(DiscreteEstimator, RelaxLearnsToTakeVarianceAway) {
  const TableDensity density(0, {{0, 2, ""}, {0, 2, ""}, {0, 3, ""}}, 9);
  const MixedFamily family = density.family();
  const std::vector<double> lambda = random_lambda(family, 4);
  const EstimatorOptions options{.draws = 8};
  const EstimatorPtr relax = relax_estimator(options);
  Objective objective(density, kContext);
  Vector g(family.num_params());
  for (uint32_t t = 0; t < 3000; ++t) {
    relax->estimate(objective, family, lambda, {5, 5}, t, span_of(g));
  }
  const double learned = repeat(*relax, density, family, lambda, 1500).logits_trace;
  const EstimatorPtr score = discrete_score_estimator(options, ScoreControl::kNone);
  EXPECT_LT(learned, 0.5 * repeat(*score, density, family, lambda, 1500).logits_trace);
}

// Lectures E.4: biased for every temperature, and the bias falls with it while the variance rises.
TEST(DiscreteEstimator, ConcreteTradesBiasForVariance) {
  const TableDensity density(1, {{0, 2, ""}, {0, 3, ""}, {0, 2, ""}}, 13);
  const TableDensity::Relaxed relaxed(density);
  const MixedFamily family = density.family();
  const std::vector<double> lambda = random_lambda(family, 6);
  const Vector exact =
      differentiate([&](std::span<const double> l) { return density.exact_objective(l); }, lambda);
  std::vector<double> bias, noise, variance;
  for (const double t : {1.0, 0.4, 0.1}) {
    const EstimatorPtr e = concrete_estimator({.draws = 8}, relaxed, t);
    EXPECT_NE(e->name().find("biased"), std::string::npos);
    const Moments m = repeat(*e, density, family, lambda, 6000);
    bias.push_back((m.mean - exact).norm());
    noise.push_back(m.error.norm());
    variance.push_back(m.trace);
  }
  EXPECT_GT(bias[0], 5 * noise[0]);
  EXPECT_LT(bias[1] + 3 * noise[1], bias[0]);
  EXPECT_LT(bias[2] - 3 * noise[2], 0.5 * bias[1]);
  EXPECT_GT(variance[1], variance[0]);
  EXPECT_GT(variance[2], variance[1]);
}

// Lectures E.4: the largest of perturbed logits is a draw of the categorical at every temperature
// (Gumbel-max), and soft states tend to it as the temperature falls.
TEST(RelaxedStates, LargestStateIsACategoricalDraw) {
  const MixedFamily family(std::make_shared<MeanFieldNormalFamily>(0), {{0, 4, ""}});
  const std::vector<double> lambda = {0.5, -1, 1.2};
  const std::vector<double> log_pi = family.log_probabilities(lambda);
  constexpr Index kDraws = 40000;
  Matrix uniform(4, kDraws);
  numeric::fill_uniform({1, 2}, 0, 0, 4, kDraws, uniform.data(), kDraws);
  std::vector<Index> first_largest(kDraws);
  for (const double t : {2.0, 0.5, 0.01}) {
    const RelaxedStates z = relax_freely(family, log_pi, t, uniform);
    Vector share = Vector::Zero(4);
    double least = 1;
    for (Index l = 0; l < kDraws; ++l) {
      Index largest = 0;
      least = std::min(least, z.soft.col(l).maxCoeff(&largest));
      share[largest] += 1.0 / kDraws;
      EXPECT_NEAR(z.soft.col(l).sum(), 1, 1e-12);
      if (t == 2.0) first_largest[static_cast<size_t>(l)] = largest;
      EXPECT_EQ(largest, first_largest[static_cast<size_t>(l)]);
    }
    for (Index k = 0; k < 4; ++k) {
      const double p = std::exp(log_pi[static_cast<size_t>(k)]);
      EXPECT_NEAR(share[k], p, 5 * std::sqrt(p * (1 - p) / kDraws)) << t;
    }
    if (t == 2.0) {
      EXPECT_LT(least, 0.5);
    }
  }
}

// Lectures E.5: noise given the state drawn has the distribution of free noise, and for two states
// the state's uniform v' = v [(1 - p)(1 - b) + p b] + (1 - p) b.
TEST(RelaxedStates, NoiseGivenTheStateIsFreeNoiseOnTheWhole) {
  const MixedFamily family(std::make_shared<MeanFieldNormalFamily>(0), {{0, 3, ""}});
  const std::vector<double> lambda = {0.8, -0.6};
  const std::vector<double> log_pi = family.log_probabilities(lambda);
  constexpr Index kDraws = 40000;
  Matrix uniform(3, kDraws), of_state(1, kDraws), states(1, kDraws);
  numeric::fill_uniform({1, 3}, 0, 0, 3, kDraws, uniform.data(), kDraws);
  numeric::fill_uniform({1, 4}, 0, 0, 1, kDraws, of_state.data(), kDraws);
  family.draw_states(log_pi, lanes_of(of_state), mutable_lanes(states));
  const RelaxedStates given = relax_given_states(family, log_pi, 0.7, uniform, states, false);
  numeric::fill_uniform({1, 5}, 0, 0, 3, kDraws, uniform.data(), kDraws);
  const RelaxedStates free = relax_freely(family, log_pi, 0.7, uniform);
  for (Index k = 0; k < 3; ++k) {
    for (const int power : {1, 2}) {
      const Eigen::ArrayXd a = given.soft.row(k).array().pow(power).transpose();
      const Eigen::ArrayXd b = free.soft.row(k).array().pow(power).transpose();
      const double error =
          std::sqrt(((a - a.mean()).square().mean() + (b - b.mean()).square().mean()) / kDraws);
      EXPECT_NEAR(a.mean(), b.mean(), 5 * error) << k << " " << power;
    }
  }
  for (Index l = 0; l < kDraws; ++l) {
    Index largest = 0;
    given.soft.col(l).maxCoeff(&largest);
    ASSERT_EQ(static_cast<double>(largest), states(0, l));
  }
}

TEST(RelaxedStates, DerivativesAlongTheNoiseMatchDifferences) {
  const MixedFamily family(std::make_shared<MeanFieldNormalFamily>(0), {{0, 3, ""}, {0, 2, ""}});
  const std::vector<double> lambda = {0.4, -0.9, 0.3};
  Matrix uniform(5, 6), states(2, 6);
  numeric::fill_uniform({2, 3}, 0, 0, 5, 6, uniform.data(), 6);
  states << 0, 1, 2, 0, 1, 2, 0, 1, 0, 1, 0, 1;
  for (const bool given : {false, true}) {
    const auto soft = [&](const std::vector<double>& l) {
      const std::vector<double> log_pi = family.log_probabilities(l);
      return given ? relax_given_states(family, log_pi, 0.6, uniform, states, false)
                   : relax_freely(family, log_pi, 0.6, uniform);
    };
    const RelaxedStates at = soft(lambda);
    const std::vector<double> log_pi = family.log_probabilities(lambda);
    for (Index p = 0; p < 3; ++p) {
      std::vector<double> low = lambda, high = lambda;
      low[static_cast<size_t>(p)] -= 1e-5;
      high[static_cast<size_t>(p)] += 1e-5;
      const Matrix slope = (soft(high).soft - soft(low).soft) / 2e-5;
      Matrix move = Matrix::Zero(3, 6);
      move.row(p).setOnes();
      EXPECT_LT((at.push(family, log_pi, move) - slope).cwiseAbs().maxCoeff(), 1e-8) << given;
      for (Index k = 0; k < 5; ++k) {
        Matrix adjoint = Matrix::Zero(5, 6);
        adjoint.row(k).setOnes();
        const Matrix pulled = at.pull(family, log_pi, adjoint);
        EXPECT_LT((pulled.row(p) - slope.row(k)).cwiseAbs().maxCoeff(), 1e-8) << given;
      }
    }
  }
}

TEST(MixedFamily, KeepsTheLawsOfFamilies) {
  const MixedFamily family(std::make_shared<MeanFieldNormalFamily>(2),
                           {{0, 2, "b"}, {1, 4, "z[1]"}, {-2, 3, ""}});
  EXPECT_EQ(family.param_name(4), "logit(b = 1)");
  EXPECT_EQ(family.param_name(5), "logit(z[1] = 2)");
  EXPECT_EQ(family.param_name(9), "logit(z[3] = 0)");
  const std::vector<double> lambda = random_lambda(family, 12);
  const FamilyPtr q = family.at(lambda);
  constexpr Index kDraws = 40000;
  Matrix points(5, kDraws), score(family.num_params(), kDraws);
  Vector log_q(kDraws), again(kDraws);
  q->draw({1, 1}, 0, 0, mutable_lanes(points), span_of(log_q));
  q->log_q(lanes_of(points), span_of(again));
  EXPECT_LT((log_q - again).cwiseAbs().maxCoeff(), 1e-12);
  family.score(lambda, lanes_of(points), mutable_lanes(score));
  for (Index p = 0; p < score.rows(); ++p) {
    const double error = std::sqrt(score.row(p).squaredNorm()) / kDraws;
    EXPECT_NEAR(score.row(p).mean(), 0, 5 * error) << p;
  }
  const double spread = std::sqrt((log_q.array() - log_q.mean()).square().mean() / kDraws);
  EXPECT_NEAR(-log_q.mean(), q->entropy(), 5 * spread);
  const Vector exact =
      differentiate([&](std::span<const double> l) { return family.at(l)->entropy(); }, lambda);
  Vector gradient(family.num_params());
  ASSERT_TRUE(family.entropy_gradient(lambda, span_of(gradient)));
  EXPECT_LT((gradient - exact).cwiseAbs().maxCoeff(), 1e-7);
  // A batch is the same as its parts.
  Matrix part(5, 3);
  Vector part_q(3);
  q->draw({1, 1}, 0, 7, mutable_lanes(part), span_of(part_q));
  for (Index l = 0; l < 3; ++l) EXPECT_EQ(part.col(l), points.col(7 + l));
  // A number that is no state has no mass.
  Matrix outside = points.leftCols(1);
  outside(2, 0) = 2;
  Vector none(1);
  q->log_q(lanes_of(outside), span_of(none));
  EXPECT_EQ(none[0], -std::numeric_limits<double>::infinity());
}

TEST(StochasticVi, FindsTheBestFactorsOfDiscreteCoordinates) {
  const TableDensity density(1, {{0, 2, ""}, {0, 3, ""}, {0, 2, ""}}, 3);
  const MixedFamily family = density.family();
  Objective objective(density, kContext);
  const EstimatorPtr estimator = local_expectation_estimator({.draws = 8}, density.blankets());
  StochasticViOptions options;
  options.start.assign(static_cast<size_t>(family.num_params()), 0.0);
  const auto optimizer = adam(0.05);
  const StochasticViResult r =
      stochastic_vi(objective, family, *estimator, *optimizer, options, {1, 1});
  EXPECT_TRUE(r.converged);
  const Vector gradient = differentiate(
      [&](std::span<const double> l) { return density.exact_objective(l); }, r.lambda);
  EXPECT_LT(gradient.norm(), 0.05);
}

}  // namespace
}  // namespace vinci::infer
