// The Concrete relaxation: pathwise gradients through soft states, biased.
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <memory>

#include "infer/estimator/discrete/mixed_batch.h"
#include "infer/estimator/discrete/relaxed_states.h"

namespace vinci::infer {
namespace {

class Concrete final : public DiscreteEstimator {
 public:
  Concrete(const EstimatorOptions& options, const LogDensity& relaxed, double temperature)
      : DiscreteEstimator(options), relaxed_(relaxed), temperature_(temperature) {}

  std::string name() const override {
    return fmt::format("Concrete, t = {:.3g} (biased)", temperature_);
  }

  std::string obstacle(const ParametricFamily& any) const override {
    if (!(temperature_ > 0)) return "its temperature is not positive";
    return DiscreteEstimator::obstacle(any);
  }

  double estimate(Objective& objective, const ParametricFamily& any, std::span<const double> lambda,
                  numeric::RandomKey key, uint32_t step, std::span<double> gradient) override {
    const auto& family = dynamic_cast<const MixedFamily&>(any);
    const Index n = options_.draws, d = family.num_continuous(), s = family.num_states();
    const ParametricFamily& continuous = family.continuous();
    MixedBatch batch;  // of soft states: the rows of `points` are D + S
    batch.log_pi = family.log_probabilities(lambda);
    batch.points.resize(d + s, n);
    batch.gradient.resize(d + s, n);
    batch.log_p.resize(n);
    batch.log_q = Vector::Zero(n);
    if (d > 0) {
      batch.noise.resize(continuous.noise_dim(), n);
      continuous.fill_noise(key, step, 0, mutable_lanes(batch.noise));
      batch.tape = continuous.transform(family.continuous_params(lambda), lanes_of(batch.noise),
                                        {batch.points.data(), d, n, n}, span_of(batch.log_q));
    }
    Matrix uniform(s, n);
    numeric::fill_uniform(states_key(key), step, 0, s, n, uniform.data(), n);
    const RelaxedStates z = relax_freely(family, batch.log_pi, temperature_, uniform);
    batch.points.bottomRows(s) = z.soft;
    relaxed_.evaluate(lanes_of(batch.points), span_of(batch.log_p), mutable_lanes(batch.gradient));
    objective.count(n);
    settle(batch);
    continuous_gradient(batch, family, lambda, Vector::Ones(n), gradient);

    std::vector<double> entropy(lambda.size());
    family.entropy_gradient(lambda, entropy);
    const Matrix of_logits = z.pull(family, batch.log_pi, batch.gradient.bottomRows(s));
    const auto first = static_cast<size_t>(family.first_logit_param());
    for (size_t p = first; p < lambda.size(); ++p) {
      gradient[p] = options_.temperature * of_logits.row(static_cast<Index>(p - first)).mean() +
                    options_.entropy_weight * entropy[p];
    }
    double states_entropy = 0;
    for (const double v : batch.log_pi) states_entropy -= v > -700 ? std::exp(v) * v : 0;
    return batch.objective(options_) + options_.entropy_weight * states_entropy;
  }

 private:
  static void settle(MixedBatch& batch) {
    for (Index l = 0; l < batch.size(); ++l) {
      if (std::isfinite(batch.log_p[l]) && batch.gradient.col(l).allFinite()) continue;
      batch.log_p[l] = -std::numeric_limits<double>::infinity();
      batch.gradient.col(l).setZero();
    }
  }

  const LogDensity& relaxed_;
  double temperature_;
};

}  // namespace

EstimatorPtr concrete_estimator(const EstimatorOptions& options, const LogDensity& relaxed,
                                double concrete_temperature) {
  return std::make_unique<Concrete>(options, relaxed, concrete_temperature);
}

}  // namespace vinci::infer
