// DisARM: antithetic pairs of binary states with the augmentation integrated out.
#include <cmath>
#include <memory>
#include <utility>

#include "infer/estimator/discrete/mixed_batch.h"

namespace vinci::infer {
namespace {

class Disarm final : public DiscreteEstimator {
 public:
  Disarm(const EstimatorOptions& options, DiscreteBlankets blankets)
      : DiscreteEstimator(options), blankets_(std::move(blankets)) {}

  std::string name() const override { return blankets_.sums ? "DisARM, Rao-Blackwell" : "DisARM"; }

  std::string obstacle(const ParametricFamily& any) const override {
    const std::string other = DiscreteEstimator::obstacle(any);
    if (!other.empty()) return other;
    for (const DiscreteStates& s : dynamic_cast<const MixedFamily&>(any).discrete()) {
      if (s.count != 2) return "it is for two states";
    }
    return options_.draws < 2 ? "it takes at least 2 draws" : "";
  }

  double estimate(Objective& objective, const ParametricFamily& any, std::span<const double> lambda,
                  numeric::RandomKey key, uint32_t step, std::span<double> gradient) override {
    const auto& family = dynamic_cast<const MixedFamily&>(any);
    const Index pairs = options_.draws / 2, n = 2 * pairs, m = family.num_discrete();
    const Matrix own = uniforms(family, pairs, key, step);
    Matrix u(m, n);
    for (Index l = 0; l < pairs; ++l) {
      u.col(2 * l) = own.col(l);
      u.col(2 * l + 1) = 1 - own.col(l).array();
    }
    const MixedBatch batch = draw(objective, family, lambda, u, 2, key, step);
    continuous_gradient(batch, family, lambda, Vector::Ones(n), gradient);
    Matrix signals(m, n);
    if (blankets_.sums) {
      signals = blanket_log_ratios(blankets_, objective, family, batch, options_);
    } else {
      signals.rowwise() = batch.log_ratios(options_).transpose();
    }
    const auto states = batch.points.bottomRows(m);
    const std::span<const double> logits = family.logits(lambda);
    const auto first = static_cast<size_t>(family.first_logit_param());
    for (Index i = 0; i < m; ++i) {
      const double a = std::abs(logits[static_cast<size_t>(i)]);
      const double scale = 0.5 / (1 + std::exp(-a));
      double sum = 0;
      for (Index l = 0; l < n; l += 2) {
        if (states(i, l) == states(i, l + 1)) continue;
        const double sign = family.state_index(i, states(i, l + 1)) == 1 ? -1 : 1;
        sum += sign * (signals(i, l) - signals(i, l + 1));
      }
      gradient[first + static_cast<size_t>(i)] = scale * sum / static_cast<double>(pairs);
    }
    return batch.objective(options_);
  }

 private:
  DiscreteBlankets blankets_;
};

}  // namespace

EstimatorPtr disarm_estimator(const EstimatorOptions& options, DiscreteBlankets blankets) {
  return std::make_unique<Disarm>(options, std::move(blankets));
}

}  // namespace vinci::infer
