#include "infer/family/full_rank_normal_family.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>

#include "base/check.h"
#include "infer/dense.h"

namespace vinci::infer {
namespace {

struct Params {
  Eigen::Map<const Vector> mean;
  Matrix factor;
  double log_det = 0;
  Params(std::span<const double> lambda, Index dim)
      : mean(lambda.data(), dim), factor(Matrix::Zero(dim, dim)) {
    VINCI_DCHECK(static_cast<Index>(lambda.size()) == dim + dim * (dim + 1) / 2);
    const double* p = lambda.data() + dim;
    for (Index i = 0; i < dim; ++i) {
      for (Index j = 0; j < i; ++j) factor(i, j) = *p++;
      log_det += *p;
      factor(i, i) = std::exp(*p++);
    }
  }
  /// C^-1 (points - m).
  Matrix whiten(LaneMatrix points) const {
    Matrix u = map_lanes(points).colwise() - mean;
    factor.triangularView<Eigen::Lower>().solveInPlace(u);
    return u;
  }
  /// C^-T u in place.
  void pull_back(Matrix& u) const {
    factor.transpose().triangularView<Eigen::Upper>().solveInPlace(u);
  }
};

}  // namespace

std::vector<double> FullRankNormalFamily::params_of(const FullRankNormal& q) {
  const Index dim = q.dim();
  std::vector<double> lambda = q.mean();
  for (Index i = 0; i < dim; ++i) {
    for (Index j = 0; j < i; ++j) lambda.push_back(q.factor()[static_cast<size_t>(i * dim + j)]);
    lambda.push_back(std::log(q.factor()[static_cast<size_t>(i * dim + i)]));
  }
  return lambda;
}

std::string FullRankNormalFamily::param_name(Index p) const {
  if (p < dim_) return fmt::format("mean[{}]", p + 1);
  Index i = 0;
  while (factor_index(i, i) < p) ++i;
  const Index j = p - factor_index(i, 0);
  return i == j ? fmt::format("log_factor[{},{}]", i + 1, i + 1)
                : fmt::format("factor[{},{}]", i + 1, j + 1);
}

FamilyPtr FullRankNormalFamily::at(std::span<const double> lambda) const {
  const Params q(lambda, dim_);
  return std::make_shared<FullRankNormal>(to_std(Vector(q.mean)), to_std(q.factor));
}

// With u = C^-1 (z - m): d log q / dm = C^-T u, d log q / dC = tril(C^-T u u') - diag(1 / C_ii).
void FullRankNormalFamily::score(std::span<const double> lambda, LaneMatrix points,
                                 MutableLaneMatrix score) const {
  const Params q(lambda, dim_);
  const Matrix u = q.whiten(points);
  Matrix v = u;
  q.pull_back(v);
  StridedMap s = map_lanes(score);
  s.topRows(dim_) = v;
  for (Index i = 0; i < dim_; ++i) {
    for (Index j = 0; j < i; ++j) {
      s.row(factor_index(i, j)) = v.row(i).array() * u.row(j).array();
    }
    s.row(factor_index(i, i)) = q.factor(i, i) * v.row(i).array() * u.row(i).array() - 1;
  }
}

void FullRankNormalFamily::log_q_gradient(std::span<const double> lambda, LaneMatrix points,
                                          MutableLaneMatrix gradient) const {
  const Params q(lambda, dim_);
  Matrix u = q.whiten(points);
  q.pull_back(u);
  map_lanes(gradient) = -u;
}

bool FullRankNormalFamily::entropy_gradient(std::span<const double>,
                                            std::span<double> gradient) const {
  std::fill(gradient.begin(), gradient.end(), 0.0);
  for (Index i = 0; i < dim_; ++i) gradient[static_cast<size_t>(factor_index(i, i))] = 1;
  return true;
}

ParametricFamily::TapePtr FullRankNormalFamily::transform(std::span<const double> lambda,
                                                          LaneMatrix noise,
                                                          MutableLaneMatrix points,
                                                          std::span<double> log_q) const {
  const Params q(lambda, dim_);
  const ConstStridedMap u = map_lanes(noise);
  StridedMap z = map_lanes(points);
  z.noalias() = q.factor.triangularView<Eigen::Lower>() * u;
  z.colwise() += q.mean;
  const double constant =
      -q.log_det - 0.5 * static_cast<double>(dim_) * std::log(2 * std::numbers::pi);
  for (Index l = 0; l < points.lanes; ++l) {
    log_q[static_cast<size_t>(l)] = constant - 0.5 * u.col(l).squaredNorm();
  }
  return nullptr;
}

void FullRankNormalFamily::pathwise(std::span<const double> lambda, LaneMatrix noise, LaneMatrix,
                                    const Tape*, LaneMatrix adjoint,
                                    MutableLaneMatrix gradient) const {
  StridedMap g = map_lanes(gradient);
  const ConstStridedMap a = map_lanes(adjoint), u = map_lanes(noise);
  g.topRows(dim_) = a;
  for (Index i = 0; i < dim_; ++i) {
    for (Index j = 0; j <= i; ++j) {
      g.row(factor_index(i, j)) = a.row(i).array() * u.row(j).array();
    }
    g.row(factor_index(i, i)) *= std::exp(lambda[static_cast<size_t>(factor_index(i, i))]);
  }
}

void FullRankNormalFamily::pathwise_sum(std::span<const double> lambda, LaneMatrix noise,
                                        LaneMatrix, const Tape*, LaneMatrix adjoint,
                                        std::span<double> gradient) const {
  const ConstStridedMap a = map_lanes(adjoint), u = map_lanes(noise);
  Eigen::Map<Vector>(gradient.data(), dim_) = a.rowwise().sum();
  const Matrix product = a * u.transpose();
  double* g = gradient.data() + dim_;
  for (Index i = 0; i < dim_; ++i) {
    for (Index j = 0; j < i; ++j) *g++ = product(i, j);
    *g++ = product(i, i) * std::exp(lambda[static_cast<size_t>(factor_index(i, i))]);
  }
}

}  // namespace vinci::infer
