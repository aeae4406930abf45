// Densities of relaxed discrete variables, in coordinates where they neither under- nor overflow.
#pragma once

#include "deep/core/tensor.h"

namespace vinci::deep {

/// log density of the logit y of a binary Concrete variable sigmoid(y) with log odds `logit` and
/// temperature t, elementwise:  y = (logit + Logistic(0, 1)) / t,
///     log t + (logit - t y) - 2 log(1 + exp(logit - t y)).
/// [Maddison, Mnih, Teh 2017, appendix B]
Tensor binary_concrete_log_density(const Tensor& y, const Tensor& logit, double temperature);

/// log density of y = log of a Concrete variable on the simplex of n states (ExpConcrete) over the
/// last dimension, with respect to the log ratios y_k - y_n, k < n:
///     log (n-1)! + (n-1) log t + sum_k (l_k - t y_k) - n log sum_k exp(l_k - t y_k).
/// [Maddison, Mnih, Teh 2017, eq. (26)]
Tensor concrete_log_density(const Tensor& y, const Tensor& logits, double temperature);

}  // namespace vinci::deep
