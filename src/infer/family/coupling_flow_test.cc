#include "infer/family/coupling_flow.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <string>

#include "infer/dense.h"

namespace vinci::infer {
namespace {

struct Case {
  FlowKind kind;
  Index dim;
};

FullRankNormal base(Index dim) {
  std::vector<double> mean, factor;
  for (Index i = 0; i < dim; ++i) {
    mean.push_back(0.5 * static_cast<double>(i) - 1);
    for (Index j = 0; j < dim; ++j) {
      factor.push_back(i == j ? 0.7 + 0.2 * static_cast<double>(i) : 0.3);
    }
  }
  return {mean, factor};
}

/// A flow far from the identity.
struct Flow {
  explicit Flow(Case c)
      : flow(std::make_shared<CouplingFlow>(
            base(c.dim),
            FlowShape{.kind = c.kind, .blocks = 2, .hidden = 6, .bins = 4, .reach = 3})),
        lambda(flow->initial({1, 2})) {
    std::vector<double> noise(lambda.size());
    numeric::fill_normal({3, 4}, 0, 0, static_cast<Index>(noise.size()), 1, noise.data(), 1);
    for (size_t p = 0; p < lambda.size(); ++p) lambda[p] += 0.4 * noise[p];
  }
  Matrix noise(Index lanes, uint32_t stream = 9) const {
    Matrix u(flow->dim(), lanes);
    flow->fill_noise({5, stream}, 0, 0, mutable_lanes(u));
    return u;
  }
  Matrix transform(const std::vector<double>& at, const Matrix& u, Vector* log_q = nullptr) const {
    Matrix z(u.rows(), u.cols());
    Vector density(u.cols());
    flow->transform(at, lanes_of(u), mutable_lanes(z), span_of(density));
    if (log_q != nullptr) *log_q = density;
    return z;
  }
  Vector log_q(const std::vector<double>& at, const Matrix& z) const {
    Vector density(z.cols());
    flow->at(at)->log_q(lanes_of(z), span_of(density));
    return density;
  }

  std::shared_ptr<CouplingFlow> flow;
  std::vector<double> lambda;
};

class CouplingFlowTest : public testing::TestWithParam<Case> {};

TEST_P(CouplingFlowTest, InverseFindsTheNoiseOfADraw) {
  const Flow f(GetParam());
  const FamilyPtr q = f.flow->at(f.lambda);
  constexpr Index kLanes = 150;  // more than two blocks
  Matrix z(f.flow->dim(), kLanes), part(f.flow->dim(), 7);
  Vector drawn(kLanes), again(kLanes), part_density(7);
  q->draw({3, 4}, 5, 0, mutable_lanes(z), span_of(drawn));
  q->log_q(lanes_of(z), span_of(again));
  EXPECT_LT((drawn - again).cwiseAbs().maxCoeff(), 1e-8);
  q->draw({3, 4}, 5, 61, mutable_lanes(part), span_of(part_density));
  EXPECT_LT((z.middleCols(61, 7) - part).cwiseAbs().maxCoeff(), 1e-12);
  EXPECT_LT((drawn.segment(61, 7) - part_density).cwiseAbs().maxCoeff(), 1e-12);
}

TEST_P(CouplingFlowTest, DensityIsThatOfTheNoiseOverTheJacobian) {
  const Flow f(GetParam());
  const Index n = f.flow->dim();
  const Matrix u = f.noise(5);
  Vector log_q;
  f.transform(f.lambda, u, &log_q);
  constexpr double kStep = 1e-6;
  for (Index l = 0; l < u.cols(); ++l) {
    Matrix jacobian(n, n);
    for (Index j = 0; j < n; ++j) {
      Matrix up = u.col(l), down = u.col(l);
      up(j, 0) += kStep;
      down(j, 0) -= kStep;
      jacobian.col(j) = (f.transform(f.lambda, up) - f.transform(f.lambda, down)) / (2 * kStep);
    }
    const double expected = -0.5 * u.col(l).squaredNorm() -
                            0.5 * static_cast<double>(n) * std::log(2 * std::numbers::pi) -
                            std::log(std::abs(jacobian.determinant()));
    EXPECT_NEAR(log_q[l], expected, 1e-6) << l;
  }
}

TEST_P(CouplingFlowTest, PathwiseEqualsDifferences) {
  const Flow f(GetParam());
  const Matrix u = f.noise(6), weights = f.noise(6, 10);
  Matrix z(u.rows(), u.cols());
  Vector log_q(6);
  const auto tape = f.flow->transform(f.lambda, lanes_of(u), mutable_lanes(z), span_of(log_q));
  std::vector<double> sum(f.lambda.size());
  f.flow->pathwise_sum(f.lambda, lanes_of(u), lanes_of(z), tape.get(), lanes_of(weights), sum);
  Matrix each(f.flow->num_params(), 6);
  f.flow->pathwise(f.lambda, lanes_of(u), lanes_of(z), nullptr, lanes_of(weights),
                   mutable_lanes(each));
  constexpr double kStep = 1e-6;
  double largest = 0;
  for (size_t p = 0; p < sum.size(); ++p) {
    std::vector<double> up = f.lambda, down = f.lambda;
    up[p] += kStep;
    down[p] -= kStep;
    const Matrix slope = (f.transform(up, u) - f.transform(down, u)) / (2 * kStep);
    const double numeric = slope.cwiseProduct(weights).sum();
    EXPECT_NEAR(sum[p], numeric, 1e-6 * (1 + std::abs(numeric)))
        << f.flow->param_name(static_cast<Index>(p));
    EXPECT_NEAR(each.row(static_cast<Index>(p)).sum(), sum[p], 1e-9 * (1 + std::abs(numeric)));
    largest = std::max(largest, std::abs(numeric));
  }
  EXPECT_GT(largest, 0.1);
}

TEST_P(CouplingFlowTest, GradientsOfTheDensityEqualDifferences) {
  const Flow f(GetParam());
  const Index n = f.flow->dim();
  const Matrix z = f.transform(f.lambda, f.noise(4));
  Matrix gradient(n, 4), score(f.flow->num_params(), 4);
  f.flow->log_q_gradient(f.lambda, lanes_of(z), mutable_lanes(gradient));
  f.flow->score(f.lambda, lanes_of(z), mutable_lanes(score));
  constexpr double kStep = 1e-5;
  for (Index i = 0; i < n; ++i) {
    Matrix up = z, down = z;
    up.row(i).array() += kStep;
    down.row(i).array() -= kStep;
    const Vector numeric = (f.log_q(f.lambda, up) - f.log_q(f.lambda, down)) / (2 * kStep);
    for (Index l = 0; l < 4; ++l) {
      EXPECT_NEAR(gradient(i, l), numeric[l], 1e-4 * (1 + std::abs(numeric[l])));
    }
  }
  for (Index p = 0; p < f.flow->num_params(); ++p) {
    std::vector<double> up = f.lambda, down = f.lambda;
    up[static_cast<size_t>(p)] += kStep;
    down[static_cast<size_t>(p)] -= kStep;
    const Vector numeric = (f.log_q(up, z) - f.log_q(down, z)) / (2 * kStep);
    for (Index l = 0; l < 4; ++l) {
      EXPECT_NEAR(score(p, l), numeric[l], 1e-4 * (1 + std::abs(numeric[l])))
          << f.flow->param_name(p);
    }
  }
}

// E_q[score] = 0, within 5 standard errors and for all parameters at once.
TEST_P(CouplingFlowTest, ScoreHasMeanZero) {
  const Flow f(GetParam());
  constexpr Index kLanes = 1000;
  const Matrix z = f.transform(f.lambda, f.noise(kLanes));
  Matrix score(f.flow->num_params(), kLanes);
  f.flow->score(f.lambda, lanes_of(z), mutable_lanes(score));
  for (Index p = 0; p < score.rows(); ++p) {
    const double mean = score.row(p).mean();
    const double error = std::sqrt((score.row(p).array() - mean).square().mean() / kLanes);
    EXPECT_LE(std::abs(mean), 5 * error + 1e-12) << f.flow->param_name(p);
  }
}

TEST_P(CouplingFlowTest, PathGradientIsPathwiseOfTheDifferenceOfScores) {
  const Flow f(GetParam());
  constexpr Index kLanes = 150;
  const Matrix u = f.noise(kLanes), gradient_p = f.noise(kLanes, 10);
  Matrix z(u.rows(), kLanes);
  Vector log_q(kLanes);
  std::vector<uint8_t> skip(kLanes, 0);
  skip[70] = 1;
  numeric::ThreadPool pool(3);
  std::vector<double> serial(f.lambda.size()), parallel(f.lambda.size());
  for (numeric::ThreadPool* p : {static_cast<numeric::ThreadPool*>(nullptr), &pool}) {
    const auto workspace = f.flow->make_workspace();
    f.flow->forward(f.lambda, lanes_of(u), mutable_lanes(z), span_of(log_q), *workspace, p);
    f.flow->path_gradient(f.lambda, lanes_of(gradient_p), skip, *workspace, p,
                          p == nullptr ? serial : parallel);
  }
  EXPECT_EQ(serial, parallel);
  Matrix adjoint(u.rows(), kLanes);
  f.flow->log_q_gradient(f.lambda, lanes_of(z), mutable_lanes(adjoint));
  adjoint = gradient_p - adjoint;
  adjoint.col(70).setZero();
  std::vector<double> expected(f.lambda.size());
  f.flow->pathwise_sum(f.lambda, lanes_of(u), lanes_of(z), nullptr, lanes_of(adjoint), expected);
  for (size_t p = 0; p < expected.size(); ++p) {
    EXPECT_NEAR(serial[p], expected[p], 1e-6 * (1 + std::abs(expected[p]))) << p;
  }
}

TEST_P(CouplingFlowTest, NothingLearnedIsTheNormal) {
  const Flow f(GetParam());
  const std::vector<double> zero(f.lambda.size(), 0.0);
  const FullRankNormal normal = base(f.flow->dim());
  Matrix z(f.flow->dim(), 20), same(f.flow->dim(), 20);
  Vector log_q(20), same_log_q(20);
  f.flow->at(zero)->draw({1, 1}, 0, 0, mutable_lanes(z), span_of(log_q));
  normal.draw({1, 1}, 0, 0, mutable_lanes(same), span_of(same_log_q));
  EXPECT_LT((z - same).cwiseAbs().maxCoeff(), 1e-12);
  EXPECT_LT((log_q - same_log_q).cwiseAbs().maxCoeff(), 1e-11);
  // And at the start nearly so.
  f.flow->at(f.flow->initial({7, 7}))->draw({1, 1}, 0, 0, mutable_lanes(z), span_of(log_q));
  EXPECT_LT((z - same).cwiseAbs().maxCoeff(), 0.3);
}

TEST_P(CouplingFlowTest, DensityIntegratesToOne) {
  if (GetParam().dim > 2) GTEST_SKIP() << "a grid in one or two dimensions";
  Flow f(GetParam());
  const Index n = f.flow->dim();
  // Not so far from the identity that its peaks fall between the points of a grid over the whitened
  // coordinates.
  for (double& x : f.lambda) x *= 0.6;
  constexpr double kReach = 10, kStep = 0.04;
  constexpr auto kSide = static_cast<Index>(2 * kReach / kStep) + 1;
  double total = 0;
  const Index rows = n == 1 ? 1 : kSide;
  Matrix v(n, kSide), z(n, kSide);
  for (Index a = 0; a < rows; ++a) {
    for (Index b = 0; b < kSide; ++b) {
      v(n - 1, b) = -kReach + kStep * static_cast<double>(b);
      if (n == 2) v(0, b) = -kReach + kStep * static_cast<double>(a);
    }
    f.flow->base().reparameterise(lanes_of(v), mutable_lanes(z));
    total += f.log_q(f.lambda, z).array().exp().sum();
  }
  double cell = std::pow(kStep, static_cast<double>(n));
  for (Index i = 0; i < n; ++i) cell *= f.flow->base().factor()[static_cast<size_t>(i * n + i)];
  EXPECT_NEAR(total * cell, 1, 2e-3);
}

INSTANTIATE_TEST_SUITE_P(Flows, CouplingFlowTest,
                         testing::Values(Case{FlowKind::kRealNvp, 1}, Case{FlowKind::kRealNvp, 2},
                                         Case{FlowKind::kRealNvp, 5}, Case{FlowKind::kSpline, 1},
                                         Case{FlowKind::kSpline, 2}, Case{FlowKind::kSpline, 5}),
                         [](const auto& test) {
                           return std::string(test.param.kind == FlowKind::kRealNvp ? "RealNvp"
                                                                                    : "Spline") +
                                  std::to_string(test.param.dim);
                         });

}  // namespace
}  // namespace vinci::infer
