// RELAX: the score function with a learned surrogate of relaxed states as control variate.
#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <vector>

#include "infer/estimator/discrete/mixed_batch.h"
#include "infer/estimator/discrete/relaxed_states.h"
#include "infer/estimator/surrogate.h"

namespace vinci::infer {
namespace {

constexpr uint32_t kPilotStep = 1u << 31;
// Streams apart from those of the draws.
constexpr uint32_t kWeightsStream = 0x80000000u, kFreeStream = 0x40000000u,
                   kGivenStream = 0x20000000u;

class Relax final : public DiscreteEstimator {
 public:
  Relax(const EstimatorOptions& options, const RelaxOptions& relax)
      : DiscreteEstimator(options), relax_(relax) {}

  std::string name() const override { return "RELAX"; }

  double estimate(Objective& objective, const ParametricFamily& any, std::span<const double> lambda,
                  numeric::RandomKey key, uint32_t step, std::span<double> gradient) override {
    const auto& family = dynamic_cast<const MixedFamily&>(any);
    if (!surrogate_) prepare(objective, family, lambda, key, kPilotStep + step);
    const Index n = options_.draws;
    const MixedBatch batch =
        draw(objective, family, lambda, uniforms(family, n, key, step), 1, key, step);
    continuous_gradient(batch, family, lambda, Vector::Ones(n), gradient);
    const RelaxedStates z = relaxed(family, batch, key, kFreeStream, step, true);
    const RelaxedStates given = relaxed(family, batch, key, kGivenStream, step, false);
    const Matrix at_z = inputs(family, batch, z), at_given = inputs(family, batch, given);
    const Surrogate::Values c = surrogate_->evaluate(at_z),
                            c_given = surrogate_->evaluate(at_given);

    Matrix h(family.num_logits(), n);
    family.logit_score(lambda, lanes_of(batch.points), mutable_lanes(h));
    const Vector rest = batch.log_ratios(options_) - c_given.value;
    Matrix each = h.array().rowwise() * rest.transpose().array();
    each += z.pull(family, batch.log_pi, c.gradient.bottomRows(family.num_states()));
    each -= given.pull(family, batch.log_pi, c_given.gradient.bottomRows(family.num_states()));
    const auto first = static_cast<size_t>(family.first_logit_param());
    Eigen::Map<Vector>(gradient.data() + first, family.num_logits()) = each.rowwise().mean();

    // d/dphi of the mean square of the draws' own estimates g: 2 g . (-h dc(z~) + d(grad c(z)) -
    // d(grad c(z~))), the last two along the moves that g makes, by differences.
    std::vector<double> of_phi(surrogate_->num_params(), 0.0);
    const double scale = 2 / static_cast<double>(n);
    const Vector along_h = (each.array() * h.array()).colwise().sum().transpose();
    surrogate_->add_gradient(at_given, -scale * along_h, of_phi);
    const auto add_slope = [&](const RelaxedStates& r, const Matrix& at, double sign) {
      Matrix direction = Matrix::Zero(at.rows(), n);
      direction.bottomRows(family.num_states()) = r.push(family, batch.log_pi, each);
      constexpr double kStep = 1e-3;
      const Vector norms = direction.colwise().norm().transpose().cwiseMax(1e-300);
      const Matrix move = direction.array().rowwise() * (kStep / norms.array()).transpose();
      const Vector weights = sign * scale / (2 * kStep) * norms;
      surrogate_->add_gradient(at + move, weights, of_phi);
      surrogate_->add_gradient(at - move, -weights, of_phi);
    };
    add_slope(z, at_z, 1);
    add_slope(given, at_given, -1);
    if (std::all_of(of_phi.begin(), of_phi.end(), [](double g) { return std::isfinite(g); })) {
      surrogate_->descend(of_phi);
    }
    return batch.objective(options_);
  }

 private:
  RelaxedStates relaxed(const MixedFamily& family, const MixedBatch& batch, numeric::RandomKey key,
                        uint32_t stream, uint32_t step, bool along_free_noise) const {
    Matrix uniform(family.num_states(), batch.size());
    numeric::fill_uniform({key.seed, key.stream ^ stream}, step, 0, uniform.rows(), batch.size(),
                          uniform.data(), batch.size());
    return relax_given_states(family, batch.log_pi, relax_.temperature, uniform,
                              batch.points.bottomRows(family.num_discrete()), along_free_noise);
  }
  /// What the surrogate sees: the continuous coordinates and the soft states.
  static Matrix inputs(const MixedFamily& family, const MixedBatch& batch,
                       const RelaxedStates& relaxed) {
    const Index d = family.num_continuous();
    Matrix x(d + family.num_states(), batch.size());
    x.topRows(d) = batch.points.topRows(d);
    x.bottomRows(family.num_states()) = relaxed.soft;
    return x;
  }

  void prepare(Objective& objective, const MixedFamily& family, std::span<const double> lambda,
               numeric::RandomKey key, uint32_t step) {
    const MixedBatch pilot =
        draw(objective, family, lambda, uniforms(family, relax_.pilot, key, step), 1, key, step);
    const RelaxedStates z = relaxed(family, pilot, key, kFreeStream, step, true);
    surrogate_.emplace(inputs(family, pilot, z), pilot.log_ratios(options_), relax_.width,
                       relax_.rate, numeric::RandomKey{key.seed, key.stream ^ kWeightsStream});
  }

  RelaxOptions relax_;
  std::optional<Surrogate> surrogate_;
};

}  // namespace

EstimatorPtr relax_estimator(const EstimatorOptions& options, const RelaxOptions& relax) {
  return std::make_unique<Relax>(options, relax);
}

}  // namespace vinci::infer
