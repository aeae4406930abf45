#include "infer/family/normal_of.h"

#include <algorithm>
#include <cmath>

#include "infer/dense.h"
#include "infer/family/low_rank_normal.h"
#include "infer/family/mixture.h"
#include "infer/family/sparse_precision_normal.h"

namespace vinci::infer {
namespace {

constexpr uint32_t kMomentStream = 0x6d6f6d;

const NormalFamily* heaviest(const Mixture& mixture) {
  const auto& weights = mixture.weights();
  const auto at = std::max_element(weights.begin(), weights.end()) - weights.begin();
  return mixture.components()[static_cast<size_t>(at)].get();
}

struct Moments {
  Vector mean;
  Matrix centred;  // [D][draws]
};

Moments moments_of(const Family& q, Index count) {
  Matrix z(q.dim(), count);
  std::vector<double> log_q(static_cast<size_t>(count));
  q.draw({1, kMomentStream}, 0, 0, mutable_lanes(z), log_q);
  Moments m{z.rowwise().mean(), {}};
  m.centred = z.colwise() - m.mean;
  return m;
}

/// The factor of a covariance; where rounding leaves it without one, that of its diagonal.
FullRankNormal normal_from(const Vector& mean, const Matrix& covariance) {
  const Eigen::LLT<Matrix> llt(covariance);
  Matrix factor = llt.matrixL();
  if (llt.info() != Eigen::Success || !factor.allFinite() || factor.diagonal().minCoeff() <= 0) {
    factor = Matrix::Zero(mean.size(), mean.size());
    factor.diagonal() = covariance.diagonal().array().max(1e-300).sqrt();
  }
  return {to_std(mean), to_std(factor)};
}

}  // namespace

FullRankNormal full_rank_normal_of(const Family& q) {
  if (const auto* full = dynamic_cast<const FullRankNormal*>(&q)) return *full;
  if (const auto* low = dynamic_cast<const LowRankNormal*>(&q)) return low->to_full_rank();
  if (const auto* sparse = dynamic_cast<const SparsePrecisionNormal*>(&q)) {
    return sparse->to_full_rank();
  }
  if (const auto* mixture = dynamic_cast<const Mixture*>(&q)) {
    return full_rank_normal_of(*heaviest(*mixture));
  }
  if (const auto* product = dynamic_cast<const MeanFieldNormal*>(&q)) {
    Matrix factor = Matrix::Zero(q.dim(), q.dim());
    factor.diagonal() = map_vector(product->sd());
    return {product->mean(), to_std(factor)};
  }
  const Index count = std::max<Index>(4000, 4 * q.dim());
  const Moments m = moments_of(q, count);
  const Matrix covariance = m.centred * m.centred.transpose() / static_cast<double>(count - 1);
  return normal_from(m.mean, covariance);
}

MeanFieldNormal mean_field_normal_of(const Family& q) {
  if (const auto* product = dynamic_cast<const MeanFieldNormal*>(&q)) return *product;
  if (const auto* low = dynamic_cast<const LowRankNormal*>(&q)) {
    return {low->mean(), low->marginal_sds()};
  }
  if (const auto* mixture = dynamic_cast<const Mixture*>(&q)) {
    return mean_field_normal_of(*heaviest(*mixture));
  }
  if (const auto* full = dynamic_cast<const FullRankNormal*>(&q)) {
    std::vector<double> sd;
    for (Index i = 0; i < q.dim(); ++i) sd.push_back(full->marginal_sd(i));
    return {full->mean(), std::move(sd)};
  }
  constexpr Index kCount = 4000;
  const Moments m = moments_of(q, kCount);
  const Vector sd =
      (m.centred.rowwise().squaredNorm() / static_cast<double>(kCount - 1)).array().sqrt();
  return {to_std(m.mean), to_std(Vector(sd.array().max(1e-150)))};
}

FullRankNormal marginal_of(const FullRankNormal& q, const std::vector<Index>& kept) {
  const auto factor = map_square(q.factor(), q.dim());
  const Matrix rows = factor(kept, Eigen::all);
  return normal_from(map_vector(q.mean())(kept), rows * rows.transpose());
}

}  // namespace vinci::infer
