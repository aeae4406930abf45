// The exact bound and gradient of a network that is small enough to go through all its states.
#pragma once

#include "deep/estimators/estimator.h"

namespace vinci::deep {

inline constexpr double kMaxStates = 1 << 14;

/// Number of joint states of all layers; infinity where that is too much for a double.
double state_count(const StochasticNetwork& network);

/// gradients: of minus the mean over the batch of E[f] (k = 1), or of E log (1/k) sum_i exp f(b^i)
/// over k independent chains; bound: [B]. Needs state_count^k <= kMaxStates, and costs that many
/// terms.
Estimate exact_gradient(const StochasticNetwork& network, const Tensor& x, int64_t k,
                        const std::vector<Tensor>& parameters);

/// log sum_b q(b) exp f(b): where f = log p(x, b) - log q(b), the evidence; [B]. As above, k = 1.
Tensor exact_log_evidence(const StochasticNetwork& network, const Tensor& x);

}  // namespace vinci::deep
