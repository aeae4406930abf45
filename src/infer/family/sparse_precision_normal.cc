#include "infer/family/sparse_precision_normal.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "base/check.h"
#include "infer/dense.h"

namespace vinci::infer {
namespace {

void add_scaled(double* to, double factor, const double* from, Index lanes) {
  for (Index l = 0; l < lanes; ++l) to[l] += factor * from[l];
}
void scale(double* row, double factor, Index lanes) {
  for (Index l = 0; l < lanes; ++l) row[l] *= factor;
}

}  // namespace

SparsePrecisionNormal::SparsePrecisionNormal(std::vector<double> mean, std::vector<int32_t> order,
                                             SparseLower factor)
    : mean_(std::move(mean)), order_(std::move(order)), factor_(std::move(factor)) {
  VINCI_CHECK(order_.size() == mean_.size());
  VINCI_CHECK(factor_.column_start.size() == mean_.size() + 1);
  VINCI_CHECK(factor_.row.size() == factor_.value.size());
}

void SparsePrecisionNormal::unwhiten(LaneMatrix direction, MutableLaneMatrix out) const {
  const Index lanes = direction.lanes;
  // Column k of T is row k of T': back substitution, each solved row written where it belongs.
  for (size_t k = order_.size(); k-- > 0;) {
    double* x = out.row(order_[k]);
    std::copy_n(direction.row(static_cast<Index>(k)), lanes, x);
    const auto begin = static_cast<size_t>(factor_.column_start[k]);
    const auto end = static_cast<size_t>(factor_.column_start[k + 1]);
    for (size_t e = begin + 1; e < end; ++e) {
      add_scaled(x, -factor_.value[e], out.row(order_[static_cast<size_t>(factor_.row[e])]), lanes);
    }
    scale(x, 1 / factor_.value[begin], lanes);
  }
}

void SparsePrecisionNormal::reparameterise(LaneMatrix noise, MutableLaneMatrix points) const {
  unwhiten(noise, points);
  for (Index d = 0; d < dim(); ++d) {
    double* x = points.row(d);
    for (Index l = 0; l < points.lanes; ++l) x[l] += mean_[static_cast<size_t>(d)];
  }
}

void SparsePrecisionNormal::whiten(LaneMatrix points, MutableLaneMatrix noise) const {
  const Index lanes = points.lanes;
  for (size_t k = 0; k < order_.size(); ++k) {
    double* u = noise.row(static_cast<Index>(k));
    std::fill_n(u, lanes, 0.0);
    const auto begin = static_cast<size_t>(factor_.column_start[k]);
    const auto end = static_cast<size_t>(factor_.column_start[k + 1]);
    for (size_t e = begin; e < end; ++e) {
      const auto d = static_cast<size_t>(order_[static_cast<size_t>(factor_.row[e])]);
      const double* x = points.row(static_cast<Index>(d));
      const double m = mean_[d], t = factor_.value[e];
      for (Index l = 0; l < lanes; ++l) u[l] += t * (x[l] - m);
    }
  }
}

void SparsePrecisionNormal::whiten_gradient(LaneMatrix direction, MutableLaneMatrix out) const {
  const Index lanes = direction.lanes;
  for (size_t k = 0; k < order_.size(); ++k) {
    std::copy_n(direction.row(order_[k]), lanes, out.row(static_cast<Index>(k)));
  }
  for (size_t k = 0; k < order_.size(); ++k) {
    double* x = out.row(static_cast<Index>(k));
    const auto begin = static_cast<size_t>(factor_.column_start[k]);
    const auto end = static_cast<size_t>(factor_.column_start[k + 1]);
    scale(x, 1 / factor_.value[begin], lanes);
    for (size_t e = begin + 1; e < end; ++e) {
      add_scaled(out.row(factor_.row[e]), -factor_.value[e], x, lanes);
    }
  }
}

FullRankNormal SparsePrecisionNormal::to_full_rank() const {
  const Matrix identity = Matrix::Identity(dim(), dim());
  Matrix root(dim(), dim());
  unwhiten(lanes_of(identity), mutable_lanes(root));
  const Eigen::LLT<Matrix> llt(Matrix(root * root.transpose()));
  return {mean_, to_std(Matrix(llt.matrixL()))};
}

double SparsePrecisionNormal::log_normaliser() const {
  double log_det = 0;
  for (size_t k = 0; k < order_.size(); ++k) {
    log_det += std::log(factor_.value[static_cast<size_t>(factor_.column_start[k])]);
  }
  return log_det - 0.5 * static_cast<double>(dim()) * std::log(2 * std::numbers::pi);
}

void SparsePrecisionNormal::log_q(LaneMatrix points, std::span<double> log_q) const {
  Matrix noise(points.rows, points.lanes);
  whiten(points, mutable_lanes(noise));
  const double constant = log_normaliser();
  for (Index l = 0; l < points.lanes; ++l) {
    log_q[static_cast<size_t>(l)] = constant - 0.5 * noise.col(l).squaredNorm();
  }
}

}  // namespace vinci::infer
