// Pathwise gradients of the ELBO: total, with the entropy in closed form, and without the score.
#include <memory>
#include <vector>

#include "infer/estimator/draw_batch.h"

namespace vinci::infer {
namespace {

class Pathwise final : public GradientEstimator {
 public:
  enum class Form { kTotal, kClosedEntropy, kStickingTheLanding };
  Pathwise(const EstimatorOptions& options, Form form) : GradientEstimator(options), form_(form) {}

  std::string name() const override {
    switch (form_) {
      case Form::kTotal:
        return with_noise("pathwise");
      case Form::kClosedEntropy:
        return with_noise("pathwise, closed entropy");
      case Form::kStickingTheLanding:
        return with_noise("sticking the landing");
    }
    return "";
  }

  std::string obstacle(const ParametricFamily& family) const override {
    if (!family.reparameterised()) return "the family's draws are not a function of noise";
    if (form_ == Form::kClosedEntropy) {
      const std::vector<double> lambda(static_cast<size_t>(family.num_params()), 0.0);
      std::vector<double> gradient(lambda.size());
      if (!family.entropy_gradient(lambda, gradient)) return "the entropy has no closed form";
    }
    return GradientEstimator::obstacle(family);
  }

  double estimate(Objective& objective, const ParametricFamily& family,
                  std::span<const double> lambda, numeric::RandomKey key, uint32_t step,
                  std::span<double> gradient) override {
    const DrawBatch batch =
        draw_batch(objective, family, lambda, options_, /*with_gradient=*/true, key, step);
    const auto n = static_cast<double>(batch.size());
    const double entropy_weight = form_ == Form::kClosedEntropy ? 0 : options_.entropy_weight;
    const Matrix adjoint =
        pathwise_adjoint(batch, family, lambda, options_.temperature, entropy_weight);
    family.pathwise_sum(lambda, lanes_of(batch.noise), lanes_of(batch.points), batch.tape.get(),
                        lanes_of(adjoint), gradient);
    Eigen::Map<Vector> g(gradient.data(), static_cast<Index>(gradient.size()));
    g /= n;
    if (form_ == Form::kTotal) {
      Matrix score(family.num_params(), batch.size());
      family.score(lambda, lanes_of(batch.points), mutable_lanes(score));
      g -= options_.entropy_weight * score.rowwise().mean();
    } else if (form_ == Form::kClosedEntropy) {
      Vector of_entropy(family.num_params());
      family.entropy_gradient(lambda, span_of(of_entropy));
      g += options_.entropy_weight * of_entropy;
    }
    return batch.objective(options_);
  }

 private:
  Form form_;
};

}  // namespace

EstimatorPtr pathwise_estimator(const EstimatorOptions& options) {
  return std::make_unique<Pathwise>(options, Pathwise::Form::kTotal);
}
EstimatorPtr entropy_pathwise_estimator(const EstimatorOptions& options) {
  return std::make_unique<Pathwise>(options, Pathwise::Form::kClosedEntropy);
}
EstimatorPtr sticking_the_landing_estimator(const EstimatorOptions& options) {
  return std::make_unique<Pathwise>(options, Pathwise::Form::kStickingTheLanding);
}

}  // namespace vinci::infer
