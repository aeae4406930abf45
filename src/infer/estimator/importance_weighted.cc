// Gradients of the importance-weighted bound L_k: total and doubly reparameterised.
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <memory>

#include "infer/estimator/draw_batch.h"

namespace vinci::infer {
namespace {

class ImportanceWeighted final : public GradientEstimator {
 public:
  ImportanceWeighted(const EstimatorOptions& options, Index k, bool doubly)
      : GradientEstimator(options), k_(k), doubly_(doubly) {}

  std::string name() const override {
    return with_noise(fmt::format("{}, k = {}", doubly_ ? "DReG" : "IW pathwise", k_));
  }
  Index bound_draws() const override { return k_; }

  std::string obstacle(const ParametricFamily& family) const override {
    if (!family.reparameterised()) return "the family's draws are not a function of noise";
    if (k_ < 1 || k_ > options_.draws) {
      return fmt::format("k is {}; it must be from 1 to the {} draws", k_, options_.draws);
    }
    if (options_.temperature != 1 || options_.entropy_weight != 1) {
      return "the importance-weighted bound has no temperature and no entropy weight";
    }
    // Draws of one group must be independent for L_k to be what it says.
    if (options_.noise != NoiseKind::kIndependent && k_ > 1) return "it needs independent draws";
    return GradientEstimator::obstacle(family);
  }

  double estimate(Objective& objective, const ParametricFamily& family,
                  std::span<const double> lambda, numeric::RandomKey key, uint32_t step,
                  std::span<double> gradient) override {
    const DrawBatch batch =
        draw_batch(objective, family, lambda, options_, /*with_gradient=*/true, key, step);
    const Index groups = batch.size() / k_;
    Vector weights = Vector::Zero(batch.size());  // of d log w_i / d lambda
    double bound = 0;
    Index finite_groups = 0;
    for (Index g = 0; g < groups; ++g) {
      const Vector log_w = batch.log_p.segment(g * k_, k_) - batch.log_q.segment(g * k_, k_);
      const double top = log_w.maxCoeff();
      auto own = weights.segment(g * k_, k_);
      if (!std::isfinite(top)) {
        own.setConstant(1 / static_cast<double>(k_));
        continue;
      }
      own = (log_w.array() - top).exp();
      const double sum = own.sum();
      own /= sum;
      bound += top + std::log(sum / static_cast<double>(k_));
      ++finite_groups;
    }
    weights /= static_cast<double>(groups);
    Matrix adjoint = pathwise_adjoint(batch, family, lambda, 1, 1);
    // The square of a group's own weight, not of its share in the mean over groups.
    const Vector of_path =
        doubly_ ? Vector(weights.array().square() * static_cast<double>(groups)) : weights;
    adjoint.array().rowwise() *= of_path.transpose().array();
    family.pathwise_sum(lambda, lanes_of(batch.noise), lanes_of(batch.points), batch.tape.get(),
                        lanes_of(adjoint), gradient);
    if (!doubly_) {
      Matrix score(family.num_params(), batch.size());
      family.score(lambda, lanes_of(batch.points), mutable_lanes(score));
      Eigen::Map<Vector>(gradient.data(), family.num_params()) -= score * weights;
    }
    return finite_groups > 0 ? bound / static_cast<double>(finite_groups)
                             : -std::numeric_limits<double>::infinity();
  }

 private:
  Index k_;
  bool doubly_;
};

}  // namespace

EstimatorPtr importance_weighted_estimator(const EstimatorOptions& options, Index k) {
  return std::make_unique<ImportanceWeighted>(options, k, false);
}
EstimatorPtr doubly_reparameterised_estimator(const EstimatorOptions& options, Index k) {
  return std::make_unique<ImportanceWeighted>(options, k, true);
}

}  // namespace vinci::infer
