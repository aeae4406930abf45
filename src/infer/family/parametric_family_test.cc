// The laws of ParametricFamily, for every implementation: add yours to `cases`.
#include "infer/family/parametric_family.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "infer/dense.h"
#include "infer/family/full_rank_normal_family.h"
#include "infer/family/mean_field_normal_family.h"

namespace vinci::infer {
namespace {

struct Case {
  ParametricFamilyPtr family;
  std::vector<double> lambda;
};

std::vector<Case> cases() {
  return {
      {std::make_shared<MeanFieldNormalFamily>(3), {1, -2, 0.5, -0.3, 0.2, 1.1}},
      {std::make_shared<FullRankNormalFamily>(3), {1, -2, 0.5, -0.3, 0.7, 0.2, -1.2, 0.4, 1.1}}};
}

constexpr Index kLanes = 7;
constexpr double kStep = 1e-5;

struct Drawn {
  Matrix noise, points;
  Vector log_q;
  ParametricFamily::TapePtr tape;
};

Drawn draw(const ParametricFamily& family, std::span<const double> lambda, Index lanes = kLanes) {
  Drawn d{Matrix(family.noise_dim(), lanes), Matrix(family.dim(), lanes), Vector(lanes), nullptr};
  family.fill_noise({11, 3}, 2, 0, mutable_lanes(d.noise));
  d.tape = family.transform(lambda, lanes_of(d.noise), mutable_lanes(d.points), span_of(d.log_q));
  return d;
}

TEST(ParametricFamily, TransformAgreesWithTheDistribution) {
  for (const Case& c : cases()) {
    const Drawn d = draw(*c.family, c.lambda);
    Vector log_q(kLanes);
    c.family->at(c.lambda)->log_q(lanes_of(d.points), span_of(log_q));
    EXPECT_LT((log_q - d.log_q).cwiseAbs().maxCoeff(), 1e-12) << c.family->describe();
    EXPECT_EQ(static_cast<Index>(c.lambda.size()), c.family->num_params());
    EXPECT_EQ(c.family->param_name(0), "mean[1]");
  }
}

TEST(ParametricFamily, DerivativesAgreeWithDifferences) {
  for (const Case& c : cases()) {
    const ParametricFamily& family = *c.family;
    const Drawn d = draw(family, c.lambda);
    Matrix score(family.num_params(), kLanes), adjoint = Matrix::Random(family.dim(), kLanes);
    Matrix path(family.num_params(), kLanes), gradient(family.dim(), kLanes);
    family.score(c.lambda, lanes_of(d.points), mutable_lanes(score));
    family.pathwise(c.lambda, lanes_of(d.noise), lanes_of(d.points), d.tape.get(),
                    lanes_of(adjoint), mutable_lanes(path));
    Vector path_sum(family.num_params());
    family.pathwise_sum(c.lambda, lanes_of(d.noise), lanes_of(d.points), d.tape.get(),
                        lanes_of(adjoint), span_of(path_sum));
    EXPECT_LT((path.rowwise().sum() - path_sum).cwiseAbs().maxCoeff(), 1e-12);
    Vector entropy_gradient(family.num_params());
    const bool has_entropy = family.entropy_gradient(c.lambda, span_of(entropy_gradient));
    Vector up(kLanes), down(kLanes);
    for (Index p = 0; p < family.num_params(); ++p) {
      std::vector<double> plus = c.lambda, minus = c.lambda;
      plus[static_cast<size_t>(p)] += kStep;
      minus[static_cast<size_t>(p)] -= kStep;
      const FamilyPtr q_up = family.at(plus), q_down = family.at(minus);
      q_up->log_q(lanes_of(d.points), span_of(up));
      q_down->log_q(lanes_of(d.points), span_of(down));
      const Vector by_difference = (up - down) / (2 * kStep);
      const Drawn at_plus = draw(family, plus), at_minus = draw(family, minus);
      for (Index l = 0; l < kLanes; ++l) {
        EXPECT_NEAR(score(p, l), by_difference[l], 1e-6 * (1 + std::abs(by_difference[l])))
            << family.describe() << " " << family.param_name(p);
        const double moved =
            adjoint.col(l).dot(at_plus.points.col(l) - at_minus.points.col(l)) / (2 * kStep);
        EXPECT_NEAR(path(p, l), moved, 1e-6 * (1 + std::abs(moved)))
            << family.describe() << " " << family.param_name(p);
      }
      if (has_entropy) {
        EXPECT_NEAR(entropy_gradient[p], (q_up->entropy() - q_down->entropy()) / (2 * kStep), 1e-7)
            << family.describe() << " " << family.param_name(p);
      }
    }
    family.log_q_gradient(c.lambda, lanes_of(d.points), mutable_lanes(gradient));
    const FamilyPtr q = family.at(c.lambda);
    for (Index i = 0; i < family.dim(); ++i) {
      Matrix plus = d.points, minus = d.points;
      plus.row(i).array() += kStep;
      minus.row(i).array() -= kStep;
      q->log_q(lanes_of(plus), span_of(up));
      q->log_q(lanes_of(minus), span_of(down));
      for (Index l = 0; l < kLanes; ++l) {
        EXPECT_NEAR(gradient(i, l), (up[l] - down[l]) / (2 * kStep), 1e-6) << family.describe();
      }
    }
  }
}

// LecturesB1, first half: E_q[grad log q] = 0. Each coordinate within 5 standard errors; 15
// coordinates: a false alarm in 1e5.
TEST(ParametricFamily, LecturesB1TheScoreHasMeanZero) {
  for (const Case& c : cases()) {
    const Drawn d = draw(*c.family, c.lambda, 20000);
    Matrix score(c.family->num_params(), 20000);
    c.family->score(c.lambda, lanes_of(d.points), mutable_lanes(score));
    for (Index p = 0; p < score.rows(); ++p) {
      const double mean = score.row(p).mean();
      const double sd = std::sqrt((score.row(p).array() - mean).square().mean());
      EXPECT_NEAR(mean, 0, 5 * sd / std::sqrt(20000.0)) << c.family->param_name(p);
    }
  }
}

TEST(ParametricFamily, ParamsOfInvertsAt) {
  for (const Case& c : cases()) {
    const FamilyPtr q = c.family->at(c.lambda);
    std::vector<double> again;
    if (const auto* m = dynamic_cast<const MeanFieldNormal*>(q.get())) {
      again = MeanFieldNormalFamily::params_of(*m);
    } else {
      again = FullRankNormalFamily::params_of(dynamic_cast<const FullRankNormal&>(*q));
    }
    ASSERT_EQ(again.size(), c.lambda.size());
    for (size_t i = 0; i < again.size(); ++i) EXPECT_NEAR(again[i], c.lambda[i], 1e-14);
  }
}

TEST(FullRankNormalFamily, NamesItsParameters) {
  const FullRankNormalFamily family(3);
  EXPECT_EQ(family.param_name(3), "log_factor[1,1]");
  EXPECT_EQ(family.param_name(4), "factor[2,1]");
  EXPECT_EQ(family.param_name(8), "log_factor[3,3]");
}

}  // namespace
}  // namespace vinci::infer
