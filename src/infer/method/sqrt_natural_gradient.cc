#include "infer/method/sqrt_natural_gradient.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <utility>

#include "infer/dense.h"
#include "infer/method/windows.h"

namespace vinci::infer {
namespace {

/// Mean and factor of a normal.
struct Moments {
  Vector mean;
  Matrix factor;

  void add(const Moments& m) {
    mean += m.mean;
    factor += m.factor;
  }
  Moments divided(double n) const { return {mean / n, Matrix(factor / n)}; }
  FullRankNormal normal() const { return {to_std(mean), to_std(factor)}; }
};

constexpr Index kLateEvaluations = 6000;
constexpr double kLateSlack = 4;
constexpr double kFar = 4;

class Ascent {
 public:
  Ascent(Objective& objective, const FullRankNormal& start, Index batch)
      : objective_(objective),
        dim_(objective.dim()),
        pairs_(batch / 2),
        mean_(map_vector(start.mean())),
        factor_(map_square(start.factor(), dim_)),
        noise_(dim_, pairs_),
        z_(dim_, batch),
        g_(dim_, batch),
        values_(batch) {}

  /// Draws, evaluates, and leaves in w, W and gap what the step needs.
  void estimate(numeric::RandomKey key, uint32_t step) {
    numeric::fill_normal(key, step, 0, dim_, pairs_, noise_.data(), pairs_);
    spread_.noalias() = factor_.triangularView<Eigen::Lower>() * noise_;
    z_.leftCols(pairs_) = spread_.colwise() + mean_;
    z_.rightCols(pairs_) = (-spread_).colwise() + mean_;
    objective_.evaluate(lanes_of(z_), span_of(values_), mutable_lanes(g_));
    w_.noalias() = factor_.transpose().triangularView<Eigen::Upper>() * g_;
    w_.leftCols(pairs_) += noise_;
    w_.rightCols(pairs_) -= noise_;
    double total = 0;
    Index finite = 0;
    for (Index l = 0; l < values_.size(); ++l) {
      if (std::isfinite(values_[l])) {
        total += values_[l];
        ++finite;
      } else if (l < pairs_) {
        w_.col(l) = -noise_.col(l);
      } else {
        w_.col(l) = noise_.col(l - pairs_);
      }
    }
    nonfinite_ += values_.size() - finite;
    const double entropy = factor_.diagonal().array().log().sum() +
                           0.5 * static_cast<double>(dim_) * (1 + std::log(2 * std::numbers::pi));
    elbo_ = finite > 0 ? total / static_cast<double>(finite) + entropy
                       : -std::numeric_limits<double>::infinity();

    // The noise of a pair's second member is the negative of the first's.
    even_ = 0.5 * (w_.leftCols(pairs_) + w_.rightCols(pairs_));
    odd_ = 0.5 * (w_.leftCols(pairs_) - w_.rightCols(pairs_));
    const Index half = pairs_ / 2;
    const double scale = 1 / static_cast<double>(half);
    const Vector w1 = scale * even_.leftCols(half).rowwise().sum();
    const Vector w2 = scale * even_.rightCols(half).rowwise().sum();
    first_.noalias() = scale * noise_.leftCols(half) * odd_.leftCols(half).transpose();
    second_.noalias() = scale * noise_.rightCols(half) * odd_.rightCols(half).transpose();
    // <sym(A), sym(B)> = (<A, B> + <A, B'>) / 2.
    const double inner =
        0.5 * (first_.cwiseProduct(second_).sum() + first_.cwiseProduct(second_.transpose()).sum());
    gap_ = 0.5 * w1.dot(w2) + 0.25 * inner;
    mean_gradient_ = 0.5 * (w1 + w2);
    first_ += second_;
    factor_gradient_ = 0.25 * (first_ + first_.transpose());
  }

  void step(double eta) {
    const double norm_w = mean_gradient_.norm();
    const double norm_matrix = factor_gradient_.norm();
    const double eta_mean = norm_w > 0 ? std::min(eta, 2 / norm_w) : eta;
    const double eta_factor = norm_matrix > 0 ? std::min(eta, 0.5 / norm_matrix) : eta;
    mean_.noalias() += factor_.triangularView<Eigen::Lower>() * (eta_mean * mean_gradient_).eval();
    transform_ = eta_factor * factor_gradient_;
    transform_.diagonal() = (0.5 * transform_.diagonal()).array().exp();
    transform_.triangularView<Eigen::StrictlyUpper>().setZero();
    next_.noalias() = factor_.triangularView<Eigen::Lower>() * transform_;
    next_.triangularView<Eigen::StrictlyUpper>().setZero();
    if (next_.allFinite() && next_.diagonal().minCoeff() > 0) std::swap(factor_, next_);
  }

  double gap() const { return gap_; }
  double elbo() const { return elbo_; }
  int64_t nonfinite() const { return nonfinite_; }
  const Vector& mean() const { return mean_; }
  const Matrix& factor() const { return factor_; }

 private:
  Objective& objective_;
  Index dim_;
  Index pairs_;
  Vector mean_;
  Matrix factor_;
  Matrix noise_, z_, g_;
  Vector values_;
  Matrix spread_, w_, even_, odd_, first_, second_, factor_gradient_, transform_, next_;
  Vector mean_gradient_;
  double gap_ = 0, elbo_ = 0;
  int64_t nonfinite_ = 0;
};

}  // namespace

NaturalGradientResult sqrt_natural_gradient(Objective& objective, const FullRankNormal& start,
                                            const NaturalGradientOptions& options,
                                            numeric::RandomKey key) {
  const Index batch = std::max<Index>(4, (options.batch + 3) / 4 * 4);
  const Index window = std::max<Index>(4, options.gap_window / batch);
  NaturalGradientResult result{start};
  Ascent ascent(objective, start, batch);
  const Index dim = objective.dim();
  IterateAverage<Moments> average({Vector::Zero(dim), Matrix::Zero(dim, dim)});
  RunningMean gap, elbo;
  for (Index t = 0; t < options.max_iterations && !objective.should_stop(); ++t) {
    ascent.estimate(key, static_cast<uint32_t>(t));
    gap.add(ascent.gap());
    elbo.add(ascent.elbo());
    ascent.step(options.step /
                (1 + options.step_decay * static_cast<double>(t + options.first_iteration)));
    average.add({ascent.mean(), ascent.factor()});
    result.iterations = t + 1;
    if (options.checkpoints != nullptr && elbo.count() >= std::max<Index>(8, window / 2) &&
        options.checkpoints->due()) {
      options.checkpoints->offer({"natural gradient", t + 1,
                                  std::make_shared<FullRankNormal>(average.mean().normal()),
                                  elbo.mean() - 3 * elbo.error()});
    }
    if (gap.count() < std::max(window, t / 2)) continue;
    result.gap = gap.mean();
    result.gap_error = gap.error();
    result.elbo = elbo.mean();
    // Late steps are small, and their average is better than the iterates that the estimate is of:
    // there an estimate too noisy to tell the gap from the tolerance will do.
    const double bound = t * batch < kLateEvaluations
                             ? result.gap + 2 * result.gap_error
                             : (result.gap + result.gap_error) / kLateSlack;
    if (bound < options.gap_tolerance) {
      result.converged = true;
      break;
    }
    // Iterates of a window far from the optimum were still on their way: they have no place in the
    // average.
    if (result.gap > kFar * options.gap_tolerance) average.clear();
    average.roll();
    gap = {};
    elbo = {};
  }
  result.nonfinite = ascent.nonfinite();
  if (!average.empty()) result.normal = average.mean().normal();
  return result;
}

GapEstimate estimate_gap(Objective& objective, const FullRankNormal& normal, Index evaluations,
                         numeric::RandomKey key) {
  constexpr Index kBatch = 32;
  Ascent ascent(objective, normal, kBatch);
  RunningMean gap;
  const Index steps = std::max<Index>(4, evaluations / kBatch);
  for (Index t = 0; t < steps && !objective.should_stop(); ++t) {
    ascent.estimate(key, static_cast<uint32_t>(t));
    gap.add(ascent.gap());
  }
  if (gap.count() == 0) return {};
  return {gap.mean(), gap.error()};
}

}  // namespace vinci::infer
