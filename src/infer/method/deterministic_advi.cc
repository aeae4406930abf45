#include "infer/method/deterministic_advi.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "infer/dense.h"

namespace vinci::infer {
namespace {

/// The negative ELBO at fixed noise as a function of (m, log s).
class SampleAverage final : public SmoothFunction {
 public:
  SampleAverage(Objective& objective, Index draws, numeric::RandomKey key)
      : objective_(objective), dim_(objective.dim()), noise_(dim_, draws) {
    const Index pairs = draws / 2;
    numeric::fill_normal(key, 0, 0, dim_, pairs, noise_.data(), draws);
    noise_.rightCols(pairs) = -noise_.leftCols(pairs);
  }

  Index dim() const override { return 2 * dim_; }
  Index draws() const { return noise_.cols(); }
  bool should_stop() const override { return objective_.should_stop(); }

  double evaluate(std::span<const double> x, std::span<double> gradient) override {
    look(x);
    Eigen::Map<Vector> out(gradient.data(), 2 * dim_);
    if (!std::isfinite(value_)) {
      out.setZero();
      return std::numeric_limits<double>::infinity();
    }
    out.head(dim_) = -gradients_.rowwise().mean();
    out.tail(dim_) = -gradients_.cwiseProduct(spread_).rowwise().mean().array() - 1;
    return value_;
  }

  void hessian_vector(std::span<const double> x, std::span<const double> direction,
                      std::span<double> product) override {
    look(x);
    const Eigen::Map<const Vector> v(direction.data(), 2 * dim_);
    Matrix moves = (spread_.array().colwise() * v.tail(dim_).array()).matrix();
    const Matrix second = gradients_.cwiseProduct(moves);
    moves.colwise() += v.head(dim_);
    Matrix products(dim_, draws());
    objective_.hessian_vector(lanes_of(points_), lanes_of(moves), mutable_lanes(products));
    Eigen::Map<Vector> out(product.data(), 2 * dim_);
    out.head(dim_) = -products.rowwise().mean();
    out.tail(dim_) = -(products.cwiseProduct(spread_) + second).rowwise().mean();
  }

  /// The whole Hessian [2D, 2D] at x, from D products at each draw.
  Matrix hessian(std::span<const double> x) {
    look(x);
    Matrix h = Matrix::Zero(2 * dim_, 2 * dim_);
    Matrix direction(dim_, draws()), products(dim_, draws());
    for (Index j = 0; j < dim_; ++j) {
      direction.setZero();
      direction.row(j).setOnes();
      objective_.hessian_vector(lanes_of(points_), lanes_of(direction), mutable_lanes(products));
      const Matrix scaled = products.array().rowwise() * spread_.row(j).array();
      h.col(j).head(dim_) = -products.rowwise().mean();
      h.col(j).tail(dim_) = -products.cwiseProduct(spread_).rowwise().mean();
      h.col(dim_ + j).head(dim_) = -scaled.rowwise().mean();
      h.col(dim_ + j).tail(dim_) = -scaled.cwiseProduct(spread_).rowwise().mean();
    }
    h.diagonal().tail(dim_) -= gradients_.cwiseProduct(spread_).rowwise().mean();
    return 0.5 * (h + h.transpose());
  }

  /// Gradients of the pairs' own functions, less their mean: [2D][M / 2].
  Matrix scatter(std::span<const double> x) {
    look(x);
    Matrix g(2 * dim_, draws());
    g.topRows(dim_) = -gradients_;
    g.bottomRows(dim_) = -gradients_.cwiseProduct(spread_);
    const Matrix of_pairs = 0.5 * (g.leftCols(draws() / 2) + g.rightCols(draws() / 2));
    return of_pairs.colwise() - of_pairs.rowwise().mean();
  }

 private:
  /// Values and gradients of all draws at x, unless they are there.
  void look(std::span<const double> x) {
    const Eigen::Map<const Vector> at(x.data(), 2 * dim_);
    if (here_.size() > 0 && here_ == at) return;
    here_ = at;
    spread_ = noise_.array().colwise() * at.tail(dim_).array().exp();
    points_ = spread_.colwise() + at.head(dim_);
    gradients_.resize(dim_, draws());
    std::vector<double> values(static_cast<size_t>(draws()));
    objective_.evaluate(lanes_of(points_), values, mutable_lanes(gradients_));
    double sum = 0;
    for (const double v : values) sum += v;
    value_ = -sum / static_cast<double>(draws()) - at.tail(dim_).sum();
  }

  Objective& objective_;
  Index dim_;
  Matrix noise_;
  Vector here_;
  Matrix points_, spread_, gradients_;
  double value_ = std::numeric_limits<double>::infinity();
};

}  // namespace

DeterministicAdviResult deterministic_advi(Objective& objective, const MeanFieldNormal& start,
                                           const DeterministicAdviOptions& options,
                                           numeric::RandomKey key) {
  const Index dim = objective.dim();
  std::vector<double> x(start.mean());
  for (const double s : start.sd()) x.push_back(std::log(s));
  DeterministicAdviResult result;
  for (Index draws = options.draws / 2 * 2;; draws = std::min(2 * draws, options.max_draws)) {
    SampleAverage function(objective, draws, key);
    const NewtonCgResult optimum = newton_cg(function, x, options.newton);
    x = optimum.x;
    result.draws = draws;
    result.converged = optimum.converged;
    result.elbo =
        -optimum.value + 0.5 * static_cast<double>(dim) * (1 + std::log(2 * std::numbers::pi));
    result.worst_error = std::numeric_limits<double>::quiet_NaN();
    result.linear_response = nullptr;
    if (dim > options.max_linear_response_dim || objective.should_stop()) break;
    const Eigen::LLT<Matrix> llt(function.hessian(x));
    if (llt.info() != Eigen::Success) break;
    const Matrix inverse = llt.solve(Matrix::Identity(2 * dim, 2 * dim));
    const Matrix covariance = inverse.topLeftCorner(dim, dim);
    const Eigen::LLT<Matrix> root(0.5 * (covariance + covariance.transpose()));
    if (root.info() != Eigen::Success || !covariance.allFinite()) break;
    const Eigen::Map<const Vector> at(x.data(), 2 * dim);
    result.linear_response = std::make_shared<FullRankNormal>(to_std(Vector(at.head(dim))),
                                                              to_std(Matrix(root.matrixL())));
    const Matrix moved = inverse.topRows(dim) * function.scatter(x);
    const auto m = static_cast<double>(draws / 2);
    const Vector error = (moved.rowwise().squaredNorm() / (m * (m - 1))).cwiseSqrt();
    result.worst_error = error.cwiseQuotient(covariance.diagonal().cwiseSqrt()).maxCoeff();
    if (result.worst_error <= options.error_goal || draws >= options.max_draws) break;
  }
  std::vector<double> sd;
  for (Index d = 0; d < dim; ++d) sd.push_back(std::exp(x[static_cast<size_t>(dim + d)]));
  x.resize(static_cast<size_t>(dim));
  result.mean_field = MeanFieldNormal(std::move(x), std::move(sd));
  return result;
}

}  // namespace vinci::infer
