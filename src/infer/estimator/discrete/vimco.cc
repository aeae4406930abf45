// VIMCO: the importance-weighted bound, each draw's baseline from the others of its group.
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <memory>

#include "infer/estimator/discrete/mixed_batch.h"

namespace vinci::infer {
namespace {

/// log mean exp of `x`.
double log_mean_exp(const Vector& x) {
  const double top = x.maxCoeff();
  if (!std::isfinite(top)) return top;
  return top + std::log((x.array() - top).exp().mean());
}

class Vimco final : public DiscreteEstimator {
 public:
  Vimco(const EstimatorOptions& options, Index k) : DiscreteEstimator(options), k_(k) {}

  std::string name() const override { return fmt::format("VIMCO, k = {}", k_); }
  Index bound_draws() const override { return k_; }

  std::string obstacle(const ParametricFamily& family) const override {
    if (k_ < 2 || k_ > options_.draws) {
      return fmt::format("k is {}; it must be from 2 to the {} draws", k_, options_.draws);
    }
    if (options_.temperature != 1 || options_.entropy_weight != 1) {
      return "the importance-weighted bound has no temperature and no entropy weight";
    }
    return DiscreteEstimator::obstacle(family);
  }

  double estimate(Objective& objective, const ParametricFamily& any, std::span<const double> lambda,
                  numeric::RandomKey key, uint32_t step, std::span<double> gradient) override {
    const auto& family = dynamic_cast<const MixedFamily&>(any);
    const Index groups = options_.draws / k_, n = groups * k_;
    const MixedBatch batch =
        draw(objective, family, lambda, uniforms(family, n, key, step), 1, key, step);
    const auto share = 1 / static_cast<double>(groups);
    Vector path = Vector::Zero(n);         // of the pathwise gradient, in units of 1 / n
    Vector coefficient = Vector::Zero(n);  // of grad log q(z)
    double bound = 0, finite_groups = 0;
    for (Index g = 0; g < groups; ++g) {
      const Vector log_w = batch.log_p.segment(g * k_, k_) - batch.log_q.segment(g * k_, k_);
      const double own = log_mean_exp(log_w);
      if (!std::isfinite(own)) continue;
      bound += own;
      finite_groups += 1;
      for (Index j = 0; j < k_; ++j) {
        const double w = std::exp(log_w[j] - own) / static_cast<double>(k_);
        path[g * k_ + j] = w * w * share * static_cast<double>(n);
        // log w_j holds -log q(z_j), whose gradient is part of the second sum.
        coefficient[g * k_ + j] = share * (own - baseline(log_w, j) - w);
      }
    }
    continuous_gradient(batch, family, lambda, path, gradient);
    Matrix score(family.num_logits(), n);
    family.logit_score(lambda, lanes_of(batch.points), mutable_lanes(score));
    const std::span<double> logits =
        gradient.subspan(static_cast<size_t>(family.first_logit_param()));
    for (Index p = 0; p < family.num_logits(); ++p) {
      logits[static_cast<size_t>(p)] = score.row(p).dot(coefficient.transpose());
    }
    return finite_groups > 0 ? bound / finite_groups : -std::numeric_limits<double>::infinity();
  }

 private:
  /// The bound with the geometric mean of the others' weights for weight j. A weight of zero among
  /// the others makes that mean zero.
  double baseline(const Vector& log_w, Index j) const {
    Vector others = log_w;
    others[j] = 0;
    others[j] = others.sum() / static_cast<double>(k_ - 1);
    const double result = log_mean_exp(others);
    return std::isfinite(result) ? result : 0;
  }

  Index k_;
};

}  // namespace

EstimatorPtr vimco_estimator(const EstimatorOptions& options, Index k) {
  return std::make_unique<Vimco>(options, k);
}

}  // namespace vinci::infer
