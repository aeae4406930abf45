#include "infer/family/family.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "infer/dense.h"
#include "infer/family/defended.h"
#include "infer/family/full_rank_normal.h"
#include "infer/family/low_rank_normal.h"
#include "infer/family/mean_field_normal.h"
#include "infer/family/mixture.h"
#include "infer/family/sinh_arcsinh_normal.h"

namespace vinci::infer {
namespace {

std::shared_ptr<const LowRankNormal> low_rank() {
  // Two orthonormal columns in three dimensions.
  const double c = std::cos(0.4), s = std::sin(0.4);
  return std::make_shared<LowRankNormal>(
      std::vector<double>{1, -2, 0.5}, std::vector<double>{4, 0.25, 1},
      std::vector<double>{c, 0, s, 0, 0, 1}, std::vector<double>{0.5, 0, 0.7, 2});
}

std::vector<NormalPtr> normals() {
  return {std::make_shared<FullRankNormal>(std::vector<double>{1, 2, 3},
                                           std::vector<double>{2, 0, 0, 0.5, 1, 0, -1, 0.3, 0.7}),
          std::make_shared<MeanFieldNormal>(std::vector<double>{-1, 0, 1},
                                            std::vector<double>{0.5, 1, 3}),
          low_rank()};
}

std::vector<FamilyPtr> families() {
  std::vector<FamilyPtr> all;
  for (const NormalPtr& q : normals()) all.push_back(q);
  all.push_back(std::make_shared<Mixture>(normals(), std::vector<double>{1, 2, 3}));
  all.push_back(std::make_shared<SinhArcsinhNormal>(
      FullRankNormal({1, 2, 3}, {2, 0, 0, 0.5, 1, 0, -1, 0.3, 0.7}),
      std::vector<double>{0.5, 0, -0.8}, std::vector<double>{0.8, 1, 1.5}));
  all.push_back(
      std::make_shared<Defended>(all.back(), std::make_shared<FullRankNormal>(Index{3}, 3), 0.3));
  return all;
}

TEST(Family, DrawWritesTheDensityOfWhatItDraws) {
  for (const FamilyPtr& q : families()) {
    constexpr Index kLanes = 50;
    Matrix z(q->dim(), kLanes);
    Vector drawn(kLanes), again(kLanes);
    q->draw({3, 4}, 5, 6, mutable_lanes(z), span_of(drawn));
    q->log_q(lanes_of(z), span_of(again));
    for (Index l = 0; l < kLanes; ++l) EXPECT_NEAR(drawn[l], again[l], 1e-11) << q->describe();
  }
}

TEST(Family, DrawsDoNotDependOnTheBatch) {
  for (const FamilyPtr& q : families()) {
    Matrix whole(q->dim(), 40), part(q->dim(), 7);
    Vector whole_density(40), part_density(7);
    q->draw({3, 4}, 5, 0, mutable_lanes(whole), span_of(whole_density));
    q->draw({3, 4}, 5, 13, mutable_lanes(part), span_of(part_density));
    // Products of matrices of other widths may round otherwise.
    EXPECT_LT((whole.middleCols(13, 7) - part).cwiseAbs().maxCoeff(), 1e-13) << q->describe();
  }
}

// E_q[r(z) / q(z)] = 1 for any density r that q dominates: here a narrower normal. Within 5
// standard errors.
TEST(Family, DensityIsNormalised) {
  for (const FamilyPtr& q : families()) {
    constexpr Index kLanes = 20000;
    Matrix z(q->dim(), kLanes);
    Vector log_q(kLanes), log_r(kLanes);
    q->draw({8, 1}, 0, 0, mutable_lanes(z), span_of(log_q));
    const Vector centre = z.leftCols(200).rowwise().mean();
    const MeanFieldNormal r(to_std(centre), {0.5, 0.5, 0.5});
    r.log_q(lanes_of(z), span_of(log_r));
    const Vector ratio = (log_r - log_q).array().exp();
    const double error = std::sqrt((ratio.array() - ratio.mean()).square().mean() / kLanes);
    EXPECT_NEAR(ratio.mean(), 1, 5 * error) << q->describe();
    EXPECT_LT(error, 0.4) << q->describe();
    if (std::isnan(q->entropy())) continue;
    const double spread = std::sqrt((log_q.array() - log_q.mean()).square().mean() / kLanes);
    EXPECT_NEAR(-log_q.mean(), q->entropy(), 5 * spread) << q->describe();
  }
}

TEST(LowRankNormal, AgreesWithItsDenseForm) {
  const auto q = low_rank();
  const FullRankNormal dense = q->to_full_rank();
  Matrix z(3, 20);
  Vector a(20), b(20);
  q->draw({1, 1}, 0, 0, mutable_lanes(z), span_of(a));
  dense.log_q(lanes_of(z), span_of(b));
  EXPECT_LT((a - b).cwiseAbs().maxCoeff(), 1e-12);
  EXPECT_NEAR(q->entropy(), dense.entropy(), 1e-12);
  const std::vector<double> sds = q->marginal_sds();
  for (Index i = 0; i < 3; ++i)
    EXPECT_NEAR(sds[static_cast<size_t>(i)], dense.marginal_sd(i), 1e-12);
  // The covariance by its definition: A^{1/2} (I + Q (LL' - I) Q') A^{1/2}.
  Matrix basis(3, 2), core(2, 2);
  basis << std::cos(0.4), 0, std::sin(0.4), 0, 0, 1;
  core << 0.5, 0, 0.7, 2;
  const Vector root = (Vector(3) << 2, 0.5, 1).finished();
  const Matrix inner =
      Matrix::Identity(3, 3) +
      basis * (core * core.transpose() - Matrix::Identity(2, 2)) * basis.transpose();
  const Matrix expected = root.asDiagonal() * inner * root.asDiagonal();
  const Matrix factor = map_square(dense.factor(), 3);
  EXPECT_LT((factor * factor.transpose() - expected).cwiseAbs().maxCoeff(), 1e-12);
}

TEST(LowRankNormal, OfRankZeroIsDiagonal) {
  const FullRankNormal dense = LowRankNormal({1, -2}, {4, 0.25}, {}, {}).to_full_rank();
  EXPECT_EQ(dense.mean(), (std::vector<double>{1, -2}));
  EXPECT_EQ(dense.factor(), (std::vector<double>{2, 0, 0, 0.5}));
}

TEST(FullRankNormal, WhitenInvertsReparameterise) {
  const FullRankNormal q({1, 2, 3}, {2, 0, 0, 0.5, 1, 0, -1, 0.3, 0.7});
  const Matrix u = Matrix::Random(3, 9);
  Matrix z(3, 9), back(3, 9);
  q.reparameterise(lanes_of(u), mutable_lanes(z));
  q.whiten(lanes_of(z), mutable_lanes(back));
  EXPECT_LT((u - back).cwiseAbs().maxCoeff(), 1e-13);
}

}  // namespace
}  // namespace vinci::infer
