#include "infer/family/semi_implicit_mixture.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "infer/dense.h"
#include "infer/family/full_rank_normal.h"
#include "infer/family/mixing.h"
#include "infer/family/mixture.h"

namespace vinci::infer {
namespace {

const std::vector<double> kMean{1, -2, 0.5};
const std::vector<double> kFactor{2, 0, 0, 0.5, 1, 0, -1, 0.3, 0.7};

TEST(AffineMap, InverseAndAdjoint) {
  for (const AffineMap& map : {AffineMap::identity(3), AffineMap::diagonal(kMean, {2, 0.5, 3}),
                               AffineMap::triangular(kMean, kFactor)}) {
    Matrix y(3, 5), z(3, 5), back(3, 5), g(3, 5), gy(3, 5), moved(3, 5);
    numeric::fill_normal({1, 1}, 0, 0, 3, 5, y.data(), 5);
    numeric::fill_normal({1, 2}, 0, 0, 3, 5, g.data(), 5);
    map.forward(lanes_of(y), mutable_lanes(z));
    map.inverse(lanes_of(z), mutable_lanes(back));
    EXPECT_LT((back - y).cwiseAbs().maxCoeff(), 1e-14);
    // g' C dy = (C' g)' dy.
    map.pull_back(lanes_of(g), mutable_lanes(gy));
    const Matrix shifted = y.array() + 1;
    map.forward(lanes_of(shifted), mutable_lanes(moved));
    EXPECT_NEAR(g.cwiseProduct(moved - z).sum(), gy.sum(), 1e-13);
    const Matrix ones = Matrix::Ones(3, 5);
    map.push(lanes_of(ones), mutable_lanes(back));
    EXPECT_LT((back - (moved - z)).cwiseAbs().maxCoeff(), 1e-14);
  }
  EXPECT_NEAR(AffineMap::triangular(kMean, kFactor).log_abs_det(), std::log(2 * 1 * 0.7), 1e-15);
}

TEST(SemiImplicitMixture, EqualsAMixtureOfNormals) {
  const std::vector<double> centres{0, 1, 2, -1, 0.5, 0, 3, 3, -2, 0.1, 0.2, 0.3};
  const std::vector<double> sd{0.5, 1, 0.2};
  const SemiImplicitMixture q(AffineMap::triangular(kMean, kFactor), centres, sd);
  ASSERT_EQ(q.count(), 4);
  std::vector<NormalPtr> parts;
  for (size_t m = 0; m < 4; ++m) {
    std::vector<double> mean = kMean, factor = kFactor;
    for (size_t i = 0; i < 3; ++i) {
      for (size_t j = 0; j <= i; ++j) {
        mean[i] += kFactor[i * 3 + j] * centres[m * 3 + j];
        factor[i * 3 + j] *= sd[j];
      }
    }
    parts.push_back(std::make_shared<FullRankNormal>(mean, factor));
  }
  const Mixture expected(parts, {1, 1, 1, 1});
  Matrix z(3, 200), part(3, 7);
  Vector drawn(200), again(200), reference(200), part_density(7);
  q.draw({3, 4}, 5, 0, mutable_lanes(z), span_of(drawn));
  q.log_q(lanes_of(z), span_of(again));
  expected.log_q(lanes_of(z), span_of(reference));
  EXPECT_LT((drawn - again).cwiseAbs().maxCoeff(), 1e-12);
  EXPECT_LT((drawn - reference).cwiseAbs().maxCoeff(), 1e-11);
  q.draw({3, 4}, 5, 13, mutable_lanes(part), span_of(part_density));
  EXPECT_LT((z.middleCols(13, 7) - part).cwiseAbs().maxCoeff(), 1e-13);
}

TEST(SemiImplicitMixture, DrawsHaveItsDensity) {
  // E_q[p / q] = 1 for any density p that q covers; here p is the first component.
  const SemiImplicitMixture q(AffineMap::identity(2), {0, 0, 2, 1, -1, 3}, {1, 0.5});
  const SemiImplicitMixture p(AffineMap::identity(2), {0, 0}, {1, 0.5});
  constexpr Index kDraws = 20000;
  Matrix z(2, kDraws);
  Vector log_q(kDraws), log_p(kDraws);
  q.draw({1, 1}, 0, 0, mutable_lanes(z), span_of(log_q));
  p.log_q(lanes_of(z), span_of(log_p));
  const Vector ratio = (log_p - log_q).array().exp();
  const double sd = std::sqrt((ratio.array() - ratio.mean()).square().mean());
  EXPECT_NEAR(ratio.mean(), 1, 4 * sd / std::sqrt(kDraws));
  EXPECT_NEAR(z.row(0).mean(), 1.0 / 3, 4 * 1.6 / std::sqrt(kDraws));
  EXPECT_NEAR(p.entropy(), -(log_p.array() * ratio.array()).mean(), 0.05);
}

TEST(Mixing, BackwardEqualsDifferences) {
  MixingOptions o;
  o.noise_dim = 4;
  o.hidden = {5, 3};
  o.last_scale = 1;
  const Mixing mixing(3, o);
  std::vector<double> params(static_cast<size_t>(mixing.num_params()));
  mixing.initialise({1, 1}, params);
  EXPECT_NEAR(mixing.sd(params)[1], 0.5, 1e-15);
  Matrix eps(4, 6), weight(3, 6);
  numeric::fill_normal({1, 2}, 0, 0, 4, 6, eps.data(), 6);
  numeric::fill_normal({1, 3}, 0, 0, 3, 6, weight.data(), 6);
  const auto value = [&](const std::vector<double>& at) {
    Mlp::Tape tape;
    return mixing.centres(at, eps, tape).cwiseProduct(weight).sum();
  };
  Mlp::Tape tape;
  mixing.centres(params, eps, tape);
  std::vector<double> gradient(params.size(), 0.0);
  mixing.backward(params, tape, weight, gradient);
  for (size_t i = 0; i < params.size(); i += 3) {
    std::vector<double> up = params, down = params;
    up[i] += 1e-6;
    down[i] -= 1e-6;
    EXPECT_NEAR(gradient[i], (value(up) - value(down)) / 2e-6, 1e-8);
  }
}

}  // namespace
}  // namespace vinci::infer
