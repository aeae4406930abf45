// Local expectation gradients: the exact sum over the states of each discrete coordinate given its
// Markov blanket.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <utility>

#include "infer/estimator/discrete/mixed_batch.h"

namespace vinci::infer {
namespace {

class LocalExpectation final : public DiscreteEstimator {
 public:
  LocalExpectation(const EstimatorOptions& options, DiscreteBlankets blankets)
      : DiscreteEstimator(options), blankets_(std::move(blankets)) {}

  std::string name() const override { return "local expectation"; }

  double estimate(Objective& objective, const ParametricFamily& any, std::span<const double> lambda,
                  numeric::RandomKey key, uint32_t step, std::span<double> gradient) override {
    const auto& family = dynamic_cast<const MixedFamily&>(any);
    const Index n = options_.draws;
    const MixedBatch batch =
        draw(objective, family, lambda, uniforms(family, n, key, step), 1, key, step);
    continuous_gradient(batch, family, lambda, Vector::Ones(n), gradient);
    const Matrix sums = sums_of_states(objective, family, batch);
    const auto first = static_cast<size_t>(family.first_logit_param());
    for (Index m = 0; m < family.num_discrete(); ++m) {
      const Index count = family.discrete()[static_cast<size_t>(m)].count;
      const double* log_pi = batch.log_pi.data() + family.first_state(m);
      // The entropy's part is exact; sum_k pi_k log pi_k:
      double negative_entropy = 0;
      for (Index k = 0; k < count; ++k) negative_entropy += std::exp(log_pi[k]) * log_pi[k];
      for (Index k = 1; k < count; ++k) {
        gradient[first + static_cast<size_t>(family.first_logit(m) + k - 1)] =
            -options_.entropy_weight * std::exp(log_pi[k]) * (log_pi[k] - negative_entropy);
      }
      Vector signal(count);
      for (Index l = 0; l < n; ++l) {
        signal = sums.col(l).segment(family.first_state(m), count);
        settle(signal);
        double mean = 0;
        for (Index k = 0; k < count; ++k) mean += std::exp(log_pi[k]) * signal[k];
        for (Index k = 1; k < count; ++k) {
          gradient[first + static_cast<size_t>(family.first_logit(m) + k - 1)] +=
              options_.temperature * std::exp(log_pi[k]) * (signal[k] - mean) /
              static_cast<double>(n);
        }
      }
    }
    return batch.objective(options_);
  }

 private:
  /// The blanket's sum for every state of every coordinate, the others as drawn: [states][n].
  Matrix sums_of_states(Objective& objective, const MixedFamily& family,
                        const MixedBatch& batch) const {
    const Index m = family.num_discrete(), d = family.num_continuous();
    std::vector<int32_t> colour = blankets_.colour;
    if (colour.empty()) {
      colour.resize(static_cast<size_t>(m));
      std::iota(colour.begin(), colour.end(), 0);
    }
    Matrix result(family.num_states(), batch.size());
    const int32_t colours = *std::max_element(colour.begin(), colour.end()) + 1;
    Matrix points;
    for (int32_t c = 0; c < colours; ++c) {
      Index most = 0;
      for (Index i = 0; i < m; ++i) {
        if (colour[static_cast<size_t>(i)] == c) {
          most = std::max(most, family.discrete()[static_cast<size_t>(i)].count);
        }
      }
      for (Index k = 0; k < most; ++k) {
        points = batch.points;
        for (Index i = 0; i < m; ++i) {
          const DiscreteStates& s = family.discrete()[static_cast<size_t>(i)];
          if (colour[static_cast<size_t>(i)] != c || k >= s.count) continue;
          points.row(d + i).setConstant(static_cast<double>(s.low + k));
        }
        const Matrix sums = blanket_sums(blankets_, objective, family, points);
        for (Index i = 0; i < m; ++i) {
          const DiscreteStates& s = family.discrete()[static_cast<size_t>(i)];
          if (colour[static_cast<size_t>(i)] != c || k >= s.count) continue;
          result.row(family.first_state(i) + k) = sums.row(i);
        }
      }
    }
    return result;
  }

  /// A state of zero density is as far below the worst possible one as that below the best, and by
  /// a hundred nats more: it pulls away, finitely. Where no state is possible there is no pull.
  static void settle(Vector& signal) {
    constexpr double kPenalty = 100;
    double least = std::numeric_limits<double>::infinity(), most = -least;
    for (const double s : signal) {
      if (!std::isfinite(s)) continue;
      least = std::min(least, s);
      most = std::max(most, s);
    }
    for (double& s : signal) {
      if (!std::isfinite(s)) s = std::isfinite(least) ? least - (most - least) - kPenalty : 0;
    }
  }

  DiscreteBlankets blankets_;
};

}  // namespace

EstimatorPtr local_expectation_estimator(const EstimatorOptions& options,
                                         DiscreteBlankets blankets) {
  return std::make_unique<LocalExpectation>(options, std::move(blankets));
}

}  // namespace vinci::infer
