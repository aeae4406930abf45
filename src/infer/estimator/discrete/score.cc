// Score-function gradients for discrete coordinates: plain or through Markov blankets, with the
// score or the mean of the other draws as control.
#include <fmt/format.h>

#include <memory>
#include <utility>

#include "infer/estimator/discrete/mixed_batch.h"

namespace vinci::infer {
namespace {

class Score final : public DiscreteEstimator {
 public:
  Score(const EstimatorOptions& options, bool local, DiscreteBlankets blankets,
        ScoreControl control)
      : DiscreteEstimator(options),
        local_(local),
        blankets_(std::move(blankets)),
        control_(control) {}

  std::string name() const override {
    const std::string base = local_ ? "score, Rao-Blackwell" : "score";
    switch (control_) {
      case ScoreControl::kNone:
        return base;
      case ScoreControl::kScore:
        return base + ", control variate";
      case ScoreControl::kLeaveOneOut:
        return base + ", leave one out";
    }
    return base;
  }

  std::string obstacle(const ParametricFamily& family) const override {
    const Index least = control_ == ScoreControl::kScore         ? 4
                        : control_ == ScoreControl::kLeaveOneOut ? 2
                                                                 : 1;
    if (options_.draws < least) return fmt::format("it takes at least {} draws", least);
    return DiscreteEstimator::obstacle(family);
  }

  double estimate(Objective& objective, const ParametricFamily& any, std::span<const double> lambda,
                  numeric::RandomKey key, uint32_t step, std::span<double> gradient) override {
    const auto& family = dynamic_cast<const MixedFamily&>(any);
    const Index n = options_.draws;
    const MixedBatch batch =
        draw(objective, family, lambda, uniforms(family, n, key, step), 1, key, step);
    continuous_gradient(batch, family, lambda, Vector::Ones(n), gradient);
    const Matrix signals = signals_of(objective, family, batch);
    Matrix score(family.num_logits(), n);
    family.logit_score(lambda, lanes_of(batch.points), mutable_lanes(score));
    const Index first = family.first_logit_param();
    for (Index m = 0; m < family.num_discrete(); ++m) {
      const Vector f = signals.row(local_ ? m : 0).transpose();
      const Index logits = family.discrete()[static_cast<size_t>(m)].count - 1;
      for (Index k = 0; k < logits; ++k) {
        const Index p = family.first_logit(m) + k;
        gradient[static_cast<size_t>(first + p)] = estimate_of(f, score.row(p).transpose());
      }
    }
    return batch.objective(options_);
  }

 private:
  /// The learning signal of each discrete coordinate, or one for all.
  Matrix signals_of(Objective& objective, const MixedFamily& family,
                    const MixedBatch& batch) const {
    Matrix f(1, batch.size());
    if (local_) {
      f = blanket_log_ratios(blankets_, objective, family, batch, options_);
    } else {
      f.row(0) = batch.log_ratios(options_).transpose();
    }
    return f;
  }

  double estimate_of(const Vector& f, const Vector& h) const {
    const Index n = f.size();
    const auto count = static_cast<double>(n);
    switch (control_) {
      case ScoreControl::kNone:
        return f.dot(h) / count;
      case ScoreControl::kLeaveOneOut:
        return (f.array() - f.mean()).matrix().dot(h) / (count - 1);
      case ScoreControl::kScore:
        return (half(f, h, 0, n / 2) + half(f, h, n / 2, n)) / count;
    }
    return 0;
  }
  /// sum over draws [begin, end) of (f - a) h with a from the others.
  static double half(const Vector& f, const Vector& h, Index begin, Index end) {
    const Index other = begin == 0 ? end : 0, count = f.size() - (end - begin);
    const auto g = h.segment(other, count).array();
    const Eigen::ArrayXd centred = g - g.mean();
    const double variance = centred.square().sum();
    const double a =
        variance > 0 ? (f.segment(other, count).array() * g * centred).sum() / variance : 0;
    const auto own = h.segment(begin, end - begin);
    return own.dot(f.segment(begin, end - begin)) - a * own.sum();
  }

  bool local_;
  DiscreteBlankets blankets_;
  ScoreControl control_;
};

}  // namespace

EstimatorPtr discrete_score_estimator(const EstimatorOptions& options, ScoreControl control) {
  return std::make_unique<Score>(options, false, DiscreteBlankets{}, control);
}
EstimatorPtr discrete_rao_blackwell_estimator(const EstimatorOptions& options,
                                              DiscreteBlankets blankets, ScoreControl control) {
  return std::make_unique<Score>(options, true, std::move(blankets), control);
}

}  // namespace vinci::infer
