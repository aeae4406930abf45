// LAX [Grathwohl, Choi, Wu, Roeder, Duvenaud 2018, eq. (5)]: the gradient of E_q[f(z)] for a
// function f that can only be evaluated, by the score function of what a surrogate c leaves of it:
//     g = (f(z) - c(z)) d log q(z) + d c(z(eps)).
#pragma once

#include <functional>

#include "deep/core/tensor.h"

namespace vinci::deep {

/// Of each draw; their mean over n is the estimate.
struct LaxGradient {
  Tensor mean;       ///< [n, B, D]
  Tensor log_scale;  ///< [n, B, D]
  /// Mean square of the two, a scalar to be minimised over the surrogate's parameters.
  Tensor square;
};

/// q = N(mean, diag exp(log_scale)^2); mean, log_scale: [B, D]; eps: standard normal, [n, B, D].
/// Unbiased for every c that is differentiable: c: [n, B, D] -> [n, B]; f the same.
LaxGradient lax_gradient(const Tensor& mean, const Tensor& log_scale, const Tensor& eps,
                         const std::function<Tensor(const Tensor&)>& f,
                         const std::function<Tensor(const Tensor&)>& surrogate);

}  // namespace vinci::deep
